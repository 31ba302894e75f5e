"""Objects that no row names: an upload cut short, a reading run twice. Swept a day after they were stored."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from app.runtime import Runtime
from records.derived import DerivedObject
from records.record import Component, RecordVersion
from vault.store import DERIVED, ORIGINALS, Listed

log = logging.getLogger("muniment.sweep")

UNNAMED_FOR = timedelta(hours=24)
_BATCH = 500


def named_keys(runtime: Runtime) -> tuple[set[str], set[str]]:
    """Keys of all originals (versions and components) and of all derived objects that rows name."""
    with runtime.main.read() as session:
        originals = set(session.scalars(select(RecordVersion.object_key)))
        originals |= set(session.scalars(select(Component.object_key)))
        made = set(session.scalars(select(DerivedObject.object_key)))
    return originals, made


def unnamed(runtime: Runtime) -> Iterator[Listed]:
    """Stored objects that no row names and that are older than a day.

    A younger one may belong to an upload under way, whose row comes last.
    """
    before = runtime.clock.now() - UNNAMED_FOR
    old = [o for prefix in (ORIGINALS, DERIVED) for o in runtime.store.keys(prefix + "/") if o.stored_at < before]
    originals, made = named_keys(runtime)
    for found in old:
        if found.key not in originals and found.key not in made:
            yield found


def sweep_unnamed(runtime: Runtime) -> int:
    """Delete them; tells how many. Their keys were never written or are gone, so nothing can be lost."""
    count = 0
    for found in unnamed(runtime):
        runtime.store.delete(found.key, found.version)
        count += 1
    if count:
        log.warning("objects that no row names were swept", extra={"count": count})
    return count
