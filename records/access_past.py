"""Who could have read a record on a past day, and what a role opened: by the one rule of ``records.access``.

Placements, grants, suspensions and access lists are rows with a beginning and an end, so the
rule is asked again for the instants at which one of them changed. The file plan (which
departments read a class by default) is that of the running program, and whether a case file has
an access list does not change once it is open. The caller must not conclude that anybody opened
anything: the trail says that.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from accounts import entities, rights
from accounts.grants import RoleGrant
from accounts.permissions import ROLE_PERMISSIONS, ROLES
from accounts.principal import Grant, Principal
from accounts.suspensions import Suspension, is_active
from core.clock import civil_date
from core.database import ReadSession
from records import access, auditor_scope
from records.access import AccessSet, Terms
from records.auditor_scope import AuditorScope
from records.case_file import CaseFile, CaseFileAccess
from records.overseen import Overseen
from records.placement import Placement
from records.record import Record
from records.regime import RegimeReader


@dataclass(frozen=True, slots=True)
class CouldRead:
    """Somebody who could have read the record."""

    person: UUID
    why: str
    """uploader, channel, listed, class or department: the words of the rule; or auditor_scope."""
    grants: tuple[Grant, ...]
    """Their roles there at that instant."""
    at: datetime
    """The first instant of the time asked about at which they could."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Records of one class that a role opened."""

    record_class: str | None
    records: int


def could_read(session: ReadSession, row: Overseen, begin: datetime, end: datetime) -> list[CouldRead]:
    """Everybody who could have read the record at any instant from ``begin`` to before ``end``."""
    placed = _placements(session, row.id, begin, end)
    moved = [max(each.valid_from, begin) for each in placed]
    uploader = session.scalar(select(Record.captured_by).where(Record.id == row.id))
    files = {each.case_file for each in placed if each.case_file is not None}
    changes = _changes(session, row.entity, files, begin, end)
    scopes = list(
        session.scalars(
            select(AuditorScope).where(
                AuditorScope.entity == row.entity,
                AuditorScope.state == "confirmed",
                AuditorScope.valid_from < end,
                AuditorScope.valid_to > begin,
            )
        )
    )
    for scope in scopes:
        changes.setdefault(scope.person, {begin}).add(max(scope.valid_from, begin))
    found = []
    for person in sorted(_candidates(session, row.entity, begin, end) | {scope.person for scope in scopes}):
        for at in sorted({*moved, *changes.get(person, ())}):
            terms = _terms(placed, row.entity, uploader, at)
            if terms is None:
                continue
            could = _could(session, person, terms, at) or _scoped(session, scopes, row.id, person, terms, at)
            if could is not None:
                found.append(could)
                break
    return found


def opened_by(session: ReadSession, grant: Grant, at: datetime) -> list[Opened]:
    """How many records of each class a role alone opened at an instant, most first.

    For somebody who holds nothing else and stands on no access list.
    """
    by = Principal(id=None, kind="person", grants=frozenset({grant}))
    sets = set(access.set_ids(session, access.readable(session, by, at)))
    digests = {
        each.digest: each.id
        for each in session.execute(select(AccessSet.digest, AccessSet.id).where(AccessSet.entity == grant.entity))
    }
    columns = (
        Placement.record_class,
        Placement.department,
        Placement.case_file,
        Placement.section,
        Placement.confirmed,
        Placement.regime,
    )
    rows = session.execute(
        select(*columns, Record.captured_by, func.count().label("records"))
        .join(Record, Record.id == Placement.record)
        .where(Record.entity == grant.entity, Placement.valid_from <= at)
        .where(or_(Placement.valid_to.is_(None), Placement.valid_to > at))
        .group_by(*columns, Record.captured_by)
    )
    counts: dict[str | None, int] = {}
    for row in rows:
        terms = Terms(
            entity=grant.entity,
            department=row.department,
            record_class=row.record_class,
            case_file=row.case_file,
            section=row.section,
            confirmed=row.confirmed,
            uploader=row.captured_by,
            regime=row.regime,
        )
        if digests.get(access.digest_of(terms)) in sets:
            counts[row.record_class] = counts.get(row.record_class, 0) + row.records
    return sorted((Opened(code, number) for code, number in counts.items()), key=lambda one: -one.records)


def _could(session: ReadSession, person: UUID, terms: Terms, at: datetime) -> CouldRead | None:
    grants = tuple(row.value for row in rights.grants_at(session, person, at))
    by = Principal(id=person, kind="person", grants=frozenset(grants))
    found = access.readable(session, by, at)
    wanted = select(AccessSet.id).where(
        AccessSet.digest == access.digest_of(terms), AccessSet.id.in_(access.sets_read_by(found.readers))
    )
    if session.scalar(wanted, found.values) is None:
        return None
    here = tuple(grant for grant in grants if grant.entity == terms.entity)
    return CouldRead(person, _why(session, terms, dict(found.readers)[terms.entity], person), here, at)


def _scoped(
    session: ReadSession, scopes: list[AuditorScope], record: UUID, person: UUID, terms: Terms, at: datetime
) -> CouldRead | None:
    held = [scope for scope in scopes if scope.person == person and scope.holds_at(at)]
    if not held or not is_active(session, person, at):
        return None
    # Which date a document had on that day nobody keeps: that of today counts.
    row = session.get_one(Record, record)
    day = row.document_date or civil_date(row.captured_at, entities.get(session, terms.entity).zone)
    guarded = auditor_scope.guarded()
    for scope in held:
        if auditor_scope.reaches(
            scope.classes,
            (scope.first_year, scope.last_year),
            confirmed=terms.confirmed,
            record_class=terms.record_class,
            day=day,
            section=terms.section,
            guarded_file=session.scalar(select(CaseFile.id).where(CaseFile.id == terms.case_file, guarded)) is not None,
            regime=terms.regime,
        ):
            return CouldRead(person, "auditor_scope", (), at)
    return None


def _why(session: ReadSession, terms: Terms, reader: access.Reader, person: UUID) -> str:
    if not terms.confirmed:
        return "uploader" if terms.uploader == person else "channel"
    file = session.get(CaseFile, terms.case_file) if terms.case_file is not None else None
    if file is not None and (file.listed_only or terms.section is not None):
        return "listed"
    return "class" if terms.record_class in reader.classes else "department"


def _placements(session: ReadSession, record: UUID, begin: datetime, end: datetime) -> list[Placement]:
    return list(
        session.scalars(
            select(Placement)
            .where(Placement.record == record, _overlaps(Placement, begin, end))
            .order_by(Placement.valid_from)
        )
    )


def _terms(placed: list[Placement], entity: UUID, uploader: UUID | None, at: datetime) -> Terms | None:
    for each in placed:
        if each.valid_from <= at and (each.valid_to is None or each.valid_to > at):
            return Terms(
                entity=entity,
                department=each.department,
                record_class=each.record_class,
                case_file=each.case_file,
                section=each.section,
                confirmed=each.confirmed,
                uploader=uploader,
                regime=each.regime,
            )
    return None


def _candidates(session: ReadSession, entity: UUID, begin: datetime, end: datetime) -> set[UUID]:
    roles = [role for role in ROLES if "record.read" in ROLE_PERMISSIONS[role]]
    return set(
        session.scalars(
            select(RoleGrant.person)
            .where(RoleGrant.entity == entity, RoleGrant.role.in_(roles), _overlaps(RoleGrant, begin, end))
            .distinct()
        )
    )


def _changes(
    session: ReadSession, entity: UUID, files: Collection[UUID], begin: datetime, end: datetime
) -> dict[UUID, set[datetime]]:
    """By person: the instants from ``begin`` on at which what they may do changed."""
    found: dict[UUID, set[datetime]] = {}
    statements = (
        select(RoleGrant.person, RoleGrant.valid_from, RoleGrant.valid_to).where(
            RoleGrant.entity == entity, _overlaps(RoleGrant, begin, end)
        ),
        select(Suspension.person, Suspension.valid_from, Suspension.valid_to).where(_overlaps(Suspension, begin, end)),
        select(CaseFileAccess.person, CaseFileAccess.valid_from, CaseFileAccess.valid_to).where(
            CaseFileAccess.case_file.in_(files), _overlaps(CaseFileAccess, begin, end)
        ),
        select(RegimeReader.person, RegimeReader.valid_from, RegimeReader.valid_to).where(
            RegimeReader.entity == entity, RegimeReader.state == "confirmed", _overlaps(RegimeReader, begin, end)
        ),
    )
    for statement in statements:
        for person, valid_from, valid_to in session.execute(statement):
            instants = found.setdefault(person, {begin})
            instants.update(at for at in (valid_from, valid_to) if at is not None and begin <= at < end)
    return found


_Timed = type[Placement] | type[RoleGrant] | type[Suspension] | type[CaseFileAccess] | type[RegimeReader]


def _overlaps(row: _Timed, begin: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(row.valid_from < end, or_(row.valid_to.is_(None), row.valid_to > begin))
