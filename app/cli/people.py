"""Commands on people: user add and list, token create, setup close."""

import sys
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select

from accounts import (
    departments,
    directory,
    entities,
    first_account,
    grant_requests,
    passwords,
    people,
    rights,
    setup,
    tokens,
)
from accounts.departments import Department
from accounts.entities import LegalEntity, NewEntity
from accounts.permissions import ROLES, Role, works_in_department
from accounts.principal import Grant, Principal
from accounts.principals import operator_for
from app.cli.options import options_of
from app.cli.session import Session, opened
from core.database import WriteSession
from core.errors import Forbidden, Invalid, NotFound

user_cli = typer.Typer(no_args_is_help=True, help="People and their roles.")
token_cli = typer.Typer(no_args_is_help=True, help="API tokens.")
setup_cli = typer.Typer(no_args_is_help=True, help="The first set-up.")

GENERAL = "General"
"""The department of staff for whom none was named."""


@user_cli.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    role: Annotated[str, typer.Option(help=", ".join(ROLES))],
    department: Annotated[str | None, typer.Option(help="For staff: the name of their department.")] = None,
    named_clerk: Annotated[
        bool, typer.Option(help="For staff of an HR department: clerk for personnel files.")
    ] = False,
    entity: Annotated[str | None, typer.Option(help="Name of the legal entity; made if there is none yet.")] = None,
    country: Annotated[str, typer.Option(help="Country of an entity that is made, e.g. DE.")] = "DE",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Add a person, or give an existing one another role.

    While the set-up is open the role holds at once; afterwards it waits for a second person.
    """
    if role not in ROLES:
        raise Invalid(f"a role is one of {', '.join(ROLES)}")
    chosen: Role = role
    secret = sys.stdin.readline().rstrip("\n") if password_stdin else None
    hashed = passwords.hash_password(secret, names=(name,)) if secret is not None else None
    with opened(options_of(context)) as session:
        by, runtime = session.operator(), session.runtime
        now = runtime.clock.now()
        with runtime.main.write() as writing:
            home = _entity(writing, session, entity, country, by)
            person = people.find_by_name(writing, name, runtime.keys)
            if person is None:
                person = people.add(writing, name, password=hashed, by=by, at=now, keys=runtime.keys)
            elif hashed is not None:
                raise Invalid("there is such a person already: leave the password out to give another role")
            place = _department(writing, session, home, department, by) if works_in_department(chosen) else None
            request = grant_requests.propose(writing, person, Grant(chosen, home.id, place, named_clerk), by=by, at=now)
            state = request.state
        session.settle()
        told = {"id": str(person), "name": name, "role": role, "state": state}
        words = "" if state == "confirmed" else " (waits for a second person)"
        session.emit(told, f"{name}: {role}{words}")


@user_cli.command("list")
def list_(context: typer.Context) -> None:
    """Everybody with an account, and their roles."""
    with opened(options_of(context)) as session:
        by, runtime = session.operator(), session.runtime
        by.require("person.manage" if by.kind == "system" else "person.read")
        with runtime.main.read() as reading:
            ids = list(reading.scalars(select(people.Person.id).order_by(people.Person.added_at)))
            names = {row.id: row for row in people.open_names(reading, ids, runtime.keys)}
            now = runtime.clock.now()
            directory.note_shown(runtime.log, ids, by=by, at=now)
            for person in ids:
                roles = sorted({row.value.role for row in rights.grants_at(reading, person, now)})
                shown = names[person].sign_in_name if person in names else ""
                session.emit({"id": str(person), "name": shown, "roles": roles}, f"{shown:30} {', '.join(roles)}")


@token_cli.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Sign-in name of the person it acts for.")],
    scope: Annotated[str, typer.Option(help="capture, read, audit, admin; several with commas.")] = "capture,read",
    days: Annotated[int, typer.Option(min=1, max=366)] = 90,
) -> None:
    """Make an API token and print it: it is shown this once."""
    with opened(options_of(context)) as session:
        runtime = session.runtime
        now = runtime.clock.now()
        with runtime.main.write() as writing:
            if session.options.token and people.find_by_name(writing, name, runtime.keys) != session.principal().id:
                raise Forbidden("a token makes tokens for its own person only")
            by = operator_for(writing, name, at=now, keys=runtime.keys)
            scopes = [word.strip() for word in scope.split(",") if word.strip()]
            made = tokens.create(
                writing, scopes, label="command line", life=timedelta(days=days), by=by, at=now, keys=runtime.keys
            )
        session.settle()
        session.emit(
            {"token": made.secret, "scopes": list(made.scopes), "expires_at": made.expires_at.isoformat()}, made.secret
        )


@setup_cli.command("close")
def close_setup(context: typer.Context) -> None:
    """Close the set-up: from now on every role that matters takes two persons."""
    with opened(options_of(context)) as session:
        by, runtime = session.operator(), session.runtime
        with runtime.main.write() as writing:
            setup.close(writing, by=by, at=runtime.clock.now())
        session.settle()
        session.emit({"closed": True}, "The set-up is closed.")


def _entity(writing: WriteSession, session: Session, name: str | None, country: str, by: Principal) -> LegalEntity:
    known = entities.everything(writing)
    if name is None and len(known) == 1:
        return known[0]
    if name is not None and (found := [row for row in known if row.name == name]):
        return found[0]
    if known and name is None:
        raise Invalid("name the legal entity by --entity")
    new = NewEntity(name=name or "Our organisation", jurisdiction=country, zone=session.runtime.settings.time_zone)
    return first_account.found_entity(writing, new, by=by, at=session.runtime.clock.now())


def _department(writing: WriteSession, session: Session, home: LegalEntity, name: str | None, by: Principal) -> UUID:
    wanted = name or GENERAL
    rows = departments.of_entity(writing, home.id)
    found: Department | None = next((row for row in rows if row.name.casefold() == wanted.casefold()), None)
    if found is None and name is None:
        found = departments.add(writing, home.id, GENERAL, "other", by=by, at=session.runtime.clock.now())
    if found is None:
        raise NotFound(f"there is no such department; there are {', '.join(row.name for row in rows)}")
    return found.id
