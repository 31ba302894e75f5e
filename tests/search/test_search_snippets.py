"""Snippets: the right passage, the right places, for any text and at any size."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query import parse
from search.snippets import Snippet, best_snippet, find_snippets

FILLER = "Lorem ipsum dolor sit amet. " * 40


def highlighted(snippet: Snippet) -> list[str]:
    return [snippet.text[start:end] for start, end in snippet.highlights]


@pytest.mark.parametrize(
    ("text", "language", "query", "expected"),
    [
        pytest.param("die Verträge der Firma", "de", "vertrag", ["Verträge"], id="another form"),
        pytest.param("die Verträge der Firma", None, "vertrag", [], id="another form in no language"),
        pytest.param("an Mu\u0308ller gezahlt", "de", "MULLER", ["Mu\u0308ller"], id="decomposed accent"),
        pytest.param("an Müller gezahlt", "de", "mueller", ["Müller"], id="umlaut written out"),
        pytest.param("die Straße", "de", "strasse", ["Straße"], id="sharp s"),
        pytest.param("Miet-\nvertrag hier", "de", "mietvertrag", ["Miet-\nvertrag"], id="hyphen at the line's end"),
        pytest.param("quick brown, brown fox", "en", '"brown fox"', ["brown fox"], id="a phrase"),
        pytest.param("no brown quick fox", "en", '"quick brown"', [], id="no phrase"),
        pytest.param("bill R-2024-001.", "en", "R-2024-001", ["R-2024-001"], id="a number"),
        pytest.param("invoices and invoicing", "en", "invoi*", ["invoices", "invoicing"], id="a prefix"),
        pytest.param("paid to Acme GmbH", "en", 'party:"acme gmbh"', ["Acme GmbH"], id="a party filtered by"),
        pytest.param("alpha beta", "en", "alpha -beta", ["alpha"], id="not what is excluded"),
        pytest.param("alpha beta", "en", "gamma OR beta", ["beta"], id="one of several"),
        pytest.param("a a b", "en", '"a b"', ["a b"], id="a phrase after a false start"),
        pytest.param("alpha beta", "en", '"alpha beta" beta', ["alpha beta"], id="overlapping parts are joined"),
        pytest.param("alpha", "en", "class:x", [], id="only a filter"),
    ],
)
def test_what_matched_is_highlighted(text: str, language: str | None, query: str, expected: list[str]) -> None:
    snippet = best_snippet(FILLER + text + " " + FILLER, parse(query).tree, language)
    assert highlighted(snippet) == expected
    assert len(snippet.text) <= 240


def test_the_passage_that_meets_most_parts_is_chosen() -> None:
    text = f"alpha {FILLER} beta {FILLER} see alpha and beta {FILLER} alpha alpha alpha"
    snippet = best_snippet(text, parse("alpha beta").tree)
    assert highlighted(snippet) == ["alpha", "beta"]
    assert snippet.cut_before
    assert snippet.cut_after
    assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text


def test_several_passages_come_in_the_order_of_the_text_and_apart() -> None:
    text = FILLER.join(f"place{n} alpha " for n in range(5))
    found = find_snippets(text, parse("alpha").tree, most=3)
    assert len(found) == 3
    assert all(one.start + len(one.text) <= other.start for one, other in pairwise(found))
    assert all(highlighted(each) == ["alpha"] for each in found)


def test_without_a_match_the_beginning_is_shown() -> None:
    snippet = best_snippet("alpha " + FILLER, parse("beta").tree)
    assert snippet.text.startswith("alpha")
    assert (snippet.start, snippet.highlights, snippet.cut_before, snippet.cut_after) == (0, (), False, True)
    assert best_snippet("", parse("beta").tree).text == ""
    assert find_snippets("alpha", parse("beta").tree) == ()


@given(
    st.text("abä ß-\n\u0301\u00ad.½", max_size=400),
    st.sampled_from(["a", "ab b*", '"a b"', "ä", "ss"]),
    st.integers(1, 60),
)
def test_offsets_are_true_whatever_the_text(text: str, query: str, length: int) -> None:
    tree = parse(query).tree
    for snippet in (
        best_snippet(text, tree, "de", length=length),
        *find_snippets(text, tree, "de", length=length),
    ):
        assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
        assert len(snippet.text) <= length
        end_before = 0
        for start, end in snippet.highlights:
            assert end_before <= start < end <= len(snippet.text)
            end_before = end


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("contract " * 600_000, id="nothing but matches"),
        pytest.param("lorem ipsum dolor " * 300_000, id="no match"),
        pytest.param("c" * 5_000_000, id="one word"),
        pytest.param("c-\n" * 1_700_000, id="one word over many lines"),
        pytest.param("\u0301" * 5_000_000, id="only marks"),
        pytest.param("contract alpha " * 350_000, id="a phrase that nearly fits everywhere"),
        pytest.param("alpha " * 800_000, id="a long phrase that nearly fits everywhere"),
    ],
)
def test_five_megabytes_take_bounded_time(text: str) -> None:
    started = time.process_time()
    find_snippets(text, parse(f'contract "contract beta" cont* "{"alpha " * 150}beta"').tree, "en")
    assert time.process_time() - started < 3
