"""Audit events of disposition: proposed, decided, submitted, approved, voided, and what became of each record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef
from core.clock import to_us

Details = Mapping[str, Detail]


@dataclass(frozen=True, kw_only=True)
class _OfBatch(Event):
    batch: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("disposition", self.batch),)


@dataclass(frozen=True, kw_only=True)
class _WithRecords(_OfBatch):
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("disposition", self.batch), *(ObjectRef("record", each) for each in self.records))


@dataclass(frozen=True, kw_only=True)
class DispositionProposed(_WithRecords):
    """Records were proposed for disposition."""

    action = "disposition.proposed"
    description = "Records whose period has ended were put together for review. Nothing is destroyed by that."
    detail_keys: ClassVar[Details] = {"count": Detail("count", "How many records.")}

    def details(self) -> Mapping[str, Any]:
        return {"count": len(self.records)}


@dataclass(frozen=True, kw_only=True)
class DispositionDecided(_WithRecords):
    """A person decided what is to become of records."""

    action = "disposition.decided"
    description = "A person decided about records of a batch, or took a decision back. It takes effect once approved."
    detail_keys: ClassVar[Details] = {
        "decision": Detail("code", "destroy, extend, transfer or permanent; absent where it was taken back."),
        "until": Detail("date", "Last day of an extension."),
    }
    decision: str | None
    until: date | None = None
    reason: str | None = None
    authority: str | None = None

    def details(self) -> Mapping[str, Any]:
        return {"decision": self.decision, "until": self.until.isoformat() if self.until else None}

    def commitments(self) -> Mapping[str, str]:
        said = {"reason": self.reason, "authority": self.authority}
        return {field: value for field, value in said.items() if value}


@dataclass(frozen=True, kw_only=True)
class ReclassificationDecided(DispositionDecided):
    """A person decided that records are to come into another class."""

    action = "disposition.reclassification_decided"
    description = (
        "A person decided that records of a batch are to come into another class. It takes effect once approved."
    )
    detail_keys: ClassVar[Details] = {"to_class": Detail("code", "The class that the records are to come into.")}
    to_class: str

    def details(self) -> Mapping[str, Any]:
        return {"to_class": self.to_class}


@dataclass(frozen=True, kw_only=True)
class DispositionSubmitted(_OfBatch):
    """A batch was submitted for approval."""

    action = "disposition.submitted"
    description = "The decisions of a batch were submitted; the digest is over all that an approver is shown."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of records, decisions, rule versions and dates."),
        "destroy": Detail("count", "How many records are to be destroyed."),
        "others": Detail("count", "About how many something else was decided."),
    }
    digest: bytes
    destroy: int
    others: int

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "destroy": self.destroy, "others": self.others}


@dataclass(frozen=True, kw_only=True)
class DispositionApproved(_OfBatch):
    """A person who had no part in it approved a batch."""

    action = "disposition.approved"
    description = "A person who neither proposed, decided nor submitted any of it approved a batch."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of what was approved."),
        "missing": Detail("count", "How many more approvals are needed; 0 where the days of grace begin."),
        "alone": Detail("bool", "True where single operator mode let one person be both."),
    }
    digest: bytes
    missing: int
    alone: bool = False

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "missing": self.missing, "alone": self.alone or None}


@dataclass(frozen=True, kw_only=True)
class DispositionVoided(_WithRecords):
    """Submission and approvals of a batch hold no more."""

    action = "disposition.voided"
    description = "Something that an approval rests on has changed: the batch must be submitted and approved anew."
    detail_keys: ClassVar[Details] = {
        "cause": Detail("code", "What changed: a date, a hold, a decision."),
        "approvals": Detail("count", "How many approvals were lost with it."),
    }
    cause: str
    approvals: int

    def details(self) -> Mapping[str, Any]:
        return {"cause": self.cause, "approvals": self.approvals}


@dataclass(frozen=True, kw_only=True)
class DispositionReturned(_OfBatch):
    """An approver returned a batch."""

    action = "disposition.returned"
    description = "A person asked to approve a batch refused, and returned it for review."
    detail_keys: ClassVar[Details] = {}
    reason: str | None = None

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason} if self.reason else {}


@dataclass(frozen=True, kw_only=True)
class DispositionUndone(_OfBatch):
    """An approved batch was undone."""

    action = "disposition.undone"
    description = "An approved batch was undone before anything of it was carried out."
    detail_keys: ClassVar[Details] = {}


@dataclass(frozen=True, kw_only=True)
class DispositionBegun(_OfBatch):
    """A batch begins to be carried out."""

    action = "disposition.begun"
    description = "The days of grace of an approved batch are over: from now on it is carried out, and not undone."
    detail_keys: ClassVar[Details] = {"digest": Detail("digest", "What was approved.")}
    digest: bytes

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex()}


@dataclass(frozen=True, kw_only=True)
class DispositionEnded(_OfBatch):
    """A batch has been carried out."""

    action = "disposition.ended"
    description = "Every record of a batch is destroyed, kept or passed over."
    detail_keys: ClassVar[Details] = {
        "destroyed": Detail("count", "Records destroyed."),
        "skipped": Detail("count", "Records passed over; an event for each says why."),
        "kept": Detail("count", "Records kept, by decision or for want of one."),
    }
    destroyed: int
    skipped: int
    kept: int

    def details(self) -> Mapping[str, Any]:
        return {"destroyed": self.destroyed, "skipped": self.skipped, "kept": self.kept}


@dataclass(frozen=True, kw_only=True)
class DestructionSkipped(_OfBatch):
    """A record was not destroyed."""

    action = "record.destruction_skipped"
    description = "The last look before destruction found that a record must stay."
    detail_keys: ClassVar[Details] = {"reason": Detail("code", "Why: a hold, a date that moved, and so on.")}
    record: UUID
    reason: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("disposition", self.batch))

    def details(self) -> Mapping[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class RecordDestroyed(Event):
    """A record was destroyed."""

    action = "record.destroyed"
    description = (
        "The point of no return: rows and keys of a record went in the transaction of this entry. Stored objects and "
        "index follow; the certificate says when the last was confirmed."
    )
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "disposition, transfer or withdrawal."),
        "cause": Detail("id", "The batch or the withdrawal it rests on."),
        "rule": Detail("id", "Version of the retention rule; absent for a withdrawal."),
        "objects": Detail("count", "How many stored objects are to be deleted."),
    }
    record: UUID
    versions: tuple[tuple[int, bytes], ...]
    """Ordinal and digest of each sealed version."""
    kind: str
    cause: UUID
    rule: UUID | None
    stored: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", self.record, ordinal, digest) for ordinal, digest in self.versions)

    def details(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "cause": self.cause.hex,
            "rule": self.rule.hex if self.rule else None,
            "objects": self.stored,
        }


@dataclass(frozen=True, kw_only=True)
class CertificateIssued(Event):
    """A certificate of destruction was issued."""

    action = "certificate.issued"
    description = "All that is left of some destroyed records was confirmed to be gone; the certificate names them."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of the certificate's bytes."),
        "records": Detail("count", "How many records it names."),
        "locked": Detail("count", "Sealed objects that the store keeps until a lock ends; their keys are gone."),
    }
    certificate: UUID
    digest: bytes
    records: int
    locked: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("certificate", self.certificate),)

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "records": self.records, "locked": self.locked}


@dataclass(frozen=True, kw_only=True)
class _OfWithdrawal(Event):
    withdrawal: UUID
    record: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("withdrawal", self.withdrawal))


@dataclass(frozen=True, kw_only=True)
class WithdrawalAsked(_OfWithdrawal):
    """A wrong upload was closed, and its withdrawal asked for."""

    action = "capture.withdrawal_asked"
    description = "A person said that a record should never have been taken in; nobody reads it from then on."
    detail_keys: ClassVar[Details] = {}
    reason: str

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class WithdrawalDecided(_OfWithdrawal):
    """A second person decided about a withdrawal."""

    action = "capture.withdrawal_decided"
    description = "A second person confirmed that a record is withdrawn, or refused, which opens it again."
    detail_keys: ClassVar[Details] = {}


@dataclass(frozen=True, kw_only=True)
class StubsPurged(Event):
    """What was left of destroyed records has gone too."""

    action = "record.stubs_purged"
    description = "The end of the stubs of destroyed records had come; their certificates and this log stay."
    detail_keys: ClassVar[Details] = {"count": Detail("count", "How many.")}
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", each) for each in self.records)

    def details(self) -> Mapping[str, Any]:
        return {"count": len(self.records)}


@dataclass(frozen=True, kw_only=True)
class DisclosureNoted(Event):
    """A copy outside was written down, or what became of it."""

    action = "disclosure.noted"
    description = "A copy of a record outside the archive was written down, or said to be destroyed or returned."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "share, export, processor, authority or paper."),
        "state": Detail("code", "out, asked_back or settled."),
        "disclosed_at": Detail("instant", "When the copy went out, as the person said."),
    }
    record: UUID
    disclosure: UUID
    kind: str
    state: str
    disclosed_at: datetime | None = None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("disclosure", self.disclosure))

    def details(self) -> Mapping[str, Any]:
        at = to_us(self.disclosed_at) if self.disclosed_at else None
        return {"kind": self.kind, "state": self.state, "disclosed_at": at}


@dataclass(frozen=True, kw_only=True)
class WordsShown(Event):
    """What people wrote about dispositions, withdrawals or copies outside was shown."""

    action = "retention.words_shown"
    use = "read"
    description = (
        "What people wrote about the named batches, withdrawals of captures or copies outside was shown: reasons, and "
        "who has a copy."
    )
    kind: Literal["disposition", "withdrawal", "disclosure"]
    subjects: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef(self.kind, each) for each in self.subjects)
