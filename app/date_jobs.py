"""The job ``retention.date``: dates that have to be reckoned anew, of some records, a case file or a whole entity.

Killed at any point it is begun again, and finds what it has written: what has not changed costs a look.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from string import hexdigits
from typing import Any, Final
from uuid import UUID

from app.runtime import Runtime
from core import jobs
from core.database import ReadSession, insert_for
from core.errors import Conflict
from core.jobs import Claim
from records.case_file import CaseFile
from retention import date_batch
from retention.date_batch import FIRST, READ_AT_ONCE, WRITE_AT_ONCE, Due
from retention.dating import reckoner_of
from retention.record_date import DatedSchedule
from retention.record_facts import as_id

DATE = "retention.date"
MARKED_AT_ONCE = 20
"""Records of one transaction while all others wait: some twenty milliseconds."""
MARKED: Final = tuple(f"{DATE}/{part}" for part in (*hexdigits[:16], "all"))
"""Keys of the jobs that ``records.record.ask_to_date`` adds: any one of them does what all of them promise."""
Next = Callable[[ReadSession, UUID], list[Any]]


class JobLost(Conflict):
    """Another worker has this job now."""

    code = "retention_date_job_lost"


def carry_out(runtime: Runtime, claim: Claim, holder: str) -> None:
    """Do what the job says, and lay the locks that follow."""

    def go_on() -> None:
        with runtime.main.read() as session:
            if not jobs.holds(session, claim.id, holder=holder):
                raise JobLost

    if (entity := claim.arguments.get("entity")) is not None:
        date_entity(runtime, UUID(entity), go_on=go_on)
    elif (file := claim.arguments.get("case_file")) is not None:
        date_file(runtime, UUID(file), go_on=go_on)
    else:
        date_marked(runtime, go_on=go_on)
    ask_locks(runtime, go_on=go_on)
    with runtime.main.write(beside=True) as session:
        jobs.finish(session, claim.id, holder=holder, at=runtime.clock.now())


def date_marked(runtime: Runtime, *, go_on: Callable[[], None] = lambda: None) -> Counter[str]:
    """Reckon all records that are marked."""
    total: Counter[str] = Counter()
    while True:
        with runtime.main.read() as session:
            # Whoever only looks does not stand in line with those who write.
            if not date_batch.is_any_marked(session):
                return total
        with runtime.main.write() as session:
            now = runtime.clock.now()
            done = date_batch.date_some(session, now, MARKED_AT_ONCE)
            is_all = done["marked"] < MARKED_AT_ONCE
            if is_all:
                # Nobody marks any beside this: there is nothing left that a waiting job could find.
                jobs.settle(session, MARKED, at=now)
        if not done:
            return total
        total += done
        go_on()
        if is_all:
            return total


def date_file(runtime: Runtime, case_file: UUID, *, go_on: Callable[[], None] = lambda: None) -> Counter[str]:
    """Reckon all records of a case file."""
    with runtime.main.read() as session:
        file = session.get(CaseFile, case_file)
    if file is None:
        return Counter()
    return _walk(runtime, file.entity, "trigger", lambda s, after: date_batch.next_of_file(s, case_file, after), go_on)


def date_entity(
    runtime: Runtime, entity: UUID, *, go_on: Callable[[], None] = lambda: None, dry: bool = False
) -> Counter[str]:
    """Hold the dates of all records of an entity against its schedule as it is now; ``dry``: only count."""
    began = runtime.clock.now()
    with runtime.main.read() as session:
        number = reckoner_of(session, entity, began).number
    done = _walk(
        runtime, entity, "schedule", lambda s, after: date_batch.next_of_entity(s, entity, after), go_on, dry=dry
    )
    if not dry:
        with runtime.main.write(beside=True) as session:
            row = insert_for(session, DatedSchedule).values(entity=entity, schedule=number, at=began)
            new = {"schedule": row.excluded.schedule, "at": row.excluded.at}
            session.execute(row.on_conflict_do_update(index_elements=["entity"], set_=new))
    return done


def ask_locks(runtime: Runtime, *, go_on: Callable[[], None] = lambda: None) -> int:
    """Have the object store lock what dates demand by now."""
    total = 0
    while True:
        with runtime.main.read() as session:
            if not date_batch.is_any_unasked(session):
                return total
        with runtime.main.write() as session:
            count = date_batch.ask_locks(session, runtime.clock.now())
        if not count:
            return total
        total += count
        go_on()


def _walk(
    runtime: Runtime, entity: UUID, cause: str, following: Next, go_on: Callable[[], None], *, dry: bool = False
) -> Counter[str]:
    total: Counter[str] = Counter()
    after = FIRST
    while True:
        with runtime.main.read() as session:
            now = runtime.clock.now()
            reckoner = reckoner_of(session, entity, now)
            rows = following(session, after)
            found = date_batch.due(session, rows, reckoner)
        total["looked_at"] += len(rows)
        if dry:
            total["to_write"] += len(found)
        else:
            total += _write(runtime, found, reckoner.number, cause, now)
        if len(rows) < READ_AT_ONCE:
            return total
        after = as_id(rows[-1].id)
        go_on()


def _write(runtime: Runtime, found: list[Due], number: int, cause: str, at: datetime) -> Counter[str]:
    done: Counter[str] = Counter()
    for start in range(0, len(found), WRITE_AT_ONCE):
        with runtime.main.write() as session:
            done += date_batch.write(session, found[start : start + WRITE_AT_ONCE], number=number, cause=cause, at=at)
    return done
