"""The verifier that is handed out: alone, on any machine, whatever verifies signatures there; and its page."""

import ast
import functools
import gzip
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_world import KEY, ORIGIN, Renamed, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from second_verifier import mth

from audit import muniment_verify
from audit.cosignature import WitnessKey
from audit.leaf import NotALeaf, leaf_hash, parse
from audit.policy import BadPolicy, parse_policy
from audit.tree import CompactRange

FILE = Path(muniment_verify.__file__)
DOCS = Path(__file__).parents[2] / "docs"
GOLDEN = Path(__file__).parents[1] / "golden" / "audit" / "log-1"


def run(*words: object, python: str = sys.executable, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The file as its own program, without this project on its path."""
    command = [python, "-I", str(FILE), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/", check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 601 entries as Muniment publishes it, with its catalogue and a checkpoint from before."""
    folder = tmp_path_factory.mktemp("published")
    world = World(folder).started()
    signer = world.signer()
    for number in range(12):
        world.clock.tick(seconds=10)
        world.record(49, purpose="audit")
        world.log.record([Renamed()], at=world.clock.now())
        if number in (3, 11):
            signer.sign_if_grown()
            shutil.copy(world.file, folder / f"kept-{number}")
    with world.logs.read() as session:
        for digest, content in session.connection().exec_driver_sql("SELECT digest, content FROM audit_catalogues"):
            (folder / "log/catalogues").mkdir(exist_ok=True)
            (folder / f"log/catalogues/{bytes(digest).hex()}.json").write_bytes(bytes(content))
    world.close()
    (folder / "key").write_text(str(KEY.verifier))
    return folder


def test_it_imports_nothing_but_the_standard_library() -> None:
    found = set()
    for node in ast.walk(ast.parse(FILE.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add((node.module or "").partition(".")[0])
    assert found <= sys.stdlib_module_names | {"cryptography"}


@pytest.mark.parametrize("way", ["cryptography", "openssl", "pure"])
def test_it_accepts_what_muniment_published_whatever_verifies_signatures(published: Path, way: str) -> None:
    if way == "openssl" and shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    words = (published / "log", "--key", published / "key", "--earlier", published / "kept-3", "--ed25519", way)
    code, told = run(*words, "--json")
    report = json.loads(told)
    assert (code, report["faults"], report["size"], report["origin"]) == (0, [], 601, ORIGIN)
    code, told = run(published / "log", "--key", published / "key", "--ed25519", way, "--fast")
    assert code == 0, told


def test_it_runs_without_the_package_and_without_openssl(published: Path) -> None:
    bare = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not bare.exists():
        pytest.skip("the bare interpreter is not where it is looked for")
    code, told = run(published / "log", "--key", published / "key", python=str(bare), env={"PATH": "/nonexistent"})
    assert code == 0, told


def test_many_processes_find_what_one_finds(tmp_path: Path) -> None:
    from benchmarks.verify_file import write

    _, key = write(tmp_path / "log", 20_000)
    bundle = tmp_path / "log/tile/entries/040.gz"
    content = gzip.decompress(bundle.read_bytes()).replace(b'"done"', b'"gone"', 1)
    bundle.write_bytes(gzip.compress(content))
    reports = []
    for jobs in (1, 3):
        code, told = run(tmp_path / "log", "--key", str(key), "--jobs", jobs, "--json")
        reports.append(json.loads(told)["faults"])
        assert code == 1
    assert reports[0] == reports[1]
    assert (reports[0][0]["position"], reports[0][0]["kind"]) == (10_240, "form")


@pytest.fixture
def served(published: Path) -> Iterator[str]:
    """The published folder behind a web server that knows nothing of logs but gzip."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self):  # type: ignore[no-untyped-def]
            if self.path.endswith("/secret"):
                self.send_error(403)
                return None
            place = Path(self.translate_path(self.path))
            if place.is_file() or not place.with_name(place.name + ".gz").is_file():
                return super().send_head()
            content = place.with_name(place.name + ".gz").read_bytes()
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None

        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(published))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_it_reads_a_log_from_the_web(published: Path, served: str) -> None:
    code, told = run(f"{served}/log", "--key", published / "key", "--json")
    report = json.loads(told)
    assert (code, report["faults"], report["size"]) == (0, [], 601)
    assert any(one["what"] == "entries" and one["count"] == 601 for one in report["checked"])


def test_a_receipt_is_held_against_the_log(published: Path) -> None:
    folder = published / "log"
    bundle = gzip.decompress((folder / "tile/entries/001.gz").read_bytes())
    entry = muniment_verify.cut(bundle)[0][44]
    good = f"300:{leaf_hash(entry).hex()}"
    assert run(folder, "--key", published / "key", "--receipt", good)[0] == 0
    code, told = run(folder, "--key", published / "key", "--receipt", f"{good}, 301:{leaf_hash(entry).hex()}")
    assert (code, "position 301: receipt" in told) == (1, True), told


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["{log}"], 0, id="nothing asked for but the log"),
        pytest.param(["{log}", "--key", "{key}x"], 2, id="no such key file"),
        pytest.param(["{log}", "--receipt", "12"], 2, id="half a receipt"),
        pytest.param(["{log}", "--policy", "{key}"], 2, id="no policy"),
        pytest.param(["{log}", "--earlier", "{key}"], 2, id="no checkpoint"),
        pytest.param(["{log}", "--ca", "{kept}"], 3, id="a time stamp asked for where there is none"),
        pytest.param(["{log}", "--key", "{kept}"], 2, id="a key that is none"),
        pytest.param(["{log}/nothing"], 4, id="no such source"),
        pytest.param(["{key}"], 4, id="no log"),
        pytest.param(["--what"], 2, id="an option that there is not"),
    ],
)
def test_the_exit_code_says_how_it_went(published: Path, words: list[str], code: int) -> None:
    names = {"log": str(published / "log"), "key": str(published / "key"), "kept": str(published / "kept-3")}
    found, told = run(*(word.format(**names) for word in words))
    assert found == code, told


def test_another_log_s_key_was_never_in_force(published: Path) -> None:
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key = muniment_verify.Key(ORIGIN, muniment_verify.ED25519, stranger)
    code, told = run(published / "log", "--key", str(key), "--json")
    assert (code, json.loads(told)["faults"][0]["kind"]) == (1, "key")


# -- its parts, against other people's and Muniment's own -------------------------------------------------


def test_the_three_ways_agree_on_signatures_and_on_what_is_none() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, message = private.public_key().public_bytes_raw(), b"a message"
    good = private.sign(message)
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    cases = [
        (public, message, good, True),
        (public, b"another", good, False),
        (public, message, good[:-1] + bytes([good[-1] ^ 1]), False),
        (public, message, malleable, False),
        (public, message, bytes(64), False),
        (b"\xff" * 32, message, good, False),
    ]
    ways = dict(muniment_verify._WAYS)
    if shutil.which("openssl") is None:
        del ways["openssl"]
    for name, way in ways.items():
        for key, text, signature, expected in cases:
            assert way(key, text, signature) is expected, (name, text)


@given(st.binary(max_size=60), st.binary(min_size=32, max_size=32))
@settings(max_examples=15, deadline=None)
def test_the_pure_way_accepts_what_a_library_signed(message: bytes, seed: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    assert muniment_verify._verified_here(public, message, private.sign(message))
    assert not muniment_verify._verified_here(public, message + b"x", private.sign(message))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 1000, 65_536, 65_793])
def test_the_root_from_subtrees_is_that_of_the_definition(size: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    nodes: list[tuple[int, bytes]] = []
    for level in range(2, -1, -1):
        end, width = size >> 8 * level, 256**level
        for index in range(end >> 8 << 8, end):
            nodes.append((8 * level, mth(leaves[index * width : (index + 1) * width])))
    assert muniment_verify.fold(nodes) == mth(leaves)


def test_paths_of_tiles_are_those_of_the_specification() -> None:
    assert muniment_verify.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert muniment_verify.tile_path("entries", 273, 112) == "tile/entries/273.p/112"
    assert muniment_verify.tile_of("tile/0/x001/x234/067") == ("0", 1_234_067, 256)
    assert muniment_verify.tile_of("tile/0/x000/067") is None


def golden() -> list[bytes]:
    return muniment_verify.cut((GOLDEN / "entries.bin").read_bytes())[0]


@given(st.integers(0, 21), st.integers(0, 10_000), st.binary(min_size=0, max_size=3))
@settings(max_examples=300, deadline=None)
def test_it_takes_for_an_entry_what_muniment_takes_for_one(number: int, place: int, what: bytes) -> None:
    entry = golden()[number]
    at = place % len(entry)
    changed = entry[:at] + what + entry[at + 1 :]
    try:
        parse(changed)
        ours = True
    except NotALeaf:
        ours = False
    try:
        muniment_verify.parse_entry(changed)
        theirs = True
    except muniment_verify.NotReadable:
        theirs = False
    assert ours is theirs
    together = muniment_verify.parse_entries([entry, changed, entry])
    assert [isinstance(one, dict) for one in together] == [True, ours, True]


def test_the_golden_log_is_accepted_entry_by_entry_and_its_roots_are_those_signed() -> None:
    entries = golden()
    assert all(isinstance(one, dict) for one in muniment_verify.parse_entries(entries))
    tree, roots = CompactRange(), {}
    for entry in entries:
        tree.append(muniment_verify.leaf_hash(entry))
        roots[tree.size] = tree.root()
    for file in GOLDEN.glob("checkpoint-*.note"):
        note = muniment_verify.parse_note(file.read_bytes())
        assert note.root == roots[note.size]


@pytest.mark.parametrize(
    "two",
    [
        pytest.param((b'{"a":1', b',"b":2}'), id="an object over two entries"),
        pytest.param((b'{"a":[{}', b"{}]}"), id="a list over two entries"),
        pytest.param((b"{},{}", b""), id="two in one and none in the next"),
    ],
)
def test_no_entry_reaches_into_the_next(two: tuple[bytes, bytes]) -> None:
    assert [isinstance(one, str) for one in muniment_verify.parse_entries(two)] == [True, True]


@given(st.binary(max_size=300))
def test_any_bytes_are_no_note_proof_or_policy_and_nothing_worse(data: bytes) -> None:
    for reader in (muniment_verify.parse_note, muniment_verify.parse_proof, muniment_verify.parse_policy):
        with pytest.raises(muniment_verify.NotReadable):
            reader(data)


@given(st.binary(max_size=600))
def test_any_bytes_are_cut_into_entries_that_make_them_up(data: bytes) -> None:
    entries, whole = muniment_verify.cut(data)
    again = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    assert data.startswith(again)
    assert whole is (again == data)


def test_unpacking_stops_at_its_limit() -> None:
    packed = gzip.compress(bytes(1_000_000))
    assert muniment_verify._inflated(packed, 1_000_000) == bytes(1_000_000)
    for data in (packed[:-9], b"no gzip", zlib.compress(b"other")):
        with pytest.raises(muniment_verify.NotReadable):
            muniment_verify._inflated(data, 1_000_000)
    with pytest.raises(muniment_verify.NotReadable):
        muniment_verify._inflated(packed, 999_999)


# -- its documentation ------------------------------------------------------------------------------------


def test_every_kind_option_and_exit_code_is_documented() -> None:
    page = (DOCS / "verify.md").read_text("utf-8")
    assert [kind for kind, text in muniment_verify.KINDS.items() if f"| `{kind}` | {text} |" not in page] == []
    every = [text for action in muniment_verify.parser()._actions for text in action.option_strings]
    options = [text for text in every if text.startswith("--")]
    assert [option for option in options if option != "--help" and f"`{option}" not in page] == []
    codes = re.findall(r"^    (\d)  ", muniment_verify.__doc__ or "", re.MULTILINE)
    assert codes == re.findall(r"^\| (\d) \|", page, re.MULTILINE) == ["0", "1", "2", "3", "4"]


# -- policies, against the program's own reading of them ----------------------------------------------------

WITNESSES = [WitnessKey(f"w.example/{n}", bytes([n]) * 32) for n in range(1, 4)]
LINES = st.sampled_from(
    [
        f"log {KEY.verifier}",
        f"log {KEY.verifier} https://x.example",
        "quorum none",
        "quorum a",
        "quorum g",
        "# said",
        "",
    ]
    + [f"witness {name} {key}" for name, key in zip("abc", WITNESSES, strict=True)]
    + ["witness\ta " + str(WITNESSES[1]), f"witness none {WITNESSES[0]}", f"witness d {KEY.verifier}", "log x"]
    + ["group g 2 a b c", "group g any a b", "group g all a b", "group g 3 a b", "group g 0 a", "group g 1 g"]
    + ["group h 1 g c", "quorum h", "quorum", "group g 01 a", "group g any", "whatever", "group g 1 a a"]
)


@given(st.lists(LINES, max_size=9), st.sets(st.sampled_from([0, 1, 2])))
@settings(max_examples=400, deadline=None)
def test_a_policy_means_the_same_to_the_verifier_and_to_the_program(lines: list[str], signed: set[int]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    try:
        ours = parse_policy(data)
    except BadPolicy:
        with pytest.raises(muniment_verify.NotReadable):
            muniment_verify.parse_policy(data)
        return
    theirs = muniment_verify.parse_policy(data)
    by = {str(WITNESSES[number]) for number in signed}
    names = frozenset(name for name, key in theirs.witnesses.items() if str(key) in by)
    assert theirs.met(theirs.quorum, names) == ours.is_met([WITNESSES[number] for number in signed])
