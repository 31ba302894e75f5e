"""How fresh the schedule is: who looked at a rule, when, and by when somebody has to look again.

Published tables of retention periods are often years out of date, so a rule without a recent look is a risk of its
own. A review changes nothing of the rule; it is a row beside its version. A rule that is wrong gets a new version.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Date, ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Invalid
from core.identifiers import new_id
from retention.rule_draft import STARTER
from retention.schedule import PUBLISHED, NotInForce, RetentionRule, get
from retention.schedule_events import RuleReviewed

SOON = timedelta(days=60)
LONGEST = timedelta(days=3 * 366)
"""No review is put off for longer."""
OVERDUE, DUE_SOON, NEVER, UNVERIFIED, NO_OWNER, COUNSEL = (
    "overdue", "due_soon", "never_reviewed", "unverified", "no_owner", "starter",
)  # fmt: skip
WARNINGS = (OVERDUE, DUE_SOON, NEVER, UNVERIFIED, NO_OWNER, COUNSEL)


class RuleReview(MainTable):
    """That somebody looked at a version and found that it is still the law."""

    __tablename__ = "rule_reviews"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[UUID] = mapped_column(ForeignKey("retention_rules.id"), index=True)
    reviewed_on: Mapped[date] = mapped_column(Date)
    due_on: Mapped[date] = mapped_column(Date)
    owner: Mapped[str] = mapped_column(String(100))
    """A function, never a name."""
    reviewed_by: Mapped[UUID]
    reviewed_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one version is."""

    version_id: UUID
    last_reviewed: date | None
    review_due: date | None
    owner: str
    warnings: tuple[str, ...]
    """Codes of ``WARNINGS``, the gravest first."""

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is to be done about it."""
        return not self.warnings


def warnings_of(
    last_reviewed: date | None, review_due: date | None, owner: str, *, unverified: bool, starter: bool, today: date
) -> tuple[str, ...]:
    """What is wrong with how a rule is looked after. The rule on values.

    A review after the rule was taken over from a starter pack settles what the pack could not vouch for.
    """
    found = []
    if review_due is not None and review_due < today:
        found.append(OVERDUE)
    elif review_due is not None and review_due - today <= SOON:
        found.append(DUE_SOON)
    if last_reviewed is None:
        found += [NEVER, *([UNVERIFIED] if unverified else [])]
    if not owner:
        found.append(NO_OWNER)
    if starter and last_reviewed is None:
        found.append(COUNSEL)
    return tuple(found)


def review(
    session: WriteSession, version_id: UUID, *, due_on: date, owner: str = "", by: Principal, at: datetime
) -> RuleReview:
    """Note that a version in the schedule still says what the law says.

    Raises:
        UnknownRule: ``by`` sees no such version.
        NotAllowed: ``by`` neither drafts nor publishes rules there.
        NotInForce: it is not published.
        Invalid: the next review is not after today, or more than three years away.
    """
    row = get(session, version_id, by=by)
    if not by.may("plan.draft", entity=row.entity):
        by.require("retention.publish", entity=row.entity)
    if row.state != PUBLISHED:
        raise NotInForce("review what is published")
    today = civil_date(at, entities.get(session, row.entity).zone)
    if not today < due_on <= today + LONGEST:
        raise Invalid("the next review is due after today, within three years")
    owner = " ".join(owner.split()) or of_rows(session, [row], today)[row.id].owner
    if len(owner) > 100:
        raise Invalid("name the owner in up to 100 characters: a function, never a name")
    made = RuleReview(
        id=new_id(),
        version=row.id,
        reviewed_on=today,
        due_on=due_on,
        owner=owner,
        reviewed_by=by.person,
        reviewed_at=at,
    )
    session.add(made)
    session.flush()
    event = RuleReviewed(
        by=by.actor, entity=row.entity, version_id=row.id, code=row.code, version=row.version, due=due_on.isoformat()
    )
    append(session, event, at=at)
    return made


def of_rows(session: ReadSession, rows: Collection[RetentionRule], today: date) -> dict[UUID, Freshness]:
    """How fresh each version is, by its id."""
    newest: dict[UUID, RuleReview] = {}
    ids = [row.id for row in rows]
    for start in range(0, len(ids), 500):
        query = select(RuleReview).where(RuleReview.version.in_(ids[start : start + 500])).order_by(RuleReview.id)
        newest |= {each.version: each for each in session.scalars(query)}
    found = {}
    for row in rows:
        stated, seen = row.draft, newest.get(row.id)
        last = seen.reviewed_on if seen else stated.last_reviewed
        due = seen.due_on if seen else stated.review_due
        owner = seen.owner if seen else stated.owner
        warnings = warnings_of(
            last,
            due,
            owner,
            unverified=stated.confidence == "unverified",
            starter=stated.marking == STARTER,
            today=today,
        )
        found[row.id] = Freshness(row.id, last, due, owner, warnings)
    return found


def overdue(session: ReadSession, *, at: datetime) -> list[tuple[UUID, UUID, date]]:
    """Entity, version and day of every published rule whose review is due today or earlier: for the reminders."""
    found = []
    for home in entities.everything(session):
        today = civil_date(at, home.zone)
        query = select(RetentionRule).where(RetentionRule.entity == home.id, RetentionRule.state == PUBLISHED)
        rows = list(session.scalars(query.order_by(RetentionRule.id)))
        newest: dict[UUID, RetentionRule] = {}
        for row in sorted(rows, key=lambda each: each.version):
            newest[row.rule] = row
        fresh = of_rows(session, list(newest.values()), today)
        found += [
            (home.id, each.version_id, each.review_due)
            for each in fresh.values()
            if each.review_due is not None and each.review_due <= today
        ]
    return found
