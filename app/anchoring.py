"""Ties the log to the outside: witnesses, time stamps, journal seals; in the keeper, beside its other work.

The keeper calls ``look`` at each of its rounds. What is due is done in a thread of its own, so that nobody
outside can hold up signing; what fails is tried again, at growing distances. Nothing here holds a
transaction while it waits for somebody.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from app.runtime import Runtime
from app.seals import prolong, seal_day
from app.settings import BadSetting, Settings
from audit import cosignatures, timestamp
from audit.checkpoint import AuditCheckpoint
from audit.policy import Policy, PolicyWitness, parse_policy
from audit.ranges import consistency_proof
from audit.timestamp import authorities, last_stamp, stamp
from audit.witnesses import submit
from core.errors import IntegrityFailure, MunimentError
from vault.lock import LockingStore

log = logging.getLogger("muniment.anchors")

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 3600.0
STAMP_EVERY = timedelta(hours=25)
"""The seal of each day brings a stamp with it; this is for the first one, and where no day was sealed."""
_STAMP_AGAIN_SECONDS = 300.0
_SEAL_SECONDS = 60.0
_LOCK_SECONDS = 86_400.0


def policy_of(settings: Settings) -> Policy | None:
    """The witness policy in force; ``None`` where none is set.

    Raises:
        BadSetting, BadPolicy: its file cannot be read, or is no policy.
    """
    path: Path | None = settings.witness_policy
    if path is None:
        return None
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise BadSetting("witness_policy names a file that cannot be read") from error


@dataclass
class _Due:
    """When something is tried next."""

    every: float
    at: float = 0.0
    failures: int = 0
    running: bool = False
    noted: bool = False
    size: int = -1
    """For witnesses: what was cosigned last."""

    def done(self, *, failed: bool) -> None:
        self.failures = self.failures + 1 if failed else 0
        wait = self.every * 2 ** min(self.failures, 12) if failed else self.every
        self.at = time.monotonic() + min(wait, max(LONGEST_SECONDS, self.every))
        self.running = False


@dataclass
class Anchoring:
    """What one keeper does about anchors."""

    runtime: Runtime
    policy: Policy | None = field(init=False)
    _due: dict[str, _Due] = field(default_factory=dict)
    _next_look: float = 0.0

    def __post_init__(self) -> None:
        self.policy = policy_of(self.runtime.settings)

    def look(self) -> None:
        """Begin what is due, and return at once."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for name, every, act in self._places():
            due = self._due.setdefault(name, _Due(every))
            if due.at <= now and not due.running:
                due.running = True
                # Daemon: a server outside that does not answer must not keep the keeper from ending.
                threading.Thread(target=self._try, args=(name, act, due), name="anchor", daemon=True).start()

    def once(self, *, seal: bool = True) -> dict[str, str | None]:
        """Do everything now, one after the other; the code of what went wrong, by place.

        ``seal`` only where no keeper does it at the same time.
        """
        found: dict[str, str | None] = {}
        for name, every, act in self._places():
            if name == "seal" and not seal:
                continue
            due = self._due.setdefault(name, _Due(every))
            found[name] = self._try(name, act, due)
        return found

    def _places(self) -> list[tuple[str, float, Callable[[_Due], bool]]]:
        settings = self.runtime.settings
        places: list[tuple[str, float, Callable[[_Due], bool]]] = []
        for witness in () if self.policy is None else self.policy.witnesses:
            if witness.url:

                def ask(due: _Due, witness: PolicyWitness = witness) -> bool:
                    return self._witness(witness, due)

                places.append((f"witness:{witness.key.name}", float(settings.witness_seconds), ask))
        if settings.timestamp_url:
            places.append((timestamp.PLACE, _STAMP_AGAIN_SECONDS, lambda due: self._stamp()))
        places.append(("seal", _SEAL_SECONDS, lambda due: self._seal()))
        if isinstance(self.runtime.store, LockingStore):
            places.append(("seal_locks", _LOCK_SECONDS, lambda due: prolong(self.runtime) > 0))
        return places

    def _try(self, name: str, act: Callable[[_Due], bool], due: _Due) -> str | None:
        trouble, acted = None, False
        try:
            acted = act(due)
        except MunimentError as error:
            trouble = error.code
            say = log.critical if isinstance(error, IntegrityFailure) else log.warning
            say("not anchored", extra={"place": name, "code": trouble})
        except Exception as error:
            # A thread has nobody who would hear of it; the keeper may have closed the database.
            trouble = "anchor_failed"
            log.error("not anchored", extra={"place": name, "code": type(error).__name__})
        # What was wrong before this process began may stand there still.
        if trouble is not None or acted or due.failures or not due.noted:
            due.noted = True
            self._note(name, trouble)
        due.done(failed=trouble is not None)
        return trouble

    def _note(self, name: str, trouble: str | None) -> None:
        try:
            with self.runtime.log_database.write(beside=True) as session:
                cosignatures.note_try(session, name, at=self.runtime.clock.now(), trouble=trouble)
        except Exception as error:
            log.warning("how it went was not noted", extra={"place": name, "code": type(error).__name__})

    def _witness(self, witness: PolicyWitness, due: _Due) -> bool:
        runtime = self.runtime
        with runtime.log_database.read() as session:
            row = session.execute(_NEWEST).one_or_none()
            old = cosignatures.last_size(session, witness.key)
        if row is None or row.size == due.size:
            return False

        def proof(begin: int) -> list[bytes]:
            with runtime.log_database.read() as session:
                return consistency_proof(session, begin, row.size)

        found = submit(witness, row.note, row.size, old=old, proof=proof)
        with runtime.log_database.write(beside=True) as session:
            cosignatures.keep(session, row.size, found)
        due.size = row.size
        return True

    def _stamp(self) -> bool:
        now = self.runtime.clock.now()
        with self.runtime.log_database.read() as session:
            row, last = session.execute(_NEWEST).one_or_none(), last_stamp(session)
        if row is None or (last is not None and now - last.at <= STAMP_EVERY):
            return False
        stamp_checkpoint(self.runtime, row.size, row.note)
        return True

    def _seal(self) -> bool:
        settings = self.runtime.settings
        stamper = stamp_checkpoint if settings.timestamp_url else None
        return seal_day(self.runtime, stamp=stamper) is not None


def stamp_checkpoint(runtime: Runtime, size: int, note: str) -> bytes:
    """Have a checkpoint stamped, and keep the verified answer, which is returned.

    Raises:
        OutsideAway, NotStamped: there is none now.
    """
    settings = runtime.settings
    if settings.timestamp_ca is None:
        raise BadSetting("timestamp_url needs timestamp_ca")
    at, token = stamp(settings.timestamp_url, note, authorities(settings.timestamp_ca))
    keep_stamp(runtime, size, at, token)
    return token


def keep_stamp(runtime: Runtime, size: int, at: datetime, token: bytes) -> None:
    """Keep a time stamp that was verified."""
    with runtime.log_database.write(beside=True) as session:
        timestamp.keep(session, size, at, token)


_NEWEST = select(AuditCheckpoint.size, AuditCheckpoint.note).order_by(AuditCheckpoint.size.desc()).limit(1)
