"""Fields read from XML, headers and labelled lines."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import einvoice, fields, money
from ingest.classify import OwnNames
from ingest.extraction import Page, Word
from ingest.fields import Box, Field
from ingest.money import Money


def _read(text: str, language: str = "en", **more) -> dict[str, Field]:
    return {field.name: field for field in fields.read([Page(1, text)], language=language, **more)}


INVOICES = {
    "en": (
        "Invoice number: INV-204\nInvoice date: March 4, 2024\nSubtotal 1,000.00\nAmount due: $1,190.50",
        "INV-204",
        "USD",
    ),
    "de": (
        "Rechnungs-Nr. INV-204\nRechnungsdatum: 04.03.2024\nNettobetrag 1.000,00\nGesamtbetrag 1.190,50 €",
        "INV-204",
        "EUR",
    ),
    "fr": (
        "Facture n° INV-204\nDate de facture : 4 mars 2024\nTotal HT 1 000,00\nTotal TTC 1 190,50 EUR",
        "INV-204",
        "EUR",
    ),
    "ro": (
        "Factura nr. INV-204\nData emiterii: 04.03.2024\nTotal fără TVA 1.000,00\nTotal de plată 1.190,50 lei",
        "INV-204",
        "RON",
    ),
    "es": (
        "Factura n.º INV-204\nFecha de factura: 4 de marzo de 2024\nBase imponible 1.000,00\nTotal factura 1.190,50 €",
        "INV-204",
        "EUR",
    ),
    "it": (
        "Fattura n. INV-204\nData fattura 04/03/2024\nImponibile 1.000,00\nTotale fattura 1.190,50 EUR",
        "INV-204",
        "EUR",
    ),
    "nl": (
        "Factuurnummer: INV-204\nFactuurdatum: 4 maart 2024\nSubtotaal 1.000,00\nTotaalbedrag 1.190,50 EUR",
        None,
        "EUR",
    ),
}


@pytest.mark.parametrize("language", INVOICES, ids=list(INVOICES))
def test_the_labelled_lines_of_an_invoice_are_read(language):
    text, number, currency = INVOICES[language]
    found = _read(text, language)
    assert found["document_date"].value == date(2024, 3, 4)
    assert found["total"].value == Money(119050, currency)
    assert found["currency"].value == currency
    if number:
        assert found["number"].value == number
    assert all(0.5 <= found[name].probability < 1 for name in ("document_date", "total"))
    assert found["total"].source == "label"


@pytest.mark.parametrize(
    ("printed", "minor"),
    [
        ("1,234.56", 123456),
        ("1.234,56", 123456),
        ("1 234,56", 123456),
        ("1'234.56", 123456),
        ("1234.5", 123450),
        ("1.234", 123400),
        ("12,34", 1234),
        ("0,07", 7),
        ("-12.00", -1200),
        ("(12.00)", -1200),
        ("12.00-", -1200),
        ("1,234,567.89", 123456789),
        ("7", 700),
    ],
)
def test_an_amount_is_read_with_point_or_comma(printed, minor):
    assert money.from_print(printed, "EUR") == Money(minor, "EUR")


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "1,23.45,6", "12345678901234567890", "٣٤"])
def test_what_is_no_amount_is_none(text):
    assert money.from_print(text, "EUR") is None


def test_a_day_that_could_be_another_is_marked_and_one_that_could_not_is_sure():
    assert _read("Date: 03/04/2024", "en")["document_date"].probability < 0.3
    assert _read("Date: 25/04/2024", "en")["document_date"].probability > 0.6
    assert _read("Datum: 03/04/2024", "de")["document_date"].value == date(2024, 4, 3)
    assert _read("Datum: 03/04/2024", "de")["document_date"].probability > 0.6


@pytest.mark.parametrize(
    "text", ["Date: 31.02.2024", "Date: 00/00/0000", "Total: many", "Invoice number:", "Date: 1.1.1203"]
)
def test_nonsense_behind_a_label_gives_no_field(text):
    assert _read(text) == {}


def test_a_subtotal_is_not_the_total_and_the_largest_of_equals_is():
    found = _read("Subtotal 90.00\nTotal 20.00\nTotal 110.00\nTotal tax 20.00\nTotal discount 5.00")
    assert found["total"].value == Money(11000, None)


def test_a_value_below_its_label_is_found():
    assert _read("Amount due\n£250.00")["total"].value == Money(25000, "GBP")


def test_the_other_party_is_not_ourselves():
    text = "Kestrel Foods plc\nHigh Street 1\nOakridge Tools Ltd\nPark Avenue 4"
    assert _read(text, own=OwnNames(("Kestrel Foods plc",)))["party"].value == "Oakridge Tools Ltd"
    assert _read(text)["party"].value == "Kestrel Foods plc"


def test_the_headers_of_a_mail_give_its_day_and_sender():
    facts = {"from": "Ana Ionescu <ana@example.com>", "date": "Tue, 05 Mar 2024 23:30:00 +0200"}
    found = _read("Bună ziua", "ro", facts=facts)
    assert (found["party"].value, found["party"].source) == ("Ana Ionescu", "header")
    assert found["document_date"].value == date(2024, 3, 5)


def test_the_xml_goes_before_what_the_page_says():
    invoice = einvoice.EInvoice(
        "CII", "invoice", "X-1", date(2024, 1, 2), None, einvoice.InvoiceParty("Alt GmbH", None, "DE"),
        einvoice.InvoiceParty("Neu AG", None, "DE"), "EUR", Money(100, "EUR"), None, None, (),
    )  # fmt: skip
    found = _read(INVOICES["de"][0], "de", einvoice=invoice, own=OwnNames(("Alt GmbH",)))
    assert {name: field.value for name, field in found.items()} == {
        "document_date": date(2024, 1, 2),
        "party": "Neu AG",
        "number": "X-1",
        "total": Money(100, "EUR"),
        "currency": "EUR",
    }
    assert {field.source for field in found.values()} == {"xml"}


def test_the_box_of_a_value_is_that_of_its_words():
    words = (
        Word("Invoice", 100, 100, 300, 120),
        Word("date:", 310, 100, 400, 120),
        Word("4", 410, 100, 420, 120),
        Word("March", 430, 98, 520, 121),
        Word("2024", 530, 100, 600, 120),
        Word("Total:", 100, 200, 200, 220),
        Word("€7.00", 210, 200, 300, 220),
    )
    page = Page(1, "Invoice date: 4 March 2024\nTotal: €7.00", words)
    found = {field.name: field for field in fields.read([page], language="en")}
    assert found["document_date"].box == Box(410, 98, 600, 121)
    assert found["total"].box == Box(210, 200, 300, 220)


@given(st.lists(st.text(max_size=400), max_size=6), st.sampled_from(["en", "de", "und"]))
def test_any_text_gives_fields_of_the_right_types(texts, language):
    pages = [Page(number, text) for number, text in enumerate(texts, 1)]
    for field in fields.read(pages, language=language, facts={"from": texts[0] if texts else "", "date": "x"}):
        assert isinstance(field.value, {"document_date": date, "total": Money}.get(field.name, str))
        assert 0 < field.probability <= 1
