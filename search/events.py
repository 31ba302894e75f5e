"""Audit events of the index: that somebody had it rebuilt, and that it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from audit.body import Detail
from audit.events import Event


@dataclass(frozen=True, kw_only=True)
class IndexRebuildAsked(Event):
    """Somebody asked for the index to be rebuilt."""

    action = "search_index.rebuild_asked"
    description = "An operator asked for the search index to be built anew from the records and their read texts."


@dataclass(frozen=True, kw_only=True)
class IndexRebuilt(Event):
    """The index was rebuilt."""

    action = "search_index.rebuilt"
    description = "The search index was built anew and took the place of the old one; each text read for it is logged."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "records": Detail("count", "Records put into the new index."),
    }
    records: int

    def details(self) -> Mapping[str, Any]:
        return {"records": self.records}
