"""How far the change intake was moved into the log, noted in the log's own database.

Written in the transaction that appends the rows' entries, so that it never says more or
less than the log holds.
"""

from sqlalchemy import Connection, SmallInteger, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.database import LogTable, ReadSession


class AuditIntakeMark(LogTable):
    """How far the change intake was moved into the log; one row, written with the entries."""

    __tablename__ = "audit_intake_mark"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    high: Mapped[int]
    """Highest intake number moved so far."""
    moved: Mapped[int]
    """How many rows were moved; less than ``high`` where rows vanished before they could be."""


def intake_mark(session: ReadSession) -> tuple[int, int]:
    """Highest intake number moved so far, and how many rows were moved."""
    row = session.execute(select(AuditIntakeMark.high, AuditIntakeMark.moved)).one_or_none()
    return (0, 0) if row is None else (row.high, row.moved)


def advance_mark(connection: Connection, high: int, moved: int) -> None:
    """Note in the transaction of the entries that ``moved`` rows up to number ``high`` are in the log."""
    row = connection.execute(select(AuditIntakeMark.high)).one_or_none()
    if row is None:
        connection.execute(insert(AuditIntakeMark), [{"id": 1, "high": high, "moved": moved}])
    else:
        connection.execute(
            update(AuditIntakeMark).values(high=max(high, row.high), moved=AuditIntakeMark.moved + moved)
        )
