"""Fixity of everything stored, a share each night: are the bytes still those that were stored?

All objects that rows name are walked in the order of their keys, as many a night as it takes to have read all of them
within a set number of days; nights without a check make the following ones longer. What differs is an alarm with its
audit event, and is looked at every night until it is as it was (OAIS, PREMIS "fixity check").

No key is needed, and a check says nothing about whether the bytes still open.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SmallInteger, String, func, literal, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.intake import append
from core.clock import Clock
from core.database import Database, MainTable, ReadSession, WriteSession
from core.errors import IntegrityFailure
from records.derived import DerivedObject
from records.fixity_events import ObjectDiffers
from records.record import Component, Record, RecordVersion
from vault import fixity
from vault.store import ObjectRef, ObjectStore

log = logging.getLogger("muniment.fixity")

BATCH = 50


class FixityWalk(MainTable):
    """How far the walk has come; one row."""

    __tablename__ = "fixity_walks"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    cursor: Mapped[str] = mapped_column(String(80))
    """Key of the object checked last; empty at the beginning of a pass."""
    pass_started_at: Mapped[datetime]
    checked: Mapped[int]
    """Objects of this pass."""
    whole_at: Mapped[datetime | None]
    """When the last pass had been through everything."""


class FixityTrouble(MainTable):
    """An object that is not what was stored."""

    __tablename__ = "fixity_troubles"

    object_key: Mapped[str] = mapped_column(String(80), primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    """Whose object it is: of a record, or of what ``walk_also`` added."""
    code: Mapped[str] = mapped_column(String(60))
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was found to be as it was, or no row names it any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored object as its row names it."""

    key: str
    version: str
    size_bytes: int
    sha256: bytes
    subject: UUID
    """The record it belongs to, or what ``walk_also`` added."""
    kind: str


@dataclass(frozen=True, slots=True)
class Naming:
    """A table whose rows name stored objects, as columns: key (none where it is gone), version, sealed size, SHA-256
    of the sealed bytes, and whose they are.
    """

    kind: str
    """What such a subject is in the log."""
    columns: tuple[Any, Any, Any, Any, Any]
    entity_of: Callable[[ReadSession, UUID], UUID | None]
    where: tuple[ColumnElement[bool], ...] = ()
    """Which of its rows; all, unless something else is said."""

    @property
    def key(self) -> Any:
        """The column of the object's key."""
        return self.columns[0]


def _entity_of(session: ReadSession, record: UUID) -> UUID | None:
    return session.scalar(select(Record.entity).where(Record.id == record))


_NAMINGS = [
    Naming(
        "record", (table.object_key, table.object_version, table.sealed_bytes, table.sha256, table.record), _entity_of
    )
    for table in (RecordVersion, Component, DerivedObject)
]


def walk_also(naming: Naming) -> None:
    """Have the walk go through these objects too: for packages above, once, when they are imported."""
    _NAMINGS.append(naming)


@dataclass(slots=True)
class Walked:
    """What one night's share came to."""

    checked: int = 0
    sound: int = 0
    wrong: int = 0
    mended: int = 0
    left: int = 0
    """Objects of this pass that were not looked at yet."""


def share(left: int, days: int, elapsed: timedelta) -> int:
    """How many of the ``left`` objects to check now, so that a pass takes ``days``, whatever nights were missed."""
    return -(-left // max(days - elapsed.days, 1))


def plan(session: ReadSession, *, days: int, at: datetime) -> tuple[int, int]:
    """How many objects tonight's share has, and how many this pass has left."""
    walk = session.get(FixityWalk, 1)
    left = _left(session, "" if walk is None else walk.cursor)
    return share(left, days, timedelta(0) if walk is None else at - walk.pass_started_at), left


def check_share(
    main: Database,
    store: ObjectStore,
    clock: Clock,
    *,
    days: int,
    go_on: Callable[[Walked], bool] = lambda walked: True,
) -> Walked:
    """Check tonight's share, and what was wrong before. ``go_on`` is asked after each batch.

    Killed and run again, it goes on after the last batch.

    Raises:
        Unavailable: the store cannot be reached; what was checked until then is noted.
    """
    walked = Walked()
    _look_again(main, store, clock, walked)
    with main.write(beside=True) as session:
        begin(session, clock.now())
    with main.read() as session:
        wanted, walked.left = plan(session, days=days, at=clock.now())
    while walked.checked < wanted:
        with main.read() as session:
            kept = _next(session, session.get_one(FixityWalk, 1).cursor, min(BATCH, wanted - walked.checked))
        if not kept:
            break
        found = [(each, _trouble(store, each)) for each in kept]
        with main.write(beside=True) as session:
            walk = session.get_one(FixityWalk, 1, with_for_update=True)
            walk.cursor, walk.checked = kept[-1].key, walk.checked + len(kept)
            for each, code in found:
                _note(session, each, code, walked, clock.now())
        walked.checked += len(kept)
        walked.left -= len(kept)
        if not go_on(walked):
            return walked
    with main.write(beside=True) as session:
        walk = session.get_one(FixityWalk, 1, with_for_update=True)
        walked.left = _left(session, walk.cursor)
        if not walked.left:
            walk.whole_at, walk.cursor, walk.checked = clock.now(), "", 0
            walk.pass_started_at = clock.now()
    return walked


def begin(session: WriteSession, at: datetime) -> None:
    """Make the row of the walk where there is none."""
    if session.get(FixityWalk, 1) is None:
        session.add(FixityWalk(id=1, cursor="", pass_started_at=at, checked=0))


def troubles(session: ReadSession) -> list[FixityTrouble]:
    """What is not as it was stored, as of the last look."""
    open_rows = select(FixityTrouble).where(FixityTrouble.ended_at.is_(None))
    return list(session.scalars(open_rows.order_by(FixityTrouble.found_at, FixityTrouble.object_key)))


def _look_again(main: Database, store: ObjectStore, clock: Clock, walked: Walked) -> None:
    with main.read() as session:
        known = [(row.object_key, _find(session, row.object_key)) for row in troubles(session)]
    for key, kept in known:
        code = None if kept is None else _trouble(store, kept)
        if code is None:
            with main.write(beside=True) as session:
                session.get_one(FixityTrouble, key).ended_at = clock.now()
            walked.mended += 1
        else:
            # Every night until it is mended.
            log.critical("a stored object is not what was stored", extra={"code": code, "id": key[-32:]})
            walked.wrong += 1


def _trouble(store: ObjectStore, kept: Kept) -> str | None:
    try:
        fixity.verify(store, ObjectRef(kept.key, kept.version, kept.size_bytes), kept.sha256)
    except IntegrityFailure as error:
        return error.code
    return None


def _note(session: WriteSession, kept: Kept, code: str | None, walked: Walked, at: datetime) -> None:
    if code is None:
        walked.sound += 1
        return
    known = session.get(FixityTrouble, kept.key)
    if _find(session, kept.key) is None or (known is not None and known.ended_at is None):
        # Its row let go of it while it was read, or it was told above.
        return
    walked.wrong += 1
    if known is None:
        session.add(FixityTrouble(object_key=kept.key, record=kept.subject, code=code, found_at=at))
    else:
        known.code, known.found_at, known.ended_at = code, at, None
    naming = next(each for each in _NAMINGS if each.kind == kept.kind)
    entity = naming.entity_of(session, kept.subject)
    event = ObjectDiffers(
        entity=entity,
        kind=kept.kind,
        subject=kept.subject,
        stored=UUID(kept.key[-32:]),
        digest=kept.sha256,
        difference=code,
    )
    append(session, event, at=at)
    log.critical("a stored object is not what was stored", extra={"code": code, "id": kept.key[-32:]})


def _next(session: ReadSession, after: str, limit: int) -> list[Kept]:
    found = []
    for naming in _NAMINGS:
        rows = session.execute(_rows(naming).where(naming.key > after).order_by(naming.key).limit(limit))
        found += [Kept(*row) for row in rows]
    return list(islice(sorted(found, key=lambda each: each.key), limit))


def _find(session: ReadSession, key: str) -> Kept | None:
    for naming in _NAMINGS:
        row = session.execute(_rows(naming).where(naming.key == key)).one_or_none()
        if row is not None:
            return Kept(*row)
    return None


def _left(session: ReadSession, after: str) -> int:
    counts = (select(func.count(naming.key)).where(naming.key > after, *naming.where) for naming in _NAMINGS)
    return sum(session.scalar(each) or 0 for each in counts)


def _rows(naming: Naming) -> Select[Any]:
    return select(*naming.columns, literal(naming.kind)).where(*naming.where)
