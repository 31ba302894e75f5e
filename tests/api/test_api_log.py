"""The log over REST: tiles, entries, proofs; for whom, under which headers, and that reading entries is logged."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts import first_account
from accounts.entities import NewEntity
from audit.events import LogHeartbeat
from audit.note import parse_checkpoint, parse_note
from audit.publish import Folder
from audit.tiles import ENTRIES, Tile, grown
from audit.tree import verify_consistency, verify_inclusion
from tests.support.app import ROLES, STRANGER, Office

BASE = "/api/v1/audit"


def fill(office: Office) -> int:
    """Some hundreds of entries, signed; tells how many."""
    for _ in range(6):
        office.runtime.log.record([LogHeartbeat(intake_high=n) for n in range(100)], at=office.runtime.clock.now())
    office.settle()
    return size_of(office)


def size_of(office: Office) -> int:
    return Folder(office.runtime.folder.log).size()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office.open(tmp_path_factory.mktemp("log") / "data")
    fill(office)
    yield office
    office.close()


@pytest.fixture(scope="module")
def open_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One whose hashes everybody may read."""
    office = Office.open(tmp_path_factory.mktemp("open") / "data", log_tiles_public=True)
    fill(office)
    yield office
    office.close()


def test_what_is_served_is_what_is_published(filled: Office) -> None:
    auditor, folder = filled.client("auditor"), Folder(filled.runtime.folder.log)
    checkpoint = auditor.get(f"{BASE}/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "no-store"
    for tile in grown(0, size_of(filled)):
        answer = auditor.get(f"{BASE}/{tile.path}")
        assert answer.status_code == 200, tile.path
        assert answer.content == folder.read(tile)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_entries_come_in_gzip_for_who_takes_it(filled: Office) -> None:
    auditor, path = filled.client("auditor"), f"{BASE}/{Tile(ENTRIES, 0).path}"
    packed = auditor.get(path, headers={"Accept-Encoding": "gzip"})
    plain = auditor.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    # The client unpacks what says so.
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


def test_reading_entries_is_in_the_log_before_they_are_sent_and_reading_hashes_is_not(filled: Office) -> None:
    before = filled.leaves()
    auditor = filled.client("auditor")
    auditor.get(f"{BASE}/tile/0/000")
    auditor.get(f"{BASE}/checkpoint")
    assert filled.leaves() == before
    answer = auditor.get(f"{BASE}/tile/entries/001")
    assert filled.actions_since(before) == ["audit.entries_read"]
    seq, _, leaf = answer.headers["muniment-receipt"].partition(":")
    assert int(seq) == before
    assert answer.headers["muniment-receipt-origin"] == filled.runtime.log.origin
    filled.settle()
    proof = auditor.get(f"{BASE}/proof/{seq}").json()
    root = parse_checkpoint(parse_note(proof["checkpoint"]).text).root
    hashes = [bytes.fromhex(each) for each in proof["hashes"]]
    assert verify_inclusion(bytes.fromhex(leaf), before, proof["size"], hashes, root)


def test_nothing_behind_the_checkpoint_is_served(filled: Office) -> None:
    auditor, size = filled.client("auditor"), size_of(filled)
    behind = filled.runtime.log.record([LogHeartbeat()], at=filled.runtime.clock.now())[0].seq
    assert behind >= size
    width = behind % 256 + 1
    for path in (
        f"tile/entries/{behind // 256:03d}.p/{width}",
        f"tile/0/{behind // 256:03d}.p/{width}",
        "tile/0/900",
        "tile/2/000.p/1",
        "tile/63/000",
    ):
        answer = auditor.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "audit_no_tile"), path
    assert auditor.get(f"{BASE}/proof/{behind}").status_code == 404
    assert auditor.get(f"{BASE}/consistency?from=1&to={behind + 1}").status_code == 404
    filled.settle()
    assert auditor.get(f"{BASE}/proof/{behind}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/0/000.p/256", "tile/00/000", "tile/0/x000/000", "tile/entries", "tile/-1/000", "tile/0/000/"],
)
def test_what_is_no_tile_is_not_found(filled: Office, path: str) -> None:
    answer = filled.client("auditor").get(f"{BASE}/{path}")
    assert answer.status_code == 404


def test_hashes_are_for_everybody_only_where_a_setting_says_so(filled: Office, open_log: Office) -> None:
    for path in ("checkpoint", "tile/0/000", "tile/1/000.p/2"):
        assert filled.client(STRANGER).get(f"{BASE}/{path}").status_code == 401
        assert filled.client("clerk").get(f"{BASE}/{path}").status_code == 403
        for name in (STRANGER, "clerk"):
            answer = open_log.client(name).get(f"{BASE}/{path}")
            assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    for name, (role, _) in ROLES.items():
        allowed = role in ("auditor", "dpo")
        answer = open_log.client(name).get(f"{BASE}/tile/entries/000")
        assert answer.status_code == (200 if allowed else 403), name
    for path in ("tile/entries/000", "proof/1", "consistency?from=1"):
        assert open_log.client(STRANGER).get(f"{BASE}/{path}").status_code == 401


def test_entries_are_for_those_who_oversee_every_legal_entity(tmp_path: Path) -> None:
    office = Office.open(tmp_path / "data")
    office.settle()
    assert office.client("auditor").get(f"{BASE}/tile/entries/000.p/3").status_code == 200
    run, boss = office.runtime, office.principal("boss")
    with run.main.write() as session:
        new = NewEntity(name="Südwind GmbH", jurisdiction="DE", zone="Europe/Berlin")
        now = run.clock.now()
        first_account.found_entity(session, new, by=boss, at=now)
    before = office.leaves()
    answer = office.client("auditor").get(f"{BASE}/tile/entries/000.p/3")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert "audit.entries_read" not in office.actions_since(before)
    assert office.client("auditor").get(f"{BASE}/tile/0/000.p/3").status_code == 200
    office.close()


def test_a_proof_is_text_for_who_asks_for_it(filled: Office) -> None:
    auditor = filled.client("auditor")
    told = auditor.get(f"{BASE}/proof/300").json()
    by_format = auditor.get(f"{BASE}/proof/300?format=tlog-proof")
    by_accept = auditor.get(f"{BASE}/proof/300", headers={"Accept": "text/plain"})
    as_json = auditor.get(f"{BASE}/proof/300?format=json", headers={"Accept": "text/plain"})
    assert as_json.json() == told
    assert by_format.text == by_accept.text
    assert by_format.headers["content-type"] == "text/plain; charset=utf-8"
    assert by_format.headers["content-disposition"] == 'attachment; filename="300.tlog-proof"'
    head, _, note = by_format.text.partition("\n\n")
    lines = head.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 300"]
    assert [base64.b64decode(each).hex() for each in lines[2:]] == told["hashes"]
    assert note == told["checkpoint"]


def test_consistency_is_shown_between_any_two_sizes_that_were_signed(filled: Office) -> None:
    auditor = filled.client("auditor")
    first = size_of(filled)
    earlier = auditor.get(f"{BASE}/checkpoint").text
    filled.runtime.log.record([LogHeartbeat()] * 3, at=filled.runtime.clock.now())
    filled.settle()
    told = auditor.get(f"{BASE}/consistency?from={first}").json()
    assert told["checkpoint_from"] == earlier
    one, other = (parse_checkpoint(parse_note(told[f"checkpoint_{end}"]).text) for end in ("from", "to"))
    assert (one.size, other.size) == (told["from"], told["to"]) == (first, size_of(filled))
    hashes = [bytes.fromhex(each) for each in told["hashes"]]
    assert verify_consistency(first, other.size, one.root, other.root, hashes)
    assert auditor.get(f"{BASE}/consistency?from={first}&to={first - 1}").status_code == 404
    assert auditor.get(f"{BASE}/consistency?from=0").status_code == 422
    assert auditor.get(f"{BASE}/consistency?from=1&to=2").json()["checkpoint_to"] is None


def test_the_bytes_of_an_entry_lead_to_the_root(filled: Office) -> None:
    bundle = filled.client("auditor").get(f"{BASE}/tile/entries/000").content
    entry = bundle[2 : 2 + int.from_bytes(bundle[:2], "big")]
    told = filled.client("auditor").get(f"{BASE}/proof/0").json()
    assert hashlib.sha256(b"\x00" + entry).hexdigest() == told["leaf_hash"]
    assert b'"log.started"' in entry
