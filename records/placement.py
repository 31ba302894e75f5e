"""Where a record stands: its class, department, case file and section, since when, and who said so.

Placements are rows with a beginning and an end, never changed in place, so that "who could
see it on that day" can be answered for any day. A machine may place a record only where
that narrows who reads it: its word is never ``confirmed``.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import String, Table, bindparam, insert, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from accounts.departments import Department
from accounts.principal import Principal
from audit.intake import append
from core.database import AT, MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import access, case_file, events, file_plan, record
from records.record import Record, RecordVersion
from vault.data_key import DataKey
from vault.sealed import open_text, seal_text


class AlreadyConfirmed(Conflict):
    """A person has already confirmed this record's class."""

    code = "already_confirmed"


class Placement(MainTable):
    """Where a record stood, from and until when."""

    __tablename__ = "placements"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    record_class: Mapped[str | None] = mapped_column(String(60))
    department: Mapped[UUID | None]
    case_file: Mapped[UUID | None]
    section: Mapped[str | None] = mapped_column(String(40))
    confirmed: Mapped[bool]
    placed_by: Mapped[UUID | None]
    """Empty where the machine did."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    regime: Mapped[str] = mapped_column(String(12), default="active", server_default="active")


_PLACEMENTS = cast(Table, Placement.__table__)
_ADD = insert(_PLACEMENTS)
_END = (
    update(_PLACEMENTS)
    .where(_PLACEMENTS.c.record == bindparam("placed"), _PLACEMENTS.c.valid_to.is_(None))
    .values(valid_to=AT)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the machine made of a version."""

    record_class: str | None
    probability: float
    by_rule: bool
    certain: bool
    """Sure enough to be filed without review, where the class allows that."""
    reasons: tuple[tuple[str, float], ...]
    language: str
    media_type: str
    page_count: int
    document_date: date | None
    total_minor: int | None
    currency: str | None
    direction: Literal["incoming", "outgoing", "internal"] | None
    title: str | None
    trouble_code: str | None
    trouble_detail: str | None


def begin(session: WriteSession, row: Record, *, at: datetime) -> None:
    """Write the first placement of a record just captured."""
    _add(session, row, by_person=row.captured_by, at=at)


def settle_reading(
    session: WriteSession,
    row: Record,
    version: RecordVersion,
    reading: Reading,
    *,
    key: DataKey,
    by: Principal,
    at: datetime,
) -> None:
    """Enter what the machine read: class, dates, state. A person's class and date stay as they are.

    State afterwards: ``needs_attention`` where it could not be read, ``filed`` where a person
    gave the class or the machine is certain and the class allows it, else ``needs_review``.
    """
    if row.state == record.WITHDRAWN:
        # Closed while it was being read: nothing is learnt of it any more.
        return
    version.media_type, version.page_count = reading.media_type, reading.page_count
    version.trouble_code, version.trouble_detail = reading.trouble_code, reading.trouble_detail
    version.reasons_sealed = seal_text(key, row.id, version.id, "reasons", json.dumps(reading.reasons))
    if reading.title:
        version.title_sealed = seal_text(key, row.id, version.id, "title", reading.title)
    row.language = reading.language
    row.total_minor, row.currency = reading.total_minor, reading.currency
    row.direction = reading.direction or row.direction
    row.document_date = row.document_date or reading.document_date
    if not row.confirmed and reading.record_class is not None:
        row.record_class = reading.record_class
        row.classified_by = "rule" if reading.by_rule else "machine"
        row.probability = round(reading.probability * 10_000)
        _write(session, row, by_person=None, at=at)
    row.access_set = access.access_set_for(session, terms_of(row))
    record.touch(row, _state_after(row, reading), at)
    append(
        session,
        events.RecordRead(
            by=by.actor,
            entity=row.entity,
            record=row.id,
            version=version.ordinal,
            record_class=row.record_class,
            state=row.state,
            trouble=reading.trouble_code,
            probability=row.probability,
        ),
        at=at,
    )
    record.ask_to_index(session, row.id, at)
    record.ask_to_date(session, row.id, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decides about a record; ``None`` leaves as it is, ``clear_case_file`` takes it out."""

    record_class: str | None = None
    department: UUID | None = None
    case_file: UUID | None = None
    section: str | None = None
    clear_case_file: bool = False
    document_date: date | None = None


def check_class(session: ReadSession, record_id: UUID, code: str, *, by: Principal, at: datetime) -> None:
    """Pass if ``by`` could put the record into that class now; nothing changes by that.

    Raises:
        As ``decide``.
    """
    row = record.get_visible(session, record_id, by, at)
    by.require("record.classify", entity=row.entity, department=row.department)
    if file_plan.load().get(code).group:
        raise Invalid("choose a class below this heading")


def decide(session: WriteSession, record_id: UUID, decision: Decision, *, by: Principal, at: datetime) -> Record:
    """Confirm or change class, department, case file or date: from now on a person answers for them.

    Raises:
        NotFound: no such record, case file or section for ``by`` (the file about oneself is none), no such department.
        Forbidden: ``by`` may not classify records there.
        Invalid: a heading of the file plan, no class at all, or a section without a case file.
    """
    row = record.get_visible(session, record_id, by, at)
    by.require("record.classify", entity=row.entity, department=row.department)
    before = terms_of(row)
    code = decision.record_class or row.record_class
    if code is None:
        raise Invalid("choose a record class")
    chosen = file_plan.load().get(code)
    if chosen.group:
        raise Invalid("choose a class below this heading")
    row.record_class, row.classified_by, row.confirmed = code, "person", True
    if decision.department is not None:
        row.department = _department_of(session, decision.department, row.entity)
    if decision.clear_case_file:
        row.case_file = row.section = None
    elif decision.case_file is not None or decision.section is not None:
        chosen_file = decision.case_file or row.case_file
        if chosen_file is None:
            raise Invalid("choose a case file for the section")
        file = case_file.get_visible(session, chosen_file, by, at)
        if file.entity != row.entity:
            raise NotFound("there is no such case file in this legal entity")
        if decision.section is not None and decision.section not in case_file.SECTIONS.get(file.kind, ()):
            raise NotFound("a file of this kind has no such section")
        row.case_file, row.section = file.id, decision.section
    row.document_date = decision.document_date or row.document_date
    _settle(session, row, before, of_class=decision.record_class is not None, by=by, at=at)
    return row


def carry_out_class(session: WriteSession, record_id: UUID, code: str, *, by: Principal, at: datetime) -> Record:
    """Put a record into the class that a person decided (``check_class``) and another approved; for the job that does.

    Raises:
        NotFound: there is no such record.
        NotAllowed: ``by`` has no such duty.
        Invalid, UnknownRecordClass: the plan has no such class (any more), or it is a heading.
    """
    by.require("record.classify")
    row = session.get(Record, record_id)
    if row is None:
        raise NotFound("there is no such record")
    if file_plan.load().get(code).group:
        raise Invalid("choose a class below this heading")
    before = terms_of(row)
    row.record_class, row.classified_by, row.confirmed = code, "person", True
    _settle(session, row, before, of_class=True, by=by, at=at)
    return row


def _settle(
    session: WriteSession, row: Record, before: access.Terms, *, of_class: bool, by: Principal, at: datetime
) -> None:
    """Have a record stand where it was put, with what was found in it."""
    row.access_set = access.access_set_for(session, terms_of(row))
    record.touch(row, record.NEEDS_ATTENTION if row.state == record.NEEDS_ATTENTION else record.FILED, at)
    if row.state == record.NEEDS_ATTENTION and of_class:
        # Somebody looked at what the machine could not read and said what it is.
        record.touch(row, record.FILED, at)
    _move(session, row, before, by=by, at=at)
    _take_along(session, row, by=by, at=at)


def _take_along(session: WriteSession, parent: Record, *, by: Principal, at: datetime) -> None:
    """Move what was found in a record, and nobody has confirmed, to where the record stands now.

    A mail that goes into a sealed section must not leave its attachments readable elsewhere.
    """
    for child in session.scalars(select(Record).where(Record.parent == parent.id, Record.confirmed.is_(False))):
        place = (parent.department, parent.case_file, parent.section)
        if (child.department, child.case_file, child.section) != place:
            before = terms_of(child)
            child.department, child.case_file, child.section = place
            child.access_set = access.access_set_for(session, terms_of(child))
            record.touch(child, child.state, at)
            _move(session, child, before, by=by, at=at)
        _take_along(session, child, by=by, at=at)


def _move(session: WriteSession, row: Record, before: access.Terms, *, by: Principal, at: datetime) -> None:
    """Write where a record stands now, who said so, and have the index follow."""
    _write(session, row, by_person=by.id, at=at)
    append(
        session,
        events.RecordPlaced(
            by=by.actor,
            entity=row.entity,
            record=row.id,
            class_before=before.record_class,
            class_after=row.record_class,
            file_before=before.case_file,
            file_after=row.case_file,
            department_after=row.department,
            section_after=row.section,
        ),
        at=at,
    )
    record.ask_to_index(session, row.id, at)
    record.ask_to_date(session, row.id, at)


def stand_under(session: WriteSession, row: Record, regime: str, *, by_person: UUID | None, at: datetime) -> None:
    """Have a record stand under a regime from now on, for lists and index at once; whoever decided it writes why."""
    row.regime = regime
    row.access_set = access.access_set_for(session, terms_of(row))
    record.touch(row, row.state, at)
    _write(session, row, by_person=by_person, at=at)
    record.ask_to_index(session, row.id, at)
    record.ask_to_date(session, row.id, at)


def terms_of(row: Record) -> access.Terms:
    """What reading this record depends on. A withdrawn one has the terms that no reader meets."""
    if row.state == record.WITHDRAWN:
        return access.closed(row.entity)
    return access.Terms(
        entity=row.entity,
        department=row.department,
        record_class=row.record_class,
        case_file=row.case_file,
        section=row.section,
        confirmed=row.confirmed,
        uploader=row.captured_by,
        regime=row.regime,
    )


def terms_on(session: ReadSession, row: Record, at: datetime) -> access.Terms | None:
    """What reading it depended on at an instant; ``None`` before it was captured."""
    placed = session.scalar(
        select(Placement)
        .where(Placement.record == row.id, Placement.valid_from <= at)
        .where(or_(Placement.valid_to.is_(None), Placement.valid_to > at))
        .order_by(Placement.valid_from.desc(), Placement.id.desc())
        .limit(1)
    )
    if placed is None:
        return None
    return replace(
        terms_of(row),
        record_class=placed.record_class,
        department=placed.department,
        case_file=placed.case_file,
        section=placed.section,
        confirmed=placed.confirmed,
        regime=placed.regime,
    )


def reasons_of(version: RecordVersion, key: DataKey) -> list[tuple[str, float]]:
    """The words that decided the machine's class and their weights; empty where there are none."""
    if version.reasons_sealed is None:
        return []
    text = open_text(key, version.record, version.id, "reasons", version.reasons_sealed)
    return [(str(word), float(weight)) for word, weight in json.loads(text)]


def _state_after(row: Record, reading: Reading) -> str:
    if reading.trouble_code is not None:
        return record.NEEDS_ATTENTION
    if row.confirmed:
        return record.FILED
    chosen = file_plan.load().get(row.record_class) if row.record_class else None
    if chosen is None or chosen.group or not chosen.machine_files or not reading.certain:
        return record.NEEDS_REVIEW
    return record.FILED


def _write(session: WriteSession, row: Record, *, by_person: UUID | None, at: datetime) -> None:
    session.execute(_END, {"placed": row.id, "at": at})
    _add(session, row, by_person=by_person, at=at)


def _add(session: WriteSession, row: Record, *, by_person: UUID | None, at: datetime) -> None:
    session.connection().execute(
        _ADD,
        {
            "id": new_id(),
            "record": row.id,
            "record_class": row.record_class,
            "department": row.department,
            "case_file": row.case_file,
            "section": row.section,
            "confirmed": row.confirmed,
            "regime": row.regime,
            "placed_by": by_person,
            "valid_from": at,
            "valid_to": None,
        },
    )


def _department_of(session: ReadSession, department: UUID, entity: UUID) -> UUID:
    if session.scalar(select(Department.id).where(Department.id == department, Department.entity == entity)) is None:
        raise NotFound("there is no such department in this legal entity")
    return department
