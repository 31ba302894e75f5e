"""Audit events of packages and of permanent keeping: made, acknowledged, confirmed, ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]


@dataclass(frozen=True, kw_only=True)
class _OfPackage(Event):
    package: UUID
    batch: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("package", self.package), ObjectRef("disposition", self.batch))


@dataclass(frozen=True, kw_only=True)
class PackageBegun(_OfPackage):
    """A package is begun."""

    action = "package.begun"
    description = "A package for an archive or for keeping outside is begun; it has a key and nothing in it yet."
    detail_keys: ClassVar[Details] = {"kind": Detail("code", "transfer or permanent.")}
    kind: str

    def details(self) -> Mapping[str, Any]:
        return {"kind": self.kind}


@dataclass(frozen=True, kw_only=True)
class PackageFailed(_OfPackage):
    """A package could not be made."""

    action = "package.failed"
    description = "A package could not be made; it is tried again with the next run, and told once for each reason."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "transfer or permanent."),
        "reason": Detail("code", "Why: a disk that is full, and so on."),
    }
    outcome: Any = "failed"
    kind: str
    reason: str

    def details(self) -> Mapping[str, Any]:
        return {"kind": self.kind, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class PackageMade(_OfPackage):
    """A package of records was made."""

    action = "package.made"
    description = "The named records were packed for an archive or for keeping outside. None is destroyed by that."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "transfer or permanent."),
        "digest": Detail("digest", "SHA-256 of the package as it is taken away."),
        "bytes": Detail("count", "Size of the package."),
        "records": Detail("count", "How many records are in it."),
    }
    kind: str
    digest: bytes
    size_bytes: int
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return (*super().objects(), *(ObjectRef("record", each) for each in self.records))

    def details(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "digest": self.digest.hex(),
            "bytes": self.size_bytes,
            "records": len(self.records),
        }


@dataclass(frozen=True, kw_only=True)
class TransferAcknowledged(_OfPackage):
    """A person stated that an archive acknowledged a package."""

    action = "package.acknowledged"
    description = "A person stated which archive acknowledged a package, when and under which reference."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 that the archive acknowledged: that of the package."),
        "acknowledged_on": Detail("date", "The day of the acknowledgement."),
    }
    digest: bytes
    acknowledged_on: date
    archive: str
    reference: str

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "acknowledged_on": self.acknowledged_on.isoformat()}

    def commitments(self) -> Mapping[str, str]:
        return {"archive": self.archive, "reference": self.reference}


@dataclass(frozen=True, kw_only=True)
class TransferConfirmed(_OfPackage):
    """A second person confirmed what an archive acknowledged."""

    action = "package.confirmed"
    description = "A person who had no part in the batch confirmed an archive's acknowledgement: its records may go."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of the package."),
        "alone": Detail("bool", "True where single operator mode let one person be both."),
    }
    digest: bytes
    alone: bool = False

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "alone": self.alone or None}


@dataclass(frozen=True, kw_only=True)
class TransferRefused(_OfPackage):
    """A second person did not confirm what was stated."""

    action = "package.confirmation_refused"
    description = "A second person sent back what was stated about an archive's acknowledgement; the records stay."
    detail_keys: ClassVar[Details] = {}


@dataclass(frozen=True, kw_only=True)
class PackageEnded(_OfPackage):
    """A package is over."""

    action = "package.ended"
    description = "A package is not needed any more: its key is destroyed and its object goes."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "transfer or permanent."),
        "why": Detail("code", "carried_out, called_off, brought_away or record_gone."),
    }
    kind: str
    why: str

    def details(self) -> Mapping[str, Any]:
        return {"kind": self.kind, "why": self.why}


@dataclass(frozen=True, kw_only=True)
class RecordsKept(_OfPackage):
    """Records are kept permanently."""

    action = "record.kept_permanently"
    description = (
        "Two persons decided to keep records permanently: they have no end and are never proposed again, until two "
        "persons end that."
    )
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of the package with them."),
        "approved": Detail("digest", "SHA-256 of what was approved."),
        "count": Detail("count", "How many records."),
    }
    records: tuple[UUID, ...]
    digest: bytes
    approved: bytes
    authorities: tuple[str, ...]
    """The legal bases that were named."""

    def objects(self) -> tuple[ObjectRef, ...]:
        return (*super().objects(), *(ObjectRef("record", each) for each in self.records))

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "approved": self.approved.hex(), "count": len(self.records)}

    def commitments(self) -> Mapping[str, str]:
        return {"authority": "; ".join(self.authorities)}


@dataclass(frozen=True, kw_only=True)
class _OfKeeping(Event):
    keeping: UUID
    record: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("keeping", self.keeping))


@dataclass(frozen=True, kw_only=True)
class KeepingEndAsked(_OfKeeping):
    """A person asked to end the permanent keeping of a record."""

    action = "record.keeping_end_asked"
    description = "A person asked that a record is not kept permanently any more. It stays until another confirms that."
    detail_keys: ClassVar[Details] = {}
    reason: str

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class KeepingEndDecided(_OfKeeping):
    """A second person decided about the end of a permanent keeping."""

    action = "record.keeping_end_decided"
    description = (
        "A second person confirmed that a record is not kept permanently any more, so that its rules give its date "
        "again; or refused."
    )
    detail_keys: ClassVar[Details] = {"confirmed": Detail("bool", "Whether it is over.")}
    confirmed: bool

    def details(self) -> Mapping[str, Any]:
        return {"confirmed": self.confirmed}
