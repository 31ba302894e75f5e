"""Search engine: indexing, query times with facets, and what access costs, against bare tantivy.

Records hold some 7 kB of words drawn by Zipf's law. The words are made up from syllables, or
taken from the text files of the corpus where ``MUNIMENT_CORPUS`` names one. The baseline is the
same machine's tantivy with one field, one shard, no access, facets or merging.
"""

import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Final

import tantivy

from benchmarks.figures import Figure, percentile
from core.identifiers import new_id, new_record_number
from search.embedded import EmbeddedIndex
from search.port import FACETS, IndexDocument, SearchRequest
from search.query import parse
from search.reader import EmbeddedReader
from search.snippets import best_snippet

VOCABULARY: Final = 60_000
WORDS_A_RECORD: Final = 1_050
BATCH: Final = 500
ROUNDS: Final = 12
ACCESS_SETS: Final = 1_000
CLASSES: Final = ("invoice", "contract", "letter", "application", "payslip", "minutes", "statement", "policy")
LANGUAGES: Final = ("de", "en", "fr", "ro", "es")


class Words:
    """Draws words by Zipf's law, the same ones each time."""

    def __init__(self) -> None:
        self.random = random.Random(7)  # noqa: S311 - measured text, nothing secret
        self.list = list(_corpus_words() or self._made_up())
        self._weights = list(accumulate(1 / (rank + 2) for rank in range(len(self.list))))

    def _made_up(self) -> Iterator[str]:
        syllables = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ä", "en", "er", "é", "ung")]
        seen: set[str] = set()
        while len(seen) < VOCABULARY:
            word = "".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4))))
            if word not in seen:
                seen.add(word)
                yield word

    def draw(self, count: int) -> list[str]:
        return self.random.choices(self.list, cum_weights=self._weights, k=count)


def _corpus_words() -> list[str]:
    folder = os.environ.get("MUNIMENT_CORPUS")
    if not folder:
        return []
    counts: dict[str, int] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".txt", ".md", ".csv", ".eml", ".xml", ".html") and path.stat().st_size < 2_000_000:
            for word in re.findall(r"[^\W\d_]{2,20}", path.read_text("utf-8", "replace")):
                counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda word: -counts[word])[:VOCABULARY]


def documents(words: Words, count: int) -> Iterator[IndexDocument]:
    pick = words.random
    parties = [" ".join(words.draw(2)).title() + " GmbH" for _ in range(800)]
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        name = pick.choice(CLASSES)
        yield IndexDocument(
            record_id=new_id(),
            record_number=new_record_number(),
            access_set=number % ACCESS_SETS,
            entity="0" * 32,
            record_class=f"{name}.common",
            classes=(name,),
            received_at=start + timedelta(minutes=number),
            state="filed",
            media_kind=pick.choice(("pdf", "docx", "eml")),
            revision=1,
            body=" ".join(words.draw(WORDS_A_RECORD)),
            title=" ".join(words.draw(5)),
            parties=tuple(pick.sample(parties, 2)),
            number=f"R-{number:06}",
            case_file=f"PF-{number % 500:03}",
            department=f"Department {number % 12}",
            language=pick.choice(LANGUAGES),
            document_date=date(2015, 1, 1) + timedelta(days=pick.randrange(4_000)),
            total_minor=pick.randrange(10**7),
            currency="EUR",
        )


def queries(words: Words) -> list[str]:
    common, middling, rare = words.list[20:40], words.list[800:820], words.list[9_000:9_020]
    return [
        *(f"{word}" for word in common[:3] + middling[:3] + rare[:3]),
        *(f"{one} {other}" for one, other in zip(common[3:6], middling[3:6], strict=True)),
        f'"{common[7]} {common[8]}"',
        f"{middling[7]} OR {rare[7]} OR {rare[8]}",
        f"{common[9]} -{common[10]}",
        f"{middling[9][:4]}*",
        f"{common[11]} class:invoice date:2020..2022",
        f"{middling[11]} total:>50000 -language:de",
        "party:gmbh date:2021",
        "",
    ]


def times(task: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        task()
        found.append((time.perf_counter() - started) * 1_000)
    return found


def p95(name: str, taken: list[float], *, beside: Figure | None = None, most_ratio: float | None = None) -> Figure:
    """The figure of some queries, beside that of others."""
    return Figure(
        what=f"{name}, p95 (p50 {percentile(taken, 50):.1f} ms)",
        value=percentile(taken, 95),
        unit="ms",
        baseline=beside.value if beside else None,
        baseline_is="ms: all, with facets" if beside else "",
        most_ratio=most_ratio,
    )


def bare_index(folder: Path, bodies: list[str]) -> tuple[tantivy.Index, float]:
    folder.mkdir()
    index = tantivy.Index(tantivy.SchemaBuilder().add_text_field("body").build(), path=str(folder))
    started = time.perf_counter()
    writer = index.writer(64_000_000, 1)
    for body in bodies:
        document = tantivy.Document()
        document.add_text("body", body)
        writer.add_document(document)
    writer.commit()
    rate = len(bodies) / (time.perf_counter() - started)
    writer.wait_merging_threads()
    index.reload()
    return index, rate


def run(*, quick: bool) -> list[Figure]:
    """Records indexed a second, and how long queries take within different access."""
    words, count = Words(), 2_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as place:
        rate, bodies = _index(Path(place) / "index", words, count)
        bare, bare_rate = bare_index(Path(place) / "bare", bodies)
        indexing = Figure(
            what=f"{count:,} records of {statistics.mean(map(len, bodies)) / 1_000:.1f} kB indexed, {BATCH} a commit",
            value=rate,
            unit="a second",
            baseline=bare_rate,
            baseline_is="a second: bare tantivy, one field, one commit",
        )
        with EmbeddedReader(Path(place) / "index") as reader:
            figures = [indexing, *_queries(reader, words)]
        tree = parse(queries(words)[9]).tree
        figures.append(
            p95("25 snippets of 7 kB", times(lambda: [best_snippet(body, tree, "de") for body in bodies[:25]]))
        )
        return [*figures, p95(f"bare tantivy: one term, {count:,} records", _bare_times(bare, words))]


def _index(folder: Path, words: Words, count: int) -> tuple[float, list[str]]:
    spent, bodies, batch = 0.0, list[str](), list[IndexDocument]()
    with EmbeddedIndex(folder) as index:
        for document in documents(words, count):
            batch.append(document)
            bodies.append(document.body)
            if len(batch) == BATCH:
                started = time.perf_counter()
                index.put(batch)
                index.commit()
                spent += time.perf_counter() - started
                batch.clear()
    return count / spent, bodies


def _queries(reader: EmbeddedReader, words: Words) -> list[Figure]:
    mix = [parse(text).tree for text in queries(words)]

    def asked(access: list[int] | None, facets: Sequence[str]) -> list[float]:
        reader.search(SearchRequest(access_sets=access, facets=facets))
        return [
            each
            for node in mix
            for each in times(
                partial(reader.search, SearchRequest(node, access_sets=access, facets=facets)),
            )
        ]

    everything = p95("all, with facets", asked(None, FACETS))
    prefixes = [word[:3] for word in words.list[100:110]]
    return [
        p95("all, without facets", asked(None, ())),
        everything,
        p95(
            "1 % access, with facets",
            asked(list(range(ACCESS_SETS // 100)), FACETS),
            beside=everything,
            most_ratio=1.3,
        ),
        p95("all by 1,000 access sets, with facets", asked(list(range(ACCESS_SETS)), FACETS), beside=everything),
        p95("newest first, page of 25", times(lambda: reader.search(SearchRequest(access_sets=None)))),
        p95("suggest", [each for prefix in prefixes for each in times(partial(reader.suggest, prefix, None))]),
    ]


def _bare_times(bare: tantivy.Index, words: Words) -> list[float]:
    searcher = bare.searcher()
    terms = [*words.list[20:24], *words.list[800:804]]
    return [
        each
        for term in terms
        for each in times(partial(searcher.search, tantivy.Query.term_query(bare.schema, "body", term.lower()), 25))
    ]
