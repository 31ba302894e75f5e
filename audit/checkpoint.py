"""Signing what the log has become, and refusing to when it is not what was signed before.

Before each signature the entries since the last one are read back, hashed and joined to
the last signed tree: so a signed checkpoint always extends the one before it, and every
entry was re-read once. The row is committed first, then the tiles are published, and then the note:
see ``audit.publish``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import LargeBinary, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.cosignatures import with_cosignatures
from audit.entries import AuditHead, AuditLeaf, LogNotStarted, guard
from audit.keyfile import SigningKey
from audit.leaf import NotALeaf, leaf_hash, parse
from audit.note import Checkpoint, NotANote, NotSigned, VerifierKey, open_checkpoint, parse_checkpoint, parse_note, sign
from audit.publish import Folder, LogMismatch, check_root
from audit.ranges import NoSuchEntry, range_over
from audit.rotation import KeyChange, LogKeys, history, signatures, trusted
from audit.statement import sign_statement
from audit.tiles import ENTRIES, HEIGHT, WIDTH, Tile, grown, right_edge
from audit.tree import CompactRange
from audit.withdrawal import carry_out
from core.clock import Clock
from core.database import Database, LogTable, ReadSession

__all__ = [
    "AuditCheckpoint",
    "LogMismatch",
    "Signer",
    "check_right_edge",
    "last_note",
    "published_note",
    "rebuild",
]

_CHUNK = 500


class AuditCheckpoint(LogTable):
    """One signed checkpoint; never changed."""

    __tablename__ = "audit_checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    range: Mapped[bytes] = mapped_column(LargeBinary)
    """Compact range of the tree of that size, from which the next checkpoint goes on."""
    note: Mapped[str] = mapped_column(Text)
    """The signed note, exactly as published."""
    signed_at: Mapped[datetime]


guard(AuditCheckpoint.__table__)
_NEWEST = select(AuditCheckpoint.size, AuditCheckpoint.note).order_by(AuditCheckpoint.size.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class _Signed:
    size: int
    root: bytes
    tree: CompactRange
    previous: bytes
    appended_us: int


class Signer:
    """Signs checkpoints of one log; the keeper has the only one."""

    def __init__(self, database: Database, key: SigningKey | LogKeys, file: Path, clock: Clock) -> None:
        """``file`` is ``log/checkpoint``: the latest note, as published."""
        self._database, self._clock = database, clock
        self._keys = key if isinstance(key, LogKeys) else LogKeys(None, [key])
        self._folder = Folder(file.parent)
        self._last: tuple[int, bytes] | None = None
        self._shown: tuple[int, str] | None = None
        """What this process knows to be published: size and note."""

    def start(self) -> None:
        """Hold the log, and what was published of it, against what was signed.

        Raises:
            LogMismatch: naming the position; nothing may be written to this log.
        """
        with self._database.read() as session:
            check_right_edge(session, trusted(session, self._keys), self._folder.checkpoint)

    def sign_if_grown(self) -> Checkpoint | None:
        """Sign a checkpoint if there are entries that none covers (``None`` otherwise), and publish what is not yet.

        Raises:
            LogMismatch: the log does not extend what was signed before, or what was published.
            Unavailable: the disk cannot be written; what was signed is published the next time.
        """
        signed = self._sign()
        self._publish()
        return signed

    def state(self, make: Callable[[str], bytes]) -> tuple[bytes, str, bytes]:
        """Sign a statement (``audit.statement``) with the key in force: its bytes, the verifier key, the signature.

        ``make`` gives the bytes for the verifier key they are to name.

        Raises:
            NotCanonical: they are no statement.
            LogNotStarted, KeyFileMissing: there is nothing to sign with.
        """
        with self._database.read() as session:
            head = session.get(AuditHead, 1)
            if head is None:
                raise LogNotStarted("start the log first")
            vkey = history(session, head.size)[-1].vkey
        data = make(vkey)
        return data, vkey, sign_statement(data, self._keys.get(vkey).private)

    def remove_partials(self) -> int:
        """Remove the partial tiles that full ones have replaced for some minutes; tells of how many tiles."""
        return self._folder.remove_partials()

    def withdraw(self) -> int:
        """Take away what two persons withdrew, as far as a checkpoint says so; tells how many entries went.

        Raises:
            Unavailable: the database or the disk cannot be written; the rest goes the next time.
        """
        if self._shown is None:
            # Nobody could know that they were withdrawn, and did not vanish.
            return 0
        gone = carry_out(self._database, self._shown[0])
        with self._database.read() as session:
            self._folder.withdraw(session)
        return gone

    def _sign(self) -> Checkpoint | None:
        with self._database.read() as session:
            last = _last(session)
            if self._last is not None and (last.size, last.root) != self._last:
                raise LogMismatch("a signed checkpoint is gone", position=min(last.size, self._last[0]))
            head = session.get(AuditHead, 1)
            if head is None:
                raise LogNotStarted("start the log first")
            if head.size == last.size:
                return None
            tree = _extend(session, last, head)
            changes = history(session, tree.size)
        self._keys.settle([change for change in changes if change.position < last.size], at=self._clock.now())
        checkpoint = Checkpoint(self._keys.origin, tree.size, tree.root())
        note = sign(str(checkpoint), *self._signers(changes, last.size))
        with self._database.write() as session:
            newest = session.scalar(select(AuditCheckpoint.size).order_by(AuditCheckpoint.size.desc()).limit(1)) or 0
            if newest != last.size:
                raise LogMismatch("another keeper signs this log", position=newest)
            session.add(
                AuditCheckpoint(
                    size=checkpoint.size,
                    root=checkpoint.root,
                    range=tree.to_bytes(),
                    note=note,
                    signed_at=self._clock.now(),
                )
            )
        self._last = (checkpoint.size, checkpoint.root)
        self._keys.settle(changes, at=self._clock.now())
        return checkpoint

    def _signers(self, changes: list[KeyChange], covered: int) -> list[tuple[str, Ed25519PrivateKey]]:
        """Name and key of those who sign a checkpoint over these changes, the one in force first."""
        wanted = signatures(changes, covered, at=self._clock.now())
        keys = [self._keys.get(vkey) for vkey in wanted.required]
        keys += [key for key in map(self._keys.find, wanted.welcome) if key is not None]
        return [(key.origin, key.private) for key in keys]

    def _publish(self) -> None:
        with self._database.read() as session:
            note = published_note(session)
        if note is None or (self._shown is not None and self._shown[1] == note):
            return
        before = self._folder.size() if self._shown is None else self._shown[0]
        checkpoint = parse_checkpoint(parse_note(note).text)
        if before < checkpoint.size:
            _write(self._database, self._folder, before, checkpoint)
            with self._database.read() as session:
                self._folder.declare(session)
        self._folder.show(note)
        self._shown = (checkpoint.size, note)


def check_right_edge(session: ReadSession, keys: list[VerifierKey], file: Path | None = None) -> None:
    """Compare the end of the stored log with its head row and the last signed checkpoint.

    Reads at most 255 rows of each height of the tree and the entries behind the checkpoint, and the last
    tile of each level beside ``file``. A change further back is for ``audit.check`` to find.

    Raises:
        LogMismatch: naming the position.
    """
    head = session.get(AuditHead, 1)
    size = 0 if head is None else head.size
    last = _last(session)
    signed = _published(session, keys, file)
    if signed is not None and (signed.size > last.size or session.get(AuditCheckpoint, signed.size) is None):
        raise LogMismatch("a checkpoint was signed that this log does not know", position=last.size)
    if last.size > size:
        raise LogMismatch("the log is shorter than its last signed checkpoint", position=size)
    if head is None:
        return
    try:
        if range_over(session, 0, last.size).root() != last.root:
            wrong = _first_wrong(session, last.size)
            raise LogMismatch("the entries do not have the root that was signed", position=wrong)
        _extend(session, last, head)
        if range_over(session, 0, size).to_bytes() != head.range:
            raise LogMismatch("a stored node of the tree is not what the entries make it", position=last.size)
    except NoSuchEntry as error:
        place = error.fields.get("position")
        raise LogMismatch("an entry is missing", position=place if isinstance(place, int) else 0) from error
    if session.scalar(select(AuditLeaf.seq).where(AuditLeaf.seq >= size).limit(1)) is not None:
        raise LogMismatch("there are entries behind the head row", position=size)
    if file is not None and file.exists():
        folder = Folder(file.parent)
        folder.check(session, folder.size())


def last_note(session: ReadSession) -> str | None:
    """The latest signed checkpoint as published; ``None`` before the first."""
    return session.scalar(select(AuditCheckpoint.note).order_by(AuditCheckpoint.size.desc()).limit(1))


def published_note(session: ReadSession) -> str | None:
    """The latest checkpoint with every signature line there is; ``None`` before the first."""
    row = session.execute(_NEWEST).one_or_none()
    return None if row is None else with_cosignatures(session, row.size, row.note)


def rebuild(database: Database, file: Path) -> int:
    """Write every tile and bundle that is missing beside ``file``, and compare all others; tells how many it wrote.

    Raises:
        LogMismatch: a file holds other bytes than the log makes of it, or the log does not hold together.
        Unavailable: the disk cannot be written.
    """
    with database.read() as session:
        note = last_note(session)
    if note is None:
        return 0
    folder = Folder(file.parent)
    with database.read() as session:
        folder.declare(session)
        folder.withdraw(session)
    return _write(database, folder, 0, parse_checkpoint(parse_note(note).text))


def _write(database: Database, folder: Folder, before: int, checkpoint: Checkpoint) -> int:
    """Write what a reader of ``checkpoint`` needs beyond one of ``before`` entries; of 0, all."""
    tiles = grown(before, checkpoint.size)
    if before:
        written = folder.write(database, tiles)
    else:
        # Last of all those by which ``Folder.size`` tells that nothing is missing.
        edge = right_edge(checkpoint.size)
        with database.read() as session:
            partials = [tile for tile in _earlier_partials(session, checkpoint.size) if tile not in edge]
        written = folder.write(database, chain(partials, (tile for tile in tiles if tile not in edge)))
        written += folder.write(database, edge)
    with database.read() as session:
        check_root(session, checkpoint.size, checkpoint.root)
    return written


def _earlier_partials(session: ReadSession, size: int) -> Iterator[Tile]:
    """Partial tiles of earlier checkpoints that no full tile has replaced: they are served as long as that is so."""
    level = 0
    while count := size >> level * HEIGHT:
        first = count // WIDTH * WIDTH
        widths = session.scalars(
            select(AuditCheckpoint.size // (1 << level * HEIGHT) - first)
            .where(AuditCheckpoint.size >= (first + 1) << level * HEIGHT, AuditCheckpoint.size <= size)
            .distinct()
        )
        for width in sorted(widths):
            if level == 0:
                yield Tile(ENTRIES, first // WIDTH, width)
            yield Tile(level, first // WIDTH, width)
        level += 1


def _last(session: ReadSession) -> _Signed:
    row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1)).one_or_none()
    if row is None:
        return _Signed(0, CompactRange().root(), CompactRange(), bytes(32), 0)
    try:
        tree = CompactRange.from_bytes(row.size, row.range)
        entry = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == row.size - 1))
        if entry is None:
            raise LogMismatch("an entry under a signed checkpoint is missing", position=row.size - 1)
        leaf = parse(entry)
    except (NotALeaf, ValueError) as error:
        raise LogMismatch("the end of the signed log cannot be read", position=row.size - 1) from error
    if tree.root() != row.root:
        raise LogMismatch("a stored checkpoint was altered", position=row.size - 1)
    return _Signed(row.size, row.root, tree, leaf_hash(entry), leaf.appended_us)


def _published(session: ReadSession, keys: list[VerifierKey], file: Path | None) -> Checkpoint | None:
    """The latest checkpoint by the file, verified together with the rows' own."""
    newest: Checkpoint | None = None
    row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1)).one_or_none()
    notes = [] if row is None else [row.note]
    if file is not None and file.exists():
        notes.append(file.read_text(encoding="utf-8"))
    for note in notes:
        position = 0 if row is None else row.size - 1
        try:
            newest = open_checkpoint(note, keys, origin=keys[0].name)
        except (NotANote, NotSigned, UnicodeDecodeError) as error:
            raise LogMismatch("a signed checkpoint does not verify", position=position) from error
        stored = session.get(AuditCheckpoint, newest.size)
        if stored is not None and stored.root != newest.root:
            raise LogMismatch("two checkpoints of one size differ", position=newest.size - 1)
    return newest


def _first_wrong(session: ReadSession, size: int) -> int:
    """The first entry at the right edge whose stored hash is not its own; else where the edge begins."""
    begin = max(size - 1, 0) >> 8 << 8
    rows = session.execute(
        select(AuditLeaf.seq, AuditLeaf.entry, AuditLeaf.hash)
        .where(AuditLeaf.seq >= begin, AuditLeaf.seq < size)
        .order_by(AuditLeaf.seq)
    )
    return next((seq for seq, entry, stored in rows if leaf_hash(entry) != stored), begin)


def _extend(session: ReadSession, last: _Signed, head: AuditHead) -> CompactRange:
    """The tree at the head, grown from the last signed one by the entries since, read back from their bytes."""
    tree, previous, appended_us = last.tree.copy(), last.previous, last.appended_us
    while tree.size < head.size:
        rows = session.execute(
            select(AuditLeaf.seq, AuditLeaf.entry, AuditLeaf.hash)
            .where(AuditLeaf.seq >= tree.size, AuditLeaf.seq < head.size)
            .order_by(AuditLeaf.seq)
            .limit(_CHUNK)
        ).all()
        if not rows:
            raise LogMismatch("an entry is missing", position=tree.size)
        for seq, entry, stored in rows:
            try:
                leaf = parse(entry)
            except NotALeaf as error:
                raise LogMismatch("an entry cannot be read", position=tree.size) from error
            own = leaf_hash(entry)
            fits = leaf.previous == previous and leaf.appended_us >= appended_us and own == stored
            if seq != tree.size or leaf.sequence != seq or not fits:
                raise LogMismatch("an entry is not what was appended", position=tree.size)
            tree.append(own)
            previous, appended_us = own, leaf.appended_us
    if tree.to_bytes() != head.range or previous != head.previous or appended_us != head.last_append_us:
        raise LogMismatch("the head row is not where the entries end", position=head.size - 1)
    return tree
