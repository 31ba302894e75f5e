"""Holds as REST shapes: what one is asked to reach, and how one stands."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.rest.parameters import Change, View
from app.hold_wanted import Noted, Shown, Wanted

Kind = Literal["legal_hold", "tax_audit", "restriction", "open_request"]
Line = Annotated[str, Field(max_length=200)]


class ScopeWanted(Change):
    """What a hold reaches: of the fields below those that its kind needs."""

    kind: Literal["records", "case_file", "person", "classes", "tax", "query"]
    records: list[Line] = Field([], max_length=1_000, description="Numbers or ids.")
    case_file: Line = Field("", description="Number of the case file.")
    parties: list[Line] = Field([], max_length=20, description="Names, as records name them.")
    colleague: Line = Field("", description="Name at sign-in; the case files about them.")
    classes: list[Line] = Field([], max_length=60, description="Codes; those below them count too.")
    first_year: int | None = Field(None, description="Of the document date; of the capture where there is none.")
    last_year: int | None = None
    open_until: date | None = Field(None, description="Last day on which the tax may be assessed; it lapses after it.")
    query: str = Field("", max_length=2_000, description="In the words of search; it also catches what is filed later.")

    def wanted(self) -> Wanted:
        return Wanted(
            kind=self.kind,
            records=tuple(self.records),
            case_file=self.case_file,
            parties=tuple(self.parties),
            colleague=self.colleague,
            classes=tuple(self.classes),
            first_year=self.first_year,
            last_year=self.last_year,
            open_until=self.open_until,
            query=self.query,
        )


class HoldAsked(Change):
    """What is to be counted before a hold is placed."""

    entity: UUID
    scope: ScopeWanted


class HoldCount(View):
    """What a hold would reach now."""

    found: int
    of: int = Field(description="Records there are in the legal entity.")
    confirm: bool = Field(description="Whether placing it wants this number repeated, because it reaches most of them.")
    query: str = Field(description="The query as it was understood; empty for other scopes.")


class HoldWanted(HoldAsked):
    """A hold to be placed. It blocks from the moment this returns."""

    kind: Kind = "legal_hold"
    title: Annotated[str, Field(min_length=1, max_length=120)]
    reason: Annotated[str, Field(min_length=1, max_length=2_000)]
    authority: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="What it rests on.")
    review_on: date = Field(description="When it is looked at again; within a year.")
    owner: UUID | None = Field(None, description="Who looks after it; you, where it is left out.")
    confirmed: int | None = Field(None, description="The number found, where `confirm` was true of it.")


class HoldView(View):
    """A hold and how it stands."""

    id: UUID
    entity: UUID
    kind: str
    scope: str
    title: str = Field(description="Empty, as the words below, where the hold's key is gone.")
    reason: str
    authority: str
    query: str
    case_file: str
    classes: list[str]
    first_year: int | None
    last_year: int | None
    open_until: date | None
    owner: UUID
    review_on: date
    state: str = Field(description="active, release_asked or over.")
    records: int = Field(description="How many were noted by now; a clear scope blocks also those that are not.")
    complete: bool = Field(description="Whether all that there was has been gone through.")
    placed_by: UUID
    placed_at: datetime
    release_asked_by: UUID | None
    release_reason: str
    ended_by: UUID | None = Field(description="The second person; none where it lapsed.")
    ended_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> "HoldView":
        row, words = shown.row, shown.words
        return cls(
            id=row.id,
            entity=row.entity,
            kind=row.kind,
            scope=row.scope,
            title=words.title if words else "",
            reason=words.reason if words else "",
            authority=words.authority if words else "",
            query=words.query if words else "",
            case_file=shown.case_file,
            classes=row.classes,
            first_year=row.first_year,
            last_year=row.last_year,
            open_until=row.open_until,
            owner=row.owner,
            review_on=row.review_on,
            state=row.state,
            records=shown.records,
            complete=row.covered_at is not None,
            placed_by=row.placed_by,
            placed_at=row.placed_at,
            release_asked_by=row.asked_by,
            release_reason=words.release if words else "",
            ended_by=row.ended_by,
            ended_at=row.ended_at,
        )


class Holds(View):
    """Holds, those in force first, then the newest."""

    items: list[HoldView]


class HeldView(View):
    """A record under a hold."""

    record: UUID
    number: str = Field(description="Empty where the record is gone.")
    record_class: str | None = Field(alias="class")
    document_date: date | None
    caught_at: datetime
    released_at: datetime | None

    @classmethod
    def of(cls, row: Noted) -> "HeldView":
        return cls.model_validate(
            {
                "record": row.record,
                "number": row.number,
                "class": row.record_class,
                "document_date": row.document_date,
                "caught_at": row.caught_at,
                "released_at": row.released_at,
            }
        )


class HeldPage(View):
    """A page of the records of a hold, in the order of their capture."""

    items: list[HeldView]
    next: UUID | None
