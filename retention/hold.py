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
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from accounts import entities, people
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import Invalid, NotFound
from core.identifiers import new_id
from records.case_file import CaseFile, OwnFile
from records.party import Party
from records.record import Record
from retention import hold_catch, hold_scope, voiding
from retention import hold_events as events
from retention.blocker import Blocker, blockers_of
from retention.held import ACTIVE, Hold, HoldParty
from retention.hold_order import ask_to_go_through, count_change, lock_holds
from retention.hold_release import (
    ReleaseAskedAlready,
    ReleaseNotAsked,
    SameReleaser,
    ask_release,
    decide_release,
    lapse_due,
)
from retention.hold_review import HoldOver, check_review, holds_due, note_reminded, review
from retention.hold_scope import QUERY, RECORDS, TAX, Scope, in_pieces
from vault.keyring import Keyring
from vault.sealed import seal_text

__all__ = [
    "KINDS",
    "LEGAL_HOLD",
    "OPEN_REQUEST",
    "RESTRICTION",
    "TAX_AUDIT",
    "Blocker",
    "HoldOver",
    "NewHold",
    "ReleaseAskedAlready",
    "ReleaseNotAsked",
    "SameReleaser",
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
_LENGTHS = {"title": 120, "reason": 2_000, "authority": 200}


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


def place(session: WriteSession, new: NewHold, *, found: int = 0, by: Principal, at: datetime, keys: Keyring) -> Hold:
    """Place a hold: from this transaction's end on nothing that it reaches is destroyed.

    ``found``: how many records it reaches now, for the log. A job then notes them one by one.

    Raises:
        NotAllowed: ``by`` may not place holds in this entity.
        OwnFile: it reaches the case file about them.
        NotFound: there is no such record, case file, party or person in the entity.
        Invalid, UnknownRecordClass: the detail says what is missing or wrong.
    """
    by.require("hold.place", entity=new.entity)
    zone = entities.get(session, new.entity).zone
    words = _check(new, civil_date(at, zone))
    scope = new.scope
    _check_targets(session, new, by)
    counter = count_change(session, new.entity)
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
    ask_to_go_through(session, row, at)
    voiding.void_blocked(session, row.entity, at=at, by=by.actor)
    return row


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
    check_review(new.review_on, today)
    return words


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
