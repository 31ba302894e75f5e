"""Locks of objects: what a store that can lock promises, and how long a lock should be.

Only ``COMPLIANCE`` counts: nobody, not even the store's own administrator, shortens or lifts it
before its day. ``GOVERNANCE`` can be bypassed by whoever has the right, so it is never shown as WORM.
A lock that is too long blocks a correction or a lawful erasure for years: so it reaches 13 months
ahead at most, and is prolonged month by month (setting ``object_lock_full_length`` lifts that).
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol, runtime_checkable

from core.errors import Conflict
from vault.store import ObjectStore

COMPLIANCE = "COMPLIANCE"
AHEAD_MONTHS = 13
AWAITING_MONTHS = 12


class ObjectLocked(Conflict):
    """The store keeps the object until its lock or hold ends; without their key the bytes stay unreadable."""

    code = "object_locked"


class LockRefused(Conflict):
    """The store did not take the lock as asked."""

    code = "object_lock_refused"


@dataclass(frozen=True, slots=True)
class Lock:
    """What the store says of one version, read back from it."""

    mode: str | None
    """``COMPLIANCE``, ``GOVERNANCE`` or none."""
    until: datetime | None
    held: bool
    """A legal hold lies on it, without an end."""

    @property
    def is_worm(self) -> bool:
        """Whether it cannot be deleted by anybody today, as far as mode and date tell."""
        return self.held or (self.mode == COMPLIANCE and self.until is not None)


@runtime_checkable
class LockingStore(ObjectStore, Protocol):
    """An object store that can lock versions. A lock is of one version, and only ever grows."""

    def lock(self, key: str, version: str, until: datetime) -> Lock:
        """Lock a version in mode ``COMPLIANCE`` until an instant, and tell what the store says of it afterwards.

        Raises:
            LockRefused: it would be shorter than the one that is there, or the store says something else afterwards.
            ObjectMissing: there is no such object or version.
        """

    def hold(self, key: str, version: str, held: bool) -> Lock:
        """Lay a legal hold on a version or lift it, and tell what the store says afterwards.

        Raises:
            LockRefused: the store says something else afterwards.
            ObjectMissing: there is no such object or version.
        """

    def lock_of(self, key: str, version: str) -> Lock:
        """What the store says of a version now.

        Raises:
            ObjectMissing: there is no such object or version.
        """


def lock_until(*, today: date, retain_through: date | None, full_length: bool = False) -> datetime:
    """Until when an original under a statutory minimum is locked.

    ``retain_through`` is the last day it must be kept; ``None`` where the period awaits its
    trigger: then 12 months from today, rolling. The lock ends with that day (UTC).
    """
    if retain_through is None:
        last = plus_months(today, AWAITING_MONTHS)
    elif full_length:
        last = retain_through
    else:
        last = min(retain_through, plus_months(today, AHEAD_MONTHS))
    return datetime.combine(last + timedelta(days=1), time(), UTC)


def plus_months(day: date, months: int) -> date:
    """The same day so many months later, or the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
