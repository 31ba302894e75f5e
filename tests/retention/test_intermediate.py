"""The intermediate archive: when a case file's active use has ended, its records close by themselves."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import retention_steps
from app.retention_jobs import Work
from records import case_file
from records.regime import ACTIVE, INTERMEDIATE
from retention import disposition_terms, intermediate, regime, run
from retention.disposition_terms import Terms
from retention.intermediate import closes_on
from tests.support.archive import Archive


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path)
    made.add_person("second_officer", made.grant("compliance_officer"))
    yield made
    made.close()


def terms(office: Archive, months: int | None) -> None:
    with office.runtime.main.write() as session:
        wanted = Terms(intermediate_months=months)
        disposition_terms.write(session, office.entity, wanted, by=office.people["officer"], at=office.now)


def filed(office: Archive, text: bytes = b"Der Zebrafink singt.") -> tuple[UUID, UUID]:
    """A case file, and a record in it."""
    file = office.open_file()
    record = office.receive(text, record_class="contract", case_file="C-1").id
    office.settle()
    assert office.get(record).case_file == file
    return file, record


def ended(office: Archive, file: UUID, days_ago: int | None, event: str = "contract_end") -> None:
    with office.runtime.main.write() as session:
        day = None if days_ago is None else office.today - timedelta(days=days_ago)
        case_file.state_trigger(session, file, event, day, by=office.principal("clerk"), at=office.now)


def night(office: Archive, *, dry: bool = False, doubt: str | None = None) -> Work:
    work = Work(how=run.NIGHT, dry=dry, doubt=doubt)
    retention_steps.close_what_ended(office.runtime, work)
    return work


@pytest.mark.parametrize(
    ("ended_on", "months", "day"),
    [
        pytest.param(date(2026, 3, 31), 0, date(2026, 4, 1), id="at once is the next day"),
        pytest.param(date(2026, 3, 31), 1, date(2026, 5, 1), id="April has no 31st"),
        pytest.param(date(2024, 2, 29), 12, date(2025, 3, 1), id="a year from 29 February"),
        pytest.param(date(9999, 12, 31), 1, None, id="beyond the calendar never"),
    ],
)
def test_the_day_on_which_records_close(ended_on: date, months: int, day: date | None) -> None:
    assert closes_on(ended_on, months) == day


@given(st.dates(max_value=date(2200, 1, 1)), st.integers(0, 600), st.integers(0, 600))
def test_more_months_never_close_sooner(ended_on: date, fewer: int, more: int) -> None:
    first, then = sorted((fewer, fewer + more))
    early, late = closes_on(ended_on, first), closes_on(ended_on, then)
    assert early is not None
    assert late is not None
    assert ended_on < early <= late


def test_its_records_close_once_the_contract_is_over_and_search_follows_at_once(office: Archive) -> None:
    terms(office, 0)
    file, record = filed(office)
    before = office.who_sees(record)
    assert night(office).counts == {}
    ended(office, file, 0)
    assert night(office).counts == {}, "the day of the event itself is a day of use"
    ended(office, file, 1)
    assert night(office, dry=True).counts == {"to_close": 1}
    assert office.get(record).regime == ACTIVE
    assert night(office).counts == {"closed": 1}
    assert office.get(record).regime == INTERMEDIATE
    assert office.search("zebrafink").total == 0, "before the index was told"
    assert before
    assert office.who_sees(record) == set()
    office.settle()
    [entry] = office.events("record.regime_changed")
    assert (entry.basis, entry.by.kind, entry.details["after"]) == (intermediate.BASIS, "system", INTERMEDIATE)
    assert night(office).counts == {}, "once"


def test_it_waits_for_its_months_and_for_the_last_of_several_ends(office: Archive) -> None:
    terms(office, 3)
    file, record = filed(office)
    ended(office, file, 200)
    ended(office, file, 5, "case_closed")
    assert night(office).counts == {}
    ended(office, file, None, "case_closed")
    assert night(office).counts == {"closed": 1}
    assert office.get(record).regime == INTERMEDIATE


def test_without_the_entitys_word_and_with_a_doubted_clock_nothing_closes(office: Archive) -> None:
    file, record = filed(office)
    ended(office, file, 4_000)
    assert night(office).counts == {}
    terms(office, 1)
    work = night(office, doubt="gap")
    assert (work.counts, work.skipped) == ({}, {"clock_in_doubt": 1})
    assert office.get(record).regime == ACTIVE


def test_what_two_persons_opened_again_stays_open(office: Archive) -> None:
    terms(office, 1)
    file, record = filed(office)
    ended(office, file, 100)
    night(office)
    run_ = office.runtime
    with run_.main.write() as session:
        by = office.principal("officer")
        asked = regime.change(session, record, ACTIVE, "The court asks", by=by, at=office.now, keys=run_.keys).id
    with run_.main.write() as session:
        regime.decide(session, asked, confirmed=True, by=office.principal("second_officer"), at=office.now)
    assert night(office).counts == {}
    assert office.get(record).regime == ACTIVE
    ended(office, file, None)
    assert night(office).counts == {}


def test_an_end_that_is_withdrawn_opens_nothing_by_itself(office: Archive) -> None:
    terms(office, 0)
    file, record = filed(office)
    ended(office, file, 10)
    night(office)
    ended(office, file, None)
    assert night(office).counts == {}
    assert office.get(record).regime == INTERMEDIATE


def test_more_than_one_transaction_takes_all_go(office: Archive) -> None:
    terms(office, 0)
    file = office.open_file()
    wanted = intermediate.AT_ONCE + 3
    for number in range(wanted):
        office.receive(f"Brief {number}".encode(), record_class="contract", case_file="C-1")
    ended(office, file, 2)
    assert night(office).counts == {"closed": wanted}
