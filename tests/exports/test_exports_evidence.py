"""What is in an export, who may have it, and that a stranger can check it with what comes along."""

import json
import re
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.principal import NotAllowed
from audit import trail
from audit.alias import forget_aliases
from audit.entries import AuditHead
from audit.events import LogHeartbeat
from core.errors import NotFound
from exports import index_page
from exports import scope as scopes
from exports.scope import NothingToExport, TooMuchToExport
from tests.support.archive import Archive
from tests.support.evidence import Seen, key_of, settle, verified

Exported = Callable[..., Path]
has_tools = all(shutil.which(name) for name in ("bash", "openssl", "jq", "basenc", "sha256sum"))


def manifest_of(place: Path) -> dict[str, Any]:
    with zipfile.ZipFile(place) as archive:
        found: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return found


def leaves_of(place: Path) -> dict[int, dict[str, Any]]:
    with zipfile.ZipFile(place) as archive:
        names = [name for name in archive.namelist() if name.startswith("leaves/")]
        return {int(Path(name).stem): json.loads(archive.read(name))["b"] for name in names}


SCOPES: dict[str, dict[str, str]] = {
    "all of the log": {"range": ".."},
    "a range": {"range": "5..9"},
    "a request": {"request": "req-1"},
    "a person": {"person": "clerk"},
}


@pytest.mark.parametrize("what", SCOPES)
def test_every_export_is_in_order_by_the_verifier_alone(seen: Seen, exported: Exported, what: str) -> None:
    place = exported(**SCOPES[what])
    code, report = verified(place, "--key", seen.key)
    assert code == 0, report
    assert report["faults"] == []


def test_the_trail_of_a_record_is_all_that_names_it_and_nothing_else(seen: Seen, exported: Exported) -> None:
    place = exported(record=str(seen.record))
    code, report = verified(place, "--key", seen.key)
    assert (code, report["faults"]) == (0, [])
    leaves = leaves_of(place)
    with seen.archive.runtime.log_database.read() as session:
        size = manifest_of(place)["size"]
        expected = {
            seq
            for seq in range(size)
            if seen.record in {thing.id for thing in trail.entry(session, seq).objects if thing.kind == "record"}
        }
    assert set(leaves) == expected
    assert len([leaf for leaf in leaves.values() if leaf["action"] == "record.downloaded"]) == 60
    with zipfile.ZipFile(place) as archive:
        assert not [name for name in archive.namelist() if name.startswith("tile/entries/")]
        assert {Path(name).stem for name in archive.namelist() if name.startswith("proofs/")} == set(map(str, leaves))


def test_the_list_names_every_file_and_what_was_asked_for(seen: Seen, exported: Exported) -> None:
    place = exported(range="5..9")
    manifest = manifest_of(place)
    with zipfile.ZipFile(place) as archive:
        assert set(manifest.pop("files")) == set(archive.namelist()) - {"manifest.json"}
        checkpoint = archive.read("checkpoint").decode()
    assert manifest.pop("made_us") > 0
    assert manifest == {
        "format": "muniment-evidence/1",
        "origin": checkpoint.split("\n")[0],
        "size": int(checkpoint.split("\n")[1]),
        "vkeys": [seen.key],
        "scope": {"kind": "range", "from": 5, "to": 10},
    }


def test_the_export_is_on_the_log_before_its_first_byte(seen: Seen) -> None:
    run = seen.archive.runtime

    def newest() -> trail.TrailEntry:
        with run.log_database.read() as session:
            head = session.get(AuditHead, 1)
            assert head is not None
            return trail.entry(session, head.size - 1)

    made = seen.export(record=str(seen.record), under="req-logged")
    entry = newest()
    assert (entry.action, entry.request) == ("log.exported", "req-logged")
    assert [(thing.kind, thing.id) for thing in entry.objects] == [("record", seen.record)]
    assert entry.details["scope"] == "record"
    assert entry.details["entries"] == made.scope.count
    assert entry.by.id == seen.archive.people["auditor"]
    next(made.pieces)


def test_of_a_person_come_changes_and_nothing_they_read(seen: Seen, exported: Exported) -> None:
    place = exported(person="clerk")
    leaves = leaves_of(place)
    actions = {leaf["action"] for leaf in leaves.values()}
    assert "record.captured" in actions
    assert not actions & {"record.downloaded", "record.opened", "record.searched", "record.listed"}
    scope = manifest_of(place)["scope"]
    assert scope["changes_only"] is True
    assert "clerk" not in json.dumps(scope)
    assert seen.archive.people["clerk"].hex not in place.read_bytes().hex()
    captured = [leaf for leaf in leaves.values() if leaf["action"] == "record.captured"]
    assert {leaf["actor"]["i"] for leaf in captured} <= set(scope["aliases"])


def test_a_person_whose_mapping_was_erased_is_somebody(seen: Seen) -> None:
    archive = seen.archive
    person = archive.add_person("leaver", archive.grant("staff", "accounting"))
    archive.receive(b"Bis bald", "bald.txt", by="leaver", record_class="letter")
    settle(archive)
    assert seen.export(person="leaver").scope.count > 0
    with archive.runtime.log_database.write() as session:
        forget_aliases(session, kind="person", subject=person)
    with pytest.raises(NothingToExport):
        seen.export(person="leaver")


def test_a_request_is_all_that_came_with_it(exported: Exported) -> None:
    leaves = leaves_of(exported(request="req-1"))
    assert len(leaves) >= 20
    assert {leaf["r"] for leaf in leaves.values()} == {"req-1"}


def test_what_was_typed_into_a_search_stays_closed_and_settings_are_opened(exported: Exported) -> None:
    with zipfile.ZipFile(exported(range="..")) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        opened = [json.loads(line) for line in archive.read("openings.jsonl").splitlines()]
    assert b"record.searched" in everything
    assert b"Zebrafink" not in everything
    assert {each["field"] for each in opened} == {"settings"}


@pytest.mark.parametrize("who", ["clerk", "officer", "boss", "manager"])
def test_who_does_not_oversee_exports_nothing(seen: Seen, who: str) -> None:
    with pytest.raises(NotAllowed):
        seen.export(by=who, record=str(seen.record))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"record": "7K2M-9QXT-4"}, id="no such record"),
        pytest.param({"person": "nobody"}, id="no such person"),
        pytest.param({"request": "never-sent"}, id="no such request"),
    ],
)
def test_what_is_not_there_is_not_exported(seen: Seen, wanted: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        seen.export(**wanted)


def test_more_entries_than_come_one_by_one_are_a_range(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "MOST_ENTRIES", 50)
    with pytest.raises(TooMuchToExport):
        seen.export(record=str(seen.record))
    assert seen.export(range="..").scope.count > 50


def test_the_page_of_an_export_is_self_contained_and_names_nobody(seen: Seen, exported: Exported) -> None:
    with zipfile.ZipFile(exported(record=str(seen.record))) as archive:
        page = archive.read("index.html").decode()
        names = set(archive.namelist())
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    linked = set(re.findall(r"href=['\"]([^'\"]+)['\"]", page))
    assert linked <= names
    assert {name for name in names if name.startswith("leaves/")} <= linked
    assert "person 3" in page
    for name, person in seen.archive.people.items():
        assert not re.search(rf">[^<]*\\b{name}\\b", page), name
        assert person.hex not in page
        assert str(person) not in page


def test_many_entries_are_not_all_listed_on_the_page() -> None:
    assert index_page.shown_of(range(2_000)) == tuple(range(2_000))
    shown = index_page.shown_of(range(1_000_000))
    assert len(shown) == 1_000
    assert (shown[0], shown[-1]) == (0, 999_999)


def commands() -> list[str]:
    """The indented blocks of the instructions, in their order, without the one that names placeholders."""
    text = (Path(scopes.__file__).parent / "instructions.txt").read_text("utf-8")
    by_hand = text.split("By hand\n-------")[1].split("What is what")[0]
    return [block for block in re.findall(r"(?:^(?:    .*)?\n)+", by_hand, re.MULTILINE) if block.strip()]


def by_hand(folder: Path) -> list[str]:
    """What the commands of the instructions print in that folder, line by line."""
    script = "\n".join(commands())
    done = subprocess.run(["bash"], input=script, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return [*done.stdout.splitlines(), *(line for line in done.stderr.splitlines() if "error" in line.lower())]


@pytest.mark.skipif(not has_tools, reason="needs bash, openssl, jq and GNU coreutils")
def test_the_instructions_work_as_they_stand(seen: Seen, exported: Exported, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported(range="..")) as archive:
        archive.extractall(tmp_path)
    said = by_hand(tmp_path)
    assert len(commands()) == 5
    assert [line for line in said if line == "OK"] == ["OK"] * 5, said
    assert not [line for line in said if "not what" in line or "FAILED" in line]


@pytest.mark.skipif(not has_tools, reason="needs bash, openssl, jq and GNU coreutils")
@pytest.mark.parametrize(
    ("file", "old", "new", "oks"),
    [
        pytest.param("leaves/{first}.json", b'"outcome":"done"', b'"outcome":"gone"', 3, id="an entry"),
        pytest.param("checkpoint", b"\n", b"x\n", 3, id="the origin in the checkpoint"),
    ],
)
def test_the_instructions_find_a_change(
    seen: Seen, exported: Exported, tmp_path: Path, file: str, old: bytes, new: bytes, oks: int
) -> None:
    with zipfile.ZipFile(exported(record=str(seen.record))) as archive:
        archive.extractall(tmp_path)
    first = sorted(path.stem for path in (tmp_path / "leaves").iterdir())[0]
    place = tmp_path / file.format(first=first)
    data = place.read_bytes()
    assert old in data
    place.write_bytes(data.replace(old, new, 1))
    assert by_hand(tmp_path).count("OK") == oks


def test_an_auditor_of_one_firm_gets_nothing_of_another(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "data")
    row = archive.receive(b"Guten Tag", record_class="letter")
    settle(archive)
    own = Seen(archive, row.id, row.id, key_of(archive))
    assert own.export(range="..").scope.count > 0
    archive.add_entity("Südwind AG")
    settle(archive)
    with pytest.raises(NotAllowed):
        own.export(range="..")
    assert own.export(record=str(row.id)).scope.count > 0
    archive.close()


@pytest.mark.slow
def test_a_long_log_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "data")
    other = Seen(archive, archive.entity, archive.entity, "")
    peaks, sizes = [], []
    for entries in (4_000, 40_000):
        for _ in range(entries // 500):
            archive.runtime.log.record([LogHeartbeat(intake_high=n) for n in range(500)], at=archive.now)
        settle(archive)
        made = other.export(range="..")
        tracemalloc.start()
        sizes.append(sum(map(len, made.pieces)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    archive.close()
    assert sizes[1] > 5 * sizes[0]
    assert peaks[1] < 1.5 * peaks[0] + 2_000_000, peaks
