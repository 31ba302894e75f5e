"""Looking at holds again: each has a day of review, its owner is reminded, and it stays in force meanwhile."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import Conflict, Invalid
from retention import hold_events as events
from retention.held import OVER, Hold
from retention.hold_order import locked

LONGEST_REVIEW = timedelta(days=366)


class HoldOver(Conflict):
    """The hold is over."""

    code = "hold_over"


def review(session: WriteSession, hold_id: UUID, review_on: date, *, by: Principal, at: datetime) -> Hold:
    """Say that a hold was looked at and is still needed, and when to look at it next.

    Raises:
        NotFound, NotAllowed, HoldOver: as ``ask_release``.
        Invalid: the day is not ahead, or more than a year away.
    """
    row = locked(session, hold_id, by)
    by.require("hold.place", entity=row.entity)
    if row.state == OVER:
        raise HoldOver()
    check_review(review_on, civil_date(at, entities.get(session, row.entity).zone))
    row.review_on, row.reminded_on = review_on, None
    session.flush()
    append(session, events.HoldReviewed(by=by.actor, entity=row.entity, hold=row.id, review=review_on), at=at)
    return row


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


def check_review(review_on: date, today: date) -> None:
    """Pass if a hold may wait so long to be looked at again.

    Raises:
        Invalid: the day is not ahead, or more than a year away.
    """
    if not today < review_on <= today + LONGEST_REVIEW:
        raise Invalid("a hold is looked at again within a year; give a day ahead")
