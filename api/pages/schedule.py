"""The retention schedule: who keeps what how long by whose law; versions, drafts, freshness, starter packs, files."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.entities import LegalEntity
from accounts.principal import Principal
from api.deps import Now, ReadSession, RetentionReader
from api.pages import schedule_words
from api.pages.rule_simulated import simulated
from api.pages.show import page, page_router
from core.clock import civil_date
from retention import freshness, packs, schedule
from retention.freshness import WARNINGS, Freshness
from retention.rule import Rule
from retention.schedule import DRAFT, RetentionRule

router = page_router()


@dataclass(frozen=True, slots=True)
class Cell:
    """One rule in the matrix."""

    row: RetentionRule
    rule: Rule
    fresh: Freshness


@dataclass(frozen=True, slots=True)
class Column:
    """The rules of one entity by one country's law."""

    entity: UUID
    firm: str
    jurisdiction: str
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    """By class."""


@router.get("/retention")
def show_schedule(
    request: Request,
    by: RetentionReader,
    session: ReadSession,
    now: Now,
    entity: UUID | None = None,
    on: date | None = None,
    warning: Annotated[str, Query(max_length=20)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The schedule on a day: class by country, what waits for a second person, and how fresh the rules are."""
    firms = firms_of(session, by)
    shown_firms = [firm for firm in firms if entity in (None, firm.id)] or firms
    columns: list[Column] = []
    waiting: list[RetentionRule] = []
    held: list[Cell] = []
    for firm in shown_firms:
        day = on or civil_date(now, firm.zone)
        rows = {row.id: row for row in schedule.listed(session, firm.id, by=by)}
        waiting += [row for row in rows.values() if row.state == DRAFT]
        rules = schedule.published(session, firm.id, day)
        fresh = freshness.of_rows(session, [rows[rule.id] for rule in rules], day)
        cells = [Cell(rows[rule.id], rule, fresh[rule.id]) for rule in rules]
        held += cells
        columns += _columns(firm, cells)
    counts = {code: sum(code in cell.fresh.warnings for cell in held) for code in WARNINGS}
    listed = [cell for cell in held if (warning in cell.fresh.warnings if warning else not cell.fresh.is_fresh)]
    listed.sort(key=lambda cell: (cell.fresh.review_due or date.max, cell.rule.code))
    drafting = [firm for firm in firms if by.may("plan.draft", entity=firm.id)]
    return page(
        request,
        "retention.html",
        firms=firms,
        entity=entity,
        on=on,
        groups=_groups(columns),
        columns=columns,
        several=len(firms) > 1,
        rules=len(held),
        batches=_batches(session, waiting, by, now),
        singles=[row for row in waiting if row.batch is None],
        counts=[(code, count) for code, count in counts.items() if count],
        warning=warning,
        stale=listed,
        drafting=drafting,
        offers=[(code, packs.load(code)) for code in packs.countries()],
        zone_day=on or (civil_date(now, firms[0].zone) if firms else None),
        w=schedule_words,
        done=done,
    )


def firms_of(session: ReadSession, by: Principal) -> list[LegalEntity]:
    """The legal entities whose retention one sees."""
    return [row for row in entities.everything(session) if by.may("retention.read", entity=row.id)]


def _columns(firm: LegalEntity, cells: list[Cell]) -> list[Column]:
    found: dict[str, Column] = {}
    own_first = sorted(cells, key=lambda cell: (cell.rule.jurisdiction != firm.jurisdiction, cell.rule.jurisdiction))
    for cell in own_first:
        column = found.setdefault(cell.rule.jurisdiction, Column(firm.id, firm.name, cell.rule.jurisdiction))
        column.cells.setdefault(cell.rule.record_class, []).append(cell)
    return list(found.values())


def _groups(columns: list[Column]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Heading, then code and words of each class that any column has a rule for, in the file plan's order."""
    used = {code for column in columns for code in column.cells}
    groups = [
        (heading, [(code, title) for code, title in rows if code in used])
        for heading, rows in schedule_words.class_choices()
    ]
    return [(heading, rows) for heading, rows in groups if rows]


def _batches(session: ReadSession, waiting: list[RetentionRule], by: Principal, now: datetime) -> list[dict[str, Any]]:
    found: dict[UUID, list[RetentionRule]] = {}
    for row in waiting:
        if row.batch is not None:
            found.setdefault(row.batch, []).append(row)
    return [
        {
            "id": batch,
            "rows": rows,
            "at": rows[0].drafted_at,
            "entity": rows[0].entity,
            "countries": sorted({row.jurisdiction for row in rows}),
            "unverified": sum(row.draft.confidence == "unverified" for row in rows),
            "may_publish": by.may("retention.publish", entity=rows[0].entity) and rows[0].drafted_by != by.id,
            "simulated": simulated(session, rows, "rules", by, now),
        }
        for batch, rows in found.items()
    ]
