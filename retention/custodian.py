"""Notices: who was told to keep what a hold reaches, in which words, and who has acknowledged that.

A hold stops this program. What people have on their desks and drives only people can keep. A notice
is written once and sealed under the hold's key; whom it went to and who has answered stays.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import people
from accounts.grants import RoleGrant, holds_at
from accounts.principal import NotAllowed, Principal
from accounts.suspensions import active_at
from audit.intake import append
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records.case_file import CaseFile, CaseFileAccess
from records.record import Record
from retention import held
from retention.held import HeldRecord, Hold
from retention.hold import HoldOver
from retention.hold_events import NoticeAcknowledged, NoticeGiven
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

LONGEST = 4_000
MOST_PEOPLE = 200


class AcknowledgedAlready(Conflict):
    """You have acknowledged this notice already."""

    code = "notice_acknowledged_already"


class HoldNotice(MainTable):
    """Words that people were told about a hold."""

    __tablename__ = "hold_notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    hold: Mapped[UUID] = mapped_column(index=True)
    words_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    given_by: Mapped[UUID]
    given_at: Mapped[datetime]


class HoldCustodian(MainTable):
    """That a notice went to a person, and when they acknowledged it."""

    __tablename__ = "hold_custodians"

    notice: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    acknowledged_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Told:
    """One notice to one person."""

    notice: UUID
    hold: UUID
    person: UUID
    given_by: UUID
    given_at: datetime
    acknowledged_at: datetime | None


def suggest(session: ReadSession, row: Hold, at: datetime) -> list[UUID]:
    """Whom to tell: staff of the departments and readers of the case files that hold what was noted, by id.

    Never whoever the hold is about: whether they are told is for a person to decide.
    """
    noted = select(HeldRecord.record).where(HeldRecord.hold == row.id)
    departments = select(Record.department).where(Record.id.in_(noted), Record.department.is_not(None))
    files = select(Record.case_file).where(Record.id.in_(noted), Record.case_file.is_not(None))
    of_files = or_(CaseFile.id.in_(files), CaseFile.id == row.case_file)
    found = set(
        session.scalars(
            select(RoleGrant.person).where(
                RoleGrant.entity == row.entity, RoleGrant.department.in_(departments), holds_at(at)
            )
        )
    )
    found |= set(session.scalars(select(CaseFile.owner).where(of_files)))
    found |= set(
        session.scalars(
            select(CaseFileAccess.person).where(
                CaseFileAccess.case_file.in_(select(CaseFile.id).where(of_files)),
                or_(CaseFileAccess.valid_to.is_(None), CaseFileAccess.valid_to > at),
            )
        )
    )
    about = set(session.scalars(select(CaseFile.about_person).where(of_files))) | {row.colleague}
    active = session.scalars(
        select(people.Person.id).where(people.Person.id.in_(found), active_at(at, people.Person.id))
    )
    return sorted(set(active) - about)


def give_notice(
    session: WriteSession,
    hold_id: UUID,
    persons: Collection[UUID],
    text: str,
    *,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> UUID:
    """Tell people of a hold in these words; gives the notice's id.

    Raises:
        NotFound: there is no such hold in the entities of ``by``, or no such person.
        NotAllowed: ``by`` may not place holds there.
        HoldOver: it is over.
        Invalid: nobody, or nothing, was named.
    """
    row = held.get_visible(session, hold_id, by)
    by.require("hold.place", entity=row.entity)
    if row.state == held.OVER:
        raise HoldOver()
    wanted, said = sorted(set(persons)), text.strip()
    if not 1 <= len(wanted) <= MOST_PEOPLE:
        raise Invalid(f"name 1 to {MOST_PEOPLE} people")
    if not 1 <= len(said) <= LONGEST:
        raise Invalid(f"write a notice of up to {LONGEST} characters")
    for person in wanted:
        people.get(session, person)
    notice, key = new_id(), keys.get(session, row.id)
    sealed = seal_text(key, row.id, notice, "notice", said)
    session.add(HoldNotice(id=notice, hold=row.id, words_sealed=sealed, given_by=by.person, given_at=at))
    for person in wanted:
        session.add(HoldCustodian(notice=notice, person=person, acknowledged_at=None))
    session.flush()
    event = NoticeGiven(by=by.actor, entity=row.entity, hold=row.id, words={"notice": said}, people=tuple(wanted))
    append(session, event, at=at)
    return notice


def acknowledge(session: WriteSession, notice_id: UUID, *, by: Principal, at: datetime) -> None:
    """Say, for oneself, that a notice was read and is followed.

    Raises:
        NotAllowed: somebody at the command line acts for them.
        NotFound: there is no such notice to ``by``.
        AcknowledgedAlready: they have.
    """
    if by.kind != "person":
        raise NotAllowed("only the person themselves can say so")
    row = session.get(HoldCustodian, (notice_id, by.person), with_for_update=True)
    if row is None:
        raise NotFound("there is no such notice to you")
    if row.acknowledged_at is not None:
        raise AcknowledgedAlready()
    row.acknowledged_at = at
    session.flush()
    of = session.get_one(Hold, session.get_one(HoldNotice, notice_id).hold)
    append(session, NoticeAcknowledged(by=by.actor, entity=of.entity, hold=of.id), at=at)


def told(session: ReadSession, hold_id: UUID) -> list[Told]:
    """Everybody who was told of a hold, the first notice first."""
    return _told(session, HoldNotice.hold == hold_id)


def told_me(session: ReadSession, person: UUID) -> list[Told]:
    """The notices to a person about holds in force, those that wait for their word first."""
    in_force = HoldNotice.hold.in_(select(Hold.id).where(Hold.state != held.OVER))
    rows = _told(session, (HoldCustodian.person == person) & in_force)
    return sorted(rows, key=lambda row: row.acknowledged_at is not None)


def waiting_for(session: ReadSession, person: UUID) -> int:
    """How many notices about holds in force wait for the word of a person."""
    mine = (HoldCustodian.person == person) & HoldCustodian.acknowledged_at.is_(None)
    in_force = HoldNotice.hold.in_(select(Hold.id).where(Hold.state != held.OVER))
    joined = select(func.count()).select_from(HoldCustodian).join(HoldNotice, HoldNotice.id == HoldCustodian.notice)
    return session.scalars(joined.where(mine, in_force)).one()


def text_of(session: ReadSession, notice_id: UUID, keys: Keyring) -> str:
    """The words of a notice, for whoever it went to and those who see the hold.

    Raises:
        Shredded: the hold's key is gone.
    """
    row = session.get_one(HoldNotice, notice_id)
    return open_text(keys.get(session, row.hold), row.hold, row.id, "notice", row.words_sealed)


def _told(session: ReadSession, where: ColumnElement[bool]) -> list[Told]:
    rows = session.execute(
        select(
            HoldNotice.id,
            HoldNotice.hold,
            HoldCustodian.person,
            HoldNotice.given_by,
            HoldNotice.given_at,
            HoldCustodian.acknowledged_at,
        )
        .join(HoldCustodian, HoldCustodian.notice == HoldNotice.id)
        .where(where)
        .order_by(HoldNotice.given_at, HoldCustodian.person)
    )
    return [Told(*row) for row in rows]
