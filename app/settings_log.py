"""Settings come from outside the program; what it starts with stands in the log where it differs from before.

The names of the settings that changed stand in the entry; their values are committed to, since a path or
an address may name somebody. No setting holds a secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from app.settings import Settings
from audit import trail
from audit.body import Detail
from audit.events import Actor, Event
from audit.log import Log
from audit.opening import openings_of
from audit.seal import OpeningSeal
from core.errors import IntegrityFailure

STARTER = Actor("system", name="start")
_NOT_TOLD = frozenset({"data", "port", "workers", "log_level"})
"""What differs from one command to the next, and says nothing about the archive."""


@dataclass(frozen=True, kw_only=True)
class SettingsTakenUp(Event):
    """The program started with other settings than before."""

    action = "settings.taken_up"
    description = "The program started with settings that differ from those it was started with before."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "changed": Detail("codes", "Names of the settings that changed; absent at the first start."),
    }
    by: Actor = STARTER
    values: str
    """Canonical JSON of all of them."""
    changed: tuple[str, ...]

    def details(self) -> Mapping[str, Any]:
        return {"changed": list(self.changed) or None}

    def commitments(self) -> Mapping[str, str]:
        return {"settings": self.values}


def values_of(settings: Settings) -> dict[str, str]:
    """The settings that are told, as text by name."""
    told = [each.name for each in fields(settings) if each.name not in _NOT_TOLD]
    return {name: "" if (value := getattr(settings, name)) is None else str(value) for name in told}


def note(log: Log, seal: OpeningSeal, settings: Settings, *, at: datetime) -> bool:
    """Write what the program starts with where it is not what it started with before; tells whether it was not."""
    now = values_of(settings)
    before = _before(log, seal)
    if before == now:
        return False
    known = now if before is None else before
    changed = tuple(sorted(name for name in now.keys() | known.keys() if now.get(name) != known.get(name)))
    values = json.dumps(now, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    log.record([SettingsTakenUp(values=values, changed=changed)], at=at)
    return True


def _before(log: Log, seal: OpeningSeal) -> dict[str, str] | None:
    with log.database.read() as session:
        for entry in trail.by_action(session, SettingsTakenUp.action, limit=1):
            try:
                opened = openings_of(session, entry.event_id, seal).get("settings")
            except IntegrityFailure:
                # Altered beside the log: what is in force now is written anew.
                opened = None
            return json.loads(opened[1]) if opened is not None else None
    return None
