"""What may be done, by which role, and through which token: data, read by everything that decides.

Deny by default: what no row here gives, nobody has. A role gives its permissions within the
entity of its grant (staff: within the department), and nothing here opens a particular
record: that is decided by the record's access set. The table of roles is the one in the
documentation; a test prints it and compares.
"""

from typing import Literal, get_args

Role = Literal["staff", "records_manager", "compliance_officer", "dpo", "auditor", "administrator"]
Scope = Literal["capture", "read", "audit", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)

PERMISSIONS: dict[str, tuple[Scope, str]] = {
    "record.capture": ("capture", "File documents as records"),
    "record.read": ("read", "Find and open the records of one's places"),
    "record.review": ("capture", "Confirm or correct what a machine proposed"),
    "record.classify": ("capture", "Change the class, department or case file of a record"),
    "version.add": ("capture", "Add a corrected version to a record"),
    "case_file.read": ("read", "See the case files of one's places"),
    "case_file.manage": ("capture", "Open, describe and close case files and their access lists"),
    "plan.draft": ("admin", "Draft record classes and rules of the file plan"),
    "retention.read": ("read", "See the retention schedule, dates, holds and dispositions of one's entity"),
    "retention.publish": ("admin", "Publish or refuse a retention rule that somebody else drafted"),
    "trigger.state": ("capture", "State the events that retention periods run from"),
    "hold.place": ("admin", "Place legal holds and other blockers, ask for their release"),
    "hold.release": ("admin", "Confirm the release of a hold that somebody else asked for"),
    "disposition.prepare": ("admin", "Review what may be destroyed and decide for each record"),
    "disposition.approve": ("admin", "Approve what somebody else prepared for disposition"),
    "capture.withdraw": ("capture", "Withdraw a record that was captured by mistake"),
    "entity.manage": ("admin", "Add legal entities and departments"),
    "person.read": ("admin", "See who has an account and which roles"),
    "person.manage": ("admin", "Add and suspend people, reset their sign-in"),
    "grant.propose": ("admin", "Propose a role for somebody else, end a role"),
    "grant.decide": ("admin", "Confirm or refuse a role that somebody else proposed"),
    "token.own": ("admin", "Make and revoke one's own API tokens"),
    "token.manage": ("admin", "Revoke the API tokens of others"),
    "installation.manage": ("admin", "See the state of the machines, close the set-up, switch single operator mode"),
    "audit.read": ("audit", "Read the whole audit trail"),
    "audit.verify": ("audit", "Check the audit log and take proofs from it"),
    "report.decide": ("audit", "Confirm or refuse a report about one person's reading"),
    "file_report.make": ("audit", "Report who accessed a case file, for the person it is about, without names"),
    "withdrawal.ask": ("audit", "Ask that entries of the log older than its retention be withdrawn"),
    "withdrawal.decide": ("audit", "Confirm or refuse a withdrawal from the log that somebody else asked for"),
}
"""Permission: the token scope that reaches it, and what it means (English source string)."""

_FILING = frozenset(
    {
        "record.capture",
        "record.read",
        "record.review",
        "record.classify",
        "version.add",
        "case_file.read",
        "case_file.manage",
        "capture.withdraw",
        "token.own",
    }
)
_COMPLIANCE = frozenset(
    {
        "person.read",
        "grant.decide",
        "report.decide",
        "audit.verify",
        "file_report.make",
        "withdrawal.ask",
        "withdrawal.decide",
        "retention.read",
        "retention.publish",
        "hold.place",
        "hold.release",
        "disposition.approve",
        "token.own",
    }
)

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    "staff": _FILING,
    "records_manager": _FILING | {"plan.draft", "retention.read", "trigger.state", "hold.place", "disposition.prepare"},
    "compliance_officer": _COMPLIANCE,
    "dpo": frozenset(
        {
            "person.read",
            "audit.read",
            "audit.verify",
            "file_report.make",
            "withdrawal.ask",
            "retention.read",
            "token.own",
        }
    ),
    "auditor": frozenset({"person.read", "audit.read", "audit.verify", "retention.read", "token.own"}),
    "administrator": frozenset(
        {
            "entity.manage",
            "person.read",
            "person.manage",
            "grant.propose",
            "grant.decide",
            "token.own",
            "token.manage",
            "installation.manage",
        }
    ),
}

ROLE_MEANINGS: dict[Role, str] = {
    "staff": "Files and reads the records of a department",
    "records_manager": "Keeps the file plan and the records of an entity in order",
    "compliance_officer": "Approves what cannot be undone",
    "dpo": "Oversees the handling of personal data and decides nothing",
    "auditor": "Reads the trail and checks the log; no content",
    "administrator": "Looks after people and machines; no content, no log",
}
"""What a role is for (English source string)."""

APPROVALS: frozenset[str] = frozenset(
    {
        "grant.decide",
        "report.decide",
        "withdrawal.decide",
        "retention.publish",
        "hold.release",
        "disposition.approve",
    }
)
"""What makes somebody a second person. Paused for 72 hours after the sign-in of the person was
reset by another, and never held by an operator, who has shown a key file and not who they are."""

CONTENT: frozenset[str] = frozenset({"record.read", "case_file.read"})
"""What can lead to the text of a record."""

TAKES_TWO: frozenset[str] = CONTENT | APPROVALS | {"audit.read", "grant.propose"}
"""Why a grant waits for a second person: it opens content, oversees, or can itself give roles.
The last because an administrator could otherwise be their own second person with another
account made alone. Every role of the table has one of these, so every grant takes two."""

SYSTEM_DUTIES: dict[str, frozenset[str]] = {
    "setup": frozenset({"entity.manage", "person.manage", "grant.propose", "installation.manage"}),
    "sign_in": frozenset(),
    "keeper": frozenset({"record.read"}),
    "locks": frozenset(),
    "pipeline": _FILING - {"token.own", "case_file.manage"},
    "retention": frozenset({"record.read", "record.classify", "retention.read"}),
    "maintenance": frozenset({"record.read", "installation.manage"}),
}
"""Parts of the program that act without a person, and all that each of them may do."""


def scope_of(permission: str) -> Scope:
    """The token scope that reaches ``permission``.

    Raises:
        KeyError: there is no such permission; a defect of the program.
    """
    return PERMISSIONS[permission][0]


def works_in_department(role: Role) -> bool:
    """Whether a grant of ``role`` names a department. The other roles cover their whole entity."""
    return role == "staff"


def covers_installation(role: Role) -> bool:
    """Whether ``role`` reaches beyond the entity of its grant.

    People, grants and machines belong to no one entity, and somebody must give the first
    role in a new one. No such role has a permission of ``CONTENT``.
    """
    return role == "administrator"
