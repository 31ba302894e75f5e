"""Access regimes: closing a record, the second person's word on opening it, and who is named to go on reading."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import select

from accounts import directory, entities, people
from accounts.principal import Principal
from api.deps import HoldPlacer, Now, RequestId, RetentionReader, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import hold_words
from api.pages.audit_trail import day_of, start_of
from api.pages.show import Form, Posted, go, page, page_router
from app import hold_wanted
from app.runtime import Runtime
from core.errors import Conflict, Forbidden, Invalid, NotFound
from records.record import Record
from records.regime import REGIMES
from retention import regime

router = page_router()
_FIELDS = ("number", "regime", "reason", "person", "of", "until", "why", "entity")


@router.get("/regimes")
def show_regimes(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    record: Annotated[str, Query(max_length=20)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What waits for a second person, who is named, and the forms."""
    return _show(request, by, run, now, request_id, done=done, number=record)


@router.post("/regimes/changes")
def change(request: Request, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form) -> Response:
    """Bring a record under a regime."""
    try:
        record_id = None
        for entity in sorted(by.entities_for("hold.place")):
            wanted = hold_wanted.Wanted(kind="records", records=(given.text("number"),))
            try:
                record_id = hold_wanted.scope_of(run, entity, wanted, by=by).records[0]
            except NotFound:
                continue
        if record_id is None:
            raise NotFound(_("there is no such record where you place holds"))
        with run.main.write() as session:
            made = regime.change(
                session, record_id, given.text("regime"), given.text("reason"), by=by, at=now, keys=run.keys
            )
            is_done = made.state == regime.DONE
    except (Invalid, NotFound, Forbidden, Conflict) as error:
        return _show(request, by, run, now, request_id, error=error, given=given)
    return go("/regimes", done="changed" if is_done else "asked")


@router.post("/regimes/changes/{change_id}/decision")
def decide(session: WriteSession, change_id: UUID, by: HoldPlacer, now: Now, given: Form) -> Response:
    """The second person's word, or taking one's own back."""
    confirmed = given.text("word") == "confirm"
    regime.decide(session, change_id, confirmed=confirmed, by=by, at=now)
    return go("/regimes", done="changed" if confirmed else "refused")


@router.post("/regimes/readers")
def name_reader(request: Request, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form) -> Response:
    """Propose somebody who goes on reading."""
    try:
        with run.main.read() as session:
            person = people.find_by_name(session, given.text("person"), run.keys)
            known = sorted(by.entities_for("hold.place"))
            firm = given.id("entity") or (known[0] if len(known) == 1 else None)
            if firm is None:
                raise Invalid(_("choose the legal entity"))
            zone = entities.get(session, firm).zone
        last = day_of(given.text("until"))
        if person is None:
            raise NotFound(_("nobody has that sign-in name"))
        if last is None:
            raise Invalid(_("give a last day"))
        until = start_of(last + timedelta(days=1), zone)
        with run.main.write() as session:
            regime.name_reader(
                session,
                firm,
                given.text("of"),
                person,
                given.text("why"),
                until=until,
                by=by,
                at=now,
                keys=run.keys,
            )
    except (Invalid, NotFound, Forbidden) as error:
        return _show(request, by, run, now, request_id, error=error, given=given)
    return go("/regimes", done="proposed")


@router.post("/regimes/readers/{reader_id}/decision")
def decide_reader(session: WriteSession, reader_id: UUID, by: HoldPlacer, now: Now, given: Form) -> Response:
    """The second person's word on a reader."""
    confirmed = given.text("word") == "confirm"
    regime.decide_reader(session, reader_id, confirmed=confirmed, by=by, at=now)
    return go("/regimes", done="named" if confirmed else "refused")


@router.post("/regimes/readers/{reader_id}/end")
def end_reader(session: WriteSession, reader_id: UUID, by: HoldPlacer, now: Now) -> Response:
    """End a naming now."""
    regime.end_reader(session, reader_id, by=by, at=now)
    return go("/regimes", done="ended")


def _show(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    done: str = "",
    number: str = "",
    error: Invalid | NotFound | Forbidden | Conflict | None = None,
    given: Posted | None = None,
) -> Response:
    with run.main.read() as session:
        waiting = regime.waiting(session, by=by)
        readers = regime.readers(session, by=by)
        wanted = {row.asked_by for row in waiting} | {row.person for row in readers} | {row.asked_by for row in readers}
        everybody = sorted(each for each in wanted if each is not None)
        names = people.reveal_names(session, everybody, run.keys)
        ids = [row.record for row in waiting]
        rows = session.execute(select(Record.id, Record.number).where(Record.id.in_(ids)))
        numbers = {row.id: row.number for row in rows}
        firms = [(row.id, row.name) for row in entities.everything(session) if by.may("hold.place", entity=row.id)]
    if others := [each for each in everybody if each != by.id]:
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    values = {name: given.text(name) if given else "" for name in _FIELDS}
    values["number"] = values["number"] or number
    return page(
        request,
        "regimes.html",
        status=status_of(error) if error is not None else 200,
        waiting=waiting,
        numbers=numbers,
        readers=[
            {
                "row": row,
                "is_open": row.state == regime.CONFIRMED and row.valid_to > now,
                "is_over": row.state == regime.CONFIRMED and row.valid_to <= now,
                "may_decide": row.state == regime.PENDING
                and by.id not in (row.asked_by, row.person)
                and by.may("hold.release", entity=row.entity),
                "last": row.valid_to - timedelta(microseconds=1),
            }
            for row in readers
        ],
        names=names,
        firms=firms,
        regimes=[(code, hold_words.regime(code), hold_words.regime_hint(code)) for code in REGIMES],
        regime_name=hold_words.regime,
        may_change=by.may("hold.place"),
        may_confirm=by.may("hold.release"),
        values=values,
        done=done,
        wrong=(error.detail or error.title()) if error is not None else "",
    )
