"""Changing an entity's terms of retention: at once where that only holds back more, else with a second person.

The terms are quorum, days of grace, the share of a class that stops a run, the months after which records go into
the intermediate archive by themselves, and the calendar by which periods are reckoned: time zone and fiscal year. A
change of the calendar can move a date either way, so it always takes two, and has every date reckoned anew.
Each change is a row with what held before and what was asked for, and none is altered afterwards.
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities, single_operator
from accounts.principal import NotAllowed, Principal
from audit.intake import append
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, NotFound
from core.identifiers import new_id
from retention import disposition_terms, record_date
from retention.disposition_terms import Terms
from retention.terms_events import TermsAsked, TermsChanged, TermsRefused

ASK, DECIDE, READ = ("disposition.prepare", "disposition.approve"), "disposition.approve", "retention.read"
PENDING, IN_FORCE, REFUSED = "pending", "in_force", "refused"
CALENDAR = ("zone", "fiscal_year_start")


class TermsPending(Conflict):
    """A change of these terms waits for a second person; decide on that first."""

    code = "terms_pending"


class TermsUnchanged(Conflict):
    """These terms hold already."""

    code = "terms_unchanged"


class TermsDecided(Conflict):
    """That was decided already, or other terms hold by now."""

    code = "terms_decided"


class OwnTerms(NotAllowed):
    """Looser terms are confirmed by somebody else than who asked for them."""

    code = "own_terms"


class TermsChange(MainTable):
    """One change: in force, refused, or waiting for a second person."""

    __tablename__ = "terms_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10))
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """``EntityTerms`` by name."""
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class EntityTerms:
    """All that an entity sets about its retention."""

    quorum: int
    grace_days: int
    destroy_percent: int | None
    """``None``: that of the installation."""
    intermediate_months: int | None
    """``None``: records go into the intermediate archive by decision alone."""
    zone: str
    """IANA name."""
    fiscal_year_start: str
    """``MM-DD``."""

    @property
    def terms(self) -> Terms:
        """Those that are no calendar."""
        return Terms(self.quorum, self.grace_days, self.destroy_percent, self.intermediate_months)


NAMES: tuple[str, ...] = tuple(field.name for field in fields(EntityTerms))


def of(session: ReadSession, entity: UUID) -> EntityTerms:
    """What holds for an entity now.

    Raises:
        UnknownEntity: there is none.
    """
    home, terms = entities.get(session, entity), disposition_terms.of(session, entity)
    return EntityTerms(**asdict(terms), zone=home.zone, fiscal_year_start=home.fiscal_year_start)


def changed(before: EntityTerms, after: EntityTerms) -> tuple[str, ...]:
    """The names of those that are not the same, in their order."""
    return tuple(name for name in NAMES if getattr(before, name) != getattr(after, name))


def loosened(before: EntityTerms, after: EntityTerms, *, percent: int) -> tuple[str, ...]:
    """Those that destroy sooner or more at once, close records less, or may move a date either way.

    ``percent``: of the installation, which holds where the entity has none of its own.
    """
    never = disposition_terms.MOST_MONTHS + 1

    def months(terms: EntityTerms) -> int:
        return never if terms.intermediate_months is None else terms.intermediate_months

    looser = {
        "quorum": after.quorum < before.quorum,
        "grace_days": after.grace_days < before.grace_days,
        "destroy_percent": (after.destroy_percent or percent) > (before.destroy_percent or percent),
        "intermediate_months": months(after) > months(before),
    } | {name: getattr(after, name) != getattr(before, name) for name in CALENDAR}
    return tuple(name for name in NAMES if looser[name])


def ask(
    session: WriteSession, entity: UUID, wanted: EntityTerms, *, percent: int, by: Principal, at: datetime
) -> TermsChange:
    """Ask for other terms: in force at once where nothing gets looser, else once a second person confirms.

    Raises:
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        UnknownEntity: there is none.
        Invalid, InvalidEntity: a value that cannot be.
        TermsUnchanged: they hold already.
        TermsPending: another change waits.
    """
    if not any(by.may(each, entity=entity) for each in ASK):
        by.require(DECIDE, entity=entity)
    before = of(session, entity)
    disposition_terms.check(wanted.terms)
    entities.check_calendar(wanted.zone, wanted.fiscal_year_start)
    names = changed(before, wanted)
    if not names:
        raise TermsUnchanged()
    if waiting(session, entity) is not None:
        raise TermsPending()
    loosens = loosened(before, wanted, percent=percent)
    row = TermsChange(
        id=new_id(),
        entity=entity,
        state=PENDING if loosens else IN_FORCE,
        before=asdict(before),
        after=asdict(wanted),
        asked_by=by.person,
        asked_at=at,
    )
    session.add(row)
    session.flush()
    if loosens:
        event = TermsAsked(by=by.actor, entity=entity, change=row.id, changed=_new(row, names), loosens=loosens)
        append(session, event, at=at)
    else:
        _apply(session, row, (), by=by, second=None, basis="", at=at)
    return row


def decide(
    session: WriteSession, change_id: UUID, *, confirmed: bool, percent: int, by: Principal, at: datetime
) -> TermsChange:
    """The second person's word; whoever asked may only take it back.

    Raises:
        NotFound: nobody asked for it where ``by`` sees retention.
        NotAllowed: ``by`` approves no dispositions there.
        OwnTerms: ``by`` asked for it, and there is somebody else.
        TermsDecided: it was decided, or other terms hold by now.
    """
    row = session.get(TermsChange, change_id, with_for_update=True)
    if row is None or not by.may(READ, entity=row.entity):
        raise NotFound("nobody asked for that")
    own = row.asked_by == by.person and not confirmed
    if not (own and any(by.may(each, entity=row.entity) for each in ASK)):
        by.require(DECIDE, entity=row.entity)
    if row.state != PENDING:
        raise TermsDecided("look at what holds now")
    before, after = EntityTerms(**row.before), EntityTerms(**row.after)
    loosens = loosened(before, after, percent=percent)
    if not confirmed:
        row.state, row.decided_by, row.decided_at = REFUSED, by.person, at
        session.flush()
        refused = TermsRefused(
            by=by.actor,
            entity=row.entity,
            second=row.asked_by,
            outcome="refused",
            change=row.id,
            changed=_new(row, changed(before, after)),
            loosens=loosens,
        )
        append(session, refused, at=at)
        return row
    basis = single_operator.second_word(session, row.asked_by, row.asked_at, by=by, at=at)
    if basis is None:
        raise OwnTerms("ask a colleague; alone, one may confirm one's own after 72 hours")
    if of(session, row.entity) != before:
        raise TermsDecided("look at what holds now, and ask anew")
    row.state, row.decided_by, row.decided_at = IN_FORCE, by.person, at
    _apply(session, row, loosens, by=by, second=row.asked_by, basis=basis, at=at)
    return row


def waiting(session: ReadSession, entity: UUID) -> TermsChange | None:
    """The change that waits for a second person."""
    return session.scalar(select(TermsChange).where(TermsChange.entity == entity, TermsChange.state == PENDING))


def history(session: ReadSession, entity: UUID, *, by: Principal, limit: int = 50) -> list[TermsChange]:
    """The changes of an entity, the newest first.

    Raises:
        NotAllowed: ``by`` does not see its retention.
    """
    by.require(READ, entity=entity)
    query = select(TermsChange).where(TermsChange.entity == entity)
    return list(session.scalars(query.order_by(TermsChange.asked_at.desc(), TermsChange.id.desc()).limit(limit)))


def wanted(before: EntityTerms, **values: Any) -> EntityTerms:
    """The terms that would hold with some of them set anew."""
    return replace(before, **values)


def _new(row: TermsChange, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row.after[name] for name in names}


def _apply(
    session: WriteSession,
    row: TermsChange,
    loosens: tuple[str, ...],
    *,
    by: Principal,
    second: UUID | None,
    basis: str,
    at: datetime,
) -> None:
    before, after = EntityTerms(**row.before), EntityTerms(**row.after)
    names = changed(before, after)
    if before.terms != after.terms:
        disposition_terms.write(session, row.entity, after.terms, by=by.person, at=at)
    if not set(names).isdisjoint(CALENDAR):
        entities.set_calendar(session, row.entity, zone=after.zone, fiscal_year_start=after.fiscal_year_start)
        record_date.ask_all(session, row.entity, at)
    event = TermsChanged(
        by=by.actor, entity=row.entity, second=second, basis=basis, change=row.id, changed=_new(row, names),
        loosens=loosens,
    )  # fmt: skip
    append(session, event, at=at)
