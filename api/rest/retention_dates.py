"""Dates: why a record has its own, what waits for which event, events stated in bulk."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from accounts.principal import Principal
from api.deps import Now, ReadSession, RequestId, RetentionReader, Run, SignedIn, TriggerStater, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from core.identifiers import show_record_number
from retention import awaiting, explain, fact
from retention.awaiting import Statement
from retention.date_events import WhyShown

router = Router(prefix=PREFIX, tags=["retention"])


class WhyView(View):
    """Why a record has its dates, reckoned at this moment."""

    id: UUID
    number: str
    entity: UUID
    record_class: str | None = Field(serialization_alias="class")
    schedule: int = Field(description="Number of the schedule it was reckoned by.")
    basis: str = Field(description="Digest of the rule versions and facts it rests on, in hex.")
    current: bool = Field(description="Whether lists show the same; if not, it is being reckoned anew.")
    why: dict[str, Any] = Field(description="The verdict: docs/retention-dates.md describes its keys.")


class WaitingFileView(View):
    """A case file whose records wait."""

    case_file: UUID | None = Field(description="Absent: records in no case file, or in one you do not see.")
    number: str | None
    records: int
    missing: dict[str, int] = Field(description="Events, and how many records wait for each.")
    may_state: bool


class WaitingRecordView(View):
    """A record that waits; nothing of its content."""

    id: UUID
    number: str
    record_class: str | None = Field(serialization_alias="class")
    missing: list[str]
    document_date: date | None
    case_file: UUID | None


class Waiting(View):
    """What waits for an event."""

    counts: dict[str, int] = Field(
        description="Records by state: dated, awaiting_trigger, no_rule, conflict, permanent."
    )
    files: list[WaitingFileView]
    records: list[WaitingRecordView]
    next: UUID | None


class StatementChange(Change):
    """An event of a case file or record."""

    holder: Literal["file", "record"]
    number: str = Field(max_length=40)
    event: str = Field(max_length=60)
    day: str = Field("", max_length=30, description="ISO 8601; empty takes the event back.")


class StatementsChange(Change):
    """Events stated together: all of them or none."""

    entity: UUID
    statements: Annotated[list[StatementChange], Field(min_length=1, max_length=awaiting.MOST_ROWS)]


class Entered(View):
    """What was entered."""

    statements: int


class FactChange(Change):
    """A fact; without a value it is taken back."""

    value: str | None = Field(max_length=60)


@router.get("/retention/records/{record_id}/why")
def why(record_id: UUID, by: SignedIn, run: Run, now: Now, request_id: RequestId) -> WhyView:
    """Every rule considered, the one that decides, the sum step by step, blockers, and what would change it."""
    with run.main.read() as session:
        found = explain.get(session, record_id, by=by, at=now)
    told(run, found, by, request_id, now)
    return WhyView(
        id=found.row.id,
        number=show_record_number(found.row.number),
        entity=found.row.entity,
        record_class=found.row.record_class,
        schedule=found.schedule,
        basis=found.basis.hex(),
        current=found.is_current,
        why=found.why.to_json(),
    )


def told(run: Run, found: explain.Explained, by: Principal, request_id: str | None, now: datetime) -> None:
    """The log has it before anybody is shown."""
    event = WhyShown(by=by.actor, entity=found.row.entity, record=found.row.id, request=request_id)
    run.log.record([event], at=now)


@router.get("/retention/triggers")
def waiting(
    session: ReadSession,
    by: RetentionReader,
    now: Now,
    state: Literal["awaiting_trigger", "conflict", "no_rule"] = "awaiting_trigger",
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> Waiting:
    """Case files and records that have no date, and which event each waits for."""
    rows = awaiting.records(session, by=by, state=state, after=after, limit=limit)
    return Waiting(
        counts=awaiting.counts(session, by=by),
        files=[
            WaitingFileView(
                case_file=each.file.id if each.file else None,
                number=each.file.number if each.file else None,
                records=each.records,
                missing=dict(each.missing),
                may_state=each.may_state,
            )
            for each in awaiting.files(session, by=by, at=now)
        ],
        records=[
            WaitingRecordView(
                id=each.id,
                number=show_record_number(each.number),
                record_class=each.record_class,
                missing=list(each.missing),
                document_date=each.document_date,
                case_file=each.case_file,
            )
            for each in rows
        ],
        next=rows[-1].id if len(rows) == limit else None,
    )


@router.post("/retention/triggers")
def state_all(session: WriteSession, given: StatementsChange, by: TriggerStater, now: Now) -> Entered:
    """State events of case files and records together."""
    statements = [Statement(s.holder, s.number, s.event, s.day) for s in given.statements]
    return Entered(statements=awaiting.state_all(session, given.entity, statements, by=by, at=now))


@router.put("/retention/facts/{holder}/{subject}/{name}", status_code=204)
def state_fact(
    session: WriteSession,
    holder: Literal["record", "case_file", "entity"],
    subject: UUID,
    name: str,
    given: FactChange,
    by: TriggerStater,
    now: Now,
) -> Response:
    """State an event of one record, or a fact that a rule's condition asks for."""
    fact.state(session, holder, subject, name, given.value, by=by, at=now)
    return Response(status_code=204)
