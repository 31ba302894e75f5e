"""Both engines give the same answers: hundreds of queries made from the words of real and made-up texts.

Same means the same records, total, facets and suggestions, and the same order where a number sorts. By
relevance they may differ as the contract suite says.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pypdfium2
import pytest

from app.samples.sheet import lay_out
from core.identifiers import new_record_number
from ingest.training.drafts import draft
from ingest.training.vocabulary import load
from search.analysis import tokens
from search.elastic_reader import ElasticReader
from search.elasticsearch import ElasticIndex
from search.embedded import EmbeddedIndex
from search.port import FACETS, IndexDocument, SearchReader, SearchRequest, SearchResult, Sort
from search.query import parse
from tests.contracts.search_contract import SAME_BEST, TOLERANCE, a_document, all_pages
from tests.support import elastic

pytestmark = pytest.mark.services

LANGUAGES = ("de", "en", "es", "fr", "ro")
CLASSES = ("invoice", "lease", "policy", "minutes", "service_contract", "letter", "warning")
_WORD = re.compile(r"\w[\w./'’-]*")
_READ = {".txt", ".md", ".xml", ".eml", ".html"}


def made_up(rng: Random, count: int) -> Iterator[IndexDocument]:
    for number in range(count):
        language = LANGUAGES[number % 5]
        vocabulary, code = load(language), rng.choice(CLASSES)
        text = "\n".join(lay_out(draft(rng, vocabulary, code), vocabulary, rng).lines())
        yield filled_in(rng, text, code, language)


def of_corpus(corpus: Path, rng: Random) -> Iterator[IndexDocument]:
    with (corpus / "labels.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = corpus / row["path"]
            if path.suffix in _READ:
                text = path.read_text("utf-8", "replace")
            elif path.suffix == ".pdf" and row["kind"] == "born-digital":
                with pypdfium2.PdfDocument(path) as pdf:
                    text = "\n".join(page.get_textpage().get_text_bounded() for page in pdf)
            else:
                continue
            yield filled_in(rng, text[:200_000], row["record_class"], row["language"])


def filled_in(rng: Random, text: str, code: str, language: str) -> IndexDocument:
    """The text with a title and parties of its own words, and everything else by chance."""
    words = _WORD.findall(text) or ["empty"]
    at = rng.randrange(len(words))
    return a_document(
        text,
        record_number=new_record_number(),
        title=" ".join(words[at : at + 6]),
        parties=tuple(dict.fromkeys(f"{word.title()} GmbH" for word in rng.sample(words, min(2, len(words))))),
        number=f"R-{rng.randrange(2020, 2026)}/{rng.randrange(500):03}",
        case_file=f"PF-{rng.randrange(30):03}",
        access_set=rng.randrange(20),
        record_class=code,
        classes=(code.partition("_")[0],),
        department=rng.choice(["Accounts", "HR", None]),
        language=language if len(language) == 2 else None,
        document_date=None if rng.random() < 0.1 else date(2018, 1, 1) + timedelta(days=rng.randrange(2_500)),
        received_at=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(3 * 10**7)),
        total_minor=None if rng.random() < 0.3 else rng.randrange(10**6),
        currency=rng.choice(["EUR", "RON", None]),
        media_kind=rng.choice(["pdf", "mail", "text"]),
    )


def queries(rng: Random, documents: list[IndexDocument], count: int) -> Iterator[str]:
    for _ in range(count):
        one, other = rng.choice(documents), rng.choice(documents)
        words, more = _WORD.findall(one.body) or ["empty"], _WORD.findall(other.body) or ["empty"]
        at = rng.randrange(len(words))
        word, another = words[at], rng.choice(more)
        yield rng.choice(
            [
                word,
                word,
                word.upper(),
                f"{word} {another}",
                f"{word} {rng.choice(words)}",
                f'"{" ".join(words[at : at + 2])}"',
                f'"{" ".join(words[at : at + 4])}"',
                f"{word[:3]}*",
                f"{word[: max(2, len(word) // 2)]}* {rng.choice(words)}",
                f"{word} -{another}",
                f"{word} OR {another}",
                f"({word} OR {another}) class:{other.record_class}",
                f'party:"{one.parties[0] if one.parties else word}"',
                f"title:{word} OR number:{str(other.number)[:6]}*",
                f"{word} date:2019..2021 total:>1000",
                f"{word} language:{one.language or 'de'} -case:{other.case_file}",
                f"{one.number}",
                f"{str(one.number)[:7]}*",
                f"received:2025-{rng.randrange(1, 13):02} -{word}",
                f"department:hr currency:ron total:..{rng.randrange(9_000)}",
            ]
        )


def differences(one: SearchReader, other: SearchReader, asked: list[str], rng: Random) -> list[str]:
    """What the engines say differently, in words, and more than ``TOLERANCE`` allows."""
    found, best, ranked = list[str](), 0, 0
    for text in asked:
        query = parse(text).tree
        sets = rng.choice([None, None, list(range(10)), [3, 4, 5]])
        request = SearchRequest(
            query, access_sets=sets, limit=200, facets=FACETS, facet_values=50, zone="Europe/Berlin"
        )
        ours, theirs = one.search(request), other.search(request)
        if (ours.total, ours.facets) != (theirs.total, theirs.facets):
            found.append(f"{text}: {ours.total} and {theirs.total}, or other facets")
        elif ours.total <= request.limit and {h.record_id for h in ours.hits} != {h.record_id for h in theirs.hits}:
            found.append(f"{text}: other records")
        elif ours.hits:
            places = place(ours.hits[0].record_id, theirs), place(theirs.hits[0].record_id, ours)
            best, ranked = best + (places == (0, 0)), ranked + 1
            if max(places) >= TOLERANCE:
                found.append(f"{text}: best hits at {places}")
        sort: Sort = rng.choice(["-date", "date", "-received", "received", "-total", "total"])
        values = {"query": query, "access_sets": sets, "sort": sort}
        if all_pages(one, 199, **values) != all_pages(other, 23, **values):
            found.append(f"{text}: another order by {sort}")
    if best < SAME_BEST * ranked:
        found.append(f"only {best} of {ranked} have the same best hit")
    return found


def place(record_id: UUID, result: SearchResult) -> int:
    """How many hits score higher."""
    scores = {hit.record_id: hit.score for hit in result.hits}
    return sum(1 for score in scores.values() if score > scores[record_id] * 1.001) if record_id in scores else 999


def compare(tmp_path: Path, documents: list[IndexDocument], count: int) -> None:
    rng = Random(5)
    asked = list(queries(rng, documents, count))
    with (
        elastic.fresh() as server,
        ElasticIndex(server) as theirs,
        EmbeddedIndex(tmp_path / "index") as ours,
        ElasticReader(server) as reader,
    ):
        for index in (ours, theirs):
            index.put(documents)
            index.commit()
        assert dict(ours.ids()) == dict(reader.ids())
        assert differences(ours, reader, asked, rng) == []
        beginnings = {token[:3] for document in documents[:60] for token in tokens(document.title)}
        for beginning in sorted(beginnings)[:100]:
            for sets in (None, [1, 2, 3]):
                assert ours.suggest(beginning, sets, limit=8) == reader.suggest(beginning, sets, limit=8), beginning


def test_made_up_documents_in_five_languages_get_the_same_answers(tmp_path: Path) -> None:
    compare(tmp_path, list(made_up(Random(3), 300)), 300)


@pytest.mark.corpus
def test_real_documents_get_the_same_answers(tmp_path: Path, corpus: Path) -> None:
    documents = list(of_corpus(corpus, Random(4)))
    assert len(documents) > 150
    compare(tmp_path, documents, 300)


def test_runs_of_letters_too_long_for_a_word_part_their_neighbours_in_both(tmp_path: Path) -> None:
    texts = [f"alpha {letter * length} omega" for letter in "xåж漢" for length in (24, 25, 33, 49, 50, 99, 100, 300)]
    documents = [a_document(text) for text in texts]
    with elastic.fresh() as server, ElasticIndex(server) as theirs, EmbeddedIndex(tmp_path / "index") as ours:
        for index in (ours, theirs):
            index.put(documents)
            index.commit()
        asked = ['"alpha omega"', "alpha omega", *texts, *(f'"{text}"' for text in texts), "xxx*", "ааж*", "漢漢*"]
        assert differences(ours, theirs, asked, Random(1)) == []
