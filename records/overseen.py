"""What those who oversee may know of a record without its content: number, class, place, case file.

Of a destroyed record it is what its stub still tells.

Nothing sealed: no title, no name of a file, a party or a person. Each answer is of the legal
entities in which the asker oversees (``audit.read``); anything else does not exist for them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.principal import Principal
from core.database import ReadSession
from core.errors import NotFound
from core.identifiers import parse_record_number
from records.case_file import CaseFile
from records.placement import Placement
from records.record import Record
from records.stub import RecordStub

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Overseen:
    """A record, as those see it who oversee; department and case file are not known of a destroyed one."""

    id: UUID
    number: str
    entity: UUID
    record_class: str | None
    department: UUID | None
    case_file: UUID | None
    captured_at: datetime
    is_destroyed: bool = False


_FACTS = (
    Record.id,
    Record.number,
    Record.entity,
    Record.record_class,
    Record.department,
    Record.case_file,
    Record.captured_at,
)


def entities_of(by: Principal) -> frozenset[UUID]:
    """The legal entities in which ``by`` oversees."""
    return by.entities_for("audit.read")


def get(session: ReadSession, asked: str, by: Principal) -> Overseen:
    """The record of an id or a number, as a person would write either.

    Raises:
        NotFound: there is none in the places ``by`` oversees.
    """
    number = parse_record_number(asked)
    identifier = None if number is not None else _id(asked)
    if number is None and identifier is None:
        raise NotFound("this is neither a record number nor an id")
    condition = Record.number == number if number is not None else Record.id == identifier
    row = session.execute(select(*_FACTS).where(condition, Record.entity.in_(entities_of(by)))).one_or_none()
    if row is not None:
        return Overseen(*row)
    condition = RecordStub.number == number if number is not None else RecordStub.record == identifier
    left = session.scalar(select(RecordStub).where(condition, RecordStub.entity.in_(entities_of(by))))
    if left is None:
        raise NotFound("there is no such record in the legal entities you oversee")
    return _destroyed(left)


def find(session: ReadSession, ids: Iterable[UUID], by: Principal) -> dict[UUID, Overseen]:
    """Those of the records that are in the places ``by`` oversees, by id."""
    wanted, entities = list(dict.fromkeys(ids)), entities_of(by)
    found: dict[UUID, Overseen] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[start : start + _AT_ONCE]
        rows = session.execute(select(*_FACTS).where(Record.id.in_(chunk), Record.entity.in_(entities)))
        found.update({row.id: Overseen(*row) for row in rows})
        stubs = select(RecordStub).where(RecordStub.record.in_(chunk), RecordStub.entity.in_(entities))
        found.update({left.record: _destroyed(left) for left in session.scalars(stubs)})
    return found


def case_file(session: ReadSession, asked: str, by: Principal) -> CaseFile:
    """The case file of an id or of a number; its name stays sealed.

    Raises:
        NotFound: there is none in the places ``by`` oversees.
    """
    identifier = _id(asked)
    condition = CaseFile.id == identifier if identifier is not None else CaseFile.number == asked.strip()
    row = session.scalars(select(CaseFile).where(condition, CaseFile.entity.in_(entities_of(by))).limit(1)).first()
    if row is None:
        raise NotFound("there is no such case file in the legal entities you oversee")
    return row


def case_files(session: ReadSession, ids: Collection[UUID], by: Principal) -> dict[UUID, str]:
    """Numbers of those of the case files that are in the places ``by`` oversees, by id."""
    rows = session.execute(
        select(CaseFile.id, CaseFile.number).where(CaseFile.id.in_(ids), CaseFile.entity.in_(entities_of(by)))
    )
    return {row.id: row.number for row in rows}


def of_classes(session: ReadSession, ids: Iterable[UUID], codes: Collection[str]) -> set[UUID]:
    """Those of the records that have, or once had, a class of these codes."""
    wanted = list(dict.fromkeys(ids))
    found: set[UUID] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[start : start + _AT_ONCE]
        found.update(
            session.scalars(
                select(Placement.record)
                .where(Placement.record.in_(chunk), Placement.record_class.in_(codes))
                .distinct()
            )
        )
    return found


def _destroyed(left: RecordStub) -> Overseen:
    return Overseen(left.record, left.number, left.entity, left.record_class, None, None, left.captured_at, True)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
