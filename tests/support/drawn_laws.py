"""Rules and facts drawn at random, for what must hold of every verdict."""

from datetime import date

from hypothesis import strategies as st

from retention.anchor import ANCHORS, Calendar
from retention.period import Period
from tests.support.laws import facts, law, or_later

EVENTS = st.dates(date(1900, 1, 1), date(2150, 12, 31))
TRIGGERS = st.sampled_from(["contract_end", "claim_due", "case_closed"])
CLASSES = st.sampled_from(["contract", "invoice", "personnel_file_pre_2019"])
CALENDARS = st.builds(
    Calendar,
    st.sampled_from(["Europe/Berlin", "Europe/Bucharest", "America/New_York"]),
    st.dates(date(2025, 1, 1), date(2025, 12, 31)).map(lambda day: f"{day:%m-%d}"),
)
PERIODS = st.builds(Period, years=st.integers(0, 50), months=st.integers(0, 12), days=st.integers(0, 40))


def rules_of(bounds=("minimum", "maximum", "limitation", "guidance"), actions=("destroy", "review")):
    """A few rules with codes of their own."""
    one = st.fixed_dictionaries(
        {
            "period": PERIODS.map(str),
            "trigger": TRIGGERS,
            "anchor": st.sampled_from(ANCHORS),
            "rounding": st.sampled_from(["none", "calendar_year_end"]),
            "bound": st.sampled_from(bounds),
            "action": st.sampled_from(actions),
            "record_class": CLASSES,
            "later_of": st.sampled_from([(), (or_later("employment_end", "P1Y"),)]),
            "slack": st.sampled_from([None, Period(days=14)]),
        }
    )
    return st.lists(one, max_size=6).map(lambda rows: [law(f"r{n}", **row) for n, row in enumerate(rows)])


@st.composite
def known(draw):
    triggers = draw(
        st.dictionaries(st.sampled_from(["contract_end", "claim_due", "case_closed", "employment_end"]), EVENTS)
    )
    classes = draw(st.dictionaries(CLASSES, st.booleans(), min_size=1))
    return facts(classes=classes, calendar=draw(CALENDARS), **triggers)
