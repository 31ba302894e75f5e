"""Drafting rules: one by one, from a starter pack, from a file. Nothing is kept by a draft."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities, setup
from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import Conflict
from core.identifiers import new_id
from retention import packs
from retention import schedule_events as events
from retention.rule_draft import InvalidDraft, RuleDraft, check, differences, without_borrowed_source
from retention.schedule_decisions import settle
from retention.schedule_rows import DRAFT, PUBLISHED, RetentionRule, has_records, newest_of

SET_UP = "set_up"
"""What a publication by one hand rests on, as the log says it."""
COUNSEL_WITHIN = {"verified": timedelta(days=90), "unverified": timedelta(days=30)}
"""How soon counsel should have looked at a starter rule."""


class DraftOpen(Conflict):
    """There is a draft of this rule already."""

    code = "rule_draft_open"


class NoChange(Conflict):
    """The version in force says the same."""

    code = "rule_without_change"


def draft(session: WriteSession, entity: UUID, stated: RuleDraft, *, by: Principal, at: datetime) -> RetentionRule:
    """Draft a rule, or a new version of the one of that code. Nothing is kept by it yet.

    Raises:
        NotAllowed: ``by`` drafts no rules there.
        UnknownEntity: there is none.
        InvalidRule, InvalidDraft: it cannot be a rule, or not a version of the one of that code.
        DraftOpen: there is a draft of it; publish or refuse that first.
        NoChange: it says what the newest published version says.
    """
    by.require("plan.draft", entity=entity)
    entities.get(session, entity)
    check(stated)
    newest = newest_of(session, entity).get(stated.code)
    if newest is not None and newest.state == DRAFT:
        raise DraftOpen("publish or refuse the draft first", version=str(newest.id))
    if newest is not None and newest.state == PUBLISHED and not differences(newest.draft, stated, reviews=False):
        raise NoChange("change something, or mark the rule as reviewed")
    return _add(session, entity, stated, newest, batch=None, by=by, at=at)


def take_pack(session: WriteSession, entity: UUID, country: str, *, by: Principal, at: datetime) -> UUID | None:
    """Take the starter pack of a country into an entity, as drafts that somebody else publishes in one go.

    While the set-up is open and nothing is filed they are published at once (``takes_by_one_hand``). Whoever adds an
    entity may take its first pack. What the entity has of the pack already stays as it is. Gives the batch, or
    ``None`` where nothing was new.

    Raises:
        UnknownPack: there is none for this country.
        UnknownEntity: there is none.
        NotAllowed: ``by`` neither drafts rules there nor adds entities.
    """
    home, pack = entities.get(session, entity), packs.load(country)
    by_one_hand = takes_by_one_hand(session, entity, by=by, at=at)
    if not by_one_hand and not (by.may("entity.manage") and _is_new(session, entity)):
        by.require("plan.draft", entity=entity)
    today = civil_date(at, home.zone)
    wanted = [replace(each, review_due=today + COUNSEL_WITHIN[each.confidence]) for each in pack.rules]
    rows = _take(session, home, wanted, origin="pack", country=country, only_new=True, by=by, at=at)
    if rows and by_one_hand:
        settle(session, rows, simulation=None, basis=SET_UP, by=by, at=at)
    return rows[0].batch if rows else None


def takes_by_one_hand(session: ReadSession, entity: UUID, *, by: Principal, at: datetime) -> bool:
    """Whether a pack that ``by`` takes is in force at once: at the set-up, in an entity where nothing is kept."""
    return setup.is_open(session, at) and by.may("entity.manage") and not has_records(session, entity)


def take_file(
    session: WriteSession, entity: UUID, stated: Sequence[RuleDraft], *, by: Principal, at: datetime
) -> tuple[UUID | None, int]:
    """Take the rules of a file as drafts, in one batch; gives it, and how many rules were there as stated.

    Raises:
        NotAllowed: ``by`` drafts no rules there.
        UnknownEntity: there is none.
        InvalidRule, InvalidDraft, DraftOpen: one of them cannot be drafted, and so none is.
    """
    by.require("plan.draft", entity=entity)
    home = entities.get(session, entity)
    rows = _take(session, home, stated, origin="file", country=None, only_new=False, by=by, at=at)
    return (rows[0].batch if rows else None), len(stated) - len(rows)


def _is_new(session: ReadSession, entity: UUID) -> bool:
    """Whether nothing was filed for an entity, and nobody has decided about any rule of it."""
    decided = select(RetentionRule.id).where(RetentionRule.entity == entity, RetentionRule.state != DRAFT)
    return session.scalar(decided.limit(1)) is None and not has_records(session, entity)


def _take(
    session: WriteSession, home: LegalEntity, stated: Iterable[RuleDraft], *, origin: str, country: str | None,
    only_new: bool, by: Principal, at: datetime,
) -> list[RetentionRule]:  # fmt: skip
    known, batch, made, left = newest_of(session, home.id), new_id(), [], 0
    for each in stated:
        check(each)
        before = known.get(each.code)
        if before is not None and (only_new or not differences(before.draft, each, reviews=False)):
            left += 1
            continue
        if before is not None and before.state == DRAFT:
            raise DraftOpen(f"{each.code}: publish or refuse its draft first", version=str(before.id))
        made.append(_add(session, home.id, each, before, batch=batch, by=by, at=at))
    if made:
        event = events.RulesTaken(
            by=by.actor, entity=home.id, batch=batch, origin=origin, jurisdiction=country, rules=len(made), known=left
        )
        append(session, event, at=at)
    return made


def _add(
    session: WriteSession, entity: UUID, stated: RuleDraft, newest: RetentionRule | None, *, batch: UUID | None,
    by: Principal, at: datetime,
) -> RetentionRule:  # fmt: skip
    if newest is not None and (newest.jurisdiction, newest.record_class) != (stated.jurisdiction, stated.record_class):
        raise InvalidDraft(
            f"{stated.code} is a rule of {newest.jurisdiction} for {newest.record_class}: choose another code"
        )
    same = (RetentionRule.entity == entity, RetentionRule.code == stated.code)
    last = session.scalar(select(func.max(RetentionRule.version)).where(*same)) or 0
    first = session.scalar(select(RetentionRule.rule).where(*same).limit(1))
    known = [each for country in packs.countries() for each in packs.load(country).rules] if stated.source else []
    stated = without_borrowed_source(stated, [*known, *([newest.draft] if newest is not None else [])])
    row = RetentionRule(
        id=new_id(),
        rule=first or new_id(),
        version=last + 1,
        entity=entity,
        code=stated.code,
        jurisdiction=stated.jurisdiction,
        record_class=stated.record_class,
        content=stated.to_json(),
        state=DRAFT,
        batch=batch,
        drafted_by=by.id,
        drafted_at=at,
    )
    session.add(row)
    session.flush()
    event = events.RuleDrafted(
        by=by.actor, entity=entity, version_id=row.id, code=row.code, version=row.version,
        jurisdiction=row.jurisdiction, record_class=row.record_class, period=stated.period.text, content=stated.digest,
    )  # fmt: skip
    append(session, event, at=at)
    return row
