"""Audit events of records and case files: ids, codes, counts and digests of sealed bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]


def _hex(value: UUID | None) -> str | None:
    return value.hex if value is not None else None


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


@dataclass(frozen=True, kw_only=True)
class RecordCaptured(Event):
    """A record was captured."""

    action = "record.captured"
    description = "A file was taken in and became a record; its first version is named with its digest."
    detail_keys: ClassVar[Details] = {
        "size": Detail("count", "Size of the file in bytes."),
        "channel": Detail("code", "How it came in: page, api, cli, mail, archive."),
        "parent": Detail("id", "The record it was found in; absent for a file of its own."),
    }
    record: UUID
    digest: bytes
    size_bytes: int
    channel: str
    parent: UUID | None = None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record, 1, self.digest),)

    def details(self) -> Mapping[str, Any]:
        return {"size": self.size_bytes, "channel": self.channel, "parent": _hex(self.parent)}


@dataclass(frozen=True, kw_only=True)
class VersionAdded(Event):
    """A corrected file was added."""

    action = "record.version_added"
    description = "A corrected file became the newest version of a record; the earlier versions stay."
    detail_keys: ClassVar[Details] = {"size": Detail("count", "Size of the file in bytes.")}
    record: UUID
    version: int
    digest: bytes
    size_bytes: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record, self.version, self.digest),)

    def details(self) -> Mapping[str, Any]:
        return {"size": self.size_bytes}


@dataclass(frozen=True, kw_only=True)
class ComponentAdded(Event):
    """A component was found in a record."""

    action = "record.component_added"
    description = "A part that shares the record's identity was taken out of its file."
    detail_keys: ClassVar[Details] = {"role": Detail("code", "What the part is, such as embedded_invoice.")}
    record: UUID
    component: UUID
    digest: bytes
    role: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("component", self.component, None, self.digest))

    def details(self) -> Mapping[str, Any]:
        return {"role": self.role}


@dataclass(frozen=True, kw_only=True)
class RecordRead(Event):
    """The machine read a record."""

    action = "record.read"
    description = "The machine read a version: what class it proposes and what state that leads to."
    detail_keys: ClassVar[Details] = {
        "class": Detail("code", "Record class now."),
        "state": Detail("code", "State of the record now."),
        "trouble": Detail("code", "Why it could not be read; absent if it could."),
        "probability": Detail("count", "Probability of the machine's class in ten-thousandths."),
    }
    record: UUID
    version: int
    record_class: str | None
    state: str
    trouble: str | None
    probability: int | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record, self.version),)

    def details(self) -> Mapping[str, Any]:
        return {
            "class": self.record_class,
            "state": self.state,
            "trouble": self.trouble,
            "probability": self.probability,
        }


@dataclass(frozen=True, kw_only=True)
class ReadingAsked(Event):
    """Somebody asked for a record to be read anew."""

    action = "record.reading_asked"
    description = "A person asked for a record to be read once more."
    record: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)


@dataclass(frozen=True, kw_only=True)
class RecordPlaced(Event):
    """A person settled where a record belongs."""

    action = "record.placed"
    description = "A person confirmed or changed the class, department or case file of a record."
    detail_keys: ClassVar[Details] = {
        "class_before": Detail("code", "Record class before."),
        "class": Detail("code", "Record class from now on."),
        "file_before": Detail("id", "Case file before; absent if none."),
        "file": Detail("id", "Case file from now on; absent if none."),
        "department": Detail("id", "Department from now on; absent if none."),
        "section": Detail("code", "Section of the case file from now on; absent if none."),
    }
    record: UUID
    class_before: str | None
    class_after: str | None
    file_before: UUID | None
    file_after: UUID | None
    department_after: UUID | None
    section_after: str | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)

    def details(self) -> Mapping[str, Any]:
        return {
            "class_before": self.class_before,
            "class": self.class_after,
            "file_before": _hex(self.file_before),
            "file": _hex(self.file_after),
            "department": _hex(self.department_after),
            "section": self.section_after,
        }


@dataclass(frozen=True, kw_only=True)
class RecordOpened(Event):
    """Content of a record was let out."""

    action = "record.opened"
    use = "read"
    description = "Content of a record was let out: its file, a page, its text or its details."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "view, download, print, page_image, thumbnail, text, or work (the program itself)."),
        "piece": Detail("code", "Which piece: original, component, detail, pages, page, thumbnail, page image, whole."),
    }
    record: UUID
    version: int
    digest: bytes | None
    purpose: str
    piece: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record, self.version, self.digest),)

    def details(self) -> Mapping[str, Any]:
        return {"purpose": self.purpose, "piece": self.piece}


@dataclass(frozen=True, kw_only=True)
class RecordViewed(RecordOpened):
    """The page of a record was opened."""

    action = "record.viewed"
    description = "The page of a record was opened, or all that is told of a record was asked for."
    detail_keys: ClassVar[Details] = {}

    def details(self) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class RecordDownloaded(RecordOpened):
    """The file of a record, or a part of the record, was sent to be kept."""

    action = "record.downloaded"
    description = "A file of a record was sent to be kept: the original, a component, or a span of bytes of one."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "download."),
        "piece": Detail("code", "Which piece: original or component."),
        "bytes": Detail("count", "How many bytes were to be sent."),
    }
    size_bytes: int

    def details(self) -> Mapping[str, Any]:
        return {**super().details(), "bytes": self.size_bytes}


@dataclass(frozen=True, kw_only=True)
class PageShown(RecordOpened):
    """The image of a page was shown."""

    action = "record.page_shown"
    description = "The image of a page of a record was shown."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "page_image."),
        "piece": Detail("code", "Which page, and how many pixels wide."),
    }

    def details(self) -> Mapping[str, Any]:
        return {"piece": self.piece}


@dataclass(frozen=True, kw_only=True)
class ThumbnailShown(RecordOpened):
    """A thumbnail was shown."""

    action = "record.thumbnail_shown"
    description = "A small image of the first page of a record was shown."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "thumbnail."),
        "piece": Detail("code", "thumbnail."),
    }

    def details(self) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class RecordPreviewed(RecordOpened):
    """The preview beside a list was shown."""

    action = "record.previewed"
    description = "The facts of a record were shown beside a list, without its page being opened."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "preview."),
        "piece": Detail("code", "detail."),
    }

    def details(self) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class PrintViewRequested(RecordOpened):
    """The page for printing was asked for."""

    action = "record.print_view_requested"
    description = "The print view of a record was asked for; whether it was printed no server can know."
    detail_keys: ClassVar[Details] = {
        "purpose": Detail("code", "print."),
        "piece": Detail("code", "detail."),
    }

    def details(self) -> Mapping[str, Any]:
        return {}


PURPOSES: Mapping[str, str] = {
    RecordViewed.action: "view",
    PageShown.action: "page_image",
    ThumbnailShown.action: "thumbnail",
    RecordPreviewed.action: "preview",
    PrintViewRequested.action: "print",
}
"""What for, where the action alone says it. Entries of the first versions say it once more, as a detail."""


@dataclass(frozen=True, kw_only=True)
class HistoryShown(Event):
    """Somebody looked at what happened to a record."""

    action = "record.history_shown"
    use = "read"
    description = "Entries of the log that are about a record were shown by themselves, not as a part of its page."
    detail_keys: ClassVar[Details] = {"shown": Detail("count", "How many entries.")}
    record: UUID
    shown: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)

    def details(self) -> Mapping[str, Any]:
        return {"shown": self.shown}


@dataclass(frozen=True, kw_only=True)
class RecordListed(Event):
    """Titles of records were shown in a list."""

    action = "record.listed"
    use = "read"
    description = "Titles, names, parties or snippets of the named records were shown in a list."
    detail_keys: ClassVar[Details] = {"where": Detail("code", "Which list: list, search, review, attention, file, …")}
    records: tuple[tuple[UUID, int], ...]
    where: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", record, version) for record, version in self.records)

    def details(self) -> Mapping[str, Any]:
        return {"where": self.where}


@dataclass(frozen=True, kw_only=True)
class RecordsSearched(Event):
    """Somebody searched."""

    action = "record.searched"
    use = "read"
    description = "A search was made; its words are committed to, and can be opened or erased."
    detail_keys: ClassVar[Details] = {
        "total": Detail("count", "How many records were found."),
        "shown": Detail("count", "How many of them were on the page shown."),
    }
    query: str
    total: int
    records: tuple[tuple[UUID, int], ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", record, version) for record, version in self.records)

    def details(self) -> Mapping[str, Any]:
        return {"total": self.total, "shown": len(self.records)}

    def commitments(self) -> Mapping[str, str]:
        return {"query": self.query} if self.query else {}


@dataclass(frozen=True, kw_only=True)
class TableTaken(Event):
    """Results of a search were taken as a table."""

    action = "record.table_taken"
    use = "read"
    description = "Titles, parties and amounts of the named records were sent as a table to be kept."
    detail_keys: ClassVar[Details] = {"rows": Detail("count", "How many records stand in the table.")}
    records: tuple[tuple[UUID, int], ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", record, version) for record, version in self.records)

    def details(self) -> Mapping[str, Any]:
        return {"rows": len(self.records)}


@dataclass(frozen=True, kw_only=True)
class Suggested(Event):
    """Words of records were suggested."""

    action = "record.suggested"
    use = "read"
    description = "Parties and words of records were suggested for a typed beginning, which is committed to."
    detail_keys: ClassVar[Details] = {"shown": Detail("count", "How many suggestions.")}
    typed: str
    shown: int

    def details(self) -> Mapping[str, Any]:
        return {"shown": self.shown}

    def commitments(self) -> Mapping[str, str]:
        return {"query": self.typed}


@dataclass(frozen=True, kw_only=True)
class AccessRefused(Event):
    """Somebody asked for what is not theirs to see."""

    action = "record.refused"
    use = "read"
    description = "A record was asked for that the asker may not see, or that does not exist."
    outcome: Any = "refused"
    record: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)


@dataclass(frozen=True, kw_only=True)
class DriftRepaired(Event):
    """Rows, objects and index were brought to agree again."""

    action = "record.drift_repaired"
    description = "Records, stored objects and index were compared and made to agree again."
    detail_keys: ClassVar[Details] = {
        "indexed": Detail("count", "Records put into the index anew."),
        "unindexed": Detail("count", "Entries without a record taken out of the index."),
        "swept": Detail("count", "Stored objects that no row names, removed."),
        "missing": Detail("count", "Objects named by a row and not in the store."),
    }
    indexed: int
    unindexed: int
    swept: int
    missing: int

    def details(self) -> Mapping[str, Any]:
        return {
            "indexed": self.indexed,
            "unindexed": self.unindexed,
            "swept": self.swept,
            "missing": self.missing,
        }


@dataclass(frozen=True, kw_only=True)
class IndexRepaired(Event):
    """Records that the index held wrongly are put in anew or taken out."""

    action = "record.index_repaired"
    description = "The search index did not hold the named records as they are, which is put right."
    detail_keys: ClassVar[Details] = {
        "fault": Detail("code", "stale (missing, older or twice in the index) or stray (no such record)."),
    }
    records: tuple[UUID, ...]
    fault: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", record) for record in self.records)

    def details(self) -> Mapping[str, Any]:
        return {"fault": self.fault}


@dataclass(frozen=True, kw_only=True)
class ObjectsSwept(Event):
    """Stored objects that no row names were removed."""

    action = "object.swept"
    description = "Stored objects that no row names, a day old at least, were removed; each is named."
    detail_keys: ClassVar[Details] = {"objects": Detail("count", "How many.")}
    stored: tuple[UUID, ...]
    """The random part of each key."""

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("stored_object", each) for each in self.stored)

    def details(self) -> Mapping[str, Any]:
        return {"objects": len(self.stored)}


@dataclass(frozen=True, kw_only=True)
class CaseFileOpened(Event):
    """A case file was opened."""

    action = "case_file.opened"
    description = "A case file was opened."
    detail_keys: ClassVar[Details] = {"kind": Detail("code", "Kind of case file.")}
    case_file: UUID
    kind: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("case_file", self.case_file),)

    def details(self) -> Mapping[str, Any]:
        return {"kind": self.kind}


@dataclass(frozen=True, kw_only=True)
class CaseFileAccessGiven(Event):
    """Somebody was put on an access list."""

    action = "case_file.access_given"
    description = "A person was put on the access list of a case file or of one of its sealed sections."
    detail_keys: ClassVar[Details] = {"section": Detail("code", "The sealed section; absent for the file itself.")}
    case_file: UUID
    person: UUID
    section: str | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("case_file", self.case_file), ObjectRef("person", self.person))

    def details(self) -> Mapping[str, Any]:
        return {"section": self.section}


@dataclass(frozen=True, kw_only=True)
class CaseFileAccessEnded(CaseFileAccessGiven):
    """Somebody was taken off an access list."""

    action = "case_file.access_ended"
    description = "A person was taken off the access list of a case file or of one of its sealed sections."


@dataclass(frozen=True, kw_only=True)
class TriggerStated(Event):
    """The day of a trigger event was stated."""

    action = "case_file.trigger_stated"
    description = "The day of a trigger event of a case file was stated, corrected or withdrawn."
    detail_keys: ClassVar[Details] = {
        "trigger": Detail("code", "Which trigger event."),
        "before": Detail("date", "The day stated before; absent if none."),
        "after": Detail("date", "The day from now on; absent if withdrawn."),
    }
    case_file: UUID
    trigger: str
    before: date | None
    after: date | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("case_file", self.case_file),)

    def details(self) -> Mapping[str, Any]:
        return {"trigger": self.trigger, "before": _iso(self.before), "after": _iso(self.after)}


@dataclass(frozen=True, kw_only=True)
class CaseFilesListed(Event):
    """Names of case files were shown."""

    action = "case_file.listed"
    use = "read"
    description = "Names of the named case files were shown."
    files: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("case_file", file) for file in self.files)


@dataclass(frozen=True, kw_only=True)
class ObjectLocked(Event):
    """What the store keeps of a stored original was changed and read back."""

    action = "object.locked"
    description = (
        "A lock or legal hold of a stored original was laid, prolonged or lifted, and read back from the store."
    )
    detail_keys: ClassVar[Details] = {
        "mode": Detail("code", "compliance, governance (which can be bypassed) or none, as the store says."),
        "until": Detail("date", "Last day of the lock (UTC), as the store says; absent without a lock."),
        "held": Detail("bool", "Whether a legal hold lies on it, as the store says."),
        "floor": Detail("bool", "Whether a statutory minimum asks for a lock."),
        "through": Detail("date", "Last day of that minimum; absent while it awaits its trigger."),
        "hold": Detail("bool", "Whether a legal hold is asked for."),
    }
    record: UUID
    stored: UUID
    """The stored object: the random part of its key."""
    mode: str
    until: date | None
    held: bool
    floor: bool
    through: date | None
    hold: bool

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("stored_object", self.stored))

    def details(self) -> Mapping[str, Any]:
        return {
            "mode": self.mode,
            "until": _iso(self.until),
            "held": self.held,
            "floor": self.floor,
            "through": _iso(self.through),
            "hold": self.hold,
        }


@dataclass(frozen=True, kw_only=True)
class ObjectLockRefused(ObjectLocked):
    """The store did not take a lock or hold."""

    action = "object.lock_refused"
    description = "The store did not take a lock or hold as it was asked for, or cannot lock at all."
    detail_keys: ClassVar[Details] = {**ObjectLocked.detail_keys, "reason": Detail("code", "Why, as a code.")}
    outcome: Any = "refused"
    reason: str

    def details(self) -> Mapping[str, Any]:
        return {**super().details(), "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class ObjectLockDiffers(Event):
    """A lock is not as it was noted."""

    action = "object.lock_differs"
    description = "Log, database and store were compared, and do not say the same of a stored original."
    detail_keys: ClassVar[Details] = {
        "difference": Detail("code", "What differs: a lock missing, shorter or weaker than noted, a missing object, …"),
        "mode": Detail("code", "What the store says: compliance, governance or none; absent if there is no object."),
        "until": Detail("date", "Last day of the lock (UTC), as the store says; absent without a lock."),
        "held": Detail("bool", "Whether a legal hold lies on it, as the store says; absent if there is no object."),
    }
    outcome: Any = "failed"
    record: UUID
    stored: UUID
    difference: str
    mode: str | None
    until: date | None
    held: bool | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record), ObjectRef("stored_object", self.stored))

    def details(self) -> Mapping[str, Any]:
        return {"difference": self.difference, "mode": self.mode, "until": _iso(self.until), "held": self.held}


@dataclass(frozen=True, kw_only=True)
class MalwareFound(Event):
    """The malware scanner reported a file."""

    action = "record.malware_found"
    description = "The malware scanner reported a version of a record: it is kept sealed, and was not read."
    detail_keys: ClassVar[Details] = {"signature": Detail("label", "What the scanner calls it.")}
    record: UUID
    version: int
    signature: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record, self.version),)

    def details(self) -> Mapping[str, Any]:
        return {"signature": self.signature}
