"""What every search index promises, whatever engine is behind it.

A suite for an engine is a subclass with two fixtures: ``index``, an empty ``SearchIndex`` that the
test may write, and ``reader``, another ``SearchReader`` on the same index. The oracle is a dozen
lines of plain Python over lists of words: slow, and easy to believe.

Engines agree on records, totals, facets, suggestions and order by numbers. By relevance they may differ a
little, since they count words over other parts of the index: in ``SAME_BEST`` of the queries both
put the same record first, and always the first of the one is among the first ``TOLERANCE`` of the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.errors import Conflict, Invalid
from core.identifiers import new_id
from search.analysis import stem, stems, tokens
from search.folding import squeeze
from search.port import FACETS, BadCursor, IndexDocument, SearchIndex, SearchReader, SearchRequest, Sort
from search.query import parse
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
    negation,
)

ENTITY = "0123456789abcdef0123456789abcdef"
OTHER_ENTITY = "fedcba9876543210fedcba9876543210"
START = datetime(2025, 3, 1, 12, tzinfo=UTC)
TOLERANCE = 20
SAME_BEST = 0.95


def a_document(body: str = "", **changes: object) -> IndexDocument:
    """A document of the smallest kind, with ``changes``."""
    values: dict[str, object] = {
        "record_id": new_id(),
        "record_number": "7K2M9QXT4",
        "access_set": 1,
        "entity": ENTITY,
        "record_class": "invoice.supplier",
        "classes": ("invoice",),
        "received_at": START,
        "state": "filed",
        "media_kind": "pdf",
        "revision": 1,
        "body": body,
        "language": "en",
    }
    return IndexDocument(**(values | changes))  # type: ignore[arg-type]


def found(reader: SearchReader, text: str, **changes: object) -> set[UUID]:
    """Ids of all that ``text`` finds for one who sees everything."""
    values: dict[str, object] = {"query": parse(text).tree, "access_sets": None, "limit": 200} | changes
    return {hit.record_id for hit in reader.search(SearchRequest(**values)).hits}  # type: ignore[arg-type]


def all_pages(reader: SearchReader, limit: int, **values: object) -> list[UUID]:
    """Ids of every page, one after the other."""
    ids: list[UUID] = []
    cursor = None
    while True:
        request = SearchRequest(**({"access_sets": None, "limit": limit, "cursor": cursor} | values))  # type: ignore[arg-type]
        result = reader.search(request)
        ids += [hit.record_id for hit in result.hits]
        cursor = result.next_cursor
        if cursor is None:
            return ids


def fill(index: SearchIndex, documents: Iterable[IndexDocument]) -> list[IndexDocument]:
    kept = list(documents)
    index.put(kept)
    index.commit()
    return kept


class SearchContract:
    """Inherit, and give the fixtures ``index`` and ``reader``."""

    def test_a_document_is_found_by_a_word_once_committed(self, index: SearchIndex, reader: SearchReader) -> None:
        document = a_document("the quick fox")
        index.put([document])
        assert found(reader, "quick") == set()
        index.commit()
        assert found(reader, "quick") == {document.record_id}
        assert reader.count() == 1

    @pytest.mark.parametrize(
        ("body", "language", "query"),
        [
            pytest.param("Der Prüfbericht", "de", "PRUFBERICHT", id="accents and case"),
            pytest.param("Mu\u0308ller", "de", "müller", id="decomposed accents"),
            pytest.param("Müller", "de", "mueller", id="umlaut written out in the query"),
            pytest.param("Mueller", "de", "müller", id="umlaut written out in the text"),
            pytest.param("Straße", "de", "strasse", id="sharp s"),
            pytest.param("Țară", "ro", "ţara", id="Romanian comma and cedilla"),
            pytest.param("ﬁnance œuvre", "fr", "finance oeuvre", id="ligatures"),
            pytest.param("Rech\u00adnung Miet-\nvertrag", "de", "rechnung mietvertrag", id="hyphens at line ends"),
            pytest.param("Договор аренды", "ru", "договор", id="Cyrillic"),
            pytest.param("two invoices", "en", "invoice", id="English plural"),
            pytest.param("die Verträge", "de", "vertrag", id="German plural with umlaut"),
            pytest.param("les factures payées", "fr", "facture", id="French plural"),
            pytest.param("las facturas", "es", "factura", id="Spanish plural"),
            pytest.param("facturilor", "ro", "facturii", id="Romanian cases"),
            pytest.param("bill R-2024-001 paid", "en", "R-2024-001", id="a number with hyphens"),
            pytest.param("l’article premier", "fr", "l'article", id="either apostrophe"),
            pytest.param("the quick brown fox", "en", '"quick brown"', id="a phrase"),
            pytest.param("the quick brown fox", "en", "bro*", id="a prefix"),
            pytest.param("bill R-2024-001 paid", "en", "R-2024-0*", id="a prefix of several words"),
            pytest.param("mail jo@acme.example now", "en", "jo@acme.example", id="an address"),
        ],
    )
    def test_the_way_a_word_is_written_does_not_matter(
        self, index: SearchIndex, reader: SearchReader, body: str, language: str, query: str
    ) -> None:
        (document,) = fill(index, [a_document(body, language=language)])
        assert found(reader, query) == {document.record_id}

    @pytest.mark.parametrize(
        ("body", "query"),
        [
            pytest.param("quick fox brown", '"quick brown"', id="words of a phrase apart"),
            pytest.param("two invoices", '"invoice"', id="a phrase wants the form itself"),
            pytest.param("the due date", "du", id="a stem of another language"),
            pytest.param("neun Tage", "neuen", id="no digraph is contracted behind a vowel"),
        ],
    )
    def test_what_does_not_match_is_not_found(
        self, index: SearchIndex, reader: SearchReader, body: str, query: str
    ) -> None:
        fill(index, [a_document(body)])
        assert found(reader, query) == set()

    def test_title_parties_and_numbers_are_found_by_words_and_weigh_more_than_text(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        words = "lorem ipsum dolor sit amet"
        in_text = a_document(f"{words} globex {words}")
        in_title = a_document(words, title="Globex")
        of_party = a_document(words, parties=("Globex GmbH", "Initech SA"))
        numbered = a_document(words, number="RE/2024-77", case_file="PF-001")
        fill(index, [in_text, in_title, of_party, numbered])
        hits = reader.search(SearchRequest(parse("globex").tree, access_sets=None)).hits
        assert [hit.record_id for hit in hits][-1] == in_text.record_id
        assert {hit.record_id for hit in hits} == {in_text.record_id, in_title.record_id, of_party.record_id}
        for query in ("RE/2024-77", "re202477", "PF-001", '"globex gmbh" OR number:RE-2024*'):
            assert numbered.record_id in found(reader, query), query
        assert found(reader, '"gmbh initech"') == set()

    @pytest.mark.parametrize(
        ("query", "matches"),
        [
            ("class:invoice.supplier", True),
            ("class:invoice", True),
            ("class:contract", False),
            ('party:"müller & söhne"', True),
            ("party:sohne", True),
            ("party:acme", False),
            ('party:"Mueller"', True),
            ("party:söh*", True),
            ("title:march", True),
            ("number:r-2024-7", True),
            ("number:R-2024*", True),
            ("number:R-2024", False),
            ("case:pf-001", True),
            ("department:accounts", True),
            ("record:7K2M-9QXT-4", True),
            ("currency:eur", True),
            ("language:de", True),
            ("language:fr", False),
            ("state:needs_review", True),
            ("type:pdf", True),
            (f"entity:{ENTITY}", True),
            (f"entity:{OTHER_ENTITY}", False),
            ("date:2024", True),
            ("date:2024-02", True),
            ("date:2024-02-29", True),
            ("date:2024-03..", False),
            ("date:>=2024-02-29", True),
            ("date:>2024-02-29", False),
            ("date:<2024", False),
            ("total:1190", True),
            ("total:>1190", False),
            ("total:1000..2000", True),
            ("total:..1000", False),
            ("received:2025-03-01", True),
            ("received:2024", False),
            ("-class:invoice", False),
            ("-class:contract", True),
        ],
    )
    def test_field_filters_mean_what_they_say(
        self, index: SearchIndex, reader: SearchReader, query: str, matches: bool
    ) -> None:
        document = a_document(
            "text",
            title="Invoice for March",
            parties=("Müller & Söhne GmbH",),
            number="R-2024-7",
            case_file="PF-001",
            department="Accounts",
            document_date=date(2024, 2, 29),
            total_minor=119_000,
            currency="EUR",
            language="de",
            state="needs_review",
        )
        fill(index, [document])
        assert found(reader, query) == ({document.record_id} if matches else set())

    def test_records_without_a_value_meet_no_span_of_it(self, index: SearchIndex, reader: SearchReader) -> None:
        (document,) = fill(index, [a_document("text")])
        assert found(reader, "date:..2100") == set()
        assert found(reader, "total:..100000000") == set()
        assert found(reader, "-total:..100000000") == {document.record_id}

    def test_days_received_are_those_of_the_zone_asked_for(self, index: SearchIndex, reader: SearchReader) -> None:
        (document,) = fill(index, [a_document("text", received_at=datetime(2025, 12, 31, 23, 30, tzinfo=UTC))])
        assert found(reader, "received:2026-01-01") == set()
        assert found(reader, "received:2026-01-01", zone="Europe/Berlin") == {document.record_id}
        with pytest.raises(Invalid):
            found(reader, "received:2026-01-01", zone="Nowhere/Land")

    def test_what_access_leaves_out_is_not_found_counted_faceted_or_suggested(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        fill(
            index,
            [
                a_document("payroll common", access_set=1, parties=("Acme GmbH",)),
                a_document("payslip common", access_set=2, parties=("Acorn SA",), record_class="payslip", classes=()),
            ],
        )
        result = reader.search(SearchRequest(parse("common").tree, access_sets=[1], facets=FACETS))
        assert (len(result.hits), result.total) == (1, 1)
        assert dict(result.facets["class"]) == {"invoice": 1, "invoice.supplier": 1}
        assert dict(result.facets["party"]) == {"Acme GmbH": 1}
        assert [each.text for each in reader.suggest("pay", [1])] == ["payroll"]
        assert [each.text for each in reader.suggest("ac", [2])] == ["Acorn SA"]
        assert {each.text for each in reader.suggest("ac", None)} == {"Acme GmbH", "Acorn SA"}
        assert reader.suggest("pay", []) == ()
        assert reader.suggest("p", None) == ()
        assert reader.search(SearchRequest(access_sets=[])).total == 0
        assert reader.search(SearchRequest(access_sets=[3, 4, 5])).total == 0
        assert reader.search(SearchRequest(access_sets=range(5_000))).total == 2

    def test_entities_are_a_border_too(self, index: SearchIndex, reader: SearchReader) -> None:
        ours, theirs = fill(index, [a_document("common"), a_document("common", entity=OTHER_ENTITY)])
        assert found(reader, "common", entities=[ENTITY]) == {ours.record_id}
        assert found(reader, "common", entities=[]) == set()
        assert found(reader, "common") == {ours.record_id, theirs.record_id}
        assert reader.suggest("comm", None, [OTHER_ENTITY])[0].records == 1

    def test_a_search_by_default_sees_nothing(self, index: SearchIndex, reader: SearchReader) -> None:
        fill(index, [a_document("common")])
        assert reader.search(SearchRequest(parse("common").tree)).total == 0

    def test_putting_again_replaces_and_removing_removes(self, index: SearchIndex, reader: SearchReader) -> None:
        first = a_document("alpha")
        fill(index, [first, a_document("other")])
        fill(index, [a_document("beta", record_id=first.record_id, revision=2)])
        assert found(reader, "alpha") == set()
        assert [hit.revision for hit in reader.search(SearchRequest(parse("beta").tree, access_sets=None)).hits] == [2]
        assert dict(reader.ids())[first.record_id] == 2
        index.remove([first.record_id, new_id()])
        assert reader.count() == 2
        index.commit()
        assert reader.count() == 1
        fill(index, [first])
        assert found(reader, "alpha") == {first.record_id}

    def test_the_last_put_of_a_record_wins_within_one_commit(self, index: SearchIndex, reader: SearchReader) -> None:
        record_id = new_id()
        index.put([a_document("alpha", record_id=record_id), a_document("beta", record_id=record_id)])
        index.remove([record_id])
        index.put([a_document("gamma", record_id=record_id), a_document("delta", record_id=record_id)])
        index.commit()
        assert (found(reader, "alpha OR beta OR gamma"), found(reader, "delta")) == (set(), {record_id})
        assert reader.count() == 1

    def test_hiding_needs_no_commit(self, index: SearchIndex, reader: SearchReader) -> None:
        kept, hidden = fill(index, [a_document("common"), a_document("common")])
        assert index.hide([hidden.record_id, new_id()]) == {hidden.record_id}
        assert found(reader, "common") == {kept.record_id}

    def test_another_access_set_holds_at_once_and_fully_after_putting_again(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        (document,) = fill(index, [a_document("common", access_set=1)])
        again = index.retag({document.record_id: 2, new_id(): 2})
        assert again <= {document.record_id}
        assert found(reader, "common", access_sets=[1]) == set()
        if again:
            fill(index, [a_document("common", record_id=document.record_id, access_set=2)])
        assert found(reader, "common", access_sets=[2]) == {document.record_id}

    def test_erasing_leaves_the_others(self, index: SearchIndex, reader: SearchReader) -> None:
        documents = {each.record_id: each for each in fill(index, [a_document(f"common word{n}") for n in range(10)])}
        erased, gone, *kept = documents

        def reload(record_ids: Sequence[UUID]) -> Iterator[IndexDocument]:
            assert erased not in record_ids
            return (documents[each] for each in record_ids if each != gone)

        erasure = index.erase([erased], reload)
        assert erasure.lost in ((), (gone,))
        assert found(reader, "common") - {gone} == set(kept)
        assert index.erase([erased], reload).shards == 0

    def test_it_is_rebuilt_while_searched_and_no_change_is_lost(self, index: SearchIndex, reader: SearchReader) -> None:
        documents = {each.record_id: each for each in fill(index, [a_document(f"common w{n}") for n in range(200)])}
        first, second, third, fourth, *_, last = documents
        late, added, changed, other = (a_document(each) for each in ("late", "added", "changed", "other"))
        late, changed = replace(late, record_id=second, revision=3), replace(changed, record_id=third, revision=2)
        other = replace(other, record_id=last, access_set=7)

        def reload(record_ids: Sequence[UUID]) -> Iterator[IndexDocument]:
            read = [documents[each] for each in record_ids]
            if second in record_ids:
                # A newer state is put, and a record is taken out, after this one was read.
                fill(index, [late])
                index.remove([fourth])
                index.commit()
            yield from read

        told = []
        assert reader.building() is None
        for done in index.rebuild(list(documents), reload):
            told.append(done)
            assert reader.count() in (198, 199)
            assert found(reader, "late") == {second}
            if len(told) == 1:
                # Its batch is past; of another one it is still to come.
                assert index.hide([first]) == {first}
                fill(index, [added, changed])
                assert index.retag({last: 7}) <= {last}
                (documents[last],) = fill(index, [other])
            assert reader.building() in (done, done - 1, done)
        assert told == [64, 128, 192, 200]
        assert reader.building() is None
        for each in (reader, index):
            assert each.count() == len(dict(each.ids())) == 199
            assert (found(each, "late"), found(each, "changed")) == ({second}, {third})
            assert (found(each, "added"), found(each, "other")) == ({added.record_id}, {last})
            assert found(each, "other", access_sets=[7]) == {last}
            assert (found(each, "w0"), found(each, "w2"), found(each, "w3")) == (set(), set(), set())
            assert found(each, "w4") == {list(documents)[4]}
        (after,) = fill(index, [a_document("after")])
        index.remove([second])
        index.commit()
        assert (found(reader, "after"), found(reader, "late")) == ({after.record_id}, set())

    def test_a_rebuild_leaves_out_what_is_gone_and_brings_in_what_was_missing(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        _, kept = fill(index, [a_document("common"), a_document("common")])
        missing = a_document("common")
        wanted = {each.record_id: each for each in (kept, missing)}
        told = list(index.rebuild([*wanted, new_id()], lambda ids: (wanted[each] for each in ids if each in wanted)))
        assert told == [2]
        assert found(reader, "common") == set(wanted)
        assert list(index.rebuild([], lambda ids: iter(()))) == []
        assert (reader.count(), found(reader, "common")) == (0, set())

    def test_a_rebuild_that_ends_early_changes_nothing(self, index: SearchIndex, reader: SearchReader) -> None:
        documents = {each.record_id: each for each in fill(index, [a_document("common") for _ in range(70)])}

        def broken(record_ids: Sequence[UUID]) -> Iterator[IndexDocument]:
            yield documents[record_ids[0]]
            raise Conflict("the text cannot be read")

        with pytest.raises(Conflict):
            list(index.rebuild(list(documents), broken))
        left = index.rebuild(list(documents), lambda ids: (documents[each] for each in ids))
        next(left)
        (added,) = fill(index, [a_document("added")])
        left.close()
        assert reader.building() is None
        assert found(reader, "common") == set(documents)
        assert found(reader, "added") == {added.record_id}
        # The next one begins afresh.
        everything = documents | {added.record_id: added}
        assert list(index.rebuild(list(everything), lambda ids: (everything[each] for each in ids))) == [64, 71]
        assert (found(reader, "common"), found(reader, "added")) == (set(documents), {added.record_id})

    @pytest.mark.parametrize("sort", ["date", "-date", "received", "-received", "total", "-total"])
    def test_pages_by_number_show_each_record_once_in_order(
        self, index: SearchIndex, reader: SearchReader, sort: Sort
    ) -> None:
        field = {"date": "document_date", "received": "received_at", "total": "total_minor"}[sort.lstrip("-")]
        documents = fill(
            index,
            [
                a_document(
                    "common",
                    # Ids whose random bits are all the same: the worst ties there can be.
                    record_id=UUID(int=(n << 64) | 5 if n % 2 else (n << 64) | n),
                    received_at=START + timedelta(hours=n // 8),
                    document_date=None if n % 5 == 0 else date(2024, 1, 1 + n % 7),
                    total_minor=None if n % 5 == 1 else (n % 6 - 3) * 10**12,
                )
                for n in range(70)
            ],
        )
        by_id = {each.record_id: each for each in documents}
        ids = all_pages(reader, 7, sort=sort)
        assert sorted(ids) == sorted(by_id)
        values = [getattr(by_id[each], field) for each in ids]
        known = [value for value in values if value is not None]
        assert values[: len(known)] == known, "those without a value come last"
        assert known == sorted(known, reverse=sort.startswith("-"))

    def test_titles_are_sorted_without_case_and_accents(self, index: SearchIndex, reader: SearchReader) -> None:
        titles = ["beta", "Älpha", "alphb", "Gamma", "ápha", ""]
        documents = fill(index, [a_document("common", title=title) for title in titles])
        by_id = {each.record_id: each.title for each in documents}
        assert [by_id[each] for each in all_pages(reader, 2, sort="title")] == [
            "",
            "Älpha",
            "alphb",
            "ápha",
            "beta",
            "Gamma",
        ]
        assert [by_id[each] for each in all_pages(reader, 4, sort="-title")][:2] == ["Gamma", "beta"]

    def test_relevance_is_paged_and_without_words_means_newest_first(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        documents = fill(
            index, [a_document("common " * (n % 9 + 1), received_at=START + timedelta(days=n)) for n in range(30)]
        )
        ids = all_pages(reader, 7, query=parse("common").tree)
        assert sorted(ids) == sorted(each.record_id for each in documents)
        newest = [each.record_id for each in reversed(documents)]
        assert all_pages(reader, 7) == newest
        assert all_pages(reader, 7, query=parse("class:invoice").tree) == newest

    def test_facets_count_all_that_matches_in_order_of_frequency(
        self, index: SearchIndex, reader: SearchReader
    ) -> None:
        fill(
            index,
            [
                a_document(
                    "common",
                    parties=("Acme", f"Party {n}"),
                    department="HR" if n % 3 else None,
                    language="de" if n % 2 else "fr",
                    document_date=date(2020 + n % 3, 5, 5),
                    currency="EUR",
                )
                for n in range(12)
            ],
        )
        facets = reader.search(
            SearchRequest(parse("common").tree, access_sets=None, limit=1, facets=FACETS, facet_values=3)
        ).facets
        assert facets["party"][0] == ("Acme", 12)
        assert len(facets["party"]) == 3
        assert facets["department"] == (("HR", 8),)
        assert facets["language"] == (("de", 6), ("fr", 6))
        assert facets["year"] == (("2020", 4), ("2021", 4), ("2022", 4))
        assert facets["class"] == (("invoice", 12), ("invoice.supplier", 12))
        assert (facets["state"], facets["type"], facets["currency"]) == (
            (("filed", 12),),
            (("pdf", 12),),
            (("EUR", 12),),
        )

    @pytest.mark.parametrize("cursor", ["", "x", "e30", "eyJvIjoxfQ", "\u00fc" * 5, "A" * 5_000, "eyJvIjotMX0="])
    def test_what_is_no_cursor_is_refused(self, index: SearchIndex, reader: SearchReader, cursor: str) -> None:
        fill(index, [a_document("common")])
        with pytest.raises(BadCursor):
            reader.search(SearchRequest(access_sets=None, cursor=cursor))

    def test_a_cursor_serves_its_own_search_only(self, index: SearchIndex, reader: SearchReader) -> None:
        fill(index, [a_document("common") for _ in range(3)])
        cursor = reader.search(SearchRequest(parse("common").tree, access_sets=None, limit=1)).next_cursor
        for other in ({"query": parse("other").tree}, {"sort": "title"}, {"sort": "date"}, {"entities": [ENTITY]}):
            values = {"query": parse("common").tree, "cursor": cursor, "access_sets": None} | other
            with pytest.raises(BadCursor):
                reader.search(SearchRequest(**values))

    @pytest.mark.parametrize(
        "request_",
        [
            SearchRequest(access_sets=None, limit=0),
            SearchRequest(access_sets=None, limit=201),
            SearchRequest(access_sets=None, sort="newest"),  # type: ignore[arg-type]
            SearchRequest(access_sets=None, facets=["body"]),
        ],
        ids=["no hits", "too many hits", "unknown sort", "unknown facet"],
    )
    def test_a_request_that_cannot_be_met_is_refused(
        self, index: SearchIndex, reader: SearchReader, request_: SearchRequest
    ) -> None:
        with pytest.raises(Invalid):
            reader.search(request_)

    def test_extreme_values_neither_break_nor_stop_the_writer(self, index: SearchIndex, reader: SearchReader) -> None:
        odd = a_document(
            "x" * 200_000 + " common \x00\ud800 " + "å" * 70_000,
            title="t" * 100_000,
            parties=("p" * 100_000, "", "\x1f", "\ud800"),
            number="n" * 5_000,
            document_date=date.max,
            total_minor=-(2**53),
            received_at=datetime(9999, 12, 31, tzinfo=UTC),
            access_set=-(2**40),
        )
        fill(index, [odd])
        assert found(reader, "common") == {odd.record_id}
        with pytest.raises(Invalid):
            index.put([a_document("huge", total_minor=2**63)])
        with pytest.raises(Invalid):
            index.put([a_document("naive", received_at=datetime(2025, 1, 1))])
        fill(index, [a_document("common")])
        assert len(found(reader, "common")) == 2

    @settings(
        max_examples=40,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        # One suite for several engines: that a method runs in several classes is what it is for.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.differing_executors,
        ],
    )
    @given(data=st.data())
    def test_it_finds_what_reading_everything_would_find(
        self, index: SearchIndex, reader: SearchReader, data: st.DataObject
    ) -> None:
        index.remove([record_id for record_id, _ in reader.ids()])
        documents = fill(index, data.draw(st.lists(_documents, min_size=4, max_size=12)))
        for _ in range(10):
            node = data.draw(_nodes)
            access = data.draw(st.none() | st.lists(st.integers(0, 3), max_size=3))
            expected = [
                each for each in documents if (access is None or each.access_set in access) and matches(node, each)
            ]
            result = reader.search(
                SearchRequest(node, access_sets=access, limit=200, facets=["class", "party"], facet_values=99)
            )
            assert {hit.record_id for hit in result.hits} == {each.record_id for each in expected}
            assert result.total == len(expected)
            assert dict(result.facets["class"]) == _count({each.record_class, *each.classes} for each in expected)
            assert dict(result.facets["party"]) == _count(set(each.parties) for each in expected)


def _count(sets: Iterable[set[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for values in sets:
        for value in values:
            counts[value] = counts.get(value, 0) + 1
    return counts


_WORDS = ("contract", "contracts", "Vertrag", "Verträge", "facture", "factures", "R-7", "Müller", "und", "acme")
_texts = st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join)
_documents = st.builds(
    a_document,
    body=_texts,
    title=_texts,
    parties=st.lists(st.sampled_from(["Acme GmbH", "Müller AG", "Acme"]), max_size=2, unique=True).map(tuple),
    number=st.sampled_from([None, "R-7", "R-71", "X 9"]),
    access_set=st.integers(0, 3),
    language=st.sampled_from([None, "en", "de", "fr", "nl"]),
    record_class=st.sampled_from(["contract", "contract.lease"]),
    classes=st.sampled_from([(), ("contract",)]),
    document_date=st.none() | st.dates(date(2024, 1, 1), date(2024, 12, 31)),
    received_at=st.datetimes(datetime(2025, 1, 1), datetime(2025, 1, 9), timezones=st.just(UTC)),
    total_minor=st.none() | st.integers(-500, 500),
)
_filters = st.one_of(
    st.builds(Filter, st.just("class"), st.sampled_from([Exactly("contract"), Beginning("contract.l")])),
    st.builds(Filter, st.just("party"), st.sampled_from([Exactly("acme"), Exactly("Müller AG"), Beginning("mül")])),
    st.builds(Filter, st.just("number"), st.sampled_from([Exactly("r7"), Beginning("R-7"), Exactly("x9")])),
    st.builds(Filter, st.just("language"), st.sampled_from([Exactly("de"), Exactly("EN")])),
    st.builds(Filter, st.just("title"), _texts.filter(bool).map(Exactly)),
    st.builds(Filter, st.just("date"), st.builds(Days, st.dates(date(2024, 1, 1), date(2024, 12, 31)), st.none())),
    st.builds(Filter, st.just("received"), st.builds(Days, st.none(), st.dates(date(2025, 1, 1), date(2025, 1, 9)))),
    st.builds(Filter, st.just("total"), st.builds(Amounts, st.integers(-500, 0), st.none() | st.integers(0, 500))),
)
_leaves = st.one_of(
    st.builds(Word, st.sampled_from([*_WORDS, "mueller", "vertraege", "gmbh"])),
    st.builds(Phrase, _texts.filter(bool)),
    st.builds(Prefix, st.sampled_from(["con", "fact", "mü", "R-7", "ver"])),
    _filters,
    st.just(Everything()),
)
_nodes = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(negation, inner),
        st.lists(inner, min_size=2, max_size=3).map(conjunction),
        st.lists(inner, min_size=2, max_size=3).map(alternative),
    ),
    max_leaves=6,
)


def matches(node: Node, document: IndexDocument) -> bool:
    """Whether ``node`` matches, decided by reading the document from end to end."""
    match node:
        case Everything():
            return True
        case Not(part):
            return not matches(part, document)
        case And(parts):
            return all(matches(part, document) for part in parts)
        case Or(parts):
            return any(matches(part, document) for part in parts)
        case Filter(field, value):
            return _meets(field, value, document)
        case Word(text):
            return _has_word(text, document)
        case Phrase(text):
            return any(_in_row(text, place) for place in _places(document))
        case Prefix(text):
            keys = [squeeze(each) for each in (document.number, document.record_number) if each]
            return any(_in_row(text, place, begins=True) for place in _places(document)) or any(
                key.startswith(squeeze(text)) for key in keys
            )


def _places(document: IndexDocument) -> list[str]:
    return [document.body, document.title, *document.parties, document.number or "", document.record_number]


_SPELLINGS = {"müller": "mueller", "mueller": "muller", "verträge": "vertraege", "vertraege": "vertrage"}


def _rows(text: str) -> list[list[str]]:
    other = " ".join(_SPELLINGS.get(word.lower(), word) for word in text.split())
    return [list(tokens(text)), list(tokens(other))]


def _in_row(text: str, place: str, *, begins: bool = False) -> bool:
    words = list(tokens(place))
    for row in _rows(text)[: 1 if begins else 2]:
        for at in range(len(words) - len(row) + 1):
            part = words[at : at + len(row)]
            if part == row or (begins and part[:-1] == row[:-1] and part[-1].startswith(row[-1])):
                return True
    return False


def _has_word(text: str, document: IndexDocument) -> bool:
    if any(_in_row(text, place) for place in _places(document)):
        return True
    if squeeze(text) in [squeeze(each) for each in (document.number, document.record_number) if each]:
        return True
    if document.language not in ("en", "de", "fr") or len(tokens(text)) > 1:
        return False
    wanted: set[tuple[str, str | None]] = {form for (token,) in _rows(text) for form in stems(token)}
    language = document.language
    have = {(language, stem(token, language)) for token in tokens(f"{document.body} {document.title}")}
    return bool(wanted & have)


def _meets(field: str, value: object, document: IndexDocument) -> bool:
    texts = {
        "class": [document.record_class, *document.classes],
        "number": [document.number or ""],
        "language": [document.language or ""],
    }
    match value:
        case Exactly(text) if field in texts:
            return any(squeeze(text) == squeeze(each) for each in texts[field] if each)
        case Beginning(text) if field in texts:
            return any(squeeze(each).startswith(squeeze(text)) for each in texts[field])
        case Exactly(text):
            return any(_in_row(text, each) for each in (document.parties if field == "party" else [document.title]))
        case Beginning(text):
            return any(_in_row(text, each, begins=True) for each in document.parties)
        case Days(first, last):
            day = document.document_date
            if field == "received":
                day = document.received_at.astimezone(ZoneInfo("UTC")).date()
            return day is not None and (first is None or day >= first) and (last is None or day <= last)
        case Amounts(least, most):
            total = document.total_minor
            return total is not None and (least is None or total >= least) and (most is None or total <= most)
    raise AssertionError(value)
