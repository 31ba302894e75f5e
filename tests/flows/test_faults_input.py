"""Bad input: each file is kept, gets a state and a reason, and harms nothing that was there before."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from app import handlers
from core import jobs
from core.errors import Invalid, NotFound
from ingest.extraction import TROUBLES
from ingest.read import LostLease, read_version
from ingest.receive import ChooseDepartment, KeyReused, Metadata, TooLarge
from ingest.retry import ask_again, settle_failed
from records import record
from records.record import Record, RecordVersion
from search.find import FoundItem
from tests.support import documents_raw as raw
from tests.support.archive import Archive
from vault.directory import DirectoryStore
from vault.durable import StoreUnwritable

GOOD = raw.pdf("Ein guter Brief ueber Zwetschgen")
CASES: dict[str, tuple[bytes, str, str | None]] = {
    "empty file": (b"", "a.txt", "empty"),
    "truncated PDF": (GOOD[: len(GOOD) // 3], "a.pdf", "damaged"),
    "encrypted PDF": (raw.encrypted_pdf("secret", user_password="x"), "a.pdf", "encrypted"),
    "zip bomb": (raw.zip_bomb(), "a.zip", "expansion_too_large"),
    "image of 60,000 x 60,000": (raw.png_header(60_000, 60_000), "a.png", "image_too_large"),
    "XML with entities": (raw.billion_laughs(), "a.xml", "entities"),
    "random bytes": (bytes(range(256)) * 40, "a.bin", "unreadable_type"),
    "wrong extension": (GOOD, "a.docx", None),
    "no extension": (GOOD, "letter", None),
    "text in UTF-16": ("Zwetschgen für alle".encode("utf-16"), "a.txt", None),
}
NAMES = {
    "empty name": ("", "unnamed"),
    "300 characters": ("n" * 296 + ".txt", None),
    "path parts": ("../../../etc/passwd", "passwd"),
    "control characters": ("a\x00b\nc.txt", "a b c.txt"),
    "right-to-left override": ("letter\u202etxt.exe", "lettertxt.exe"),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, dict[str, Record]]]:
    archive = Archive.open(tmp_path_factory.mktemp("bad") / "data", largest_upload_bytes=2 * 1024**2)
    rows = {"before": archive.receive(GOOD, "good.pdf")}
    rows |= {case: archive.receive(data, name) for case, (data, name, _) in CASES.items()}
    rows |= {case: archive.receive(b"Guten Tag, liebe Leute", name) for case, (name, _) in NAMES.items()}
    rows["after"] = archive.receive(GOOD, "good.pdf")
    archive.settle()
    yield archive, rows
    archive.close()


def _version(archive: Archive, row: Record) -> RecordVersion:
    with archive.runtime.main.read() as session:
        return record.get_version(session, session.get_one(Record, row.id))


@pytest.mark.parametrize("case", CASES)
def test_bad_content_is_kept_with_its_reason(filled: tuple[Archive, dict[str, Record]], case: str):
    archive, rows = filled
    data, _, trouble = CASES[case]
    row, version = archive.get(rows[case].id), _version(archive, rows[case])
    assert version.trouble_code == trouble
    assert (row.state == "needs_attention") == (trouble is not None)
    if trouble is not None:
        assert trouble in TROUBLES
        assert version.trouble_detail
    opened = archive.runtime.content.open_original(row.id, by=archive.principal("clerk"), purpose="download")
    assert b"".join(opened.chunks) == data


@pytest.mark.parametrize("case", NAMES)
def test_odd_names_are_shown_safely(filled: tuple[Archive, dict[str, Record]], case: str):
    archive, rows = filled
    (shown,), _ = archive.runtime.content.reveal([rows[case].id], by=archive.principal("clerk"))
    expected = NAMES[case][1]
    assert shown.name == expected if expected else len(shown.name) == 255
    assert shown.title


def _found(archive: Archive, query: str) -> dict[object, FoundItem]:
    return {item.record.id: item for item in archive.search(query, limit=100).items}


def test_what_came_before_and_after_is_read_and_found(filled: tuple[Archive, dict[str, Record]]):
    archive, rows = filled
    found = _found(archive, "zwetschgen")
    assert {rows["before"].id, rows["after"].id, rows["wrong extension"].id, rows["text in UTF-16"].id} <= set(found)
    assert archive.search("").total >= len(rows)


def test_asking_again_reads_it_once_more_and_ends_the_same(filled: tuple[Archive, dict[str, Record]]):
    archive, rows = filled
    with archive.runtime.main.write() as session:
        ask_again(session, rows["encrypted PDF"].id, by=archive.principal("clerk"), at=archive.now)
    assert archive.get(rows["encrypted PDF"].id).state == "received"
    archive.settle()
    assert archive.get(rows["encrypted PDF"].id).state == "needs_attention"
    with archive.runtime.main.write() as session, pytest.raises(NotFound):
        ask_again(session, rows["encrypted PDF"].id, by=archive.principal("lawyer"), at=archive.now)


def _stored(archive: Archive) -> set[str]:
    return {listed.key for listed in archive.runtime.store.keys("originals/")}


def test_a_file_that_is_too_large_leaves_nothing(filled: tuple[Archive, dict[str, Record]]):
    archive, _ = filled
    before = _stored(archive)
    with pytest.raises(TooLarge):
        archive.receiver.receive(
            (b"x" * 65536 for _ in range(40)),
            name="big",
            metadata=Metadata(),
            channel="api",
            by=archive.principal("clerk"),
        )
    assert _stored(archive) == before
    assert not list(archive.runtime.folder.tmp.iterdir())


def test_a_sender_who_hangs_up_half_way_leaves_nothing(filled: tuple[Archive, dict[str, Record]]):
    archive, _ = filled
    before = _stored(archive)

    def breaking_off() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        archive.receiver.receive(
            breaking_off(), name="half", metadata=Metadata(), channel="api", by=archive.principal("clerk")
        )
    assert _stored(archive) == before
    assert not list(archive.runtime.folder.tmp.iterdir())


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        pytest.param(Metadata(record_class="nonsense"), NotFound, id="unknown class"),
        pytest.param(Metadata(record_class="accounting"), Invalid, id="heading"),
        pytest.param(Metadata(case_file="no such"), NotFound, id="unknown case file"),
    ],
)
def test_wrong_metadata_is_refused_before_a_byte_is_taken(filled, metadata, error):
    archive, _ = filled

    def untouched() -> Iterator[bytes]:
        pytest.fail("a byte was asked for")
        yield b""

    with pytest.raises(error):
        archive.receiver.receive(untouched(), name="x", metadata=metadata, channel="api", by=archive.principal("clerk"))


def test_who_works_in_several_departments_names_one(fresh_archive: Archive):
    archive = fresh_archive
    archive.add_person("both", archive.grant("staff", "legal"), archive.grant("staff", "accounting"))
    with pytest.raises(ChooseDepartment):
        archive.receive(by="both")
    assert (
        archive.receive(by="both", department=archive.departments["legal"]).department == archive.departments["legal"]
    )
    with pytest.raises(NotFound):
        archive.receive(by="both", department=archive.departments["hr"])


def test_an_upload_sent_twice_under_one_key_is_one_record(fresh_archive: Archive):
    archive = fresh_archive

    def send(data: bytes, *, by: str = "clerk"):
        return archive.receiver.receive(
            [data], name="x", metadata=Metadata(), channel="api", by=archive.principal(by), idempotency_key="k"
        )

    first, again = send(b"same"), send(b"same")
    assert (again.record.id, again.repeated, first.repeated) == (first.record.id, True, False)
    with pytest.raises(KeyReused):
        send(b"other")
    assert send(b"same", by="lawyer").record.id != first.record.id


def test_a_full_disk_refuses_and_harms_nothing(fresh_archive: Archive, monkeypatch: pytest.MonkeyPatch):
    archive = fresh_archive
    kept = archive.receive(GOOD, "good.pdf")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vault.behind.write_all", full)
    with pytest.raises(StoreUnwritable):
        archive.receive(GOOD)
    monkeypatch.undo()
    assert _stored(archive) == {_version(archive, kept).object_key}
    assert not list(archive.runtime.folder.tmp.iterdir())
    archive.settle()
    assert archive.get(kept.id).state != "received"


def test_an_original_damaged_on_disk_waits_for_attention_and_raises_when_opened(fresh_archive: Archive):
    archive = fresh_archive
    row = archive.receive(GOOD, "good.pdf")
    store = archive.runtime.store
    assert isinstance(store, DirectoryStore)
    path = archive.runtime.folder.objects / _version(archive, row).object_key
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    archive.settle()
    assert (archive.get(row.id).state, _version(archive, row).trouble_code) == ("needs_attention", "damaged")


def test_reading_that_is_given_up_is_shown_and_not_left_as_received(fresh_archive: Archive):
    archive = fresh_archive
    row, other = archive.receive(GOOD, "good.pdf"), archive.receive(GOOD, "other.pdf")
    with archive.runtime.main.write() as session:
        for claim in jobs.claim(session, queue="interactive", holder="x", at=archive.now, limit=1):
            jobs.fail(session, claim.id, holder="x", code="boom", at=archive.now, final=True)
    assert settle_failed(archive.runtime.content) == 1
    assert settle_failed(archive.runtime.content) == 0
    assert archive.get(row.id).state == "needs_attention"
    assert archive.get(other.id).state == "received"
    archive.settle()
    with archive.runtime.main.write() as session:
        ask_again(session, row.id, by=archive.principal("clerk"), at=archive.now)
    assert settle_failed(archive.runtime.content) == 0
    archive.settle()
    assert archive.get(row.id).state == "needs_review"
    assert _version(archive, row).trouble_code is None


def test_a_worker_that_lost_its_lease_makes_no_second_set_of_attachments(fresh_archive: Archive):
    archive, members = fresh_archive, {f"{n}.txt": f"Brief {n}".encode() for n in range(3)}
    row = archive.receive(raw.zip_of(members), "letters.zip")
    with archive.runtime.main.write() as session:
        (claim,) = jobs.claim(session, queue="interactive", holder="stopped", at=archive.now)
    with archive.runtime.main.write() as session:
        jobs.release_held_by(session, "stopped", at=archive.now)
    readers = handlers.Readers(archive.runtime.settings)
    run = archive.runtime
    with pytest.raises(LostLease), readers.taken() as extractor:
        read_version(run.content, run.receiver, extractor, claim, "stopped")
    readers.stop()

    def children() -> int:
        with run.main.read() as session:
            return session.scalar(select(func.count()).where(Record.parent == row.id)) or 0

    assert children() == 0
    archive.settle()
    assert children() == 3
