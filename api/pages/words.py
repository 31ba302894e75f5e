"""The words for the program's codes: states, roles, kinds, fields, channels, troubles.

Every code has its words here or falls back to itself, so that a new code is readable before
somebody finds better words for it.
"""

from dataclasses import dataclass
from typing import Literal

from api.i18n import gettext as _
from ingest.extraction import TROUBLES
from records import file_plan, record
from records.record import Record
from retention import why_words

Meaning = Literal["waiting", "blocked", "info", "done"]


@dataclass(frozen=True, slots=True)
class StateWords:
    """How a state is shown: never by colour alone."""

    text: str
    meaning: Meaning
    icon: str


def state(code: str) -> StateWords:
    """The words, meaning and icon of a record's state."""
    found: dict[str, StateWords] = {
        record.RECEIVED: StateWords(_("Received"), "info", "clock"),
        record.PROCESSING: StateWords(_("Being read"), "info", "turn"),
        record.FILED: StateWords(_("Filed"), "done", "check"),
        record.NEEDS_REVIEW: StateWords(_("Needs review"), "waiting", "review"),
        record.NEEDS_ATTENTION: StateWords(_("Needs attention"), "blocked", "attention"),
    }
    return found.get(code, StateWords(_plain(code), "info", "info"))


def record_class(code: str | None) -> str:
    """The title of a record class."""
    if code is None:
        return _("No class yet")
    plan = file_plan.load()
    return _(plan.get(code).title) if code in plan else _plain(code)


def class_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The classes to choose from: heading, then code and title of each class below it, in the plan's order."""
    plan = file_plan.load()
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in plan.fileable():
        above = plan.ancestors(each.code)
        top = plan.get(above[-1]) if above else each
        groups.setdefault(_(top.title), []).append((each.code, _(each.title)))
    return list(groups.items())


def trouble(code: str | None) -> tuple[str, str]:
    """Why a record could not be read, and what to do about it."""
    meaning = TROUBLES.get(code or "")
    if meaning is None:
        return _("It could not be read"), _("Open the original, or have it read once more.")
    return _(meaning.title), _(meaning.advice)


def role(code: str) -> str:
    """The name of a role."""
    return {
        "staff": _("Staff"),
        "records_manager": _("Records manager"),
        "compliance_officer": _("Compliance officer"),
        "dpo": _("Data protection officer"),
        "auditor": _("Auditor"),
        "administrator": _("Administrator"),
    }.get(code, _plain(code))


def department_kind(code: str) -> str:
    """What a department does."""
    return {
        "accounting": _("Accounting"),
        "hr": _("Human resources"),
        "legal": _("Legal"),
        "compliance": _("Compliance"),
        "management": _("Management"),
        "other": _("Other"),
    }.get(code, _plain(code))


def case_file_kind(code: str) -> str:
    """The kind of a case file."""
    return {
        "contract": _("Contract"),
        "personnel": _("Personnel file"),
        "supplier": _("Supplier"),
        "customer": _("Customer"),
        "matter": _("Matter"),
        "other": _("Other"),
    }.get(code, _plain(code))


def section(code: str | None) -> str:
    """A sealed section of a case file; the file itself for ``None``."""
    if code is None:
        return _("The file itself")
    return {"health": _("Health"), "warnings": _("Warnings"), "garnishment": _("Garnishment")}.get(code, _plain(code))


def trigger(code: str) -> str:
    """What a trigger event says happened."""
    return {
        "contract_start": _("Contract began"),
        "contract_end": _("Contract ended"),
        "employment_start": _("Employment began"),
        "employment_end": _("Employment ended"),
        "rejection_received": _("Rejection was received"),
        "last_contact": _("Last contact"),
        "procedure_closed": _("Procedure was closed"),
        "proceeding_closed": _("Proceeding was closed"),
        "case_closed": _("Case was closed"),
        "exposure_end": _("Exposure ended"),
        "claim_due": _("Claim fell due"),
        "asset_end_of_life": _("Asset reached the end of its life"),
    }.get(code) or _capital(why_words.event(code, _))


def field(name: str) -> str:
    """The name of a field read from a record."""
    return {
        "document_date": _("Document date"),
        "due_date": _("Due date"),
        "party": _("Party"),
        "supplier": _("Supplier"),
        "customer": _("Customer"),
        "number": _("Number"),
        "total": _("Total"),
        "currency": _("Currency"),
        "subject": _("Subject"),
        "sender": _("Sender"),
        "recipient": _("Recipient"),
        "iban": _("IBAN"),
    }.get(name, _plain(name))


def field_source(code: str) -> str:
    """Where a field's value was read."""
    return {
        "xml": _("from the invoice XML"),
        "label": _("beside its label"),
        "header": _("from the mail's header"),
        "pattern": _("by its form"),
        "person": _("by a person"),
    }.get(code, _plain(code))


def component_role(code: str) -> str:
    """What a component is."""
    return {
        "embedded_invoice": _("Embedded invoice XML"),
        "signature": _("Detached signature"),
        "seal": _("Seal"),
    }.get(code, _plain(code))


def channel(code: str) -> str:
    """How a record came in."""
    return {
        "page": _("uploaded on the page"),
        "api": _("sent by a program"),
        "cli": _("imported on the command line"),
        "mail": _("attached to another file"),
        "archive": _("found in an archive"),
    }.get(code, _plain(code))


def direction(code: str | None) -> str:
    """Whether a document came in or went out."""
    return {"incoming": _("Incoming"), "outgoing": _("Outgoing"), "internal": _("Internal")}.get(code or "", "")


def media_type(code: str) -> str:
    """What kind of file it is, shortly."""
    known = {
        "application/pdf": "PDF",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "XLSX",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PPTX",
        "application/vnd.oasis.opendocument.text": "ODT",
        "application/rtf": "RTF",
        "message/rfc822": _("Mail"),
        "application/vnd.ms-outlook": _("Mail"),
        "application/xml": "XML",
        "text/html": "HTML",
        "text/markdown": "Markdown",
        "text/csv": "CSV",
        "text/plain": _("Text"),
        "application/zip": "ZIP",
        "application/octet-stream": _("Unknown kind"),
    }
    if code in known:
        return known[code]
    kind, _slash, rest = code.partition("/")
    return rest.upper()[:12] if kind == "image" else code


def facet(name: str) -> str:
    """The name of a facet."""
    return {
        "class": _("Class"),
        "department": _("Department"),
        "language": _("Language"),
        "year": _("Year"),
        "state": _("State"),
        "type": _("Kind of file"),
        "party": _("Party"),
        "currency": _("Currency"),
    }.get(name, _plain(name))


def sort(code: str) -> str:
    """The name of a sort order."""
    return {
        "relevance": _("Best match"),
        "-date": _("Newest date first"),
        "date": _("Oldest date first"),
        "-received": _("Latest received first"),
        "received": _("Earliest received first"),
        "-total": _("Largest amount first"),
        "total": _("Smallest amount first"),
        "title": _("Title A to Z"),
        "-title": _("Title Z to A"),
    }.get(code, _plain(code))


def scope(code: str) -> str:
    """What a token's scope reaches."""
    return {
        "capture": _("File and correct records"),
        "read": _("Find and open records"),
        "audit": _("Read and check the audit log"),
        "admin": _("Administer people and the installation"),
    }.get(code, _plain(code))


def why_unsure(row: Record) -> str:
    """One line: why a record waits for review."""
    if row.record_class is None:
        return _("Nothing in the text speaks clearly for one class.")
    plan = file_plan.load()
    chosen = plan.get(row.record_class) if row.record_class in plan else None
    if chosen is not None and chosen.group:
        return _("Only the heading is clear, not the class below it.")
    if chosen is not None and chosen.sensitive:
        return _("This class is sensitive: a person always looks before anybody else may read it.")
    if chosen is not None and not chosen.machine_files:
        return _("This class is always filed by a person.")
    return _("The words speak for more than one class.")


def _plain(code: str) -> str:
    return code.replace("_", " ").replace(".", ": ").capitalize()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
