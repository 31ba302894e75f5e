"""Kinds of work wait in queues of their own: who waits for one document does not wait behind hundreds."""

from app import handlers
from app.runner import Runner
from core import jobs
from ingest.receive import Pace
from records import record
from tests.support import documents_raw as raw
from tests.support.archive import Archive


def _waiting(archive: Archive) -> dict[str, int]:
    with archive.runtime.main.read() as session:
        return {queue: n for (queue, state), n in jobs.counts(session).items() if state == "ready"}


def test_the_first_files_of_a_person_are_urgent_and_the_rest_takes_its_turn(fresh_archive: Archive) -> None:
    for number in range(Pace.LIGHT + 3):
        fresh_archive.receive(f"Brief {number}".encode(), f"{number}.txt")
    waiting = _waiting(fresh_archive)
    assert waiting[record.INTERACTIVE] == Pace.LIGHT
    assert waiting[record.EXTRACTION] == 3


def test_what_must_be_read_from_images_goes_on_in_a_queue_of_its_own(fresh_archive: Archive) -> None:
    archive = fresh_archive
    row = archive.receive(raw.scanned_pdf("Rechnung Nummer 4711 ueber zwoelf Euro"), "scan.pdf")
    plain = archive.receive(b"Sehr geehrte Damen und Herren, anbei der Vertrag.", "brief.txt")
    readers = handlers.Readers(archive.runtime.settings)
    runner = Runner(archive.runtime, handlers.table(readers), "test")
    try:
        assert runner.run_all([record.INTERACTIVE]) == 2
        assert archive.get(plain.id).state != record.RECEIVED
        assert archive.get(row.id).state == record.RECEIVED
        assert _waiting(archive)[record.OCR] == 1
        assert runner.run_all([record.OCR]) == 1
    finally:
        readers.stop()
    archive.settle()
    assert archive.get(row.id).state != record.RECEIVED
    assert [item.record.id for item in archive.search("4711").items] == [row.id]
