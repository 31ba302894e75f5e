"""Looks at the clock as ``retention.clock_guard`` asks: the log's entries, and what witnesses and time stamps say."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.anchoring import policy_of
from app.runtime import Runtime
from audit.anchors import last_witnessed
from audit.checkpoint import AuditCheckpoint
from audit.entries import AuditLeaf
from audit.leaf import parse
from audit.timestamp import last_stamp
from audit.trail_search import first_from
from core.clock import from_us
from core.database import ReadSession
from retention import clock_guard
from retention.clock_guard import ClockState, Known, Outside

_INSTANT = timedelta(microseconds=1)


def look(runtime: Runtime) -> ClockState:
    """Compare the clock with log and anchors now, and note what came of it.

    Raises:
        BadSetting, BadPolicy: the witness policy cannot be read.
    """
    with runtime.main.read() as session:
        state = clock_guard.state_of(session)
        position = 0 if state is None else state.position
    known = known_of(runtime, position)
    with runtime.main.write() as session:
        return clock_guard.look(session, known)


def peek(runtime: Runtime) -> str | None:
    """What would be doubted at a look now, and is in doubt already; nothing is noted."""
    with runtime.main.read() as session:
        state = clock_guard.state_of(session)
        seen_at, position = (None, 0) if state is None else (state.seen_at, state.position)
        doubt = None if state is None else state.doubt
    found = clock_guard.find_doubt(known_of(runtime, position), seen_at)
    return doubt or (None if found is None else found.doubt)


def known_of(runtime: Runtime, position: int) -> Known:
    """What is known of the time now; the log is searched from ``position`` on."""
    policy = policy_of(runtime.settings)
    with runtime.log_database.read() as session:
        last = session.scalar(select(func.max(AuditLeaf.seq)))
        size = 0 if last is None else last + 1
        anchors = [] if policy is None else [last_witnessed(session, policy)]
        stamp = last_stamp(session)
        told = [(anchor.size, anchor.at) for anchor in anchors if anchor is not None]
        told += [] if stamp is None else [(stamp.size, stamp.at)]
        outside = tuple(
            Outside(covered, at, signed_at)
            for covered, at in told
            if (signed_at := _signed_at(session, covered)) is not None
        )
        # One entry back: the silence may lie between the last one looked at and the next.
        silence = clock_guard.newest_silence(
            lambda seq: _time_of(session, seq),
            lambda instant: first_from(session, instant + _INSTANT, size),
            max(min(position, size) - 1, 0),
            size,
        )
        newest = _time_of(session, size - 1) if size else None
    # After the log was read: an entry written meanwhile must not seem to lie ahead.
    return Known(runtime.clock.now(), size, newest, silence, outside)


def _signed_at(session: ReadSession, size: int) -> datetime | None:
    return session.scalar(select(AuditCheckpoint.signed_at).where(AuditCheckpoint.size == size))


def _time_of(session: ReadSession, seq: int) -> datetime:
    """When the entry was taken; of one that was withdrawn, when the next was that is there, or the last before."""
    at_or_after = select(AuditLeaf.entry).where(AuditLeaf.seq >= seq, AuditLeaf.entry != b"").order_by(AuditLeaf.seq)
    before = select(AuditLeaf.entry).where(AuditLeaf.seq < seq, AuditLeaf.entry != b"").order_by(AuditLeaf.seq.desc())
    entry = session.scalar(at_or_after.limit(1)) or session.scalar(before.limit(1))
    return from_us(parse(entry or b"").appended_us)
