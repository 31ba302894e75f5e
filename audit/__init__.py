"""The audit log: who did what, in a form that nobody can change unnoticed.

Changes write their event with ``append`` in their own transaction; reads wait for
``Log.record`` before they show anything. The format is frozen: ``docs/audit-format.md``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.alias import forget_aliases
    from audit.body import Detail
    from audit.entries import Receipt
    from audit.events import Actor, Event, ObjectRef, catalogue, catalogue_digest
    from audit.intake import append, sequence_intake
    from audit.log import Log, LogUnavailable
    from audit.opening import forget_openings, openings_of
    from audit.seal import KeySeal, OpeningSeal, seal_openings

__all__ = [
    "Actor",
    "Detail",
    "Event",
    "KeySeal",
    "Log",
    "LogUnavailable",
    "ObjectRef",
    "OpeningSeal",
    "Receipt",
    "append",
    "catalogue",
    "catalogue_digest",
    "forget_aliases",
    "forget_openings",
    "openings_of",
    "seal_openings",
    "sequence_intake",
]

# Names are fetched when first used, so that ``audit.verify`` runs where there is no database.
_HOMES = {
    "audit.alias": ("forget_aliases",),
    "audit.body": ("Detail",),
    "audit.entries": ("Receipt",),
    "audit.events": ("Actor", "Event", "ObjectRef", "catalogue", "catalogue_digest"),
    "audit.intake": ("append", "sequence_intake"),
    "audit.log": ("Log", "LogUnavailable"),
    "audit.opening": ("forget_openings", "openings_of"),
    "audit.seal": ("KeySeal", "OpeningSeal", "seal_openings"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'audit' has no attribute {name!r}")
    return getattr(import_module(home), name)
