"""Events of packages as far as content leaves: records were read to pack them, and a package was taken away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]


@dataclass(frozen=True, kw_only=True)
class RecordsPacked(Event):
    """Records were read to pack them."""

    action = "record.packed"
    use = "read"
    description = "All files, parts, read text and metadata of the named records were read to make a package of them."
    detail_keys: ClassVar[Details] = {
        "records": Detail("count", "How many records."),
        "bytes": Detail("count", "How many bytes of files were to be read."),
    }
    package: UUID
    records: tuple[ObjectRef, ...]
    """With version and digest of each sealed file."""
    size_bytes: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("package", self.package), *self.records)

    def details(self) -> Mapping[str, Any]:
        return {"records": len({each.id for each in self.records}), "bytes": self.size_bytes}


@dataclass(frozen=True, kw_only=True)
class PackageTaken(Event):
    """A package was taken away."""

    action = "record.package_taken"
    use = "read"
    description = "A package with the named records was sent to a person, to hand it to an archive or keep it outside."
    detail_keys: ClassVar[Details] = {
        "digest": Detail("digest", "SHA-256 of the package."),
        "bytes": Detail("count", "Size of the package."),
        "records": Detail("count", "How many records are in it."),
    }
    package: UUID
    digest: bytes
    size_bytes: int
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("package", self.package), *(ObjectRef("record", each) for each in self.records))

    def details(self) -> Mapping[str, Any]:
        return {"digest": self.digest.hex(), "bytes": self.size_bytes, "records": len(self.records)}
