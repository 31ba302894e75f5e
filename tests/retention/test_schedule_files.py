"""Rules as files: what goes out comes back the same; bad rows are named by line; and files made to hurt."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from retention import packs
from retention.period import Period
from retention.rule import Alternative
from retention.rule_draft import RuleDraft
from retention.schedule_files import FORMATS, MOST_BYTES, BadFile, parse, write

ALL = [rule for country in packs.countries() for rule in packs.load(country).rules]
texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30).map(str.strip)
drafts = st.builds(
    RuleDraft,
    code=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
    jurisdiction=st.sampled_from(["DE", "NO", "EU"]),
    record_class=st.sampled_from(["invoice", "contract"]),
    trigger=st.just("contract_end"),
    anchor=st.sampled_from(["event_date", "end_of_tax_year"]),
    period=st.builds(Period, years=st.integers(0, 50), months=st.integers(0, 30), days=st.integers(1, 9)),
    later_of=st.lists(
        st.builds(Alternative, st.just("claim_due"), st.just("event_date"), st.builds(Period, years=st.integers(1, 9))),
        max_size=1,
    ).map(tuple),
    bound=st.sampled_from(["minimum", "guidance"]),
    action=st.sampled_from(["destroy", "review"]),
    legal_basis=texts.filter(bool),
    note=texts,
    owner=texts,
    valid_from=st.none() | st.dates(date(1950, 1, 1), date(2150, 1, 1)),
    slack=st.none() | st.just(Period(days=3)),
)


@pytest.mark.parametrize("form", FORMATS)
def test_all_starter_rules_come_back_as_they_went(form):
    assert parse(write(ALL, form).encode(), form) == sorted(ALL, key=lambda rule: rule.code)


@pytest.mark.parametrize("form", FORMATS)
@given(rule=drafts)
@settings(max_examples=60, deadline=None)
def test_any_rule_comes_back_as_it_went(form, rule):
    assert parse(write([rule], form).encode(), form) == [rule]


def test_a_file_written_by_a_spreadsheet_in_europe_is_read():
    text = write(ALL[:1], "csv")
    head, row = text.split("\r\n")[:2]
    with_quotes = "\ufeff" + head.replace(",", ";") + "\n" + ";".join(_cells(row)) + "\n"
    assert parse(with_quotes.encode(), "csv") == ALL[:1]


def _cells(row: str) -> list[str]:
    import csv

    return ['"' + cell.replace('"', '""') + '"' for cell in next(csv.reader([row]))]


def test_no_cell_is_a_formula():
    rule = RuleDraft(
        code="x", jurisdiction="DE", record_class="invoice", trigger="contract_end", anchor="event_date",
        period=Period(years=1), bound="minimum", action="review", legal_basis="=cmd()", note="'=1", owner="@me",
    )  # fmt: skip
    text = write([rule], "csv")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in text.replace("\r\n", ",").split(","))
    assert parse(text.encode(), "csv") == [rule]


HEAD = "code,jurisdiction,record_class,trigger,anchor,period,bound,action,legal_basis\n"
GOOD = "a,DE,invoice,document_created,event_date,P8Y,minimum,destroy,AO\n"


@pytest.mark.parametrize(
    ("text", "lines", "words"),
    [
        pytest.param(HEAD + GOOD + GOOD.replace("P8Y", "8"), [3], "write the period as P8Y", id="a bad period"),
        pytest.param(
            HEAD + GOOD.replace("invoice", "letters") + GOOD.replace("a,DE", "b,XX"), [2, 3], "record class", id="two"
        ),
        pytest.param(HEAD + GOOD + GOOD, [3], "a stands in line 2 already", id="the same code twice"),
        pytest.param(
            HEAD + "\n" + GOOD.replace(",AO", ",AO,more"), [3], "10 cells for 9 columns", id="a comma too many"
        ),
        pytest.param(HEAD + '"a\n' + GOOD, [2], "", id="an open quote"),
        pytest.param("code,colour\n", [1], "colour is no column", id="an unknown column"),
        pytest.param("code,code\n", [1], "twice", id="a column twice"),
        pytest.param("code\na\n", [1], "jurisdiction", id="columns missing"),
    ],
)
def test_bad_rows_of_a_csv_file_are_named_by_line(text, lines, words):
    with pytest.raises(BadFile) as found:
        parse(text.encode(), "csv")
    assert found.value.fields["lines"] == lines
    assert words in found.value.detail


YAML = """rules:
- {code: a, jurisdiction: NO, record_class: invoice, trigger: document_created, anchor: event_date, period: P8Y,
   bound: minimum, action: destroy, legal_basis: "x"}
"""


def test_a_word_that_yaml_takes_for_false_stays_a_country():
    assert parse(YAML.encode(), "yaml")[0].jurisdiction == "NO"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(YAML + "- [a, b]\n", "line 4: a rule is a set of fields", id="no mapping"),
        pytest.param(YAML + "- {code: b, code: c}\n", "line 4: code: stands there twice", id="a key twice"),
        pytest.param(YAML + "- {code: b\n", "line 5: this is not YAML", id="not closed"),
        pytest.param(YAML.replace("P8Y", "P8X"), "line 2: write the period", id="a bad period"),
        pytest.param("a: &a [x]\nb: [*a, *a]\n", "line 2: write it out", id="aliases"),
        pytest.param(
            "- !!python/object/apply:os.system ['x']\n", "line 1: a rule is a set of fields", id="a tag that runs"
        ),
        pytest.param("", "line 1: write rules:", id="empty"),
        pytest.param("rules: []\n", "there is no rule in it", id="no rules"),
        pytest.param("schema: other/1\nrules: []\n", "the schema is", id="another schema"),
        pytest.param("[" * 50_000, "this is not YAML", id="nested without end"),
    ],
)
def test_bad_places_of_a_yaml_file_are_named_by_line(text, words):
    with pytest.raises(BadFile) as found:
        parse(text.encode(), "yaml")
    assert words in found.value.detail


@pytest.mark.parametrize("form", FORMATS)
@given(data=st.binary(max_size=400))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_rules_or_refused(form, data):
    with suppress(Invalid):
        parse(data, form)


def test_too_long_a_file_is_not_looked_at():
    with pytest.raises(BadFile, match="at most"):
        parse(b"#" * (MOST_BYTES + 1), "yaml")
