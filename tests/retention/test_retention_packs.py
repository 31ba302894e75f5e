"""Starter packs: every row of the facts is in them, they load without the facts, and each row says what it is."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from retention import packs
from retention.rule import contradictions
from retention.rule_draft import STARTER

FACTS = Path(os.environ.get("MUNIMENT_FACTS", Path(__file__).parents[3] / "shared" / "retention-facts.yaml"))
SAME = ("record_class", "period", "trigger", "anchor", "bound", "action", "confidence")
ISO = {"UK": "GB"}


def facts() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load(FACTS.read_bytes())["rules"]
    return rows


@pytest.mark.skipif(not FACTS.exists(), reason="the facts are not beside the repository")
def test_every_row_of_the_facts_is_in_a_pack_as_it_stands_there():
    rows = facts()
    stated = {each.code: each for country in packs.countries() for each in packs.load(country).rules}
    assert len(rows) == len(stated) == 120
    for row in rows:
        rule = stated[row["id"]].to_json()
        assert {key: rule[key] for key in SAME} == {key: row[key] for key in SAME}, row["id"]
        assert rule["jurisdiction"] == ISO.get(row["jurisdiction"], row["jurisdiction"])
        assert rule["rounding"] == row.get("end_rounding", "none")
        assert rule["later_of"] == row.get("later_of", [])
        assert rule["valid_from"] == (str(row["valid_from"]) if "valid_from" in row else None)
        assert not row["note"] or rule["note"] != row["note"], f"{row['id']}: words of our own"


def test_the_packs_load_and_each_row_is_marked():
    assert packs.countries() == ("AT", "DE", "ES", "EU", "FR", "GB", "IE", "IT", "NL", "PL", "RO", "US")
    for country in packs.countries():
        pack = packs.load(country)
        assert {rule.jurisdiction for rule in pack.rules} == {country}
        assert {rule.marking for rule in pack.rules} == {STARTER}
        for rule in pack.rules:
            assert rule.source.startswith("Starter pack, law as of 2026-11-21")
            assert rule.legal_basis
        assert not contradictions([rule.rule() for rule in pack.rules])


def test_the_shorter_german_period_is_for_older_invoices_too():
    stated = {rule.code: rule for rule in packs.load("DE").rules}
    assert {code for code, rule in stated.items() if rule.transition == "every_record"} == {
        "de-invoice",
        "de-accounting-voucher",
        "de-payslip",
    }


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        pytest.param("DE", ("DE", "EU"), id="a member state with a pack"),
        pytest.param("SE", ("EU",), id="a member state without one"),
        pytest.param("GB", ("GB",), id="outside the Union"),
        pytest.param("JP", (), id="neither"),
    ],
)
def test_a_country_is_offered_its_pack_and_that_of_the_union(country, expected):
    assert packs.suited_to(country) == expected


def test_a_country_without_a_pack_is_told_which_there_are():
    with pytest.raises(packs.UnknownPack, match="there are packs for AT, DE"):
        packs.load("JP")
