"""*Why this date?*: the answer in words and as JSON says what the verdict says, and all of it."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import given

from retention import why_words
from retention.anchor import ANCHORS, Calendar
from retention.facts import load
from retention.period import Period
from retention.reckoning import reckon, same_end
from retention.rule import BOUNDS, TRIGGERS
from retention.verdict import CLASS_CONFIRMED, decide
from retention.why import CHANGES, REASONS, explain
from retention.why_sentences import tell
from retention.why_words import Language
from tests.support.drawn_laws import known, rules_of
from tests.support.laws import facts, law, or_later

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
HOLD = UUID("00000000-0000-4000-8000-00000000000a")


@dataclass(frozen=True)
class Held:
    kind: str = "legal_hold"
    hold: UUID = HOLD
    since: datetime = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    review_on: date | None = date(2027, 2, 1)


def why(rules, given_facts, blockers=(), today=TODAY):
    return explain(decide(rules, given_facts), given_facts, today, blockers)


def told(answer, part):
    return [sentence.text for sentence in tell(answer) if sentence.part == part]


AO = law("de-invoice", "P8Y", trigger="document_created", anchor="end_of_calendar_year", legal_basis="AO § 147(3), (4)")


def test_the_sum_is_done_step_by_step():
    answer = why([AO], facts(document_created=date(2025, 12, 5)))
    assert told(answer, "result") == [
        "Kept through 31 December 2033, that day included. From 1 January 2034 on it may be proposed.",
        "Then it is to be destroyed, after review and approval.",
        "It is to be gone by 31 March 2034: that leaves 3 months for review and destruction.",
    ]
    assert told(answer, "rule") == [
        "de-invoice, version 1 (DE) decides. A minimum: the record may not go earlier. Legal basis: AO § 147(3), (4)."
    ]
    assert told(answer, "sum") == [
        "Event: creation of the document, 5 December 2025.",
        "Counted from the end of the calendar year of the event: 31 December 2025. That day is not counted itself.",
        "8 years, added once: 31 December 2033.",
        "31 December 2033 is the last day it is kept, 1 January 2034 the first on which it may be proposed.",
    ]
    assert told(answer, "change")[0] == (
        "Correcting the day of this event moves the date only if it lies outside 1 January 2025 to "
        "31 December 2025: creation of the document."
    )


def test_a_clamped_and_rounded_end_is_told_as_such():
    rule = law("pl", "P3Y", trigger="claim_due", rounding="calendar_year_end", bound="limitation")
    sums = told(why([rule], facts(claim_due=date(2024, 2, 29))), "sum")
    assert "3 years, added once: 28 February 2027." in sums
    assert "That month has no day 29, so its last day stands." in sums
    assert "The end moves up to the end of that year: 31 December 2027." in sums


def test_the_later_of_two_is_told_with_both_sums():
    rule = law("us-i9", "P3Y", trigger="hire_date", later_of=(or_later("employment_end", "P1Y"),))
    sums = told(why([rule], facts(hire_date=date(2024, 3, 1), employment_end=date(2026, 8, 31))), "sum")
    assert "3 years, added once: 1 March 2027." in sums
    assert "1 year, added once: 31 August 2027." in sums
    assert "The latest of these ends counts: 31 August 2027." in sums


def test_hours_are_told_with_the_distance_from_utc():
    rule = law("camera", "PT72H", trigger="recorded", bound="guidance")
    answer = why([rule], facts(instants={"recorded": datetime(2026, 3, 27, 11, 0, tzinfo=UTC)}))
    assert told(answer, "result")[0] == "Kept until 30 March 2026, 13:00 (+0200). From then on it may be proposed."
    assert told(answer, "sum") == [
        "Event: recording. Counted from 27 March 2026, 12:00 (+0100).",
        "72 hours of elapsed time, whatever the clocks on the wall do: 30 March 2026, 13:00 (+0200).",
    ]
    assert answer.to_json()["eligible_at"] == "2026-03-30T11:00:00Z"


def test_losers_are_told_with_their_reason():
    rules = [
        law("longest", "P6Y"),
        law("shorter", "P3Y"),
        law("purpose", "P2Y", bound="limitation"),
        law("not-yet", "P90Y", valid_from=date(2030, 1, 1)),
        law("elsewhere", "P90Y", record_class="invoice"),
    ]
    answer = why(rules, facts(contract_end=date(2026, 6, 30)))
    others = {s.text.split(",")[0]: s.reason for s in tell(answer) if s.part == "other"}
    assert others == {
        "shorter": "It ends earlier; the longest of several minimum periods counts.",
        "purpose": "It ends earlier than a period that a statute demands.",
        "not-yet": "The event lies before the rule's validity. Event: 30 June 2026; valid from 1 January 2030.",
        "1 rule of the schedule is for another class of record.": "",
    }


def test_a_conflict_is_told_with_both_citations():
    rules = [law("low", "P5Y", legal_basis="Act A s. 1"), law("high", "P3Y", bound="maximum", legal_basis="Act B s. 2")]
    results = told(why(rules, facts(contract_end=date(2026, 6, 30))), "result")
    assert "To be kept at least through 30 June 2031: Act A s. 1." in results
    assert "To be kept no longer than through 30 June 2029: Act B s. 2." in results


def test_what_is_missing_is_named():
    answer = why([law("open", "P6Y"), law("dated", "P1Y", trigger="claim_due", bound="limitation")], facts())
    assert "Not known: end of the contract." in told(answer, "result")
    assert "Stating this would give it a date: end of the contract." in told(answer, "change")
    assert answer.to_json()["missing"] == ["claim_due", "contract_end"]


def test_a_purpose_is_told_to_need_an_interest():
    answer = why([law("claims", "P3Y", bound="limitation", confidence="unverified")], facts(contract_end=TODAY))
    assert any("needs a recorded interest" in text for text in told(answer, "rule"))
    assert any("have counsel confirm" in text for text in told(answer, "rule"))


def test_a_statutory_maximum_that_has_passed_is_overdue():
    rule = law("camera", "P1M", trigger="recorded", bound="maximum", legal_basis="CSI L252-5")
    results = told(why([rule], facts(recorded=date(2026, 1, 31))), "result")
    assert "By statute it may not be kept beyond 28 February 2026 (CSI L252-5)." in results
    assert "That day has passed: it is overdue." in results


def test_a_record_whose_period_is_over_is_eligible_and_not_overdue():
    results = told(why([AO], facts(document_created=date(2010, 1, 1))), "result")
    assert "Its period is over: it can be proposed, and 3 months are meant for review and destruction." in results
    assert not any("overdue" in each or "to be gone" in each for each in results)


def test_slack_inside_a_maximum_is_told():
    rule = law("m", "P3Y", bound="maximum", slack=Period(days=30))
    sums = told(why([rule], facts(contract_end=date(2026, 6, 30))), "sum")
    assert "30 days for review and destruction lie inside a maximum, so it is proposed earlier." in sums


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("legal_hold", "A legal hold since 1 February 2026, to be reviewed on 1 February 2027"),
        ("tax_audit", "A tax audit since"),
        ("restriction", "A restriction of processing (GDPR Art. 18) since"),
        ("open_request", "An open request of a person since"),
        ("something_new", "something_new since"),
    ],
)
def test_blockers_are_told(kind, says):
    answer = why([AO], facts(document_created=date(2010, 1, 1)), [Held(kind)])
    assert told(answer, "blocker")[0].startswith(says)
    assert told(answer, "result")[0] == "It is blocked: whatever its date, it is not destroyed now."
    assert answer.to_json()["blockers"] == [
        {"kind": kind, "hold": str(HOLD), "since": "2026-01-31T23:30:00Z", "review_on": "2027-02-01"}
    ]


def test_a_class_in_doubt_is_told_with_both_outcomes():
    rules = [
        law("now", "P10Y", record_class="personnel_file"),
        law("old", "P50Y", record_class="personnel_file_pre_2019"),
    ]
    known_facts = facts(
        classes={"personnel_file": True, "personnel_file_pre_2019": False}, contract_end=date(2026, 6, 30)
    )
    assert (
        "It is open whether a rule's class concerns the record (start of employment). "
        "If it does: kept through 30 June 2076, by old, version 1 (DE). "
        "If it does not: kept through 30 June 2036, by now, version 1 (DE)."
    ) in told(why(rules, known_facts), "change")


def test_a_class_that_nobody_confirmed_is_told():
    known_facts = facts(classes={"supplier_invoice": False}, contract_end=date(2026, 6, 30))
    answer = why([law("own", "P3Y", record_class="supplier_invoice")], known_facts)
    assert "Not known: a person's confirmation of the record's class." in told(answer, "result")
    assert (
        "Nobody has confirmed the record's class yet. Once it is confirmed: kept through 30 June 2029, "
        "by own, version 1 (DE)."
    ) in told(answer, "change")


def test_permanent_and_no_rule_are_told():
    forever = law("forever", "P0D", action="permanent")
    assert told(why([forever], facts()), "result")[0] == "Kept permanently: it is never proposed for destruction."
    assert told(why([], facts()), "result")[0].startswith("No rule of the schedule concerns it")


def test_every_code_has_its_words():
    conditions = {f.when.fact for f in load().fact_classes.values() if f.when is not None}
    for trigger in (*TRIGGERS, *conditions, CLASS_CONFIRMED):
        assert why_words.event(trigger, "«{}»".format).startswith("«"), trigger
    for anchor in ANCHORS:
        assert why_words.anchor(anchor, str)
    for bound in BOUNDS:
        assert why_words.bound(bound, str)


def test_the_readers_language_and_dates_are_used():
    german = {"end of the contract": "Vertragsende"}
    answer = why([law()], facts(contract_end=date(2026, 6, 30)))
    sentences = tell(answer, Language(lambda text: german.get(text, text), day=lambda day: f"{day:%d.%m.%Y}"))
    assert "Event: Vertragsende, 30.06.2026." in [s.text for s in sentences]


@given(rules_of(actions=("destroy", "review", "permanent")), known())
def test_any_verdict_can_be_told(rules, given_facts):
    rules = [r for r in rules if r.action != "permanent" or r.bound == "minimum"]
    answer = why(rules, given_facts, [Held()])
    stated = json.loads(json.dumps(answer.to_json()))
    verdict = answer.verdict
    assert stated["state"] == verdict.state
    assert stated["retain_through"] == (verdict.retain_through and verdict.retain_through.isoformat())
    assert {c["reason"] for c in stated["considered"]} <= REASONS
    assert {c["code"] for c in stated["would_change"]} <= set(CHANGES)
    assert len(stated["considered"]) + len(stated["of_other_classes"]) == len(rules)
    texts = [sentence.text for sentence in tell(answer)]
    assert all(text and "%(" not in text for text in texts)
    if verdict.retain_through is not None and verdict.eligible_at is None:
        assert why_words.english_day(verdict.retain_through) in texts[1]


@given(rules_of(bounds=("minimum",)), known())
def test_the_window_of_events_with_the_same_end_is_exact(rules, given_facts):
    for rule in rules:
        for step in reckon(rule, True, given_facts).steps:
            if step.event is None or step.through is None:
                continue
            first, last = same_end(rule, step, given_facts.calendar)
            assert first <= step.event <= last
            for event, inside in ((first, True), (last, True), (first - DAY, False), (last + DAY, False)):
                moved = reckon(
                    rule, True, facts(calendar=given_facts.calendar, **{w.trigger: event for w in rule.ways})
                )
                through = next(s.through for s in moved.steps if s.way == step.way)
                assert (through == step.through) is inside


def test_it_is_told_within_fifty_milliseconds_among_a_hundred_rules():
    rules = [law(f"r{n}", f"P{n + 1}Y") for n in range(20)]
    rules += [law(f"x{n}", record_class="invoice") for n in range(80)]
    known_facts = facts(calendar=Calendar("Europe/Berlin", "04-01"), contract_end=date(2026, 6, 30))
    tell(why(rules, known_facts))
    took = []
    for _ in range(5):
        begun = perf_counter()
        answer = why(rules, known_facts)
        tell(answer)
        answer.to_json()
        took.append(perf_counter() - begun)
    assert min(took) < 0.05
