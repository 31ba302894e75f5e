"""Reckoning every retention date of a million records after a rule has changed, and simulating that change before.

Records of eight classes and ten years lie in 20,000 case files, a tenth of which have ended; by the new rules the
date of every dated record moves, so that every row is written, with its events. Flat memory is told as the growth of
this process. The baseline reads the same columns and writes the same columns of the same rows by the driver alone,
and reckons nothing.

Filling takes longer than measuring: ``python -m benchmarks.retention_dates fill FOLDER`` lays the SQLite database down
once, and ``… measure FOLDER`` measures on it, as often as wanted on copies of the folder.
"""

import itertools
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import psycopg
from sqlalchemy import Table, insert

from accounts.entities import LegalEntity
from app import date_jobs, schema, simulating
from app.runtime import Runtime
from benchmarks.figures import Figure, table
from core.clock import SystemClock
from core.database import Database, WriteSession
from core.identifiers import new_id
from core.sqlite import SqliteDatabase
from records.case_file import TriggerFact
from records.record import Record
from retention import packs
from retention.schedule import RetentionRule, ScheduleRevision
from retention.simulation import Simulation, inputs_of
from tests.support import postgres

_NUMBERS, _CHANCE = itertools.count(), random.Random(7)  # noqa: S311
T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
FILES = 20_000
CLASSES = (
    "supplier_invoice", "customer_invoice", "bank_statement", "contract", "commercial_letter", "payslip",
    "working_time_record", "annual_accounts",
)  # fmt: skip
SECONDS = 60.0
MAIN, KNOWN = "main.db", "known.json"


def run(*, quick: bool) -> list[Figure]:
    """On SQLite and on PostgreSQL; ``quick`` with 20,000 records instead of a million."""
    size = 20_000 if quick else 1_000_000
    figures = []
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), size)
        figures += measure(Path(name))
    with ExitStack() as stack:
        urls = stack.enter_context(postgres.fresh())
        on_server = postgres.opened(urls, "main")
        found = _measure("PostgreSQL", on_server, size, *_fill(on_server, size))
        on_server.close()
        found[0] = _beside(found[0], _bare_postgresql(urls.app))
        figures += found
    return figures


def fill(place: Path, size: int) -> None:
    """Lay the SQLite database down in ``place``, and what measuring needs to know beside it."""
    database = SqliteDatabase(place / MAIN)
    with database.exclusive():
        schema.MAIN.create_all(database.engine)
    entity, drafts = _fill(database, size)
    database.close()
    known = {"size": size, "entity": entity.hex, "drafts": [each.hex for each in drafts]}
    (place / KNOWN).write_text(json.dumps(known), "utf-8")


def measure(place: Path) -> list[Figure]:
    """The figures on the SQLite database that ``fill`` left; its dates are other ones afterwards."""
    known = json.loads((place / KNOWN).read_text("utf-8"))
    database = SqliteDatabase(place / MAIN)
    drafts = [UUID(each) for each in known["drafts"]]
    figures = _measure("SQLite", database, known["size"], UUID(known["entity"]), drafts)
    database.close()
    figures[0] = _beside(figures[0], _bare_sqlite(place / MAIN))
    return figures


def _measure(name: str, database: Database, size: int, entity: UUID, drafts: list[UUID]) -> list[Figure]:
    runtime = cast(Runtime, SimpleNamespace(main=database, clock=SystemClock()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = _simulation(database, entity, drafts)
    begun = time.perf_counter()
    result = simulating.simulate(runtime, row)
    simulated = time.perf_counter() - begun
    assert result.records == size
    publish(database, entity, drafts)
    begun = time.perf_counter()
    done = date_jobs.date_entity(runtime, entity)
    reckoned = time.perf_counter() - begun
    assert done["moved"] == result.moved
    begun = time.perf_counter()
    assert date_jobs.date_entity(runtime, entity) == {"looked_at": size}
    again = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # A small archive is reckoned anew for nearly every record, a large one seldom: no target follows from it.
    most = SECONDS if size >= 1_000_000 else None
    return [
        Figure(
            what=f"{name}: dates of {size:,} records after a change that moves {done['moved']:,}",
            value=reckoned, unit="s", most=most,
        ),
        Figure(what=f"{name}: the same where nothing has changed", value=again, unit="s"),
        Figure(what=f"{name}: simulating the change", value=simulated, unit="s", most=most),
        Figure(what=f"{name}: growth of memory meanwhile", value=grown, unit="MiB", most=150),
    ]  # fmt: skip


def _beside(figure: Figure, bare: float) -> Figure:
    return Figure(
        what=figure.what, value=figure.value, unit=figure.unit, most=figure.most, baseline=bare,
        baseline_is="s: the same rows read and written by the driver alone",
    )  # fmt: skip


def _fill(database: Database, size: int) -> tuple[UUID, list[UUID]]:
    """Records, dated, case files, and the German pack, published; drafts that keep everything for a year longer."""
    entity, choose = new_id(), random.Random(7)  # noqa: S311
    with database.write() as session:
        home = LegalEntity(
            id=entity, name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin", fiscal_year_start="01-01",
            holiday_calendar="DE", controller="own", added_at=T0,
        )  # fmt: skip
        session.add(home)
        session.flush()
        drafts = enter_schedule(session, entity)
    files = [new_id() for _ in range(FILES)]
    with database.write() as session:
        ended = [
            {
                "id": new_id(), "case_file": each, "trigger": "contract_end", "recorded_by": None, "valid_from": T0,
                "valid_to": None, "happened_on": date(2015, 1, 1) + timedelta(days=choose.randrange(4_000)),
            }
            for each in files[:: 10]
        ]  # fmt: skip
        session.connection().execute(insert(cast(Table, TriggerFact.__table__)), ended)
    records = insert(cast(Table, Record.__table__))
    for start in range(0, size, 10_000):
        with database.write() as session:
            rows = [record_row(entity, files, choose) for _ in range(min(10_000, size - start))]
            session.connection().execute(records, rows)
    date_jobs.date_entity(cast(Runtime, SimpleNamespace(main=database, clock=SystemClock())), entity)
    return entity, drafts


def enter_schedule(session: WriteSession, entity: UUID) -> list[UUID]:
    """The German pack, published; drafts that keep everything for a year longer."""
    drafts = []
    for stated in packs.load("DE").rules:
        rule = new_id()
        longer = {**stated.to_json(), "period": f"P{stated.period.years + 1}Y", "valid_from": None}
        for version, content, state in ((1, stated.to_json(), "published"), (2, longer, "draft")):
            row = RetentionRule(
                id=new_id(), rule=rule, version=version, entity=entity, code=stated.code,
                jurisdiction=stated.jurisdiction, record_class=stated.record_class, content=content, state=state,
                drafted_at=T0, in_force_on=T0.date() if version == 1 else None,
            )  # fmt: skip
            session.add(row)
            if version == 2:
                drafts.append(row.id)
    session.add(ScheduleRevision(entity=entity, number=1, day=T0.date(), at=T0, cause="published"))
    return drafts


def record_row(entity: UUID, files: Sequence[UUID | None] = (None,), choose: random.Random = _CHANCE) -> dict[str, Any]:
    """A record that is nothing but its row."""
    own = new_id()
    return {
        "id": own, "number": f"{next(_NUMBERS):09d}", "entity": entity,
        "parent": None, "direction": None, "state": "filed", "state_since": T0, "record_class": choose.choice(CLASSES),
        "classified_by": "person", "probability": None, "confirmed": True, "department": None,
        "case_file": choose.choice(files), "section": None, "access_set": 1, "language": "de",
        "document_date": date(2016, 1, 1) + timedelta(days=choose.randrange(3_650)), "total_minor": None,
        "currency": None, "channel": "api", "captured_by": None, "captured_at": T0, "current_version": own,
        "revision": 1,
    }  # fmt: skip


def _simulation(database: Database, entity: UUID, drafts: list[UUID]) -> UUID:
    with database.write() as session:
        row = Simulation(
            id=new_id(), entity=entity, kind="rules", versions=sorted(each.hex for each in drafts), spec={},
            asked_at=T0, inputs=bytes(32), schedule=1,
        )  # fmt: skip
        row.inputs, row.schedule = inputs_of(session, row, T0)
        session.add(row)
        return row.id


def publish(database: Database, entity: UUID, drafts: list[UUID]) -> None:
    """The drafts in force, as a publication leaves them."""
    with database.write() as session:
        for each in drafts:
            row = session.get_one(RetentionRule, each)
            row.state, row.in_force_on = "published", T0.date()
        session.add(ScheduleRevision(entity=entity, number=2, day=T0.date(), at=T0, cause="published"))


_READ = (
    "SELECT r.id, r.record_class, r.confirmed, r.state, r.document_date, r.case_file, r.revision, d.basis, "
    "d.retain_through FROM records r LEFT JOIN record_dates d ON d.record = r.id "
    "WHERE r.id > {0} ORDER BY r.id LIMIT 5000"
)
_WRITE = (
    "UPDATE record_dates SET retain_through = {0}, eligible_from = {0}, floor_through = {0}, ceiling_through = {0}, "
    "basis = {0}, computed_at = computed_at + 1 WHERE record = {0}"
)


def _bare_sqlite(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    begun, after = time.perf_counter(), ""
    while rows := connection.execute(_READ.format("?"), (after,)).fetchall():
        after = rows[-1][0]
        for start in range(0, len(rows), 1_000):
            connection.execute("BEGIN IMMEDIATE")
            some = [
                ("2040-12-31", "2041-01-01", "2040-12-31", "2041-03-31", row[7], row[0])
                for row in rows[start : start + 1_000]
            ]
            connection.executemany(_WRITE.format("?"), some)
            connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken


def _bare_postgresql(url: str) -> float:
    with psycopg.connect(url) as connection:
        begun, after = time.perf_counter(), UUID(int=0)
        read, write = _READ.format("%s").encode(), _WRITE.format("%s").encode()
        while rows := connection.execute(read, (after,)).fetchall():
            after = rows[-1][0]
            for start in range(0, len(rows), 1_000):
                some = [
                    (date(2040, 12, 31), date(2041, 1, 1), date(2040, 12, 31), date(2041, 3, 31), row[7], row[0])
                    for row in rows[start : start + 1_000]
                ]
                with connection.cursor() as cursor:
                    cursor.executemany(write, some)
                connection.commit()
        return time.perf_counter() - begun


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
    else:
        sys.stdout.write(table(measure(Path(sys.argv[2]))) + "\n")
