"""Electronic invoices as XML: what they say of themselves, in one shape for all syntaxes.

Read are UBL 2 (Invoice, CreditNote), UN/CEFACT CII (XRechnung, Factur-X, ZUGFeRD 2) and its
forerunner ZUGFeRD 1, and FatturaPA without its signature envelope. Elements are found by local
name, since senders differ in namespace prefixes and versions. Nothing is validated: a wrong sum
is the sender's, and is evidence as it is.

DTDs and entities are refused, the network is never used, amounts are whole minor units.
"""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lxml import etree

from core.errors import Invalid
from ingest.money import Money, from_decimal

MOST_BYTES = 16 * 1024 * 1024
MOST_NOTES = 20
_NOTE_CHARACTERS = 2000

Syntax = Literal["UBL", "CII", "ZUGFeRD1", "FatturaPA"]
InvoiceKind = Literal["invoice", "credit_note"]

_CREDIT_NOTE_CODES = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532", "TD04", "TD08"}
)
"""UNTDID 1001 codes of credit notes, and those of FatturaPA."""


class UnreadableInvoice(Invalid):
    """The electronic invoice cannot be read."""

    code = "unreadable_invoice"


@dataclass(frozen=True, slots=True)
class InvoiceParty:
    """Seller or buyer, as the invoice names them."""

    name: str | None
    tax_id: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class EInvoice:
    """An electronic invoice. What the XML leaves out is ``None``."""

    syntax: Syntax
    kind: InvoiceKind
    number: str | None
    issued_on: date | None
    due_on: date | None
    seller: InvoiceParty
    buyer: InvoiceParty
    currency: str | None
    total: Money | None
    """With tax."""
    payable: Money | None
    """What is still to be paid: the total less what was paid, plus rounding."""
    iban: str | None
    notes: tuple[str, ...]


def read(data: bytes) -> EInvoice | None:
    """The invoice in ``data``, or ``None`` if the bytes are no XML or no invoice of these syntaxes.

    Raises:
        UnreadableInvoice: an invoice that breaks off, brings a DTD or is too large.
    """
    reader = _reader_for(data)
    if reader is None:
        return None
    if len(data) > MOST_BYTES:
        raise UnreadableInvoice("the XML is too large to be read", size_bytes=len(data))
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableInvoice("the XML breaks off or is damaged") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableInvoice("the XML brings a document type of its own, which is refused")
    return reader(root)


def _reader_for(data: bytes) -> Callable[[etree._Element], EInvoice | None] | None:
    """The reader for the root element, seen without reading on."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return None
    try:
        events = etree.iterparse(
            io.BytesIO(data),
            events=("start",),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        _, root = next(iter(events))
    except (etree.XMLSyntaxError, StopIteration, ValueError):
        return None
    return _READERS.get(_local(root))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _ubl(root: etree._Element) -> EInvoice | None:
    if "oasis" not in (etree.QName(root).namespace or ""):
        return None
    currency = _text(root, "DocumentCurrencyCode")
    return EInvoice(
        syntax="UBL",
        kind=_kind(_text(root, "InvoiceTypeCode", "CreditNoteTypeCode"), _local(root) == "CreditNote"),
        number=_text(root, "ID"),
        issued_on=_day(_text(root, "IssueDate")),
        due_on=_day(_text(root, "DueDate", "PaymentMeans/PaymentDueDate", "PaymentTerms/PaymentDueDate")),
        seller=_ubl_party(root, "AccountingSupplierParty"),
        buyer=_ubl_party(root, "AccountingCustomerParty"),
        currency=currency,
        total=_money(_text(root, "LegalMonetaryTotal/TaxInclusiveAmount"), currency),
        payable=_money(_text(root, "LegalMonetaryTotal/PayableAmount"), currency),
        iban=_iban(_text(root, "PaymentMeans/PayeeFinancialAccount/ID")),
        notes=_notes(_all(root, "Note")),
    )


def _ubl_party(root: etree._Element, role: str) -> InvoiceParty:
    party = f"{role}/Party"
    return InvoiceParty(
        name=_text(
            root,
            f"{party}/PartyLegalEntity/RegistrationName",
            f"{party}/PartyName/Name",
            f"{party}/Contact/Name",
        ),
        tax_id=_text(root, f"{party}/PartyTaxScheme/CompanyID", f"{party}/PartyLegalEntity/CompanyID"),
        country=_text(root, f"{party}/PostalAddress/Country/IdentificationCode"),
    )


def _cii(root: etree._Element) -> EInvoice:
    first = _local(root) == "CrossIndustryDocument"
    document = "HeaderExchangedDocument" if first else "ExchangedDocument"
    deal = "SpecifiedSupplyChainTradeTransaction" if first else "SupplyChainTradeTransaction"
    agreement = f"{deal}/ApplicableSupplyChainTradeAgreement" if first else f"{deal}/ApplicableHeaderTradeAgreement"
    settlement = f"{deal}/ApplicableSupplyChainTradeSettlement" if first else f"{deal}/ApplicableHeaderTradeSettlement"
    sums = f"{settlement}/SpecifiedTradeSettlement{'' if first else 'Header'}MonetarySummation"
    currency = _text(root, f"{settlement}/InvoiceCurrencyCode")
    return EInvoice(
        syntax="ZUGFeRD1" if first else "CII",
        kind=_kind(_text(root, f"{document}/TypeCode"), False),
        number=_text(root, f"{document}/ID"),
        issued_on=_day(_text(root, f"{document}/IssueDateTime/DateTimeString", f"{document}/IssueDateTime/DateTime")),
        due_on=_day(_text(root, f"{settlement}/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString")),
        seller=_cii_party(root, f"{agreement}/SellerTradeParty"),
        buyer=_cii_party(root, f"{agreement}/BuyerTradeParty"),
        currency=currency,
        total=_money(_text(root, f"{sums}/GrandTotalAmount"), currency),
        payable=_money(_text(root, f"{sums}/DuePayableAmount"), currency),
        iban=_iban(
            _text(root, f"{settlement}/SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID")
        ),
        notes=_notes(_all(root, f"{document}/IncludedNote/Content")),
    )


def _cii_party(root: etree._Element, path: str) -> InvoiceParty:
    registrations = _elements(root, f"{path}/SpecifiedTaxRegistration/ID")
    ranked = sorted(registrations, key=lambda element: element.get("schemeID") != "VA")
    return InvoiceParty(
        name=_text(root, f"{path}/Name", f"{path}/DefinedTradeContact/PersonName"),
        tax_id=_clean(ranked[0].text) if ranked else None,
        country=_text(root, f"{path}/PostalTradeAddress/CountryID"),
    )


def _fattura(root: etree._Element) -> EInvoice:
    document = "FatturaElettronicaBody/DatiGenerali/DatiGeneraliDocumento"
    payment = "FatturaElettronicaBody/DatiPagamento/DettaglioPagamento"
    currency = _text(root, f"{document}/Divisa")
    return EInvoice(
        syntax="FatturaPA",
        kind=_kind(_text(root, f"{document}/TipoDocumento"), False),
        number=_text(root, f"{document}/Numero"),
        issued_on=_day(_text(root, f"{document}/Data")),
        due_on=_day(_text(root, f"{payment}/DataScadenzaPagamento")),
        seller=_fattura_party(root, "FatturaElettronicaHeader/CedentePrestatore"),
        buyer=_fattura_party(root, "FatturaElettronicaHeader/CessionarioCommittente"),
        currency=currency,
        total=_money(_text(root, f"{document}/ImportoTotaleDocumento"), currency),
        payable=_money(_text(root, f"{payment}/ImportoPagamento"), currency),
        iban=_iban(_text(root, f"{payment}/IBAN")),
        notes=_notes(_all(root, f"{document}/Causale")),
    )


def _fattura_party(root: etree._Element, role: str) -> InvoiceParty:
    person = f"{role}/DatiAnagrafici/Anagrafica"
    name = _text(root, f"{person}/Denominazione")
    if name is None:
        parts = [_text(root, f"{person}/Nome"), _text(root, f"{person}/Cognome")]
        name = " ".join(part for part in parts if part) or None
    country = _text(root, f"{role}/DatiAnagrafici/IdFiscaleIVA/IdPaese")
    number = _text(root, f"{role}/DatiAnagrafici/IdFiscaleIVA/IdCodice", f"{role}/DatiAnagrafici/CodiceFiscale")
    return InvoiceParty(
        name=name,
        tax_id=f"{country or ''}{number}" if number else None,
        country=_text(root, f"{role}/Sede/Nazione"),
    )


_READERS: dict[str, Callable[[etree._Element], EInvoice | None]] = {
    "Invoice": _ubl,
    "CreditNote": _ubl,
    "CrossIndustryInvoice": _cii,
    "CrossIndustryDocument": _cii,
    "FatturaElettronica": _fattura,
}


def _local(element: etree._Element) -> str:
    # Not by QName, which refuses names that the parser has let pass.
    return element.tag.rpartition("}")[2].rpartition(":")[2] if isinstance(element.tag, str) else ""


def _elements(root: etree._Element, path: str) -> list[etree._Element]:
    found = [root]
    for step in path.split("/"):
        found = [child for element in found for child in element if _local(child) == step]
    return found


def _all(root: etree._Element, path: str) -> list[str]:
    return [text for element in _elements(root, path) if (text := _clean(element.text))]


def _text(root: etree._Element, *paths: str) -> str | None:
    """The first text that stands at one of the paths, in their order."""
    return next((text for path in paths for text in _all(root, path)), None)


def _clean(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None


def _kind(code: str | None, credit: bool) -> InvoiceKind:
    return "credit_note" if credit or code in _CREDIT_NOTE_CODES else "invoice"


def _money(text: str | None, currency: str | None) -> Money | None:
    return from_decimal(text, currency) if text else None


def _day(text: str | None) -> date | None:
    match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", text or "", re.ASCII)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def _iban(text: str | None) -> str | None:
    compact = re.sub(r"\s", "", text or "").upper()
    return compact if re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact) else None


def _notes(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text[:_NOTE_CHARACTERS] for text in texts)[:MOST_NOTES]
