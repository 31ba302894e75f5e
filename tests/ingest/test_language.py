"""The language of a text."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import language

TEXTS = {
    "en": "The supplier shall deliver the goods within thirty days of the order, free of any charge.",
    "de": "Der Lieferant liefert die Ware innerhalb von dreißig Tagen nach der Bestellung frei Haus.",
    "fr": "Le fournisseur livre la marchandise dans les trente jours suivant la commande, sans frais.",
    "ro": "Furnizorul livrează marfa în termen de treizeci de zile de la comandă, fără nicio taxă.",
    "es": "El proveedor entregará la mercancía dentro de los treinta días siguientes al pedido.",
    "it": "Il fornitore consegna la merce entro trenta giorni dall'ordine, senza alcuna spesa.",
    "nl": "De leverancier levert de goederen binnen dertig dagen na de bestelling zonder kosten.",
    "zh": "供应商应当在收到订单之后的三十天之内交付货物，不得收取任何其他费用。本合同自双方签字之日起生效。",
}


@pytest.mark.parametrize("code", TEXTS, ids=list(TEXTS))
def test_a_sentence_is_recognised(code):
    found = language.detect(TEXTS[code])
    assert found.code == code
    assert found.probability >= language.LEAST_PROBABILITY


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("OK", id="a word"),
        pytest.param("4711 0815 17.03.2024 1.234,56 EUR DE89370400440532013000", id="numbers"),
        pytest.param("#@!$ %%% ~~~ ||| ;;; ::: \x00\x01\x02", id="marks and control characters"),
    ],
)
def test_too_little_text_is_undetermined(text):
    assert language.detect(text) == language.UNDETERMINED


def test_half_german_and_half_french_is_several_languages():
    assert language.detect(TEXTS["de"] * 12 + TEXTS["fr"] * 12).code == "mul"


def test_a_foreign_quotation_does_not_change_the_language():
    assert language.detect(TEXTS["de"] * 10 + TEXTS["en"] + TEXTS["de"] * 10).code == "de"


def test_capital_letters_do_not_change_the_language():
    assert language.detect(TEXTS["ro"].upper()).code == "ro"


def test_detection_opens_no_connection(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    language._detector.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert language.detect(TEXTS["fr"]).code == "fr"


@given(st.text(max_size=3000))
def test_any_text_gets_an_answer_with_a_probability(text):
    found = language.detect(text)
    assert found.code
    assert 0.0 <= found.probability <= 1.0
