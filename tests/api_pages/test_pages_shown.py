"""How values read: names, dates, sums, snippets, sentences, who can see a record. Rules on values."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import i18n
from api.pages import access_words, sentences, shown
from api.pages.access_words import Placed
from api.pages.review import CHOICES, choices
from api.pages.searching import _harmless
from api.pages.sentences import Names
from audit.events import Actor
from audit.trail import TrailEntry
from records import file_plan

AT = datetime(2026, 11, 22, 6, 18, tzinfo=UTC)
DEPARTMENT, READER = uuid4(), uuid4()
NAMES = Names(READER, {DEPARTMENT: "Accounting"})


def entry(action: str, by: Actor, seq: int = 5, minutes: int = 0, **details: object) -> TrailEntry:
    at = AT - timedelta(minutes=minutes)
    return TrailEntry(
        seq, bytes(32), uuid4(), action, "done", "", at, at, by, None, None, None, (), dict(details), {}, 0
    )


@given(st.text(max_size=200))
def test_a_shortened_name_is_escaped_and_all_of_it_is_at_hand(name: str) -> None:
    made = str(shown.middle(name))
    assert made.startswith("<bdi")
    assert not re.search(r"<(?!/?(bdi|span)\b)", made)
    assert f'title="{shown.escape(name)!s}"' in made


@given(st.text(min_size=25, max_size=200))
def test_the_two_halves_of_a_long_name_are_the_name(name: str) -> None:
    head, tail = re.findall(r'<span aria-hidden="true">(.*?)</span>', str(shown.middle(name)), re.DOTALL)
    assert unescape(head) + unescape(tail) == unescape(str(shown.escape(name)))
    assert len(unescape(tail)) >= 1


@given(st.text(alphabet="ab<&\"' ", max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_highlighting_marks_the_place_and_escapes_the_rest(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    made = str(shown.highlighted(text, ((start, end),)))
    assert unescape(re.sub(r"</?mark>", "", made)) == text
    assert unescape(re.findall(r"<mark>(.*)</mark>", made, re.DOTALL)[0]) == text[start:end]


@pytest.mark.parametrize(
    ("locale", "value", "text"),
    [
        ("en_GB", (123450, "EUR"), "€1,234.50"),
        ("de_DE", (123450, "EUR"), "1.234,50\xa0€"),
        ("en_GB", (5000, "JPY"), "JP¥5,000"),
        ("en_GB", (123450, None), "1,234.50"),
        ("en_GB", (123450, "ZZZ"), "ZZZ\xa01,234.50"),
        ("en_GB", (None, "EUR"), ""),
    ],
    ids=["english", "german", "no minor unit", "no currency", "unknown currency", "no total"],
)
def test_sums_follow_the_reader_and_the_currency(locale: str, value: tuple[int | None, str | None], text: str) -> None:
    with i18n.speaking(locale):
        assert shown.amount(*value) == text


def test_a_machine_is_never_shown_as_certain() -> None:
    assert shown.percent(1.0) == "99%"


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en_GB"),
        ("de-DE,de;q=0.9,en;q=0.8", "en_GB"),
        ("en-US,en;q=0.9", "en_US"),
        ("en", "en_GB"),
        ("xx-YY;q=1, \x00", "en_GB"),
    ],
)
def test_the_locale_is_one_we_speak_in_the_readers_form(header: str, locale: str) -> None:
    assert i18n.choose(header) == locale


def test_days_are_written_in_full() -> None:
    with i18n.speaking("en_GB"):
        assert shown.day(date(2033, 12, 31)) == "31 December 2033"


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_of_a_table_is_a_formula(cell: str) -> None:
    assert _harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("by", "subject"),
    [
        (Actor("person", READER, None, DEPARTMENT), "You"),
        (Actor("person", uuid4(), None, DEPARTMENT), "A colleague in Accounting"),
        (Actor("person", uuid4(), None, uuid4()), "A colleague"),
        (Actor("person", None), "A colleague"),
        (Actor("system", None, "pipeline"), "Muniment"),
        (Actor("operator", uuid4()), "An operator at the machine's command line"),
    ],
    ids=["oneself", "a colleague", "of a department one does not see", "erased", "the program", "at the machine"],
)
def test_history_names_departments_and_never_a_colleague(by: Actor, subject: str) -> None:
    told = sentences.tell([entry("record.reading_asked", by)], NAMES)
    assert told[0].text == f"{subject} asked for it to be read once more."


def test_pages_looked_at_one_after_the_other_stand_in_one_sentence() -> None:
    by = Actor("person", READER)
    entries = [entry("record.opened", by, 9 - n, n, purpose="page_image", part="page") for n in range(3)]
    told = sentences.tell(entries, NAMES)
    assert [(s.text, s.first, s.last) for s in told] == [("You looked at 3 pages.", 7, 9)]


@pytest.mark.parametrize(
    ("action", "purpose", "text"),
    [
        ("record.downloaded", "download", "You downloaded the file."),
        ("record.previewed", "preview", "You saw its preview beside a list."),
        ("record.thumbnail_shown", "thumbnail", "You saw a thumbnail of it."),
        ("record.page_shown", "page_image", "You looked at a page."),
        ("record.print_view_requested", "print", "You asked for its print view."),
        ("record.history_shown", None, "You looked at what happened to it."),
        ("record.table_taken", None, "You took it away in a table."),
    ],
)
def test_each_way_to_see_a_record_has_words_of_its_own(action: str, purpose: str | None, text: str) -> None:
    said = {"purpose": purpose} if purpose else {}
    (told,) = sentences.tell([entry(action, Actor("person", READER), **said)], NAMES)
    assert told.text == text


def test_the_programs_own_reads_do_not_bury_what_people_did() -> None:
    entries = [entry("record.opened", Actor("system", None, "pipeline"), purpose="work", part="original")]
    assert sentences.tell(entries, NAMES) == []


def test_what_is_done_to_many_at_once_stands_in_the_words_of_the_trail() -> None:
    (told,) = sentences.tell([entry("retention.date_changed", Actor("system", None, "retention"))], NAMES)
    assert told.text.endswith("reckoned retention dates that had changed.")


def test_an_action_without_words_is_told_all_the_same() -> None:
    told = sentences.tell([entry("record.transmogrified", Actor("system", None, "keeper"))], NAMES)
    assert "record.transmogrified" in told[0].text


@pytest.mark.parametrize(
    ("changes", "readers"),
    [
        ({"confirmed": False, "record_class": None}, ["You, who uploaded it"]),
        (
            {"confirmed": False},
            ["You, who uploaded it", "People in Legal who also read the class “Letter”"],
        ),
        ({"case_file": "P-1", "listed_only": True}, ["People on the access list of case file P-1"]),
        (
            {"case_file": "P-1", "section": "health"},
            ["People listed for the sealed section “Health” of case file P-1"],
        ),
        ({"record_class": "supplier_invoice"}, ["Everybody in Accounting", "Everybody in Legal"]),
        ({"record_class": None}, ["Nobody, until it has a class with readers"]),
    ],
    ids=["no class", "unconfirmed", "listed file", "sealed section", "by class and department", "nobody"],
)
def test_who_can_see_a_record_is_said_in_words(changes: dict[str, object], readers: list[str]) -> None:
    placed = {
        "record_class": "letter",
        "department": "Legal",
        "confirmed": True,
        "case_file": None,
        "listed_only": False,
        "section": None,
        "reader_is_uploader": True,
        "departments": {"accounting": ["Accounting"], "legal": ["Legal"]},
    }
    assert access_words.readers(Placed(**(placed | changes))) == readers  # type: ignore[arg-type]


@pytest.mark.parametrize("proposed", [None, *(each.code for each in file_plan.load())])
def test_the_number_keys_offer_nine_different_classes_and_the_proposal_first(proposed: str | None) -> None:
    offered = choices(proposed)
    assert len(offered) == len(set(offered)) == CHOICES
    assert not any(file_plan.load().get(code).group for code in offered)
    if proposed is not None and not file_plan.load().get(proposed).group:
        assert offered[0] == proposed
