"""The state of the log, for those who oversee: how far it is signed, what waits, what ties it to the outside."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import AuditReader, RequestId, Run
from api.rest.parameters import PREFIX, View
from api.rest.trail import oversight_of
from api.routing import Router
from app.anchoring import policy_of
from app.runtime import Runtime
from audit.anchors import Anchors, anchors

router = Router(prefix=PREFIX, tags=["audit"])


class AnchorView(View):
    """The newest anchor of one kind."""

    kind: str = Field(description="witness, timestamp or seal.")
    size: int = Field(description="Entries that it covers.")
    at: datetime


class GapView(View):
    """Something that is not protected."""

    code: str
    sentence: str


class SilenceView(View):
    """A time in which the log was not written."""

    since: datetime
    until: datetime
    noted: bool = Field(description="The log says so itself; otherwise only heartbeats are missing.")
    position: int


class ActivityView(View):
    """Refusals and downloads of a department."""

    department: UUID | None
    refused: int
    refused_people: int
    downloads: int
    most_in_an_hour: int = Field(description="Most downloads by one colleague within an hour of the clock.")


class LogStateView(View):
    """The state of the log."""

    size: int
    appended_at: datetime | None
    signed_size: int
    signed_at: datetime | None
    waiting: int = Field(description="Events of changes that are not in the log yet.")
    oldest_waiting_seconds: float
    vanished: int = Field(description="Numbers of the intake that never reached the log.")
    heartbeat_at: datetime | None
    outside: int = Field(description="Entries that somebody outside vouches for.")
    anchors: list[AnchorView]
    unprotected: list[GapView]
    silences: list[SilenceView]
    days: int
    departments: list[ActivityView]


@router.get("/audit/state")
def read_state(
    run: Run, by: AuditReader, request_id: RequestId, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> LogStateView:
    """How the log stands, what is not protected, and refusals and downloads of the last days by department."""
    now = run.clock.now()
    found, waits, acts = oversight_of(run).state(now - timedelta(days=days), by=by, request=request_id)
    tied = anchors_of(run)
    return LogStateView(
        size=found.size,
        appended_at=found.appended_at,
        signed_size=found.signed_size,
        signed_at=found.signed_at,
        waiting=waits.waiting,
        oldest_waiting_seconds=waits.oldest_age.total_seconds(),
        vanished=found.vanished,
        heartbeat_at=found.heartbeat_at,
        outside=tied.outside,
        anchors=[
            AnchorView(kind=kind, size=each.size, at=each.at)
            for kind, each in (("witness", tied.witnessed), ("timestamp", tied.stamped), ("seal", tied.sealed))
            if each is not None
        ],
        unprotected=[GapView(code=gap.code, sentence=gap.sentence) for gap in tied.gaps],
        silences=[
            SilenceView(since=each.since, until=each.until, noted=each.noted, position=each.position)
            for each in found.silences
        ],
        days=days,
        departments=[
            ActivityView(
                department=each.department,
                refused=each.refused,
                refused_people=len(each.refused_people),
                downloads=each.downloads,
                most_in_an_hour=each.most_in_an_hour,
            )
            for each in acts
        ],
    )


def anchors_of(run: Runtime) -> Anchors:
    """What ties the log to the outside now."""
    with run.log_database.read() as session:
        return anchors(
            session,
            at=run.clock.now(),
            policy=policy_of(run.settings),
            stamps=bool(run.settings.timestamp_url),
        )
