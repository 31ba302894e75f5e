"""What the documents are made from: the live rules, jobs, roles, settings and state of one legal entity."""

from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version

from sqlalchemy import distinct, func, select

from accounts import entities
from accounts.entities import LegalEntity
from accounts.grants import RoleGrant, holds_at
from accounts.permissions import ROLES
from accounts.principal import Principal
from app import retention_state
from app.anchoring import policy_of
from app.retention_state import State
from app.runtime import Runtime
from app.settings import Settings
from core.clock import civil_date
from records import file_plan
from records.record import Record
from retention import disposition_terms, freshness, schedule
from retention.disposition_terms import Terms
from retention.freshness import Freshness
from retention.held import OVER, Hold
from retention.record_date import RecordDate
from retention.rule import Rule
from retention.rule_draft import RuleDraft
from retention.schedule import PUBLISHED
from vault.lock import LockingStore


@dataclass(frozen=True, slots=True)
class Published:
    """One published version of a rule."""

    value: Rule
    stated: RuleDraft
    fresh: Freshness
    in_force_on: date | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything, as of one instant."""

    entity: LegalEntity
    at: datetime
    today: date
    program: str
    """Version of Muniment."""
    revision: int
    """How often the schedule of the entity has changed."""
    rules: tuple[Published, ...]
    classes: dict[str, int]
    """Record classes in which records are kept, with how many."""
    unclassified: int
    states: dict[str, int]
    """How many records have which kind of date."""
    undated: dict[str, int]
    """Record classes of which records have no rule, with how many."""
    terms: Terms
    destroy_percent: int
    """Of a class, that one run destroys at most."""
    holds: dict[str, int]
    """Holds in force, by kind."""
    roles: dict[str, int]
    """How many people hold each role in the entity, or beyond it."""
    jobs: State
    settings: Settings
    can_lock: bool
    witnesses: int
    distributed: bool


def gather(runtime: Runtime, entity: LegalEntity, *, by: Principal) -> Sources:
    """What there is to say of an entity now.

    Raises:
        NotAllowed: ``by`` does not see its retention.
    """
    by.require("retention.read", entity=entity.id)
    at = runtime.clock.now()
    today = civil_date(at, entity.zone)
    policy = policy_of(runtime.settings)
    with runtime.main.read() as session:
        rows = schedule.listed(session, entity.id, by=by, states=(PUBLISHED,))
        fresh = freshness.of_rows(session, rows, today)
        by_class = select(Record.record_class, func.count()).where(Record.entity == entity.id)
        counts = {row[0]: row[1] for row in session.execute(by_class.group_by(Record.record_class))}
        dated = select(RecordDate.state, func.count()).where(RecordDate.entity == entity.id)
        ruleless = select(RecordDate.record_class, func.count()).where(
            RecordDate.entity == entity.id, RecordDate.state == "no_rule", RecordDate.record_class.is_not(None)
        )
        holding = select(Hold.kind, func.count()).where(Hold.entity == entity.id, Hold.state != OVER)
        granted = select(RoleGrant.role, func.count(distinct(RoleGrant.person))).where(holds_at(at))
        granted = granted.where((RoleGrant.entity == entity.id) | (RoleGrant.role == "administrator"))
        return Sources(
            entity=entity,
            at=at,
            today=today,
            program=version("muniment"),
            revision=schedule.revision(session, entity.id),
            rules=tuple(Published(row.value(), row.draft, fresh[row.id], row.in_force_on) for row in rows),
            classes={code: count for code, count in counts.items() if code is not None},
            unclassified=counts.get(None, 0),
            states={row[0]: row[1] for row in session.execute(dated.group_by(RecordDate.state))},
            undated={row[0]: row[1] for row in session.execute(ruleless.group_by(RecordDate.record_class)) if row[0]},
            terms=(terms := disposition_terms.of(session, entity.id)),
            destroy_percent=terms.destroy_percent or runtime.settings.destroy_percent,
            holds={row[0]: row[1] for row in session.execute(holding.group_by(Hold.kind))},
            roles=dict.fromkeys(ROLES, 0)
            | {row[0]: row[1] for row in session.execute(granted.group_by(RoleGrant.role))},
            jobs=retention_state.of(session, runtime),
            settings=runtime.settings,
            can_lock=isinstance(runtime.store, LockingStore),
            witnesses=0 if policy is None else len(policy.witnesses),
            distributed=runtime.settings.is_distributed,
        )


def entity_named(runtime: Runtime, name: str, *, by: Principal) -> LegalEntity:
    """The entity of that name; the only one of ``by`` where no name is given.

    Raises:
        UnknownEntity: there is none, or it is not said which.
    """
    with runtime.main.read() as session:
        rows = [row for row in entities.everything(session) if by.may("retention.read", entity=row.id)]
    found = [row for row in rows if row.name == name] if name else rows
    if len(found) != 1:
        names = ", ".join(row.name for row in rows)
        raise entities.UnknownEntity(f"name one of: {names}" if rows else "there is none for you")
    return found[0]


def class_title(code: str) -> str:
    """A record class of the file plan or of the facts, in words."""
    plan = file_plan.load()
    return plan.get(code).title if code in plan else code.replace("_", " ").capitalize()
