"""Search on behalf of a principal: what they type, what they may see, what they are shown.

The index proposes within the access sets that SQL computes for this very moment; what it
proposes is checked again in SQL before anything is shown. The audit event, which names
every record shown, is durable before the first title or snippet leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Select, bindparam, literal, select

from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.entries import Receipt
from core import jobs
from core.clock import civil_date
from core.database import ReadSession
from core.identifiers import parse_record_number
from core.jobs import Job
from records import access, record
from records.access import Readable, Readers
from records.content import Content
from records.record import Record
from search.port import FacetCounts, SearchReader, SearchRequest, Sort, Suggestion
from search.query import Chip, Note, chips, parse
from search.snippets import Snippet, Sought, best_snippet
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
    as_table: bool = False,
) -> Found:
    """Search as ``by``; a record number typed alone finds that record. ``as_table``: the results are taken away.

    Raises:
        Forbidden: ``by`` reads nothing anywhere.
        Invalid, QueryTooComplex, BadCursor: as the port says.
        IndexUnusable: the index is being rebuilt; nothing was shown.
        LogUnavailable: the search could not be logged; nothing was shown.
    """
    by.require("record.read")
    now = content.clock.now()
    with content.main.read() as session:
        readable = access.readable(session, by, now)
        sets = access.set_ids(session, readable)
        hidden = _hidden_since_indexed(session, readable)
        zone = session.connection().scalar(_ZONE, {"entities": list(by.entities)}) or "UTC"
        numbered = None
        if (number := parse_record_number(text)) is not None:
            numbered = record.find_by_number(session, number, by, now)
    if numbered is not None:
        return _show(content, [numbered.id], text, 1, by, request, {}, None, as_table)
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
    return _show(content, ids, text, result.total, by, request, dict(result.facets), result.next_cursor, as_table)


def suggest(
    content: Content, index: SearchReader, prefix: str, *, by: Principal, request: str | None = None
) -> tuple[Suggestion, ...]:
    """How a typed beginning may go on, from records that ``by`` may read; what is suggested is logged first.

    Raises:
        LogUnavailable: it could not be logged; nothing was shown.
    """
    by.require("record.read")
    now = content.clock.now()
    with content.main.read() as session:
        readable = access.readable(session, by, now)
        sets = access.set_ids(session, readable)
        hidden = _hidden_since_indexed(session, readable)
    found = index.suggest(prefix, sets, without=hidden)
    if found:
        content.suggested(prefix, len(found), by=by, request=request)
    return found


_ZONE = select(LegalEntity.zone).where(LegalEntity.id.in_(bindparam("entities", expanding=True))).limit(1)
_WAITS = (
    # The queue and the states as the index of the table has them.
    Job.queue == "keeper",
    Job.state.in_([literal(state) for state in (jobs.READY, jobs.LEASED, jobs.FAILED)]),
    Job.name == "search.index",
)


def _hidden_since_indexed(session: ReadSession, found: Readable) -> list[UUID]:
    """Records that are not among what is read now, and that the index may hold as they stood before.

    So tightening hides at once, also in totals and facets, and does not wait for the keeper.
    """
    return list(session.connection().scalars(_hidden_from(found.readers), found.values).all())


@lru_cache(maxsize=64)
def _hidden_from(readers: Readers) -> Select[UUID]:
    waiting = select(Record.id).join(Job, Job.subject == Record.id).where(*_WAITS).distinct()
    return waiting.where(Record.access_set.not_in(access.sets_read_by(readers)))


def _show(
    content: Content,
    ids: list[UUID],
    text: str,
    total: int,
    by: Principal,
    request: str | None,
    facets: dict[str, FacetCounts],
    next_cursor: str | None,
    as_table: bool,
) -> Found:
    query = parse(text)
    shown, receipt = content.found(ids, query=text, total=total, by=by, request=request, as_table=as_table)
    sought = Sought(query.tree)
    items = tuple(
        FoundItem(
            each.record,
            each.title,
            each.name,
            each.parties,
            best_snippet(body, sought, each.record.language) if body.strip() else None,
        )
        for each, body in shown
    )
    if isinstance(query.tree, Everything):
        return Found(items, total, facets, next_cursor, (), query.notes, receipt)
    return Found(items, total, facets, next_cursor, chips(query), query.notes, receipt)
