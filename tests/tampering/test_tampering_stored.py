"""What is changed in the database itself; and what no bytes of a log can show, with the anchor that shows it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_world import KEY, ORIGIN
from stolen import ALIAS, Stolen, cosigned, flip, listed, packed, policy, put, tampered_database, withdrawing
from test_tampering import AT, judged, kept, pinned

from audit.check import check
from audit.leaf import leaf_hash, splice
from audit.muniment_verify import Report
from core.sqlite import SqliteDatabase

pytestmark = pytest.mark.sqlite
DOCS = Path(__file__).parents[2] / "docs" / "audit.md"

# -- the database: found by ``muniment audit verify``, and by the verifier in what is published from it --

FLIP = (
    "UPDATE audit_leaves SET entry = CAST(replace(CAST(entry AS TEXT), '\"done\"', '\"failed\"') AS BLOB) WHERE seq = ?"
)
Statements = list[tuple[str, tuple[Any, ...]]]


def forged(log: Stolen) -> Statements:
    """Entry 650 changed, and every row behind it made to fit."""
    made = log.edited(650).rechained(650)
    return [
        (
            "UPDATE audit_leaves SET entry = ?, hash = ? WHERE seq = ?",
            (made.entries[at], leaf_hash(made.entries[at]), at),
        )
        for at in range(650, len(made.entries))
    ]


def cut(size: int) -> Statements:
    return [
        ("DELETE FROM audit_leaves WHERE seq >= ?", (size,)),
        ("DELETE FROM audit_trail WHERE seq >= ?", (size,)),
        ("UPDATE audit_head SET size = ?", (size,)),
    ]


def put_behind(log: Stolen) -> Statements:
    """Another entry in the place of 300."""
    value = json.loads(log.entries[299])
    body = json.dumps(value["b"], sort_keys=True, separators=(",", ":")).encode()
    entry = splice(body, sequence=300, appended_us=value["a"], previous=leaf_hash(log.entries[299]))
    return [("UPDATE audit_leaves SET entry = ?, hash = ? WHERE seq = 300", (entry, leaf_hash(entry)))]


STORED: list[Any] = [
    pytest.param(lambda _: [(FLIP, (300,))], (300, "altered"), (300, "altered"), id="an entry edited in its row"),
    pytest.param(
        lambda log: [
            (FLIP, (300,)),
            ("UPDATE audit_leaves SET hash = ? WHERE seq = 300", (leaf_hash(log.edited(300).entries[300]),)),
        ],
        (300, "altered"),
        (300, "altered"),
        id="an entry edited with its stored hash",
    ),
    pytest.param(
        lambda _: [("DELETE FROM audit_leaves WHERE seq = 300", ())],
        (300, "missing"),
        (300, "sequence"),
        id="a row deleted",
    ),
    pytest.param(
        lambda _: [
            ("UPDATE audit_leaves SET seq = 9999 WHERE seq = 300", ()),
            ("UPDATE audit_leaves SET seq = 300 WHERE seq = 301", ()),
            ("UPDATE audit_leaves SET seq = 301 WHERE seq = 9999", ()),
        ],
        (300, "sequence"),
        (300, "sequence"),
        id="two rows exchanged",
    ),
    pytest.param(put_behind, (300, "altered"), (300, "altered"), id="another event in a row"),
    pytest.param(forged, (601, "root"), (0, "root"), id="a tail rewritten with all that hangs on it"),
    pytest.param(lambda _: cut(650), (650, "truncated"), (650, "truncated"), id="a signed tail cut off"),
    pytest.param(
        lambda _: [("UPDATE audit_catalogues SET content = '[]'", ())],
        (0, "catalogue"),
        (0, "catalogue"),
        id="a stored catalogue altered",
    ),
]


@pytest.mark.parametrize(("statements", "stored", "published"), STORED)
def test_a_change_in_the_database_is_found_there_and_in_what_is_published_from_it(
    stolen: Stolen,
    tmp_path: Path,
    statements: Callable[[Stolen], Statements],
    stored: tuple[int, str],
    published: tuple[int, str],
) -> None:
    place = tampered_database(stolen, tmp_path / "data", statements(stolen))
    database = SqliteDatabase(place / "log.db")
    fault = check(database, origin=ORIGIN, vkey=str(KEY.verifier), file=place / "log" / "checkpoint").fault
    with database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT entry FROM audit_leaves ORDER BY seq").all()
        texts = session.connection().exec_driver_sql("SELECT digest, content FROM audit_catalogues").all()
    database.close()
    assert fault is not None
    assert (fault.position, fault.kind) == stored, fault.sentence
    names = {bytes(name).hex(): content if isinstance(content, bytes) else content.encode() for name, content in texts}
    again = replace(stolen.copy(), entries=[bytes(entry) for (entry,) in rows], catalogues=names)
    report = judged(pinned(again.publish(tmp_path / "log")))
    assert (report.faults[0].position, report.faults[0].kind) == published, report.words()


# -- what the log alone cannot show -----------------------------------------------------------------------


def rebuilt(log: Stolen) -> Stolen:
    return log.edited(300).rechained(300).signed()


def never_written(log: Stolen) -> Stolen:
    """A program that gave a receipt and left the entry out."""
    made = log.copy()
    del made.entries[690]
    value = [json.loads(entry) for entry in made.entries[690:]]
    previous = leaf_hash(made.entries[689])
    for at, item in enumerate(value, start=690):
        body = json.dumps(item["b"], sort_keys=True, separators=(",", ":")).encode()
        made.entries[at] = splice(body, sequence=at, appended_us=item["a"], previous=previous)
        previous = leaf_hash(made.entries[at])
    return made.signed(700)


def receipt(log: Stolen, seq: int) -> list[str]:
    return ["--receipt", f"{seq}:{leaf_hash(log.entries[seq]).hex()}"]


def held_checkpoint(log: Stolen, where: Path) -> list[str]:
    return ["--earlier", str(kept(log, where, 601))]


def held_export(log: Stolen, where: Path) -> list[str]:
    return ["--earlier", str(packed(log.export(where / "before"), where / "before.zip"))]


def held_policy(log: Stolen, where: Path) -> list[str]:
    put(where / "policy", policy())
    return ["--policy", str(where / "policy")]


Unseen = tuple[Callable[[Stolen], Stolen], Callable[[Stolen, Path], list[str]], int, str]
UNSEEN: dict[str, Unseen] = {
    "rebuilt and signed with the stolen key": (rebuilt, held_checkpoint, 0, "fork"),
    "rebuilt, against an export from before": (rebuilt, held_export, 300, "fork"),
    "rebuilt, against a receipt": (rebuilt, lambda log, _: receipt(log, 300), 300, "receipt"),
    "rebuilt, against the witnesses": (rebuilt, held_policy, 700, "quorum"),
    "cut short and signed anew": (
        lambda log: replace(log.signed(500), entries=log.entries[:500]),
        held_checkpoint,
        500,
        "truncated",
    ),
    "cut behind the last checkpoint": (
        lambda log: replace(log.copy(), entries=log.entries[:701]),
        lambda log, _: receipt(log, 703),
        703,
        "receipt",
    ),
    "rolled back to a backup": (
        lambda log: replace(log.copy(), notes={201: log.notes[201]}, entries=log.entries[:201]),
        held_checkpoint,
        201,
        "truncated",
    ),
    "two views of one log": (lambda log: log.edited(650).rechained(650).signed(), held_export, 650, "fork"),
    "left out at the moment of writing": (never_written, lambda log, _: receipt(log, 690), 690, "receipt"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_a_log_cannot_show_is_shown_by_what_was_kept_outside(stolen: Stolen, tmp_path: Path, name: str) -> None:
    act, hold, position, kind = UNSEEN[name]
    folder = act(stolen).publish(tmp_path / "log")
    alone = judged(pinned(folder))
    assert alone.faults == [], alone.words()
    report = judged([*pinned(folder), *hold(stolen, tmp_path)])
    assert (report.faults[0].position, report.faults[0].kind) == (position, kind), report.words()


def test_the_limits_name_each_of_these_cases() -> None:
    limits = DOCS.read_text("utf-8").partition("## Limits")[2]
    assert [name for name in UNSEEN if f"*{name}*" not in limits] == []


# -- remarks ----------------------------------------------------------------------------------------------


def remarks(report: Report, kind: str) -> list[int]:
    return [one.position for one in report.remarks if one.kind == kind]


def test_silenced_logging_is_remarked_where_it_began_to_speak_again(stolen: Stolen, tmp_path: Path) -> None:
    made = stolen.dated(451, 3_600_000_000).signed()
    report = judged(pinned(made.publish(tmp_path / "log")))
    assert (report.faults, remarks(report, "silence")) == ([], [451])


def test_a_key_that_was_declared_lost_leaves_the_pinned_key_s_word_unchecked(stolen: Stolen, tmp_path: Path) -> None:
    """Whoever has the database but not the key can say that the key was lost: then nobody vouches."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from stolen import checkpoint

    from audit.note import VerifierKey

    other = Ed25519PrivateKey.from_private_bytes(b"\x21" * 32)
    line = str(VerifierKey(ORIGIN, other.public_key().public_bytes_raw()))
    made = stolen.copy()
    body = json.loads(stolen.entries[700])["b"]
    body = {key: body[key] for key in ("id", "outcome", "t")} | {
        "action": "log.key_changed",
        "actor": {"k": "system", "n": "log"},
        "d": {"lost": True, "vkey": line},
    }
    data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    when = json.loads(stolen.entries[700])["a"]
    made.entries[700] = splice(data, sequence=700, appended_us=when, previous=leaf_hash(stolen.entries[699]))
    made.notes = {701: checkpoint(made.entries[:701], key=other)}
    report = judged(pinned(made.publish(tmp_path / "log")))
    assert (report.faults, report.exit_code, remarks(report, "key")) == ([], 3, [700])


@pytest.mark.parametrize(
    ("logged", "said", "done", "fault"),
    [
        pytest.param(((256, 512), {}), (256, 512), [1], None, id="as was logged"),
        pytest.param(((256, 512), {}), (256, 512), [], None, id="as was logged, and still there"),
        pytest.param(((256, 512), {}), (256, 512), [0, 1], (0, "missing"), id="more than was logged"),
        pytest.param(((256, 512), {}), (0, 512), [0, 1], (0, "missing"), id="another range than was logged"),
        pytest.param(((256, 512), {}), None, [1], (256, "missing"), id="without the list"),
        pytest.param(((0, 256), {}), (0, 256), [0], (0, "missing"), id="the beginning of the log"),
        pytest.param(((256, 300), {}), (256, 300), [1], (256, "missing"), id="half a bundle"),
        pytest.param(((256, 512), {"x": None}), (256, 512), [1], (256, "missing"), id="by one person"),
        pytest.param(((256, 512), {"x": ALIAS}), (256, 512), [1], (256, "missing"), id="by the same person twice"),
        pytest.param(
            ((256, 512), {"actor": {"k": "system", "n": "log"}}), (256, 512), [1], (256, "missing"), id="by nobody"
        ),
        pytest.param(((256, 512), {"outcome": "refused"}), (256, 512), [1], (256, "missing"), id="refused"),
        pytest.param(
            ((256, 512), {"action": "log.withdrawal_asked"}), (256, 512), [1], (256, "missing"), id="only asked for"
        ),
    ],
)
def test_entries_that_two_persons_withdrew_are_not_called_tampered_and_others_are(
    stolen: Stolen,
    tmp_path: Path,
    logged: tuple[tuple[int, int], dict[str, Any]],
    said: tuple[int, int] | None,
    done: list[int],
    fault: tuple[int, str] | None,
) -> None:
    (begin, end), other = logged
    folder = withdrawing(stolen, begin, end, **other).publish(tmp_path / "log")
    for number in done:
        (folder / f"tile/entries/{number:03}").unlink()
    if said is not None:
        put(folder / "withdrawn.json", json.dumps([{"from": said[0], "to": said[1], "event": 700}]).encode())
    report = judged(pinned(folder, "--earlier", kept(stolen, tmp_path, 301)))
    assert [(one.position, one.kind) for one in report.faults[:1]] == ([fault] if fault else []), report.words()
    if fault is None:
        assert (report.exit_code, remarks(report, "withdrawn")) == (0, [256] if done else [])


def test_a_withdrawal_that_somebody_without_the_log_s_key_wrote_is_found(stolen: Stolen, tmp_path: Path) -> None:
    """The entry that says so must lie under the signed root, as every other."""
    forged = withdrawing(stolen, 256, 512)
    folder = stolen.publish(tmp_path / "log")
    made = forged.publish(tmp_path / "forged")
    for path in ("tile/entries/002.p/189", "tile/0/002.p/189"):
        put(folder / path, (made / path).read_bytes())
    (folder / "tile/entries/001").unlink()
    put(folder / "withdrawn.json", b'[{"from":256,"to":512,"event":700}]')
    report = judged(pinned(folder))
    assert report.exit_code == 1, report.words()
    assert 700 in [one.position for one in report.faults] or any(one.kind == "root" for one in report.faults)


def test_a_tile_altered_where_entries_were_withdrawn_is_found(stolen: Stolen, tmp_path: Path) -> None:
    folder = withdrawing(stolen, 256, 512).publish(tmp_path / "log")
    (folder / "tile/entries/001").unlink()
    put(folder / "withdrawn.json", b'[{"from":256,"to":512,"event":700}]')
    tile = bytearray((folder / "tile/0/001").read_bytes())
    tile[44 * 32] ^= 1
    put(folder / "tile/0/001", bytes(tile))
    report = judged(pinned(folder))
    assert report.exit_code == 1
    assert report.faults[0].kind in ("tile", "root"), report.words()


# -- witnesses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed", "mine", "code", "said"),
    [
        pytest.param(
            [], False, 0, "the operator's own policy names 3 witnesses; none signed", id="none, its own policy"
        ),
        pytest.param([1], False, 0, "at most 1 of them signed any checkpoint given", id="one, its own policy"),
        pytest.param([0, 1], False, 0, None, id="enough, its own policy"),
        pytest.param([], True, 1, None, id="none, the auditor's policy"),
        pytest.param([1], True, 1, None, id="one, the auditor's policy"),
        pytest.param([0, 1], True, 0, None, id="enough, the auditor's policy"),
    ],
)
def test_what_an_operator_asks_of_itself_is_told_and_what_the_auditor_asks_must_hold(
    stolen: Stolen, tmp_path: Path, signed: list[int], mine: bool, code: int, said: str | None
) -> None:
    note = cosigned(stolen.note, by=signed, seconds=AT) if signed else stolen.note
    folder = replace(stolen.copy(), notes={**stolen.notes, 701: note}).export(tmp_path / "export")
    put(folder / "policy", policy())
    listed(folder)
    report = judged(pinned(folder, *(held_policy(stolen, tmp_path) if mine else ())))
    assert report.exit_code == code, report.words()
    assert [one.kind for one in report.faults] == (["quorum"] if code else [])
    told = [one.sentence for one in report.remarks if one.kind == "witnessed"]
    if said is not None:
        assert said in told[0]
    elif not mine or not code:
        assert not [one for one in told if "none signed" in one or "at most" in one]


# -- time stamps --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A time-stamping authority made of openssl, and a second one that nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tsa")
    for name in ("tsa", "other"):
        put(
            folder / f"{name}.cnf",
            f"[req]\ndistinguished_name=d\nx509_extensions=e\nprompt=no\n[d]\nCN={name}\n"
            "[e]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=critical,timeStamping\n[tsa]\ndefault_tsa=t\n"
            f"[t]\nserial=serial\nsigner_cert={name}.pem\nsigner_key={name}.key\nsigner_digest=sha256\n"
            "default_policy=1.2.3.4\ndigests=sha256\naccuracy=secs:1\ness_cert_id_alg=sha256\n".encode(),
        )
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-config", f"{name}.cnf",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    put(folder / "serial", b"01\n")
    return folder


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def stamped(folder: Path, note: str, name: str = "tsa") -> bytes:
    put(folder / "note", note.encode())
    openssl(folder, "ts", "-query", "-data", "note", "-sha256", "-cert", "-out", "query")
    openssl(folder, "ts", "-reply", "-config", f"{name}.cnf", "-queryfile", "query", "-out", "reply")
    return (folder / "reply").read_bytes()


@pytest.mark.parametrize(
    ("token", "found"),
    [
        pytest.param(lambda tsa, log: stamped(tsa, log.note), None, id="of this checkpoint"),
        pytest.param(lambda tsa, log: stamped(tsa, log.notes[601]), "timestamp", id="of another checkpoint"),
        pytest.param(lambda tsa, log: stamped(tsa, log.note, "other"), "timestamp", id="by another authority"),
        pytest.param(lambda tsa, log: stamped(tsa, log.note)[:-40] + bytes(40), "timestamp", id="altered"),
    ],
)
def test_a_time_stamp_counts_only_for_its_checkpoint_and_its_authority(
    stolen: Stolen, tmp_path: Path, authority: Path, token: Callable[[Path, Stolen], bytes], found: str | None
) -> None:
    note = cosigned(stolen.note, seconds=AT)
    folder = replace(stolen.copy(), notes={**stolen.notes, 701: note}).export(tmp_path / "export")
    put(folder / "timestamps/701.tsr", token(authority, stolen))
    listed(folder)
    report = judged(pinned(folder, "--ca", authority / "tsa.pem"))
    assert [(one.position, one.kind) for one in report.faults] == ([(700, found)] if found else []), report.words()
    if found is None:
        assert any(what == "time stamps" for what, _, _ in report.checked), report.words()


def test_entries_dated_behind_a_time_stamp_contradict_it(stolen: Stolen, tmp_path: Path, authority: Path) -> None:
    ahead = (datetime(2199, 1, 1, tzinfo=UTC) - datetime(2026, 3, 2, tzinfo=UTC)).days * 86_400_000_000
    made = stolen.dated(650, ahead).signed()
    folder = made.export(tmp_path / "export")
    put(folder / "timestamps/701.tsr", stamped(authority, made.note))
    listed(folder)
    report = judged(pinned(folder, "--ca", authority / "tsa.pem"))
    assert [(one.position, one.kind) for one in report.faults] == [(700, "clock")], report.words()


# -- by hand ------------------------------------------------------------------------------------------------


def by_hand(folder: Path, number: int) -> int:
    page = (DOCS.parent / "verify.md").read_text("utf-8").partition("## By hand")[2]
    commands = [part.partition("```")[0] for part in page.split("```sh\n")[1:]]
    assert len(commands) == 5
    return subprocess.run(["bash", "-euo", "pipefail", "-c", commands[number]], cwd=folder, check=False).returncode


@pytest.mark.parametrize(
    ("number", "spoil"),
    [
        pytest.param(0, ("leaves/300.json", 9), id="the list of files"),
        pytest.param(1, ("checkpoint", 40), id="the signature"),
        pytest.param(2, ("leaves/300.json", 9), id="the hash of an entry"),
        pytest.param(3, ("leaves/300.json", 9), id="a proof"),
        pytest.param(4, ("openings.jsonl", -4), id="an opened value"),
    ],
)
def test_the_commands_by_hand_accept_an_export_and_refuse_it_after_one_byte(
    stolen: Stolen, tmp_path: Path, number: int, spoil: tuple[str, int]
) -> None:
    for tool in ("jq", "openssl", "sha256sum", "bash"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    openings = [one for one in stolen.openings if one["seq"] == 300]
    folder = replace(stolen.copy(), openings=openings).export(tmp_path / "export")
    assert by_hand(folder, number) == 0
    flip(folder / spoil[0], spoil[1])
    assert by_hand(folder, number) != 0
