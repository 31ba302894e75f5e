"""Verification of a whole log from its bytes: entries, checkpoints, catalogues, and nothing else.

Reads the entries once, in order, in little memory, and names the first position at which
they are not what they were when the log's key signed them. It needs no database and no
other part of Muniment: imports ``core.errors``, ``core.canonical`` and the pure modules
``audit.body``, ``audit.leaf``, ``audit.tree``, ``audit.note``.

A log without a fault is unchanged since its checkpoints were signed. One must not conclude
that what was written was true then, nor anything about entries behind the last checkpoint
beyond that they fit together.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from audit.body import Detail, details_fit
from audit.leaf import NO_PREVIOUS, Leaf, NotALeaf, leaf_hash, parse
from audit.note import (
    Checkpoint,
    NotANote,
    Note,
    NotSigned,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)
from audit.note import verify as verify_note
from audit.tree import CompactRange
from core.canonical import NotCanonical, parse_canonical

STARTED, EXTENDED, KEY_CHANGED = "log.started", "log.catalogue_extended", "log.key_changed"
WITHDRAWN = "log.withdrawn"
_BUNDLE = 256

KINDS = {
    "form": "The bytes are not a canonical entry.",
    "sequence": "The entry says another position than it has.",
    "altered": "The entry is not the one that the next entry followed.",
    "chain": "The entry names another predecessor than it has.",
    "time": "The entry's append time is before its predecessor's.",
    "start": "Entry 0 does not start this log, or a later entry starts one.",
    "catalogue": "A declared catalogue is missing, altered, or changes a published action.",
    "undeclared": "The action or one of its details was not declared.",
    "root": "The entries do not have the root that a checkpoint signed.",
    "checkpoint": "A checkpoint is not one of this log, or not in order.",
    "signature": "A checkpoint lacks a valid signature of the key in force.",
    "key": "The key one trusts was never in force in this log.",
    "missing": "The row of an entry is missing, or its bytes are, and nobody withdrew them.",
    "truncated": "Entries that a checkpoint covers are missing.",
    "column": "A stored column does not say what the entry says.",
    "head": "The stored end of the log is not where the entries end.",
    "database": "The rows cannot be read.",
    "seal": "A daily seal is altered, or does not follow the seal before it.",
    "timestamp": "A stored time stamp is not one of its checkpoint.",
}
"""Every kind of fault, and what it means."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong."""

    position: int
    """Sequence number of the entry it is found at."""
    kind: str
    """One of ``KINDS``."""
    sentence: str
    """What a person is told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was read and whether it holds."""

    size: int
    """Entries that hold together, counted from 0."""
    root: bytes
    """Root hash over them."""
    covered: int
    """Entries under the last checkpoint that verified."""
    checkpoints: int
    """Checkpoints that verified."""
    fault: Fault | None = None
    withdrawn: tuple[tuple[int, int, int], ...] = ()
    """What two persons withdrew: first position, the one behind, that of the entry which says so."""
    gone: int = 0
    """How many entries are not here any more for that reason; their hashes are."""


class Gone(NamedTuple):
    """In place of an entry whose bytes are said to be withdrawn: what is left of it."""

    hash: bytes
    """Its leaf hash, 32 bytes."""


Watch = Callable[[Leaf | None, bytes], str | None]


class _Found(Exception):
    """A fault, on its way out of the reading."""

    def __init__(self, position: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = Fault(position, kind, sentence)


def verify(
    entries: Iterable[bytes | Gone],
    checkpoints: Iterable[str] = (),
    *,
    origin: str | None = None,
    vkey: str | None = None,
    catalogues: Mapping[bytes, bytes] | None = None,
    watch: Watch | None = None,
) -> Verdict:
    """Read all ``entries`` from position 0 and all checkpoint notes in order of size.

    ``origin`` and ``vkey`` are what the reader knows from elsewhere; without them the log
    vouches for itself, which shows only that it is of one piece. ``catalogues`` maps each
    declared digest to the catalogue's bytes; without it actions are not checked. ``watch`` is
    shown every leaf (``None`` for one that is gone) with its hash, and returns a sentence where a copy of it says
    otherwise. Entries that are gone without an entry of two persons that withdraws them are missing.
    """
    reading = _Reading(checkpoints, origin, vkey, catalogues, watch)
    try:
        reading.read(iter(entries))
    except _Found as found:
        return reading.verdict(found.fault)
    return reading.verdict(None)


class _Reading:
    """One pass over a log."""

    def __init__(
        self,
        checkpoints: Iterable[str],
        origin: str | None,
        vkey: str | None,
        catalogues: Mapping[bytes, bytes] | None,
        watch: Watch | None,
    ) -> None:
        self._notes = iter(checkpoints)
        self._origin, self._vkey, self._catalogues, self._watch = origin, vkey, catalogues, watch
        self._published: dict[str, Any] = {}
        self._details: dict[str, dict[str, Detail]] = {}
        self._tree = CompactRange()
        self._covered = self._verified = 0
        self._keys: list[VerifierKey] = []
        # The key that has yet to sign a checkpoint over its own replacement.
        self._retiring: VerifierKey | None = None
        self._gone: list[list[int]] = []
        self._withdrawals: list[tuple[int, int, int]] = []

    def verdict(self, fault: Fault | None) -> Verdict:
        gone = sum(past - first for first, past in self._gone)
        withdrawn = tuple(sorted(self._withdrawals))
        return Verdict(self._tree.size, self._tree.root(), self._covered, self._verified, fault, withdrawn, gone)

    def read(self, entries: Iterator[bytes | Gone]) -> None:
        waiting = next(self._notes, None)
        expected, last_us, position = NO_PREVIOUS, 0, 0
        entry = next(entries, None)
        while entry is not None:
            following = next(entries, None)
            if isinstance(entry, Gone):
                expected, position = self._pass_over(entry, position, following), position + 1
                while waiting is not None and self._checked(waiting, expected, following):
                    waiting = next(self._notes, None)
                entry = following
                continue
            try:
                leaf = parse(entry)
            except NotALeaf as error:
                raise _Found(position, "form", f"entry {position} cannot be read: {error.detail}") from error
            if leaf.sequence != position:
                raise _Found(position, "sequence", f"entry {position} says it is entry {leaf.sequence}")
            own = leaf_hash(entry)
            if self._watch is not None and (said := self._watch(leaf, own)) is not None:
                altered = _contradicts(following, own)
                raise _Found(position, "altered" if altered else "column", said)
            if leaf.previous != expected:
                raise self._broken_chain(position, own, following)
            if leaf.appended_us < last_us:
                raise _Found(position, "time", f"entry {position} is dated before entry {position - 1}")
            self._mind(position, leaf.body)
            self._tree.append(own)
            expected, last_us, position = own, leaf.appended_us, position + 1
            while waiting is not None and self._checked(waiting, own, following):
                waiting = next(self._notes, None)
            entry = following
        if waiting is not None:
            self._end(waiting, position)
        self._account_for_gone()
        if self._vkey is not None and position and self._vkey not in map(str, self._keys):
            raise _Found(0, "key", "the key you trust was never a key of this log")

    def _pass_over(self, entry: Gone, position: int, following: "bytes | Gone | None") -> bytes:
        """Take what is left of an entry into the tree; its hash."""
        if position == 0:
            raise _Found(0, "start", "entry 0 is gone, which is never withdrawn")
        said = self._watch(None, entry.hash) if self._watch is not None else None
        if said is not None:
            raise _Found(position, "altered" if _contradicts(following, entry.hash) else "column", said)
        if self._gone and self._gone[-1][1] == position:
            self._gone[-1][1] += 1
        else:
            self._gone.append([position, position + 1])
        self._tree.append(entry.hash)
        return entry.hash

    def _account_for_gone(self) -> None:
        """Hold what is gone against the entries that withdraw it."""
        for first, past in self._gone:
            place = first
            while place < past:
                said = next((one for one in self._withdrawals if one[0] <= place < one[1]), None)
                if said is None:
                    raise _Found(place, "missing", f"entry {place} is gone, and no entry of two persons withdraws it")
                place = said[1]

    def _checked(self, data: str, last: bytes, following: "bytes | Gone | None") -> bool:
        """Verify a checkpoint if it is due at the present size; ``False`` where it covers entries still to come."""
        size = self._tree.size
        note, checkpoint = _open(data, size)
        if checkpoint.size > size:
            return False
        where = max(checkpoint.size - 1, 0)
        if checkpoint.size < size:
            raise _Found(where, "checkpoint", f"the checkpoint over {checkpoint.size} entries is out of order")
        if self._origin is not None and checkpoint.origin != self._origin:
            raise _Found(where, "checkpoint", f"the checkpoint over {size} entries is of another log")
        if checkpoint.root != self._tree.root():
            raise self._wrong_root(size, last, following)
        self._verify_signatures(note, size)
        self._covered, self._verified = size, self._verified + 1
        return True

    def _verify_signatures(self, note: Note, size: int) -> None:
        key, where = self._keys[-1], size - 1
        needed = [key] if self._retiring is None else [key, self._retiring]
        try:
            signers = verify_note(note, needed)
        except NotSigned as error:
            raise _Found(where, "signature", f"the checkpoint over {size} entries: {error.detail}") from error
        if len(signers) < len(needed):
            raise _Found(where, "signature", f"the checkpoint over {size} entries lacks a key's signature")
        self._retiring = None

    def _broken_chain(self, position: int, own: bytes, following: "bytes | Gone | None") -> _Found:
        """Tell which of two entries that do not fit together is the wrong one."""
        if position > self._covered and (following is None or _follows(following, own)):
            # The entry after still follows this one, so this one is as it was.
            return _Found(
                position - 1, "altered", f"entry {position - 1} is not the one that entry {position} followed"
            )
        return _Found(position, "chain", f"entry {position} names another predecessor than it has")

    def _wrong_root(self, size: int, last: bytes, following: "bytes | Gone | None") -> _Found:
        if _contradicts(following, last):
            return _Found(size - 1, "altered", f"entry {size - 1} is not the one that entry {size} followed")
        first = self._covered
        which = f"entry {first}" if first == size - 1 else f"one of the entries {first} to {size - 1}"
        return _Found(first, "root", f"{which} is not what the checkpoint over {size} entries signed")

    def _end(self, waiting: str, size: int) -> None:
        note, checkpoint = _open(waiting, size)
        if self._keys:
            self._verify_signatures(note, checkpoint.size)
        if checkpoint.size < size or checkpoint.size == 0:
            raise _Found(max(checkpoint.size - 1, 0), "checkpoint", "a checkpoint is out of order")
        sentence = f"entry {size} is missing, and all others up to {checkpoint.size - 1} that a checkpoint covers"
        raise _Found(size, "truncated", sentence)

    def _mind(self, position: int, body: dict[str, Any]) -> None:
        """Follow what the log says about itself, and hold other entries to it."""
        action = body["action"]
        if (position == 0) != (action == STARTED):
            raise _Found(position, "start", f"entry {position} is not what it must be: entry 0 alone starts a log")
        if action == WITHDRAWN and (withdrawn := withdrawal_of(position, body)) is not None:
            self._withdrawals.append(withdrawn)
        if action in (STARTED, EXTENDED, KEY_CHANGED):
            details = body.get("d", {})
            try:
                if action == STARTED:
                    self._start(details)
                if action == KEY_CHANGED:
                    self._change_key(details)
                elif self._catalogues is not None:
                    self._declare(position, bytes.fromhex(details["catalogue"]))
            except (KeyError, TypeError, ValueError, NotANote) as error:
                raise _Found(position, "start", f"entry {position} does not say what it must") from error
        if self._catalogues is not None:
            if action not in self._details:
                raise _Found(position, "undeclared", f"entry {position} is of an action that was not declared")
            wrong = details_fit(self._details[action], body.get("d", {}))
            if wrong is not None:
                raise _Found(position, "undeclared", f"entry {position} has an undeclared detail: {wrong}")

    def _start(self, details: Mapping[str, Any]) -> None:
        if self._origin is not None and details["origin"] != self._origin:
            raise _Found(0, "start", "entry 0 starts another log than the one expected")
        self._origin = details["origin"]
        self._keys.append(self._own_key(details["vkey"]))

    def _change_key(self, details: Mapping[str, Any]) -> None:
        if not details["lost"] and self._retiring is None:
            self._retiring = self._keys[-1]
        self._keys.append(self._own_key(details["vkey"]))

    def _own_key(self, line: str) -> VerifierKey:
        key = parse_vkey(line)
        if key.name != self._origin:
            raise NotANote("the key is not named after the origin")
        return key

    def _declare(self, position: int, digest: bytes) -> None:
        content = (self._catalogues or {}).get(digest)
        if content is None or hashlib.sha256(content).digest() != digest:
            raise _Found(position, "catalogue", f"the catalogue that entry {position} declares is missing or altered")
        try:
            actions = {entry["action"]: entry for entry in parse_canonical(content)}
            details = {
                name: {item["key"]: Detail(item["type"], item["meaning"]) for item in entry["details"]}
                for name, entry in actions.items()
            }
        except (NotCanonical, KeyError, TypeError) as error:
            raise _Found(position, "catalogue", f"the catalogue that entry {position} declares is malformed") from error
        if any(actions.get(name) != entry for name, entry in self._published.items()):
            raise _Found(position, "catalogue", f"entry {position} changes an action published before")
        self._published, self._details = actions, details


def _open(data: str, size: int) -> tuple[Note, Checkpoint]:
    try:
        note = parse_note(data)
        return note, parse_checkpoint(note.text)
    except NotANote as error:
        raise _Found(max(size - 1, 0), "checkpoint", f"a checkpoint cannot be read: {error.detail}") from error


def withdrawal_of(position: int, body: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """What an entry ``log.withdrawn`` withdraws, and its position; ``None`` where it is none that counts.

    It takes two persons, and whole bundles from before it, never the first.
    """
    details, actor = body.get("d", {}), body["actor"]
    first, past = details.get("from"), details.get("to")
    two = "i" in actor and "x" in body and body["x"] != actor["i"] and body["outcome"] == "done"
    if not two or type(first) is not int or type(past) is not int:
        return None
    whole = first % _BUNDLE == 0 and past % _BUNDLE == 0 and _BUNDLE <= first < past <= position
    return (first, past, position) if whole else None


def _contradicts(following: "bytes | Gone | None", own: bytes) -> bool:
    """Whether there is a next entry that was written behind another one than that with leaf hash ``own``."""
    return isinstance(following, bytes) and not _follows(following, own)


def _follows(following: "bytes | Gone | None", own: bytes) -> bool:
    """Whether the next entry was written behind the one with leaf hash ``own``."""
    if not isinstance(following, bytes):
        return False
    try:
        return parse(following).previous == own
    except NotALeaf:
        return False
