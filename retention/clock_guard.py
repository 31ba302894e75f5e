"""Can the clock be relied on for what cannot be undone?

A clock that is wrong by years would let every period end today. So the clock is compared with what is known
of time otherwise: the entries of the log, whose times never go back, and the anchors outside (cosignatures of
witnesses, time stamps after RFC 3161). After more than a day without an entry, a clock that stands more than
a day before the log, or an anchor that tells another time, the date is in doubt: periods are reckoned and
dispositions proposed, and nothing is destroyed until an anchor given since agrees with the clock, or a person who
may approve dispositions has stated today's date.

The rules are functions on values; the one row keeps how far the log was looked at and what is in doubt. Where the
row is lost, the whole log is looked at again: what was settled once has then to be confirmed once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import NotAllowed, Principal
from audit.intake import append
from core.clock import civil_date
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid
from retention.run_events import RETENTION, ClockConfirmed, ClockDoubted

LIMIT = timedelta(hours=24)
GAP, BACK, OUTSIDE = "gap", "back", "outside"
Doubt = Literal["gap", "back", "outside"]


class ClockNotInDoubt(Conflict):
    """Nobody has to confirm the date now."""

    code = "clock_not_in_doubt"


class AnotherDate(Invalid):
    """The clock shows another date than the one stated."""

    code = "clock_shows_another_date"


class ClockState(MainTable):
    """What is known of the clock; one row."""

    __tablename__ = "clock_states"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
    """What the clock showed at the last look, or when it was confirmed."""
    position: Mapped[int]
    """Entries of the log that were looked at."""
    doubt: Mapped[str | None] = mapped_column(String(10))
    trusted_at: Mapped[datetime | None]
    """The last instant before the doubt."""
    shown_at: Mapped[datetime | None]
    """What the clock showed then."""
    doubted_at: Mapped[int | None]
    """Size of the log when the doubt was found: an anchor of more entries may settle it."""
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[UUID | None]
    confirmed_how: Mapped[str | None] = mapped_column(String(10))


@dataclass(frozen=True, slots=True)
class Silence:
    """Two entries of the log next to each other, further apart than the limit."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Outside:
    """What an anchor says: when somebody outside saw a checkpoint, and when it was signed by this clock."""

    size: int
    at: datetime
    signed_at: datetime

    @property
    def agrees(self) -> bool:
        """Whether it was about the same time outside and here."""
        return abs(self.at - self.signed_at) <= LIMIT


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of the time at one look."""

    now: datetime
    size: int
    """Entries in the log."""
    newest: datetime | None
    """Time of the newest entry."""
    silence: Silence | None
    """The newest one since the last look."""
    outside: tuple[Outside, ...]
    """The newest anchor of each kind."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A doubt, with the instants it rests on."""

    doubt: Doubt
    trusted_at: datetime
    shown_at: datetime


def find_doubt(known: Known, seen_at: datetime | None) -> Finding | None:
    """What is doubtful at this look, whatever was before.

    ``seen_at`` is what the clock showed at the last look or confirmation: a clock that was set back, was confirmed
    and has been looked at all the time since is not doubted for the entries that lie ahead of it.
    """
    for anchor in known.outside:
        if not anchor.agrees:
            return Finding("outside", anchor.at, anchor.signed_at)
    if known.silence is not None:
        return Finding("gap", known.silence.since, known.silence.until)
    if seen_at is not None and abs(known.now - seen_at) <= LIMIT:
        return None
    if known.newest is not None and known.now - known.newest > LIMIT:
        return Finding("gap", known.newest, known.now)
    if known.newest is not None and known.newest - known.now > LIMIT:
        return Finding("back", known.newest, known.now)
    if seen_at is not None and seen_at - known.now > LIMIT:
        return Finding("back", seen_at, known.now)
    return None


def settled_by(known: Known, doubted_at: int) -> Outside | None:
    """An anchor given since the doubt was found that agrees with the clock, and is not a day old."""
    for anchor in known.outside:
        if anchor.size > doubted_at and anchor.agrees and abs(known.now - anchor.at) <= LIMIT:
            return anchor
    return None


def newest_silence(
    time_of: Callable[[int], datetime], first_after: Callable[[datetime], int], begin: int, size: int
) -> Silence | None:
    """The newest stretch longer than the limit without an entry, among positions ``begin`` to ``size`` - 1.

    Times never go back along the log, so a day is passed over with one search. ``time_of`` tells the time of
    a position, ``first_after`` the first position later than an instant.
    """
    found, position = None, begin
    while position < size - 1:
        since = time_of(position)
        following = first_after(since + LIMIT)
        if following >= size:
            break
        if following - 1 > position:
            position = following - 1
            continue
        found, position = Silence(since, time_of(following)), following
    return found


def look(session: WriteSession, known: Known) -> ClockState:
    """Bring the row up to date with what is known, with an event for each change; tells how it stands."""
    state = session.get(ClockState, 1, with_for_update=True)
    if state is None:
        state = ClockState(id=1, seen_at=known.now, position=0)
        session.add(state)
        found = find_doubt(known, None)
    else:
        found = find_doubt(known, state.seen_at)
    if found is not None and known.silence is not None:
        state.doubted_at = known.size
    if found is not None and not _is_known(state, found):
        state.doubt, state.trusted_at, state.shown_at = found.doubt, found.trusted_at, found.shown_at
        state.doubted_at = known.size
        event = ClockDoubted(doubt=found.doubt, trusted_at=found.trusted_at, shown_at=found.shown_at)
        append(session, event, at=known.now)
    state.seen_at, state.position = known.now, known.size
    if state.doubt is not None and (anchor := settled_by(known, state.doubted_at or 0)) is not None:
        _settle(session, state, "outside", None, anchor.at.date(), known.now)
    session.flush()
    return state


def confirm(session: WriteSession, day: date, *, zone: str, by: Principal, at: datetime) -> ClockState:
    """State that today is ``day``; from then on the clock is relied on again.

    Raises:
        NotAllowed: ``by`` does not approve dispositions, or is no person.
        ClockNotInDoubt: there is no doubt.
        AnotherDate: the clock shows another day in ``zone``; it must be set right first.
    """
    by.require("disposition.approve")
    if by.kind != "person":
        raise NotAllowed("only people do this")
    state = session.get(ClockState, 1, with_for_update=True)
    if state is None or state.doubt is None:
        raise ClockNotInDoubt("the clock agrees with the log and its anchors")
    if day != civil_date(at, zone):
        raise AnotherDate("set the clock of the machine right, or state today's date")
    state.seen_at = at
    _settle(session, state, "officer", by, day, at)
    return state


def state_of(session: ReadSession) -> ClockState | None:
    """How the clock stands as of the last look; ``None`` before the first."""
    return session.get(ClockState, 1)


def _settle(session: WriteSession, state: ClockState, how: str, by: Principal | None, day: date, at: datetime) -> None:
    actor = RETENTION if by is None else by.actor
    append(session, ClockConfirmed(by=actor, how=how, day=day, doubt=state.doubt or ""), at=at)
    state.confirmed_at, state.confirmed_how = at, how
    state.confirmed_by = None if by is None else by.id
    state.doubt, state.doubted_at = None, None


def _is_known(state: ClockState, found: Finding) -> bool:
    """Whether the doubt stands already, or is the very one that was settled."""
    if state.doubt is not None:
        return state.doubt == found.doubt
    return (state.trusted_at, state.shown_at) == (found.trusted_at, found.shown_at)
