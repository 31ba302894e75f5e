"""Electronic invoices: what is read from each syntax, and what is refused."""

import csv
import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import einvoice
from ingest.einvoice import InvoiceParty, UnreadableInvoice
from ingest.money import Money

UBL = """<?xml version="1.0" encoding="UTF-8"?>
<x:Invoice xmlns:x="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <b:ID>R-77</b:ID><b:IssueDate>2024-02-29</b:IssueDate><b:DueDate>2024-03-30</b:DueDate>
 <b:InvoiceTypeCode>380</b:InvoiceTypeCode><b:Note>Thank you</b:Note>
 <b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>
 <a:AccountingSupplierParty><a:Party><a:PartyName><b:Name>Trading name</b:Name></a:PartyName>
  <a:PostalAddress><a:Country><b:IdentificationCode>DE</b:IdentificationCode></a:Country></a:PostalAddress>
  <a:PartyTaxScheme><b:CompanyID>DE123456789</b:CompanyID></a:PartyTaxScheme>
  <a:PartyLegalEntity><b:RegistrationName>Ziegelei   Nord
   GmbH</b:RegistrationName></a:PartyLegalEntity></a:Party></a:AccountingSupplierParty>
 <a:AccountingCustomerParty><a:Party>
  <a:PartyName><b:Name>Bau AG</b:Name></a:PartyName></a:Party></a:AccountingCustomerParty>
 <a:PaymentMeans>
  <a:PayeeFinancialAccount><b:ID>DE89 3704 0044 0532 0130 00</b:ID></a:PayeeFinancialAccount></a:PaymentMeans>
 <a:LegalMonetaryTotal><b:TaxInclusiveAmount currencyID="EUR">119.00</b:TaxInclusiveAmount>
  <b:PayableAmount currencyID="EUR">19</b:PayableAmount></a:LegalMonetaryTotal>
</x:Invoice>"""

CII = """<r:CrossIndustryInvoice xmlns:r="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:m="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:u="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
 <r:ExchangedDocument><m:ID>AV-5</m:ID><m:TypeCode>381</m:TypeCode>
  <m:IssueDateTime><u:DateTimeString format="102">20231231</u:DateTimeString></m:IssueDateTime></r:ExchangedDocument>
 <r:SupplyChainTradeTransaction>
  <m:ApplicableHeaderTradeAgreement><m:SellerTradeParty><m:Name>Moulin SARL</m:Name>
   <m:SpecifiedTaxRegistration><m:ID schemeID="FC">12/34</m:ID></m:SpecifiedTaxRegistration>
   <m:SpecifiedTaxRegistration><m:ID schemeID="VA">FR11123456782</m:ID>
   </m:SpecifiedTaxRegistration></m:SellerTradeParty>
   <m:BuyerTradeParty><m:Name>Client SA</m:Name></m:BuyerTradeParty></m:ApplicableHeaderTradeAgreement>
  <m:ApplicableHeaderTradeSettlement><m:InvoiceCurrencyCode>JPY</m:InvoiceCurrencyCode>
   <m:SpecifiedTradeSettlementHeaderMonetarySummation><m:GrandTotalAmount>-2500</m:GrandTotalAmount>
    <m:DuePayableAmount>-2500</m:DuePayableAmount></m:SpecifiedTradeSettlementHeaderMonetarySummation>
  </m:ApplicableHeaderTradeSettlement></r:SupplyChainTradeTransaction></r:CrossIndustryInvoice>"""

ZUGFERD1 = """<r:CrossIndustryDocument xmlns:r="urn:ferd:CrossIndustryDocument:invoice:1p0"
 xmlns:m="urn:m" xmlns:u="urn:u">
 <r:HeaderExchangedDocument><m:ID>4711</m:ID><m:TypeCode>380</m:TypeCode>
  <m:IssueDateTime><u:DateTimeString format="102">20140519</u:DateTimeString></m:IssueDateTime>
  <m:IncludedNote><m:Content>Danke</m:Content></m:IncludedNote></r:HeaderExchangedDocument>
 <r:SpecifiedSupplyChainTradeTransaction><m:ApplicableSupplyChainTradeAgreement>
   <m:SellerTradeParty><m:Name>Alt GmbH</m:Name></m:SellerTradeParty></m:ApplicableSupplyChainTradeAgreement>
  <m:ApplicableSupplyChainTradeSettlement><m:InvoiceCurrencyCode>EUR</m:InvoiceCurrencyCode>
   <m:SpecifiedTradeSettlementMonetarySummation><m:GrandTotalAmount>571.04</m:GrandTotalAmount>
   </m:SpecifiedTradeSettlementMonetarySummation></m:ApplicableSupplyChainTradeSettlement>
 </r:SpecifiedSupplyChainTradeTransaction></r:CrossIndustryDocument>"""

FATTURA = """<p:FatturaElettronica xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2">
 <FatturaElettronicaHeader><CedentePrestatore><DatiAnagrafici><IdFiscaleIVA><IdPaese>IT</IdPaese>
   <IdCodice>01234567890</IdCodice></IdFiscaleIVA><Anagrafica><Nome>Ada</Nome><Cognome>Neri</Cognome></Anagrafica>
  </DatiAnagrafici><Sede><Nazione>IT</Nazione></Sede></CedentePrestatore></FatturaElettronicaHeader>
 <FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento><TipoDocumento>TD04</TipoDocumento><Divisa>EUR</Divisa>
  <Data>2024-01-18</Data><Numero>12/A</Numero><ImportoTotaleDocumento>1302.005</ImportoTotaleDocumento>
  <Causale>Reso merce</Causale></DatiGeneraliDocumento>
 </DatiGenerali></FatturaElettronicaBody></p:FatturaElettronica>"""


def _read(text: str) -> einvoice.EInvoice:
    found = einvoice.read(text.encode())
    assert found is not None
    return found


def test_a_ubl_invoice_is_read_whole():
    found = _read(UBL)
    assert (found.syntax, found.kind, found.number) == ("UBL", "invoice", "R-77")
    assert (found.issued_on, found.due_on) == (date(2024, 2, 29), date(2024, 3, 30))
    assert found.seller == InvoiceParty("Ziegelei Nord GmbH", "DE123456789", "DE")
    assert found.buyer.name == "Bau AG"
    assert (found.total, found.payable) == (Money(11900, "EUR"), Money(1900, "EUR"))
    assert (found.iban, found.notes) == ("DE89370400440532013000", ("Thank you",))


def test_a_cii_credit_note_in_yen_has_no_decimals_and_the_vat_number_goes_first():
    found = _read(CII)
    assert (found.syntax, found.kind, found.issued_on) == ("CII", "credit_note", date(2023, 12, 31))
    assert found.total == Money(-2500, "JPY")
    assert found.seller.tax_id == "FR11123456782"


def test_a_zugferd_1_invoice_is_read():
    found = _read(ZUGFERD1)
    assert (found.syntax, found.number, found.total) == ("ZUGFeRD1", "4711", Money(57104, "EUR"))
    assert (found.seller.name, found.notes) == ("Alt GmbH", ("Danke",))


def test_a_fattura_of_a_person_is_a_credit_note_with_the_total_rounded_to_cents():
    found = _read(FATTURA)
    assert (found.syntax, found.kind, found.number) == ("FatturaPA", "credit_note", "12/A")
    assert found.seller == InvoiceParty("Ada Neri", "IT01234567890", "IT")
    assert (found.total, found.payable) == (Money(130201, "EUR"), None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_the_encoding_does_not_matter(encoding):
    text = UBL.replace("UTF-8", "UTF-16") if encoding == "utf-16" else UBL
    found = einvoice.read(text.encode(encoding))
    assert found is not None
    assert found.number == "R-77"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"%PDF-1.7", id="a PDF"),
        pytest.param(b"<html><body>Invoice</body></html>", id="a page"),
        pytest.param(b"<Invoice><ID>1</ID></Invoice>", id="an invoice of no known syntax"),
        pytest.param(b"<", id="a mark"),
        pytest.param(b"<x:>Invoice</x:>", id="a name of a prefix alone"),
    ],
)
def test_what_is_no_electronic_invoice_is_none(data):
    assert einvoice.read(data) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(UBL[:-40].encode(), id="broken off"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + UBL.split("?>\n", 1)[1].encode(),
            id="with a DTD",
        ),
        pytest.param(UBL.encode() + b" " * einvoice.MOST_BYTES, id="too large"),
    ],
)
def test_a_damaged_or_hostile_invoice_is_refused(data):
    with pytest.raises(UnreadableInvoice):
        einvoice.read(data)


def test_an_entity_is_never_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + UBL.split("?>\n", 1)[1]
    with pytest.raises(UnreadableInvoice):
        einvoice.read(bomb.replace("R-77", "&b;").encode())


@given(st.binary(max_size=60), st.integers(0, len(UBL)), st.integers(0, 40))
def test_a_mangled_invoice_is_read_refused_or_none_and_nothing_else(junk, at, cut):
    data = UBL.encode()
    try:
        einvoice.read(data[:at] + junk + data[at + cut :])
    except UnreadableInvoice:
        return


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD", None]))
def test_money_survives_being_written_and_read(minor, currency):
    from ingest.money import from_decimal

    money = Money(minor, currency)
    assert from_decimal(str(money).split(" ")[0], currency) == money


@pytest.mark.corpus
def test_the_electronic_invoices_of_the_corpus_say_what_their_labels_say(corpus):
    rows = csv.DictReader((corpus / "labels.tsv").open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    labelled = {row["path"]: json.loads(row["expected"]) for row in rows if row["kind"] == "xml"}
    checked = 0
    for path, expected in labelled.items():
        found = einvoice.read((corpus / path).read_bytes())
        assert found is not None, path
        assert (found.syntax, found.number) == (expected["syntax"], expected["invoice_number"]), path
        assert str(found.issued_on) == expected["date"], path
        assert found.seller.name == " ".join(expected["vendor"].split()), path
        for name, money in (("total", found.total), ("payable", found.payable)):
            if name in expected:
                assert money is not None, path
                assert money.minor == round(Decimal(expected[name]) * 100), path
        checked += 1
    assert checked == len(labelled) > 30
