"""The extraction child gives way to the server, on kernels that group processes by session as well."""

import os
from pathlib import Path

import pytest

from ingest.extractor import Extractor

ENABLED = Path("/proc/sys/kernel/sched_autogroup_enabled")


@pytest.fixture
def child():
    with Extractor(niceness=15) as extractor:
        extractor.extract([b"A letter of three words."], name="letter.txt")
        yield extractor._child.pid


def test_the_child_is_nice(child):
    assert os.getpriority(os.PRIO_PROCESS, child) == 15


@pytest.mark.skipif(not ENABLED.exists(), reason="this kernel does not group processes by session")
def test_its_session_is_nice_as_well(child):
    told = Path(f"/proc/{child}/autogroup")
    assert not told.exists() or told.read_text().rstrip().endswith("nice 15")
