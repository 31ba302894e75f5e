"""Search: results with facets and chips, more of them, as a table, and what a typed beginning may become."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from api.deps import Now, Reader, RequestId, Run
from api.i18n import gettext as _
from api.pages import shown, words
from api.pages.show import fragment, go, page, page_router
from core.database import ReadSession
from core.identifiers import parse_record_number
from records import file_plan, record
from search.find import Found, find, suggest
from search.port import SORTS, Sort

router = page_router()
FACETS = ("class", "year", "party", "department", "state", "type", "language", "currency")
SHOWN_VALUES = 8
PAGE = 25

Text = Annotated[str, Query(max_length=2000)]
Order = Annotated[str, Query(max_length=20)]
Cursor = Annotated[str, Query(max_length=400)]


@dataclass(frozen=True, slots=True)
class FacetLink:
    """One value of a facet, and the search that a click on it makes."""

    text: str
    count: int
    address: str
    is_on: bool
    depth: int = 0
    """How many of the classes above it stand in the list too."""


@router.get("/search")
def results(request: Request, by: Reader, run: Run, request_id: RequestId, q: Text = "", sort: Order = "") -> Response:
    """The first page of results; without words the latest records."""
    order = _order(q, sort)
    found = find(run.content, run.index, q, by=by, sort=order, limit=PAGE, facets=FACETS, request=request_id)
    return page(
        request,
        "search.html",
        q=q,
        sort=order,
        sorts=SORTS if q.strip() else SORTS[1:],
        found=found,
        rows=found.items,
        more=_more(q, order, found),
        facets=_facets(q, order, found),
        chips=[(chip, _address(chip.remaining, order)) for chip in found.chips],
        wider=_wider(q, order, found),
        table=f"/search.csv?q={quote(q)}&sort={quote(order)}",
    )


@router.get("/search/more")
def more(
    request: Request, by: Reader, run: Run, request_id: RequestId, cursor: Cursor, q: Text = "", sort: Order = ""
) -> Response:
    """The next page of results, to stand below the ones before."""
    order = _order(q, sort)
    found = find(run.content, run.index, q, by=by, sort=order, cursor=cursor, limit=PAGE, request=request_id)
    return HTMLResponse(fragment(request, "parts/found_rows.html", rows=found.items, more=_more(q, order, found)))


@router.get("/search.csv")
def table(by: Reader, run: Run, request_id: RequestId, q: Text = "", sort: Order = "", cursor: Cursor = "") -> Response:
    """Up to 200 results as a table for a spreadsheet."""
    found = find(
        run.content,
        run.index,
        q,
        by=by,
        sort=_order(q, sort),
        cursor=cursor or None,
        limit=200,
        request=request_id,
        as_table=True,
    )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [_("Number"), _("Title"), _("Class"), _("Party"), _("Date"), _("Amount"), _("Currency"), _("State")]
    )
    for each in found.items:
        row = each.record
        plain = f"{row.total_minor / 100:.2f}" if row.total_minor is not None else ""
        writer.writerow(
            _harmless(value)
            for value in (
                shown.number(row.number),
                each.title,
                words.record_class(row.record_class),
                "; ".join(each.parties),
                row.document_date.isoformat() if row.document_date else "",
                plain,
                row.currency or "",
                words.state(row.state).text,
            )
        )
    headers = {"Content-Disposition": 'attachment; filename="records.csv"'}
    # The mark at the beginning tells spreadsheets that the bytes are UTF-8.
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/search/suggest")
def guesses(by: Reader, run: Run, request_id: RequestId, prefix: Annotated[str, Query(max_length=80)] = "") -> Response:
    """How the last word typed may go on, from records the person may see."""
    if len(prefix.strip()) < 2:
        return JSONResponse([])
    found = suggest(run.content, run.index, prefix.strip(), by=by, request=request_id)
    return JSONResponse([{"text": each.text, "kind": each.kind, "records": each.records} for each in found])


@router.get("/go")
def go_to(by: Reader, session: ReadSession, now: Now, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """To the record of that number; anything else is searched for."""
    number = parse_record_number(q)
    found = record.find_by_number(session, number, by, now) if number else None
    return go(f"/records/{found.id}") if found else go("/search", q=q)


def _order(q: str, sort: str) -> Sort:
    if sort in SORTS and (q.strip() or sort != "relevance"):
        return sort
    return "relevance" if q.strip() else "-received"


def _address(q: str, sort: str) -> str:
    return f"/search?q={quote(q)}&sort={quote(sort)}"


def _more(q: str, sort: str, found: Found) -> str:
    if found.next_cursor is None:
        return ""
    return f"/search/more?q={quote(q)}&sort={quote(sort)}&cursor={quote(found.next_cursor)}"


def _facets(q: str, sort: str, found: Found) -> list[tuple[str, str, list[FacetLink]]]:
    """Name, words and links of every facet that can still narrow the search or is in use."""
    on = {chip.text.casefold(): chip.remaining for chip in found.chips}
    shown_facets = []
    for name in FACETS:
        links = []
        values = found.facets.get(name, ())[:SHOWN_VALUES]
        listed = {value for value, _count in values}
        for value, count in sorted(values, key=_place_of(name)):
            part = _criterion(name, value)
            remaining = on.get(part.casefold())
            address = _address(f"{q} {part}".strip() if remaining is None else remaining, sort)
            depth = len(listed.intersection(_above(value))) if name == "class" else 0
            links.append(FacetLink(_value_text(name, value), count, address, remaining is not None, min(depth, 3)))
        useful = len(links) > 1 or any(link.is_on for link in links) or name in ("class", "year")
        if links and useful:
            shown_facets.append((name, words.facet(name), links))
    return shown_facets


def _place_of(name: str) -> Callable[[tuple[str, int]], tuple[int, int]]:
    """The order of a facet's values: classes as in the file plan, years from the latest, others by count."""
    order = {each.code: place for place, each in enumerate(file_plan.load())} if name == "class" else {}

    def place(entry: tuple[str, int]) -> tuple[int, int]:
        value, count = entry
        if name == "class":
            return order.get(value, len(order)), -count
        return (-int(value) if name == "year" and value.isdecimal() else 0), -count

    return place


def _above(code: str) -> tuple[str, ...]:
    plan = file_plan.load()
    return plan.ancestors(code) if code in plan else ()


def _criterion(name: str, value: str) -> str:
    """The filter of the query language for a facet's value."""
    field = "date" if name == "year" else name
    if all(character.isalnum() or character in "_-." for character in value):
        return f"{field}:{value}"
    cleaned = value.replace('"', " ")
    return f'{field}:"{cleaned}"'


def _value_text(name: str, value: str) -> str:
    if name == "class":
        return words.record_class(value or None)
    if name == "state":
        return words.state(value).text
    if name == "language":
        return shown.language_name(value)
    if name == "type":
        return value.upper() if len(value) <= 4 else value.capitalize()
    return value


def _wider(q: str, sort: str, found: Found) -> list[tuple[str, str]]:
    """For a search without hits: words and address of searches that ask for less."""
    if found.total or not q.strip():
        return []
    wider = [
        (_("without %(part)s") % {"part": chip.text}, _address(chip.remaining, sort))
        for chip in found.chips
        if chip.remaining
    ]
    last = q.split()[-1] if q.split() else ""
    if last.isalpha() and len(last) > 3:
        wider.append((_("words that begin with %(part)s") % {"part": last}, _address(f"{q}*", sort)))
    return wider[:6]


def _harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
