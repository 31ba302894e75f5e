"""Reports of the retention jobs: one row for each run of each job, also where nothing happened.

A run that would touch more of a class than may be touched at once stops. Its report says what it
would have touched, and a person who may approve dispositions can let exactly that through, once.
Rows hold counts, codes and ids, and nobody's name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, Index, LargeBinary, String, and_, delete, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import NotAllowed, Principal
from audit.intake import append
from core.canonical import canonical
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, NotFound
from core.identifiers import new_id
from retention.run_events import RunEnded, RunLetThrough

RUNNING, DONE, STOPPED, FAILED, INTERRUPTED = "running", "done", "stopped", "failed", "interrupted"
EXECUTE = "execute"
"""The job that destroys."""
NIGHT, OFTEN, HAND = "night", "often", "hand"
LATE = timedelta(hours=30)
"""A night that has not been worked through for so long is overdue."""
KEEP_EMPTY = timedelta(days=2)
"""How long the report of a run between two nights is kept that did nothing."""
_NIGHT = range(1, 5)
_AT_LEAST = timedelta(hours=12)


class NotStopped(Conflict):
    """This run did not stop, or was let through already."""

    code = "retention_run_not_stopped"


class RetentionRun(MainTable):
    """One run of one job."""

    __tablename__ = "retention_runs"
    __table_args__ = (Index("ix_retention_runs_job_started_at", "job", "started_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    round: Mapped[UUID] = mapped_column(index=True)
    """What ran together: the jobs of one night, or of one call."""
    job: Mapped[str] = mapped_column(String(30))
    how: Mapped[str] = mapped_column(String(10))
    """``night``, ``often`` (every few minutes) or ``hand``."""
    state: Mapped[str] = mapped_column(String(12))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    """What was done, by kind."""
    skipped: Mapped[dict[str, int]] = mapped_column(JSON)
    """What was left out, by reason."""
    stops: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Classes of which too much would have been touched, as ``Stop.to_json`` tells them."""
    scope: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Digest over what the run would have touched when it stopped."""
    error_code: Mapped[str | None] = mapped_column(String(60))
    asked_by: Mapped[UUID | None]
    """Who started it by hand."""
    let_by: Mapped[UUID | None]
    """Who let it through."""
    let_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    """When that was made use of: it holds once."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A class of which a run would touch more than may be touched at once."""

    entity: UUID
    record_class: str
    records: int
    total: int
    """Records of the class, destroyed ones not counted."""
    most: int

    def to_json(self) -> dict[str, Any]:
        """As the row and REST have it."""
        return {
            "entity": str(self.entity),
            "class": self.record_class,
            "records": self.records,
            "of": self.total,
            "most": self.most,
        }


def most_at_once(total: int, *, percent: int, free: int) -> int:
    """How many of ``total`` records of a class one run may touch: a share, and a few whatever the share is."""
    return max(free, total * percent // 100)


def stops_of(
    touched: Mapping[tuple[UUID, str], int],
    totals: Mapping[tuple[UUID, str], int],
    *,
    percent: int,
    free: int,
    own: Mapping[UUID, int] | None = None,
) -> list[Stop]:
    """The classes, by entity and code, of which ``touched`` is too much; ``own``: percent of entities that set it."""
    found = []
    for (entity, code), records in sorted(touched.items(), key=lambda item: (str(item[0][0]), item[0][1])):
        total = max(totals.get((entity, code), 0), records)
        most = most_at_once(total, percent=(own or {}).get(entity, percent), free=free)
        if records > most:
            found.append(Stop(entity, code, records, total, most))
    return found


def scope_of(touched: Mapping[tuple[UUID, str], int], batches: Sequence[UUID]) -> bytes:
    """Digest over what a run would touch: the batches, and how many records of which class. 32 bytes."""
    value = {
        "batches": sorted(each.hex for each in batches),
        "classes": sorted([entity.hex, code, records] for (entity, code), records in touched.items()),
    }
    return hashlib.sha256(canonical(value)).digest()


def is_night_due(last: datetime | None, now: datetime, zone: str) -> bool:
    """Whether to begin the work of a night: between one and five, or where a night was missed."""
    if last is None or now < last:
        return True
    if now.astimezone(ZoneInfo(zone)).hour in _NIGHT:
        return now - last >= _AT_LEAST
    return now - last >= LATE


def begin(
    session: WriteSession, job: str, *, round_: UUID, how: str, at: datetime, by: Principal | None = None
) -> RetentionRun:
    """The report of a run that begins now. The caller holds the lease of the job.

    Whatever else of this job is said to be running was killed: its report is closed as interrupted.
    """
    for row in session.scalars(select(RetentionRun).where(RetentionRun.job == job, RetentionRun.state == RUNNING)):
        row.state, row.ended_at = INTERRUPTED, at
        _tell(session, row, at)
    row = RetentionRun(
        id=new_id(), round=round_, job=job, how=how, state=RUNNING, started_at=at, counts={}, skipped={}, stops=[],
        asked_by=None if by is None else by.id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def note(session: WriteSession, run: UUID, counts: Mapping[str, int], skipped: Mapping[str, int]) -> None:
    """Write down how far a run has come, so that its report says so should it be killed."""
    row = session.get_one(RetentionRun, run)
    row.counts, row.skipped = dict(counts), dict(skipped)


def end(
    session: WriteSession,
    run: UUID,
    *,
    state: str,
    counts: Mapping[str, int],
    skipped: Mapping[str, int],
    stops: Sequence[Stop] = (),
    scope: bytes | None = None,
    error_code: str | None = None,
    at: datetime,
) -> None:
    """Close the report of a run, with its audit event."""
    row = session.get_one(RetentionRun, run)
    row.state, row.ended_at, row.error_code = state, at, error_code
    row.counts, row.skipped = dict(counts), dict(skipped)
    row.stops, row.scope = [stop.to_json() for stop in stops], scope
    if row.how != OFTEN or is_telling(row):
        _tell(session, row, at)


def is_telling(row: RetentionRun) -> bool:
    """Whether anything happened: what ran between two nights in vain goes into no log."""
    return bool(any(row.counts.values()) or row.skipped or row.stops or row.state != DONE)


def let_through(session: WriteSession, run_id: UUID, *, by: Principal, at: datetime) -> RetentionRun:
    """Let what a run stopped at go through once, exactly as its report shows it.

    Raises:
        NotFound: there is no such run.
        NotAllowed: ``by`` does not approve dispositions of all entities concerned, or is no person.
        NotStopped: it did not stop, was let through already, or the job has stopped at something else since.
    """
    row = session.get(RetentionRun, run_id, with_for_update=True)
    if row is None:
        raise NotFound("there is no such run")
    for entity in {UUID(stop["entity"]) for stop in row.stops}:
        by.require("disposition.approve", entity=entity)
    by.require("disposition.approve")
    if by.kind != "person":
        raise NotAllowed("only people do this")
    if row.state != STOPPED or row.scope is None or row.let_at is not None or _is_past(session, row):
        raise NotStopped("look at the newest report of this job")
    row.let_by, row.let_at = by.person, at
    records = sum(int(stop["records"]) for stop in row.stops)
    append(session, RunLetThrough(by=by.actor, run=row.id, records=records, scope=row.scope), at=at)
    return row


def take_leave(session: WriteSession, job: str, scope: bytes, *, at: datetime) -> bool:
    """Whether somebody has let exactly this through; it is used up by asking."""
    row = session.scalar(
        select(RetentionRun)
        .where(RetentionRun.job == job, RetentionRun.let_at.is_not(None), RetentionRun.used_at.is_(None))
        .order_by(RetentionRun.let_at.desc())
        .limit(1)
        .with_for_update()
    )
    if row is None or row.scope != scope:
        return False
    row.used_at = at
    return True


def waits_for_leave(session: ReadSession, job: str) -> bool:
    """Whether leave was given and not made use of yet."""
    found = select(RetentionRun.id).where(
        RetentionRun.job == job, RetentionRun.let_at.is_not(None), RetentionRun.used_at.is_(None)
    )
    return session.scalar(found.limit(1)) is not None


def done_in(session: ReadSession, round_: UUID) -> frozenset[str]:
    """The jobs of a round that have ended: one that was killed goes on with the others."""
    ended = select(RetentionRun.job).where(RetentionRun.round == round_, RetentionRun.state.in_((DONE, STOPPED)))
    return frozenset(session.scalars(ended))


def newest(session: ReadSession) -> dict[str, RetentionRun]:
    """The newest run of each job."""
    last = select(RetentionRun.job, func.max(RetentionRun.started_at).label("at")).group_by(RetentionRun.job).subquery()
    rows = session.scalars(
        select(RetentionRun)
        .join(last, (last.c.job == RetentionRun.job) & (last.c.at == RetentionRun.started_at))
        .order_by(RetentionRun.id)
    )
    return {row.job: row for row in rows}


def last_night(session: ReadSession, *, other_than: UUID | None = None) -> datetime | None:
    """When the last round of a night, or of a hand that did the same, began; of others than one's own."""
    query = select(func.max(RetentionRun.started_at)).where(RetentionRun.how.in_((NIGHT, HAND)))
    return session.scalar(query if other_than is None else query.where(RetentionRun.round != other_than))


def last_ended(session: ReadSession) -> dict[str, datetime]:
    """When each job last came to an end of its own."""
    ended = select(RetentionRun.job, func.max(RetentionRun.ended_at)).where(RetentionRun.state.in_((DONE, STOPPED)))
    return {job: at for job, at in session.execute(ended.group_by(RetentionRun.job)) if at is not None}


def visible(
    session: ReadSession, *, by: Principal, before: UUID | None = None, limit: int = 50
) -> tuple[list[RetentionRun], UUID | None]:
    """The reports, newest first, and the id to go on from. Ids grow with time.

    Raises:
        NotAllowed: ``by`` does not see the retention of any entity.
    """
    by.require("retention.read")
    query = select(RetentionRun).order_by(RetentionRun.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(RetentionRun.id < before)
    rows = list(session.scalars(query))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def forget_empty(session: WriteSession, *, before: datetime) -> int:
    """Forget the runs between two nights that did nothing; tells how many."""
    old = select(RetentionRun).where(RetentionRun.how == OFTEN, RetentionRun.started_at < before)
    ids = [row.id for row in session.scalars(old.limit(2_000)) if row.state == DONE and not is_telling(row)]
    session.execute(delete(RetentionRun).where(RetentionRun.id.in_(ids)))
    return len(ids)


def last_stop(session: ReadSession, job: str) -> RetentionRun | None:
    """The newest run of a job that stopped, whether or not it was let through."""
    stopped = select(RetentionRun).where(RetentionRun.job == job, RetentionRun.state == STOPPED)
    return session.scalar(stopped.order_by(RetentionRun.id.desc()).limit(1))


def waiting_stop(session: ReadSession, job: str = EXECUTE) -> RetentionRun | None:
    """The newest run of a job, if it stopped and was not let through; runs between nights do not count."""
    by_night = and_(RetentionRun.state == DONE, RetentionRun.how != OFTEN)
    last = session.scalar(
        select(RetentionRun)
        .where(RetentionRun.job == job, or_(RetentionRun.state == STOPPED, by_night))
        .order_by(RetentionRun.id.desc())
        .limit(1)
    )
    return last if last is not None and last.state == STOPPED and last.let_at is None else None


def _is_past(session: ReadSession, row: RetentionRun) -> bool:
    last = last_stop(session, row.job)
    return last is None or last.scope != row.scope


def _tell(session: WriteSession, row: RetentionRun, at: datetime) -> None:
    event = RunEnded(
        run=row.id, job=row.job, state=row.state, done=row.counts, skipped=row.skipped, stops=len(row.stops)
    )
    append(session, event, at=at)
