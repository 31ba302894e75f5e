"""Rules that contradict themselves or each other are refused before they can date anything."""

from datetime import date

import pytest

from retention.period import InvalidPeriod, Period
from retention.rule import InvalidRule, check, contradictions
from tests.support.laws import law, or_later


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(law(), id="a plain minimum"),
        pytest.param(law(period="P0D", trigger="asset_end_of_useful_life"), id="until the event, and then act"),
        pytest.param(law(period="PT72H", trigger="recorded", record_class="cctv_recording"), id="hours"),
        pytest.param(law(jurisdiction="EU"), id="law of the Union"),
        pytest.param(law(record_class="supplier_invoice"), id="a class of the file plan"),
        pytest.param(law(action="permanent", period="P0D"), id="kept permanently"),
        pytest.param(
            law(trigger="hire_date", later_of=(or_later("employment_end", "P1Y"),)), id="the later of two events"
        ),
        pytest.param(
            law(trigger="hire_date", later_of=(or_later("hire_date", "P3Y"), or_later("employment_end", "P1Y"))),
            id="the later of two, its own among them",
        ),
        pytest.param(law(valid_from=date(2026, 1, 1), valid_to=date(2026, 1, 1)), id="valid on one day"),
    ],
)
def test_a_rule_that_makes_sense_passes(rule):
    check(rule)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param(law(code="De Invoice"), "code", id="a code with spaces"),
        pytest.param(law(version=0), "versions", id="version nought"),
        pytest.param(law(jurisdiction="UK"), "country", id="UK is no ISO code"),
        pytest.param(law(jurisdiction="XX"), "country", id="an unknown country"),
        pytest.param(law(record_class="unicorns"), "class", id="an unknown class"),
        pytest.param(law(trigger="document_uploaded"), "events", id="an unknown event"),
        pytest.param(law(anchor="end_of_week"), "anchor", id="an unknown anchor"),
        pytest.param(law(rounding="up"), "rounding", id="an unknown rounding"),
        pytest.param(law(bound="wish"), "bound", id="an unknown bound"),
        pytest.param(law(action="shred"), "action", id="an unknown action"),
        pytest.param(law(confidence="sure"), "confidence", id="an unknown confidence"),
        pytest.param(law(legal_basis=" "), "provision", id="no provision"),
        pytest.param(
            law(valid_from=date(2026, 1, 2), valid_to=date(2026, 1, 1)), "ends before", id="over before it begins"
        ),
        pytest.param(law(action="permanent", bound="maximum"), "permanently", id="permanent, but no longer than"),
        pytest.param(law(action="permanent", bound="limitation"), "permanently", id="permanent until claims lapse"),
        pytest.param(law(period="PT72H", anchor="end_of_calendar_year"), "event itself", id="hours from a year's end"),
        pytest.param(law(period="PT72H", rounding="calendar_year_end"), "hours", id="hours rounded to a year"),
        pytest.param(law(slack=Period(hours=4)), "slack", id="a slack in hours"),
        pytest.param(
            law(period="PT72H", bound="maximum", slack=Period(days=1)), "slack", id="days of slack inside hours"
        ),
        pytest.param(
            law(later_of=(or_later("claim_due", "P1Y"), or_later("claim_due", "P1Y"))), "twice", id="stated twice"
        ),
        pytest.param(
            law(later_of=(or_later("claim_due", "P1Y"), or_later("claim_due", "P2Y"))),
            "never counts",
            id="never counts",
        ),
        pytest.param(law(later_of=(or_later("contract_end", "P9Y"),)), "never counts", id="its own event again"),
        pytest.param(law(later_of=(or_later("recorded", "PT72H"),)), "hours", id="days or hours"),
        pytest.param(law(code="a", later_of=(or_later("a", "P1Y"),)), "another period", id="later than its own end"),
        pytest.param(law(trigger="b", code="a"), "another period", id="starts where another rule ends"),
    ],
)
def test_a_rule_is_refused_that(rule, says):
    with pytest.raises(InvalidRule, match=says):
        check(rule)


def test_a_period_that_runs_backwards_cannot_even_be_written():
    with pytest.raises(InvalidPeriod):
        Period(years=-1)


@pytest.mark.parametrize(
    ("period", "slack"),
    [("P8Y", "P3M"), ("P1Y", "P3M"), ("P52W", "P1M"), ("P6M", "P1M"), ("P30D", "P1W"), ("P4W", "P1W"), ("P3D", "P1D"),
     ("PT72H", "P1D"), ("P0D", "P3M")],
)  # fmt: skip
def test_the_standard_slack_grows_with_the_period(period, slack):
    assert law(period=period).room.text == slack


def test_a_stated_slack_goes_before_the_standard_one():
    assert law(slack=Period(days=10)).room == Period(days=10)


@pytest.mark.parametrize(
    ("floor", "ceiling", "contradict"),
    [
        pytest.param({"period": "P5Y"}, {"period": "P3Y"}, True, id="five years at least, three at most"),
        pytest.param({"period": "P3Y"}, {"period": "P3Y"}, False, id="exactly three years"),
        pytest.param({"period": "P3Y"}, {"period": "P5Y"}, False, id="three at least, five at most"),
        pytest.param({"period": "P5Y"}, {"period": "P3Y", "trigger": "claim_due"}, False, id="from different events"),
        pytest.param({"period": "P5Y"}, {"period": "P3Y", "record_class": "invoice"}, False, id="different classes"),
        pytest.param({"period": "P0D", "action": "permanent"}, {"period": "P90Y"}, True, id="for ever, ninety at most"),
        pytest.param(
            {"period": "P3Y", "rounding": "calendar_year_end"}, {"period": "P3Y"}, False, id="only by the rounding"
        ),
    ],
)
def test_rules_that_no_day_satisfies_are_found(floor, ceiling, contradict):
    low, high = law("low", **{"bound": "minimum", **floor}), law("high", **{"bound": "maximum", **ceiling})
    assert contradictions([high, low]) == (((low, high),) if contradict else ())
