"""The starter classifier: what it says of made-up documents, of nothing, and how fast."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import classify, features, model
from ingest.classify import OwnNames
from ingest.einvoice import EInvoice, InvoiceParty
from ingest.training import fit, vocabulary
from records import file_plan

PLAN = file_plan.load()


def _einvoice(kind="invoice", seller="Ziegelei Nord GmbH", buyer="Bau AG") -> EInvoice:
    return EInvoice(
        syntax="UBL",
        kind=kind,
        number="1",
        issued_on=date(2024, 1, 1),
        due_on=None,
        seller=InvoiceParty(seller, "DE 123456789", "DE"),
        buyer=InvoiceParty(buyer, None, "DE"),
        currency="EUR",
        total=None,
        payable=None,
        iban=None,
        notes=(),
    )


TEXTS = {
    "lease": "Lease agreement. The landlord lets the flat at 5 Mill Lane to the tenant. The monthly rent is 900 pounds "
    "and the tenant pays a deposit. The tenant shall not sublet without consent of the landlord.",
    "payslip": "Gehaltsabrechnung für März. Bruttogehalt 3.200,00 Lohnsteuer 410,12 Krankenversicherung "
    "Rentenversicherung Steuerklasse 1 Personalnummer 77. Auszahlungsbetrag 2.105,44",
    "cv": "Currículum. Experiencia profesional: contable en una empresa de Sevilla. Formación: Grado en Economía. "
    "Idiomas: inglés. Habilidades informáticas. Fecha de nacimiento 1990.",
    "minutes": "Procès-verbal de l'assemblée. Présents : les associés. Le président ouvre la séance. Ordre du jour. "
    "La résolution est adoptée à l'unanimité. La séance est levée à midi.",
    "invoice": "Factură seria AB numărul 15. Furnizor, cumpărător, cod fiscal. Cantitate, preț unitar, valoare TVA. "
    "Total de plată 1.190,00 lei. Termen de plată 30 zile.",
}


@pytest.mark.parametrize("code", TEXTS, ids=list(TEXTS))
def test_a_plain_document_of_its_kind_is_recognised_with_reasons_from_its_words(code):
    found = classify.classify(TEXTS[code])
    assert found.code == code
    assert found.reasons
    words = set(features.fold(TEXTS[code]).replace(".", " ").replace(",", " ").split())
    assert {token for token, _ in found.reasons if token[0] != "("} <= words | set(features.extract(TEXTS[code]).words)
    assert found.runners_up[0][0] != code


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("4711 0815 ---- ****", id="figures"),
        pytest.param("Zxqv wplk bnmr tyui ghjk qwrt plmn xcvb zzzt krrk vrrr mnop qqqq", id="gibberish"),
        pytest.param("Договор купли-продажи между продавцом и покупателем заключён в Москве", id="another script"),
    ],
)
def test_what_is_like_nothing_learnt_is_other_with_a_low_probability(text):
    found = classify.classify(text)
    assert (found.code, found.probability) == ("other", classify.UNKNOWN)


@pytest.mark.parametrize(
    ("invoice", "own", "code"),
    [
        pytest.param(_einvoice(), OwnNames(("Bau AG",)), "supplier_invoice", id="we buy"),
        pytest.param(_einvoice(), OwnNames(("ZIEGELEI NORD GMBH",)), "customer_invoice", id="we sell"),
        pytest.param(_einvoice(), OwnNames((), ("DE123456789",)), "customer_invoice", id="our tax number sells"),
        pytest.param(_einvoice(), OwnNames(("Somebody Ltd",)), "invoice", id="neither is us"),
        pytest.param(
            _einvoice(buyer="Ziegelei Nord GmbH"), OwnNames(("Ziegelei Nord GmbH",)), "invoice", id="both are us"
        ),
        pytest.param(_einvoice("credit_note"), OwnNames(("Bau AG",)), "credit_note", id="a credit note"),
    ],
)
def test_an_electronic_invoice_needs_no_guess(invoice, own, code):
    found = classify.classify("any text", einvoice=invoice, own=own)
    assert found.code == code
    assert found.probability > 0.95
    assert found.reasons[0][0].startswith("(electronic invoice")


@pytest.mark.parametrize(
    ("head", "code"),
    [
        pytest.param("Acme Trading Ltd\nInvoice\nBill to: Kestrel Foods plc", "supplier_invoice", id="billed to us"),
        pytest.param("Kestrel Foods plc\nInvoice\nBill to: Acme Trading Ltd", "customer_invoice", id="our letterhead"),
        pytest.param("Acme Trading Ltd\nInvoice\nBill to: Somebody", "invoice", id="not about us"),
    ],
)
def test_our_name_in_the_text_tells_supplier_from_customer_invoices(head, code):
    text = (
        f"{head}\nInvoice number 17, invoice date 3 May 2024, due date, subtotal, VAT, total amount due, bank transfer"
    )
    assert classify.classify(text, own=OwnNames(("Kestrel Foods PLC",))).code == code


def test_the_shipped_model_was_learnt_from_the_inputs_at_hand():
    assert model.starter().meta["inputs_sha256"] == fit.inputs_digest(), "run python -m ingest.training"


def test_every_class_of_the_model_can_be_filed_in():
    assert {code for code in model.starter().classes if PLAN.get(code).group} == set()


def test_every_language_speaks_of_every_class():
    classes = {language: vocabulary.load(language).classes() for language in vocabulary.LANGUAGES}
    assert len({frozenset(codes) for codes in classes.values()}) == 1


def test_most_new_made_up_documents_are_recognised():
    made = [one for at, one in enumerate(fit.examples(4711)) if at % 12 == 0]
    right = sum(
        one.code in PLAN.facet_codes(found.code) or found.code in PLAN.facet_codes(one.code)
        for one in made
        for found in [classify.classify(one.text, media_type=one.media_type)]
    )
    assert len(made) > 400
    assert right / len(made) > 0.93


def test_the_same_text_gets_the_same_answer_whatever_its_accents_and_case():
    text = TEXTS["minutes"]
    first, second = classify.classify(text), classify.classify(features.fold(text))
    assert (first.code, first.reasons) == (second.code, second.reasons)


@given(st.text(max_size=2000), st.sampled_from(["", "image/png", "message/rfc822", "text/markdown"]))
def test_any_text_gets_a_class_of_the_plan(text, media_type):
    found = classify.classify(text, media_type=media_type)
    assert found.code in PLAN
    assert 0 <= found.probability <= 1


@pytest.mark.parametrize("cut", [0, 10, 1000, -1])
def test_a_damaged_model_is_refused(cut):
    folder = classify.__file__.rsplit("/", 1)[0] + "/models/starter"
    with open(f"{folder}.npz", "rb") as numbers, open(f"{folder}.json", "rb") as meaning:  # noqa: PTH123
        data, meta = numbers.read(), meaning.read()
    with pytest.raises(model.DamagedModel):
        model.load(data[:cut], meta)
    with pytest.raises(model.DamagedModel):
        model.load(data, meta.replace(b'"features_version": 1', b'"features_version": 0'))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the threads of a process are counted in /proc")
def test_classifying_takes_one_thread():
    """Those of OpenBLAS wait by spinning, for longer than a document takes."""
    asked = (
        "import os; from ingest import classify; classify.classify('Invoice for services, total 12.00 EUR ' * 20);"
        "print(len(os.listdir('/proc/self/task')))"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(classify.__file__).parent.parent)}
    said = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "1"
