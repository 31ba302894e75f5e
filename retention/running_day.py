"""The days on which the system ran, and the days of grace counted by them.

Between an approval and its execution people have some days in which they may still undo it. A day on which the
system stood still gave nobody that chance, so it does not count; nor does a day that the clock only jumped over.
Grace is over when both hold: its days have passed by the calendar, and the system ran on as many days after the
day of the approval.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import Date, func, select
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import civil_date
from core.database import MainTable, ReadSession, WriteSession, insert_for


class RunningDay(MainTable):
    """A day, in the zone of the installation, on which the retention jobs looked at their work."""

    __tablename__ = "running_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    first_at: Mapped[datetime]


def note(session: WriteSession, *, zone: str, at: datetime) -> None:
    """Note that the system runs today; once a day is enough, and twice does no harm."""
    row = insert_for(session, RunningDay).values(day=civil_date(at, zone), first_at=at)
    session.execute(row.on_conflict_do_nothing(index_elements=["day"]))


def count(session: ReadSession, *, after: date, through: date) -> int:
    """On how many days after ``after``, and not later than ``through``, the system ran."""
    days = select(func.count()).where(RunningDay.day > after, RunningDay.day <= through)
    return session.scalar(days) or 0


def first(session: ReadSession) -> datetime | None:
    """When the jobs looked at their work for the first time."""
    return session.scalar(select(func.min(RunningDay.first_at)))


def grace_is_over(session: ReadSession, approved_at: datetime, days: int, *, zone: str, at: datetime) -> bool:
    """Whether what was approved with ``days`` of grace may be executed at ``at``."""
    return is_over(
        approved_at,
        days,
        ran=count(session, after=civil_date(approved_at, zone), through=civil_date(at, zone)),
        at=at,
    )


def is_over(approved_at: datetime, days: int, *, ran: int, at: datetime) -> bool:
    """The rule: the days have passed, and on as many after the day of the approval the system ``ran``."""
    return at - approved_at >= timedelta(days=days) and ran >= days


def days_left(approved_at: datetime, days: int, *, ran: int, at: datetime) -> int:
    """How many days of grace are left at least; more if the system stands still."""
    passed = max((at - approved_at).days, 0)
    return max(days - min(passed, ran), 0)
