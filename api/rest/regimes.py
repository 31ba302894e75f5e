"""Access regimes: closing records at once, opening them again by two, and who is named to go on reading."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.deps import HoldPlacer, Now, ReadSession, RetentionReader, Run, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from records.regime import RegimeReader
from retention import regime
from retention.regime import RegimeChange

router = Router(prefix=PREFIX, tags=["holds"])
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]


class NewRegime(Change):
    """A regime for a record: at once where it narrows, else once a second person confirms."""

    record: UUID
    regime: Literal["active", "intermediate", "restricted", "blocked"]
    reason: Reason


class RegimeChangeView(View):
    """A change of a record's regime."""

    id: UUID
    record: UUID
    before: str
    after: str
    state: str = Field(description="pending, done, refused, or ended with the hold that brought it.")
    asked_by: UUID | None
    asked_at: datetime
    decided_by: UUID | None

    @classmethod
    def of(cls, row: RegimeChange) -> "RegimeChangeView":
        return cls(
            id=row.id,
            record=row.record,
            before=row.before,
            after=row.after,
            state=row.state,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            decided_by=row.decided_by,
        )


class RegimeChanges(View):
    """Changes that wait for a second person."""

    items: list[RegimeChangeView]


class Word(Change):
    """The second person's word."""

    confirmed: bool


class NewReader(Change):
    """A person who is to go on reading records of a regime that they would read otherwise."""

    entity: UUID
    regime: Literal["intermediate", "restricted", "blocked"]
    person: UUID
    until: AwareDatetime = Field(description="Within a year.")
    reason: Reason


class ReaderView(View):
    """A person named for a regime."""

    id: UUID
    entity: UUID
    regime: str
    person: UUID
    state: str = Field(description="pending, confirmed or refused.")
    open: bool = Field(description="Whether it holds now.")
    asked_by: UUID
    decided_by: UUID | None
    until: datetime

    @classmethod
    def of(cls, row: RegimeReader, now: datetime) -> "ReaderView":
        return cls(
            id=row.id,
            entity=row.entity,
            regime=row.regime,
            person=row.person,
            state=row.state,
            open=row.state == regime.CONFIRMED and row.valid_from <= now < row.valid_to,
            asked_by=row.asked_by,
            decided_by=row.decided_by,
            until=row.valid_to,
        )


class Readers(View):
    """People named for regimes, the newest first."""

    items: list[ReaderView]


@router.get("/regime-changes")
def list_changes(session: ReadSession, by: HoldPlacer) -> RegimeChanges:
    """More open regimes that wait for a second person."""
    return RegimeChanges(items=[RegimeChangeView.of(row) for row in regime.waiting(session, by=by)])


@router.post("/regime-changes", status_code=201)
def change(run: Run, by: HoldPlacer, now: Now, new: NewRegime) -> RegimeChangeView:
    """Bring a record under a regime. Lists and search follow at once."""
    with run.main.write() as session:
        made = regime.change(session, new.record, new.regime, new.reason, by=by, at=now, keys=run.keys)
        return RegimeChangeView.of(made)


@router.post("/regime-changes/{change_id}/decision")
def decide(session: WriteSession, change_id: UUID, by: HoldPlacer, now: Now, word: Word) -> RegimeChangeView:
    """Confirm or refuse what somebody else asked for, or take back one's own."""
    return RegimeChangeView.of(regime.decide(session, change_id, confirmed=word.confirmed, by=by, at=now))


@router.get("/regime-readers")
def list_readers(session: ReadSession, by: RetentionReader, now: Now) -> Readers:
    """Who is, was or is to be named in your legal entities."""
    return Readers(items=[ReaderView.of(row, now) for row in regime.readers(session, by=by)])


@router.post("/regime-readers", status_code=201)
def name_reader(run: Run, by: HoldPlacer, now: Now, new: NewReader) -> ReaderView:
    """Propose a reader. It holds once somebody else confirms it who does not benefit."""
    with run.main.write() as session:
        row = regime.name_reader(
            session,
            new.entity,
            new.regime,
            new.person,
            new.reason,
            until=new.until,
            by=by,
            at=now,
            keys=run.keys,
        )
        return ReaderView.of(row, now)


@router.post("/regime-readers/{reader_id}/decision")
def decide_reader(session: WriteSession, reader_id: UUID, by: HoldPlacer, now: Now, word: Word) -> ReaderView:
    """Confirm or refuse a reader that somebody else proposed."""
    return ReaderView.of(regime.decide_reader(session, reader_id, confirmed=word.confirmed, by=by, at=now), now)


@router.delete("/regime-readers/{reader_id}", status_code=204)
def end_reader(session: WriteSession, reader_id: UUID, by: HoldPlacer, now: Now) -> None:
    """End a naming now."""
    regime.end_reader(session, reader_id, by=by, at=now)
