"""What happened to a record, told from the audit log: deeds and places, and no colleague's name."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from accounts import departments
from accounts.principal import Principal
from api.deps import Now, Reader, RequestId, Run
from api.rest.parameters import PREFIX, Limit, View
from api.routing import Router
from audit import trail
from audit.trail import TrailEntry
from core.database import ReadSession
from core.errors import NotFound
from records import record

router = Router(prefix=PREFIX, tags=["records"])

_COUNTS_OTHERS = frozenset({"record.searched"})
"""Actions whose details speak of records besides the one asked about."""


class ActorView(View):
    """Who did it, as far as colleagues are told."""

    kind: str = Field(description="person, system or operator (somebody at the machine, acting for a person).")
    part: str | None = Field(description="The part of the program, where one acted.")
    department: str | None = Field(description="Name of the person's department then, if it was one only.")
    you: bool


class HistoryEntry(View):
    """One entry of the log that is about the record."""

    seq: int = Field(description="Position in the audit log.")
    leaf_hash: str
    action: str
    outcome: str
    basis: str
    at: datetime
    appended_at: datetime
    by: ActorView
    details: dict[str, str | int | bool | list[str] | list[int] | dict[str, int]]


class HistoryPage(View):
    """A page of a record's history, the newest first."""

    items: list[HistoryEntry]
    next: int | None


@router.get("/records/{record_id}/history")
def read_history(
    run: Run,
    record_id: UUID,
    by: Reader,
    now: Now,
    request_id: RequestId,
    cursor: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> HistoryPage:
    """What happened to a record. What happened a second ago may still be on its way into the log."""
    with run.main.read() as session:
        record.get_visible(session, record_id, by, now)
        with run.log_database.read() as log:
            entries = trail.history(log, "record", record_id, before=cursor, limit=limit + 1)
        names = _department_names(session, entries)
    run.content.history_shown(record_id, min(len(entries), limit), by=by, request=request_id)
    items = [_told(entry, by, names) for entry in entries[:limit]]
    return HistoryPage(items=items, next=items[-1].seq if len(entries) > limit else None)


def _told(entry: TrailEntry, by: Principal, names: dict[UUID, str]) -> HistoryEntry:
    return HistoryEntry(
        seq=entry.seq,
        leaf_hash=entry.leaf_hash.hex(),
        action=entry.action,
        outcome=entry.outcome,
        basis=entry.basis,
        at=entry.at,
        appended_at=entry.appended_at,
        by=ActorView(
            kind=entry.by.kind,
            part=entry.by.name,
            department=names.get(entry.by.department) if entry.by.department else None,
            you=by.id is not None and entry.by.id == by.id,
        ),
        details={} if entry.action in _COUNTS_OTHERS else entry.details,
    )


def _department_names(session: ReadSession, entries: list[TrailEntry]) -> dict[UUID, str]:
    names = {}
    for department in {entry.by.department for entry in entries if entry.by.department is not None}:
        try:
            names[department] = departments.get(session, department).name
        except NotFound:
            continue
    return names
