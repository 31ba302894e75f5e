"""People with an account: the list, new ones, suspensions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field, SecretStr

from accounts import directory, passwords, people, suspensions
from accounts.directory import Entry
from accounts.grants import RoleGrant
from api.deps import Now, PersonManager, PersonReader, ReadSession, RequestId, Run, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router

router = Router(prefix=PREFIX, tags=["people"])


class GrantView(View):
    """A role somebody holds, and where."""

    id: UUID
    role: str
    entity: UUID
    department: UUID | None
    named_clerk: bool
    basis: str = Field(description="second_person, set_up or single_operator.")
    valid_from: datetime
    valid_to: datetime | None

    @classmethod
    def of(cls, row: RoleGrant) -> "GrantView":
        return cls(
            id=row.id,
            role=row.role,
            entity=row.entity,
            department=row.department,
            named_clerk=row.named_clerk,
            basis=row.basis,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )


class PersonView(View):
    """A person with an account."""

    id: UUID
    sign_in_name: str
    name: str
    mail: str | None
    state: str
    added_at: datetime
    grants: list[GrantView]

    @classmethod
    def of(cls, entry: Entry) -> "PersonView":
        return cls(
            id=entry.names.id,
            sign_in_name=entry.names.sign_in_name,
            name=entry.names.name,
            mail=entry.names.mail,
            state=entry.state,
            added_at=entry.added_at,
            grants=[GrantView.of(grant) for grant in entry.grants],
        )


class PeoplePage(View):
    """A page of people, in the order in which they were added."""

    items: list[PersonView]
    next: UUID | None


class NewPerson(Change):
    """A person to be added. Without grants they may do nothing yet."""

    sign_in_name: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    mail: Annotated[str | None, Field(max_length=254)] = None
    password: SecretStr | None = Field(None, description="Without one only tokens and the command line act for them.")


class PersonAdded(View):
    """A person who was added."""

    id: UUID


@router.get("/people")
def read_list(
    run: Run,
    session: ReadSession,
    by: PersonReader,
    now: Now,
    request_id: RequestId,
    cursor: UUID | None = None,
    limit: Limit = 100,
) -> PeoplePage:
    """People you look after, or oversee."""
    entries = directory.page(session, after=cursor, limit=limit + 1, by=by, at=now, keys=run.keys)
    following = entries[limit - 1].names.id if len(entries) > limit else None
    shown = [entry.names.id for entry in entries[:limit]]
    directory.note_shown(run.log, shown, by=by, at=now, request=request_id)
    return PeoplePage(items=[PersonView.of(entry) for entry in entries[:limit]], next=following)


@router.post("/people", status_code=201)
def add(run: Run, response: Response, new: NewPerson, by: PersonManager, now: Now) -> PersonAdded:
    """Add a person."""
    names = tuple(name for name in (new.sign_in_name, new.name) if name)
    # Slow on purpose, so it comes before the transaction.
    hashed = passwords.hash_password(new.password.get_secret_value(), names=names) if new.password else None
    with run.main.write() as session:
        person = people.add(
            session, new.sign_in_name, name=new.name, mail=new.mail, password=hashed, by=by, at=now, keys=run.keys
        )
    response.headers["Location"] = f"{PREFIX}/people"
    return PersonAdded(id=person)


@router.put("/people/{person_id}/suspension", status_code=204)
def suspend(session: WriteSession, person_id: UUID, by: PersonManager, now: Now) -> None:
    """Take all rights from a person now: sessions end, tokens and grants rest."""
    suspensions.suspend(session, person_id, by=by, at=now)


@router.delete("/people/{person_id}/suspension", status_code=204)
def reinstate(session: WriteSession, person_id: UUID, by: PersonManager, now: Now) -> None:
    """End a suspension: the grants of before hold again."""
    suspensions.reinstate(session, person_id, by=by, at=now)
