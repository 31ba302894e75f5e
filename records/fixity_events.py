"""Events of the fixity check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef

FIXITY = Actor("system", name="fixity")


@dataclass(frozen=True, kw_only=True)
class ObjectDiffers(Event):
    """A stored object is not what was stored."""

    action = "object.fixity_failed"
    description = (
        "A stored object is missing, or its bytes are not those that were stored; the digest is the one noted."
    )
    detail_keys: ClassVar[Mapping[str, Detail]] = {"difference": Detail("code", "What is wrong.")}
    by: Actor = FIXITY
    outcome: Any = "failed"
    kind: str
    """What the object is of: a record, or a package."""
    subject: UUID
    stored: UUID
    digest: bytes
    difference: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef(self.kind, self.subject), ObjectRef("stored_object", self.stored, digest=self.digest))

    def details(self) -> Mapping[str, Any]:
        return {"difference": self.difference}
