"""Search on behalf of a principal: what they type, what they may see, what they are shown.

The index proposes within the access sets that SQL computes for this very moment; what it
proposes is checked again in SQL before anything is shown. The audit event, which names
every record shown, is durable before the first title or snippet leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.entries import Receipt
from core import jobs
from core.clock import civil_date
from core.database import ReadSession
from core.identifiers import parse_record_number
from core.jobs import Job
from records import access, record
from records.content import Content
from records.record import Record
from search.port import FacetCounts, SearchReader, SearchRequest, Sort, Suggestion
from search.query import Chip, Note, chips, parse
from search.snippets import Snippet, best_snippet
from search.tree import Everything


@dataclass(frozen=True, slots=True)
class FoundItem:
    """One record of a page of results."""

    record: Record
    title: str
    name: str
    parties: tuple[str, ...]
    snippet: Snippet | None
    """``None`` where the record has no read text."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results, with what was understood of the query."""

    items: tuple[FoundItem, ...]
    total: int
    facets: dict[str, FacetCounts]
    next_cursor: str | None
    chips: tuple[Chip, ...]
    notes: tuple[Note, ...]
    receipt: Receipt


def find(
    content: Content,
    index: SearchReader,
    text: str,
    *,
    by: Principal,
    sort: Sort = "relevance",
    cursor: str | None = None,
    limit: int = 25,
    facets: Sequence[str] = (),
    request: str | None = None,
) -> Found:
    """Search as ``by``; a record number typed alone finds that record.

    Raises:
        Forbidden: ``by`` reads nothing anywhere.
        Invalid, QueryTooComplex, BadCursor: as the port says.
        IndexUnusable: the index is being rebuilt; nothing was shown.
        LogUnavailable: the search could not be logged; nothing was shown.
    """
    by.require("record.read")
    now = content.clock.now()
    with content.main.read() as session:
        sets = access.readable_set_ids(session, by, now)
        hidden = _hidden_since_indexed(session, by, now)
        zone = session.scalar(select(LegalEntity.zone).where(LegalEntity.id.in_(by.entities)).limit(1)) or "UTC"
        numbered = None
        if (number := parse_record_number(text)) is not None:
            numbered = record.find_by_number(session, number, by, now)
    if numbered is not None:
        return _show(content, [numbered.id], text, 1, by, request, {}, None)
    query = parse(text, civil_date(now, zone))
    result = index.search(
        SearchRequest(
            query=query.tree,
            access_sets=sets,
            without=hidden,
            sort=sort,
            cursor=cursor,
            limit=limit,
            facets=facets,
            zone=zone,
        )
    )
    ids = [hit.record_id for hit in result.hits]
    return _show(content, ids, text, result.total, by, request, dict(result.facets), result.next_cursor)


def suggest(content: Content, index: SearchReader, prefix: str, *, by: Principal) -> tuple[Suggestion, ...]:
    """How a typed beginning may go on, from records that ``by`` may read."""
    by.require("record.read")
    now = content.clock.now()
    with content.main.read() as session:
        sets = access.readable_set_ids(session, by, now)
        hidden = _hidden_since_indexed(session, by, now)
    return index.suggest(prefix, sets, without=hidden)


def _hidden_since_indexed(session: ReadSession, by: Principal, at: datetime) -> list[UUID]:
    """Records that ``by`` may not read as they stand now, and that the index may hold as they stood before.

    So tightening hides at once, also in totals and facets, and does not wait for the keeper.
    """
    # The queue and the states as the index of the table has them.
    waits = (Job.queue == "keeper", Job.state.in_((jobs.READY, jobs.LEASED, jobs.FAILED)), Job.name == "search.index")
    query = select(Record.id).join(Job, Job.subject == Record.id).where(*waits).distinct()
    return list(session.scalars(query.where(Record.access_set.not_in(access.readable_sets(session, by, at)))))


def _show(
    content: Content,
    ids: list[UUID],
    text: str,
    total: int,
    by: Principal,
    request: str | None,
    facets: dict[str, FacetCounts],
    next_cursor: str | None,
) -> Found:
    query = parse(text)
    shown, receipt = content.found(ids, query=text, total=total, by=by, request=request)
    items = tuple(
        FoundItem(
            each.record,
            each.title,
            each.name,
            each.parties,
            best_snippet(body, query.tree, each.record.language) if body.strip() else None,
        )
        for each, body in shown
    )
    if isinstance(query.tree, Everything):
        return Found(items, total, facets, next_cursor, (), query.notes, receipt)
    return Found(items, total, facets, next_cursor, chips(query), query.notes, receipt)
