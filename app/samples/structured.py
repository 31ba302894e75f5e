"""Samples as electronic invoices: UBL, and a PDF that carries its CII (as Factur-X and ZUGFeRD do)."""

from random import Random

from lxml import etree

from app.samples import paper
from ingest.money import Money
from ingest.training.drafts import Correspondent, Draft
from ingest.training.vocabulary import Vocabulary

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_GUIDELINE = "urn:cen.eu:en16931:2017"


def ubl(made: Draft, _vocabulary: Vocabulary, _rng: Random) -> bytes:
    """The draft as a UBL 2 invoice with the main parts of EN 16931 (not validated)."""
    root = etree.Element(f"{{{_UBL}}}Invoice", nsmap={"ubl": _UBL, "cac": _CAC, "cbc": _CBC})
    for path, value in (
        ("CustomizationID", _GUIDELINE),
        ("ID", made.number),
        ("IssueDate", made.written_on.isoformat()),
        ("DueDate", made.due_on.isoformat()),
        ("InvoiceTypeCode", "380"),
        ("Note", made.paragraphs[-1]),
        ("DocumentCurrencyCode", made.currency),
    ):
        _sub(root, _CBC, path, value)
    _ubl_party(root, "AccountingSupplierParty", made.sender)
    _ubl_party(root, "AccountingCustomerParty", made.recipient)
    means = _sub(root, _CAC, "PaymentMeans")
    _sub(means, _CBC, "PaymentMeansCode", "58")
    _sub(_sub(means, _CAC, "PayeeFinancialAccount"), _CBC, "ID", made.sender.iban.replace(" ", ""))
    _sub(_sub(root, _CAC, "TaxTotal"), _CBC, "TaxAmount", _plain(made.tax), currencyID=made.currency)
    sums = _sub(root, _CAC, "LegalMonetaryTotal")
    for name, amount in (
        ("LineExtensionAmount", made.net),
        ("TaxExclusiveAmount", made.net),
        ("TaxInclusiveAmount", made.total),
        ("PayableAmount", made.total),
    ):
        _sub(sums, _CBC, name, _plain(amount), currencyID=made.currency)
    for index, line in enumerate(made.lines, 1):
        entry = _sub(root, _CAC, "InvoiceLine")
        _sub(entry, _CBC, "ID", str(index))
        _sub(entry, _CBC, "InvoicedQuantity", str(line.quantity), unitCode="C62")
        _sub(entry, _CBC, "LineExtensionAmount", _plain(line.amount), currencyID=made.currency)
        _sub(_sub(entry, _CAC, "Item"), _CBC, "Name", line.item)
        _sub(_sub(entry, _CAC, "Price"), _CBC, "PriceAmount", _plain(line.price), currencyID=made.currency)
    return _bytes(root)


def hybrid(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as PDF with its invoice data inside as ``factur-x.xml`` (no PDF/A-3, so not Factur-X proper)."""
    page = paper.typeset(made, vocabulary, rng)
    page.embed_file(bytes=cii(made), basename="factur-x.xml", desc="Invoice data", compress=True)
    return bytes(page.output())


def cii(made: Draft) -> bytes:
    """The draft as a UN/CEFACT Cross Industry Invoice with its main parts (not validated)."""
    root = etree.Element(f"{{{_RSM}}}CrossIndustryInvoice", nsmap={"rsm": _RSM, "ram": _RAM, "udt": _UDT})
    context = _sub(root, _RSM, "ExchangedDocumentContext")
    _sub(_sub(context, _RAM, "GuidelineSpecifiedDocumentContextParameter"), _RAM, "ID", _GUIDELINE)
    document = _sub(root, _RSM, "ExchangedDocument")
    _sub(document, _RAM, "ID", made.number)
    _sub(document, _RAM, "TypeCode", "380")
    _sub(_sub(document, _RAM, "IssueDateTime"), _UDT, "DateTimeString", f"{made.written_on:%Y%m%d}", format="102")
    _sub(_sub(document, _RAM, "IncludedNote"), _RAM, "Content", made.paragraphs[-1])
    deal = _sub(root, _RSM, "SupplyChainTradeTransaction")
    agreement = _sub(deal, _RAM, "ApplicableHeaderTradeAgreement")
    for role, party in (("SellerTradeParty", made.sender), ("BuyerTradeParty", made.recipient)):
        entry = _sub(agreement, _RAM, role)
        _sub(entry, _RAM, "Name", party.name)
        _sub(_sub(entry, _RAM, "SpecifiedTaxRegistration"), _RAM, "ID", party.tax_id, schemeID="VA")
    _sub(deal, _RAM, "ApplicableHeaderTradeDelivery")
    settlement = _sub(deal, _RAM, "ApplicableHeaderTradeSettlement")
    _sub(settlement, _RAM, "InvoiceCurrencyCode", made.currency)
    terms = _sub(_sub(settlement, _RAM, "SpecifiedTradePaymentTerms"), _RAM, "DueDateDateTime")
    _sub(terms, _UDT, "DateTimeString", f"{made.due_on:%Y%m%d}", format="102")
    sums = _sub(settlement, _RAM, "SpecifiedTradeSettlementHeaderMonetarySummation")
    for name, amount in (
        ("LineTotalAmount", made.net),
        ("TaxBasisTotalAmount", made.net),
        ("TaxTotalAmount", made.tax),
        ("GrandTotalAmount", made.total),
        ("DuePayableAmount", made.total),
    ):
        _sub(sums, _RAM, name, _plain(amount))
    return _bytes(root)


def _ubl_party(root: etree._Element, role: str, party: Correspondent) -> None:
    entry = _sub(_sub(root, _CAC, role), _CAC, "Party")
    address = _sub(entry, _CAC, "PostalAddress")
    _sub(address, _CBC, "StreetName", party.street)
    _sub(address, _CBC, "CityName", party.town)
    _sub(_sub(entry, _CAC, "PartyTaxScheme"), _CBC, "CompanyID", party.tax_id)
    _sub(_sub(entry, _CAC, "PartyLegalEntity"), _CBC, "RegistrationName", party.name)


def _sub(
    parent: etree._Element, namespace: str, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    element.text = text
    return element


def _plain(money: Money) -> str:
    return str(money).split(" ")[0]


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
