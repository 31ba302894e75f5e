"""The dates of many records, reckoned in batches: the same as each record's own verdict, on both databases."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Table, delete, insert, select, update

from accounts.entities import LegalEntity
from app import date_jobs, schema, simulating
from app.runtime import Runtime
from audit.draft import Draft
from audit.intake import AuditIntake
from core.database import Database
from core.identifiers import new_id
from core.sqlite import SqliteDatabase
from records import file_plan
from records.case_file import TRIGGERS, TriggerFact
from records.record import FILED, NEEDS_REVIEW, Record
from retention import date_batch, dating, fact, packs
from retention.fact import StatedFact
from retention.record_date import RecordDate
from retention.record_facts import as_id
from retention.rule import OWN
from retention.schedule import RetentionRule, ScheduleRevision
from retention.simulation import Simulation, inputs_of
from tests.support import postgres

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ENTITY = UUID(int=7)
RECORDS = 1_500
OWN_RULES: dict[str, dict[str, Any]] = {
    "supplier_invoice": {"bound": "maximum", "period": "P1Y"},
    "annual_accounts": {"action": "permanent"},
    "bank_statement": {"bound": "guidance", "period": "PT72H", "anchor": "event_date", "valid_from": None},
    "commercial_letter": {"bound": "guidance", "period": "PT100000H", "anchor": "event_date", "valid_from": None},
}
"""Beside the packs': so that there are conflicts, what is kept for ever, and hours."""
FILES = [UUID(int=1_000 + number) for number in range(60)]


class Stand:
    """An entity under the rules of three countries, and records of every class with every kind of statement."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.runtime = cast(Runtime, SimpleNamespace(main=database, clock=SimpleNamespace(now=lambda: NOW)))
        self.choose = random.Random(5)
        self.drafts: list[UUID] = []
        with database.write() as session:
            session.add(
                LegalEntity(
                    id=ENTITY, name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin", fiscal_year_start="07-01",
                    holiday_calendar="DE", controller="own", added_at=NOW,
                )
            )  # fmt: skip
            session.flush()
            for country in ("DE", "RO", "ES"):
                for stated in packs.load(country).rules:
                    self._rule(session, stated.to_json())
            invoice = packs.load("DE").rules[0].to_json()
            for record_class, other in OWN_RULES.items():
                self._rule(session, invoice | {"code": f"own-{record_class}", "record_class": record_class} | other)
            session.add(ScheduleRevision(entity=ENTITY, number=1, day=NOW.date(), at=NOW, cause="published"))
        with database.write() as session:
            session.connection().execute(insert(table(TriggerFact)), [self._event(each) for each in FILES[:40] * 3])
            session.connection().execute(insert(table(Record)), [self._record(number) for number in range(RECORDS)])
        with database.write() as session:
            ids = list(session.scalars(select(Record.id)))
            holders = [("record", each) for each in self.choose.sample(ids, 300)]
            holders += [("case_file", each) for each in FILES[::2]] + [("entity", ENTITY)]
            session.connection().execute(insert(table(StatedFact)), self._statements(holders))

    def _rule(self, session: Any, content: dict[str, Any]) -> None:
        rule = new_id()
        longer = {**content, "period": "P11Y", "valid_from": None}
        for version, text, state in ((1, content, "published"), (2, longer, "draft")):
            row = RetentionRule(
                id=new_id(), rule=rule, version=version, entity=ENTITY, code=content["code"],
                jurisdiction=content["jurisdiction"], record_class=content["record_class"], content=text, state=state,
                drafted_at=NOW, in_force_on=NOW.date() if version == 1 else None,
            )  # fmt: skip
            session.add(row)
            if version == 2:
                self.drafts.append(row.id)

    def _day(self) -> date:
        return date(1950, 1, 1) + timedelta(days=self.choose.randrange(60_000))

    def _event(self, file: UUID) -> dict[str, Any]:
        return {
            "id": new_id(), "case_file": file, "trigger": self.choose.choice(TRIGGERS), "happened_on": self._day(),
            "recorded_by": None, "valid_from": NOW, "valid_to": self.choose.choice([None, None, None, NOW]),
        }  # fmt: skip

    def _record(self, number: int) -> dict[str, Any]:
        own, choose = new_id(), self.choose
        classes = [each.code for each in file_plan.load()]
        return {
            "id": own, "number": f"{number:09d}", "entity": ENTITY, "parent": None, "direction": None,
            "state": choose.choice([FILED, FILED, NEEDS_REVIEW]), "state_since": NOW,
            "record_class": choose.choice([None, "no_such_class", *classes, *classes]), "classified_by": "person",
            "probability": None, "confirmed": choose.random() < 0.6, "department": None,
            "case_file": choose.choice([None, *FILES]), "section": None, "access_set": 1, "language": "de",
            "document_date": self._day() if choose.random() < 0.8 else None, "total_minor": None, "currency": None,
            "channel": "api", "captured_by": None, "captured_at": NOW, "current_version": own, "revision": 1,
        }  # fmt: skip

    def _statements(self, holders: list[tuple[str, UUID]]) -> list[dict[str, Any]]:
        choose, rows = self.choose, []
        for holder, subject in holders:
            said: dict[str, str] = {}
            for each in fact.conditions():
                if each.of == holder and choose.random() < 0.7:
                    said[each.fact] = self._answer(each.value)
            if holder == "record":
                said[choose.choice((*OWN, *TRIGGERS))] = choose.choice(
                    [self._day().isoformat(), f"{self._day().isoformat()}T22:30:00+00:00"]
                )
            rows += [
                {
                    "id": new_id(), "entity": ENTITY, "holder": holder, "subject": subject, "name": name,
                    "value": value, "stated_by": None, "valid_from": NOW, "valid_to": None,
                }
                for name, value in said.items()
            ]  # fmt: skip
        return rows

    def _answer(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.choose.choice(["true", "false"])
        if isinstance(value, date):
            return self._day().isoformat()
        codes: list[str] = [value] if isinstance(value, str) else list(value)
        return self.choose.choice([*codes, "other"])

    def publish(self, drafts: list[UUID], number: int) -> None:
        """Other rules, as a publication leaves them."""
        with self.database.write() as session:
            for each in drafts:
                row = session.get_one(RetentionRule, each)
                row.state, row.in_force_on = "published", NOW.date()
            session.add(ScheduleRevision(entity=ENTITY, number=number, day=NOW.date(), at=NOW, cause="published"))

    def told(self) -> list[dict[str, Any]]:
        """The events that wait for the log; takes them away."""
        with self.database.write() as session:
            rows = session.scalars(select(AuditIntake.draft).order_by(AuditIntake.number)).all()
            session.execute(delete(AuditIntake))
        return [Draft.from_bytes(row).body for row in rows]

    def rows(self) -> dict[UUID, RecordDate]:
        """Every date as SQLAlchemy reads it."""
        with self.database.read() as session:
            return {row.record: row for row in session.scalars(select(RecordDate))}


def table(of: Any) -> Table:
    return cast(Table, of.__table__)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """For all tests of this file; each leaves it reckoned."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            database: Database = postgres.opened(stack.enter_context(postgres.fresh()), "main")
        else:
            embedded = SqliteDatabase(tmp_path_factory.mktemp("batch") / "main.db")
            with embedded.exclusive():
                schema.MAIN.create_all(embedded.engine)
            database = embedded
        stack.callback(database.close)
        made = Stand(database)
        date_jobs.date_entity(made.runtime, ENTITY)
        yield made


def assert_as_fresh(stand: Stand) -> None:
    """Every row is what the record's own verdict says, field by field."""
    written = stand.rows()
    with stand.database.read() as session:
        records = list(session.scalars(select(Record)))
        assert set(written) == {each.id for each in records}
        for each in records:
            verdict, facts, basis = dating.fresh(session, each.id, NOW)
            row, locked = written[each.id], None
            if each.confirmed and verdict.state == "dated" and verdict.winner and verdict.winner.bound == "minimum":
                locked = verdict.floor_through
            assert (
                row.entity, row.record_class, row.revision, row.state, row.retain_through, row.eligible_from,
                row.eligible_at, row.floor_through, row.ceiling_through, row.rule, row.action, tuple(row.missing),
                row.basis, row.lock_through,
            ) == (
                ENTITY, each.record_class, each.revision, verdict.state, verdict.retain_through, verdict.eligible_from,
                verdict.eligible_at, verdict.floor_through, verdict.ceiling_through,
                verdict.winner.id if verdict.winner else None, verdict.action, verdict.missing, basis, locked,
            ), facts  # fmt: skip


def test_every_row_is_what_the_record_s_own_verdict_says(stand: Stand) -> None:
    states = {row.state for row in stand.rows().values()}
    assert states == {"dated", "awaiting_trigger", "no_rule", "conflict", "permanent"}, "the archive is a varied one"
    assert any(row.eligible_at is not None for row in stand.rows().values()), "some periods are in hours"
    assert_as_fresh(stand)


def test_a_publication_writes_what_changed_and_tells_each_move_once(stand: Stand) -> None:
    stand.told()
    before = stand.rows()
    drafts = [stand.drafts.pop() for _ in range(len(stand.drafts) // 2)]
    simulated = _simulate(stand, drafts)
    stand.publish(drafts, 2)
    done = date_jobs.date_entity(stand.runtime, ENTITY)
    assert_as_fresh(stand)
    after = stand.rows()
    code = {each: str(row.retain_through or row.state) for each, row in after.items()}
    moved = {each: (str(before[each].retain_through or before[each].state), code[each]) for each in code}
    moved = {each: (old, new) for each, (old, new) in moved.items() if old != new}
    told: dict[UUID, tuple[str, str]] = {}
    for body in stand.told():
        assert (body["action"], body["d"]["cause"], body["d"]["schedule"]) == ("retention.date_changed", "schedule", 2)
        ids = [UUID(each["i"]) for each in body["objects"]]
        old, new = (body["d"][key] * (len(ids) // len(body["d"][key])) for key in ("before", "after"))
        rules = {after[each].rule for each in ids} - {None}
        assert {UUID(each) for each in body["d"].get("rules", ())} == rules
        assert told.keys().isdisjoint(ids)
        told |= dict(zip(ids, zip(old, new, strict=True), strict=True))
    assert told == moved
    assert done["moved"] == len(moved)
    assert len(moved) > 100
    same = {each for each in after if after[each].basis == before[each].basis}
    assert same, "some records are no business of the rules that changed"
    assert {after[each].schedule for each in same} == {1}, "and are not written"
    assert simulated >= len(moved), "a simulation counts another action, too"
    assert date_jobs.date_entity(stand.runtime, ENTITY) == {"looked_at": RECORDS}
    assert stand.told() == []


def _simulate(stand: Stand, drafts: list[UUID]) -> int:
    with stand.database.write() as session:
        row = Simulation(
            id=new_id(), entity=ENTITY, kind="rules", versions=sorted(each.hex for each in drafts), spec={},
            asked_at=NOW, inputs=bytes(32), schedule=1,
        )  # fmt: skip
        row.inputs, row.schedule = inputs_of(session, row, NOW)
        session.add(row)
    found = simulating.simulate(stand.runtime, row.id)
    stand.told()
    assert found.records == RECORDS
    assert sum(each["moved"] for each in found.by_class.values()) == found.moved
    return found.moved


def test_what_another_has_reckoned_meanwhile_stays(stand: Stand) -> None:
    with stand.database.write() as session:
        some = list(session.scalars(select(Record.id).where(Record.record_class == "supplier_invoice")))
        session.execute(update(Record).where(Record.id.in_(some)).values(document_date=date(2031, 5, 6), revision=2))
    with stand.database.read() as session:
        reckoner = dating.reckoner_of(session, ENTITY, NOW)
        rows = date_batch.next_of_entity(session, ENTITY, date_batch.FIRST)
        found = date_batch.due(session, rows, reckoner)
    assert {as_id(each.row) for each in found} == set(some)
    with stand.database.write() as session:
        session.execute(update(RecordDate).where(RecordDate.record == some[0]).values(computed_at=NOW + timedelta(1)))
        session.execute(delete(RecordDate).where(RecordDate.record == some[1]))
    with stand.database.write() as session:
        done = date_batch.write(session, found, number=reckoner.number, cause="record", at=NOW)
    assert done["overtaken"] == 2
    rows_now = stand.rows()
    assert some[1] not in rows_now
    assert rows_now[some[0]].revision == 1
    assert {rows_now[each].revision for each in some[2:]} == {2}
    date_jobs.date_entity(stand.runtime, ENTITY)
    assert_as_fresh(stand)


def test_a_record_that_has_gone_meanwhile_gets_no_date(stand: Stand) -> None:
    with stand.database.write() as session:
        gone = session.scalars(select(RecordDate.record).limit(1)).one()
        session.execute(delete(RecordDate).where(RecordDate.record == gone))
    with stand.database.read() as session:
        reckoner = dating.reckoner_of(session, ENTITY, NOW)
        found = date_batch.due(session, date_batch.next_of_entity(session, ENTITY, date_batch.FIRST), reckoner)
    assert len(found) == 1
    with stand.database.write() as session:
        row = session.get_one(Record, gone)
        values = {column.name: getattr(row, column.name) for column in table(Record).columns}
        session.execute(delete(Record).where(Record.id == gone))
    with stand.database.write() as session:
        assert date_batch.write(session, found, number=1, cause="record", at=NOW) == {"overtaken": 1}
        session.execute(insert(table(Record)), [values])
    date_jobs.date_entity(stand.runtime, ENTITY)
    assert_as_fresh(stand)
