"""Extraction children are shared by the threads of a process."""

import threading
from collections.abc import Iterator

import pytest

from app.handlers import Readers
from app.settings import Settings
from ingest.extractor import ExtractionInterrupted


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(Settings())
    yield made
    made.stop()


def read_in_a_thread(readers: Readers, found: list[tuple[str, int | None]]) -> None:
    def run() -> None:
        with readers.taken() as extractor:
            text = extractor.extract([b"walnut bridge"], name="a.txt").pages[0].text
            found.append((text.strip(), extractor.child_id))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_one_child_reads_for_threads_that_come_one_after_the_other(readers: Readers) -> None:
    found: list[tuple[str, int | None]] = []
    read_in_a_thread(readers, found)
    read_in_a_thread(readers, found)
    assert [text for text, _ in found] == ["walnut bridge"] * 2
    # The kernel has not ended it with the first thread.
    assert found[0][1] is not None
    assert found[0][1] == found[1][1]


def test_two_documents_at_once_have_two_children_and_the_last_to_be_free_goes_on(readers: Readers) -> None:
    with readers.taken() as one:
        with readers.taken() as other:
            assert one is not other
        with readers.taken() as again:
            assert again is other


def test_what_is_taken_after_the_stop_reads_nothing(readers: Readers) -> None:
    readers.stop()
    with readers.taken() as extractor, pytest.raises(ExtractionInterrupted):
        extractor.extract([b"walnut"], name="a.txt")
