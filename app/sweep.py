"""Objects that no row names: an upload cut short, a reading run twice. Swept a day after they were stored."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import select

from app.runtime import Runtime
from app.seals import keys_of_objects
from audit.events import Actor
from audit.intake import append
from records.derived import DerivedObject
from records.events import ObjectsSwept
from records.record import Component, RecordVersion
from retention.package import Package
from vault.lock import ObjectLocked
from vault.store import DERIVED, ORIGINALS, Listed

log = logging.getLogger("muniment.sweep")

UNNAMED_FOR = timedelta(hours=24)
_BATCH = 500
SWEEPER = Actor("system", name="sweep")


def named_keys(runtime: Runtime) -> tuple[set[str], set[str]]:
    """Keys of all originals (versions and components), and of all derived objects and packages that rows name."""
    with runtime.main.read() as session:
        originals = set(session.scalars(select(RecordVersion.object_key)))
        originals |= set(session.scalars(select(Component.object_key)))
        made = set(session.scalars(select(DerivedObject.object_key)))
        made |= {key for key in session.scalars(select(Package.object_key)) if key is not None}
    return originals, made


def unnamed(runtime: Runtime) -> Iterator[Listed]:
    """Stored objects that no row names and that are older than a day.

    A younger one may belong to an upload under way, whose row comes last.
    """
    before = runtime.clock.now() - UNNAMED_FOR
    old = [o for prefix in (ORIGINALS, DERIVED) for o in runtime.store.keys(prefix + "/") if o.stored_at < before]
    originals, made = named_keys(runtime)
    originals |= keys_of_objects(runtime.log_database)
    for found in old:
        if found.key not in originals and found.key not in made:
            yield found


def sweep_unnamed(runtime: Runtime, *, by: Actor = SWEEPER) -> int:
    """Delete them; tells how many. Their keys were never written or are gone, so nothing can be lost.

    The log names each before it goes: killed in between, they are found and named once more.
    """
    count, left = 0, unnamed(runtime)
    while batch := list(islice(left, _BATCH)):
        with runtime.main.write(beside=True) as session:
            # What is no key of ours has no id to be named by, and goes all the same.
            named = tuple(id_ for found in batch if (id_ := _id_of(found.key)) is not None)
            append(session, ObjectsSwept(by=by, stored=named), at=runtime.clock.now())
        for found in batch:
            # Of a destroyed record, under a lock that has not ended: it goes with a later sweep.
            with suppress(ObjectLocked):
                runtime.store.delete(found.key, found.version)
        count += len(batch)
    if count:
        log.warning("objects that no row names were swept", extra={"count": count})
    return count


def _id_of(key: str) -> UUID | None:
    try:
        return UUID(key.rpartition("/")[2])
    except ValueError:
        return None
