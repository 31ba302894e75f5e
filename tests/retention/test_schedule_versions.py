"""Versions side by side: which rule holds on a day for an event, and in what a version keeps less. Values only."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.period import Period
from retention.rule import Rule
from retention.rule_draft import parse
from retention.schedule_versions import OverlappingVersions, Standing, check_place, in_force, loosened

STATED = {
    "code": "ro-invoice",
    "jurisdiction": "RO",
    "record_class": "invoice",
    "trigger": "document_created",
    "anchor": "end_of_calendar_year",
    "period": "P10Y",
    "bound": "minimum",
    "action": "destroy",
    "legal_basis": "Legea 82/1991 art. 25",
}
RULE = UUID(int=7)
DAY = date(2026, 11, 22)


def version(number: int, *, on: date = DAY, retired_on: date | None = None, **changes: object) -> Standing:
    draft = parse({**STATED, **changes})
    return Standing(RULE, draft.rule(uuid4(), number), draft.transition, on, retired_on)


def told(rules: tuple[Rule, ...]) -> list[tuple[int, str | None, str | None]]:
    return [
        (
            rule.version,
            rule.valid_from.isoformat() if rule.valid_from else None,
            rule.valid_to.isoformat() if rule.valid_to else None,
        )
        for rule in rules
    ]


@pytest.mark.parametrize(
    ("versions", "on", "expected"),
    [
        pytest.param([version(1)], DAY, [(1, None, None)], id="one version"),
        pytest.param([version(1)], DAY - timedelta(1), [], id="before it was published"),
        pytest.param(
            [version(1), version(2)], DAY, [(2, None, None)], id="a later one without a first day replaces it"
        ),
        pytest.param(
            [version(1, on=date(2020, 1, 1)), version(2)],
            date(2026, 1, 1),
            [(1, None, None)],
            id="a day in the past is told as it was",
        ),
        pytest.param(
            [version(1), version(2, valid_from="2023-01-01")],
            DAY,
            [(1, None, "2022-12-31"), (2, "2023-01-01", None)],
            id="for later events: the one before stays for those before",
        ),
        pytest.param(
            [version(1), version(2, valid_from="2023-01-01", transition="every_record")],
            DAY,
            [(2, None, None)],
            id="for every record: nothing stays of the one before",
        ),
        pytest.param(
            [version(1), version(2, on=date(2027, 1, 1), valid_from="2027-01-01", transition="every_record")],
            DAY,
            [(1, None, None)],
            id="for every record from a day to come: not yet",
        ),
        pytest.param(
            [version(1), version(2, valid_from="2025-01-01"), version(3, valid_from="2023-01-01")],
            DAY,
            [(1, None, "2022-12-31"), (3, "2023-01-01", None)],
            id="the newest wins from its first day on",
        ),
        pytest.param(
            [version(1, valid_from="2020-01-01"), version(2, valid_from="2020-01-01")],
            DAY,
            [(2, "2020-01-01", None)],
            id="the same first day: only the newer",
        ),
        pytest.param([version(1, retired_on=DAY)], DAY, [], id="retired today"),
        pytest.param(
            [version(1, on=date(2026, 1, 1), retired_on=DAY)], DAY - timedelta(1), [(1, None, None)], id="until then"
        ),
    ],
)
def test_later_versions_take_from_earlier_ones_what_they_state(versions, on, expected):
    assert told(in_force(versions, on)) == expected


days = st.dates(date(2000, 1, 1), date(2040, 1, 1))


@given(st.lists(st.tuples(st.none() | days, st.booleans()), min_size=1, max_size=6), days)
def test_no_event_falls_under_two_versions_of_a_rule(stated, event):
    versions = [
        version(number, valid_from=first, **({"transition": "every_record"} if whole and first else {}))
        for number, (first, whole) in enumerate(stated, 1)
    ]
    rules = in_force(versions, DAY)
    assert sum(rule.covers(event) for rule in rules) <= 1
    for one, other in pairwise(rules):
        assert one.valid_to is not None
        assert other.valid_from == one.valid_to + timedelta(1)
    # Whatever the versions said, the newest is among them, and nothing after it is left without a rule.
    assert rules[-1].version == len(stated)
    assert rules[-1].valid_to is None


def test_a_version_that_ends_before_the_one_it_would_cut_in_two_is_refused():
    new = version(2, valid_from="2023-01-01", valid_to="2024-12-31")
    with pytest.raises(OverlappingVersions, match="goes on after 2024-12-31"):
        check_place(new.value, [version(1)], DAY)
    check_place(new.value, [version(1, valid_to="2024-12-31")], DAY)
    check_place(replace(new.value, valid_to=None), [version(1)], DAY)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (), id="the same"),
        pytest.param({"period": "P8Y"}, ("shorter",), id="shorter"),
        pytest.param({"period": "P12Y"}, (), id="longer"),
        pytest.param({"period": "P120M"}, ("shorter",), id="other units count as shorter unless surely not"),
        pytest.param({"trigger": "payment_made"}, ("trigger",), id="another event"),
        pytest.param({"anchor": "event_date"}, ("anchor",), id="another anchor"),
        pytest.param({"bound": "guidance"}, ("bound",), id="no floor any more"),
        pytest.param({"action": "review"}, (), id="a person decides now"),
        pytest.param({"action": "permanent"}, (), id="kept for ever"),
        pytest.param({"valid_to": "2025-12-31"}, ("validity",), id="an end"),
    ],
)
def test_it_is_told_in_what_a_version_keeps_less(changes, expected):
    before = parse({**STATED, "period": "P10Y"}).rule()
    assert loosened(before, parse({**STATED, **changes}).rule()) == expected


def test_a_person_less_is_less():
    before = parse({**STATED, "action": "review"}).rule()
    assert loosened(before, parse(STATED).rule()) == ("action",)
    assert loosened(None, before) == ("first",)
    assert loosened(replace(before, period=Period(years=1)), before) == ()
