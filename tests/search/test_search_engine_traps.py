"""Pins what was learnt about tantivy 0.27 and the stemmers: a test that fails here says that a reason has gone."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st
from tantivy import Index, Query, SchemaBuilder

from search.analysis import LANGUAGES, stem
from search.folding import fold, spellings, squeeze
from search.schema import SCHEMA


def run(code: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: panics write to the terminal, and may take threads with them."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_no_field_of_the_schema_is_unsigned() -> None:
    # An int given to an unsigned field kills the writer of tantivy 0.27.
    source = (Path(__file__).parents[2] / "search" / "schema.py").read_text()
    assert "add_unsigned_field" not in source
    assert "add_integer_field" in source
    assert SCHEMA


def test_an_analyzer_must_be_registered_again_at_every_open(tmp_path: Path) -> None:
    schema = SchemaBuilder().add_text_field("body", tokenizer_name="plain").build()
    Index(schema, path=str(tmp_path))
    lines = [
        "import tantivy",
        f"writer = tantivy.Index.open({str(tmp_path)!r}).writer(15_000_000, 1)",
        "document = tantivy.Document(body='word')",
        "writer.add_document(document)",
        "writer.commit()",
    ]
    outcome = run("\n".join(lines))
    assert outcome.returncode != 0
    assert "Error getting tokenizer" in outcome.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("Query.phrase_query(s, 'body', ['one'])", id="a phrase of one term"),
        pytest.param("i.searcher().search(Query.all_query(), limit=0)", id="no hits wanted"),
    ],
)
def test_what_panics_is_guarded_by_us(code: str) -> None:
    lines = [
        "from tantivy import Index, Query, SchemaBuilder",
        "s = SchemaBuilder().add_text_field('body').build()",
        "i = Index(s)",
        code,
    ]
    assert "PanicException" in run("\n".join(lines)).stderr


def test_a_deleted_document_is_still_counted_for_its_term(tmp_path: Path) -> None:
    # Erasing relies on it to find segments that hold leftovers.
    schema = SchemaBuilder().add_text_field("record", tokenizer_name="raw").build()
    index = Index(schema, path=str(tmp_path))
    writer = index.writer(15_000_000, 1)
    for name in ("one", "two"):
        document = tantivy.Document()
        document.add_text("record", name)
        writer.add_document(document)
    writer.commit()
    writer.delete_documents_by_term("record", "one")
    writer.commit()
    index.reload()
    searcher = index.searcher()
    assert searcher.num_docs == 1
    assert searcher.doc_freq("record", "one") == 1
    assert searcher.search(Query.term_query(schema, "record", "one"), 1).hits == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_stemmer_changes_the_first_letter(language: str) -> None:
    # Snippets rule words out by it.
    words = ["dying", "skies", "ying", "yes", "übungen", "äpfel", "iepure", "iubire", "oye", "llover", "huir"]
    for word in (*words, "aux", "yeux", "était", "jsou", "y", "ii"):
        folded = fold(word)
        assert (stem(folded, language) or "")[:1] == folded[:1]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Müller", ("muller", "mueller")),
        ("Mueller", ("mueller", "muller")),
        ("ueber", ("ueber", "uber")),
        ("neue", ("neue",)),
        ("Steuer", ("steuer",)),
        ("Quelle", ("quelle",)),
        ("due", ("due",)),
        ("value", ("value",)),
        ("plain", ("plain",)),
    ],
)
def test_spellings_of_umlauts(word: str, expected: tuple[str, ...]) -> None:
    assert spellings(word) == expected


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ÀÉÎÕÜ", "aeiou"),
        ("Straße ẞ", "strasse ss"),
        ("Œuvre Ærø Łódź", "oeuvre aero lodz"),
        ("ȘȚșţ", "stst"),
        ("ﬁn ﬀ", "fin ff"),
        ("Ｆｕｌｌ", "full"),
        ("İstanbul ısı", "istanbul isi"),
        ("Ελλάδα", "ελλαδα"),
        ("m² ½", "m2 1⁄2"),
        ("a\u00adb", "ab"),
        ("Ver-\n  trag", "vertrag"),
        ("Ver-\nTrag", "ver-\ntrag"),
        ("-\nx", "-\nx"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_numbers_are_compared_by_letters_and_digits() -> None:
    assert squeeze("R-2024/7 ") == squeeze("r20247") == "r20247"


@given(st.text(max_size=50))
def test_folding_twice_changes_nothing_and_case_never_matters(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    if "-" not in text and "\u2010" not in text:
        assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text)) == folded
