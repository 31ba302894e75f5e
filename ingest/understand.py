"""From what was extracted to what is entered: class, language, fields, parties.

Pure: values in, values out. Nothing here decides about access or state; that is
``records.placement``, which never lets a machine's word open anything.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.errors import Invalid
from ingest import classify, einvoice, fields, language
from ingest.classify import OwnNames
from ingest.einvoice import EInvoice
from ingest.extraction import Extraction
from ingest.money import Money
from records import file_plan, names
from records.field import FieldValue
from records.placement import Reading

log = logging.getLogger("muniment.ingest")

CERTAIN = 0.9
"""From this probability on a machine may file a class that allows it without review."""
LEAST_PROBABLE_DATE = 0.5
"""A date less probable stays a field to look at; it neither sorts nor dates the record."""
LEAST_PROBABLE_PARTY = 0.6
TRADE = frozenset({"accounting", "quotation", "purchase_order", "delivery_note", "payment_reminder", "payroll"})
"""Classes (with those below them) in which amounts and letterheads are what they seem."""
XML_TYPES = frozenset({"application/xml", "text/xml"})


@dataclass(frozen=True, slots=True)
class Understood:
    """All that the machine enters about one version."""

    reading: Reading
    fields: tuple[FieldValue, ...]
    parties: tuple[tuple[str, str], ...]
    """Name and role."""


def understand(extraction: Extraction, *, original_xml: bytes | None, own_names: Sequence[str]) -> Understood:
    """What the machine makes of an extraction; ``original_xml`` is the file itself where it is XML of a fair size."""
    text = "\n".join(page.text for page in extraction.pages)
    invoice = _invoice_in(extraction, original_xml)
    own = OwnNames(tuple(own_names))
    spoken = language.detect(text).code
    found = classify.classify(text, media_type=extraction.media_type, einvoice=invoice, own=own)
    code = found.code if invoice is not None or text.strip() else None
    read = fields.read(extraction.pages, facts=extraction.facts, einvoice=invoice, language=spoken, own=own)
    read = tuple(f for f in read if _belongs(f, code))
    total = next((f.value for f in read if isinstance(f.value, Money)), None)
    trouble = extraction.trouble
    reading = Reading(
        record_class=code,
        probability=found.probability,
        by_rule=invoice is not None,
        certain=invoice is not None or found.probability >= CERTAIN,
        reasons=found.reasons,
        language=spoken,
        media_type=extraction.media_type,
        page_count=len(extraction.pages),
        document_date=_document_date(read),
        total_minor=total.minor if total else None,
        currency=total.currency if total else None,
        direction=file_plan.load().get(code).direction if code else None,
        title=names.clean_title(extraction.title) or None if extraction.title else None,
        trouble_code=trouble.code if trouble else None,
        trouble_detail=trouble.detail if trouble else None,
    )
    parties = tuple((f.value, "counterparty") for f in read if f.name == "party" and isinstance(f.value, str))
    return Understood(reading, tuple(_field(f) for f in read), parties)


def _invoice_in(extraction: Extraction, original_xml: bytes | None) -> EInvoice | None:
    """The electronic invoice that the document is or carries; a broken one is none."""
    candidates = [part.data for part in extraction.parts if part.role == "embedded_invoice"]
    if original_xml is not None:
        candidates.append(original_xml)
    for data in candidates:
        try:
            if (invoice := einvoice.read(data)) is not None:
                return invoice
        except Invalid as error:
            log.info("an electronic invoice could not be read", extra={"code": error.code})
    return None


def _belongs(field: fields.Field, code: str | None) -> bool:
    """Whether a field means something in a document of this class.

    A contract is full of sums and opens with names in capitals: an amount or a name found by
    its form alone says something on vouchers and letters only.
    """
    trade = code is not None and not TRADE.isdisjoint(file_plan.load().facet_codes(code))
    if field.source in ("xml", "header"):
        return True
    if field.name in ("total", "currency"):
        return trade
    return trade or field.name != "party" or field.probability >= LEAST_PROBABLE_PARTY


def _document_date(read: Sequence[fields.Field]) -> date | None:
    for field in read:
        if isinstance(field.value, date) and field.probability >= LEAST_PROBABLE_DATE:
            return field.value
    return None


def _field(field: fields.Field) -> FieldValue:
    value = field.value
    text = value if isinstance(value, str) else value.isoformat() if isinstance(value, date) else str(value)
    box = (field.box.left, field.box.top, field.box.right, field.box.bottom) if field.box else None
    return FieldValue(field.name, text, field.probability, field.source, field.page, box, field.label)
