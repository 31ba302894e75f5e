"""A witness: remembers how far it has seen each log, and cosigns only what extends that (C2SP tlog-witness).

Whoever runs one on a machine of their own sees to it that the log's past cannot be replaced: a
second history of the same log finds no cosignature any more. What was seen is committed
to the state file before a cosignature leaves, in the transaction that compared it: so neither a
race nor a kill makes it sign a smaller or another tree. The state is one SQLite file.

A witness that has lost its state must not go on under its key, because it may have forgotten
what it signed: ``Witness.open`` makes a state only together with a new key.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from audit.cosignature import WitnessKey, cosign
from audit.keyfile import SigningKey, create_key, load_key, sync_folder
from audit.note import (
    Checkpoint,
    NotANote,
    NotSigned,
    VerifierKey,
    decode,
    parse_checkpoint,
    parse_note,
    verify,
)
from audit.tree import EMPTY_ROOT, HASH_BYTES, verify_consistency
from core.clock import Clock, to_us
from core.errors import Conflict

MAX_PROOF = 63
MAX_REQUEST_BYTES = 65_536
_WAIT_SECONDS = 10.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS seen"
    " (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL)"
)


class WitnessStateLost(Conflict):
    """The witness's state is missing, so it no longer knows what it has signed."""

    code = "witness_state_lost"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a log asks of a witness: to cosign this note, which extends the tree of ``old`` entries."""

    old: int
    proof: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a witness has seen a log."""

    size: int
    root: bytes


class Refused(Exception):
    """Why a submission is not cosigned, as an HTTP status; ``size`` is told with a 409 about the old size."""

    def __init__(self, status: int, why: str, size: int | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.size = status, why, size


def parse_submission(body: bytes) -> Submission:
    """Read the body of ``add-checkpoint``.

    Raises:
        Refused: 400, it is none.
    """
    try:
        head, blank, note = body.decode("utf-8").partition("\n\n")
        first, *lines = head.split("\n")
        size = first.removeprefix("old ")
        if not blank or first == size or not size.isascii() or not size.isdecimal() or len(size) > 16:
            raise Refused(400, "a request is an old size, a proof, an empty line and a checkpoint")
        if size != str(int(size)) or len(lines) > MAX_PROOF:
            raise Refused(400, "the old size has leading zeros, or the proof is too long")
        proof = tuple(decode(line) for line in lines)
    except (UnicodeDecodeError, NotANote) as error:
        raise Refused(400, "the request is not UTF-8, or a proof line not base64") from error
    if any(len(item) != HASH_BYTES for item in proof):
        raise Refused(400, "a hash has 32 bytes")
    return Submission(int(size), proof, note)


def signed_checkpoint(note: str, logs: Sequence[VerifierKey]) -> tuple[Checkpoint, str]:
    """The checkpoint of a note that one of the ``logs`` signed, and the text that it signed.

    Raises:
        Refused: 400, 404 or 403.
    """
    try:
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
    except NotANote as error:
        raise Refused(400, error.detail) from error
    keys = [key for key in logs if key.name == checkpoint.origin]
    if not keys:
        raise Refused(404, "this witness does not know that log")
    try:
        verify(parsed, keys)
    except NotSigned as error:
        raise Refused(403, error.detail) from error
    return checkpoint, parsed.text


def judge(seen: Seen | None, asked: Submission, checkpoint: Checkpoint) -> None:
    """Let pass what extends the tree that was ``seen``, and nothing else.

    Raises:
        Refused: 400, 409 or 422, as tlog-witness has them.
    """
    known = Seen(0, EMPTY_ROOT) if seen is None else seen
    if asked.old > checkpoint.size:
        raise Refused(400, "the old size is beyond the checkpoint")
    if asked.old != known.size:
        raise Refused(409, "the old size is not the one last cosigned", known.size)
    if asked.old == checkpoint.size:
        if checkpoint.root != known.root:
            raise Refused(409, "another tree of that size was cosigned before: the log has two pasts")
        if asked.proof:
            raise Refused(422, "a tree is its own proof")
    elif asked.old == 0:
        if asked.proof:
            raise Refused(422, "nothing has to be proved from the empty tree")
    elif not verify_consistency(asked.old, checkpoint.size, known.root, checkpoint.root, asked.proof):
        raise Refused(422, "the proof does not show that the log only grew")


class Witness:
    """One witness: its key, its state, the logs it knows. Safe to use from many threads, and from many processes."""

    def __init__(self, key: SigningKey, state: Path, logs: Sequence[VerifierKey], clock: Clock) -> None:
        """``state`` has been made by ``open``."""
        self._key, self._state, self._logs, self._clock = key, state, list(logs), clock

    @classmethod
    def open(cls, key: Path, state: Path, logs: Sequence[VerifierKey], clock: Clock, *, name: str) -> "Witness":
        """The witness of these two files, both made where neither is there; ``name`` is for a new key.

        Raises:
            WitnessStateLost: there is a key and no state.
            KeyFileUnfit: the key cannot be used.
        """
        if not key.exists():
            _make(state)
        elif not state.exists():
            raise WitnessStateLost("retire its key: start a new witness, with another key file and another name")
        return cls(load_key(key) if key.exists() else create_key(key, name), state, logs, clock)

    @property
    def vkey(self) -> WitnessKey:
        """What others know it by."""
        return WitnessKey(self._key.origin, self._key.private.public_key().public_bytes_raw())

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign what a log submits; the signature line, with its line feed. Seen durably before this returns.

        Raises:
            Refused: it is not cosigned.
        """
        asked = parse_submission(body)
        checkpoint, text = signed_checkpoint(asked.note, self._logs)
        with self._writing() as connection:
            row = connection.execute("SELECT size, root FROM seen WHERE origin = ?", (checkpoint.origin,)).fetchone()
            judge(None if row is None else Seen(*row), asked, checkpoint)
            seconds = to_us(self._clock.now()) // 1_000_000
            line = cosign(text, self._key.origin, self._key.private, seconds=seconds) + "\n"
            connection.execute(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                (checkpoint.origin, checkpoint.size, checkpoint.root, asked.note + line),
            )
        return line

    def checkpoint_of(self, digest: str) -> str | None:
        """The latest note of the log whose origin has this SHA-256 (hex), with the cosignature; ``None`` if unseen."""
        with closing(self._connect()) as connection:
            for origin, note in connection.execute("SELECT origin, note FROM seen"):
                if hashlib.sha256(origin.encode()).hexdigest() == digest:
                    return str(note)
        return None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        # Opened as a file that is there: one taken away while the witness runs must not come back empty.
        place = f"{self._state.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(place, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection


def _make(state: Path) -> None:
    """A state, durable before a key is made; one that is there is kept."""
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(state, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute(_SCHEMA)
    sync_folder(state.parent)
