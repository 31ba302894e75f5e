"""Later work: promised in the transaction that needs it, done at least once, never lost.

A job row is the only record of later work. A message to a worker says no more than
"look": any broker may lose or repeat it, and any process may die. A claimed job is leased;
a lease that runs out, or whose holder is known to have ended, puts the job back.

Handlers may run twice and look at the state of things first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, Index, String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
MAX_DEATHS = 24
"""Attempts after which a job whose holders keep ending is not tried again; many, since a holder may end
for reasons that have nothing to do with it."""
WORKER_DIED = "worker_died"
_BACKOFF_SECONDS = (1, 5, 30, 120, 600, 1800, 3600)

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


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased job as its handler sees it."""

    id: UUID
    name: str
    arguments: dict[str, str]
    attempts: int


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
    if key is not None and session.scalar(select(Job.id).where(Job.key == key)) is not None:
        return None
    job = Job(
        id=new_id(),
        name=name,
        subject=subject,
        arguments={field: str(value) for field, value in arguments.items()},
        queue=queue,
        priority=priority,
        state=READY,
        ready_at=ready_at or at,
        key=key,
        added_at=at,
    )
    session.add(job)
    session.flush()
    session.wake.add(queue)
    return job.id


def claim(session: WriteSession, *, queue: str, holder: str, at: datetime, limit: int = 1) -> list[Claim]:
    """Lease up to ``limit`` ready jobs of a queue, the most urgent and oldest first."""
    rows = session.scalars(
        select(Job)
        .where(Job.queue == queue, Job.state == READY, Job.ready_at <= at)
        .order_by(Job.priority, Job.ready_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job in rows:
        job.state, job.holder, job.lease_until, job.attempts = LEASED, holder, at + LEASE, job.attempts + 1
        job.key = None
    return [Claim(job.id, job.name, dict(job.arguments), job.attempts) for job in rows]


def renew(session: WriteSession, *, holder: str, at: datetime) -> int:
    """Prolong every lease of ``holder``; tells how many there are."""
    rows = session.execute(
        update(Job).where(Job.holder == holder, Job.state == LEASED).values(lease_until=at + LEASE).returning(Job.id)
    ).all()
    return len(rows)


def finish(session: WriteSession, job_id: UUID, *, holder: str, at: datetime) -> bool:
    """Mark a leased job as done; ``False`` where the lease was lost meanwhile.

    Call it in the transaction that writes the outcome, and roll back on ``False``:
    somebody else has the job now.
    """
    rows = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.holder == holder, Job.state == LEASED)
        .values(state=DONE, ended_at=at, lease_until=None, error_code=None)
        .returning(Job.id)
    ).all()
    return bool(rows)


def holds(session: ReadSession, job_id: UUID, *, holder: str) -> bool:
    """Whether ``holder`` still has the job: to be asked in each transaction that writes a part of the outcome."""
    has = select(Job.id).where(Job.id == job_id, Job.holder == holder, Job.state == LEASED)
    return session.scalar(has) is not None


def fail(session: WriteSession, job_id: UUID, *, holder: str, code: str, at: datetime, final: bool = False) -> None:
    """Put a job back with a growing delay, or end it as failed after eight attempts."""
    job = session.scalar(select(Job).where(Job.id == job_id, Job.holder == holder, Job.state == LEASED))
    if job is None:
        return
    job.error_code, job.holder, job.lease_until = code, None, None
    if final or job.attempts >= MAX_ATTEMPTS:
        job.state, job.ended_at = FAILED, at
    else:
        delay = _BACKOFF_SECONDS[min(job.attempts, len(_BACKOFF_SECONDS)) - 1]
        job.state, job.ready_at = READY, at + timedelta(seconds=delay)


def release_expired(session: WriteSession, *, at: datetime) -> set[str]:
    """Put back what nobody renewed; tells the queues that have work again."""
    return _put_back(session, Job.lease_until < at, at)


def release_held_by(session: WriteSession, beginning: str, *, at: datetime) -> set[str]:
    """Put back what processes held that are known to have ended; their holders' names begin so."""
    return _put_back(session, Job.holder.startswith(beginning, autoescape=True), at)


def waiting(session: ReadSession, *, at: datetime) -> set[str]:
    """Queues with work that is ready now."""
    return set(session.scalars(select(Job.queue).where(Job.state == READY, Job.ready_at <= at).distinct()))


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
    for job in session.scalars(select(Job).where(Job.state == LEASED, condition)):
        job.holder, job.lease_until = None, None
        if job.attempts >= MAX_DEATHS:
            job.state, job.ended_at, job.error_code = FAILED, at, WORKER_DIED
        else:
            job.state, job.ready_at = READY, at
            queues.add(job.queue)
    session.wake.update(queues)
    return queues
