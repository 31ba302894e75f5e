"""What holds of every verdict, whatever the rules and the facts."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from retention.rule import check
from retention.verdict import decide
from tests.support.drawn_laws import known, rules_of


@given(rules_of(), known())
def test_the_drawn_rules_are_rules(rules, given_facts):
    for rule in rules:
        check(rule)
    decide(rules, given_facts)


@given(rules_of(actions=("destroy", "permanent")), known(), st.randoms())
def test_the_order_of_the_rules_does_not_matter(rules, given_facts, random):
    shuffled = random.sample(rules, len(rules))
    one, other = decide(rules, given_facts), decide(shuffled, given_facts)
    assert {c.rule.code: c for c in one.considered} == {c.rule.code: c for c in other.considered}
    assert replace(one, considered=()) == replace(other, considered=())


@given(rules_of(), known())
def test_only_a_dated_record_is_ever_eligible_and_only_the_day_after(rules, given_facts):
    verdict = decide(rules, given_facts)
    if verdict.state != "dated":
        assert (verdict.retain_through, verdict.eligible_from, verdict.eligible_at) == (None, None, None)
        return
    assert verdict.retain_through is not None
    assert verdict.eligible_from == verdict.retain_through + timedelta(days=1)
    assert verdict.winner is not None
    assert verdict.missing == ()
    assert sum(c.is_winner for c in verdict.considered) == 1


@given(rules_of(), known())
def test_no_floor_of_a_dated_record_ends_after_it_and_no_ceiling_before(rules, given_facts):
    verdict = decide(rules, given_facts)
    if verdict.state != "dated":
        return
    for considered in verdict.considered:
        if considered.outcome == "floor":
            assert considered.through <= verdict.retain_through
        if considered.outcome == "ceiling":
            assert considered.through >= verdict.retain_through
            assert considered.through >= verdict.ceiling_through
    assert verdict.ceiling_through is None or verdict.ceiling_through >= verdict.retain_through


@given(rules_of(), known())
def test_a_floor_that_waits_leaves_no_date_and_no_floor_to_rely_on(rules, given_facts):
    verdict = decide(rules, given_facts)
    if any(c.outcome == "awaiting" and c.rule.bound == "minimum" for c in verdict.considered):
        assert verdict.state in ("awaiting_trigger", "conflict")
        assert verdict.floor_through is None


@given(rules_of(), known(), rules_of(bounds=("minimum",)))
def test_another_floor_never_shortens_a_floor(rules, given_facts, more):
    before = decide(rules, given_facts)
    after = decide([*rules, *(replace(rule, code=f"more-{rule.code}") for rule in more)], given_facts)
    if before.floor_through is not None and after.floor_through is not None:
        assert after.floor_through >= before.floor_through


@given(rules_of(bounds=("minimum", "limitation", "guidance")), known(), rules_of(bounds=("minimum",)))
def test_another_floor_never_shortens_the_keeping(rules, given_facts, more):
    before = decide(rules, given_facts)
    after = decide([*rules, *(replace(rule, code=f"more-{rule.code}") for rule in more)], given_facts)
    if before.state == after.state == "dated":
        assert after.retain_through >= before.retain_through
    if before.state in ("awaiting_trigger", "permanent", "conflict"):
        # A certain rule can only settle doubts about classes, never a missing event.
        assert after.state != "dated" or all(c.outcome != "awaiting" for c in before.considered)


@given(rules_of(), known(), st.integers(0, 3000))
def test_later_events_never_end_the_keeping_earlier(rules, given_facts, days):
    later = replace(
        given_facts, triggers={name: day + timedelta(days=days) for name, day in given_facts.triggers.items()}
    )
    one, other = decide(rules, given_facts), decide(rules, later)
    for before, after in zip(one.considered, other.considered, strict=True):
        if before.through is not None and after.through is not None:
            assert before.through <= after.through
    if one.state == other.state == "dated":
        assert one.retain_through <= other.retain_through


@given(rules_of(), known())
def test_forgetting_an_event_never_gives_a_date(rules, given_facts):
    verdict = decide(rules, given_facts)
    if verdict.state != "dated":
        return
    unknowing = decide(rules, replace(given_facts, triggers={}))
    assert unknowing.state == "awaiting_trigger"
    assert unknowing.missing


@given(rules_of(), known())
def test_doubt_about_a_class_never_brings_the_end_forward(rules, given_facts):
    sure = replace(given_facts, classes=tuple(replace(m, certain=True) for m in given_facts.classes))
    certain, doubted = decide(rules, sure), decide(rules, given_facts)
    if certain.state == doubted.state == "dated" and not any(c.outcome == "ceiling" for c in certain.considered):
        assert doubted.retain_through >= certain.retain_through
    if doubted.floor_through is not None and certain.floor_through is not None:
        assert doubted.floor_through == certain.floor_through
