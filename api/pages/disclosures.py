"""The register of disclosures: who outside has a copy of which record, and what became of it."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import select

from accounts import entities
from accounts.principal import Principal
from api.deps import DispositionPreparer, Now, RequestId, RetentionReader, Reviewer, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages.audit_trail import start_of
from api.pages.certificates import outside
from api.pages.disposition_views import names_for
from api.pages.show import Form, go, page, page_router, to_id
from app import words_shown
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from core.errors import Conflict, Invalid
from records import record
from records.record import Record
from records.stub import RecordStub
from retention import disclosure
from retention.disclosure import Disclosure

router = page_router()
PAGE = 100

Code = Annotated[str, Query(max_length=20)]
Id = Annotated[str, Query(max_length=40)]
OfRecord = Annotated[str, Query(alias="record", max_length=40)]


@dataclass(frozen=True, slots=True)
class _Copy:
    """One line of the register."""

    row: Disclosure
    number: str
    """Of the record; empty where its stub is gone too."""
    recipient: str
    kind: str
    went_out_on: date
    is_gone: bool
    """The record is destroyed."""
    may_settle: bool


@router.get("/disclosures")
def list_disclosures(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    state: Code = "",
    of: OfRecord = "",
    after: Id = "",
    done: Code = "",
) -> Response:
    """What somebody must see to, first; then the whole register, by what became of the copies."""
    return _list(request, by, run, now, request_id, state=state, of=to_id(of), after=to_id(after), done=done)


@router.post("/disclosures/{disclosure_id}/settlement")
def settle(
    request: Request, disclosure_id: UUID, by: DispositionPreparer, run: Run, now: Now, request_id: RequestId,
    given: Form,
) -> Response:  # fmt: skip
    """Write down that a copy came back or was destroyed."""
    try:
        with run.main.write() as session:
            disclosure.settle(session, disclosure_id, by=by, at=now)
    except Conflict as error:
        return _list(request, by, run, now, request_id, state=given.text("state"), wrong=error)
    return go("/disclosures", state=given.text("state"), record=given.text("record"), done="settled")


@router.post("/records/{record_id}/disclosures")
def note(session: WriteSession, record_id: UUID, by: Reviewer, run: Run, now: Now, given: Form) -> Response:
    """Write down, from the page of a record, that a copy of it went out."""
    row = record.get_visible(session, record_id, by, now)
    zone, day = entities.get(session, row.entity).zone, given.day("disclosed_on")
    if day is None:
        raise Invalid(_("give the day on which the copy went out"))
    disclosure.note(
        session,
        row.id,
        given.text("kind"),
        given.text("recipient"),
        disclosed_at=start_of(day, zone),
        by=by,
        at=now,
        keys=run.keys,
    )
    return go(f"/records/{row.id}", done="disclosed")


def kinds() -> list[tuple[str, str]]:
    """What a copy may be, as a choice."""
    return [(code, outside(code)) for code in disclosure.KINDS]


def _list(
    request: Request,
    by: Principal,
    run: Runtime,
    now: Now,
    request_id: str,
    *,
    state: str = "",
    of: UUID | None = None,
    after: UUID | None = None,
    done: str = "",
    wrong: Conflict | None = None,
) -> Response:
    here = state if state in (*disclosure.STATES, "all") else disclosure.ASKED_BACK
    with run.main.read() as session:
        counts = disclosure.counts(session, by=by)
        if of is not None:
            found, here = disclosure.of_record(session, of, by=by), ""
        else:
            wanted = None if here == "all" else here
            found = disclosure.listed(session, by=by, state=wanted, after=after, limit=PAGE + 1)
        rows = found if of is not None else found[:PAGE]
        numbers, gone = _numbers(session, {row.record for row in rows})
        zones = {row.id: row.zone for row in entities.everything(session)}
    told = words_shown.recipients(run, rows, by=by, request=request_id)
    people = {each for row in rows for each in (row.noted_by, row.settled_by) if each is not None}
    following = f"/disclosures?state={here}&after={rows[-1].id}" if of is None and len(found) > PAGE else ""
    words = {
        disclosure.ASKED_BACK: (_("To be seen to"), "attention"),
        disclosure.OUT: (_("Still out, record kept"), "out"),
        disclosure.SETTLED: (_("Settled"), "check"),
        "all": (_("All"), "copy"),
    }
    counts["all"] = sum(counts.values())
    return page(
        request,
        "disclosures.html",
        status=200 if wrong is None else status_of(wrong),
        rows=[
            _Copy(
                row=row,
                number=numbers.get(row.record, ""),
                recipient=told[row.id],
                kind=outside(row.kind),
                went_out_on=civil_date(row.disclosed_at, zones[row.entity]),
                is_gone=row.record in gone,
                may_settle=row.state != disclosure.SETTLED and by.may("disposition.prepare", entity=row.entity),
            )
            for row in rows
        ],
        names=names_for(run, people, by, now, request_id),
        states=[(code, *words[code], counts.get(code, 0)) for code in (*disclosure.STATES, "all")],
        here=here,
        of=of,
        of_number=numbers.get(of, "") if of is not None else "",
        following=following,
        done=done,
        wrong=(wrong.detail or wrong.title()) if wrong is not None else "",
    )


def _numbers(session: ReadSession, records: set[UUID]) -> tuple[dict[UUID, str], set[UUID]]:
    """Numbers of records, kept or destroyed, and which are destroyed."""
    kept = session.execute(select(Record.id, Record.number).where(Record.id.in_(records)))
    numbers = {row.id: row.number for row in kept}
    stubs = select(RecordStub.record, RecordStub.number).where(RecordStub.record.in_(records))
    left = {row.record: row.number for row in session.execute(stubs)}
    return numbers | left, records - set(numbers)
