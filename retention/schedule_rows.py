"""The rows of the retention schedule, and the questions asked of them.

A row is one version of one rule, and what it states is never updated. Who may change what, and by how many hands,
is ``retention.schedule``.
"""

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from core.database import MainTable, ReadSession
from core.errors import NotFound
from records.record import Record
from retention.rule import Rule
from retention.rule_draft import RuleDraft, parse
from retention.schedule_versions import Standing, in_force

DRAFT, PUBLISHED, REFUSED, RETIRED = "draft", "published", "refused", "retired"
STATES = (DRAFT, PUBLISHED, REFUSED, RETIRED)


class UnknownRule(NotFound):
    """There is no such retention rule."""

    code = "unknown_retention_rule"


class RetentionRule(MainTable):
    """One version of one rule of one entity."""

    __tablename__ = "retention_rules"
    __table_args__ = (UniqueConstraint("entity", "code", "version"), Index(None, "entity", "state"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rule: Mapped[UUID] = mapped_column(index=True)
    """The same for all versions."""
    version: Mapped[int]
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"))
    code: Mapped[str] = mapped_column(String(80))
    jurisdiction: Mapped[str] = mapped_column(String(2))
    record_class: Mapped[str] = mapped_column(String(60))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """All that is stated, as ``RuleDraft.to_json`` gives it. Never updated."""
    state: Mapped[str] = mapped_column(String(10))
    batch: Mapped[UUID | None] = mapped_column(index=True)
    """Shared by what was drafted together, from a pack or a file."""
    drafted_by: Mapped[UUID | None]
    """Empty where the set-up did."""
    drafted_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    simulation: Mapped[UUID | None]
    """The simulation that was looked at before it was published."""
    in_force_on: Mapped[date | None] = mapped_column(Date)
    """The first civil day on which dates are reckoned by it; empty before it is published."""
    retirement_asked_by: Mapped[UUID | None]
    retired_by: Mapped[UUID | None]
    retired_on: Mapped[date | None] = mapped_column(Date)
    """The first day on which they are not, where the rule was taken out of the schedule."""

    @property
    def draft(self) -> RuleDraft:
        """What the version states."""
        return _read(tuple((key, _hashable(value)) for key, value in self.content.items()))

    def value(self) -> Rule:
        """What the version states, as dates are reckoned with it: without what later versions take from it."""
        return self.draft.rule(self.id, self.version, self.entity)

    def standing(self) -> Standing:
        """The published version among the others of its rule."""
        assert self.in_force_on is not None
        return Standing(self.rule, self.value(), self.draft.transition, self.in_force_on, self.retired_on)


class ScheduleRevision(MainTable):
    """That the schedule of an entity changed."""

    __tablename__ = "schedule_revisions"

    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date)
    """Civil day in the entity's zone."""
    at: Mapped[datetime]
    cause: Mapped[str] = mapped_column(String(20))
    """``published``, ``retired``, or ``turned``: the day of a published version came."""


def published(session: ReadSession, entity: UUID, on: date) -> tuple[Rule, ...]:
    """The rules by which the dates of an entity's records are reckoned on a day, past days included."""
    return in_force((row.standing() for row in published_rows(session, entity)), on)


def revision(session: ReadSession, entity: UUID) -> int:
    """How often the schedule of the entity has changed; 0 where it has none."""
    return session.scalar(select(func.max(ScheduleRevision.number)).where(ScheduleRevision.entity == entity)) or 0


def get(session: ReadSession, version_id: UUID, *, by: Principal) -> RetentionRule:
    """A version that ``by`` may see.

    Raises:
        UnknownRule: there is none.
    """
    row = session.get(RetentionRule, version_id)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise UnknownRule()
    return row


def listed(session: ReadSession, entity: UUID, *, by: Principal, states: Iterable[str] = STATES) -> list[RetentionRule]:
    """The versions of an entity, by code, the newest version first.

    Raises:
        NotAllowed: ``by`` does not see its retention.
    """
    by.require("retention.read", entity=entity)
    query = select(RetentionRule).where(RetentionRule.entity == entity, RetentionRule.state.in_(tuple(states)))
    return list(session.scalars(query.order_by(RetentionRule.code, RetentionRule.version.desc())))


def versions_of(session: ReadSession, rule: UUID) -> list[RetentionRule]:
    """All versions of a rule, the newest first."""
    query = select(RetentionRule).where(RetentionRule.rule == rule)
    return list(session.scalars(query.order_by(RetentionRule.version.desc())))


def drafts_of(session: ReadSession, batch: UUID, *, by: Principal) -> list[RetentionRule]:
    """What is still a draft of a batch, by code, as far as ``by`` sees it."""
    query = select(RetentionRule).where(RetentionRule.batch == batch, RetentionRule.state == DRAFT)
    found = session.scalars(query.order_by(RetentionRule.code))
    return [row for row in found if by.may("retention.read", entity=row.entity)]


def newest_of(session: ReadSession, entity: UUID) -> dict[str, RetentionRule]:
    """The newest version of each rule of an entity that was not refused, by code."""
    query = select(RetentionRule).where(RetentionRule.entity == entity, RetentionRule.state != REFUSED)
    return {row.code: row for row in session.scalars(query.order_by(RetentionRule.version))}


def version_before(session: ReadSession, row: RetentionRule) -> RetentionRule | None:
    """The published version that a draft, or a version, takes the place of."""
    earlier = [each for each in versions_of(session, row.rule) if each.version < row.version]
    return next((each for each in earlier if each.state == PUBLISHED), None)


def has_records(session: ReadSession, entity: UUID) -> bool:
    """Whether anything was ever filed for the entity."""
    return session.scalar(select(Record.id).where(Record.entity == entity).limit(1)) is not None


def published_rows(session: ReadSession, entity: UUID) -> list[RetentionRule]:
    """Every version that was ever published for an entity."""
    query = select(RetentionRule).where(RetentionRule.entity == entity, RetentionRule.state.in_((PUBLISHED, RETIRED)))
    return list(session.scalars(query))


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(tuple(each.items()) for each in value)
    return value


@lru_cache(maxsize=4_096)
def _read(content: tuple[tuple[str, Any], ...]) -> RuleDraft:
    values = dict(content)
    values["later_of"] = [dict(each) for each in values["later_of"]]
    return parse(values)
