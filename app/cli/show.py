"""How the command line prints records and log entries: JSON as the REST resources, or lines for people."""

from typing import Any

from audit.trail import TrailEntry
from core.errors import Invalid
from core.identifiers import show_record_number
from records.record import Record
from records.shown import Detail
from search.find import FoundItem
from search.port import SORTS, Sort


def number(record: Record) -> str:
    """The record's number as people read it."""
    return show_record_number(record.number)


def line(record: Record, title: str) -> str:
    """One record on one line."""
    day = record.document_date.isoformat() if record.document_date else "          "
    return f"{number(record)}  {day}  {record.record_class or '-':22.22}  {record.state:15}  {title}"


def record_json(record: Record, title: str, name: str) -> dict[str, Any]:
    """A record as a list shows it."""
    return {
        "id": str(record.id),
        "number": number(record),
        "state": record.state,
        "class": record.record_class,
        "probability": record.probability / 10_000 if record.probability is not None else None,
        "confirmed": record.confirmed,
        "title": title,
        "name": name,
        "language": record.language,
        "document_date": record.document_date.isoformat() if record.document_date else None,
        "total_minor": record.total_minor,
        "currency": record.currency,
        "captured_at": record.captured_at.isoformat(),
        "revision": record.revision,
    }


def found_json(item: FoundItem) -> dict[str, Any]:
    """A search result."""
    return record_json(item.record, item.title, item.name) | {
        "parties": list(item.parties),
        "snippet": item.snippet.text if item.snippet else None,
    }


def detail_json(detail: Detail) -> dict[str, Any]:
    """A record with all that its page shows."""
    current = next(v for v in detail.versions if v[0].id == detail.record.current_version)
    return record_json(detail.record, current[2], current[1]) | {
        "parties": list(detail.parties),
        "fields": [
            {"name": f.name, "value": f.value, "probability": f.probability, "source": f.source, "page": f.page}
            for f in detail.fields
        ],
        "reasons": [{"word": word, "weight": weight} for word, weight in detail.reasons],
        "trouble": {"code": current[0].trouble_code, "detail": current[0].trouble_detail}
        if current[0].trouble_code
        else None,
        "versions": [
            {
                "version": version.ordinal,
                "name": name,
                "size_bytes": version.plain_bytes,
                "media_type": version.media_type,
                "pages": version.page_count,
                "added_at": version.added_at.isoformat(),
            }
            for version, name, _ in detail.versions
        ],
        "components": [{"id": str(c.id), "role": c.role, "name": name} for c, name in detail.components],
    }


def detail_text(detail: Detail) -> str:
    """The same for people."""
    told = detail_json(detail)
    lines = [line(detail.record, told["title"])]
    for name in ("language", "document_date"):
        if told[name]:
            lines.append(f"  {name.replace('_', ' '):14} {told[name]}")
    if detail.parties:
        lines.append(f"  {'parties':14} {', '.join(detail.parties)}")
    lines += [f"  {f['name']:14} {f['value']}" for f in told["fields"]]
    if told["trouble"]:
        lines.append(f"  {'trouble':14} {told['trouble']['detail']}")
    lines += [f"  version {v['version']:<6} {v['name']} ({v['size_bytes']} bytes)" for v in told["versions"]]
    lines += [f"  {c['role']:14} {c['name']}" for c in told["components"]]
    return "\n".join(lines)


def event_json(entry: TrailEntry) -> dict[str, Any]:
    """An entry of the log."""
    return {
        "seq": entry.seq,
        "leaf_hash": entry.leaf_hash.hex(),
        "action": entry.action,
        "outcome": entry.outcome,
        "at": entry.at.isoformat(),
        "actor": entry.by.kind if entry.by.kind != "system" else f"system:{entry.by.name}",
        "basis": entry.basis,
        "objects": [{"kind": o.kind, "id": str(o.id), "version": o.version} for o in entry.objects],
        "details": entry.details,
    }


def event_text(entry: TrailEntry) -> str:
    """The same for people. Persons appear as what they are, not by name."""
    who = {"person": "a colleague", "operator": "the operator"}.get(entry.by.kind, f"Muniment ({entry.by.name})")
    details = " ".join(f"{key}={value}" for key, value in entry.details.items())
    outcome = "" if entry.outcome == "done" else f" {entry.outcome}"
    return f"{entry.seq:>8}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.action}{outcome}  {who}  {details}".rstrip()


def sort(text: str) -> Sort:
    """A sort as typed.

    Raises:
        Invalid: there is no such sort.
    """
    if text not in SORTS:
        raise Invalid(f"sort by one of {', '.join(SORTS)}")
    return text
