"""The last look at a record, in the transaction that carries out what was decided about it.

The lock of the entity's holds is the caller's to take, before anything here is asked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.finishing import RETENTION
from audit import intake
from core.canonical import canonical
from core.database import ReadSession, WriteSession
from records.record import UNSAFE, WITHDRAWN, Record, RecordVersion
from records.regime import RESTRICTED
from retention import batch as batches
from retention import dating
from retention.batch import Batch, Hand, Item
from retention.destruction import Doomed
from retention.disposition import ACTIONS
from retention.disposition_events import DestructionSkipped
from retention.last_look import BEING_READ, being_read, blocked_by
from retention.verdict import Facts, Verdict

UNSAFE_FILE, BEYOND_MAXIMUM = "unsafe_file", "beyond_maximum"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of all records of one transaction."""

    shown: dict[UUID, bytes]
    """Digest of what the approvers were shown of each."""
    blocked: dict[UUID, str]
    busy: set[UUID]
    today: date
    at: datetime
    going: set[UUID] = field(default_factory=set)
    """Records that go in this very transaction, or with the same package."""


def seen_now(session: ReadSession, ids: Sequence[UUID], shown: dict[UUID, bytes], today: date, at: datetime) -> Seen:
    """What is seen of these records by the rows of this transaction."""
    return Seen(shown, blocked_by(session, ids), being_read(session, ids), today, at)


def unsafe_among(session: ReadSession, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the records with a version that the malware scanner did not pass."""
    bad = RecordVersion.trouble_code.in_(sorted(UNSAFE))
    return frozenset(session.scalars(select(RecordVersion.record).where(RecordVersion.record.in_(list(ids)), bad)))


def look(session: ReadSession, item: Item, row: Record | None, seen: Seen) -> tuple[str, Doomed | None]:
    """Whether what was decided about an item is carried out now; else why not, as a code."""
    if row is None:
        return "gone", None
    if seen.shown.get(item.record) != digest_of(item):
        return "not_as_approved", None
    if item.record in seen.blocked:
        return seen.blocked[item.record], None
    if row.state == WITHDRAWN:
        return "withdrawal_asked", None
    if row.regime == RESTRICTED:
        # Stored, and not processed otherwise (GDPR Art. 18): to destroy is to process.
        return RESTRICTED, None
    is_kept = item.decision == "permanent"
    if (
        not is_kept
        and row.parent is not None
        and row.parent not in seen.going
        and session.get(Record, row.parent) is not None
    ):
        # Its bytes lie in the mail or archive, too.
        return "kept_in_parent", None
    if row.revision != item.revision:
        return "changed", None
    if row.id in seen.busy:
        return BEING_READ, None
    verdict, facts, basis = dating.fresh(session, row.id, seen.at)
    why = stays(verdict, basis, item, seen.today, seen.at)
    if why is not None:
        return why, None
    if is_kept and any(each.outcome == "ceiling" for each in verdict.considered):
        return BEYOND_MAXIMUM, None
    return "", Doomed(row, _facts(item, verdict, facts), item.rule)


def stays(verdict: Verdict, basis: bytes, item: Item, today: date, at: datetime) -> str | None:
    """Why what was computed just now lets a record stay; ``None`` where it is as it was approved, and due."""
    if verdict.state != "dated" or verdict.action not in ACTIONS or verdict.winner is None:
        return "not_eligible"
    if verdict.eligible_at is not None:
        if verdict.eligible_at > at:
            return "not_eligible"
    elif verdict.eligible_from is None or verdict.eligible_from > today:
        return "not_eligible"
    return None if basis == item.basis else "changed"


def _facts(item: Item, verdict: Verdict, facts: Facts) -> dict[str, Any]:
    """What the certificate says of why the record went."""
    rule = verdict.winner
    assert rule is not None
    event = facts.triggers.get(rule.trigger)
    return {
        "number": item.number,
        "class": item.record_class,
        "rule": {
            "id": item.rule.hex,
            "code": rule.code,
            "version": rule.version,
            "legal_basis": rule.legal_basis,
            "period": rule.period.text,
            "trigger": rule.trigger,
            "event": event.isoformat() if event is not None else None,
        },
        "basis": item.basis.hex(),
        "retain_through": item.retain_through.isoformat() if item.retain_through else None,
        "eligible_from": item.eligible_from.isoformat() if item.eligible_from else None,
        "decided_by": item.decided_by.hex if item.decided_by else None,
        **({"authority": item.authority} if item.authority else {}),
    }


def pass_over(session: WriteSession, row: Batch, item: Item, why: str, at: datetime) -> None:
    """Leave a record of a batch as it is, and say why."""
    item.state, item.code = batches.SKIPPED, why
    event = DestructionSkipped(by=RETENTION.actor, entity=row.entity, batch=row.id, record=item.record, reason=why)
    intake.append(session, event, at=at)


def digest_of(item: Item) -> bytes:
    """What an approver was shown of an item, as a digest."""
    return hashlib.sha256(canonical(batches.shown(item))).digest()


def is_approved(session: ReadSession, row: Batch) -> bool:
    """Whether enough persons who had no part in it approved exactly this digest."""
    given = {each.person for each in batches.approvals(session, row.id) if each.digest == row.digest}
    if row.single_operator:
        return len(given) >= 1
    hands = set(session.scalars(select(Hand.person).where(Hand.batch == row.id)))
    return row.digest is not None and len(given - hands) >= max(row.quorum, 1)
