"""Leases of processes: of keeper and beat only one acts at a time, wherever it runs.

A lease names its holder (host and process incarnation). It is renewed every 20 s, expires
60 s after the last renewal, and is voided at once by whoever saw its holder end.
"""

import os
import secrets
import socket
from datetime import datetime, timedelta

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, WriteSession, insert_for

LEASE = timedelta(seconds=60)
RENEW_SECONDS = 20.0


class ProcessLease(MainTable):
    """Who acts as ``name`` now."""

    __tablename__ = "process_leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(120))
    until: Mapped[datetime]


def incarnation(name: str) -> str:
    """A holder's name that no other process on any host has, now or later."""
    return f"{socket.gethostname()}/{name}/{os.getpid()}/{secrets.token_hex(4)}"


def take(session: WriteSession, name: str, *, holder: str, at: datetime) -> bool:
    """Take or renew a lease; ``False`` while another holder has it."""
    session.execute(
        insert_for(session, ProcessLease)
        .values(name=name, holder=holder, until=at + LEASE)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    row = session.get_one(ProcessLease, name, with_for_update=True)
    if row.holder != holder and row.until > at:
        return False
    row.holder, row.until = holder, at + LEASE
    return True


def void(session: WriteSession, holder: str) -> None:
    """Give up all leases of a holder that is known to have ended."""
    session.execute(delete(ProcessLease).where(ProcessLease.holder == holder))


def void_matching(session: WriteSession, beginning: str) -> None:
    """Give up all leases of holders whose names begin so: see ``holders_of`` and ``holders_of_host``."""
    session.execute(delete(ProcessLease).where(ProcessLease.holder.startswith(beginning, autoescape=True)))


def holders_of(name: str, pid: int) -> str:
    """How the names of all incarnations of that process of this host begin."""
    return f"{socket.gethostname()}/{name}/{pid}/"


def holders_of_host() -> str:
    """How the names of all holders on this host begin: for the one server of a data folder, at its start."""
    return f"{socket.gethostname()}/"
