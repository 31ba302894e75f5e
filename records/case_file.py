"""Case files: what belongs together, who works on it, and what dates it.

A case file (a contract, an employee, a supplier, a matter) has a number that everybody may
see and a name that is sealed under the file's own key. It may have an access list, and
sections; a sealed section (health, warnings, garnishment) has a list of its own. Its
trigger facts date every record in it: "employment ended on 30 June 2026" is said once.

Access lists and trigger facts are rows with a beginning and an end, never changed in
place: who could read a file on a given day stays answerable. Nobody administers the case
file about themselves.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Index,
    LargeBinary,
    Select,
    String,
    UniqueConstraint,
    Uuid,
    bindparam,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit.intake import append
from core import jobs
from core.database import AT, MainTable, ReadSession, WriteSession
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.identifiers import new_id
from records import events
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

KINDS: tuple[str, ...] = ("contract", "personnel", "supplier", "customer", "matter", "other")
SECTIONS: dict[str, tuple[str, ...]] = {
    "personnel": ("health", "warnings", "garnishment"),
}
"""Sealed sections by kind of file; a section not named here does not exist."""
TRIGGERS: tuple[str, ...] = (
    # contracts and cases
    "contract_start",
    "contract_end",
    "claim_due",
    "delivery_or_performance",
    "business_relationship_end",
    "procedure_closed",
    "proceeding_closed",
    "case_closed",
    "audit_completed",
    # people
    "hire_date",
    "employment_start",
    "employment_end",
    "last_contact",
    "rejection_received",
    "last_wage_entry",
    "following_pay_reference_period_end",
    "contribution_due",
    "social_insurance_audit_completed",
    "accident_date",
    "exposure_end",
    # accounts and taxes
    "document_period_end",
    "document_superseded",
    "last_entry",
    "accounts_prepared",
    "accounts_approved",
    "tax_return_filed",
    "tax_return_deadline",
    "tax_payment_due",
    "tax_due_or_paid",
    "payment_made",
    "transaction_completed",
    "first_use",
    "asset_end_of_life",
    "asset_end_of_useful_life",
    # data protection
    "consent_withdrawn",
    "erasure_granted",
)
"""Events that a file may state: all that rules start with, but for those that each document has of its own."""
_OF_PEOPLE = TRIGGERS[TRIGGERS.index("hire_date") : TRIGGERS.index("exposure_end") + 1]


def triggers_for(kind: str) -> tuple[str, ...]:
    """``TRIGGERS``, those that happen to a file of this kind first: a personnel file is about a person's employment."""
    if kind != "personnel":
        return TRIGGERS
    return (*_OF_PEOPLE, *(code for code in TRIGGERS if code not in _OF_PEOPLE))


class NumberTaken(Conflict):
    """A case file with this number exists."""

    code = "case_file_number_taken"


class OwnFile(Forbidden):
    """Nobody administers the case file about themselves."""

    code = "own_case_file"


class CaseFile(MainTable):
    """A case file."""

    __tablename__ = "case_files"
    __table_args__ = (UniqueConstraint("entity", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(20))
    number: Mapped[str] = mapped_column(String(40))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The name, sealed under the file's key."""
    owner: Mapped[UUID]
    about_person: Mapped[UUID | None]
    """The colleague the file is about, where it is about one."""
    listed_only: Mapped[bool]
    """Only people on its access list read it."""
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    created_at: Mapped[datetime]


class CaseFileAccess(MainTable):
    """That a person may read a file, or one sealed section of it, from and until when."""

    __tablename__ = "case_file_access"
    __table_args__ = (Index("ix_case_file_access_person", "person", "case_file"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_file: Mapped[UUID] = mapped_column(index=True)
    section: Mapped[str | None] = mapped_column(String(40))
    person: Mapped[UUID]
    granted_by: Mapped[UUID | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class TriggerFact(MainTable):
    """A day on which something happened that starts a period; replaced, never changed."""

    __tablename__ = "trigger_facts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_file: Mapped[UUID] = mapped_column(index=True)
    trigger: Mapped[str] = mapped_column(String(40))
    happened_on: Mapped[date]
    recorded_by: Mapped[UUID | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class NewCaseFile:
    """What a person states to open a case file."""

    entity: UUID
    kind: str
    number: str
    name: str
    opened_on: date
    listed_only: bool = False
    about_person: UUID | None = None


def open_case_file(session: WriteSession, new: NewCaseFile, *, by: Principal, at: datetime, keys: Keyring) -> CaseFile:
    """Open a case file; whoever opens it owns it and stands on its access list.

    Raises:
        Forbidden: ``by`` may not manage case files of the entity, or it is about them.
        Invalid: unknown kind, empty number or name.
        NumberTaken: the entity has a file of that number.
    """
    by.require("case_file.manage", entity=new.entity)
    if by.id is None:
        raise Forbidden("a person opens a case file")
    if new.about_person == by.id:
        raise OwnFile("ask a colleague to open it")
    number, name = " ".join(new.number.split()), " ".join(new.name.split())
    if new.kind not in KINDS:
        raise Invalid(f"the kind of a case file is one of {', '.join(KINDS)}")
    if not 1 <= len(number) <= 40 or not 1 <= len(name) <= 200:
        raise Invalid("give the case file a number of up to 40 and a name of up to 200 characters")
    if session.scalar(select(CaseFile.id).where(CaseFile.entity == new.entity, CaseFile.number == number)):
        raise NumberTaken("choose another number")
    file_id = new_id()
    key = keys.create(session, file_id, kind="case_file", at=at)
    file = CaseFile(
        id=file_id,
        entity=new.entity,
        kind=new.kind,
        number=number,
        name_sealed=seal_text(key, file_id, None, "name", name),
        owner=by.id,
        about_person=new.about_person,
        # Personnel files are for named people only, whatever was ticked.
        listed_only=new.listed_only or new.kind == "personnel",
        opened_on=new.opened_on,
        closed_on=None,
        created_at=at,
    )
    session.add(file)
    append(session, events.CaseFileOpened(by=by.actor, entity=file.entity, case_file=file.id, kind=file.kind), at=at)
    _allow(session, file, by.id, None, by, at)
    session.flush()
    return file


def allow(
    session: WriteSession, case_file: UUID, person: UUID, *, section: str | None = None, by: Principal, at: datetime
) -> None:
    """Put a person on the access list of a file, or of one of its sealed sections.

    Raises:
        NotFound: no such file for ``by``, or no such section.
        Forbidden: ``by`` does not manage the file, would let themselves in, or it is about them or ``person``.
    """
    file = get_managed(session, case_file, by, at)
    if section is not None and section not in SECTIONS.get(file.kind, ()):
        raise NotFound("a file of this kind has no such section")
    if person == by.id:
        raise Forbidden("somebody else has to put you on the list")
    if person == file.about_person:
        raise OwnFile("the file is about this person")
    _allow(session, file, person, section, by, at)


def disallow(
    session: WriteSession, case_file: UUID, person: UUID, *, section: str | None = None, by: Principal, at: datetime
) -> None:
    """Take a person off the list; at once, also in search. Nothing happens if they are not on it."""
    file = get_managed(session, case_file, by, at)
    if person == file.owner and section is None:
        raise Conflict("the owner stays on the list; hand the file over first")
    for row in _current_access(session, file.id, at, person=person, section=section):
        row.valid_to = at
        append(
            session,
            events.CaseFileAccessEnded(
                by=by.actor, entity=file.entity, case_file=file.id, person=person, section=section
            ),
            at=at,
        )


def state_trigger(
    session: WriteSession, case_file: UUID, trigger: str, happened_on: date | None, *, by: Principal, at: datetime
) -> None:
    """State, correct or (with ``None``) withdraw the day of a trigger event.

    Raises:
        Invalid: no such trigger.
    """
    file = get_managed(session, case_file, by, at)
    if trigger not in TRIGGERS:
        raise Invalid(f"a trigger event is one of {', '.join(TRIGGERS)}")
    before: date | None = None
    for row in session.scalars(
        select(TriggerFact).where(
            TriggerFact.case_file == file.id, TriggerFact.trigger == trigger, TriggerFact.valid_to.is_(None)
        )
    ):
        before, row.valid_to = row.happened_on, at
    if happened_on is not None:
        session.add(
            TriggerFact(
                id=new_id(),
                case_file=file.id,
                trigger=trigger,
                happened_on=happened_on,
                recorded_by=by.id,
                valid_from=at,
                valid_to=None,
            )
        )
    append(
        session,
        events.TriggerStated(
            by=by.actor, entity=file.entity, case_file=file.id, trigger=trigger, before=before, after=happened_on
        ),
        at=at,
    )
    if before != happened_on:
        ask_to_date_records(session, file.id, at)


def ask_to_date_records(session: WriteSession, case_file: UUID, at: datetime) -> None:
    """Have the dates of all records of a file reckoned anew."""
    jobs.add(
        session,
        "retention.date",
        queue="maintenance",
        at=at,
        subject=case_file,
        key=f"retention.date/{case_file.hex}",
        case_file=case_file,
    )


def triggers_of(session: ReadSession, case_file: UUID) -> dict[str, date]:
    """The trigger facts in force."""
    rows = session.execute(
        select(TriggerFact.trigger, TriggerFact.happened_on).where(
            TriggerFact.case_file == case_file, TriggerFact.valid_to.is_(None)
        )
    )
    return {row.trigger: row.happened_on for row in rows}


def access_list(session: ReadSession, case_file: UUID, at: datetime) -> list[tuple[UUID, str | None]]:
    """Who is on the list at that instant: person and section (``None``: the file itself)."""
    return [(row.person, row.section) for row in _current_access(session, case_file, at)]


_BATCH = 500
"""Ids asked for by one statement."""
_READER: BindParameter[UUID] = bindparam("reader", type_=Uuid())
_LISTED = (
    select(CaseFileAccess.case_file)
    .where(CaseFileAccess.person == _READER, CaseFileAccess.valid_from <= AT)
    .where(or_(CaseFileAccess.valid_to.is_(None), CaseFileAccess.valid_to > AT))
)
_VISIBLE = (
    select(CaseFile)
    .where(CaseFile.entity.in_(bindparam("entities", expanding=True)))
    .where(or_(CaseFile.listed_only.is_(False), CaseFile.id.in_(_LISTED)))
    .where(or_(CaseFile.about_person.is_(None), CaseFile.about_person != _READER))
    .order_by(CaseFile.number)
)
_VISIBLE_OF = _VISIBLE.where(CaseFile.id.in_(bindparam("files", expanding=True)))


def visible_files(session: ReadSession, by: Principal, at: datetime) -> list[CaseFile]:
    """The files ``by`` may see, by number: open ones of their entities, listed ones where they are on the list."""
    return _visible(session, _VISIBLE, by, at)


def find_visible(session: ReadSession, case_files: Collection[UUID], by: Principal, at: datetime) -> list[CaseFile]:
    """Those of the files that ``by`` may see, in no order."""
    found: list[CaseFile] = []
    wanted = list(case_files)
    for start in range(0, len(wanted), _BATCH):
        found += _visible(session, _VISIBLE_OF, by, at, files=wanted[start : start + _BATCH])
    return found


def get_visible(session: ReadSession, case_file: UUID, by: Principal, at: datetime) -> CaseFile:
    """The file, if ``by`` may see it.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    for file in find_visible(session, [case_file], by, at):
        return file
    raise NotFound("there is no such case file, or it is not yours to see")


def get_managed(session: ReadSession, case_file: UUID, by: Principal, at: datetime) -> CaseFile:
    """The file, if ``by`` may administer it.

    Raises:
        NotFound: there is none, or not for ``by``.
        Forbidden: they may see it but not administer it, or it is about them.
    """
    file = get_visible(session, case_file, by, at)
    by.require("case_file.manage", entity=file.entity)
    if file.about_person is not None and file.about_person == by.id:
        raise OwnFile("ask a colleague")
    return file


def names_of(session: ReadSession, files: list[CaseFile], keys: Keyring) -> dict[UUID, str]:
    """Names of files, without those already shredded. For ``records.content`` alone: it logs what it lets out."""
    found = keys.get_many(session, [file.id for file in files])
    return {f.id: open_text(found[f.id], f.id, None, "name", f.name_sealed) for f in files if f.id in found}


def _visible(
    session: ReadSession, statement: Select[CaseFile], by: Principal, at: datetime, **asked: list[UUID]
) -> list[CaseFile]:
    entities = [entity for entity in by.entities if by.may("case_file.read", entity=entity)]
    if not entities:
        return []
    return list(session.scalars(statement, {"entities": entities, "reader": by.id, "at": at, **asked}))


def _allow(
    session: WriteSession, file: CaseFile, person: UUID, section: str | None, by: Principal, at: datetime
) -> None:
    if _current_access(session, file.id, at, person=person, section=section):
        return
    session.add(
        CaseFileAccess(
            id=new_id(),
            case_file=file.id,
            section=section,
            person=person,
            granted_by=by.id,
            valid_from=at,
            valid_to=None,
        )
    )
    append(
        session,
        events.CaseFileAccessGiven(by=by.actor, entity=file.entity, case_file=file.id, person=person, section=section),
        at=at,
    )


def _current_access(
    session: ReadSession,
    case_file: UUID,
    at: datetime,
    *,
    person: UUID | None = None,
    section: str | None = None,
) -> list[CaseFileAccess]:
    query = (
        select(CaseFileAccess)
        .where(CaseFileAccess.case_file == case_file, CaseFileAccess.valid_from <= at)
        .where(or_(CaseFileAccess.valid_to.is_(None), CaseFileAccess.valid_to > at))
    )
    if person is not None:
        same = CaseFileAccess.section.is_(None) if section is None else CaseFileAccess.section == section
        query = query.where(CaseFileAccess.person == person, same)
    return list(session.scalars(query))
