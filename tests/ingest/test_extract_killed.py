"""Extraction children that somebody kills, such as the system for want of memory: no document is blamed for one."""

import os
import signal
import threading
from contextlib import contextmanager

import pytest

from core.errors import Unavailable
from ingest.extractor import Extractor
from tests.support import documents_raw as raw

SCAN = raw.scanned_pdf(*(f"page {number} of a contract\nthat takes a while to read" for number in range(8)))


@contextmanager
def killing(extractor, most):
    """Kill each child of ``extractor`` as soon as it is ready, up to ``most`` of them; yields those killed so far."""
    killed, ended = [], threading.Event()

    def run():
        ready = extractor._child.in_force
        while not ended.wait(0.01) and len(killed) < most:
            if extractor._child.in_force is not ready:
                ready = extractor._child.in_force
                killed.append(extractor._child.pid)
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


def test_a_document_whose_child_is_killed_is_read_by_the_next_one():
    with Extractor() as extractor, killing(extractor, 1) as killed:
        found = extractor.extract([SCAN], name="a.pdf", keep_if_killed=False)
        assert (len(found.pages), found.trouble, len(killed)) == (8, None, 1)
        assert extractor._child.pid not in killed


def test_two_killed_children_put_the_document_off_and_the_next_one_is_read():
    with Extractor() as extractor:
        with killing(extractor, 2) as killed, pytest.raises(Unavailable):
            extractor.extract([SCAN], name="a.pdf", keep_if_killed=False)
        assert len(set(killed)) == 2
        assert extractor.extract([b"and on"], name="a").text == "and on"


def test_the_last_attempt_ends_with_what_is_known():
    with Extractor() as extractor, killing(extractor, 9) as killed:
        found = extractor.extract([SCAN], name="a.pdf", keep_if_killed=True)
        assert (found.trouble.code, len(killed)) == ("memory_limit", 2)
