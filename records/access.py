"""Who may read what: one definition, for SQL and for the search index.

Every record carries one ``access_set``: a row that says all that reading depends on
(entity, department, class, sensitivity, case file and section, and whether a person has
confirmed them). The sets a principal may read are computed in SQL from their grants of
this moment. Lists filter by that subquery; the index filters by the same ids. So a list,
a search, a count and a suggestion cannot disagree.

The rule, within one entity:

1. A record that nobody confirmed is read by whoever uploaded it, and by those of the
   department it came in through who also read its class and, where its case file has an
   access list, are on it. A machine's choice never opens anything (a record without a
   class has no class readers).
2. A record in a case file with an access list is read by the people on that list; a
   sealed section by those listed for that section. Class and department do not matter.
3. Otherwise it is read by the readers of its class; and, where its class is of normal
   sensitivity, by the people of its department.
4. Nobody reads the case file about themselves in this way: the right of access
   (GDPR Art. 15) has its own.
5. What stands under a regime other than ``active`` is read by those of these people who are
   also named for that regime (``records.regime``).
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    false,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from accounts.departments import Department
from accounts.principal import Principal
from core.canonical import canonical
from core.database import AT, MainTable, ReadSession, WriteSession, insert_for
from records import file_plan
from records.case_file import CaseFile, CaseFileAccess
from records.file_plan import RecordClass
from records.regime import ACTIVE, RegimeReader


class AccessSet(MainTable):
    """All that reading a record depends on. Rows are added, never changed."""

    __tablename__ = "access_sets"

    # SQLite numbers only a column of exactly this type by itself.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    department: Mapped[UUID | None]
    record_class: Mapped[str | None] = mapped_column(String(60))
    case_file: Mapped[UUID | None] = mapped_column(index=True)
    section: Mapped[str | None] = mapped_column(String(40))
    confirmed: Mapped[bool]
    uploader: Mapped[UUID | None]
    """Who captured it, while nobody has confirmed class and file; else empty."""
    regime: Mapped[str] = mapped_column(String(12), default="active", server_default="active")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an access set is made of."""

    entity: UUID
    department: UUID | None
    record_class: str | None
    case_file: UUID | None
    section: str | None
    confirmed: bool
    uploader: UUID | None
    regime: str = ACTIVE


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading within one entity depends on, on the principal's side."""

    person: UUID | None = field(compare=False)
    """Given when a statement is run: people who read alike share one."""
    departments: frozenset[UUID]
    everywhere: bool
    """Reads for the whole entity, not only for some departments."""
    classes: frozenset[str]
    """Codes this reader reads by the kinds of their departments."""


Readers = frozenset[tuple[UUID, Reader]]
"""Readers by entity: all that the statement of ``sets_read_by`` is made from."""

READER: BindParameter[UUID] = bindparam("reader", type_=Uuid())


class Readable(NamedTuple):
    """What somebody may read at an instant, as statements built once take it."""

    readers: Readers
    values: dict[str, Any]
    """Of ``READER`` and ``AT``, for each run of such a statement."""


def closed(entity: UUID) -> Terms:
    """Terms that no reader meets: confirmed, and of no class, department or file that anybody could read by."""
    return Terms(
        entity=entity, department=None, record_class=None, case_file=None, section=None, confirmed=True, uploader=None
    )


def digest_of(terms: Terms) -> bytes:
    """What a set is found by: SHA-256 over its terms, 32 bytes."""
    uploader = None if terms.confirmed else terms.uploader
    parts = {
        "entity": terms.entity.hex,
        "department": terms.department.hex if terms.department else None,
        "class": terms.record_class,
        "case_file": terms.case_file.hex if terms.case_file else None,
        "section": terms.section,
        "confirmed": terms.confirmed,
        "uploader": uploader.hex if uploader else None,
    }
    if terms.regime != ACTIVE:
        # Left out otherwise: sets from before there were regimes are found by the same digest.
        parts["regime"] = terms.regime
    return hashlib.sha256(canonical(parts)).digest()


def access_set_for(session: WriteSession, terms: Terms) -> int:
    """The id of the set with these terms, made where there is none yet."""
    digest = digest_of(terms)
    found = session.connection().scalar(_WITH_DIGEST, {"digest": digest})
    if found is not None:
        return int(found)
    added = session.scalar(
        insert_for(session, AccessSet)
        .values(
            digest=digest,
            entity=terms.entity,
            department=terms.department,
            record_class=terms.record_class,
            case_file=terms.case_file,
            section=terms.section,
            confirmed=terms.confirmed,
            uploader=None if terms.confirmed else terms.uploader,
            regime=terms.regime,
        )
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(AccessSet.id)
    )
    # None: a writer beside has made it in between.
    return added if added is not None else session.scalars(_WITH_DIGEST, {"digest": digest}).one()


_WITH_DIGEST = select(AccessSet.id).where(AccessSet.digest == bindparam("digest"))
_BY_NAME = Department.id.in_(bindparam("departments", expanding=True))
# Of an entity with a hundred departments that are read as one only the kinds are asked for.
_DEPARTMENTS = (
    select(case((_BY_NAME, Department.id)).label("held"), Department.entity, Department.kind)
    .where(or_(Department.entity.in_(bindparam("entities", expanding=True)), _BY_NAME))
    .distinct()
)


def readers_of(session: ReadSession, by: Principal, permission: str = "record.read") -> dict[UUID, Reader]:
    """For each entity in which ``by`` has the permission: what their reading depends on.

    Whoever reads for a whole entity reads classes of normal sensitivity by it. Sensitive ones
    (personnel, whistleblower reports, due diligence) take a department of that kind by name.
    """
    everywhere = by.entities_for(permission)
    by_name = by.departments_for(permission)
    if session.autoflush:
        session.flush()
    # By the connection: a session's way around each row takes longer than the row.
    places = {"entities": list(everywhere), "departments": list(by_name)}
    rows = session.connection().execute(_DEPARTMENTS, places).all()
    readers = {}
    for entity in everywhere | {row.entity for row in rows}:
        here = [row for row in rows if row.entity == entity]
        held = frozenset(row.held for row in here if row.held is not None)
        whole = entity in everywhere
        kinds = frozenset(row.kind for row in here if row.held is not None)
        classes = classes_read(kinds, named=by.is_named_clerk(entity))
        if whole:
            every_kind = frozenset(row.kind for row in here)
            classes |= {code for code in classes_read(every_kind, named=False) if _is_normal(code)}
        readers[entity] = Reader(by.id, held, whole, classes)
    return readers


@lru_cache(maxsize=256)
def classes_read(kinds: frozenset[str], *, named: bool) -> frozenset[str]:
    """Codes of the classes that people in departments of these kinds read by default."""
    return frozenset(c.code for c in file_plan.load() if _reads(c, kinds, named))


def readable(session: ReadSession, by: Principal, at: datetime) -> Readable:
    """What ``by`` may read at this instant, read anew each time."""
    return Readable(frozenset(readers_of(session, by).items()), {"reader": by.id, "at": at})


@lru_cache(maxsize=64)
def sets_read_by(readers: Readers) -> Select[int]:
    """The ids of the access sets that these read, as a subquery, run with ``Readable.values``.

    The statement alone is kept. It rests on ``readers``, and each run of it asks for lists and case files anew.
    """
    return _sets(readers, READER, AT)


def readable_sets(session: ReadSession, by: Principal, at: datetime) -> Select[int]:
    """The ids of the access sets whose records ``by`` may read at this instant, as a subquery with its values."""
    return _sets(readers_of(session, by).items(), by.id, at)


def readable_set_ids(session: ReadSession, by: Principal, at: datetime) -> list[int]:
    """The same ids as a list, for the index."""
    return set_ids(session, readable(session, by, at))


def set_ids(session: ReadSession, found: Readable) -> list[int]:
    """The ids of the access sets of ``found``, asked for anew."""
    # By the connection: a session's way around each row takes longer than the row.
    return list(session.connection().scalars(sets_read_by(found.readers), found.values).all())


def may_read(
    terms: Terms, reader: Reader, *, listed: bool, has_list: bool, about_reader: bool, named: bool = False
) -> bool:
    """The rule in words of the module's docstring, on values: what the SQL is tested against.

    ``has_list``: the case file (or its sealed section) has an access list; ``listed``: the
    reader is on it; ``about_reader``: the case file is about the reader; ``named``: the reader is
    named for the regime of these terms.
    """
    if about_reader or (terms.regime != ACTIVE and not named):
        return False
    of_department = reader.everywhere or terms.department in reader.departments
    reads_class = terms.record_class in reader.classes
    if not terms.confirmed:
        is_uploader = terms.uploader is not None and terms.uploader == reader.person
        of_channel = terms.department is not None and of_department
        return is_uploader or (of_channel and reads_class and (listed or not has_list))
    if has_list:
        return listed
    return reads_class or (of_department and _is_normal(terms.record_class))


def _sets(
    readers: Iterable[tuple[UUID, Reader]],
    person: UUID | BindParameter[UUID] | None,
    at: datetime | BindParameter[datetime],
) -> Select[int]:
    conditions = [_condition(entity, reader, person, at) for entity, reader in readers]
    return select(AccessSet.id).where(or_(false(), *conditions))


def _condition(
    entity: UUID,
    reader: Reader,
    person: UUID | BindParameter[UUID] | None,
    at: datetime | BindParameter[datetime],
) -> ColumnElement[bool]:
    of_department = true() if reader.everywhere else _among(AccessSet.department, reader.departments)
    reads_class = _among(AccessSet.record_class, reader.classes)
    normal = _among(AccessSet.record_class, [c.code for c in file_plan.load() if c.sensitivity == "normal"])
    about_reader = AccessSet.case_file.in_(
        select(CaseFile.id).where(CaseFile.about_person == person, CaseFile.about_person.is_not(None))
    )
    # Never unknown: ``NULL IN (…)`` is, and so is its NOT, which would hide every record without a file.
    has_list = and_(
        AccessSet.case_file.is_not(None),
        or_(AccessSet.section.is_not(None), AccessSet.case_file.in_(select(CaseFile.id).where(CaseFile.listed_only))),
    )
    listed = (
        select(CaseFileAccess.id)
        .where(
            CaseFileAccess.case_file == AccessSet.case_file,
            CaseFileAccess.person == person,
            or_(
                CaseFileAccess.section == AccessSet.section,
                and_(CaseFileAccess.section.is_(None), AccessSet.section.is_(None)),
            ),
            CaseFileAccess.valid_from <= at,
            or_(CaseFileAccess.valid_to.is_(None), CaseFileAccess.valid_to > at),
        )
        .exists()
    )
    unconfirmed = and_(
        AccessSet.confirmed.is_(False),
        or_(
            and_(AccessSet.uploader.is_not(None), AccessSet.uploader == person),
            and_(AccessSet.department.is_not(None), of_department, reads_class, or_(~has_list, listed)),
        ),
    )
    confirmed = and_(
        AccessSet.confirmed.is_(True),
        or_(
            and_(has_list, listed),
            and_(~has_list, or_(reads_class, and_(of_department, normal))),
        ),
    )
    named = (
        select(RegimeReader.id)
        .where(
            RegimeReader.entity == entity,
            RegimeReader.regime == AccessSet.regime,
            RegimeReader.person == person,
            RegimeReader.state == "confirmed",
            RegimeReader.valid_from <= at,
            RegimeReader.valid_to > at,
        )
        .exists()
    )
    open_to_reader = or_(AccessSet.regime == ACTIVE, named)
    not_about_reader = or_(AccessSet.case_file.is_(None), ~about_reader)
    return and_(AccessSet.entity == entity, open_to_reader, not_about_reader, or_(unconfirmed, confirmed))


def _among(column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """``column IN (values)`` with its parameters in place: SQLAlchemy puts those of a plain list in at every run."""
    return column.in_([literal(value, column.type) for value in values]) if values else false()


def _reads(record_class: RecordClass, kinds: frozenset[str], named: bool) -> bool:
    if "everyone" in record_class.readers:
        return True
    return bool(record_class.readers & kinds) and (named or not record_class.named_readers)


def _is_normal(code: str | None) -> bool:
    return code is not None and file_plan.load().get(code).sensitivity == "normal"
