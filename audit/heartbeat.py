"""Signs of life, written by the keeper: so that silence in the log is itself visible."""

from datetime import datetime, timedelta

from audit.entries import AuditHead, Receipt
from audit.events import LogGap, LogHeartbeat
from audit.intake import backlog
from audit.log import Log
from audit.mark import intake_mark
from core.clock import from_us
from core.database import Database

INTERVAL = timedelta(seconds=60)
SILENCE = timedelta(seconds=120)


def heartbeat(main: Database, log: Log, *, at: datetime) -> Receipt:
    """Write one heartbeat, with the state of the intake; due every 60 seconds.

    Raises:
        LogUnavailable: the log cannot be written.
    """
    with main.read() as session:
        waits = backlog(session, at=at)
    with log.database.read() as session:
        high, moved = intake_mark(session)
    event = LogHeartbeat(
        intake_high=high,
        intake_moved=moved,
        intake_waiting=waits.waiting,
        intake_oldest_us=waits.oldest_age // timedelta(microseconds=1),
    )
    return log.record([event], at=at)[0]


def note_silence(log: Log, *, at: datetime, cause: str = "stopped") -> Receipt | None:
    """When the keeper starts: say so in the log if it was silent for longer than two minutes."""
    with log.database.read() as session:
        head = session.get(AuditHead, 1)
        since_us = 0 if head is None else head.last_append_us
    if not since_us or at - from_us(since_us) <= SILENCE:
        return None
    return log.record([LogGap(since_us=since_us, cause=cause)], at=at)[0]
