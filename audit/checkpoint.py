"""Signing what the log has become, and refusing to when it is not what was signed before.

Before each signature the entries since the last one are read back, hashed and joined to
the last signed tree: so a signed checkpoint always extends the one before it, and every
entry was re-read once. The row is committed before the file appears; both are kept.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import LargeBinary, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.entries import AuditHead, AuditLeaf, LogNotStarted, guard
from audit.keyfile import SigningKey, sync_folder
from audit.leaf import NotALeaf, leaf_hash, parse
from audit.note import Checkpoint, NotANote, NotSigned, VerifierKey, open_checkpoint, sign
from audit.ranges import NoSuchEntry, range_over
from audit.tree import CompactRange
from core.clock import Clock
from core.database import Database, LogTable, ReadSession
from core.errors import IntegrityFailure

_CHUNK = 500


class LogMismatch(IntegrityFailure):
    """The audit log is not the one whose checkpoint was signed."""

    code = "audit_log_mismatch"


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


@dataclass(frozen=True, slots=True)
class _Signed:
    size: int
    root: bytes
    tree: CompactRange
    previous: bytes
    appended_us: int


class Signer:
    """Signs checkpoints of one log; the keeper has the only one."""

    def __init__(self, database: Database, key: SigningKey, file: Path, clock: Clock) -> None:
        """``file`` is ``log/checkpoint``: the latest note, as published."""
        self._database, self._key, self._file, self._clock = database, key, file, clock
        self._last: tuple[int, bytes] | None = None

    def start(self) -> None:
        """Hold the log against what was signed, and put the file right if a crash left it behind.

        Raises:
            LogMismatch: naming the position; nothing may be written to this log.
        """
        with self._database.read() as session:
            check_right_edge(session, [self._key.verifier], self._file)
            note = last_note(session)
        if note is not None and (not self._file.exists() or self._file.read_text() != note):
            write_file(self._file, note)

    def sign_if_grown(self) -> Checkpoint | None:
        """Sign and publish a checkpoint if there are entries that none covers; ``None`` otherwise.

        Raises:
            LogMismatch: the log does not extend what was signed before.
        """
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
        checkpoint = Checkpoint(self._key.origin, tree.size, tree.root())
        note = sign(str(checkpoint), (self._key.origin, self._key.private))
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
        write_file(self._file, note)
        return checkpoint


def check_right_edge(session: ReadSession, keys: list[VerifierKey], file: Path | None = None) -> None:
    """Compare the end of the stored log with its head row and the last signed checkpoint.

    Reads at most 255 rows of each height of the tree and the entries behind the checkpoint. A
    change further back is for ``audit.check`` to find.

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
        raise LogMismatch("an entry is missing", **error.fields) from error
    if session.scalar(select(AuditLeaf.seq).where(AuditLeaf.seq >= size).limit(1)) is not None:
        raise LogMismatch("there are entries behind the head row", position=size)


def last_note(session: ReadSession) -> str | None:
    """The latest signed checkpoint as published; ``None`` before the first."""
    return session.scalar(select(AuditCheckpoint.note).order_by(AuditCheckpoint.size.desc()).limit(1))


def write_file(file: Path, note: str) -> None:
    """Replace the published note, so that a reader finds the old or the new one whole."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    with draft.open("w", encoding="utf-8", newline="") as stream:
        stream.write(note)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    sync_folder(file.parent)


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
