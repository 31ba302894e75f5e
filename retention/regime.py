"""Bringing records under an access regime, and naming who still reads them.

Narrowing takes one person and holds at once, for lists and search alike. Opening again takes a second
person. A hold of the kind ``restriction`` restricts what it reaches, and its release, which takes two
as well, gives back the regime of before.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import people
from accounts.principal import NotAllowed, Principal
from audit.events import Actor
from audit.intake import append
from core.clock import civil_date
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import placement
from records.case_file import CaseFile, OwnFile
from records.record import Record
from records.regime import ACTIVE, REGIMES, RESTRICTED, RegimeReader, is_narrower
from retention.regime_events import (
    RegimeAsked,
    RegimeChanged,
    RegimeReaderAsked,
    RegimeReaderDecided,
    RegimeReaderEnded,
    RegimeRefused,
)
from vault.keyring import Keyring
from vault.sealed import seal_text

PENDING, DONE, REFUSED, CONFIRMED = "pending", "done", "refused", "confirmed"
LONGEST = timedelta(days=366)
_LONGEST_REASON = 2_000


class RegimeUnchanged(Conflict):
    """The record is under this regime already, or somebody has asked for it."""

    code = "regime_unchanged"


class RegimeDecided(Conflict):
    """That was decided already, or the record's regime has changed since."""

    code = "regime_decided"


class OwnRegime(NotAllowed):
    """This needs somebody who neither asked for it nor benefits from it."""

    code = "own_regime"


class RegimeChange(MainTable):
    """A change of one record's regime: done, or waiting for a second person."""

    __tablename__ = "regime_changes"
    __table_args__ = (Index("ix_regime_changes_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    entity: Mapped[UUID]
    before: Mapped[str] = mapped_column(String(12))
    after: Mapped[str] = mapped_column(String(12))
    hold: Mapped[UUID | None]
    """The hold that brought it."""
    reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10))
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


def change(
    session: WriteSession, record_id: UUID, regime: str, reason: str, *, by: Principal, at: datetime, keys: Keyring
) -> RegimeChange:
    """Bring a record under a regime: at once where that narrows, else once a second person confirms.

    Raises:
        NotFound: there is no such record where ``by`` places holds.
        OwnFile: it lies in the case file about them.
        Invalid: no such regime, or no reason.
        RegimeUnchanged: it is so, or was asked for.
    """
    row = _placed_by(session, record_id, by)
    if regime not in REGIMES:
        raise Invalid(f"a regime is one of {', '.join(REGIMES)}")
    said = _reason(reason)
    waits = select(RegimeChange.id).where(RegimeChange.record == row.id, RegimeChange.state == PENDING)
    if regime == row.regime or session.scalar(waits) is not None:
        raise RegimeUnchanged()
    narrows = is_narrower(regime, row.regime)
    made = RegimeChange(
        id=new_id(),
        record=row.id,
        entity=row.entity,
        before=row.regime,
        after=regime,
        state=DONE if narrows else PENDING,
        asked_by=by.person,
        asked_at=at,
    )
    key = keys.create(session, made.id, kind="regime", at=at)
    made.reason_sealed = seal_text(key, made.id, None, "reason", said)
    session.add(made)
    session.flush()
    if narrows:
        _apply(session, row, regime, by=by.actor, person=by.person, reason=said, at=at)
    else:
        asked = RegimeAsked(by=by.actor, entity=row.entity, record=row.id, before=row.regime, after=regime, reason=said)
        append(session, asked, at=at)
    return made


def decide(session: WriteSession, change_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> RegimeChange:
    """The second person's word on a more open regime; who asked may only take it back.

    Raises:
        NotFound: nobody asked for it where ``by`` places holds.
        NotAllowed: ``by`` may not confirm releases.
        OwnRegime: ``by`` asked for it.
        RegimeDecided: it was decided, or the record has changed since.
    """
    made = session.get(RegimeChange, change_id, with_for_update=True)
    if made is None:
        raise NotFound("nobody asked for that")
    row = _placed_by(session, made.record, by)
    if made.asked_by != by.person or confirmed:
        by.require("hold.release", entity=row.entity)
    if confirmed and made.asked_by == by.person:
        raise OwnRegime()
    if made.state != PENDING or (confirmed and row.regime != made.before):
        raise RegimeDecided("look at what the record says now")
    made.state, made.decided_by, made.decided_at = DONE if confirmed else REFUSED, by.person, at
    session.flush()
    if confirmed:
        _apply(session, row, made.after, by=by.actor, person=by.person, second=made.asked_by, at=at)
    else:
        refused = RegimeRefused(
            by=by.actor,
            entity=row.entity,
            second=made.asked_by,
            outcome="refused",
            record=row.id,
            before=made.before,
            after=made.after,
        )
        append(session, refused, at=at)
    return made


def restrict_for(session: WriteSession, record_id: UUID, hold: UUID, *, by: Principal, at: datetime) -> None:
    """Restrict a record that a hold of that kind reaches; nothing happens where it is as closed already."""
    row = session.get(Record, record_id, with_for_update=True)
    if row is None or not is_narrower(RESTRICTED, row.regime):
        return
    made = RegimeChange(
        id=new_id(), record=row.id, entity=row.entity, before=row.regime, after=RESTRICTED, hold=hold, state=DONE,
        asked_by=None, asked_at=at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    _apply(session, row, RESTRICTED, by=by.actor, person=None, hold=hold, at=at)


def change_by_itself(
    session: WriteSession, record_id: UUID, to: str, basis: str, *, by: Principal, at: datetime
) -> None:
    """Narrow a record because of an event and not by decision; ``basis`` is the ground, for the log."""
    row = session.get(Record, record_id, with_for_update=True)
    if row is None or not is_narrower(to, row.regime):
        return
    made = RegimeChange(
        id=new_id(),
        record=row.id,
        entity=row.entity,
        before=row.regime,
        after=to,
        state=DONE,
        asked_by=None,
        asked_at=at,
    )
    session.add(made)
    session.flush()
    _apply(session, row, to, by=by.actor, person=None, basis=basis, at=at)


def let_go_of(session: WriteSession, record_id: UUID, hold: UUID, *, by: Principal, at: datetime) -> None:
    """Give back the regime from before a hold restricted a record, unless somebody has decided on it since."""
    row = session.get(Record, record_id, with_for_update=True)
    made = session.scalar(select(RegimeChange).where(RegimeChange.record == record_id, RegimeChange.hold == hold))
    if row is None or made is None or row.regime != RESTRICTED or made.state != DONE:
        return
    later = select(RegimeChange.id).where(
        RegimeChange.record == record_id, RegimeChange.state == DONE, RegimeChange.id > made.id
    )
    if session.scalar(later) is None:
        _apply(session, row, made.before, by=by.actor, person=None, hold=hold, at=at)
    made.state = "ended"


def waiting(session: ReadSession, *, by: Principal) -> list[RegimeChange]:
    """More open regimes that wait for a second person, where ``by`` places holds."""
    mine = RegimeChange.entity.in_(by.entities_for("hold.place"))
    return list(session.scalars(select(RegimeChange).where(mine, RegimeChange.state == PENDING)))


def name_reader(
    session: WriteSession,
    entity: UUID,
    regime: str,
    person: UUID,
    reason: str,
    *,
    until: datetime,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> RegimeReader:
    """Propose that a person goes on reading records of a regime that they would read otherwise, for a time.

    Raises:
        NotAllowed: ``by`` may not place holds there.
        OwnRegime: ``by`` would benefit.
        UnknownPerson: there is none.
        Invalid: no such regime, no reason, or a time that is over or longer than a year.
    """
    by.require("hold.place", entity=entity)
    if person == by.person:
        raise OwnRegime()
    people.get(session, person)
    if regime not in REGIMES or regime == ACTIVE:
        raise Invalid("people are named for the regimes intermediate, restricted and blocked")
    if not at < until <= at + LONGEST:
        raise Invalid("it lasts for up to a year")
    said = _reason(reason)
    row = RegimeReader(
        id=new_id(),
        entity=entity,
        regime=regime,
        person=person,
        state=PENDING,
        asked_by=by.person,
        asked_at=at,
        valid_from=at,
        valid_to=until,
    )
    key = keys.create(session, row.id, kind="regime", at=at)
    row.reason_sealed = seal_text(key, row.id, None, "reason", said)
    session.add(row)
    session.flush()
    event = RegimeReaderAsked(
        by=by.actor, entity=entity, reader=row.id, person=person, regime=regime, until=civil_date(until, "UTC"),
        reason=said,
    )  # fmt: skip
    append(session, event, at=at)
    return row


def decide_reader(session: WriteSession, reader: UUID, *, confirmed: bool, by: Principal, at: datetime) -> RegimeReader:
    """The second person's word on a reader; confirmed, it holds from now.

    Raises:
        NotFound: there is no such proposal where ``by`` sees holds.
        NotAllowed: ``by`` may not confirm releases.
        OwnRegime: ``by`` proposed it or benefits from it.
        RegimeDecided: it was decided, or its time is over.
    """
    row = _reader(session, reader, by)
    by.require("hold.release", entity=row.entity)
    if by.person in (row.asked_by, row.person):
        raise OwnRegime()
    if row.state != PENDING or row.valid_to <= at:
        raise RegimeDecided()
    row.state, row.decided_by, row.decided_at = CONFIRMED if confirmed else REFUSED, by.person, at
    row.valid_from = at
    session.flush()
    event = RegimeReaderDecided(
        by=by.actor,
        entity=row.entity,
        second=row.asked_by,
        outcome="done" if confirmed else "refused",
        reader=row.id,
        person=row.person,
        regime=row.regime,
    )
    append(session, event, at=at)
    return row


def end_reader(session: WriteSession, reader: UUID, *, by: Principal, at: datetime) -> None:
    """End a naming now; that needs no second person.

    Raises:
        NotFound, NotAllowed: as ``decide_reader``; who places holds may end.
        RegimeDecided: it does not hold.
    """
    row = _reader(session, reader, by)
    by.require("hold.place", entity=row.entity)
    if row.state != CONFIRMED or row.valid_to <= at:
        raise RegimeDecided()
    row.valid_to, row.ended_by = max(at, row.valid_from), by.person
    session.flush()
    event = RegimeReaderEnded(by=by.actor, entity=row.entity, reader=row.id, person=row.person, regime=row.regime)
    append(session, event, at=at)


def readers(session: ReadSession, *, by: Principal) -> list[RegimeReader]:
    """Who is, was or is to be named, in the entities in which ``by`` sees holds, the newest first."""
    seen = RegimeReader.entity.in_(by.entities_for("retention.read"))
    return list(session.scalars(select(RegimeReader).where(seen).order_by(RegimeReader.asked_at.desc())))


def _apply(
    session: WriteSession,
    row: Record,
    regime: str,
    *,
    by: Actor,
    person: UUID | None,
    at: datetime,
    second: UUID | None = None,
    hold: UUID | None = None,
    reason: str = "",
    basis: str = "",
) -> None:
    """Have a record and what was found in it stand under a regime; nothing inside stays more open than it was."""
    before = row.regime
    placement.stand_under(session, row, regime, by_person=person, at=at)
    event = RegimeChanged(
        by=by, entity=row.entity, second=second, basis=basis, record=row.id, before=before, after=regime, hold=hold,
        reason=reason,
    )  # fmt: skip
    append(session, event, at=at)
    for child in session.scalars(select(Record).where(Record.parent == row.id).order_by(Record.id)).all():
        came_along = child.regime == before and not _has_own(session, child.id)
        if is_narrower(regime, child.regime) or (came_along and child.regime != regime):
            _apply(session, child, regime, by=by, person=person, second=second, hold=hold, basis=basis, at=at)


def _has_own(session: ReadSession, record_id: UUID) -> bool:
    """Whether a record stands under its regime for itself, and not for what it was found in."""
    own = select(RegimeChange.id).where(RegimeChange.record == record_id, RegimeChange.state == DONE)
    return session.scalar(own.limit(1)) is not None


def _placed_by(session: WriteSession, record_id: UUID, by: Principal) -> Record:
    row = session.get(Record, record_id, with_for_update=True)
    if row is None or not by.may("hold.place", entity=row.entity):
        by.require("hold.place")
        raise NotFound("there is no such record where you place holds")
    file = session.get(CaseFile, row.case_file) if row.case_file is not None else None
    if file is not None and file.about_person is not None and file.about_person == by.id:
        raise OwnFile("ask a colleague")
    return row


def _reader(session: WriteSession, reader: UUID, by: Principal) -> RegimeReader:
    row = session.get(RegimeReader, reader, with_for_update=True)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such proposal")
    return row


def _reason(text: str) -> str:
    said = text.strip()
    if not 1 <= len(said) <= _LONGEST_REASON:
        raise Invalid(f"say why, in up to {_LONGEST_REASON} characters")
    return said
