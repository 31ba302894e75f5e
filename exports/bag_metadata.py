"""What a package says of each record: as JSON with everything, as Dublin Core and PREMIS 3 with what these can say.

An archive ingests by one of the two XML forms and keeps the JSON beside it. Elements are those of the DCMI terms 1.1
(in the container ``oai_dc``) and of the PREMIS data dictionary 3.0; neither is checked against a schema here.

Pure: values in, bytes out. Persons are ids, and stay so.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lxml import etree

from records.shown import Packed

FORMAT = "muniment-package/1"
DC, OAI = "http://purl.org/dc/elements/1.1/", "http://www.openarchives.org/OAI/2.0/oai_dc/"
PREMIS, XSI = "http://www.loc.gov/premis/v3", "http://www.w3.org/2001/XMLSchema-instance"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EVENTS = {
    "record.captured": "capture",
    "record.version_added": "capture",
    "disposition.approved": "policy assignment",
}
_MUNIMENT = "muniment"


@dataclass(frozen=True, slots=True)
class BagHead:
    """What a bag says of itself as a whole."""

    package: UUID
    batch: UUID
    kind: str
    """``transfer`` or ``permanent``."""
    organisation: str
    country: str
    controller: str | None
    """For whom the organisation processes, where it is not the controller itself."""
    made_at: datetime
    origin: str
    """Of the audit log."""
    decision: Mapping[str, Any]
    """Who prepared and who approved what, as ids; with the digest of what was approved."""

    @property
    def name(self) -> str:
        """The folder in the archive; the zip file is called so, too."""
        return f"muniment-{self.kind}-{self.made_at.astimezone(UTC):%Y%m%d}-{self.package.hex[-12:]}"


def instant(at: datetime) -> str:
    """An instant in ISO 8601, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def told(
    head: BagHead,
    packed: Packed,
    files: Sequence[Mapping[str, Any]],
    more: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """All that a package says of a record, as plain values.

    ``more`` has ``class``, ``entity``, ``department``, ``case_file``, ``parent``, ``access``, ``retention``,
    ``holds`` and ``disposition``; see ``docs/packages.md``.
    """
    row = packed.record
    return {
        "format": FORMAT,
        "package": str(head.package),
        "kind": head.kind,
        "record": {
            "id": str(row.id),
            "number": row.number,
            "title": packed.title,
            "class": more["class"],
            "entity": more["entity"],
            "department": more["department"],
            "case_file": more["case_file"],
            "section": row.section,
            "parent": more["parent"],
            "direction": row.direction,
            "language": row.language,
            "document_date": row.document_date.isoformat() if row.document_date else None,
            "total_minor": row.total_minor,
            "currency": row.currency,
            "parties": list(packed.parties),
            "fields": [{"name": each.name, "value": each.value, "source": each.source} for each in packed.fields],
            "channel": row.channel,
            "captured_at": instant(row.captured_at),
            "captured_by": str(row.captured_by) if row.captured_by else None,
            "classified_by": row.classified_by,
            "confirmed": row.confirmed,
            "revision": row.revision,
        },
        "access": more["access"],
        "files": [dict(each) for each in files],
        "retention": more["retention"],
        "holds": more["holds"],
        "disposition": {**head.decision, **more["disposition"]},
        "log": {"origin": head.origin, "entries": [dict(each) for each in entries]},
    }


def to_json(value: Mapping[str, Any]) -> bytes:
    """The values as JSON for people and programs."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace") + b"\n"


def dublin_core(head: BagHead, value: Mapping[str, Any]) -> bytes:
    """The record in Dublin Core."""
    record, access = value["record"], value["access"]
    root = etree.Element(f"{{{OAI}}}dc", nsmap={"oai_dc": OAI, "dc": DC})

    def add(name: str, text: str | None) -> None:
        if text:
            etree.SubElement(root, f"{{{DC}}}{name}").text = _clean(text)

    add("title", record["title"] or record["number"])
    add("identifier", record["number"])
    add("identifier", f"urn:uuid:{record['id']}")
    add("date", record["document_date"] or record["captured_at"][:10])
    add("type", record["class"]["title"] or record["class"]["code"])
    add("language", record["language"])
    add("publisher", head.organisation)
    for party in record["parties"]:
        add("contributor", party)
    for media_type in sorted({each["media_type"] for each in value["files"] if each["kind"] == "version"}):
        add("format", media_type)
    if record["case_file"] is not None:
        add("relation", record["case_file"])
    if record["parent"] is not None:
        add("source", record["parent"]["number"] or record["parent"]["id"])
    add("rights", f"sensitivity: {access['sensitivity']}; regime: {access['regime']}")
    return _bytes(root)


def premis(head: BagHead, value: Mapping[str, Any]) -> bytes:
    """The record in PREMIS: an object for each file, an event for each entry of the log, agents, the legal basis."""
    root = etree.Element(f"{{{PREMIS}}}premis", nsmap={"premis": PREMIS, "xsi": XSI}, version="3.0")
    record = value["record"]
    _intellectual(root, record)
    for file in value["files"]:
        _object(root, record, file)
    for entry in value["log"]["entries"]:
        _event(root, record["id"], entry, value["log"]["origin"])
    made = {"seq": None, "action": "package.made", "at": instant(head.made_at), "outcome": "done"}
    _event(root, record["id"], made, value["log"]["origin"], identifier=str(head.package))
    _agent(root, _MUNIMENT, "Muniment", "software")
    _agent(root, record["entity"]["id"], head.organisation, "organization")
    _rights(root, value)
    return _bytes(root)


def _intellectual(root: etree._Element, record: Mapping[str, Any]) -> None:
    element = _sub(root, "object")
    element.set(f"{{{XSI}}}type", "premis:intellectualEntity")
    _identifier(element, "objectIdentifier", "UUID", record["id"])
    _identifier(element, "objectIdentifier", "record number", record["number"])


def _object(root: etree._Element, record: Mapping[str, Any], file: Mapping[str, Any]) -> None:
    element = _sub(root, "object")
    element.set(f"{{{XSI}}}type", "premis:file")
    _identifier(element, "objectIdentifier", "path", f"records/{record['number']}/{file['path']}")
    about = _sub(element, "objectCharacteristics")
    for name, algorithm in (("sha256", "SHA-256"), ("sha512", "SHA-512")):
        fixity = _sub(about, "fixity")
        _sub(fixity, "messageDigestAlgorithm", algorithm)
        _sub(fixity, "messageDigest", file[name])
    _sub(about, "size", str(file["bytes"]))
    _sub(_sub(_sub(about, "format"), "formatDesignation"), "formatName", file["media_type"])
    if file["name"]:
        _sub(element, "originalName", file["name"])
    related = _sub(element, "relationship")
    _sub(related, "relationshipType", "structural")
    _sub(related, "relationshipSubType", "represents" if file["kind"] == "version" else "is part of")
    _identifier(related, "relatedObjectIdentifier", "UUID", record["id"])


def _event(
    root: etree._Element, record: str, entry: Mapping[str, Any], origin: str, *, identifier: str | None = None
) -> None:
    element = _sub(root, "event")
    _identifier(element, "eventIdentifier", origin if identifier is None else "UUID", identifier or str(entry["seq"]))
    _sub(element, "eventType", _EVENTS.get(entry["action"], entry["action"]))
    _sub(element, "eventDateTime", entry["at"])
    _sub(_sub(element, "eventDetailInformation"), "eventDetail", entry["action"])
    _sub(_sub(element, "eventOutcomeInformation"), "eventOutcome", entry["outcome"])
    _identifier(element, "linkingAgentIdentifier", "name", _MUNIMENT)
    _identifier(element, "linkingObjectIdentifier", "UUID", record)


def _agent(root: etree._Element, identifier: str, name: str, kind: str) -> None:
    element = _sub(root, "agent")
    _identifier(element, "agentIdentifier", "name" if identifier == _MUNIMENT else "UUID", identifier)
    _sub(element, "agentName", name)
    _sub(element, "agentType", kind)


def _rights(root: etree._Element, value: Mapping[str, Any]) -> None:
    decision, retention = value["disposition"], value["retention"]
    rule = retention.get("winner")
    statement = _sub(_sub(root, "rights"), "rightsStatement")
    _identifier(statement, "rightsStatementIdentifier", "UUID", value["package"])
    _sub(statement, "rightsBasis", "statute" if rule else "policy")
    citation = decision["authority"] or (rule["legal_basis"] if rule else "")
    if rule:
        statute = _sub(statement, "statuteInformation")
        _sub(statute, "statuteJurisdiction", rule["jurisdiction"])
        _sub(statute, "statuteCitation", citation)
        _sub(
            statute,
            "statuteNote",
            f"{rule['code']}, version {rule['version']}: {rule['period']} from {rule['trigger']}",
        )
    else:
        _sub(_sub(statement, "otherRightsInformation"), "otherRightsBasis", citation)
    granted = _sub(statement, "rightsGranted")
    _sub(granted, "act", "transfer" if value["kind"] == "transfer" else "keep permanently")
    access = value["access"]
    _sub(granted, "restriction", f"sensitivity: {access['sensitivity']}; regime: {access['regime']}")
    _identifier(statement, "linkingObjectIdentifier", "UUID", value["record"]["id"])


def _identifier(parent: etree._Element, name: str, kind: str, text: str) -> None:
    element = _sub(parent, name)
    _sub(element, f"{name}Type", kind)
    _sub(element, f"{name}Value", text)


def _sub(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{PREMIS}}}{name}")
    if text is not None:
        element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """Text without what XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
