"""Publishing: the folder of the log, brought up to each signed checkpoint.

    checkpoint                       the latest note, with the witnesses' lines
    tile/<L>/<N>[.p/<W>]             tiles, as ``audit.tiles`` has them
    tile/entries/<N>.p/<W>           the bundle that is not full yet, as it is
    tile/entries/<N>.gz              full bundles in gzip, served without ``.gz`` as ``Content-Encoding: gzip``
    catalogues/<digest>.json         what the actions mean, as the log declared it
    withdrawn.json                   which bundles were withdrawn, where any were: ``audit.withdrawal``

Bundles and tiles are written aside, synced and renamed, their folders synced, and only then the
checkpoint is replaced: whoever reads the folder finds all of the log that its checkpoint signs, whenever the
power goes. The database is the source; the folder can be thrown away and is built again, byte for byte. A
path never gets other bytes: where they would differ the log was forked, and nothing more is published.
"""

import gzip
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from audit import withdrawal
from audit.catalogues import AuditCatalogue
from audit.entries import AuditLeaf, AuditNode
from audit.keyfile import sync_folder
from audit.leaf import leaf_hash
from audit.ranges import NoSuchEntry, range_over, tile_hashes
from audit.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    NoSuchTile,
    Tile,
    bundle_bytes,
    first_difference,
    right_edge,
    tile_bytes,
)
from audit.tree import root_of
from audit.withdrawal import EntryWithdrawn
from core.database import Database, DiskTrouble, ReadSession
from core.errors import IntegrityFailure

PARTIAL_SECONDS = 300.0
"""How long a partial tile stays after the full one is there: readers of an older checkpoint may be under way."""
WITHDRAWN = "withdrawn.json"
_AT_ONCE = 64


class LogMismatch(IntegrityFailure):
    """The audit log is not the one whose checkpoint was signed."""

    code = "audit_log_mismatch"

    def __init__(self, what: str, /, *, position: int = 0, **fields: object) -> None:
        super().__init__(
            f"at position {position}: {what}. Nothing is written to this log as long as it is so. Keep a copy of the "
            "data folder as it is, see what `muniment audit verify` says, and put back the newest backup "
            "that holds the last signed checkpoint",
            position=position,
            **fields,
        )


class Folder:
    """The published log."""

    def __init__(self, path: Path) -> None:
        """``path`` is ``log`` in the data folder."""
        self.path = path
        self._replaced: dict[Path, float] | None = None
        """Folders of partial tiles whose full tile is there, and when they may go."""

    @property
    def checkpoint(self) -> Path:
        """The latest note."""
        return self.path / "checkpoint"

    def place_of(self, tile: Tile) -> Path:
        """Where a tile or bundle lies."""
        return self.path / (f"{tile.path}.gz" if tile.level == ENTRIES and tile.is_full else tile.path)

    def size(self) -> int:
        """Size of the checkpoint that is here with its tiles; 0 where they are missing. Verifies nothing."""
        try:
            size = int(self.checkpoint.read_text("utf-8").splitlines()[1])
        except (OSError, ValueError, IndexError):
            return 0
        # They are the last ones to be written.
        return size if all(self.place_of(tile).exists() for tile in right_edge(size)) else 0

    def read(self, tile: Tile) -> bytes | None:
        """The published bytes of a tile; ``None`` where it is not here, or cannot be unpacked."""
        place = self.place_of(tile)
        try:
            data = place.read_bytes()
            return gzip.decompress(data) if place.suffix == ".gz" else data
        except FileNotFoundError:
            return None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return b""

    def check(self, session: ReadSession, size: int) -> None:
        """Compare the right edge of the published tiles with the log. A missing file is no fault.

        Raises:
            LogMismatch: they are of another log.
        """
        for tile in right_edge(size):
            theirs = self.read(tile)
            if theirs is not None:
                _compare(tile, content_of(session, tile), theirs)

    def write(self, database: Database, tiles: Iterable[Tile]) -> int:
        """Write those of ``tiles`` that are not here, durably; tells how many. Those that are here are compared.

        Raises:
            LogMismatch: one was published with other bytes, or the stored log does not hold together.
            Unavailable: the disk is full or cannot be written; what was written stays.
        """
        written, changed = 0, set[Path]()
        waiting = iter(tiles)
        with _as_disk_trouble():
            while batch := list(islice(waiting, _AT_ONCE)):
                with database.read() as session:
                    contents = list(_contents(session, batch))
                written += self._put(contents, changed)
            folders = iter(changed)
            while some := list(islice(folders, _AT_ONCE)):
                with ExitStack() as opened:
                    _sync(opened.enter_context(_opened(folder)) for folder in some)
        return written

    def show(self, note: str) -> None:
        """Replace the checkpoint, so that a reader finds the old or the new one whole.

        Raises:
            Unavailable: the disk is full or cannot be written.
        """
        self._replace(self.checkpoint, note)

    def declare(self, session: ReadSession) -> None:
        """Write the catalogues of actions that are not here.

        Raises:
            Unavailable: the disk is full or cannot be written.
        """
        for digest in session.scalars(select(AuditCatalogue.digest)):
            place = self.path / "catalogues" / f"{digest.hex()}.json"
            if not place.exists():
                content = session.scalars(select(AuditCatalogue.content).where(AuditCatalogue.digest == digest)).one()
                self._replace(place, content.decode("utf-8"))

    def withdraw(self, session: ReadSession) -> None:
        """Say what was withdrawn, then remove its bundles. Safe to repeat; nothing where nothing was withdrawn.

        Raises:
            Unavailable: the disk is full or cannot be written.
        """
        told = withdrawal.told(session)
        text = json.dumps(told) + "\n"
        place = self.path / WITHDRAWN
        if not told:
            return
        with _as_disk_trouble():
            if not place.exists() or place.read_text("utf-8") != text:
                self._replace(place, text)
            changed = set()
            for one in told:
                for number in range(one["from"] // WIDTH, one["to"] // WIDTH):
                    bundle = self.place_of(Tile(ENTRIES, number))
                    if bundle.exists():
                        bundle.unlink()
                        changed.add(bundle.parent)
                    shutil.rmtree(_partials_of(bundle), ignore_errors=True)
            for folder in changed:
                sync_folder(folder)

    def _replace(self, place: Path, text: str) -> None:
        with _as_disk_trouble():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = set[Path]()
            _make(place.parent, made)
            draft = _aside(place)
            with draft.open("w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(place)
            for folder in {place.parent, *made}:
                sync_folder(folder)

    def remove_partials(self) -> int:
        """Remove partial tiles whose full tile has been here for five minutes; tells of how many tiles."""
        now, removed = time.monotonic(), 0
        if self._replaced is None:
            self._replaced = dict.fromkeys(self._left_behind(), now + PARTIAL_SECONDS)
        for folder in [folder for folder, due in self._replaced.items() if due <= now]:
            shutil.rmtree(folder, ignore_errors=True)
            del self._replaced[folder]
            removed += 1
        return removed

    def _put(self, contents: Iterable[tuple[Tile, bytes]], changed: set[Path]) -> int:
        with ExitStack() as opened:
            drafts = []
            for tile, content in contents:
                theirs = self.read(tile)
                if theirs is not None:
                    _compare(tile, content, theirs)
                    continue
                place = self.place_of(tile)
                _make(place.parent, changed)
                stream = opened.enter_context(_aside(place).open("wb"))
                stream.write(_packed(content) if place.suffix == ".gz" else content)
                stream.flush()
                drafts.append((stream, tile, place))
            _sync(stream.fileno() for stream, _, _ in drafts)
            for _, tile, place in drafts:
                _aside(place).replace(place)
                changed.add(place.parent)
                if tile.is_full and self._replaced is not None:
                    self._replaced[_partials_of(place)] = time.monotonic() + PARTIAL_SECONDS
        return len(drafts)

    def _left_behind(self) -> Iterator[Path]:
        """Folders of partial tiles that an earlier process left although the full tile is here."""
        for folder, folders, files in os.walk(self.path / "tile"):
            full = {name.removesuffix(".gz") for name in files}
            yield from (Path(folder) / name for name in folders if name.endswith(".p") and name[:-2] in full)


def _contents(session: ReadSession, tiles: Iterable[Tile]) -> Iterator[tuple[Tile, bytes]]:
    """Tiles with their bytes, without bundles that were withdrawn."""
    for tile in tiles:
        with suppress(EntryWithdrawn):
            yield tile, content_of(session, tile)


def content_of(session: ReadSession, tile: Tile) -> bytes:
    """The bytes of a tile, held against the hashes below and above it before anybody relies on them.

    Raises:
        LogMismatch: what is stored does not hold together, or does not reach that far.
        EntryWithdrawn: it is a bundle that was withdrawn.
    """
    try:
        if tile.level == ENTRIES:
            return bundle_bytes(_entries(session, tile))
        hashes = tile_hashes(session, tile)
    except NoSuchTile as error:
        raise LogMismatch("an entry or a node of the tree is missing", position=tile.position()) from error
    if tile.is_full:
        above = session.scalar(
            select(AuditNode.hash).where(AuditNode.height == tile.height + HEIGHT, AuditNode.number == tile.number)
        )
        if above != root_of(hashes):
            raise LogMismatch("a stored node of the tree is not what the entries make it", position=tile.position())
    return tile_bytes(hashes)


def check_root(session: ReadSession, size: int, root: bytes) -> None:
    """Pass if the stored log has that root over its first ``size`` entries, as far as its right edge tells.

    Raises:
        LogMismatch: it has another.
    """
    try:
        found = range_over(session, 0, size).root()
    except NoSuchEntry as error:
        raise LogMismatch("an entry is missing", position=size - 1) from error
    if found != root:
        raise LogMismatch("the tiles do not have the root that was signed", position=size - 1)


def _entries(session: ReadSession, tile: Tile) -> list[bytes]:
    first = tile.number * WIDTH
    rows = session.execute(
        select(AuditLeaf.seq, AuditLeaf.entry, AuditLeaf.hash)
        .where(AuditLeaf.seq >= first, AuditLeaf.seq < first + tile.width)
        .order_by(AuditLeaf.seq)
    ).all()
    if len(rows) != tile.width:
        raise NoSuchTile()
    if not any(entry for _, entry, _ in rows) and withdrawal.covering(session, first) is not None:
        raise EntryWithdrawn()
    for seq, entry, stored in rows:
        if leaf_hash(entry) != stored:
            raise LogMismatch("an entry is not what was appended", position=seq)
    return [entry for _, entry, _ in rows]


def _compare(tile: Tile, ours: bytes, theirs: bytes) -> None:
    position = first_difference(tile, ours, theirs)
    if position is not None:
        raise LogMismatch(
            f"{tile.path} was published with other bytes than the log has now. If a checkpoint that others hold "
            "fits the log, the file was altered: move it away, and it is made anew",
            position=position,
        )


def _sync(descriptors: Iterable[int]) -> None:
    """Sync files that are open, all at once: a disk that is asked for them one by one takes several times as long."""
    found = list(descriptors)
    if len(found) > 1:
        with ThreadPoolExecutor(min(len(found), _AT_ONCE)) as pool:
            list(pool.map(os.fsync, found))
    else:
        for descriptor in found:
            os.fsync(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _packed(content: bytes) -> bytes:
    """In gzip, without matches of a few bytes: among hexadecimal digits they cost more room than the digits."""
    packer = zlib.compressobj(8, wbits=31, strategy=zlib.Z_FILTERED)
    return packer.compress(content) + packer.flush()


def _partials_of(place: Path) -> Path:
    return place.with_name(place.name.removesuffix(".gz") + ".p")


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.new")


def _make(folder: Path, changed: set[Path]) -> None:
    """Make a folder with those above it, noting where a name was added."""
    if not folder.is_dir():
        _make(folder.parent, changed)
        folder.mkdir(mode=0o700, exist_ok=True)
        changed.add(folder.parent)


@contextmanager
def _as_disk_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskTrouble("the log could not be published; it is tried again") from error
