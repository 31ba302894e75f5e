"""Search and suggestions, inside what the caller may read."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from accounts.principal import Principal
from api.deps import Reader, RequestId, Run
from api.rest.parameters import PREFIX, Cursor, Limit, View
from api.rest.record_views import RecordView
from api.routing import Router
from records.shown import Shown
from search import find
from search.find import FoundItem
from search.port import FACETS, Sort
from search.query import LONGEST_QUERY

router = Router(prefix=PREFIX, tags=["search"])

Facet = Literal["class", "department", "language", "year", "state", "type", "party", "currency"]
Words = Annotated[str, Query(max_length=LONGEST_QUERY, description='Words, "phrases", -not, OR, prefix*, field:value.')]


class SnippetView(View):
    """A passage of the text; ``highlights`` are pairs of start and end in it."""

    text: str
    highlights: list[tuple[int, int]]
    cut_before: bool
    cut_after: bool


class FoundView(RecordView):
    """A record that was found."""

    snippet: SnippetView | None


class FacetCount(View):
    """How many of the records found have a value."""

    value: str
    count: int


class ChipView(View):
    """An understood part of the query, and the query without it."""

    text: str
    field: str | None
    excluded: bool
    remaining: str


class SearchPage(View):
    """A page of results."""

    items: list[FoundView]
    total: int
    facets: dict[str, list[FacetCount]]
    next: str | None
    chips: list[ChipView]
    notes: list[str] = Field(description="What was read otherwise than it may have been meant.")


class SuggestionView(View):
    """How a typed beginning may go on."""

    text: str
    kind: str
    records: int


class Suggestions(View):
    """Suggestions, the best first."""

    items: list[SuggestionView]


@router.get("/search")
def search(
    run: Run,
    by: Reader,
    request_id: RequestId,
    q: Words = "",
    sort: Sort = "relevance",
    facet: Annotated[list[Facet] | None, Query(max_length=len(FACETS), description="All on the first page.")] = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> SearchPage:
    """Records that match, with snippets; an empty query finds everything you may read."""
    wanted = facet if facet is not None else (FACETS if cursor is None else ())
    found = find.find(
        run.content, run.index, q, by=by, sort=sort, cursor=cursor, limit=limit, facets=wanted, request=request_id
    )
    return SearchPage(
        items=[_view(item, by) for item in found.items],
        total=found.total,
        facets={
            name: [FacetCount(value=value, count=count) for value, count in counts]
            for name, counts in found.facets.items()
        },
        next=found.next_cursor,
        chips=[
            ChipView(text=chip.text, field=chip.field, excluded=chip.excluded, remaining=chip.remaining)
            for chip in found.chips
        ],
        notes=[str(note) for note in found.notes],
    )


@router.get("/suggest")
def suggest(run: Run, by: Reader, request_id: RequestId, q: Annotated[str, Query(max_length=200)]) -> Suggestions:
    """Parties and words of your records that begin so."""
    found = find.suggest(run.content, run.index, q, by=by, request=request_id)
    return Suggestions(items=[SuggestionView(text=s.text, kind=s.kind, records=s.records) for s in found])


def _shown(item: FoundItem) -> Shown:
    return Shown(item.record, item.title, item.name, item.parties)


def _view(item: FoundItem, by: Principal) -> FoundView:
    snippet = None
    if item.snippet is not None:
        snippet = SnippetView(
            text=item.snippet.text,
            highlights=list(item.snippet.highlights),
            cut_before=item.snippet.cut_before,
            cut_after=item.snippet.cut_after,
        )
    return FoundView(**FoundView.values_shown(_shown(item), by), snippet=snippet)
