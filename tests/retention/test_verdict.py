"""Rules weighed against each other: floors, purposes, ceilings, and what cannot be decided."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from retention.anchor import Calendar
from retention.facts import load
from retention.period import Period
from retention.verdict import decide, triggers_asked_for
from tests.support.laws import facts, law, or_later

END = date(2026, 6, 30)
DOUBTFUL = {"personnel_file": True, "personnel_file_pre_2019": False}


def floor(period="P6Y", code="floor", **stated):
    return law(code, period, **{"bound": "minimum", **stated})


def purpose(period="P3Y", code="purpose", **stated):
    return law(code, period, **{"bound": "limitation", **stated})


def ceiling(period="P10Y", code="ceiling", **stated):
    return law(code, period, **{"bound": "maximum", **stated})


@pytest.mark.parametrize(
    ("rules", "kept", "gone", "decides"),
    [
        pytest.param([floor("P6Y")], "2032-06-30", "2032-09-30", "floor", id="one floor, and three months for review"),
        pytest.param(
            [floor("P6Y"), floor("P8Y", "longer")], "2034-06-30", "2034-09-30", "longer", id="the longest floor wins"
        ),
        pytest.param([purpose("P3Y")], "2029-06-30", "2029-09-30", "purpose", id="one purpose"),
        pytest.param(
            [purpose("P3Y"), law("guided", "P4Y", bound="guidance")],
            "2030-06-30",
            "2030-09-30",
            "guided",
            id="the longest purpose wins",
        ),
        pytest.param(
            [floor("P6Y"), purpose("P3Y")], "2032-06-30", "2032-09-30", "floor", id="a shorter purpose yields"
        ),
        pytest.param(
            [floor("P2Y"), purpose("P3Y")], "2029-06-30", "2029-09-30", "purpose", id="a longer purpose counts"
        ),
        pytest.param([ceiling("P3Y")], "2029-06-30", "2029-06-30", "ceiling", id="nothing but a maximum"),
        pytest.param(
            [ceiling("P3Y"), ceiling("P2Y", "shorter")],
            "2028-06-30",
            "2028-06-30",
            "shorter",
            id="the shortest maximum wins",
        ),
        pytest.param(
            [floor("P5Y"), ceiling("P10Y")], "2031-06-30", "2036-06-30", "floor", id="may go between floor and maximum"
        ),
        pytest.param(
            [purpose("P5Y"), ceiling("P3Y")], "2029-06-30", "2029-06-30", "ceiling", id="a maximum cuts a purpose short"
        ),
        pytest.param(
            [floor("P2Y"), purpose("P5Y"), ceiling("P3Y")],
            "2029-06-30",
            "2029-06-30",
            "ceiling",
            id="a maximum cuts a purpose short, after a floor",
        ),
        pytest.param(
            [floor("P3Y"), ceiling("P3Y")], "2029-06-30", "2029-06-30", "floor", id="floor and maximum on the same day"
        ),
        pytest.param(
            [ceiling("P3Y", slack=Period(days=30))],
            "2029-05-31",
            "2029-06-30",
            "ceiling",
            id="slack is counted inside a maximum",
        ),
        pytest.param(
            [ceiling("P3Y", slack=Period(years=9))],
            "2026-06-30",
            "2029-06-30",
            "ceiling",
            id="but never before the event",
        ),
        pytest.param(
            [floor("P35M"), purpose("P9Y"), ceiling("P3Y", slack=Period(months=6))],
            "2029-05-30",
            "2029-06-30",
            "ceiling",
            id="nor before a floor",
        ),
        pytest.param(
            [floor("P6Y", slack=Period(weeks=2))], "2032-06-30", "2032-07-14", "floor", id="a slack of its own"
        ),
        pytest.param([floor("P0D")], "2026-06-30", "2026-09-30", "floor", id="kept until the event"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_the_end_and_the_ceiling(rules, kept, gone, decides, order):
    verdict = decide(rules[::order], facts(contract_end=END))
    assert verdict.state == "dated"
    assert verdict.retain_through == date.fromisoformat(kept)
    assert verdict.eligible_from == date.fromisoformat(kept) + timedelta(days=1)
    assert verdict.ceiling_through == date.fromisoformat(gone)
    assert verdict.winner is not None
    assert verdict.winner.code == decides
    assert [c.rule.code for c in verdict.considered if c.is_winner] == [decides]


def test_the_action_is_that_of_the_rule_that_decides():
    rules = [floor("P6Y", action="transfer"), purpose("P3Y", action="review")]
    assert decide(rules, facts(contract_end=END)).action == "transfer"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(floor("P3Y", "z-floor"), purpose("P3Y", "a-purpose", action="review"), id="a floor"),
        pytest.param(floor("P3Y", "z", action="review"), floor("P3Y", "a", action="destroy"), id="a review"),
        pytest.param(floor("P3Y", "a"), floor("P36M", "b"), id="the first code"),
    ],
)
def test_of_two_with_the_same_end_this_decides(first, second):
    for rules in ([first, second], [second, first]):
        verdict = decide(rules, facts(contract_end=END))
        assert verdict.winner == first
        assert {c.reason for c in verdict.considered} == {"decides", "same_end"}


@pytest.mark.parametrize("bound", ["limitation", "guidance"])
def test_a_purpose_is_no_floor(bound):
    verdict = decide([purpose("P5Y", bound=bound), floor("P2Y")], facts(contract_end=END))
    assert verdict.floor_through == date(2028, 6, 30)
    assert verdict.purpose_through == date(2031, 6, 30)
    assert decide([purpose("P5Y", bound=bound)], facts(contract_end=END)).floor_through is None
    assert decide([ceiling("P5Y")], facts(contract_end=END)).floor_through is None


def test_a_floor_beyond_a_maximum_goes_to_a_person():
    verdict = decide([floor("P5Y"), ceiling("P3Y"), purpose("P4Y")], facts(contract_end=END))
    assert verdict.state == "conflict"
    assert (verdict.retain_through, verdict.eligible_from, verdict.winner, verdict.action) == (None,) * 4
    assert verdict.floor_through == date(2031, 6, 30)
    assert verdict.ceiling_through == date(2029, 6, 30)
    assert {c.rule.code for c in verdict.considered if c.reason == "floor_beyond_maximum"} == {"floor", "ceiling"}


def test_a_conflict_stays_one_while_another_rule_waits_for_its_event():
    rules = [floor("P5Y"), ceiling("P3Y"), floor("P1Y", "open", trigger="claim_due")]
    assert decide(rules, facts(contract_end=END)).state == "conflict"


def test_without_the_event_there_is_no_date():
    verdict = decide([floor()], facts())
    assert verdict.state == "awaiting_trigger"
    assert verdict.missing == ("contract_end",)
    assert (verdict.retain_through, verdict.eligible_from, verdict.floor_through, verdict.ceiling_through) == (
        None,
    ) * 4


def test_the_document_date_is_no_substitute_for_an_event():
    known = facts()
    dated = type(known)(known.classes, {}, known.calendar, document_date=END)
    assert decide([floor()], dated).state == "awaiting_trigger"


@pytest.mark.parametrize(
    ("waiting", "floor_through", "purpose_through"),
    [
        pytest.param(floor("P1Y", "open", trigger="claim_due"), None, "2029-06-30", id="an open floor may be longer"),
        pytest.param(purpose("P1Y", "open", trigger="claim_due"), "2032-06-30", None, id="an open purpose"),
        pytest.param(
            law("open", "P1Y", bound="guidance", trigger="claim_due"), "2032-06-30", None, id="an open practice"
        ),
        pytest.param(
            ceiling("P9Y", "open", trigger="claim_due"), "2032-06-30", "2029-06-30", id="a maximum not known yet"
        ),
    ],
)
def test_one_rule_that_waits_leaves_the_end_open(waiting, floor_through, purpose_through):
    verdict = decide([floor(), purpose(), waiting], facts(contract_end=END))
    assert verdict.state == "awaiting_trigger"
    assert verdict.missing == ("claim_due",)
    assert verdict.retain_through is None
    assert verdict.eligible_from is None
    assert verdict.floor_through == (floor_through and date.fromisoformat(floor_through))
    assert verdict.purpose_through == (purpose_through and date.fromisoformat(purpose_through))


def test_the_later_of_two_events_waits_for_both():
    rule = law("us-i9", "P3Y", trigger="hire_date", later_of=(or_later("employment_end", "P1Y"),))
    assert decide([rule], facts(hire_date=END)).missing == ("employment_end",)
    assert decide([rule], facts(employment_end=END)).missing == ("hire_date",)
    assert decide([rule], facts(hire_date=END, employment_end=END)).retain_through == date(2029, 6, 30)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([], id="no rules at all"),
        pytest.param([law(record_class="invoice")], id="only for another class"),
        pytest.param([law(valid_from=date(2026, 7, 1))], id="the event before its validity"),
        pytest.param([law(valid_to=date(2026, 6, 29))], id="the event after its validity"),
    ],
)
def test_where_no_rule_applies_there_is_no_date(rules):
    verdict = decide(rules, facts(contract_end=END))
    assert verdict.state == "no_rule"
    assert verdict.eligible_from is None
    assert verdict.winner is None


def test_versions_share_the_events_by_their_validity():
    old = law("rule", "P10Y", version=1, valid_to=date(2025, 12, 31))
    new = law("rule", "P8Y", version=2, valid_from=date(2026, 1, 1))
    last = decide([old, new], facts(contract_end=date(2025, 12, 31)))
    first = decide([old, new], facts(contract_end=date(2026, 1, 1)))
    assert (last.winner, last.retain_through) == (old, date(2035, 12, 31))
    assert (first.winner, first.retain_through) == (new, date(2034, 1, 1))
    assert [c.reason for c in last.considered] == ["decides", "event_before_validity"]
    assert [c.reason for c in first.considered] == ["event_after_validity", "decides"]


def test_an_event_in_the_future_dates_the_record_all_the_same():
    verdict = decide([floor()], facts(contract_end=date(2099, 12, 31)))
    assert verdict.retain_through == date(2105, 12, 31)


@pytest.mark.parametrize("event", [date(9994, 1, 1), date(9999, 12, 31)])
def test_an_event_at_the_end_of_time_waits_to_be_corrected(event):
    verdict = decide([floor("P6Y")], facts(contract_end=event))
    assert verdict.state == "awaiting_trigger"
    assert verdict.missing == ("contract_end",)
    assert verdict.considered[0].reason == "event_beyond_calendar"


def test_a_period_that_ends_on_the_last_day_of_time_is_not_eligible_the_day_after():
    assert decide([floor("P0D")], facts(contract_end=date.max)).state == "awaiting_trigger"
    verdict = decide([floor("P0D")], facts(contract_end=date.max - timedelta(days=1)))
    assert verdict.eligible_from == date.max
    assert verdict.ceiling_through is None


class TestPermanent:
    forever = law("forever", "P0D", action="permanent", trigger="case_closed")

    def test_needs_no_event_and_beats_every_floor_and_purpose(self):
        verdict = decide([floor(), purpose(), self.forever], facts(contract_end=END))
        assert verdict.state == "permanent"
        assert verdict.action == "permanent"
        assert verdict.winner == self.forever
        assert (verdict.retain_through, verdict.eligible_from, verdict.missing) == (None, None, ())

    def test_contradicts_a_maximum(self):
        assert decide([ceiling(), self.forever], facts(contract_end=END)).state == "conflict"

    def test_counts_although_the_class_is_not_certain(self):
        known = facts(classes={"contract": True, "invoice": False}, contract_end=END)
        rule = law("forever", "P0D", action="permanent", record_class="invoice")
        assert decide([floor(), rule], known).state == "permanent"


class TestWhereTheClassIsNotCertain:
    def test_its_floor_counts(self):
        rules = [
            floor("P10Y", record_class="personnel_file"),
            floor("P50Y", "old", record_class="personnel_file_pre_2019"),
        ]
        verdict = decide(rules, facts(classes=DOUBTFUL, contract_end=END))
        assert verdict.retain_through == date(2076, 6, 30)

    def test_its_maximum_does_not(self):
        rules = [
            floor("P10Y", record_class="personnel_file"),
            ceiling("P1Y", record_class="personnel_file_pre_2019"),
        ]
        verdict = decide(rules, facts(classes=DOUBTFUL, contract_end=END))
        assert verdict.state == "dated"
        assert verdict.retain_through == date(2036, 6, 30)
        assert [c.outcome for c in verdict.considered] == ["floor", "uncertain"]

    def test_its_open_maximum_does_not_keep_the_others_waiting(self):
        rules = [
            floor("P10Y", record_class="personnel_file"),
            ceiling("P1Y", record_class="personnel_file_pre_2019", trigger="case_closed"),
        ]
        assert decide(rules, facts(classes=DOUBTFUL, contract_end=END)).state == "dated"

    @pytest.mark.parametrize("bound", ["minimum", "limitation", "guidance"])
    def test_a_rule_that_may_not_apply_dates_nothing_alone(self, bound):
        rule = law(
            "rejected", "P6M", record_class="job_application_rejected", trigger="rejection_received", bound=bound
        )
        known = facts(classes={"job_application_rejected": False}, rejection_received=END)
        verdict = decide([rule], known)
        assert verdict.state == "awaiting_trigger"
        assert verdict.missing == ("application_outcome",)
        assert verdict.eligible_from is None

    def test_what_a_machine_guessed_waits_for_a_person(self):
        known = facts(classes={"contract": False}, contract_end=END)
        verdict = decide([floor()], known)
        assert (verdict.state, verdict.missing) == ("awaiting_trigger", ("class_confirmed",))

    def test_a_fact_that_is_known_is_not_asked_for_again(self):
        rule = law("rejected", record_class="job_application_rejected")
        known = facts(classes={"job_application_rejected": False}, contract_end=END)
        stated = replace(known, known={("case_file", "application_outcome"): "rejected"})
        assert decide([rule], stated).missing == ("class_confirmed",)

    def test_a_maximum_alone_leaves_it_without_a_rule(self):
        rule = ceiling("P2Y", record_class="job_application_rejected")
        known = facts(classes={"job_application_rejected": False}, contract_end=END)
        assert decide([rule], known).state == "no_rule"


class TestHours:
    began = datetime(2026, 3, 27, 11, 0, tzinfo=UTC)
    """Noon in Berlin, two days before summer time begins."""

    def test_end_at_an_instant(self):
        rule = law("camera", "PT72H", trigger="recorded", bound="guidance")
        verdict = decide([rule], facts(instants={"recorded": self.began}))
        assert verdict.eligible_at == self.began + timedelta(hours=72)
        assert verdict.retain_through == date(2026, 3, 30)
        assert verdict.eligible_from == date(2026, 3, 31)
        assert verdict.ceiling_through == date(2026, 3, 31)

    def test_that_are_over_at_midnight_were_kept_the_day_before(self):
        rule = law("camera", "PT24H", trigger="recorded", bound="guidance")
        verdict = decide([rule], facts(instants={"recorded": datetime(2026, 5, 31, 22, 0, tzinfo=UTC)}))
        assert verdict.eligible_at == datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
        assert verdict.retain_through == date(2026, 6, 1)

    @pytest.mark.parametrize(
        ("bound", "over"),
        [
            pytest.param("minimum", datetime(2026, 6, 4, 22, 0, tzinfo=UTC), id="a minimum from the day's last moment"),
            pytest.param("maximum", datetime(2026, 6, 3, 22, 0, tzinfo=UTC), id="a maximum from its first"),
        ],
    )
    def test_count_from_the_edge_of_a_day_where_the_hour_is_not_known(self, bound, over):
        rule = law("camera", "PT72H", trigger="recorded", bound=bound)
        assert decide([rule], facts(recorded=date(2026, 6, 1))).eligible_at == over

    def test_yield_to_a_day_that_ends_after_them(self):
        hours = law("hours", "PT72H", trigger="recorded")
        days = law("days", "P3D", trigger="recorded")
        verdict = decide([hours, days], facts(instants={"recorded": self.began}))
        assert verdict.winner == days
        assert verdict.eligible_at is None
        assert verdict.retain_through == date(2026, 3, 30)

    def test_a_maximum_in_hours_can_contradict_a_floor_in_days(self):
        hours = law("hours", "PT72H", trigger="recorded", bound="maximum")
        days = law("days", "P3D", trigger="recorded")
        assert decide([hours, days], facts(instants={"recorded": self.began})).state == "conflict"

    def test_wait_for_their_event_like_any_period(self):
        assert decide([law("hours", "PT72H", trigger="recorded")], facts()).missing == ("recorded",)


def test_facts_that_no_rule_asks_for_make_no_difference():
    rules = [floor(), law("us", trigger="hire_date", later_of=(or_later("employment_end", "P1Y"),))]
    assert triggers_asked_for(rules) == {"contract_end", "hire_date", "employment_end"}
    asked = facts(contract_end=END, hire_date=END)
    more = facts(contract_end=END, hire_date=END, accident_date=END)
    assert decide(rules, asked) == decide(rules, more)


def test_rules_and_facts_can_be_remembered():
    one, same = facts(contract_end=END), facts(contract_end=END)
    other = facts(contract_end=END, calendar=Calendar("Europe/Bucharest"))
    memo = {(floor(), one): decide([floor()], one)}
    assert memo[floor(), same].retain_through == date(2032, 6, 30)
    assert (floor(), other) not in memo


def test_a_rule_of_the_organisations_own_concerns_the_classes_below_its_class():
    known = load()
    stated = {"accounting_voucher", "invoice", "supplier_invoice"}
    matched = {m.record_class: m.certain for m in known.concerning("supplier_invoice", stated, {})}
    assert matched == {"invoice": True, "supplier_invoice": True}
    assert "supplier_invoice" not in {m.record_class for m in known.concerning("invoice", stated, {})}


def test_a_name_that_facts_and_file_plan_share_is_the_facts():
    hired = {("case_file", "hire_date"): date(2010, 1, 1)}
    stated = {"personnel_file", "personnel_file_pre_2019"}
    matched = load().concerning("warning", stated, hired)
    assert [m.record_class for m in matched] == ["personnel_file_pre_2019"]
