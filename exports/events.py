"""That evidence was taken out of the log is itself on the log, before the first byte of it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from audit.body import Detail
from audit.events import Event, ObjectRef


@dataclass(frozen=True, kw_only=True)
class LogExported(Event):
    """Entries of the log were exported."""

    action = "log.exported"
    use = "read"
    description = "Entries of the log were exported as evidence, with their proofs and a checkpoint."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "scope": Detail("code", "What was asked for: range, record, person, request or sample."),
        "asked_request": Detail("label", "The request that was asked for; absent if none was."),
        "first": Detail("count", "Position of the oldest entry exported."),
        "last": Detail("count", "Position of the newest entry exported."),
        "entries": Detail("count", "How many entries were asked for; a range comes in whole bundles of 256."),
        "size": Detail("count", "Size of the checkpoint that came with them."),
        "opens": Detail("codes", "Fields whose committed values came with them, where they still exist."),
    }
    scope: str
    first: int
    last: int
    entries: int
    size: int
    opens: tuple[str, ...] = ()
    about: tuple[ObjectRef, ...] = ()
    asked_request: str | None = None

    def objects(self) -> tuple[ObjectRef, ...]:
        return self.about

    def details(self) -> Mapping[str, Any]:
        return {
            "scope": self.scope,
            "asked_request": self.asked_request,
            "first": self.first,
            "last": self.last,
            "entries": self.entries,
            "size": self.size,
            "opens": list(self.opens) or None,
        }
