"""The keeper does at once what comes alone, and together what comes in numbers."""

import time
from pathlib import Path

from app import keeper
from tests.support.archive import Archive


def test_what_comes_right_after_other_work_waits_for_its_neighbours(tmp_path: Path):
    archive = Archive.open(tmp_path / "data")
    with archive.keeper() as kept:
        while kept.step():
            time.sleep(keeper.GATHER_SECONDS)
        archive.receive(b"the first")
        time.sleep(keeper.GATHER_SECONDS)
        begun = time.monotonic()
        assert kept.step()
        archive.receive(b"the second")
        archive.receive(b"the third")
        looked = kept.step()
        assert not looked or time.monotonic() - begun >= keeper.GATHER_SECONDS
        time.sleep(keeper.GATHER_SECONDS)
        assert looked or kept.step()
        assert len(archive.events("record.captured")) == 3
    archive.close()
