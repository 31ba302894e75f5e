"""The anchors that are kept here, checked when the log is: seals and their objects, time stamps and their authority."""

from collections.abc import Iterator

from sqlalchemy import select

from app import seals
from app.build import key_service_of, store_of
from app.settings import Settings
from audit import journal
from audit.checkpoint import AuditCheckpoint
from audit.timestamp import AuditTimestamp, NotStamped, authorities, verify_stamp
from audit.verify import Fault
from core.database import Database
from vault.keyring import Keyring


def first_fault(settings: Settings, main: Database, log: Database, *, origin: str) -> Fault | None:
    """The first anchor that does not hold; ``None`` if all do.

    The checkpoints themselves were checked before. Time stamps are checked where their authority is known.
    """
    return next(_faults(settings, main, log, origin), None)


def _faults(settings: Settings, main: Database, log: Database, origin: str) -> Iterator[Fault]:
    with log.read() as session:
        wrong = journal.first_fault(session, origin=origin)
        is_sealed = journal.last_seal(session) is not None
    if wrong is not None:
        yield Fault(wrong[0], "seal", wrong[1])
    if is_sealed:
        keys = Keyring(key_service_of(settings))
        for position, sentence in seals.differing(log, main, store_of(settings), keys):
            yield Fault(position, "seal", sentence)
    yield from _stamps(settings, log)


def _stamps(settings: Settings, log: Database) -> Iterator[Fault]:
    if settings.timestamp_ca is None:
        return
    trusted = authorities(settings.timestamp_ca)
    with log.read() as session:
        rows = session.execute(
            select(AuditTimestamp.size, AuditTimestamp.token, AuditTimestamp.at, AuditCheckpoint.note)
            .outerjoin(AuditCheckpoint, AuditCheckpoint.size == AuditTimestamp.size)
            .order_by(AuditTimestamp.size)
        ).all()
    for size, token, at, note in rows:
        try:
            holds = note is not None and verify_stamp(token, note, trusted) == at
        except NotStamped:
            holds = False
        if not holds:
            where = max(size - 1, 0)
            yield Fault(where, "timestamp", f"the time stamp of the checkpoint over {size} entries does not hold")
