"""Alarms and reminders: what waits too long, or is about to be late. Raised and ended by the retention jobs.

One row stands for one thing that is wrong, however often a job finds it. The first finding is a reminder; what is
still so after some days is escalated. What is no longer found ends by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Date, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit.intake import append
from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id
from retention.run_events import AlarmRaised

REMINDER, ESCALATED = 1, 2
ESCALATE_AFTER = timedelta(days=7)

REVIEW_OVERDUE = "review_overdue"
APPROVAL_OVERDUE = "approval_overdue"
TRANSFER_OVERDUE = "transfer_overdue"
CEILING_NEAR = "ceiling_near"
CEILING_BREACHED = "ceiling_breached"
RULE_REVIEW_DUE = "rule_review_due"
HOLD_REVIEW_DUE = "hold_review_due"
UNCLASSIFIED = "unclassified"
FIXITY = "fixity_mismatch"
PACKAGE_FIXITY = "package_fixity_mismatch"
CLOCK = "clock_in_doubt"
TOO_MUCH = "run_stopped"
AT_ONCE = frozenset({CEILING_BREACHED, FIXITY, PACKAGE_FIXITY})
"""Nobody is reminded of these first."""


class RetentionAlarm(MainTable):
    """One alarm."""

    __tablename__ = "retention_alarms"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(30), index=True)
    entity: Mapped[UUID | None]
    """``None`` where it concerns the whole installation."""
    subject: Mapped[UUID | None]
    """The batch, rule, hold or stored object; ``None`` where it is about a class or all of an entity."""
    about: Mapped[str] = mapped_column(String(80))
    """Code of the record class, or of what is wrong; empty where there is none."""
    records: Mapped[int]
    """How many things it is about, at the last finding."""
    due_on: Mapped[date | None] = mapped_column(Date)
    """The day it is about: a ceiling, or when something was to be reviewed."""
    level: Mapped[int]
    raised_at: Mapped[datetime]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a job found to be wrong."""

    entity: UUID | None
    subject: UUID | None = None
    about: str = ""
    records: int = 1
    due_on: date | None = None

    @property
    def key(self) -> tuple[UUID | None, UUID | None, str]:
        """What makes it the same thing at the next finding."""
        return self.entity, self.subject, self.about


@dataclass(slots=True)
class Raised:
    """What became of what a job found."""

    new: int = 0
    escalated: int = 0
    ended: int = 0
    open: int = 0

    def to_counts(self, code: str) -> Mapping[str, int]:
        """As a report tells it; what is nothing is left out."""
        told = {"open": self.open, "new": self.new, "escalated": self.escalated, "ended": self.ended}
        return {f"{code}_{name}": value for name, value in told.items() if value}


def settle(session: WriteSession, code: str, found: Iterable[Found], *, at: datetime) -> Raised:
    """Make the open alarms of ``code`` those that were ``found``: raise, escalate and end what differs."""
    result = Raised()
    rows = session.scalars(
        select(RetentionAlarm)
        .where(RetentionAlarm.code == code, RetentionAlarm.ended_at.is_(None))
        .order_by(RetentionAlarm.id)
        .with_for_update()
    )
    open_rows = {(row.entity, row.subject, row.about): row for row in rows}
    for each in found:
        row = open_rows.pop(each.key, None)
        if row is None:
            row = RetentionAlarm(
                id=new_id(), code=code, entity=each.entity, subject=each.subject, about=each.about,
                level=ESCALATED if code in AT_ONCE else REMINDER, raised_at=at,
                records=each.records, due_on=each.due_on, found_at=at,
            )  # fmt: skip
            session.add(row)
            result.new += 1
            _tell(session, row, at)
        elif row.level == REMINDER and at - row.raised_at >= ESCALATE_AFTER:
            row.level = ESCALATED
            result.escalated += 1
            _tell(session, row, at)
        row.records, row.due_on, row.found_at = each.records, each.due_on, at
        result.open += 1
    for row in open_rows.values():
        row.ended_at = at
        result.ended += 1
    session.flush()
    return result


def visible(session: ReadSession, *, by: Principal) -> list[RetentionAlarm]:
    """The open alarms of the entities whose retention ``by`` sees, and of the installation; the gravest first."""
    by.require("retention.read")
    rows = session.scalars(
        select(RetentionAlarm)
        .where(RetentionAlarm.ended_at.is_(None))
        .order_by(RetentionAlarm.level.desc(), RetentionAlarm.raised_at, RetentionAlarm.id)
    )
    return [row for row in rows if row.entity is None or by.may("retention.read", entity=row.entity)]


def _tell(session: WriteSession, row: RetentionAlarm, at: datetime) -> None:
    event = AlarmRaised(entity=row.entity, alarm=row.id, code=row.code, level=row.level, records=row.records)
    append(session, event, at=at)
