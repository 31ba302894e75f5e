"""Refusals on the command line are audited as those over HTTP are: who was refused what.

Somebody who did not even get in as a person is written as an operator without a name: they are on
the machine, which strangers on the network are not.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

from accounts.events import RequestRefused
from accounts.principal import Principal
from app.runtime import Runtime
from audit.events import Actor, Event, ObjectRef
from core.errors import Forbidden, MunimentError, NotFound
from records.events import AccessRefused

log = logging.getLogger("muniment.cli")


@dataclass
class Asked:
    """What is known of a command when it is refused."""

    by: Principal | None = None
    """Who acts, once that was found."""
    naming: bool = False
    """Somebody was named to act, and did not get in."""
    record: UUID | None = None
    is_about_record: bool = False
    """A record was asked for, by its id or by a number that names none."""


def note(runtime: Runtime, asked: Asked, error: MunimentError) -> None:
    """Write a refusal into the log; where that fails the refusal stands all the same."""
    event = event_of(asked, error)
    if event is None:
        return
    try:
        runtime.log.record([event], at=runtime.clock.now())
    except MunimentError as failed:
        log.error("a refusal was not logged", extra={"code": failed.code})


def event_of(asked: Asked, error: MunimentError) -> Event | None:
    """What the log is told of an error; ``None`` where nobody was refused anything."""
    by = Actor("operator") if asked.by is None else asked.by.actor
    if isinstance(error, NotFound):
        if asked.by is not None and asked.record is not None:
            return AccessRefused(by=by, record=asked.record)
        if not (asked.is_about_record or asked.naming):
            return None
    elif not isinstance(error, Forbidden):
        return None
    permission = error.fields.get("permission")
    return RequestRefused(
        by=by,
        error=error.code,
        permission=str(permission) if permission is not None else None,
        about=None if asked.record is None else ObjectRef("record", asked.record),
    )
