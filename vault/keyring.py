"""The keyring: wrapped data keys in the database, in epochs of at most 10,000.

A data key is wrapped (AES-256-GCM) by the key of its epoch, bound to its subject and epoch.
Shredding deletes the wrapped key; the touched epoch takes no more keys, its survivors are
wrapped again under another one, and then its key is destroyed at the key service. From that
moment no copy of the database, however old, gives the shredded key.

Invariants: an epoch key is durable before a row names it; it is destroyed only after no
committed row needs it; unwrapped ones live in memory for ten minutes at most.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final, Literal, TypeVar, cast
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, Table, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Database, MainTable, ReadSession, WriteSession, insert_unless
from core.errors import Conflict, NotFound
from core.identifiers import new_id
from vault.data_key import DataKey
from vault.epoch_cache import EpochCache
from vault.keys import EpochKeyGone, KeyService
from vault.tally import Tally
from vault.wrapping import fingerprint, unwrap, wrap

EPOCH_KEYS = 10_000
_BATCH = 500
# Rows are written as given: the session holds no objects of these tables.
_PLAIN: Final = {"synchronize_session": False}

_T = TypeVar("_T")


class Shredded(NotFound):
    """The key was destroyed, and with it the content."""

    code = "shredded"


class KeyExists(Conflict):
    """This subject has a data key already."""

    code = "data_key_exists"


class KeyEpoch(MainTable):
    """One epoch key: when it came and when it went. The key itself is at the key service."""

    __tablename__ = "key_epochs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    issued: Mapped[int]
    """Data keys ever wrapped under it; at most 10,000."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    retired_at: Mapped[datetime | None]
    """From then on it takes no keys and is being emptied."""
    destroyed_at: Mapped[datetime | None]
    """The key service has confirmed that the key is gone."""


class WrappedKey(MainTable):
    """The data key of one subject, wrapped by the key of its epoch."""

    __tablename__ = "wrapped_keys"

    subject: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """What the subject is: ``version``, ``party``, ``case_file``, ``person``."""
    epoch: Mapped[UUID] = mapped_column(ForeignKey("key_epochs.id"), index=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    """Nonce of 12 bytes, sealed key of 32, tag of 16."""
    created_at: Mapped[datetime]


class Keyring:
    """Gives out and destroys data keys. Safe to use from many threads."""

    def __init__(self, service: KeyService, *, tell: "TellEpoch | None" = None) -> None:
        """``tell`` is told of each epoch that begins or ends, in the transaction that notes it."""
        self._service = service
        self._tell = tell or _nobody
        self._epochs = EpochCache(service.unwrap)
        self.tally = Tally()
        """What the keys that come out of it are unwrapped for."""

    def create(self, session: WriteSession, subject: UUID, *, kind: str, at: datetime) -> DataKey:
        """Make, wrap and store the data key of a new subject.

        Raises:
            KeyExists: the subject has one.
        """
        key = new_data_key(subject)
        self.keep(session, key, kind=kind, at=at)
        return key

    def keep(self, session: WriteSession, key: DataKey, *, kind: str, at: datetime) -> None:
        """Wrap and store a data key made by ``new_data_key``, under which bytes were sealed before any row.

        Raises:
            KeyExists: its subject has one.
        """
        epoch = self._take_place(session, at)
        wrapped = wrap(self._epochs.cipher(epoch), key, epoch)
        row = {"subject": key.subject, "kind": kind, "epoch": epoch, "wrapped": wrapped, "created_at": at}
        # Of a subject that has one nothing is written; to look first would cost every capture a statement.
        if session.connection().execute(insert_unless(session, _KEYS, "subject"), row).rowcount != 1:
            raise KeyExists(subject=key.subject)

    def get(self, session: ReadSession, subject: UUID) -> DataKey:
        """The data key of a subject.

        Raises:
            Shredded: it was destroyed, or there never was one.
            EpochKeyGone: its epoch key is lost.
            WrappedKeyDamaged: its row was changed.
        """
        if key := self.get_many(session, (subject,)).get(subject):
            return key
        raise Shredded(subject=subject)

    def get_many(self, session: ReadSession, subjects: Collection[UUID]) -> dict[UUID, DataKey]:
        """The data keys of those subjects that have one; the others are absent.

        Raises:
            EpochKeyGone, WrappedKeyDamaged: as for ``get``.
        """
        keys: dict[UUID, DataKey] = {}
        for some in _batches(subjects):
            # By the connection: a session's way around a statement takes as long as the statement.
            rows = session.connection().execute(_WRAPPED_OF, {"subjects": some}).all()
            for subject, epoch, wrapped, _ in rows:
                key = self._unwrap(session, subject, epoch, wrapped)
                if key is not None:
                    keys[subject] = key
            self.tally.add([row.kind for row in rows])
        return keys

    def shred(self, session: WriteSession, subjects: Collection[UUID], *, at: datetime) -> frozenset[UUID]:
        """Delete the wrapped keys of ``subjects`` and retire their epochs; tells which epochs.

        Subjects without a key are passed over, so it may be repeated. The caller must not
        conclude that the keys are gone from older copies: they are once ``destroy_retired``
        has run after COMMIT and ``are_destroyed`` says so of these epochs.
        """
        touched = Counter[UUID]()
        for some in _batches(subjects):
            touched.update(
                session.scalars(
                    delete(WrappedKey).where(WrappedKey.subject.in_(some)).returning(WrappedKey.epoch),
                    execution_options=_PLAIN,
                )
            )
        for some in _batches(touched):
            session.execute(
                update(KeyEpoch).where(KeyEpoch.id.in_(some), KeyEpoch.retired_at.is_(None)).values(retired_at=at),
                execution_options=_PLAIN,
            )
        for epoch, count in sorted(touched.items()):
            self._tell(session, "retired", epoch, count, at)
        return frozenset(touched)

    def destroy_retired(self, database: Database, *, at: datetime) -> frozenset[UUID]:
        """Empty the retired epochs and destroy their keys; tells which are gone now.

        Survivors are wrapped again in small transactions. It may be stopped anywhere, run
        twice, or by two processes at once; run it after each shredding and at the start.

        Raises:
            EpochKeyGone, WrappedKeyDamaged: a survivor does not open; its epoch is kept, so
                that a restored row still can.
        """
        with database.read() as reading:
            retired = reading.scalars(
                select(KeyEpoch.id).where(KeyEpoch.retired_at.is_not(None), KeyEpoch.destroyed_at.is_(None))
            ).all()
        for epoch in retired:
            while self._move_survivors(database, epoch, at):
                pass
            self._service.destroy(epoch)
            self._epochs.forget(epoch)
            with database.write() as session:
                noted = session.scalars(
                    update(KeyEpoch)
                    .where(KeyEpoch.id == epoch, KeyEpoch.destroyed_at.is_(None))
                    .values(destroyed_at=at)
                    .returning(KeyEpoch.id),
                    execution_options=_PLAIN,
                ).all()
                # Another process may have done the same beside this one.
                for gone in noted:
                    self._tell(session, "destroyed", gone, 0, at)
        return frozenset(retired)

    def fingerprint(self, purpose: str, value: bytes) -> bytes:
        """HMAC-SHA-256 of a value under the key service's key: equal values, equal fingerprints.

        One ``purpose`` (a name without NUL) says nothing about another. The caller must not
        publish it: whoever has the key can try values.
        """
        return fingerprint(self._service.fingerprint_key(), purpose, value)

    def _take_place(self, session: WriteSession, at: datetime, places: int = 1) -> UUID:
        """An epoch with that much room, already counted; a new one where none has it."""
        room = {"places": places, "most_before": EPOCH_KEYS - places}
        taken = session.connection().execute(_TAKE_PLACE, room).scalar_one_or_none()
        if taken is not None:
            return taken
        epoch = new_id()
        self._service.create(epoch)
        session.execute(insert(KeyEpoch).values(id=epoch, issued=places, created_at=at))
        self._tell(session, "begun", epoch, 0, at)
        return epoch

    def _unwrap(self, session: ReadSession, subject: UUID, epoch: UUID, wrapped: bytes) -> DataKey | None:
        try:
            return unwrap(self._epochs.cipher(epoch), subject, epoch, wrapped)
        except EpochKeyGone:
            if isinstance(session, WriteSession):
                raise
            # This snapshot may be older than a shredding that moved the key: look at the newest.
            with ReadSession(session.get_bind(), autoflush=False) as newest:
                row = newest.execute(_WRAPPED.where(WrappedKey.subject == subject)).one_or_none()
            if row is None:
                return None
            if row.epoch == epoch:
                raise
            return unwrap(self._epochs.cipher(row.epoch), subject, row.epoch, row.wrapped)

    def _move_survivors(self, database: Database, epoch: UUID, at: datetime) -> bool:
        """Wrap some keys of a retired epoch under another one; ``False`` once it is empty."""
        with database.write() as session:
            rows = session.execute(_WRAPPED.where(WrappedKey.epoch == epoch).limit(_BATCH).with_for_update()).all()
            if not rows:
                return False
            target = self._take_place(session, at, len(rows))
            old, new = self._epochs.cipher(epoch), self._epochs.cipher(target)
            moved = [
                {
                    "subject": subject,
                    "epoch": target,
                    "wrapped": wrap(new, unwrap(old, subject, epoch, wrapped), target),
                }
                for subject, _, wrapped in rows
            ]
            session.execute(update(WrappedKey), moved)
            return True


TellEpoch = Callable[[WriteSession, Literal["begun", "retired", "destroyed"], UUID, int, datetime], None]
"""The session, what happened, the epoch, how many data keys were destroyed with it, and when."""


def _nobody(*_: object) -> None:
    """Tell nobody: for tests of the ring alone."""


_WRAPPED = select(WrappedKey.subject, WrappedKey.epoch, WrappedKey.wrapped)
_WRAPPED_OF = _WRAPPED.add_columns(WrappedKey.kind).where(WrappedKey.subject.in_(bindparam("subjects", expanding=True)))
_KEYS = cast(Table, WrappedKey.__table__)
_HAS_ROOM = (KeyEpoch.retired_at.is_(None), KeyEpoch.issued <= bindparam("most_before"))
_TAKE_PLACE = (
    update(KeyEpoch)
    .where(
        KeyEpoch.id
        == select(KeyEpoch.id)
        .where(*_HAS_ROOM)
        .order_by(KeyEpoch.created_at.desc(), KeyEpoch.id.desc())
        .limit(1)
        .scalar_subquery(),
        # Said again outside: another writer of a bigger database may have come between.
        *_HAS_ROOM,
    )
    .values(issued=KeyEpoch.issued + bindparam("places"))
    .returning(KeyEpoch.id)
)


def new_data_key(subject: UUID) -> DataKey:
    """A fresh data key, stored nowhere yet: if nobody keeps it, what it sealed is gone."""
    return DataKey(subject, secrets.token_bytes(32))


def has_epochs(session: ReadSession) -> bool:
    """Whether the archive ever had a key, so that its master key must exist."""
    return bool(session.scalar(select(exists().where(KeyEpoch.id.is_not(None)))))


def are_destroyed(session: ReadSession, epochs: Collection[UUID]) -> bool:
    """Whether the key service has confirmed that all these epoch keys are gone."""
    left = 0
    for some in _batches(epochs):
        left += session.scalar(select(func.count()).where(KeyEpoch.id.in_(some), KeyEpoch.destroyed_at.is_(None))) or 0
    return left == 0


def _batches(items: Collection[_T]) -> Iterator[list[_T]]:
    # A statement takes a limited number of parameters.
    everything = list(items)
    for start in range(0, len(everything), _BATCH):
        yield everything[start : start + _BATCH]
