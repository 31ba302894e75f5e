import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import names

ANY = st.text(max_size=400)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        pytest.param("invoice.pdf", "invoice.pdf", id="an ordinary name"),
        pytest.param("../../etc/passwd", "passwd", id="path parts"),
        pytest.param("C:\\Users\\x\\letter.docx", "letter.docx", id="a path of Windows"),
        pytest.param("folder/", "folder", id="a folder"),
        pytest.param("..", "unnamed", id="the folder above"),
        pytest.param(".", "unnamed", id="this folder"),
        pytest.param("", "unnamed", id="empty"),
        pytest.param("   ", "unnamed", id="blank"),
        pytest.param("/", "unnamed", id="the root"),
        pytest.param("\x00\x01", "unnamed", id="controls only"),
        pytest.param("a\r\nb\tc.txt", "a  b c.txt", id="line ends and tabs"),
        pytest.param("exe\u202efdp.exe", "exefdp.exe", id="an override that turns the direction round"),
        pytest.param("\u2066\u200ea\u2069.pdf", "a.pdf", id="isolates and marks"),
        pytest.param("Geha\u0308lter.pdf", "Geh\u00e4lter.pdf", id="an accent in two characters becomes one"),
        pytest.param("\ud800x.txt", "x.txt", id="a lone surrogate"),
        pytest.param("a\u2028b.txt", "a b.txt", id="a line separator"),
    ],
)
def test_file_names_are_shown_safely(given_name, shown):
    assert names.clean_file_name(given_name) == shown


def test_a_name_of_300_characters_is_cut_in_the_middle_and_keeps_its_ending():
    shown = names.clean_file_name("x" * 296 + ".pdf")
    assert len(shown) == names.MAX_NAME
    assert shown.endswith(".pdf")
    assert "…" in shown


@given(ANY)
def test_a_shown_name_is_never_empty_long_hidden_or_a_path(text):
    shown = names.clean_file_name(text)
    assert 1 <= len(shown) <= names.MAX_NAME
    assert shown not in (".", "..")
    assert not set(shown) & set("/\\\x00\n\r")
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI") for c in shown
    )
    shown.encode()


@given(ANY)
def test_a_shown_name_stays_as_it_is_when_it_comes_back(text):
    shown = names.clean_file_name(text)
    assert names.clean_file_name(shown) == shown


@given(ANY)
def test_titles_are_one_line_of_bounded_length(text):
    for title in (names.clean_title(text), names.title_from_name(names.clean_file_name(text))):
        assert len(title) <= names.MAX_TITLE
        assert title == " ".join(title.split())
        title.encode()
    assert names.title_from_name(names.clean_file_name(text))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        pytest.param("Rechnung_4711.pdf", "Rechnung 4711", id="no ending and no underscores"),
        pytest.param("v1.2 draft", "v1.2 draft", id="a dot that begins no ending"),
        pytest.param("_.pdf", "_.pdf", id="nothing but an ending"),
    ],
)
def test_a_title_is_made_of_a_name(name, title):
    assert names.title_from_name(name) == title


@given(ANY)
def test_the_folder_of_a_dropped_file_leads_nowhere_else(text):
    folder = names.clean_relative_path(text)
    assert not folder.startswith("/")
    assert ".." not in folder.split("/")
    assert len(folder) <= names.MAX_TITLE
