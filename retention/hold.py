"""Holds: what stops destruction, for whom, until when, and the two persons it takes to end one.

A legal hold, a tax audit, a restriction (GDPR Art. 18) or an open request blocks by its scope from the
transaction that places it: placing takes one person. Releasing takes a second, destroys nothing
and makes nothing eligible by itself: that is for the next run to find out. ``blockers_of`` is what
everything that destroys asks; where it is not known whether a query reaches a record, it blocks.

Placing, releasing and lapsing take the entity's counter row first (``lock_holds``), and so does whoever
approves or executes: one of them comes first, and the other sees what it did.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from accounts import entities, people
from accounts.principal import NotAllowed, Principal
from audit.intake import append
from core import jobs
from core.clock import civil_date
from core.database import ReadSession, WriteSession, insert_for
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records.case_file import CaseFile, OwnFile
from records.party import Party
from records.record import Record
from retention import hold_catch, hold_scope
from retention import hold_events as events
from retention.blocker import Blocker, blockers_of
from retention.held import (
    ACTIVE,
    ASKED,
    OVER,
    Hold,
    HoldCounter,
    HoldParty,
    get_visible,
    opened_words,
)
from retention.hold_scope import QUERY, RECORDS, TAX, Scope, in_pieces
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

__all__ = [
    "Blocker",
    "NewHold",
    "ask_release",
    "blockers_of",
    "decide_release",
    "holds_due",
    "lapse_due",
    "lock_holds",
    "note_reminded",
    "place",
    "review",
]

LEGAL_HOLD, TAX_AUDIT, RESTRICTION, OPEN_REQUEST = "legal_hold", "tax_audit", "restriction", "open_request"
KINDS: tuple[str, ...] = (LEGAL_HOLD, TAX_AUDIT, RESTRICTION, OPEN_REQUEST)
LONGEST_REVIEW = timedelta(days=366)
_LENGTHS = {"title": 120, "reason": 2_000, "authority": 200}


class SameReleaser(NotAllowed):
    """Somebody else than who asked for the release has to confirm it."""

    code = "same_releaser"


class ReleaseAskedAlready(Conflict):
    """Its release was asked for already."""

    code = "release_asked_already"


class ReleaseNotAsked(Conflict):
    """Nobody has asked for its release, or that was decided already."""

    code = "release_not_asked"


class HoldOver(Conflict):
    """The hold is over."""

    code = "hold_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    """A hold to be placed."""

    entity: UUID
    kind: str
    scope: Scope
    title: str
    reason: str
    authority: str
    """What it rests on: a court's file number, a letter, an article of law."""
    review_on: date
    owner: UUID | None = None
    """Who looks after it; whoever places it, unless named."""


def lock_holds(session: WriteSession, entity: UUID) -> int:
    """Take the entity's place in the order of holds, until COMMIT; gives how often its holds have changed.

    Whoever approves or destroys takes it before asking ``blockers_of``: a hold placed at the same time
    then either is seen, or comes after.
    """
    once = insert_for(session, HoldCounter).values(entity=entity, changes=0)
    session.execute(once.on_conflict_do_nothing(index_elements=["entity"]))
    row = select(HoldCounter.changes).where(HoldCounter.entity == entity).with_for_update()
    return session.scalars(row).one()


def place(session: WriteSession, new: NewHold, *, found: int = 0, by: Principal, at: datetime, keys: Keyring) -> Hold:
    """Place a hold: from this transaction's end on nothing that it reaches is destroyed.

    ``found``: how many records it reaches now, for the log. A job then notes them one by one.

    Raises:
        NotAllowed: ``by`` may not place holds in this entity.
        OwnFile: it reaches the case file about them.
        NotFound: there is no such record, case file, party or person in the entity.
        Invalid, UnknownRecordClass: the detail says what is missing or wrong.
    """
    # Only here: it asks for holds itself.
    from retention import approval

    by.require("hold.place", entity=new.entity)
    zone = entities.get(session, new.entity).zone
    words = _check(new, civil_date(at, zone))
    scope = new.scope
    _check_targets(session, new, by)
    counter = _change(session, new.entity)
    row = Hold(
        id=new_id(),
        entity=new.entity,
        kind=new.kind,
        scope=scope.kind,
        case_file=scope.case_file,
        colleague=scope.colleague,
        classes=sorted(set(scope.classes)),
        first_year=scope.first_year,
        last_year=scope.last_year,
        open_until=scope.open_until,
        owner=new.owner or by.person,
        review_on=new.review_on,
        state=ACTIVE,
        placed_by=by.person,
        placed_at=at,
    )
    key = keys.create(session, row.id, kind="hold", at=at)
    row.words_sealed = seal_text(key, row.id, None, "words", json.dumps(words))
    session.add(row)
    for party in sorted(set(scope.parties)):
        session.add(HoldParty(hold=row.id, party=party))
    session.flush()
    event = events.HoldPlaced(
        by=by.actor,
        entity=row.entity,
        hold=row.id,
        words=words,
        kind=row.kind,
        scope=row.scope,
        found=found,
        review=row.review_on,
        file=row.case_file,
        classes=tuple(row.classes),
        first_year=row.first_year,
        last_year=row.last_year,
        open_until=row.open_until,
        counter=counter,
    )
    append(session, event, at=at)
    for piece in in_pieces(sorted(set(scope.records))):
        hold_catch.note(session, row, piece, by=by, at=at)
    _ask_to_go_through(session, row, at)
    approval.void_blocked(session, row.entity, at=at, by=by.actor)
    return row


def ask_release(
    session: WriteSession, hold_id: UUID, reason: str, *, by: Principal, at: datetime, keys: Keyring
) -> Hold:
    """Ask for the release of a hold. Until a second person confirms it, it blocks as before.

    Raises:
        NotFound: there is no such hold in the entities of ``by``.
        NotAllowed: ``by`` may not ask for that.
        HoldOver, ReleaseAskedAlready: it is over, or waits for its second person.
        Invalid: no reason was given.
    """
    row = _locked(session, hold_id, by)
    by.require("hold.place", entity=row.entity)
    _not_about(session, row, by)
    said = " ".join(reason.split())
    if not 1 <= len(said) <= _LENGTHS["reason"]:
        raise Invalid(f"say why, in up to {_LENGTHS['reason']} characters")
    if row.state == OVER:
        raise HoldOver()
    if row.state == ASKED:
        raise ReleaseAskedAlready("it waits for a second person")
    key = keys.get(session, row.id)
    words = opened_words(open_text(key, row.id, None, "words", row.words_sealed)) | {"release": said}
    row.words_sealed = seal_text(key, row.id, None, "words", json.dumps(words))
    row.state, row.asked_by, row.asked_at = ASKED, by.person, at
    session.flush()
    event = events.ReleaseAsked(by=by.actor, entity=row.entity, hold=row.id, words={"release": said})
    append(session, event, at=at)
    return row


def decide_release(session: WriteSession, hold_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> Hold:
    """The second person's word on a release; who asked for it may only take it back.

    Raises:
        NotFound: there is no such hold in the entities of ``by``.
        NotAllowed: ``by`` may not confirm releases.
        SameReleaser: ``by`` asked for it.
        ReleaseNotAsked: nobody has, or it was decided already.
    """
    row = _locked(session, hold_id, by)
    if row.asked_by != by.person or confirmed:
        by.require("hold.release", entity=row.entity)
    _not_about(session, row, by)
    if row.state != ASKED:
        raise ReleaseNotAsked("load it again")
    if confirmed and row.asked_by == by.person:
        raise SameReleaser()
    asked_by = row.asked_by
    if confirmed:
        _end(session, row, by.person, at)
    else:
        row.state, row.asked_by, row.asked_at = ACTIVE, None, None
    session.flush()
    event = events.ReleaseDecided(
        by=by.actor,
        entity=row.entity,
        second=asked_by,
        outcome="done" if confirmed else "refused",
        hold=row.id,
    )
    append(session, event, at=at)
    return row


def review(session: WriteSession, hold_id: UUID, review_on: date, *, by: Principal, at: datetime) -> Hold:
    """Say that a hold was looked at and is still needed, and when to look at it next.

    Raises:
        NotFound, NotAllowed, HoldOver: as ``ask_release``.
        Invalid: the day is not ahead, or more than a year away.
    """
    row = _locked(session, hold_id, by)
    by.require("hold.place", entity=row.entity)
    if row.state == OVER:
        raise HoldOver()
    _check_review(review_on, civil_date(at, entities.get(session, row.entity).zone))
    row.review_on, row.reminded_on = review_on, None
    session.flush()
    append(session, events.HoldReviewed(by=by.actor, entity=row.entity, hold=row.id, review=review_on), at=at)
    return row


def lapse_due(session: WriteSession, *, by: Principal, at: datetime) -> list[UUID]:
    """End the holds whose years can no longer be assessed since yesterday; tells which.

    For the end of a run, so that nothing becomes eligible in the same one.
    """
    lapsed = []
    wanted = select(Hold.id, Hold.entity, Hold.open_until).where(Hold.state != OVER, Hold.open_until.is_not(None))
    for hold_id, entity, open_until in session.execute(wanted).all():
        if open_until is None or open_until >= civil_date(at, entities.get(session, entity).zone):
            continue
        _change(session, entity)
        row = session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
        if row is None or row.state == OVER:
            continue
        _end(session, row, None, at, counted=True)
        session.flush()
        append(session, events.HoldLapsed(by=by.actor, entity=entity, hold=hold_id), at=at)
        lapsed.append(hold_id)
    return lapsed


def holds_due(session: ReadSession, today: date) -> list[Hold]:
    """Holds whose day of review has come and whose owner was not reminded in the last seven days."""
    again = today - timedelta(days=7)
    rows = session.scalars(
        select(Hold).where(Hold.state != OVER, Hold.review_on <= today).order_by(Hold.review_on, Hold.id)
    )
    return [row for row in rows if row.reminded_on is None or row.reminded_on <= again]


def note_reminded(session: WriteSession, hold_id: UUID, today: date, *, by: Principal, at: datetime) -> None:
    """Note that the owner of a hold was reminded of its review."""
    row = session.get(Hold, hold_id, with_for_update=True)
    if row is not None and row.state != OVER:
        row.reminded_on = today
        append(session, events.ReviewDue(by=by.actor, entity=row.entity, hold=row.id), at=at)


def _ask_to_go_through(session: WriteSession, row: Hold, at: datetime) -> None:
    """Leave the job that notes what a hold reaches, or that it is over, record by record."""
    jobs.add(
        session,
        "retention.hold",
        queue="maintenance",
        at=at,
        subject=row.id,
        key=f"retention.hold/{row.id.hex}",
        hold=row.id,
    )


def _end(session: WriteSession, row: Hold, person: UUID | None, at: datetime, *, counted: bool = False) -> None:
    if not counted:
        _change(session, row.entity)
    row.state, row.ended_by, row.ended_at = OVER, person, at
    _ask_to_go_through(session, row, at)


def _change(session: WriteSession, entity: UUID) -> int:
    counter = lock_holds(session, entity) + 1
    session.get_one(HoldCounter, entity, populate_existing=True).changes = counter
    return counter


def _locked(session: WriteSession, hold_id: UUID, by: Principal) -> Hold:
    row = get_visible(session, hold_id, by)
    # The counter first, as everybody does, and then the row as it stands by then.
    lock_holds(session, row.entity)
    return session.get_one(Hold, hold_id, with_for_update=True, populate_existing=True)


def _check(new: NewHold, today: date) -> Mapping[str, str]:
    if new.kind not in KINDS:
        raise Invalid(f"the kind of a hold is one of {', '.join(KINDS)}")
    hold_scope.check(new.scope, today)
    if (new.scope.kind == TAX) is not (new.kind == TAX_AUDIT):
        raise Invalid("a tax audit reaches tax years, and nothing else does")
    words = {"title": " ".join(new.title.split()), "authority": " ".join(new.authority.split())}
    words |= {"reason": new.reason.strip()}
    for name, most in _LENGTHS.items():
        if not 1 <= len(words[name]) <= most:
            raise Invalid(f"give the hold a name, a reason and an authority ({name}: up to {most} characters)")
    if new.scope.kind == QUERY:
        words["query"] = new.scope.query
    _check_review(new.review_on, today)
    return words


def _check_review(review_on: date, today: date) -> None:
    if not today < review_on <= today + LONGEST_REVIEW:
        raise Invalid("a hold is looked at again within a year; give a day ahead")


def _check_targets(session: ReadSession, new: NewHold, by: Principal) -> None:
    scope = new.scope
    if scope.kind == RECORDS:
        known: set[UUID] = set()
        for piece in in_pieces(scope.records):
            known |= set(session.scalars(select(Record.id).where(Record.id.in_(piece), Record.entity == new.entity)))
        if missing := len(set(scope.records) - known):
            raise NotFound(f"{missing} of the records do not exist in this legal entity")
    if scope.case_file is not None:
        file = session.get(CaseFile, scope.case_file)
        if file is None or file.entity != new.entity:
            raise NotFound("there is no such case file in this legal entity")
        if file.about_person is not None and file.about_person == by.id:
            raise OwnFile("ask a colleague")
    if scope.colleague is not None:
        people.get(session, scope.colleague)
        if scope.colleague == by.id:
            raise OwnFile("ask a colleague")
    for party in scope.parties:
        row = session.get(Party, party)
        if row is None or row.entity != new.entity:
            raise NotFound("there is no such party in this legal entity")
    if new.owner is not None:
        people.get(session, new.owner)


def _not_about(session: ReadSession, row: Hold, by: Principal) -> None:
    file = session.get(CaseFile, row.case_file) if row.case_file is not None else None
    if by.id is not None and by.id in (row.colleague, file.about_person if file is not None else None):
        raise OwnFile("ask a colleague")
