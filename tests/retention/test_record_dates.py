"""Dates of records on a real archive: where events come from, what moves a date, and what the log says of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from accounts.principal import NotAllowed
from app import date_jobs, simulating
from core import jobs
from core.errors import Invalid, NotFound
from core.jobs import Job
from records import case_file, placement
from records.object_lock import ObjectLock
from records.placement import Decision
from records.record import Record, Undated
from retention import awaiting, dating, fact, rule, schedule, simulation
from retention.awaiting import Statement, WrongRows
from retention.fact import InvalidFact, UnknownFact
from retention.period import Period
from retention.record_date import DatedSchedule, RecordDate, dates_of
from retention.simulation import NothingToSimulate, SimulationNeeded
from tests.support.archive import Archive


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    """An archive whose entity keeps by the German starter pack."""
    made = Archive.open(tmp_path)
    with made.runtime.main.write() as session:
        schedule.take_pack(session, made.entity, "DE", by=made.principal("boss"), at=made.now)
    yield made
    made.close()


def reckon(office: Archive) -> None:
    date_jobs.date_marked(office.runtime)
    date_jobs.ask_locks(office.runtime)


def dated(office: Archive, record_id: UUID) -> RecordDate:
    with office.runtime.main.read() as session:
        return dates_of(session, [record_id])[record_id]


def filed(office: Archive, record_class: str, document_date: date | None, **stated: Any) -> UUID:
    record = office.receive(
        uuid4().bytes, "schreiben.txt", record_class=record_class, document_date=document_date, **stated
    )
    office.settle_reading(record.id)
    decide(office, record.id, record_class=record_class)
    reckon(office)
    return record.id


def decide(office: Archive, record_id: UUID, **what: Any) -> None:
    with office.runtime.main.write() as session:
        placement.decide(session, record_id, Decision(**what), by=office.principal("clerk"), at=office.now)


def state(office: Archive, holder: Any, subject: UUID, name: str, value: str | None, by: str = "manager") -> bool:
    with office.runtime.main.write() as session:
        return fact.state(session, holder, subject, name, value, by=office.principal(by), at=office.now)


def trigger(office: Archive, file: UUID, name: str, day: date | None) -> None:
    with office.runtime.main.write() as session:
        case_file.state_trigger(session, file, name, day, by=office.principal("manager"), at=office.now)
    date_jobs.date_file(office.runtime, file)


def moves(office: Archive) -> list[dict[str, Any]]:
    office.index()
    return [dict(each.details) for each in office.events("retention.date_changed")]


def test_an_invoice_is_kept_to_the_end_of_the_eighth_year_and_the_log_says_so(office: Archive) -> None:
    invoice = filed(office, "supplier_invoice", date(2025, 3, 4))
    row = dated(office, invoice)
    assert (row.state, row.retain_through, row.eligible_from) == ("dated", date(2033, 12, 31), date(2034, 1, 1))
    with office.runtime.main.read() as session:
        verdict, facts, basis = dating.fresh(session, invoice, office.now)
    assert (verdict.retain_through, basis) == (row.retain_through, row.basis)
    assert verdict.winner is not None
    assert verdict.winner.id == row.rule
    assert facts.triggers["document_created"] == date(2025, 3, 4)


def test_without_an_event_there_is_no_date_and_never_the_day_of_upload(office: Archive) -> None:
    invoice = filed(office, "supplier_invoice", None)
    row = dated(office, invoice)
    assert (row.state, row.retain_through, row.missing) == ("awaiting_trigger", None, ["document_created"])


def test_a_class_that_only_a_machine_guessed_gives_no_date(office: Archive) -> None:
    record = office.receive(b"Rechnung", "rechnung.txt", document_date=date(2015, 1, 2))
    office.settle_reading(record.id, record_class="supplier_invoice", probability=0.6)
    reckon(office)
    row = dated(office, record.id)
    assert (row.state, row.missing) == ("awaiting_trigger", ["class_confirmed"])
    decide(office, record.id)
    reckon(office)
    assert dated(office, record.id).retain_through == date(2023, 12, 31)


def test_one_end_of_employment_dates_the_whole_file_and_a_rehire_takes_it_back(office: Archive) -> None:
    file = office.open_file("contract", "V-1")
    records = [filed(office, "contract", date(2020, 5, n), case_file="V-1") for n in (1, 2, 3)]
    assert {dated(office, each).state for each in records} == {"awaiting_trigger"}
    trigger(office, file, "contract_end", date(2026, 6, 30))
    assert {dated(office, each).retain_through for each in records} == {date(2029, 12, 31)}
    trigger(office, file, "contract_end", date(2027, 1, 1))
    assert {dated(office, each).retain_through for each in records} == {date(2030, 12, 31)}
    told = moves(office)[-1]
    assert (told["before"], told["after"], told["cause"]) == (["2029-12-31"], ["2030-12-31"], "trigger")
    trigger(office, file, "contract_end", None)
    assert {dated(office, each).state for each in records} == {"awaiting_trigger"}
    office.index()
    stated = [each.details for each in office.events("case_file.trigger_stated")]
    assert [(s.get("before"), s.get("after")) for s in stated] == [
        (None, "2026-06-30"), ("2026-06-30", "2027-01-01"), ("2027-01-01", None),
    ]  # fmt: skip


def test_a_trigger_in_the_future_dates_but_makes_nothing_eligible(office: Archive) -> None:
    file = office.open_file("contract", "V-2")
    record = filed(office, "contract", date(2020, 5, 1), case_file="V-2")
    ahead = office.today + timedelta(days=400)
    trigger(office, file, "contract_end", ahead)
    row = dated(office, record)
    assert row.eligible_from is not None
    assert row.eligible_from > ahead


def test_a_corrected_day_within_the_same_year_moves_no_date_and_makes_no_event(office: Archive) -> None:
    file = office.open_file("contract", "V-3")
    record = filed(office, "contract", date(2020, 5, 1), case_file="V-3")
    trigger(office, file, "contract_end", date(2026, 6, 30))
    before, told = dated(office, record), len(moves(office))
    trigger(office, file, "contract_end", date(2026, 7, 31))
    after = dated(office, record)
    assert after.retain_through == before.retain_through
    assert after.basis != before.basis
    assert len(moves(office)) == told


def test_what_a_record_states_itself_goes_before_its_file(office: Archive) -> None:
    file = office.open_file("contract", "V-4")
    record = filed(office, "contract", date(2020, 5, 1), case_file="V-4")
    trigger(office, file, "contract_end", date(2026, 6, 30))
    assert state(office, "record", record, "contract_end", "2024-02-29")
    assert not state(office, "record", record, "contract_end", " 2024-02-29 ")
    reckon(office)
    assert dated(office, record).retain_through == date(2027, 12, 31)
    assert state(office, "record", record, "contract_end", None)
    reckon(office)
    assert dated(office, record).retain_through == date(2029, 12, 31)


@pytest.mark.parametrize(
    ("holder", "name", "value", "error"),
    [
        pytest.param("record", "contract_end", "2026-02-30", InvalidFact, id="no such day"),
        pytest.param("record", "contract_end", "1.2.2026", InvalidFact, id="not ISO"),
        pytest.param("record", "contract_end", "1066-10-14", InvalidFact, id="before 1800"),
        pytest.param("record", "contract_end", "9999-12-31", InvalidFact, id="beyond 2300"),
        pytest.param("record", "recorded", "2026-11-22T10:00:00", InvalidFact, id="an instant without a zone"),
        pytest.param("record", "day_of_upload", "2026-11-22", UnknownFact, id="an event that is none"),
        pytest.param("entity", "sector", "pirates", InvalidFact, id="a code that is none"),
        pytest.param("record", "counterparty_is_consumer", "perhaps", InvalidFact, id="neither true nor false"),
    ],
)
def test_a_statement_that_is_none_changes_nothing(
    office: Archive, holder: Any, name: str, value: str, error: type[Exception]
) -> None:
    record = filed(office, "supplier_invoice", date(2025, 3, 4))
    with pytest.raises(error):
        state(office, holder, record if holder == "record" else office.entity, name, value)
    with office.runtime.main.read() as session:
        assert session.scalar(select(func.count()).select_from(fact.StatedFact)) == 0


@pytest.mark.parametrize("day", ["1965-07-01", "2150-02-28"])
def test_days_before_1970_and_after_2100_date_as_others_do(office: Archive, day: str) -> None:
    record = filed(office, "contract", date(1965, 1, 1))
    state(office, "record", record, "contract_end", day)
    reckon(office)
    assert dated(office, record).retain_through == date(int(day[:4]) + 3, 12, 31)


def test_only_who_states_events_states_them(office: Archive) -> None:
    record = filed(office, "supplier_invoice", date(2025, 3, 4))
    for name in ("clerk", "auditor", "dpo"):
        with pytest.raises((NotFound, NotAllowed)):
            state(office, "record", record, "last_entry", "2025-01-01", by=name)
    assert state(office, "record", record, "last_entry", "2025-01-01")


def test_a_publication_recomputes_every_record_once_and_again_changes_nothing(office: Archive) -> None:
    records = [filed(office, "supplier_invoice", date(2020 + n, 3, 4)) for n in range(3)]
    with office.runtime.main.write() as session:
        row = schedule.newest_of(session, office.entity)["de-invoice"]
        longer = replace(row.draft, period=row.draft.period.parse("P12Y"), valid_from=None)
        draft = schedule.draft(session, office.entity, longer, by=office.principal("manager"), at=office.now)
    with office.runtime.main.write() as session:
        officer = office.principal("officer")
        asked = simulation.ask(
            session, office.entity, "rules", versions=[draft.id], by=officer, at=office.now, with_job=False
        )
    found = simulating.simulate(office.runtime, asked.id)
    assert (found.records, found.moved, found.becoming, found.ceasing) == (3, 3, 0, 0)
    listed = b"".join(simulating.csv_of(office.runtime, asked, by=office.principal("manager"))).decode().splitlines()
    assert len(listed) == 4
    assert "2028-12-31,2032-12-31,no,no" in listed[1]
    with office.runtime.main.write() as session:
        schedule.publish(session, draft.id, by=office.principal("officer"), at=office.now)
        assert session.scalar(select(Job.id).where(Job.name == "retention.date", Job.subject == office.entity))
    first = date_jobs.date_entity(office.runtime, office.entity)
    assert first["moved"] == 3
    assert [dated(office, each).retain_through for each in records] == [date(2032 + n, 12, 31) for n in range(3)]
    again = date_jobs.date_entity(office.runtime, office.entity)
    assert again == {"looked_at": 3}
    with office.runtime.main.read() as session:
        assert session.get_one(DatedSchedule, office.entity).schedule == schedule.revision(session, office.entity)


def test_a_minimum_on_a_confirmed_class_asks_the_object_store_for_a_lock(office: Archive) -> None:
    invoice = filed(office, "supplier_invoice", date(2025, 3, 4))
    with office.runtime.main.read() as session:
        locks = session.scalars(select(ObjectLock).where(ObjectLock.record == invoice)).all()
        assert [(row.floor, row.retain_through) for row in locks] == [(True, date(2033, 12, 31))]
    decide(office, invoice, record_class="contract")
    reckon(office)
    with office.runtime.main.read() as session:
        locks = session.scalars(select(ObjectLock).where(ObjectLock.record == invoice)).all()
        assert [row.floor for row in locks] == [False]


def test_the_job_of_the_table_drains_the_marks(office: Archive) -> None:
    record = office.receive(b"x", "x.txt", record_class="supplier_invoice", document_date=date(2025, 1, 1))
    office.settle()
    with office.runtime.main.read() as session:
        assert session.scalar(select(func.count()).select_from(Undated)) == 0
        assert session.get(Record, record.id) is not None
    assert dated(office, record.id).retain_through == date(2033, 12, 31)


def test_one_run_settles_all_jobs_that_wait_for_the_same_and_a_later_change_has_its_own(office: Archive) -> None:
    record = office.receive(b"x", "x.txt", record_class="supplier_invoice", document_date=date(2025, 1, 1))
    office.settle_reading(record.id)
    with office.runtime.main.write() as session:
        # As several of them wait on PostgreSQL.
        for part in [part for part in "07fa" if part != record.id.hex[-1]][:3]:
            jobs.add(session, date_jobs.DATE, queue="maintenance", at=office.now, key=f"{date_jobs.DATE}/{part}")
        waits = select(Job.key).where(Job.name == date_jobs.DATE, Job.state == jobs.READY)
        before = set(session.scalars(waits))
    assert len(before & set(date_jobs.MARKED)) == 4
    date_jobs.date_marked(office.runtime)
    with office.runtime.main.read() as session:
        # Of the whole entity, since its schedule is new.
        assert set(session.scalars(waits)) == before - set(date_jobs.MARKED)
    decide(office, record.id, record_class="customer_invoice")
    with office.runtime.main.read() as session:
        assert len(set(session.scalars(waits)) & set(date_jobs.MARKED)) == 1


def test_a_simulation_is_stale_as_soon_as_the_schedule_or_the_draft_is_another(office: Archive) -> None:
    filed(office, "supplier_invoice", date(2020, 3, 4))
    with office.runtime.main.write() as session:
        manager, officer = office.principal("manager"), office.principal("officer")
        row = schedule.newest_of(session, office.entity)
        one = schedule.draft(
            session,
            office.entity,
            replace(row["de-invoice"].draft, period=Period.parse("P9Y")),
            by=manager,
            at=office.now,
        )
        other = schedule.draft(
            session,
            office.entity,
            replace(row["de-contract"].draft, period=Period.parse("P4Y")),
            by=manager,
            at=office.now,
        )
        with pytest.raises(SimulationNeeded):
            simulation.require_fresh(session, one.id, office.now)
        asked = [
            simulation.ask(
                session, office.entity, "rules", versions=[each.id], by=officer, at=office.now, with_job=False
            )
            for each in (one, other)
        ]
    for each in asked:
        simulating.simulate(office.runtime, each.id)
    with office.runtime.main.write() as session:
        assert simulation.require_fresh(session, one.id, office.now) == asked[0].id
        with pytest.raises(SimulationNeeded):
            simulation.require_fresh(session, [one.id, other.id], office.now)
        with pytest.raises(SimulationNeeded):
            simulation.require_fresh(session, one.id, office.now + timedelta(hours=25))
        schedule.publish(session, other.id, simulation=asked[1].id, by=officer, at=office.now)
        with pytest.raises(SimulationNeeded):
            simulation.require_fresh(session, one.id, office.now)


def test_a_simulated_change_of_class_writes_no_date(office: Archive) -> None:
    old = filed(office, "supplier_invoice", date(2016, 3, 4))
    letter = filed(office, "contract", date(2016, 3, 4))
    before = [dated(office, each).computed_at for each in (old, letter)]
    with office.runtime.main.write() as session:
        asked = simulation.ask(
            session, office.entity, "class", from_class="supplier_invoice", to_class="contract",
            by=office.principal("officer"), at=office.now, with_job=False,
        )  # fmt: skip
    found = simulating.simulate(office.runtime, asked.id)
    assert (found.records, found.moved, found.ceasing) == (2, 1, 1)
    assert found.by_year == {"awaiting_trigger": {"moved": 1, "ceasing": 1}}
    assert [dated(office, each).computed_at for each in (old, letter)] == before


@pytest.mark.parametrize(
    ("from_class", "to_class"),
    [("supplier_invoice", "supplier_invoice"), ("nonsense", "contract"), ("supplier_invoice", "nonsense")],
)
def test_a_change_of_class_that_is_none_is_not_simulated(office: Archive, from_class: str, to_class: str) -> None:
    with office.runtime.main.write() as session, pytest.raises(NothingToSimulate):
        simulation.ask(
            session, office.entity, "class", from_class=from_class, to_class=to_class, by=office.principal("officer"),
            at=office.now,
        )  # fmt: skip


def test_a_batch_of_events_is_entered_whole_or_not_at_all(office: Archive) -> None:
    files = [office.open_file("contract", f"V-{n}") for n in (1, 2)]
    good = [Statement("file", f"V-{n}", "contract_end", "2026-06-30") for n in (1, 2)]
    bad = [
        *good,
        Statement("file", "V-9", "contract_end", "2026-06-30"),
        Statement("file", "V-1", "contract_end", "2026-06-30"),
        Statement("file", "V-1", "full_moon", "2026-06-30"),
        Statement("file", "V-2", "case_closed", "30.6.2026"),
        Statement("drawer", "V-2", "case_closed", "2026-06-30"),
        Statement("record", "0000-0000", "last_entry", "2026-06-30"),
    ]
    with pytest.raises(WrongRows) as told, office.runtime.main.write() as session:
        awaiting.state_all(session, office.entity, bad, by=office.principal("manager"), at=office.now)
    assert [each.row for each in told.value.wrong] == [3, 4, 5, 6, 7, 8]
    with office.runtime.main.read() as session:
        assert [case_file.triggers_of(session, each) for each in files] == [{}, {}]
    with office.runtime.main.write() as session:
        assert awaiting.state_all(session, office.entity, good, by=office.principal("manager"), at=office.now) == 2
    with office.runtime.main.read() as session:
        assert [case_file.triggers_of(session, each) for each in files] == [{"contract_end": date(2026, 6, 30)}] * 2


def test_the_inbox_names_files_and_records_and_what_they_wait_for(office: Archive) -> None:
    file = office.open_file("contract", "V-1")
    inside = [filed(office, "contract", date(2020, 5, n), case_file="V-1") for n in (1, 2)]
    loose = filed(office, "supplier_invoice", None)
    with office.runtime.main.read() as session:
        manager = office.principal("manager")
        found = awaiting.files(session, by=manager, at=office.now)
        assert [(each.file and each.file.id, each.records, each.missing) for each in found] == [
            (file, 2, (("contract_end", 2),)),
            (None, 1, (("document_created", 1),)),
        ]
        assert {each.id for each in awaiting.records(session, by=manager)} == {*inside, loose}
        assert awaiting.records(session, by=office.principal("clerk")) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"file,V-1,contract_end,2026-06-30",
        b"holder,number,event,day\n",
        b"holder,number,event,day\nfile,V-1",
    ],
    ids=["empty", "not UTF-8", "no heading", "no row", "two columns"],
)
def test_a_csv_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        awaiting.parse_csv(data)


def test_a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read() -> None:
    data = "\ufeffholder;number;event;day\r\nfile;V-1;contract_end;2026-06-30\r\n;;;\r\n".encode()
    assert awaiting.parse_csv(data) == [Statement("file", "V-1", "contract_end", "2026-06-30")]


def test_no_event_is_both_a_document_s_own_and_a_file_s() -> None:
    assert len(rule.TRIGGERS) == len({*rule.OWN, *case_file.TRIGGERS}) == len(rule.OWN) + len(case_file.TRIGGERS)
