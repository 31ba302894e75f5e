"""The trigger inbox: what waits for which event, stating one or many, and a CSV file of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import Now, RequestId, RetentionReader, Run, TriggerStater
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import words
from api.pages.case_names import named
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
PAGE = 20


@router.get("/retention/triggers")
def show_inbox(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    state: Annotated[str, Query(max_length=20)] = STATES[0],
    after: UUID | None = None,
    done: Annotated[int, Query(ge=0, le=awaiting.MOST_ROWS)] = 0,
) -> Response:
    """Files and records that wait, and for what."""
    return _show(
        request, by, run, now, request_id, state=state if state in STATES else STATES[0], after=after, done=done
    )


@router.post("/retention/triggers")
def state_events(
    request: Request, by: TriggerStater, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """State what was filled in, or what a CSV text says: all of it or nothing."""
    csv_text, filled = given.text("csv"), dict[tuple[str, str, str], str]()
    try:
        if csv_text:
            entity = given.id("entity") or next(iter(by.entities))
            with run.main.write() as session:
                count = awaiting.state_all(session, entity, awaiting.parse_csv(csv_text.encode()), by=by, at=now)
        else:
            rows = _filled_in(given)
            filled = {(place, each.number, each.event): each.day for place, each in rows}
            count = _state_filled_in(run, rows, by, now)
    except (Invalid, Forbidden) as error:
        wrong = list(error.wrong) if isinstance(error, WrongRows) else []
        detail = _("some rows cannot be entered") if wrong else error.detail or error.title()
        return _show(
            request, by, run, now, request_id, wrong=detail, rows_wrong=wrong, given=csv_text, filled=filled,
            status=status_of(error),
        )  # fmt: skip
    return go("/retention/triggers", done=str(count))


def _filled_in(given: Form) -> list[tuple[str, Statement]]:
    """What somebody filled in, each with the legal entity of its file or record."""
    named = [given.all(name) for name in ("holder", "number", "event", "day")]
    places = given.all("place") or [""] * len(named[0])
    rows = zip(places, *([each.strip() for each in column] for column in named), strict=False)
    found = [(place, Statement(*cells)) for place, *cells in rows if cells[1] and cells[3]]
    if not found:
        raise Invalid(_("fill in at least one day"))
    return found


def _state_filled_in(run: Run, rows: list[tuple[str, Statement]], by: Principal, now: datetime) -> int:
    """State events of files and records of several legal entities: all of them or none."""
    own = {str(each): each for each in by.entities}
    wrong: list[WrongRow] = []
    with run.main.write() as session:
        for place in dict.fromkeys(place for place, _row in rows):
            # A form without a place is of somebody with one legal entity; another one's is none of theirs.
            entity = own.get(place) if place else next(iter(by.entities))
            if entity is None:
                raise Invalid(_("choose a legal entity"))
            mine = [row for row, (of, _each) in enumerate(rows) if of == place]
            try:
                awaiting.state_all(session, entity, [rows[row][1] for row in mine], by=by, at=now)
            except WrongRows as error:
                wrong += [WrongRow(mine[each.row - 1] + 1, f"{_shown(rows[mine[each.row - 1]][1])}: {each.why}")
                          for each in error.wrong]  # fmt: skip
        if wrong:
            raise WrongRows.of(sorted(wrong, key=lambda each: each.row))
    return len(rows)


def _shown(each: Statement) -> str:
    return show_record_number(each.number) if each.holder == "record" else each.number


def _show(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    state: str = STATES[0],
    after: UUID | None = None,
    done: int = 0,
    wrong: str = "",
    rows_wrong: list[WrongRow] | None = None,
    given: str = "",
    filled: Mapping[tuple[str, str, str], str] | None = None,
    status: int = 200,
) -> Response:
    limit = PAGE
    with run.main.read() as session:
        places = [each for each in by.entities if by.may("retention.read", entity=each)]
        counts = awaiting.counts(session, by=by)
        files = awaiting.files(session, by=by, at=now) if state == STATES[0] and after is None else []
        rows = awaiting.records(session, by=by, state=state, after=after, limit=limit)
        firms = {each: entities.get(session, each).name for each in places}
    # Whoever sees retention reads not each record: those the reader may see have their title, and the log names them.
    shown = run.content.reveal([row.id for row in rows], ("title", "name"), by=by, request=request_id)[0]
    names = named(run, [each.file for each in files if each.file is not None], by, request_id)
    values: dict[str, Any] = {
        "titles": {each.record.id: each.title or each.name for each in shown},
        "names": {file.id: name for file, name in names},
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
        "filled": filled or {},
    }
    return page(request, "triggers.html", status=status, **values)
