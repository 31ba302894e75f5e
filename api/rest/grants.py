"""Roles: proposed by one person, confirmed by another, ended by either."""

from datetime import datetime
from uuid import UUID

from fastapi import Response
from pydantic import Field

from accounts import grant_requests, grants, recertification
from accounts.grant_requests import GrantRequest
from accounts.permissions import Role
from accounts.principal import Grant
from api.deps import GrantDecider, GrantProposer, Now, PersonReader, ReadSession, SignedIn, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.rest.people import GrantView
from api.routing import Router

router = Router(prefix=PREFIX, tags=["people"])


class RequestView(View):
    """A role proposed for a person."""

    id: UUID
    person: UUID
    role: str
    entity: UUID
    department: UUID | None
    named_clerk: bool
    until: datetime | None
    requested_by: UUID | None
    requested_at: datetime
    state: str = Field(description="pending, confirmed, refused or withdrawn.")

    @classmethod
    def of(cls, row: GrantRequest) -> "RequestView":
        return cls(
            id=row.id,
            person=row.person,
            role=row.role,
            entity=row.entity,
            department=row.department,
            named_clerk=row.named_clerk,
            until=row.until,
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            state=row.state,
        )


class Requests(View):
    """Roles that wait for a second person, the oldest first."""

    items: list[RequestView]


class Proposal(Change):
    """A role for a person, and where."""

    role: Role
    entity: UUID
    department: UUID | None = Field(None, description="For staff, whose role names one.")
    named_clerk: bool = Field(False, description="Also for the personnel files of that department.")
    until: datetime | None = None


class DueGrant(View):
    """A grant, and by when somebody is to sign for it."""

    grant: UUID
    person: UUID
    role: str
    entity: UUID
    department: UUID | None
    last_signed_at: datetime | None
    due_at: datetime


class DueGrants(View):
    """Grants to sign for."""

    items: list[DueGrant]


class SignOff(Change):
    """Whether a role is still needed."""

    kept: bool


@router.get("/grant-requests")
def read_pending(session: ReadSession, by: PersonReader) -> Requests:
    """Roles that wait to be confirmed, in your places."""
    return Requests(items=[RequestView.of(row) for row in grant_requests.pending(session, by=by)])


@router.post("/people/{person_id}/grants", status_code=201)
def propose(
    session: WriteSession, response: Response, person_id: UUID, wanted: Proposal, by: GrantProposer, now: Now
) -> RequestView:
    """Propose a role for somebody; while the set-up is open it holds at once."""
    grant = Grant(wanted.role, wanted.entity, wanted.department, wanted.named_clerk)
    row = grant_requests.propose(session, person_id, grant, until=_aware(wanted.until), by=by, at=now)
    response.headers["Location"] = f"{PREFIX}/grant-requests"
    return RequestView.of(row)


@router.post("/grant-requests/{grant_request_id}/confirmation", status_code=201)
def confirm(session: WriteSession, grant_request_id: UUID, by: GrantDecider, now: Now) -> GrantView:
    """Confirm a role that somebody else proposed."""
    return GrantView.of(grant_requests.confirm(session, grant_request_id, by=by, at=now))


@router.delete("/grant-requests/{grant_request_id}", status_code=204)
def refuse(session: WriteSession, grant_request_id: UUID, by: PersonReader, now: Now) -> None:
    """Refuse a proposed role, or withdraw one's own proposal."""
    grant_requests.refuse(session, grant_request_id, by=by, at=now)


@router.delete("/grants/{grant_id}", status_code=204)
def end(session: WriteSession, grant_id: UUID, by: SignedIn, now: Now) -> None:
    """End a role now: of others where you propose roles, or give up one of your own."""
    grants.end(session, grant_id, by=by, at=now)


def _aware(instant: datetime | None) -> datetime | None:
    """An instant without a zone is taken as that of this machine, like the clock people look at."""
    return instant.astimezone() if instant is not None else None


@router.get("/grants/due")
def list_due(session: ReadSession, by: PersonReader, now: Now) -> DueGrants:
    """The grants that somebody is to sign for again: overdue, or due within 30 days; the first due first."""
    items = [
        DueGrant(
            grant=each.grant.id,
            person=each.grant.person,
            role=each.grant.role,
            entity=each.grant.entity,
            department=each.grant.department,
            last_signed_at=each.last_signed_at,
            due_at=each.due_at,
        )
        for each in recertification.due(session, now, by=by)
    ]
    return DueGrants(items=items)


@router.post("/grants/{grant_id}/sign-off", status_code=204)
def sign_off(session: WriteSession, grant_id: UUID, by: GrantDecider, now: Now, word: SignOff) -> None:
    """Sign that a role is still needed, or that it is not, which ends it. Never one's own."""
    recertification.sign(session, grant_id, kept=word.kept, by=by, at=now)
