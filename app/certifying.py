"""The keeper's part of a destruction: it erases the index, and issues certificates.

It alone writes the index, and it alone holds the log's key. An erasure rewrites every part of the index that a record
was in, which takes up to half a minute: so it runs in a thread beside the keeper's loop, which indexes nothing
meanwhile and does everything else. What is to be done is in the rows of ``retention.destruction``, never only
in a job: killed at any point, the next keeper finds it again.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import schema
from app.runtime import KEEPER, Runtime
from audit import intake
from audit.checkpoint import Signer
from audit.entries import AuditLeaf
from core import trace
from core.canonical import canonical
from core.clock import to_us
from core.database import ReadSession
from core.errors import Conflict
from core.identifiers import new_id
from records.stub import RecordStub
from retention import batch as batches
from retention import destruction, disclosure, withdrawal
from retention.batch import Batch, Hand, Item
from retention.certificate import FORMAT, METHODS, MOST_RECORDS, Certificate
from retention.destruction import Destruction
from retention.disposition_events import CertificateIssued
from retention.withdrawal import Withdrawal
from search import indexer
from search.port import IndexDocument, SearchIndex

log = logging.getLogger("muniment.certifying")

assert schema.MAIN.tables
"""Every table and its trace is known in this process: what was left in one that is not would not be found."""
ERASED_AT_ONCE = 20_000
"""Records of one erasure: the more at once, the fewer parts of the index are rewritten twice."""
ROWS_LEFT = "rows_left"
_AT_ONCE = 500


class CertifiedMeanwhile(Conflict):
    """Some of these records have a certificate by now."""

    code = "certified_meanwhile"


@dataclass
class Eraser:
    """Erases destroyed records from the index, in a thread of its own."""

    runtime: Runtime
    _thread: threading.Thread | None = None
    _error: Exception | None = field(default=None)

    @property
    def is_at_work(self) -> bool:
        """Whether the index must be left alone now."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_work(self) -> bool:
        """Whether anything waits to be erased."""
        with self.runtime.main.read() as session:
            return bool(destruction.waits_for_index(session, 1))

    def begin(self, index: SearchIndex) -> bool:
        """Begin with what waits; ``False`` where nothing does. Ask ``outcome`` once it is at work no more."""
        ids = self._waiting()
        if not ids:
            return False
        self._thread = threading.Thread(target=self._run, args=(index, ids), name="erasing", daemon=True)
        self._thread.start()
        return True

    def outcome(self) -> Exception | None:
        """What went wrong the last time, told once."""
        error, self._error, self._thread = self._error, None, None
        return error

    def wait(self) -> None:
        """Until it is at work no more."""
        if self._thread is not None:
            self._thread.join()

    def erase_all(self, index: SearchIndex) -> None:
        """Erase all that waits, now, in this thread.

        Raises:
            MunimentError: the index could not do it; call it again.
        """
        while ids := self._waiting():
            self._erase(index, ids)

    def _waiting(self) -> list[UUID]:
        with self.runtime.main.read() as session:
            return destruction.waits_for_index(session, ERASED_AT_ONCE)

    def _run(self, index: SearchIndex, ids: list[UUID]) -> None:
        try:
            self._erase(index, ids)
        except Exception as error:
            self._error = error

    def _erase(self, index: SearchIndex, ids: list[UUID]) -> None:
        index.erase(ids, self._reload)
        for start in range(0, len(ids), _AT_ONCE):
            with self.runtime.main.write() as session:
                some = ids[start : start + _AT_ONCE]
                destruction.note_erased(session, some, at=self.runtime.clock.now())

    def _reload(self, ids: Sequence[UUID]) -> Iterator[IndexDocument]:
        return indexer.documents_of(self.runtime.content, ids, by=KEEPER)


def certify(runtime: Runtime, signer: Signer, *, passing: Callable[[str], None] = lambda step: None) -> int:
    """Issue a certificate for all that is confirmed and has none; tells for how many records.

    Only what stands in the log is certified, so call it once the intake was moved.
    """
    count, looked = 0, set[UUID]()
    while True:
        with runtime.main.read() as session:
            rows = _confirmed(session, looked)
        if not rows:
            return count
        looked |= {row.record for row in rows}
        with runtime.log_database.read() as session:
            positions = _positions(session, rows)
        rows = [row for row in rows if row.event in positions]
        rows = _without_rows_left(runtime, rows)
        if rows:
            passing("certify")
            _issue(runtime, signer, rows, positions)
            passing("certified")
            count += len(rows)


def _confirmed(session: ReadSession, looked: set[UUID]) -> list[Destruction]:
    """Destructions of one cause and kind of which every step is confirmed."""
    ready = (
        Destruction.certificate.is_(None),
        Destruction.index_erased_at.is_not(None),
        Destruction.objects_deleted_at.is_not(None),
        Destruction.keys_destroyed_at.is_not(None),
    )
    causes = select(Destruction.cause, Destruction.kind).where(*ready).distinct()
    for cause, kind in session.execute(causes.order_by(Destruction.cause, Destruction.kind)):
        of_cause = select(Destruction).where(*ready, Destruction.cause == cause, Destruction.kind == kind)
        of_cause = of_cause.order_by(Destruction.record)
        rows = [row for row in session.scalars(of_cause) if row.record not in looked]
        if rows:
            return rows[:MOST_RECORDS]
    return []


def _positions(session: ReadSession, rows: Sequence[Destruction]) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    for start in range(0, len(rows), _AT_ONCE):
        wanted = [row.event.bytes for row in rows[start : start + _AT_ONCE]]
        for event, seq in session.execute(
            select(AuditLeaf.event_id, AuditLeaf.seq).where(AuditLeaf.event_id.in_(wanted))
        ):
            found[UUID(bytes=event)] = seq
    return found


def _without_rows_left(runtime: Runtime, rows: list[Destruction]) -> list[Destruction]:
    """Those of which the database holds no row any more; of others the rows are removed, and it is said."""
    records = [row.record for row in rows]
    versions = [UUID(each["id"]) for row in rows for each in row.contents]
    with runtime.main.read() as session:
        if not trace.left(session, "record", *records) and not trace.left(session, "version", *versions):
            return rows
    clean = []
    for row in rows:
        of_row = [UUID(each["id"]) for each in row.contents]
        with runtime.main.write() as session:
            left = trace.remove(session, "record", row.record), trace.remove(session, "version", *of_row)
            if any(left):
                log.error("rows of a destroyed record came back", extra={"id": str(row.record)})
                noted = update(Destruction).where(Destruction.record == row.record)
                session.execute(noted.values(trouble=ROWS_LEFT))
            else:
                clean.append(row)
    return clean


def _issue(runtime: Runtime, signer: Signer, rows: list[Destruction], positions: dict[UUID, int]) -> None:
    now, certificate = runtime.clock.now(), new_id()
    records = [row.record for row in rows]
    with runtime.main.read() as session:
        outside = disclosure.unsettled(session, records)
        content: dict[str, Any] = {
            "format": FORMAT,
            "id": certificate.hex,
            "origin": runtime.log.origin,
            "issued_at": to_us(now),
            "entity": rows[0].entity.hex,
            "cause": _cause(session, rows[0]),
            "methods": list(METHODS),
            "records": [_told(row, positions[row.event], outside.get(row.record, [])) for row in rows],
            "log": {
                "first": min(positions[row.event] for row in rows),
                "last": max(positions[row.event] for row in rows),
            },
        }
    body, vkey, signature = signer.state(lambda vkey: canonical(content | {"signed_by": vkey}))
    locked = sum(len(row.locked) for row in rows)
    with runtime.main.write() as session:
        free = update(Destruction).where(Destruction.record.in_(records), Destruction.certificate.is_(None))
        taken = session.scalars(free.values(certificate=certificate, trouble=None).returning(Destruction.record)).all()
        if len(taken) != len(records):
            raise CertifiedMeanwhile("another keeper was quicker")
        session.add(
            Certificate(
                id=certificate,
                entity=rows[0].entity,
                kind=rows[0].kind,
                cause=rows[0].cause,
                records=len(records),
                locked=locked,
                outside=sum(len(each) for each in outside.values()),
                body=body,
                signature=signature,
                vkey=vkey,
                issued_at=now,
            )
        )
        session.execute(update(RecordStub).where(RecordStub.record.in_(records)).values(certificate=certificate))
        _settle_cause(session, rows[0], records)
        event = CertificateIssued(
            by=KEEPER.actor,
            entity=rows[0].entity,
            certificate=certificate,
            digest=hashlib.sha256(body).digest(),
            records=len(records),
            locked=locked,
        )
        intake.append(session, event, at=now)


def _settle_cause(session: Any, row: Destruction, records: list[UUID]) -> None:
    if row.kind == destruction.WITHDRAWAL:
        session.execute(update(Withdrawal).where(Withdrawal.id == row.cause).values(state=withdrawal.DONE, code=None))
        return
    mine = (Item.batch == row.cause, Item.record.in_(records))
    session.execute(update(Item).where(*mine).values(state=batches.DESTROYED, code=None))


def _cause(session: ReadSession, row: Destruction) -> dict[str, Any]:
    """What the destruction rests on: who prepared it, who approved it, and of what."""
    if row.kind == destruction.WITHDRAWAL:
        asked = session.get_one(Withdrawal, row.cause)
        return {
            "kind": row.kind,
            "id": row.cause.hex,
            "prepared_by": [asked.asked_by.hex],
            "approved": [
                {
                    "by": asked.decided_by.hex if asked.decided_by else None,
                    "at": to_us(asked.decided_at) if asked.decided_at else None,
                }
            ],
        }
    batch = session.get_one(Batch, row.cause)
    hands = session.scalars(select(Hand.person).where(Hand.batch == batch.id).order_by(Hand.person))
    return {
        "kind": row.kind,
        "id": batch.id.hex,
        "digest": batch.digest.hex() if batch.digest else None,
        "prepared_by": [person.hex for person in hands],
        "approved": [
            {"by": each.person.hex, "at": to_us(each.approved_at)} for each in batches.approvals(session, batch.id)
        ],
        "grace_days": batch.grace_days,
        "single_operator": batch.single_operator,
    }


def _told(row: Destruction, position: int, outside: list[tuple[str, UUID]]) -> dict[str, Any]:
    return {
        "id": row.record.hex,
        **row.facts,
        "versions": row.contents,
        "begun_at": to_us(row.begun_at),
        "index_at": _us(row.index_erased_at),
        "objects_at": _us(row.objects_deleted_at),
        "keys_at": _us(row.keys_destroyed_at),
        "objects": len(row.objects),
        "locked": row.locked,
        "outside": [{"kind": kind, "id": each.hex} for kind, each in outside],
        "entry": position,
    }


def _us(instant: Any) -> int | None:
    return None if instant is None else to_us(instant)
