"""For whoever watches the machine: is it alive, is it ready, what does it count. And the API's own description."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import Request
from pydantic import Field
from starlette.responses import JSONResponse, PlainTextResponse

from api.deps import PUBLIC, Local, Run
from api.metrics import MEDIA_TYPE, Metrics
from api.rest.parameters import PREFIX, View
from api.routing import Router
from app import retention_state
from app.outside import services
from app.retention_state import State
from app.runtime import Runtime
from audit import intake
from core import jobs
from core.errors import MunimentError, Unavailable
from core.leases import ProcessLease
from records import object_lock

router = Router(tags=["state"])

OLDEST_INTAKE = timedelta(seconds=30)
"""Older than this, changes are not reaching the log."""
KEEP_SECONDS = 1.0
"""How long it is believed what was found."""
_KEEP_OUTSIDE_SECONDS = 5.0
"""The same for key service and malware scanner, which have other work to do."""
_lock = threading.Lock()


class AliveView(View):
    """The process answers."""

    status: str


class ReadyView(View):
    """Whether work can be taken, and what stands in the way."""

    ready: bool
    checks: dict[str, str] = Field(description="`ok`, or the code of what is wrong.")
    worries: dict[str, str] = Field(
        description="What somebody should look at, though work can be taken: `retention`, `clock`, `fixity`."
    )


class KeeperAbsent(Unavailable):
    """No keeper is at work: nothing is indexed, and changes wait to enter the log."""

    code = "keeper_absent"


class IntakeStuck(Unavailable):
    """Changes have waited too long to enter the log."""

    code = "intake_stuck"


@router.get("/healthz", dependencies=[PUBLIC])
def is_alive() -> AliveView:
    """The web server answers. Nothing else is looked at."""
    return AliveView(status="ok")


@router.get(
    "/readyz",
    dependencies=[PUBLIC],
    response_model=ReadyView,
    responses={503: {"model": ReadyView, "description": "Not ready."}},
)
def is_ready(request: Request, run: Run) -> JSONResponse:
    """Whether database, log, store, index, keeper, key service and malware scanner do their work at this moment.

    Of the last two those that are set: a key file is no service.
    """
    state = request.app.state
    with _lock:
        # Anybody may ask; the disk is tried at most once a second.
        if not hasattr(state, "readiness"):
            beside = {each.name: each.check for each in services(run.settings, lambda: run.keys)}
            state.readiness = (
                _Known(lambda: checks(run), KEEP_SECONDS),
                _Known(lambda: _tried(beside), _KEEP_OUTSIDE_SECONDS),
            )
            state.worries = _Known(lambda: worries(run), _KEEP_OUTSIDE_SECONDS)
        found = {name: result for known in state.readiness for name, result in known.now().items()}
        ready = all(result == "ok" for result in found.values())
        beyond = state.worries.now() if found["database"] == "ok" else {}
    return JSONResponse(ReadyView(ready=ready, checks=found, worries=beyond).model_dump(), 200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
def read_metrics(request: Request, run: Run, by: Local) -> PlainTextResponse:
    """Counters in the Prometheus text format: from this machine, or for who manages the installation."""
    metrics: Metrics = request.app.state.metrics
    with run.main.read() as session:
        counts = jobs.counts(session)
        waits = intake.backlog(session, at=run.clock.now())
        locks = object_lock.counts(session, at=run.clock.now())
        jobs_of_retention = retention_state.of(session, run)
    lines = ["# TYPE muniment_jobs gauge"]
    lines += [f'muniment_jobs{{queue="{queue}",state="{state}"}} {n}' for (queue, state), n in sorted(counts.items())]
    lines += ["# TYPE muniment_intake_waiting gauge", f"muniment_intake_waiting {waits.waiting}"]
    lines += ["# TYPE muniment_intake_oldest_seconds gauge"]
    lines += [f"muniment_intake_oldest_seconds {waits.oldest_age.total_seconds():.3f}"]
    lines += ["# TYPE muniment_object_locks gauge"]
    lines += [f'muniment_object_locks{{state="{state}"}} {n}' for state, n in asdict(locks).items()]
    lines += _of_retention(jobs_of_retention)
    lines += metrics.lines()
    return PlainTextResponse("\n".join(lines) + "\n", media_type=MEDIA_TYPE)


@router.get(f"{PREFIX}/openapi.json", dependencies=[PUBLIC], include_in_schema=False)
async def read_description(request: Request) -> JSONResponse:
    """This API, described."""
    return JSONResponse(request.app.openapi())


class _Known:
    """What some checks found, for as long as it is believed."""

    def __init__(self, look: Callable[[], dict[str, str]], keep_seconds: float) -> None:
        self._look, self._keep_seconds = look, keep_seconds
        self._found, self._until = dict[str, str](), 0.0

    def now(self) -> dict[str, str]:
        if time.monotonic() >= self._until:
            self._found = self._look()
            self._until = time.monotonic() + self._keep_seconds
        return self._found


def checks(run: Runtime) -> dict[str, str]:
    """What readiness depends on, each tried now: ``ok`` or the code of what is wrong."""
    tried: dict[str, Callable[[], object]] = {
        "database": lambda: _begin(run.main),
        "log": lambda: _begin(run.log_database),
        "intake": lambda: _intake(run),
        "keeper": lambda: _keeper(run),
        "store": run.store.check,
        "index": run.index.count,
    }
    return _tried(tried)


def worries(run: Runtime) -> dict[str, str]:
    """What does not keep work from being taken, and should not stay so: by name, the code of what is wrong."""
    with run.main.read() as session:
        state = retention_state.of(session, run)
    found = {}
    if state.overdue:
        found["retention"] = "retention_overdue"
    elif state.stopped is not None:
        found["retention"] = "retention_run_stopped"
    if state.clock is not None and state.clock.doubt is not None:
        found["clock"] = f"clock_{state.clock.doubt}"
    if state.fixity_wrong:
        found["fixity"] = "fixity_broken"
    return found


def _of_retention(state: State) -> list[str]:
    lines = ["# TYPE muniment_retention_overdue gauge"]
    lines += [f'muniment_retention_overdue{{job="{s.name}"}} {int(s.name in state.overdue)}' for s in state.steps]
    lines += ["# TYPE muniment_retention_last_start_seconds gauge"]
    lines += [
        f'muniment_retention_last_start_seconds{{job="{job}"}} {row.started_at.timestamp():.0f}'
        for job, row in sorted(state.newest.items())
    ]
    doubt = state.clock is not None and state.clock.doubt is not None
    lines += ["# TYPE muniment_retention_stopped gauge", f"muniment_retention_stopped {int(state.stopped is not None)}"]
    lines += ["# TYPE muniment_clock_in_doubt gauge", f"muniment_clock_in_doubt {int(doubt)}"]
    return [*lines, "# TYPE muniment_fixity_wrong gauge", f"muniment_fixity_wrong {state.fixity_wrong}"]


def _tried(tried: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    found = {}
    for name, check in tried.items():
        try:
            check()
            found[name] = "ok"
        except MunimentError as error:
            found[name] = error.code
    return found


def _begin(database: Any) -> None:
    with database.write():
        pass


def _intake(run: Runtime) -> None:
    with run.main.read() as session:
        if intake.backlog(session, at=run.clock.now()).oldest_age > OLDEST_INTAKE:
            raise IntakeStuck


def _keeper(run: Runtime) -> None:
    with run.main.read() as session:
        lease = session.get(ProcessLease, "keeper")
    if lease is None or lease.until <= run.clock.now():
        raise KeeperAbsent
