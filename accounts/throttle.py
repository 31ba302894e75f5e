"""Throttling of sign-ins: growing delays, then a lock of fifteen minutes.

Counted per name and per network address, each under a keyed fingerprint. An attempt is
counted before its password is looked at, so that a thousand at once gain nothing; one that
succeeds is taken back. Names that nobody has are counted like the others and answer alike.
"""

import ipaddress
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import LargeBinary, String, delete
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, WriteSession

Kind = Literal["name", "address"]

LOCK = timedelta(minutes=15)
FORGET = timedelta(hours=24)
"""Without an attempt for so long, the count starts anew."""
FREE: dict[Kind, int] = {"name": 3, "address": 20}
"""Attempts without delay: an address may be that of a whole office."""
LOCKED_FROM: dict[Kind, int] = {"name": 10, "address": 60}
"""From this many attempts without success each one more locks."""


class Throttle(MainTable):
    """Attempts without success for one name or from one address."""

    __tablename__ = "sign_in_throttles"

    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    last_at: Mapped[datetime]


def pause_after(kind: Kind, attempts: int) -> timedelta:
    """How long to wait after that many attempts without success: 0, 1, 2, 4, 8 … seconds, then the lock."""
    if attempts >= LOCKED_FROM[kind]:
        return LOCK
    beyond = attempts - FREE[kind]
    return timedelta(0) if beyond < 0 else min(timedelta(seconds=2 ** min(beyond, 10)), LOCK)


def wait(session: WriteSession, kind: Kind, fingerprint: bytes, at: datetime) -> timedelta:
    """How long this name or address has to wait still; zero if it may try now."""
    row = session.get(Throttle, fingerprint)
    if row is None or at >= row.last_at + FORGET:
        return timedelta(0)
    return max(timedelta(0), row.last_at + pause_after(kind, row.attempts) - at)


def count(session: WriteSession, kind: Kind, fingerprint: bytes, at: datetime) -> bool:
    """Count an attempt; tells whether it locks, should it fail."""
    row = session.get(Throttle, fingerprint)
    if row is None:
        row = Throttle(fingerprint=fingerprint, kind=kind, attempts=0, last_at=at)
        session.add(row)
    elif at >= row.last_at + FORGET:
        row.attempts = 0
    row.attempts, row.last_at = row.attempts + 1, at
    session.flush()
    return pause_after(kind, row.attempts) == LOCK


def forgive(session: WriteSession, kind: Kind, fingerprint: bytes) -> None:
    """Take back an attempt that succeeded: a name starts anew, an address is one attempt better.

    Otherwise whoever has one account of their own could clear the address between guesses.
    """
    row = session.get(Throttle, fingerprint)
    if row is None:
        return
    row.attempts = 0 if kind == "name" else max(0, row.attempts - 1)
    if row.attempts == 0:
        session.delete(row)
    session.flush()


def forget(session: WriteSession, *, at: datetime) -> int:
    """Delete the counts that matter no more; tells how many."""
    rows = session.execute(delete(Throttle).where(Throttle.last_at <= at - FORGET).returning(Throttle.fingerprint))
    return len(rows.all())


def network_of(address: str) -> str:
    """What one attacker has: an IPv4 address, or a /64 of IPv6; other words stay as they are."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)
