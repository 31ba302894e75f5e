"""Last days of keeping, worked by hand from the statutes: every anchor and every rounding.

Each case can be checked with the provision, a calendar and a pencil.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from retention.anchor import ANCHORS, Calendar
from retention.period import ROUNDINGS, Period
from retention.rule import Alternative, Rule, check, contradictions
from retention.verdict import decide
from tests.support.laws import facts, law, or_later

FACTS_FILE = Path(
    os.environ.get("MUNIMENT_RETENTION_FACTS", Path(__file__).parents[3] / "shared" / "retention-facts.yaml")
)


def _law(period: str, trigger: str, anchor: str = "event_date", **stated: object) -> Rule:
    return law("a-statute", period, trigger=trigger, anchor=anchor, **stated)


LAWS = {
    # Germany
    "AO 147": _law("P8Y", "document_created", "end_of_calendar_year"),
    "HGB 257, accounts": _law("P10Y", "accounts_prepared", "end_of_calendar_year"),
    "HGB 257, letters": _law("P6Y", "sent_or_received", "end_of_calendar_year"),
    "BGB 195, 199": _law("P3Y", "contract_end", "end_of_calendar_year", bound="limitation"),
    "AGG 15, ArbGG 61b": _law("P6M", "rejection_received", bound="limitation"),
    "HinSchG 11": _law("P3Y", "proceeding_closed", bound="maximum"),
    "GefStoffV": _law("P40Y", "exposure_end"),
    "DSK on cameras": _law("P3D", "recorded", bound="guidance"),
    # Austria
    "BAO 132": _law("P7Y", "document_period_end", "end_of_cy_of_fiscal_year_end"),
    "UStG 18(10)": _law("P22Y", "first_use", "end_of_calendar_year"),
    "GlBG 15": _law("P7M", "rejection_received", bound="limitation"),
    # France
    "L123-22": _law("P10Y", "document_created", "end_of_fiscal_year"),
    "LPF L102 B": _law("P6Y", "document_created"),
    "CSI L252-5": _law("P1M", "recorded", bound="maximum"),
    # United Kingdom
    "PAYE reg. 97": _law("P3Y", "payment_made", "end_of_tax_year"),
    "VAT reg. 31": _law("P6Y", "document_created"),
    "COSHH reg. 11": _law("P40Y", "last_entry"),
    # Romania
    "Legea 82/1991": _law("P5Y", "document_created", "july_1_after_fiscal_year"),
    "OMFP 2634/2015": _law("P0D", "asset_end_of_useful_life"),
    "Legea 190/2018": _law("P30D", "recorded", bound="maximum"),
    # Poland
    "KC 118": _law("P3Y", "claim_due", rounding="calendar_year_end", bound="limitation"),
    "KP 94 pt 9b": _law("P10Y", "employment_end", "end_of_calendar_year"),
    "KP 22(2)": _law("P3M", "recorded", bound="maximum"),
    # Netherlands, Italy, Ireland
    "AP on applicants": _law("P4W", "procedure_closed", bound="guidance"),
    "Arbeidstijdenbesluit 3.2:1": _law("P52W", "record_made"),
    "c.c. 2220": _law("P10Y", "last_entry"),
    "S.I. 44/1993 reg. 60": _law("P10Y", "accident_date"),
    # United States: three years from hire or one from the end of employment, whichever is later
    "8 CFR 274a.2": _law(
        "P3Y", "hire_date", later_of=(or_later("hire_date", "P3Y"), or_later("employment_end", "P1Y"))
    ),
    "29 CFR 1904.33": _law("P5Y", "accident_date", "end_of_calendar_year"),
}
CASES = [
    # statute, fiscal year from, event(s), last day kept, what the case is about
    ("AO 147", "01-01", "2025-03-15", "2033-12-31", "the period starts with the close of the calendar year"),
    ("AO 147", "01-01", "2025-12-31", "2033-12-31", "of 31 December"),
    ("AO 147", "01-01", "2026-01-01", "2034-12-31", "of 1 January: a full year more"),
    ("AO 147", "04-01", "2025-02-10", "2033-12-31", "the year it arose in, whatever the fiscal year"),
    ("AO 147", "01-01", "2016-05-04", "2024-12-31", "BEG IV: a voucher of 2016 was free from 1 January 2025"),
    ("HGB 257, accounts", "01-01", "2025-05-20", "2035-12-31", "the year of preparation, not the year they cover"),
    ("HGB 257, letters", "01-01", "2024-12-31", "2030-12-31", "sent on New Year's Eve"),
    ("BGB 195, 199", "01-01", "2026-06-30", "2029-12-31", "from the end of the year the claim arose in"),
    ("AGG 15, ArbGG 61b", "01-01", "2025-08-31", "2026-02-28", "BGB 188(3): February has no day 31"),
    ("HinSchG 11", "01-01", "2024-02-29", "2027-02-28", "closed on 29 February"),
    ("GefStoffV", "01-01", "1965-08-14", "2005-08-14", "long before 1970"),
    ("DSK on cameras", "01-01", "2026-12-30", "2027-01-02", "three days over the turn of the year"),
    ("BAO 132", "01-01", "2025-05-10", "2032-12-31", "the fiscal year is the calendar year"),
    ("BAO 132", "04-01", "2025-02-28", "2032-12-31", "the fiscal year ends on 31 March 2025"),
    ("BAO 132", "04-01", "2025-05-10", "2033-12-31", "the fiscal year ends on 31 March 2026"),
    ("UStG 18(10)", "01-01", "2026-03-01", "2048-12-31", "22 years of a building"),
    ("GlBG 15", "01-01", "2026-07-31", "2027-02-28", "six months and one"),
    ("L123-22", "01-01", "2025-09-01", "2035-12-31", "the fiscal year is the calendar year"),
    ("L123-22", "07-01", "2025-09-01", "2036-06-30", "the fiscal year ends in June"),
    ("L123-22", "03-01", "2024-01-15", "2034-02-28", "the fiscal year ended on 29 February"),
    ("LPF L102 B", "01-01", "2020-02-29", "2026-02-28", "drawn up on 29 February"),
    ("CSI L252-5", "01-01", "2026-01-31", "2026-02-28", "a month from 31 January"),
    ("PAYE reg. 97", "01-01", "2025-04-05", "2028-04-05", "paid on the last day of the tax year"),
    ("PAYE reg. 97", "01-01", "2025-04-06", "2029-04-05", "paid on the first day of the next"),
    ("VAT reg. 31", "01-01", "2024-02-29", "2030-02-28", "six years from 29 February"),
    ("COSHH reg. 11", "01-01", "2024-02-29", "2064-02-29", "forty years from 29 February, added once"),
    ("VAT reg. 31", "01-01", "2096-02-29", "2102-02-28", "after 2100"),
    ("Legea 82/1991", "01-01", "2025-03-10", "2031-07-01", "five years from 1 July 2026"),
    ("Legea 82/1991", "10-01", "2025-10-15", "2032-07-01", "the fiscal year ends in September 2026"),
    ("OMFP 2634/2015", "01-01", "2026-05-31", "2026-05-31", "until the end of the asset's life, and no longer"),
    ("Legea 190/2018", "01-01", "2026-01-31", "2026-03-02", "thirty days are not a month"),
    ("KC 118", "01-01", "2024-03-15", "2027-12-31", "the end moves up to the end of the year"),
    ("KC 118", "01-01", "2024-12-31", "2027-12-31", "which it is already"),
    ("KC 118", "01-01", "2025-01-01", "2028-12-31", "due a day later: a year more"),
    ("KP 94 pt 9b", "01-01", "2026-06-30", "2036-12-31", "from the end of the year of leaving"),
    ("KP 22(2)", "01-01", "2025-11-30", "2026-02-28", "three months from 30 November"),
    ("AP on applicants", "01-01", "2026-02-02", "2026-03-02", "four weeks from a Monday end on a Monday"),
    ("Arbeidstijdenbesluit 3.2:1", "01-01", "2025-01-01", "2025-12-31", "52 weeks are a day less than a year"),
    ("c.c. 2220", "01-01", "2020-07-15", "2030-07-15", "ten years from the last entry"),
    ("S.I. 44/1993 reg. 60", "01-01", "1996-02-29", "2006-02-28", "an accident on 29 February"),
    ("8 CFR 274a.2", "01-01", ("2024-01-10", "2024-03-01"), "2027-01-10", "left after two months"),
    ("8 CFR 274a.2", "01-01", ("2015-05-01", "2026-08-31"), "2027-08-31", "left after eleven years"),
    ("8 CFR 274a.2", "01-01", ("2024-03-01", "2026-03-01"), "2027-03-01", "both ends on the same day"),
    ("29 CFR 1904.33", "01-01", "2026-01-02", "2031-12-31", "from the end of the year"),
]


@pytest.mark.parametrize(
    ("statute", "fiscal_year_start", "events", "last"),
    [pytest.param(*case[:4], id=f"{case[0]}: {case[4]}") for case in CASES],
)
def test_the_last_day_kept_by(statute, fiscal_year_start, events, last):
    rule = LAWS[statute]
    check(rule)
    triggers = dict.fromkeys(way.trigger for way in rule.ways)
    days = [events] if isinstance(events, str) else events
    known = dict(zip(triggers, map(date.fromisoformat, days), strict=True))
    verdict = decide([rule], facts(calendar=Calendar("Europe/Berlin", fiscal_year_start), **known))
    assert verdict.state == "dated"
    assert verdict.retain_through == date.fromisoformat(last)
    assert verdict.eligible_from == date.fromisoformat(last) + timedelta(days=1)
    assert verdict.winner == rule


def test_the_table_covers_every_anchor_rounding_and_statute():
    rules = [LAWS[case[0]] for case in CASES]
    assert {way.anchor for rule in rules for way in rule.ways} == set(ANCHORS)
    assert {rule.rounding for rule in rules} == set(ROUNDINGS)
    assert {case[0] for case in CASES} == set(LAWS)


@pytest.mark.parametrize(
    ("zone", "last"),
    [
        pytest.param("Europe/Berlin", "2034-12-31", id="a year more in Berlin, where it was 2026 already"),
        pytest.param("Europe/Bucharest", "2034-12-31", id="and in Bucharest"),
        pytest.param("Europe/London", "2033-12-31", id="but not in London"),
        pytest.param("America/New_York", "2033-12-31", id="nor in New York"),
    ],
)
def test_half_an_hour_before_the_turn_of_the_year(zone, last):
    issued = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    verdict = decide([LAWS["AO 147"]], facts(calendar=Calendar(zone), instants={"document_created": issued}))
    assert verdict.retain_through == date.fromisoformat(last)


@pytest.mark.skipif(not FACTS_FILE.exists(), reason="the starter retention facts are not at hand")
def test_every_row_of_the_facts_is_a_rule_and_dates_a_record():
    rows = yaml.safe_load(FACTS_FILE.read_text())["rules"]
    assert len(rows) == 120
    rules = [_rule(row) for row in rows]
    for rule in rules:
        check(rule)
        event = rule.valid_from or date(2026, 2, 28)
        known = facts(classes={rule.record_class: True}, **{way.trigger: event for way in rule.ways})
        dated = decide([rule], known)
        assert dated.state == "dated", rule.code
        assert dated.retain_through is not None
        assert dated.retain_through >= event, rule.code
        waiting = decide([rule], facts(classes={rule.record_class: True}))
        assert waiting.state == "awaiting_trigger"
        assert set(waiting.missing) == {way.trigger for way in rule.ways}
    assert contradictions(rules) == ()


def _rule(row: dict[str, object]) -> Rule:
    alternatives = tuple(
        Alternative(way["trigger"], way["anchor"], Period.parse(way["period"])) for way in row.get("later_of", ())
    )
    kept = ("record_class", "trigger", "anchor", "bound", "action", "legal_basis", "note", "confidence", "valid_from")
    return law(
        str(row["id"]),
        str(row["period"]),
        jurisdiction="GB" if row["jurisdiction"] == "UK" else row["jurisdiction"],
        rounding=row.get("end_rounding", "none"),
        later_of=alternatives,
        **{key: row[key] for key in kept if key in row},
    )
