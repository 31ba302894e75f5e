"""Runs of the retention jobs: what they did and left out, alarms, the clock, and the generated documents."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import DispositionApprover, Now, RetentionReader, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import run_words, words
from api.pages.show import Form, go, page, page_router
from app import retention_state
from app.runtime import Runtime
from core.errors import Conflict, Invalid
from retention import alarm, clock_guard, run
from retention.alarm import RetentionAlarm
from retention.run import RetentionRun

router = page_router()


@router.get("/retention/runs")
def show_runs(
    request: Request,
    by: RetentionReader,
    run_: Run,
    before: UUID | None = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The reports, newest first, under what needs somebody."""
    return _show(request, by, run_, before, done=done)


@router.post("/retention/runs/{run_id}/leave")
def let_through(session: WriteSession, run_id: UUID, by: DispositionApprover, now: Now) -> Response:
    """Let what a run stopped at go through once."""
    run.let_through(session, run_id, by=by, at=now)
    return go("/retention/runs", done="let")


@router.post("/retention/clock/confirmation")
def confirm_date(request: Request, by: DispositionApprover, run_: Run, now: Now, given: Form) -> Response:
    """State today's date."""
    try:
        day = given.day("date")
        if day is None:
            raise Invalid(_("state today's date"))
        with run_.main.write() as session:
            clock_guard.confirm(session, day, zone=run_.settings.time_zone, by=by, at=now)
    except (Invalid, Conflict) as error:
        wrong = f"{error.title()}: {error.detail}" if error.detail != error.title() else error.title()
        return _show(request, by, run_, None, wrong=wrong, status=status_of(error))
    return go("/retention/runs", done="confirmed")


def _show(
    request: Request,
    by: Principal,
    run_: Runtime,
    before: UUID | None,
    *,
    done: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    with run_.main.read() as session:
        rows, following = run.visible(session, by=by, before=before, limit=60)
        state = retention_state.of(session, run_)
        alarms = alarm.visible(session, by=by)
        firms = {row.id: row.name for row in entities.everything(session)}
    return page(
        request,
        "retention_runs.html",
        status=status,
        rounds=_rounds(rows, by, firms),
        following=following,
        state=state,
        overdue=[run_words.job(name) for name in state.overdue],
        doubt=run_words.doubt(state.clock.doubt) if state.clock is not None else "",
        alarms=[_alarm(row, firms) for row in alarms],
        may_approve=by.may("disposition.approve"),
        stopped=None if state.stopped is None else _run(state.stopped, by, firms),
        run_words=run_words,
        zone_of_runs=run_.settings.time_zone,
        fixity_days=run_.settings.fixity_days,
        done=done,
        wrong=wrong,
    )


def _rounds(rows: list[RetentionRun], by: Principal, firms: dict[UUID, str]) -> list[dict[str, Any]]:
    """The reports as they ran together, each round newest first and its jobs in their order."""
    found: dict[UUID, list[RetentionRun]] = {}
    for row in rows:
        found.setdefault(row.round, []).append(row)
    return [
        {
            "how": run_words.how(together[0].how),
            "started_at": min(row.started_at for row in together),
            "runs": [_run(row, by, firms) for row in reversed(together)],
        }
        for together in found.values()
    ]


def _run(row: RetentionRun, by: Principal, firms: dict[UUID, str]) -> dict[str, Any]:
    text, meaning, icon = run_words.state(row.state)
    return {
        "row": row,
        "job": run_words.job(row.job),
        "state": text,
        "meaning": meaning,
        "icon": icon,
        "seconds": _seconds(row.started_at, row.ended_at),
        "counts": [(run_words.kind(code), count) for code, count in row.counts.items()],
        "skipped": [(run_words.reason(code), count) for code, count in row.skipped.items()],
        "stops": [
            {
                "class": words.record_class(stop["class"]),
                "firm": firms.get(UUID(stop["entity"]), "") if len(firms) > 1 else "",
                "records": stop["records"],
                "of": stop["of"],
                "most": stop["most"],
            }
            for stop in row.stops
            if by.may("retention.read", entity=UUID(stop["entity"]))
        ],
    }


def _alarm(row: RetentionAlarm, firms: dict[UUID, str]) -> dict[str, Any]:
    text, advice = run_words.alarm(row.code)
    known_class = row.code.startswith("ceiling")
    return {
        "row": row,
        "text": text,
        "advice": advice,
        "firm": firms.get(row.entity, "") if row.entity is not None and len(firms) > 1 else "",
        "about": words.record_class(row.about) if known_class and row.about else "",
        "address": run_words.address_of(row.code).format(subject=row.subject),
    }


def _seconds(begin: datetime, end: datetime | None) -> str:
    if end is None:
        return ""
    seconds = (end - begin).total_seconds()
    return _("under a second") if seconds < 1 else _("%(count)s s") % {"count": round(seconds)}
