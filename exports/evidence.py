"""Evidence: entries of the log as an archive that is checked without Muniment, and without trusting it.

    manifest.json                      {"format":"muniment-evidence/1","origin","vkeys","made_us","scope","size",
                                       "files": {path: SHA-256 in hex}}
    checkpoint                         the signed note that all else is held against, with cosignatures
    tile/<L>/<N>[.p/<W>]               hash tiles (C2SP tlog-tiles); all of them where the range is the whole log
    tile/entries/<N>[.p/<W>]           bundles of entries, of a range
    leaves/<seq>.json, proofs/<seq>.tlog-proof
                                       single entries with their proofs; of a range its first and last
    openings.jsonl                     values that entries committed to, as far as they are opened
    catalogues/<digest>.json           what the actions mean
    checkpoints/<size>, timestamps/<size>.tsr, seals/<day>.json, policy, withdrawn.json
                                       what others have seen of the log
    index.html, README.txt, muniment_verify.py

Beyond the entries come all hash tiles above level 0, and of level 0 those that lead to the roots of the
checkpoints beside it and of those that went out with earlier exports: whoever kept one of them can see
that the log only grew. Bytes come as they are stored: whether they are in order is for the verifier to say.

The event is durable before the first byte is given. Nothing is held but the digest of each file, so a
million entries take no more memory than one bundle.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import Any

from accounts import departments, entities
from accounts.principal import Principal
from audit import served, withdrawal
from audit.events import Event
from audit.log import Log
from audit.note import parse_checkpoint, parse_note
from audit.oversight import SampleDrawn
from audit.ranges import tile_content
from audit.seal import OpeningSeal
from audit.tiles import ENTRIES, HEIGHT, WIDTH, Tile, grown
from audit.trail import leaf
from audit.withdrawal import EntryWithdrawn
from core.clock import Clock, to_us
from core.database import Database, ReadSession
from exports import beside, index_page, openings
from exports.archive import Archive
from exports.events import LogExported
from exports.index_page import Index
from exports.scope import Scope, Wanted, scope_of, told_at
from records import overseen
from vault.keyring import Keyring

FORMAT = "muniment-evidence/1"
MEDIA_TYPE = "application/zip"
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Export:
    """An archive that is on its way."""

    name: str
    """A file name for it."""
    scope: Scope
    size: int
    """Of the checkpoint."""
    pieces: Iterator[bytes]
    """Its bytes, once."""


@dataclass(frozen=True, slots=True)
class _Plan:
    scope: Scope
    size: int
    note: str
    earlier: frozenset[int]
    withdrawn: tuple[dict[str, int], ...]
    """What was withdrawn, as ``withdrawn.json`` says it: the entries that say so come with every export."""
    by: Principal
    made_at: datetime

    @property
    def positions(self) -> Sequence[int]:
        """The entries that were asked for."""
        return range(self.scope.first, self.scope.last + 1) if self.scope.positions is None else self.scope.positions

    @property
    def singles(self) -> Sequence[int]:
        """Those that come with a proof each."""
        said = {each["event"] for each in self.withdrawn}
        if self.scope.positions is not None:
            return sorted({*self.scope.positions, *said})
        return sorted({self.scope.first, self.scope.last, *said})


class Evidence:
    """Exports of one installation."""

    def __init__(
        self,
        main: Database,
        log: Log,
        clock: Clock,
        keys: Keyring,
        *,
        seal: OpeningSeal,
        policy: Path | None = None,
    ) -> None:
        """``policy`` is the file of the witness policy."""
        self._main, self._log, self._clock, self._keys, self._seal = main, log, clock, keys, seal
        self._policy = policy

    def export(self, wanted: Wanted, *, by: Principal, request: str | None) -> Export:
        """Evidence of what is wanted, as it stands under the newest checkpoint.

        Raises:
            NotAllowed: ``by`` does not oversee, or a range is asked for and they do not oversee everything.
            NotFound: there is no such thing in the places ``by`` oversees, no entry about it, or no checkpoint yet.
            Invalid: what is wanted cannot be read, or is too much.
            LogUnavailable: the export could not be logged; nothing is given.
        """
        by.require("audit.read")
        now = self._clock.now()
        with self._main.read() as main, self._log.database.read() as log:
            note = served.newest_note(log)
            size = parse_checkpoint(parse_note(note).text).size
            scope = scope_of(main, log, wanted, size, by=by, keys=self._keys)
            earlier = beside.anchored_sizes(log, scope.first, size) | beside.exported_sizes(log, size)
            withdrawn = tuple(each for each in withdrawal.told(log) if each["event"] < size)
        event = LogExported(
            by=by.actor,
            request=request,
            scope=scope.kind,
            asked_request=scope.told.get("request"),
            first=scope.first,
            last=scope.last,
            entries=scope.count,
            size=size,
            opens=openings.OPENED,
            about=scope.about,
        )
        self._log.record([*_draw(scope, by, request), event], at=now)
        plan = _Plan(scope, size, note, frozenset(earlier - {size}), withdrawn, by, now)
        name = f"muniment-evidence-{scope.kind}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip"
        return Export(name, scope, size, filter(None, self._pieces(plan)))

    def _pieces(self, plan: _Plan) -> Iterator[bytes]:
        archive = Archive(plan.made_at)
        put = archive.put
        yield put("checkpoint", plan.note.encode())
        yield put("README.txt", _resource("exports", "instructions.txt"))
        yield put("muniment_verify.py", _resource("audit", "muniment_verify.py"))
        for path, content in self._beside(plan):
            yield put(path, content)
        for path, content in self._read(_tiles(plan), _content):
            yield put(path, content)
        for path, content in self._read(plan.singles, lambda log, seq: _single(log, seq, plan)):
            yield put(path, content)
        opened = 0
        for piece in archive.stream("openings.jsonl", openings.lines(self._log.database, self._seal, plan.positions)):
            yield piece
            opened += 1
        with self._main.read() as main, self._log.database.read() as log:
            index = self._index(plan, main, log)
            told = {
                "format": FORMAT,
                "origin": index.origin,
                "vkeys": list(index.vkeys),
                "made_us": to_us(plan.made_at),
                "scope": plan.scope.told,
                "size": plan.size,
            }
        yield put("index.html", index_page.html_of(replace(index, opened=opened)).encode())
        yield from archive.stream("manifest.json", _manifest(told, archive.digests))
        yield archive.close()

    def _beside(self, plan: _Plan) -> Iterator[tuple[str, bytes]]:
        first, size = plan.scope.first, plan.size
        with self._log.database.read() as log:
            for digest, content in beside.catalogues(log):
                yield f"catalogues/{digest}.json", content
            for covered in sorted(plan.earlier):
                if (note := beside.checkpoint(log, covered)) is not None:
                    yield f"checkpoints/{covered}", note.encode()
            for covered, token in beside.timestamps(log, first, size):
                yield f"timestamps/{covered}.tsr", token
            for day, content in beside.seals(log, first, size):
                yield f"seals/{day}.json", content
        if self._policy is not None and self._policy.is_file():
            yield "policy", self._policy.read_bytes()
        if plan.withdrawn:
            yield "withdrawn.json", json.dumps(plan.withdrawn).encode() + b"\n"

    def _read(
        self, items: Iterable[Any], content: Callable[[ReadSession, Any], list[tuple[str, bytes]]]
    ) -> Iterator[tuple[str, bytes]]:
        """What some items are, a few of them a read, so that none lasts as long as the export."""
        waiting = iter(items)
        while batch := list(islice(waiting, _AT_ONCE)):
            with self._log.database.read() as log:
                found = [each for item in batch for each in content(log, item)]
            yield from found

    def _index(self, plan: _Plan, main: ReadSession, log: ReadSession) -> Index:
        shown = index_page.shown_of(plan.positions)
        entries = told_at(log, shown)
        things = {thing.id for entry in entries for thing in entry.objects}
        return Index(
            origin=plan.note.split("\n", 1)[0],
            vkeys=tuple(beside.verifier_keys(log)),
            checkpoint=plan.note,
            made_at=plan.made_at,
            scope=plan.scope,
            entries=tuple(entries),
            proved=frozenset(plan.singles),
            descriptions=beside.descriptions(log),
            records={key: row.number for key, row in overseen.find(main, things, plan.by).items()},
            case_files=overseen.case_files(main, things, plan.by),
            departments={key: name for key, name, _ in departments.names_in(main, plan.by.entities)},
            entities={row.id: row.name for row in entities.everything(main) if row.id in plan.by.entities},
        )


def _draw(scope: Scope, by: Principal, request: str | None) -> list[Event]:
    """That a sample was drawn, where one was."""
    if scope.drawn is None:
        return []
    drawn = scope.drawn
    return [
        SampleDrawn(
            by=by.actor,
            entity=drawn.entity,
            request=request,
            seed=drawn.sample.seed,
            record_class=drawn.record_class,
            year=drawn.year,
            population=drawn.sample.population,
            digest=drawn.sample.population_digest,
            records=tuple(row.id for row in drawn.sample.drawn),
        )
    ]


def _tiles(plan: _Plan) -> Iterator[Tile]:
    """The tiles and bundles that come with an export, each once."""
    size, scope = plan.size, plan.scope
    whole = scope.told.get("whole") is True
    numbers = {covered // WIDTH for covered in (*plan.earlier, size) if covered % WIDTH}
    if scope.positions is None:
        bundles: Iterable[int] = range(scope.first // WIDTH, scope.last // WIDTH + 1)
        yield from (_tile(ENTRIES, number, size) for number in bundles)
        # An entry names the one before it: that of the first bundle stands in the tile before.
        numbers |= {max(0, scope.first // WIDTH - 1)}
    else:
        bundles = ()
    if not whole:
        beyond = sorted(number for number in numbers if number not in bundles)
        yield from (_tile(0, number, size) for number in chain(beyond, bundles))
    yield from (tile for tile in grown(0, size) if tile.level > 0 or (whole and tile.level == 0))


def _tile(level: int, number: int, size: int) -> Tile:
    return Tile(level, number, min(WIDTH, (size >> max(level, 0) * HEIGHT) - number * WIDTH))


def _content(log: ReadSession, tile: Tile) -> list[tuple[str, bytes]]:
    try:
        return [(tile.path, tile_content(log, tile))]
    except EntryWithdrawn:
        return []


def _single(log: ReadSession, seq: int, plan: _Plan) -> list[tuple[str, bytes]]:
    proof = [(f"proofs/{seq}.tlog-proof", served.proof_under(log, seq, plan.size, plan.note).encode())]
    try:
        return [(f"leaves/{seq}.json", leaf(log, seq)), *proof]
    except EntryWithdrawn:
        # Its hash is in its tile, and the proof leads from there.
        return proof


def _manifest(told: dict[str, Any], digests: dict[str, str]) -> Iterator[bytes]:
    """The list of the files, in pieces; itself one JSON object."""
    yield json.dumps(told, ensure_ascii=False, sort_keys=True)[:-1].encode() + b', "files": {'
    between = ""
    for path in sorted(digests):
        yield f'{between}\n"{path}": "{digests[path]}"'.encode()
        between = ","
    yield b"\n}}\n"


def _resource(package: str, name: str) -> bytes:
    return (files(package) / name).read_bytes()
