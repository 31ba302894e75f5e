"""What the audit log says about accounts: who got in, who was given what, and by whom.

Ids and codes only. A person, an entity and a department stand in the log under aliases, as
objects and never as details; names, addresses and secrets stand nowhere. A refused sign-in
names the person only where the name was one of ours: what somebody typed is not kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef


@dataclass(frozen=True, kw_only=True)
class EntityAdded(Event):
    """A legal entity was added."""

    action = "entity.added"
    description = "A legal entity was added; nobody has a role in it yet."

    def objects(self) -> tuple[ObjectRef, ...]:
        return () if self.entity is None else (ObjectRef("entity", self.entity),)


@dataclass(frozen=True, kw_only=True)
class DepartmentAdded(Event):
    """A department was added."""

    action = "department.added"
    description = "A department was added to a legal entity."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"kind": Detail("code", "What the department does.")}
    department: UUID
    kind: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("department", self.department),)

    def details(self) -> Mapping[str, Any]:
        return {"kind": self.kind}


@dataclass(frozen=True, kw_only=True)
class _AboutPerson(Event):
    """An event about one person."""

    person: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("person", self.person),)


@dataclass(frozen=True, kw_only=True)
class PersonAdded(_AboutPerson):
    """A person got an account."""

    action = "person.added"
    description = "A person got an account; roles are given by grants."


@dataclass(frozen=True, kw_only=True)
class PersonRenamed(_AboutPerson):
    """The name or address of a person was corrected."""

    action = "person.renamed"
    description = "The display name or mail address of a person was corrected."


@dataclass(frozen=True, kw_only=True)
class PersonSuspended(_AboutPerson):
    """An account was suspended."""

    action = "person.suspended"
    description = "An account was suspended: its sessions ended, its tokens and roles rest."


@dataclass(frozen=True, kw_only=True)
class PersonReinstated(_AboutPerson):
    """A suspension ended."""

    action = "person.reinstated"
    description = "The suspension of an account ended; the roles it had hold again."


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(_AboutPerson):
    """A person changed their password."""

    action = "password.changed"
    description = "A person changed their own password; their other sessions ended."


@dataclass(frozen=True, kw_only=True)
class PasswordReset(_AboutPerson):
    """Somebody else reset a sign-in."""

    action = "password.reset"
    description = "Somebody else set the password of a person, whose approvals rest for 72 hours."


@dataclass(frozen=True, kw_only=True)
class _AboutGrant(Event):
    """An event about a role given to a person at a place."""

    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "role": Detail("code", "The role."),
        "named_clerk": Detail("bool", "Whether it names a clerk for personnel files."),
    }
    grant: UUID
    """The request, or where it ended the grant."""
    kind: ClassVar[str] = "grant_request"
    person: UUID
    role: str
    department: UUID | None = None
    named_clerk: bool = False

    def objects(self) -> tuple[ObjectRef, ...]:
        about = (ObjectRef(self.kind, self.grant), ObjectRef("person", self.person))
        return about if self.department is None else (*about, ObjectRef("department", self.department))

    def details(self) -> Mapping[str, Any]:
        return {"role": self.role, "named_clerk": self.named_clerk}


@dataclass(frozen=True, kw_only=True)
class GrantProposed(_AboutGrant):
    """A role was proposed."""

    action = "grant.proposed"
    description = "A role was proposed for a person and waits for a second person."


@dataclass(frozen=True, kw_only=True)
class GrantRefused(_AboutGrant):
    """A proposed role was refused."""

    action = "grant.refused"
    description = "A proposed role was refused, or withdrawn by who proposed it."


@dataclass(frozen=True, kw_only=True)
class GrantBegun(_AboutGrant):
    """A person got a role."""

    action = "grant.begun"
    description = "A person got a role. Basis: second_person, set_up, or single_operator (72 hours after the proposal)."
    kind: ClassVar[str] = "grant"


@dataclass(frozen=True, kw_only=True)
class GrantEnded(_AboutGrant):
    """A role was ended."""

    action = "grant.ended"
    description = "A role was ended before its day."
    kind: ClassVar[str] = "grant"


@dataclass(frozen=True, kw_only=True)
class SignedIn(_AboutPerson):
    """A person signed in."""

    action = "sign_in.done"
    description = "A person signed in by name and password."
    session: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("session", self.session), ObjectRef("person", self.person))


@dataclass(frozen=True, kw_only=True)
class SignInRefused(Event):
    """A sign-in was refused."""

    action = "sign_in.refused"
    description = "A sign-in was refused; a person is named only where the name typed was theirs."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "reason": Detail("code", "wrong (name or password) or suspended."),
        "locked": Detail("bool", "Whether the name or the address is locked for 15 minutes from now."),
    }
    person: UUID | None = None
    reason: str
    locked: bool = False

    def objects(self) -> tuple[ObjectRef, ...]:
        return () if self.person is None else (ObjectRef("person", self.person),)

    def details(self) -> Mapping[str, Any]:
        return {"reason": self.reason, "locked": self.locked}


@dataclass(frozen=True, kw_only=True)
class SessionEnded(_AboutPerson):
    """A session was ended."""

    action = "session.ended"
    description = "A session was ended; one that ran out by itself has no entry."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "reason": Detail("code", "signed_out, ended_elsewhere, password_changed, password_reset or suspended."),
    }
    session: UUID
    reason: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("session", self.session), ObjectRef("person", self.person))

    def details(self) -> Mapping[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class TokenMade(_AboutPerson):
    """An API token was made."""

    action = "token.made"
    description = "A person made an API token for themselves."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "scopes": Detail("codes", "What the token reaches."),
        "expires": Detail("date", "The day (UTC) on which it ends."),
    }
    token: UUID
    scopes: tuple[str, ...]
    expires: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("token", self.token), ObjectRef("person", self.person))

    def details(self) -> Mapping[str, Any]:
        return {"scopes": list(self.scopes), "expires": self.expires}


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(_AboutPerson):
    """An API token was revoked."""

    action = "token.revoked"
    description = "An API token was revoked before its day."
    token: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("token", self.token), ObjectRef("person", self.person))


@dataclass(frozen=True, kw_only=True)
class SetupLinkUsed(Event):
    """The set-up link was used."""

    action = "setup.link_used"
    description = "The one-time link printed at the start was used; it opens nothing any more."


@dataclass(frozen=True, kw_only=True)
class SetupClosed(Event):
    """The set-up was closed."""

    action = "setup.closed"
    description = "The set-up was closed: from here every role takes two persons."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "reason": Detail("code", "closed (by a person) or time (24 hours after the first administrator came)."),
    }
    reason: str

    def details(self) -> Mapping[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class SingleOperatorSwitched(Event):
    """Single operator mode was switched."""

    action = "single_operator.switched"
    description = "Single operator mode was switched: one person may confirm their own proposals after 72 hours."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"on": Detail("bool", "Whether it is on from here.")}
    on: bool

    def details(self) -> Mapping[str, Any]:
        return {"on": self.on}


@dataclass(frozen=True, kw_only=True)
class RequestRefused(Event):
    """Somebody asked for what their roles do not allow."""

    action = "request.refused"
    use = "read"
    description = "A signed-in person, or their token, asked for something that their roles or scopes do not allow."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "error": Detail("code", "Code of the error they got."),
        "permission": Detail("code", "The permission that was missing; absent where none was asked for."),
    }
    outcome: Any = "refused"
    error: str
    permission: str | None = None
    about: ObjectRef | None = None

    def objects(self) -> tuple[ObjectRef, ...]:
        return () if self.about is None else (self.about,)

    def details(self) -> Mapping[str, Any]:
        return {"error": self.error, "permission": self.permission}


@dataclass(frozen=True, kw_only=True)
class PeopleListed(Event):
    """Names of people with an account were shown."""

    action = "person.listed"
    use = "read"
    description = "Names, sign-in names and mail addresses of the named people were shown to who looks after them."
    people: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("person", person) for person in self.people)
