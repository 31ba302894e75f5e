"""Holds at work: what a query reaches is asked of the search index, outside any transaction, and noted in batches.

An index that cannot be asked decides nothing: records are marked as undecided, which blocks.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities
from accounts.principal import Principal
from app.runtime import Runtime
from core import jobs
from core.clock import civil_date
from core.database import ReadSession
from core.errors import Conflict, Invalid, MunimentError
from core.jobs import Claim
from records.record import Record
from retention import held, hold, hold_catch
from retention.held import Hold
from retention.hold import NewHold
from retention.hold_events import HoldPreviewed
from retention.hold_scope import QUERY, RECORDS, Scope, check
from search.port import MOST_HITS, SearchRequest
from search.query import parse
from search.tree import And, Everything, Exactly, Filter, Node, Or, to_text

log = logging.getLogger("muniment.holds")

RETENTION: Principal = hold_catch.RETENTION
GO_THROUGH, CATCH = "retention.hold", "retention.catch"
WIDE_SHARE = 50
"""Percent of an entity's records from which a query needs its count confirmed."""
_AT_ONCE = 50
"""Records that one question to the index names."""


class QueryNotUnderstood(Invalid):
    """A part of the query was read otherwise than it may have been meant."""

    code = "hold_query_not_understood"


class HoldTooWide(Conflict):
    """The query reaches most records of the legal entity: confirm their number."""

    code = "hold_too_wide"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a scope reaches at a moment."""

    scope: Scope
    """With its query as it was understood."""
    found: int
    of: int
    """Records there are in the entity."""

    @property
    def is_wide(self) -> bool:
        """Whether a query reaches so much that somebody has to confirm the number."""
        return self.scope.kind == QUERY and self.of > 0 and self.found * 100 >= self.of * WIDE_SHARE


def reach(runtime: Runtime, entity: UUID, scope: Scope) -> Reach:
    """How many records a scope reaches now.

    Raises:
        QueryNotUnderstood: a part of the query was not read as it stands.
        Invalid: the scope says not one thing, or its query restricts nothing.
        IndexUnusable: the index cannot be asked now.
    """
    now = runtime.clock.now()
    with runtime.main.read() as session:
        zone = entities.get(session, entity).zone
        check(scope, civil_date(now, zone))
        total = session.scalars(select(func.count()).select_from(Record).where(Record.entity == entity)).one()
        if scope.kind != QUERY:
            return Reach(scope, hold_catch.count_reached(session, scope, entity, zone), total)
    query = parse(scope.query, civil_date(now, zone))
    if query.notes:
        raise QueryNotUnderstood(" ".join(str(note) for note in query.notes))
    if isinstance(query.tree, Everything):
        raise Invalid("this query asks for nothing and would hold everything; name classes and years for that")
    result = runtime.index.search(
        SearchRequest(query.tree, access_sets=None, entities=[entity.hex], limit=1, sort="received", zone=zone)
    )
    return Reach(replace(scope, query=to_text(query.tree)), result.total, total)


def preview(runtime: Runtime, entity: UUID, scope: Scope, *, by: Principal, request: str | None = None) -> Reach:
    """How many records a hold would reach, for whoever may place it; the log has the question first.

    Raises:
        NotAllowed: ``by`` may not place holds there. Otherwise as ``reach``.
    """
    by.require("hold.place", entity=entity)
    found = reach(runtime, entity, scope)
    event = HoldPreviewed(
        by=by.actor,
        entity=entity,
        request=request,
        scope=scope.kind,
        found=found.found,
        query=found.scope.query,
    )
    runtime.log.record([event], at=runtime.clock.now())
    return found


def place(runtime: Runtime, new: NewHold, *, by: Principal, confirmed: int | None = None) -> Hold:
    """Place a hold. ``confirmed``: the number of records, where a query reaches most of the entity's.

    Raises:
        HoldTooWide: it does, and the number is another or was not said.
        Otherwise as ``reach`` and ``retention.hold.place``.
    """
    by.require("hold.place", entity=new.entity)
    found = reach(runtime, new.entity, new.scope)
    if found.is_wide and confirmed != found.found:
        raise HoldTooWide(f"it reaches {found.found} of {found.of} records", found=found.found, records=found.of)
    with runtime.main.write() as session:
        return hold.place(
            session,
            replace(new, scope=found.scope),
            found=found.found,
            by=by,
            at=runtime.clock.now(),
            keys=runtime.keys,
        )


def catch(runtime: Runtime, record_ids: Collection[UUID]) -> int:
    """Ask all holds in force about these records now, and note what they reach; tells how many that was.

    Where the index cannot be asked they are marked as undecided, which blocks them.
    """
    ids = sorted(set(record_ids))
    count = 0
    for start in range(0, len(ids), _AT_ONCE):
        count += _catch_some(runtime, ids[start : start + _AT_ONCE])
    return count


def go_through(runtime: Runtime, claim: Claim, holder: str) -> None:
    """Note what a hold reaches, or let go of it where it is over: the job of its placing and of its end.

    Raises:
        IndexUnusable: its query cannot be asked; it blocks the whole entity until it was.
    """
    hold_id = UUID(claim.arguments["hold"])
    with runtime.main.read() as session:
        row = session.get(Hold, hold_id)
    if row is not None and row.state == held.OVER:
        _repeat(runtime, claim, holder, hold_id, over=True)
    elif row is not None:
        if row.scope == QUERY:
            _go_through_hits(runtime, claim, holder, row)
        elif row.scope != RECORDS:
            _go_through_rows(runtime, claim, holder, row)
        _repeat(runtime, claim, holder, hold_id, over=False)
    with runtime.main.write() as session:
        at = runtime.clock.now()
        if not jobs.finish(session, claim.id, holder=holder, at=at):
            return
        found = session.get(Hold, hold_id, with_for_update=True)
        if found is not None and found.state != held.OVER and found.covered_at is None:
            found.covered_at = at
        hold_catch.forget_uncaught(session)


def catch_waiting(runtime: Runtime, claim: Claim, holder: str) -> None:
    """Ask the holds in force about all that was indexed since.

    Raises:
        IndexUnusable: the index cannot be asked; what waits stays undecided.
    """
    while True:
        with runtime.main.read() as session:
            marks = hold_catch.uncaught(session, _AT_ONCE)
        if not marks:
            break
        _settle(runtime, marks, _by_query(runtime, list(marks)))
    with runtime.main.write() as session:
        jobs.finish(session, claim.id, holder=holder, at=runtime.clock.now())


def _catch_some(runtime: Runtime, ids: list[UUID]) -> int:
    with runtime.main.read() as session:
        marks = hold_catch.marks_of(session, ids)
        if not marks and not _of_records(session, ids):
            return 0
    try:
        by_query = _by_query(runtime, ids)
    except MunimentError as error:
        log.warning("holds could not be asked", extra={"code": error.code, "count": len(ids)})
        with runtime.main.write() as session:
            hold_catch.mark(session, ids, runtime.clock.now())
        return 0
    return _settle(runtime, {each: marks.get(each) for each in ids}, by_query)


def _settle(runtime: Runtime, marks: Mapping[UUID, UUID | None], by_query: Mapping[UUID, Collection[UUID]]) -> int:
    with runtime.main.write() as session:
        at = runtime.clock.now()
        count = hold_catch.catch(session, marks, by_query, by=RETENTION, at=at)
        for row in _of_records(session, list(marks)):
            hold_catch.show_some(session, row, at)
    return count


def _by_query(runtime: Runtime, ids: list[UUID]) -> dict[UUID, set[UUID]]:
    """What each query hold in force reaches of these records."""
    with runtime.main.read() as session:
        rows = [row for row in _of_records(session, ids) if row.scope == QUERY]
        if not rows:
            return {}
        words = held.words_of(session, rows, runtime.keys)
        zones = {row.entity: entities.get(session, row.entity).zone for row in rows}
        numbers = {
            number: each for each, number in session.execute(select(Record.id, Record.number).where(Record.id.in_(ids)))
        }
    among: list[Node] = [Filter("record", Exactly(number)) for number in numbers]
    found: dict[UUID, set[UUID]] = {}
    for row in rows:
        tree = _tree(words[row.id].query, row, zones[row.entity])
        only: Node = among[0] if len(among) == 1 else Or(tuple(among))
        request = SearchRequest(
            And((tree, only)),
            access_sets=None,
            entities=[row.entity.hex],
            limit=MOST_HITS,
            sort="received",
            zone=zones[row.entity],
        )
        found[row.id] = {hit.record_id for hit in runtime.index.search(request).hits}
    return found


def found_by(runtime: Runtime, entity: UUID, scope: Scope, *, at: datetime) -> set[UUID]:
    """All records that the query of a scope finds now, as it was understood at ``at``.

    Raises:
        IndexUnusable: the index cannot be asked now.
    """
    with runtime.main.read() as session:
        zone = entities.get(session, entity).zone
    tree = parse(scope.query, civil_date(at, zone)).tree
    return {each for some in _hits(runtime, tree, entity, zone) for each in some}


def _go_through_hits(runtime: Runtime, claim: Claim, holder: str, row: Hold) -> None:
    with runtime.main.read() as session:
        words = held.words_of(session, [row], runtime.keys)[row.id]
        zone = entities.get(session, row.entity).zone
    for some in _hits(runtime, _tree(words.query, row, zone), row.entity, zone):
        _note(runtime, claim, holder, row.id, some)


def _hits(runtime: Runtime, tree: Node, entity: UUID, zone: str) -> Iterator[list[UUID]]:
    cursor = None
    while True:
        result = runtime.index.search(
            SearchRequest(
                tree,
                access_sets=None,
                entities=[entity.hex],
                limit=MOST_HITS,
                sort="received",
                cursor=cursor,
                zone=zone,
            )
        )
        yield [hit.record_id for hit in result.hits]
        cursor = result.next_cursor
        if cursor is None:
            return


def _go_through_rows(runtime: Runtime, claim: Claim, holder: str, row: Hold) -> None:
    after: UUID | None = None
    while True:
        with runtime.main.read() as session:
            ids = hold_catch.next_reached(session, row, after)
        if not ids:
            return
        _note(runtime, claim, holder, row.id, ids)
        after = ids[-1]


def _repeat(runtime: Runtime, claim: Claim, holder: str, hold_id: UUID, *, over: bool) -> None:
    """What is done batch by batch once all was noted: what lies inside, and the store; or the end of it all."""
    while not over:
        with runtime.main.read() as session:
            inside = hold_catch.next_inside(session, session.get_one(Hold, hold_id))
        if not inside:
            break
        _note(runtime, claim, holder, hold_id, inside)
    while True:
        with runtime.main.write() as session:
            row, at = session.get_one(Hold, hold_id), runtime.clock.now()
            if not jobs.holds(session, claim.id, holder=holder):
                return
            act = hold_catch.let_go_some if over else hold_catch.show_some
            if act(session, row, at) == 0:
                return


def _note(runtime: Runtime, claim: Claim, holder: str, hold_id: UUID, ids: Collection[UUID]) -> None:
    with runtime.main.write() as session:
        row = session.get_one(Hold, hold_id)
        if row.state != held.OVER and jobs.holds(session, claim.id, holder=holder):
            hold_catch.note(session, row, ids, by=RETENTION, at=runtime.clock.now())


def _tree(text: str, row: Hold, zone: str) -> Node:
    # As it was understood when it was placed: its text names days, never "today".
    return parse(text, civil_date(row.placed_at, zone)).tree


def _of_records(session: ReadSession, ids: list[UUID]) -> list[Hold]:
    places = set(session.scalars(select(Record.entity).where(Record.id.in_(ids)).distinct()))
    return held.active_in(session, places)
