"""An entity's terms of retention: quorum, grace, share of a class, intermediate archive, time zone, fiscal year."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from accounts import fiscal_year
from api.deps import Now, ReadSession, RetentionReader, Run, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from retention import disposition_terms, terms_change
from retention.terms_change import EntityTerms, TermsChange

router = Router(prefix=PREFIX, tags=["retention"])
FISCAL_YEAR = (
    "MM-DD of the first day; where it was moved, the first day of the first year of the new kind stands behind it: "
    "01-01/2025-04-01."
)


class TermsView(View):
    """What an entity has set."""

    quorum: int = Field(description="How many persons must approve a batch.")
    grace_days: int = Field(description="Days after the approval in which it can be undone.")
    destroy_percent: int | None = Field(
        description="Percent of a class that one run destroys at most; none: the installation's setting."
    )
    intermediate_months: int | None = Field(
        description="Months from the end of a case file's active use until its records go into the intermediate "
        "archive; none: never by themselves."
    )
    time_zone: str
    fiscal_year_start: str = Field(description=FISCAL_YEAR)

    @classmethod
    def of(cls, terms: EntityTerms) -> "TermsView":
        return cls(
            quorum=terms.quorum,
            grace_days=terms.grace_days,
            destroy_percent=terms.destroy_percent,
            intermediate_months=terms.intermediate_months,
            time_zone=terms.zone,
            fiscal_year_start=terms.fiscal_year_start,
        )


class TermsChangeView(View):
    """A change of terms: in force, refused, or waiting for a second person."""

    id: UUID
    entity: UUID
    state: str = Field(description="pending, in_force or refused.")
    before: TermsView
    after: TermsView
    loosens: list[str] = Field(description="What takes a second person: it destroys sooner, or may move dates.")
    asked_by: UUID
    asked_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def of(cls, row: TermsChange, percent: int) -> "TermsChangeView":
        before, after = EntityTerms(**row.before), EntityTerms(**row.after)
        names = terms_change.loosened(before, after, percent=percent)
        return cls(
            id=row.id,
            entity=row.entity,
            state=row.state,
            before=TermsView.of(before),
            after=TermsView.of(after),
            loosens=["time_zone" if name == "zone" else name for name in names],
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
        )


class EntityTermsView(View):
    """The terms that hold, the installation's share, and the changes, the newest first."""

    entity: UUID
    terms: TermsView
    installation_percent: int
    changes: list[TermsChangeView]


class NewTerms(Change):
    """Terms to hold from now on; what is left out stays as it is."""

    entity: UUID
    quorum: Annotated[int | None, Field(ge=1, le=disposition_terms.MOST_QUORUM)] = None
    grace_days: Annotated[int | None, Field(ge=0, le=disposition_terms.MOST_GRACE_DAYS)] = None
    destroy_percent: Annotated[int | None, Field(ge=1, le=100, description="null: the installation's.")] = None
    intermediate_months: Annotated[
        int | None, Field(ge=0, le=disposition_terms.MOST_MONTHS, description="null: never by themselves.")
    ] = None
    time_zone: Annotated[str | None, Field(max_length=60)] = None
    fiscal_year_start: Annotated[str | None, Field(max_length=fiscal_year.LONGEST, description=FISCAL_YEAR)] = None


class TermsWord(Change):
    """The second person's word."""

    confirmed: bool


@router.get("/retention/terms")
def read_terms(
    session: ReadSession, by: RetentionReader, run: Run, entity: Annotated[UUID, Query()]
) -> EntityTermsView:
    """What a legal entity has set about its retention, and what waits for a second person."""
    rows = terms_change.history(session, entity, by=by)
    percent = run.settings.destroy_percent
    return EntityTermsView(
        entity=entity,
        terms=TermsView.of(terms_change.of(session, entity)),
        installation_percent=percent,
        changes=[TermsChangeView.of(row, percent) for row in rows],
    )


@router.post("/retention/terms/changes", status_code=201)
def ask(session: WriteSession, by: RetentionReader, run: Run, now: Now, new: NewTerms) -> TermsChangeView:
    """Change them: at once where that only holds back more, else once a second person confirms."""
    given = new.model_dump(exclude_unset=True, exclude={"entity"})
    nullable = ("destroy_percent", "intermediate_months")
    values = {name: value for name, value in given.items() if value is not None or name in nullable}
    if "time_zone" in values:
        values["zone"] = values.pop("time_zone")
    percent = run.settings.destroy_percent
    by.require(terms_change.READ, entity=new.entity)
    wanted = terms_change.wanted(terms_change.of(session, new.entity), **values)
    return TermsChangeView.of(terms_change.ask(session, new.entity, wanted, percent=percent, by=by, at=now), percent)


@router.post("/retention/terms/changes/{change_id}/decision")
def decide(
    session: WriteSession, change_id: UUID, by: RetentionReader, run: Run, now: Now, word: TermsWord
) -> TermsChangeView:
    """Confirm or refuse what somebody else asked for, or take back one's own."""
    percent = run.settings.destroy_percent
    row = terms_change.decide(session, change_id, confirmed=word.confirmed, percent=percent, by=by, at=now)
    return TermsChangeView.of(row, percent)
