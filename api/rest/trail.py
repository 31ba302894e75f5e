"""The audit trail for those who oversee: filtered, page by page, and who saw a record. No names of colleagues."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Path, Query
from pydantic import AwareDatetime, Field

from accounts import entities
from accounts.permissions import Role
from accounts.principal import Grant, Principal
from api.deps import AuditReader, RequestId, Run
from api.rest.parameters import PREFIX, Limit, View
from api.routing import Router
from app.runtime import Runtime
from audit.trail import TrailEntry
from core.errors import Invalid
from records import overseen
from records.oversight import Filter, Oversight, Page, Sight, things_of

router = Router(prefix=PREFIX, tags=["audit"])

Position = Annotated[int, Path(ge=0, le=2**53)]
RecordName = Annotated[str, Query(max_length=40, description="Number or id of a record.")]
Day = Annotated[date, Query(ge=date(1990, 1, 1), le=date(2200, 1, 1))]
Code = Annotated[str, Query(max_length=60, pattern=r"^[a-z0-9_.]*$")]


class WhoView(View):
    """Who acted, as far as those are told who oversee."""

    kind: str = Field(description="person, system or operator (somebody at the machine, acting for a person).")
    part: str | None = Field(description="The part of the program, where one acted.")
    department: UUID | None = Field(description="The person's department then, if it was one only.")
    you: bool


class ThingView(View):
    """A thing an entry is about."""

    kind: str
    id: UUID
    number: str | None = Field(description="Of a record or case file in the legal entities you oversee.")
    version: int | None


class TrailItem(View):
    """One entry of the log."""

    seq: int
    leaf_hash: str
    action: str
    outcome: str
    basis: str
    at: datetime
    appended_at: datetime
    by: WhoView
    entity: UUID | None
    request: str | None
    objects: list[ThingView]
    details: dict[str, str | int | bool | list[str] | list[int] | dict[str, int]]
    nameless: int = Field(description="How many aliases in it stand for nobody any more.")


class TrailPage(View):
    """A page of the trail, the newest first. It may hold fewer entries than there is room for and still go on."""

    items: list[TrailItem]
    next: int | None = Field(description="`cursor` of the next page; null at the beginning of the log.")
    reached: datetime | None = Field(description="How far back a page looked that ended before it was full.")


class LeafView(View):
    """One entry with its exact bytes, which are ASCII."""

    item: TrailItem
    leaf: str


class SightView(View):
    """How one colleague saw a record."""

    department: UUID | None
    kind: str
    who: int = Field(description="The same number is the same person of a year, in this answer; 0: nobody identified.")
    how: dict[str, int]
    first: datetime
    last: datetime
    newest: int = Field(description="Position of the newest entry.")

    @classmethod
    def of(cls, sight: Sight) -> "SightView":
        return cls(
            department=sight.department,
            kind=sight.kind,
            who=sight.who,
            how=sight.how,
            first=sight.first,
            last=sight.last,
            newest=sight.newest,
        )


class SeenView(View):
    """Who saw a record."""

    record: UUID
    number: str
    items: list[SightView]
    complete: bool = Field(description="False where the record has more entries than one answer looks at.")


class RoleView(View):
    """A role somebody held at the record's legal entity."""

    role: str
    department: UUID | None
    named_clerk: bool


class CouldView(View):
    """Somebody who could have read a record."""

    person: UUID
    why: str = Field(description="uploader, channel, listed, class or department.")
    roles: list[RoleView]
    at: datetime = Field(description="The first instant of the day at which they could.")


class CouldSeeView(View):
    """Who could have read a record on a day. It says nothing about who did."""

    record: UUID
    number: str
    day: date
    items: list[CouldView]


class OpenedView(View):
    """Records of one class that a role opened."""

    class_: str | None = Field(alias="class")
    records: int


class RoleSeesView(View):
    """What a role alone opened at the end of a day."""

    role: str
    entity: UUID
    department: UUID | None
    day: date
    items: list[OpenedView]


def oversight_of(run: Runtime) -> Oversight:
    """The questions of those who oversee, asked of this installation."""
    return Oversight(run.main, run.log, run.clock)


@router.get("/audit/trail")
def read_trail(
    run: Run,
    by: AuditReader,
    request_id: RequestId,
    record: RecordName = "",
    case_file: Annotated[str, Query(max_length=40, description="Number or id of a case file.")] = "",
    class_: Annotated[Code, Query(alias="class", description="Code of a class; those below it count too.")] = "",
    action: Code = "",
    outcome: Literal["", "done", "refused", "failed"] = "",
    department: UUID | None = None,
    request: Annotated[str, Query(max_length=64, pattern=r"^[0-9a-zA-Z-]*$", description="Id of a request.")] = "",
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Taken by the log at or after.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Taken by the log before.")] = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> TrailPage:
    """Entries of the log that meet every filter, newest first. The reading is itself on the log."""
    asked = Filter(
        record=record,
        case_file=case_file,
        record_class=class_,
        action=action,
        outcome=outcome,
        department=department,
        request=request,
        since=since,
        until=until,
    )
    page = oversight_of(run).trail(asked, by=by, request=request_id, before=cursor, limit=limit)
    items = [told(entry, page, by) for entry in page.found.entries]
    return TrailPage(items=items, next=page.found.next, reached=page.found.reached)


@router.get("/audit/trail/{seq}")
def read_entry(run: Run, by: AuditReader, request_id: RequestId, seq: Position) -> LeafView:
    """One entry and its exact bytes: what a proof of it is checked against."""
    page, data = oversight_of(run).entry(seq, by=by, request=request_id)
    return LeafView(item=told(page.found.entries[0], page, by), leaf=data.decode("ascii"))


@router.get("/audit/seen")
def read_seen(run: Run, by: AuditReader, request_id: RequestId, record: RecordName) -> SeenView:
    """Who saw a record, by department: openings, downloads, lists, searches."""
    row, seen, more = oversight_of(run).who_saw(record, by=by, request=request_id)
    return SeenView(record=row.id, number=row.number, items=[SightView.of(each) for each in seen], complete=not more)


@router.get("/audit/could-see")
def read_could_see(run: Run, by: AuditReader, request_id: RequestId, record: RecordName, day: Day) -> CouldSeeView:
    """Who could see a record at any instant of a past day, in the time zone of its legal entity."""
    begin, end = bounds_of(run, by, day, record)
    row, found = oversight_of(run).who_could_see(record, begin, end, day, by=by, request=request_id)
    items = [
        CouldView(
            person=each.person,
            why=each.why,
            roles=[RoleView(role=g.role, department=g.department, named_clerk=g.named_clerk) for g in each.grants],
            at=each.at,
        )
        for each in found
    ]
    return CouldSeeView(record=row.id, number=row.number, day=day, items=items)


@router.get("/audit/role-sees")
def read_role_sees(
    run: Run,
    by: AuditReader,
    request_id: RequestId,
    role: Role,
    entity: UUID,
    day: Day,
    department: UUID | None = None,
    named_clerk: bool = False,
) -> RoleSeesView:
    """How many records of each class a role alone opened at the end of a past day."""
    by.require("audit.read", entity=entity)
    with run.main.read() as session:
        zone = entities.get(session, entity).zone
    at = min(_start_of(day + timedelta(days=1), zone), run.clock.now())
    if _start_of(day, zone) > at:
        raise Invalid("the day has not begun")
    grant = Grant(role, entity, department, named_clerk)
    found = oversight_of(run).role_could_see(grant, at, day, by=by, request=request_id)
    items = [OpenedView.model_validate({"class": each.record_class, "records": each.records}) for each in found]
    return RoleSeesView(role=role, entity=entity, department=department, day=day, items=items)


def bounds_of(run: Runtime, by: Principal, day: date, record: str) -> tuple[datetime, datetime]:
    """The instants between which a day lies where the record is.

    Raises:
        NotFound: there is no such record in the places ``by`` oversees.
    """
    with run.main.read() as session:
        zone = entities.get(session, overseen.get(session, record, by).entity).zone
    return _start_of(day, zone), _start_of(day + timedelta(days=1), zone)


def _start_of(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def told(entry: TrailEntry, page: Page, by: Principal) -> TrailItem:
    return TrailItem(
        seq=entry.seq,
        leaf_hash=entry.leaf_hash.hex(),
        action=entry.action,
        outcome=entry.outcome,
        basis=entry.basis,
        at=entry.at,
        appended_at=entry.appended_at,
        by=WhoView(
            kind=entry.by.kind,
            part=entry.by.name,
            department=entry.by.department,
            you=by.id is not None and entry.by.id == by.id,
        ),
        entity=entry.entity,
        request=entry.request,
        objects=[
            ThingView(kind=kind, id=thing, number=number, version=version)
            for kind, thing, number, version in things_of(entry, page)
        ],
        details=entry.details,
        nameless=entry.nameless,
    )
