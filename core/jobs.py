"""Later work: promised in the transaction that needs it, done at least once, never lost.

A job row is the only record of later work. A message to a worker says no more than
"look": any broker may lose or repeat it, and any process may die. A claimed job is leased;
a lease that runs out, or whose holder is known to have ended, puts the job back.

Handlers may run twice and look at the state of things first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import AT, MainTable, ReadSession, WriteSession, insert_for
from core.identifiers import new_id

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
MAX_DEATHS = 24
"""Attempts after which a job whose holders keep ending is not tried again; many, since a holder may end
for reasons that have nothing to do with it."""
WORKER_DIED = "worker_died"
_ENDLESS_SECONDS = 120
_BACKOFF_SECONDS = (1, 5, 30, 120, 600, 1800, 3600)
_AWAY_SECONDS = 5
_STARTING = timedelta(seconds=15)
"""A job claimed within this time may not have been begun yet by its holder."""

READY, LEASED, DONE, FAILED = "ready", "leased", "done", "failed"


class Job(MainTable):
    """One piece of later work."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_queue_state_ready_at", "queue", "state", "priority", "ready_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    """Which handler: ``package.verb``."""
    subject: Mapped[UUID | None] = mapped_column(index=True)
    """The record (or other thing) the work is about, to list what is under way for it."""
    arguments: Mapped[dict[str, str]] = mapped_column(JSON)
    """Ids only."""
    queue: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int]
    """Lower goes first: 0 somebody waits, 5 usual, 9 bulk."""
    state: Mapped[str] = mapped_column(String(10))
    ready_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    holder: Mapped[str | None] = mapped_column(String(120), index=True)
    """Host and process incarnation that has it."""
    key: Mapped[str | None] = mapped_column(String(120), unique=True)
    """While a job with this key waits, another is not added. Cleared when the job is claimed:
    what changes after the handler has looked needs a job of its own."""
    error_code: Mapped[str | None] = mapped_column(String(60))
    added_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


# Built once, and of the table itself: each job is claimed and finished by these, and to build one costs more.
_JOBS = cast(Table, Job.__table__)
_ADD = insert(_JOBS)
_READY = (_JOBS.c.state == READY) & (_JOBS.c.ready_at <= AT)
_WAITING = select(_JOBS.c.queue).where(_READY).distinct()


@lru_cache(maxsize=8)
def _claiming(count: int) -> Any:
    """Leases jobs of the first of ``count`` queues that has any."""
    having = [
        select(_JOBS.c.queue).where(_JOBS.c.queue == bindparam(f"queue_{place}"), _READY).limit(1).scalar_subquery()
        for place in range(count)
    ]
    following = (
        select(_JOBS.c.id)
        .where(_JOBS.c.queue == (func.coalesce(*having) if count > 1 else bindparam("queue_0")), _READY)
        .order_by(_JOBS.c.priority, _JOBS.c.ready_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        # Apart, so that it is run once, however the rest is planned.
        .cte("next_ones")
    )
    return (
        update(_JOBS)
        .where(_JOBS.c.id == following.c.id)
        .values(
            state=LEASED,
            holder=bindparam("by"),
            lease_until=bindparam("until"),
            attempts=_JOBS.c.attempts + 1,
            key=None,
        )
        .returning(
            *(_JOBS.c[name] for name in ("id", "name", "arguments", "attempts", "queue", "priority", "ready_at"))
        )
    )


_HELD = (_JOBS.c.id == bindparam("job")) & (_JOBS.c.holder == bindparam("by")) & (_JOBS.c.state == LEASED)
_FINISH = update(_JOBS).where(_HELD).values(state=DONE, ended_at=AT, lease_until=None, error_code=None)
_FINISH_ALL = (
    update(_JOBS)
    .where(
        _JOBS.c.id.in_(bindparam("jobs", expanding=True)), _JOBS.c.holder == bindparam("by"), _JOBS.c.state == LEASED
    )
    .values(state=DONE, ended_at=AT, lease_until=None, error_code=None)
)
_SETTLE = (
    update(_JOBS)
    .where(_JOBS.c.key.in_(bindparam("keys", expanding=True)), _READY)
    .values(state=DONE, ended_at=AT, key=None, error_code=None)
)
_HOLDS = select(_JOBS.c.id).where(_HELD)
_ONCE: dict[str, Any] = {}
"""By the database's dialect: what ``_once`` has built."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased job as its handler sees it."""

    id: UUID
    name: str
    arguments: dict[str, str]
    attempts: int
    queue: str
    priority: int


def add(
    session: WriteSession,
    name: str,
    *,
    queue: str,
    at: datetime,
    subject: UUID | None = None,
    key: str | None = None,
    priority: int = 5,
    ready_at: datetime | None = None,
    **arguments: UUID | str,
) -> UUID | None:
    """Promise work in this transaction; wake its queue after COMMIT.

    ``key`` makes the promise once: ``None`` is returned where the same work already waits.
    """
    job = new_id()
    values = {
        "id": job,
        "name": name,
        "subject": subject,
        "arguments": {field: str(value) for field, value in arguments.items()},
        "queue": queue,
        "priority": priority,
        "state": READY,
        "ready_at": ready_at or at,
        "attempts": 0,
        "key": key,
        "added_at": at,
    }
    if key is None:
        session.connection().execute(_ADD, values)
    elif session.connection().scalar(_once(session), values) != job:
        return None
    session.wake.add(queue)
    return job


def _once(session: WriteSession) -> Any:
    """Adds a job whose key no other has; else locks that other until COMMIT, and returns its id.

    Locked, so that it is claimed after this transaction only: its handler must see what was changed here.
    """
    dialect = session.get_bind().dialect.name
    if dialect not in _ONCE:
        statement = insert_for(session, _JOBS)
        taken = {"key": statement.excluded.key}
        _ONCE[dialect] = statement.on_conflict_do_update(index_elements=["key"], set_=taken).returning(_JOBS.c.id)
    return _ONCE[dialect]


def claim(session: WriteSession, *, queue: str, holder: str, at: datetime, limit: int = 1) -> list[Claim]:
    """Lease up to ``limit`` ready jobs of a queue, the most urgent and oldest first."""
    values = {"queue_0": queue, "at": at, "most": limit, "by": holder, "until": at + LEASE}
    rows = session.connection().execute(_claiming(1), values).all()
    if len(rows) > 1:
        # They come as they were changed.
        rows = sorted(rows, key=lambda job: (job.priority, job.ready_at))
    return [Claim(job.id, job.name, job.arguments, job.attempts, job.queue, job.priority) for job in rows]


def claim_first(session: WriteSession, *, queues: Sequence[str], holder: str, at: datetime) -> Claim | None:
    """Lease the most urgent and oldest ready job of the first of these queues that has any."""
    while queues:
        values = {"at": at, "most": 1, "by": holder, "until": at + LEASE}
        values |= {f"queue_{place}": queue for place, queue in enumerate(queues)}
        job = session.connection().execute(_claiming(len(queues)), values).one_or_none()
        if job is not None:
            return Claim(job.id, job.name, job.arguments, job.attempts, job.queue, job.priority)
        # Either nothing waits, or others are about to take all that waits in the first queue with any.
        queues = queues[1:]
    return None


def renew(session: WriteSession, *, holder: str, at: datetime, running: Collection[UUID] | None = None) -> int:
    """Prolong every lease of ``holder``; tells how many there are.

    With ``running``, what it really works on: only those are prolonged, and others of its leases are put back. It
    has such where the database was lost while it claimed a job, or before it could say what became of one.
    """
    mine = update(Job).where(Job.holder == holder, Job.state == LEASED)
    if running is not None:
        mine = mine.where(Job.id.in_(running))
        stray = Job.id.not_in(running) & (Job.lease_until <= at + LEASE - _STARTING)
        _put_back(session, (Job.holder == holder) & stray, at)
    return len(session.execute(mine.values(lease_until=at + LEASE).returning(Job.id)).all())


def finish(session: WriteSession, job_id: UUID, *, holder: str, at: datetime) -> bool:
    """Mark a leased job as done; ``False`` where the lease was lost meanwhile.

    Call it in the transaction that writes the outcome, and roll back on ``False``:
    somebody else has the job now.
    """
    done = cast("CursorResult[Any]", session.execute(_FINISH, {"job": job_id, "by": holder, "at": at}))
    return done.rowcount == 1


def finish_all(session: WriteSession, job_ids: Collection[UUID], *, holder: str, at: datetime) -> None:
    """Mark leased jobs as done, by one statement; those of which the lease was lost stay as they are."""
    if job_ids:
        session.connection().execute(_FINISH_ALL, {"jobs": list(job_ids), "by": holder, "at": at})


def settle(session: WriteSession, keys: Collection[str], *, at: datetime) -> None:
    """Mark as done what waits under these keys: all of it was just done in this transaction.

    Only for a transaction that no other may write beside: what is promised after it needs a job of its own.
    """
    session.connection().execute(_SETTLE, {"keys": list(keys), "at": at})


def holds(session: ReadSession, job_id: UUID, *, holder: str) -> bool:
    """Whether ``holder`` still has the job: to be asked in each transaction that writes a part of the outcome."""
    return session.scalar(_HOLDS, {"job": job_id, "by": holder}) is not None


def fail(
    session: WriteSession,
    job_id: UUID,
    *,
    holder: str,
    code: str,
    at: datetime,
    final: bool = False,
    endless: bool = False,
    away: bool = False,
) -> None:
    """Put a job back with a growing delay, or end it as failed after eight attempts.

    With ``endless`` it never ends so, and waits two minutes at most. With ``away``, where a server that it needs
    cannot be reached, it waits five seconds however often, and the attempt does not count: it is no fault of the job.
    """
    mine = select(Job).where(Job.id == job_id, Job.holder == holder, Job.state == LEASED)
    job = session.scalar(mine.with_for_update())
    if job is None:
        return
    job.error_code, job.holder, job.lease_until = code, None, None
    if away and not final:
        job.state, job.attempts = READY, job.attempts - 1
        job.ready_at = at + timedelta(seconds=_AWAY_SECONDS)
    elif final or (job.attempts >= MAX_ATTEMPTS and not endless):
        job.state, job.ended_at = FAILED, at
    else:
        delay = _BACKOFF_SECONDS[min(job.attempts, len(_BACKOFF_SECONDS)) - 1]
        job.state, job.ready_at = READY, at + timedelta(seconds=min(delay, _ENDLESS_SECONDS) if endless else delay)


def release_expired(session: WriteSession, *, at: datetime) -> set[str]:
    """Put back what nobody renewed; tells the queues that have work again."""
    return _put_back(session, Job.lease_until < at, at)


def release_held_by(session: WriteSession, beginning: str, *, at: datetime) -> set[str]:
    """Put back what processes held that are known to have ended; their holders' names begin so."""
    return _put_back(session, Job.holder.startswith(beginning, autoescape=True), at)


def waiting(session: ReadSession, *, at: datetime) -> set[str]:
    """Queues with work that is ready now."""
    return set(session.scalars(_WAITING, {"at": at}))


def counts(session: ReadSession) -> dict[tuple[str, str], int]:
    """How many jobs there are by queue and state."""
    rows = session.execute(select(Job.queue, Job.state, func.count()).group_by(Job.queue, Job.state))
    return {(queue, state): count for queue, state, count in rows}


def is_under_way(session: ReadSession, subject: UUID) -> bool:
    """Whether work on ``subject`` waits or runs."""
    return (
        session.scalar(
            select(Job.id).where(Job.subject == subject, or_(Job.state == READY, Job.state == LEASED)).limit(1)
        )
        is not None
    )


def forget_done(session: WriteSession, *, before: datetime) -> int:
    """Delete rows of work done before an instant; failures stay until somebody looks."""
    rows = session.execute(delete(Job).where(Job.state == DONE, Job.ended_at < before).returning(Job.id)).all()
    return len(rows)


def _put_back(session: WriteSession, condition: ColumnElement[bool], at: datetime) -> set[str]:
    queues = set()
    lost = select(Job).where(Job.state == LEASED, condition).order_by(Job.id)
    for job in session.scalars(lost.with_for_update()):
        job.holder, job.lease_until = None, None
        if job.attempts >= MAX_DEATHS:
            job.state, job.ended_at, job.error_code = FAILED, at, WORKER_DIED
        else:
            job.state, job.ready_at = READY, at
            queues.add(job.queue)
    session.wake.update(queues)
    return queues
