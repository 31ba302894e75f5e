"""The trigger inbox: what waits for which event, stating one or many, and a CSV file of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import Now, RetentionReader, Run, TriggerStater
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import words
from api.pages.retention_words import event_word, state_word
from api.pages.show import Form, go, page, page_router
from app.runtime import Runtime
from core.errors import Forbidden, Invalid
from core.identifiers import show_record_number
from records.case_file import TRIGGERS
from retention import awaiting
from retention.awaiting import Statement, WrongRow, WrongRows
from retention.rule import TRIGGERS as ALL
from retention.verdict import CLASS_CONFIRMED

router = page_router()
STATES = ("awaiting_trigger", "conflict", "no_rule")


@router.get("/retention/triggers")
def show_inbox(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    state: Annotated[str, Query(max_length=20)] = STATES[0],
    after: UUID | None = None,
    done: Annotated[int, Query(ge=0, le=awaiting.MOST_ROWS)] = 0,
) -> Response:
    """Files and records that wait, and for what."""
    return _show(request, by, run, now, state=state if state in STATES else STATES[0], after=after, done=done)


@router.post("/retention/triggers")
def state_events(request: Request, by: TriggerStater, run: Run, now: Now, given: Form) -> Response:
    """State what was filled in, or what a CSV text says: all of it or nothing."""
    wrong: list[WrongRow] = []
    try:
        csv_text = given.text("csv")
        statements = awaiting.parse_csv(csv_text.encode()) if csv_text else _filled_in(given)
        with run.main.write() as session:
            entity = given.id("entity") or next(iter(by.entities))
            count = awaiting.state_all(session, entity, statements, by=by, at=now)
    except (Invalid, Forbidden) as error:
        if isinstance(error, WrongRows):
            wrong = list(error.wrong)
        detail = error.title() if wrong or not error.detail else error.detail
        return _show(
            request, by, run, now, wrong=detail, rows_wrong=wrong, given=given.text("csv"), status=status_of(error)
        )
    return go("/retention/triggers", done=str(count))


def _filled_in(given: Form) -> list[Statement]:
    rows = zip(given.all("holder"), given.all("number"), given.all("event"), given.all("day"), strict=False)
    found = [Statement(h.strip(), n.strip(), e.strip(), d.strip()) for h, n, e, d in rows if n.strip() and d.strip()]
    if not found:
        raise Invalid(_("fill in at least one day"))
    return found


def _show(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    *,
    state: str = STATES[0],
    after: UUID | None = None,
    done: int = 0,
    wrong: str = "",
    rows_wrong: list[WrongRow] | None = None,
    given: str = "",
    status: int = 200,
) -> Response:
    limit = 50
    with run.main.read() as session:
        places = [each for each in by.entities if by.may("retention.read", entity=each)]
        counts = awaiting.counts(session, by=by)
        files = awaiting.files(session, by=by, at=now) if state == STATES[0] and after is None else []
        rows = awaiting.records(session, by=by, state=state, after=after, limit=limit)
        firms = {each: entities.get(session, each).name for each in places}
    values: dict[str, Any] = {
        "counts": counts,
        "files": files,
        "rows": rows,
        "more": f"/retention/triggers?state={state}&after={rows[-1].id}" if len(rows) == limit else "",
        "states": [(code, state_word(code), counts.get(code, 0)) for code in STATES],
        "here": state,
        "firms": firms,
        "may_state": any(by.may("trigger.state", entity=each) for each in places),
        "word": event_word,
        "class_word": words.record_class,
        "show_number": show_record_number,
        "of_files": TRIGGERS,
        "all_events": ALL,
        "confirmed": CLASS_CONFIRMED,
        "done": done,
        "wrong": wrong,
        "rows_wrong": rows_wrong or [],
        "given": given,
    }
    return page(request, "triggers.html", status=status, **values)
