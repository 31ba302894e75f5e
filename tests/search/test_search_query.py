"""The query language: what is understood, what is told, and that text and tree are one."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from search.criteria import FIELDS, LARGEST_AMOUNT
from search.query import (
    DEEPEST_NESTING,
    LONGEST_QUERY,
    MOST_LEAVES,
    NOTES,
    QueryTooComplex,
    chips,
    parse,
    to_text,
)
from search.tree import (
    Amounts,
    And,
    Beginning,
    Days,
    Everything,
    Exactly,
    Filter,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Word,
    alternative,
    conjunction,
    has_words,
    negation,
)

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        pytest.param("", Everything(), id="nothing"),
        pytest.param("*", Everything(), id="an asterisk"),
        pytest.param("invoice", Word("invoice"), id="a word"),
        pytest.param("a b", And((Word("a"), Word("b"))), id="words side by side"),
        pytest.param("a AND b && c", And((Word("a"), Word("b"), Word("c"))), id="and said aloud"),
        pytest.param('"a  b"', Phrase("a b"), id="a phrase"),
        pytest.param("„a b“ «c d»", And((Phrase("a b"), Phrase("c d"))), id="other quotation marks"),
        pytest.param("-a NOT b", And((Not(Word("a")), Not(Word("b")))), id="negated words"),
        pytest.param("--a", Word("a"), id="negated twice"),
        pytest.param('-"a b"', Not(Phrase("a b")), id="a negated phrase"),
        pytest.param("-(a b)", Not(And((Word("a"), Word("b")))), id="a negated group"),
        pytest.param("a b OR c d", And((Word("a"), Or((Word("b"), Word("c"))), Word("d"))), id="or joins neighbours"),
        pytest.param("a OR b OR c", Or((Word("a"), Word("b"), Word("c"))), id="a row of ors"),
        pytest.param("(a b) OR c", Or((And((Word("a"), Word("b"))), Word("c"))), id="parentheses"),
        pytest.param("((a))", Word("a"), id="needless parentheses"),
        pytest.param("()", Everything(), id="empty parentheses"),
        pytest.param("or and not", And((Word("or"), Word("and"), Word("not"))), id="small letters are words"),
        pytest.param("pre*", Prefix("pre"), id="a prefix"),
        pytest.param("R-2024*", Prefix("R-2024"), id="a prefix with a hyphen"),
        pytest.param("R-2024-001", Word("R-2024-001"), id="a hyphen within a word"),
        pytest.param("http://a.example", Word("http://a.example"), id="an address"),
        pytest.param("10:30", Word("10:30"), id="a time of day"),
        pytest.param("class:invoice", Filter("class", Exactly("invoice")), id="a filter"),
        pytest.param("CLASS:invoice", Filter("class", Exactly("invoice")), id="a filter in capitals"),
        pytest.param("lang:de", Filter("language", Exactly("de")), id="a short name"),
        pytest.param("-class:x", Not(Filter("class", Exactly("x"))), id="a negated filter"),
        pytest.param('party:"Acme GmbH"', Filter("party", Exactly("Acme GmbH")), id="a quoted value"),
        pytest.param("number:R-2024*", Filter("number", Beginning("R-2024")), id="a value's beginning"),
        pytest.param('party:"A B"*', Filter("party", Beginning("A B")), id="a quoted value's beginning"),
        pytest.param("date:2024", Filter("date", Days(date(2024, 1, 1), date(2024, 12, 31))), id="a year"),
        pytest.param("date:2024-02", Filter("date", Days(date(2024, 2, 1), date(2024, 2, 29))), id="a month"),
        pytest.param("date:9999-12", Filter("date", Days(date(9999, 12, 1), date.max)), id="the last month"),
        pytest.param("date:9.3.2024", Filter("date", Days(date(2024, 3, 9), date(2024, 3, 9))), id="day first"),
        pytest.param("date:31/12/2024", Filter("date", Days(date(2024, 12, 31), date(2024, 12, 31))), id="slashes"),
        pytest.param("date:2024..2025", Filter("date", Days(date(2024, 1, 1), date(2025, 12, 31))), id="years"),
        pytest.param("date:2025..2024", Filter("date", Days(date(2024, 1, 1), date(2025, 12, 31))), id="backwards"),
        pytest.param("date:2024..", Filter("date", Days(date(2024, 1, 1), None)), id="open to the end"),
        pytest.param("date:..2024", Filter("date", Days(None, date(2024, 12, 31))), id="open from the beginning"),
        pytest.param("date:>2024", Filter("date", Days(date(2025, 1, 1), None)), id="after"),
        pytest.param("date:<2024-03", Filter("date", Days(None, date(2024, 2, 29))), id="before"),
        pytest.param("date:today", Filter("date", Days(TODAY, TODAY)), id="today"),
        pytest.param("date:last-month", Filter("date", Days(date(2026, 2, 1), date(2026, 2, 28))), id="last month"),
        pytest.param("received:this-week", Filter("received", Days(date(2026, 3, 30), date(2026, 4, 5))), id="week"),
        pytest.param("total:1000", Filter("total", Amounts(100_000, 100_000)), id="a sum"),
        pytest.param("total:1.000,50", Filter("total", Amounts(100_050, 100_050)), id="a German sum"),
        pytest.param("total:1,000.5", Filter("total", Amounts(100_050, 100_050)), id="an English sum"),
        pytest.param("total:>99.99", Filter("total", Amounts(10_000, None)), id="more than"),
        pytest.param("total:-5..5", Filter("total", Amounts(-500, 500)), id="from below zero"),
    ],
)
def test_a_query_is_understood(text: str, tree: Node) -> None:
    query = parse(text, TODAY)
    assert query.tree == tree
    assert query.notes == ()


@pytest.mark.parametrize(
    ("text", "tree", "note"),
    [
        ('"open phrase', Phrase("open phrase"), "quote_open"),
        ('party:"Acme', Filter("party", Exactly("Acme")), "quote_open"),
        ("(a b", And((Word("a"), Word("b"))), "parenthesis_open"),
        ("a) b", And((Word("a"), Word("b"))), "parenthesis_extra"),
        ("OR a", Word("a"), "or_alone"),
        ("a OR", Word("a"), "or_alone"),
        ("a OR OR b", Or((Word("a"), Word("b"))), "or_alone"),
        ("a & +", Word("a"), "no_text"),
        ("a -", Word("a"), "no_text"),
        ('a ""', Word("a"), "no_text"),
        ("class: a", Word("a"), "value_missing"),
        ("date:banana", Phrase("banana"), "value_unknown"),
        ("date:2024-02-30", Phrase("2024-02-30"), "value_unknown"),
        ("date:>9999", Phrase(">9999"), "value_unknown"),
        ("date:<0001", Phrase("<0001"), "value_unknown"),
        ("date:0000", Phrase("0000"), "value_unknown"),
        ("date:today", Phrase("today"), "value_unknown"),
        ("date:2024*", Phrase("2024"), "value_unknown"),
        ("total:many", Phrase("many"), "value_unknown"),
        (f"total:{10**16}", Phrase(f"{10**16}"), "value_unknown"),
        ("colour:red", Word("colour:red"), "field_unknown"),
        ('colour:"dark red"', Phrase("dark red"), "field_unknown"),
        ("a*", Word("a"), "prefix_short"),
        ("in*ice", Prefix("in"), "asterisk_inside"),
        ("*-class:x", Filter("class", Exactly("x")), "asterisk_inside"),
        ("*OR", Word("or"), "asterisk_inside"),
    ],
)
def test_what_was_not_understood_is_read_sensibly_and_told(text: str, tree: Node, note: str) -> None:
    query = parse(text)
    assert query.tree == tree
    assert [each.code for each in query.notes] == [note]
    assert "{" not in str(query.notes[0])


def test_each_note_has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in NOTES.values())


@given(st.text(max_size=60) | st.text('ab*-"():.OR <>=124€„“\u0301\x00\n', max_size=60))
def test_whatever_is_typed_is_read_and_its_plain_spelling_means_the_same(text: str) -> None:
    query = parse(text, TODAY)
    assert parse(query.text).tree == query.tree
    for note in query.notes:
        assert str(note)


_QUERY_PIECES = st.sampled_from(
    ["a", "b*", '"c d"', "-", "(", ")", "OR", "class:x", 'party:"y z"*', "date:2024..2025", "total:<5", '"', "NOT"]
)


@given(st.lists(_QUERY_PIECES, max_size=20).map(" ".join))
def test_pieces_of_the_language_in_any_order_round_trip(text: str) -> None:
    tree = parse(text).tree
    assert parse(to_text(tree)).tree == tree


_words = st.from_regex(r"[a-zäß0-9][a-zäß0-9.@'/-]{0,8}", fullmatch=True)
_phrases = st.lists(_words, min_size=1, max_size=3).map(" ".join)
_days = st.dates()
_amounts = st.integers(-LARGEST_AMOUNT, LARGEST_AMOUNT)


def _span(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, object]]:
    both = st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))  # type: ignore[type-var]
    return st.one_of(both, st.tuples(values, st.none()), st.tuples(st.none(), values))


_text_criteria = st.builds(Exactly, _phrases) | st.builds(Beginning, _phrases)
_filters = st.one_of(
    st.builds(
        Filter, st.sampled_from([name for name, kind in FIELDS.items() if kind in ("code", "name")]), _text_criteria
    ),
    st.builds(Filter, st.sampled_from(["date", "received"]), _span(_days).map(lambda span: Days(*span))),  # type: ignore[arg-type]
    st.builds(Filter, st.just("total"), _span(_amounts).map(lambda span: Amounts(*span))),  # type: ignore[arg-type]
)
_leaves = st.one_of(
    st.builds(Word, _words.filter(lambda word: ":" not in word)),
    st.builds(Phrase, _phrases),
    st.builds(Prefix, st.from_regex(r"[a-z]{2,8}", fullmatch=True)),
    _filters,
)
_trees = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(negation, inner),
        st.lists(inner, min_size=1, max_size=4).map(conjunction),
        st.lists(inner, min_size=1, max_size=4).map(alternative),
    ),
    max_leaves=12,
)


@given(_trees)
def test_every_tree_has_a_text_that_gives_it_back(tree: Node) -> None:
    query = parse(to_text(tree))
    assert query.tree == tree
    assert query.notes == ()


@given(_trees)
def test_a_chip_taken_away_leaves_the_other_chips(tree: Node) -> None:
    parts = chips(tree)
    for place, chip in enumerate(parts):
        rest = [each.text for each in chips(parse(chip.remaining))]
        others = [each.text for at, each in enumerate(parts) if at != place]
        # A group that remains alone is taken apart into its own parts.
        assert rest == others or to_text(parse(" ".join(f"({each})" for each in others)).tree) == chip.remaining


def test_chips_say_what_they_are() -> None:
    found = [(chip.text, chip.field, chip.excluded, chip.remaining) for chip in chips(parse("a -class:x (b OR c)"))]
    assert found == [
        ("a", None, False, "-class:x (b OR c)"),
        ("-class:x", "class", True, "a (b OR c)"),
        ("b OR c", None, False, "a -class:x"),
    ]
    assert chips(parse("")) == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * (LONGEST_QUERY + 1), id="too long"),
        pytest.param("a " * (MOST_LEAVES + 1), id="too many words"),
        pytest.param("(" * 900 + "a", id="too deep"),
        pytest.param("-(" * (DEEPEST_NESTING + 1) + "a", id="too deep by negation"),
    ],
)
def test_a_query_has_bounds_that_are_told_plainly(text: str) -> None:
    with pytest.raises(QueryTooComplex) as caught:
        parse(text)
    assert isinstance(caught.value, Invalid)
    assert "at most" in caught.value.detail


def test_only_words_rank() -> None:
    assert has_words(parse("class:x a").tree)
    assert not has_words(parse("class:x -a").tree)
    assert not has_words(parse("").tree)
