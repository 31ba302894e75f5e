"""An auditor asks after a record that is no more: its number still leads to its trail, and to evidence of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import NotFound
from core.identifiers import show_record_number
from records import overseen
from records.oversight import Filter, Oversight
from tests.support.depot import CLASS, Depot
from tests.support.evidence import Seen, key_of, settle, verified


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def test_the_trail_of_a_destroyed_record_is_found_by_its_number_and_carried_away(depot: Depot, tmp_path: Path) -> None:
    [gone] = depot.file("invoice of long ago")
    number = show_record_number(depot.archive.get(gone).number)
    made = depot.propose()
    assert made is not None
    depot.decide(made, [gone])
    depot.approve(made, depot.submit(made))
    depot.carry_out()
    depot.archive.settle()
    depot.carry_out()
    settle(depot.archive)
    auditor, run = depot.by("auditor"), depot.run
    with run.main.read() as session:
        left = overseen.get(session, number, auditor)
        assert (left.id, left.record_class, left.is_destroyed) == (gone, CLASS, True)
        assert overseen.find(session, [gone], auditor) == {gone: left}
        for stranger in ("clerk", "outsider"):
            with pytest.raises(NotFound):
                overseen.get(session, number, depot.by(stranger))
    overseer = Oversight(run.main, run.log, run.clock)
    page = overseer.trail(Filter(record=number), by=auditor, request="req-trail")
    assert "record.destroyed" in {entry.action for entry in page.found.entries}
    assert overseer.who_saw(number, by=auditor, request="req-saw")[0].id == gone
    day = depot.today
    with pytest.raises(NotFound, match="not kept"):
        overseer.who_could_see(number, depot.archive.now, depot.archive.now, day, by=auditor, request="req-could")
    evidence = Seen(depot.archive, gone, gone, key_of(depot.archive))
    place = tmp_path / "evidence.zip"
    place.write_bytes(b"".join(evidence.export(record=number).pieces))
    code, report = verified(place, "--key", evidence.key)
    assert (code, report["faults"]) == (0, [])
