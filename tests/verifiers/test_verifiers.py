"""Programs that we did not write accept the log as it is served, and refuse it after a change of one byte."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from verifier_tools import fsck, notecheck, python_with_aics

from accounts import tokens
from audit.events import LogHeartbeat
from audit.tiles import ENTRIES, grown
from tests.support.archive import Archive
from tests.support.server import MUNIMENT
from tests.support.serving import serving

pytestmark = pytest.mark.slow

BASE = "/api/v1/audit"
ENTRIES_MADE = 700
_SECONDS = 60
_REFUSED_SECONDS = 15
"""A sound log of this size takes a second; fsck never ends on a damaged bundle."""


@dataclass(frozen=True)
class Served:
    """A log as it was fetched over HTTP, and a server that goes on serving it."""

    url: str
    token: str
    folder: Path
    """The mirror: ``checkpoint``, ``tile/…``; the earlier checkpoint as ``earlier``."""
    vkey: str
    size: int

    def get(self, path: str, **headers: str) -> httpx.Response:
        """An answer for the auditor."""
        answer = httpx.get(self.url + path, headers={"Authorization": f"Bearer {self.token}"} | headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    archive = Archive.open(folder / "data")
    run, auditor = archive.runtime, archive.principal("auditor")
    archive.index()
    earlier = (folder / "data" / "log" / "checkpoint").read_text()
    for _ in range(ENTRIES_MADE // 100):
        run.log.record([LogHeartbeat(intake_high=number) for number in range(100)], at=archive.now)
    with run.main.write() as session:
        issued = tokens.create(session, ["audit"], by=auditor, at=archive.now, keys=run.keys)
    archive.index()
    archive.close()
    with serving(folder / "data", MUNIMENT_LOG_TILES_PUBLIC="1") as server:
        mirror = folder / "mirror"
        mirror.mkdir()
        (mirror / "earlier").write_text(earlier)
        # Reading entries adds to the log, so the checkpoint of the mirror is one of before.
        checkpoint = httpx.get(f"{server.url}{BASE}/checkpoint").text
        (mirror / "checkpoint").write_text(checkpoint)
        size = int(checkpoint.splitlines()[1])
        key = subprocess.run(
            [MUNIMENT, "--data", str(folder / "data"), "audit", "key"], capture_output=True, text=True, check=True
        ).stdout.strip()
        known = Served(server.url, issued.secret, mirror, key, size)
        for tile in grown(0, size):
            place = mirror / tile.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if tile.level == ENTRIES:
                place.write_bytes(known.get(f"{BASE}/{tile.path}").content)
            else:
                place.write_bytes(httpx.get(f"{server.url}{BASE}/{tile.path}").content)
        yield known


def _run(words: Sequence[str | Path], seconds: int = _SECONDS) -> str:
    """What a verifier has against what it read; empty where it accepts it. One that never ends refuses."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "never ends"
    # fsck ends with 0 whatever it found, and says so.
    return done.stderr if done.returncode or "fsck failed" in done.stderr else ""


def _fsck(url: str, vkey: str, tmp_path: Path, *more: str, seconds: int = _SECONDS) -> str:
    key = tmp_path / "log.pub"
    key.write_text(vkey)
    return _run([fsck(), "--ui=false", f"--storage_url={url}", f"--public_key={key}", *more], seconds)


def _by_fsck(folder: Path, vkey: str, tmp_path: Path, seconds: int) -> str:
    return _fsck(f"file://{folder}/", vkey, tmp_path, seconds=seconds)


def _by_sumdb(folder: Path, vkey: str, tmp_path: Path, seconds: int) -> str:
    return _run([notecheck(), "log", folder, vkey], seconds)


def _by_aics(folder: Path, vkey: str, tmp_path: Path, seconds: int) -> str:
    return _run([python_with_aics(), Path(__file__).with_name("aics_check.py"), "log", folder, vkey], seconds)


READERS = [
    pytest.param(_by_fsck, id="Tessera's fsck"),
    pytest.param(_by_sumdb, id="Go's sumdb"),
    pytest.param(_by_aics, id="aics-tlog"),
]
Reader = Callable[[Path, str, Path, int], str]


@pytest.mark.parametrize("read", READERS)
def test_a_log_as_served_is_accepted(served: Served, read: Reader, tmp_path: Path) -> None:
    assert served.size > ENTRIES_MADE
    assert read(served.folder, served.vkey, tmp_path, _SECONDS) == ""


def test_fsck_accepts_the_log_at_its_address(served: Served, tmp_path: Path) -> None:
    assert _fsck(f"{served.url}{BASE}/", served.vkey, tmp_path, f"--bearer_token={served.token}") == ""


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("tile/0/000", 100, id="a full tile on the left"),
        pytest.param("tile/1/000.p/2", 40, id="a tile above"),
        pytest.param("tile/entries/000", 3_000, id="a full bundle"),
        pytest.param("tile/entries/000", 1, id="the length of an entry"),
        pytest.param("checkpoint", -10, id="the signature"),
        pytest.param("checkpoint", 0, id="the origin"),
    ],
)
def test_a_log_with_one_changed_byte_is_refused(
    served: Served, read: Reader, path: str, place: int, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(served.folder, folder)
    data = bytearray((folder / path).read_bytes())
    data[place] ^= 1
    (folder / path).write_bytes(data)
    assert read(folder, served.vkey, tmp_path, _REFUSED_SECONDS) != ""


def _entry(served: Served, position: int) -> bytes:
    bundle = (served.folder / f"tile/entries/{position // 256:03d}").read_bytes()
    for _ in range(position % 256):
        bundle = bundle[2 + int.from_bytes(bundle[:2], "big") :]
    return bundle[2 : 2 + int.from_bytes(bundle[:2], "big")]


@pytest.mark.parametrize("position", [0, 255, 256, 300])
def test_proofs_are_accepted_and_refused_after_a_change(served: Served, position: int, tmp_path: Path) -> None:
    text = served.get(f"{BASE}/proof/{position}?format=tlog-proof").text
    assert served.get(f"{BASE}/proof/{position}", Accept="text/plain").text.splitlines()[:2] == text.splitlines()[:2]
    proof, entry = tmp_path / "a.tlog-proof", tmp_path / "entry"
    programs = [[notecheck()], [python_with_aics(), Path(__file__).with_name("aics_check.py")]]

    def verdicts(words: str, data: bytes) -> list[bool]:
        proof.write_text(words)
        entry.write_bytes(data)
        return [_run([*program, "proof", proof, entry, served.vkey]) == "" for program in programs]

    data = _entry(served, position)
    assert verdicts(text, data) == [True, True]
    assert verdicts(text, data[:-1] + b" ") == [False, False]
    assert verdicts(text.replace(f"index {position}", f"index {position + 1}"), data) == [False, False]
    lines = text.split("\n")
    altered = ("B" if lines[3][0] != "B" else "C") + lines[3][1:]
    assert verdicts("\n".join([*lines[:3], altered, *lines[4:]]), data) == [False, False]


def test_consistency_between_checkpoints_is_accepted_and_refused_after_a_change(served: Served) -> None:
    first = int((served.folder / "earlier").read_text().splitlines()[1])
    told = served.get(f"{BASE}/consistency?from={first}&to={served.size}").json()
    assert told["checkpoint_from"] == (served.folder / "earlier").read_text()
    words = [notecheck(), "consistency", served.folder / "earlier", served.folder / "checkpoint", served.vkey]
    assert _run([*words, *told["hashes"]]) == ""
    assert _run([*words, *told["hashes"][:-1]]) != ""
    altered = told["hashes"][0][:-1] + ("0" if told["hashes"][0][-1] != "0" else "1")
    assert _run([*words, altered, *told["hashes"][1:]]) != ""
