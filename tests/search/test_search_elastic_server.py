"""What the server keeps of a record and what is left after erasing; rebuilding, two writers, refusals, a full disk."""

import logging
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from elasticsearch import ApiError

from core.errors import MunimentError
from core.identifiers import new_id
from search.elastic_bulk import MOST_PIECE_BYTES, Change, pieces
from search.elastic_client import SearchAway, SearchRefused, Server
from search.elastic_expunge import ErasureUnfinished, expunge
from search.elastic_indices import Indices
from search.elastic_reader import ElasticReader
from search.elasticsearch import ElasticIndex
from search.port import IndexBusy, IndexDocument, IndexNotWritten, IndexUnusable, SearchRequest
from search.query import parse
from services import NotAnswering, Proxy
from tests.contracts.search_contract import a_document, fill, found
from tests.support import elastic

pytestmark = pytest.mark.services

CANARY = "zqxwcanary7391"


@pytest.fixture
def server() -> Iterator[Server]:
    with elastic.fresh() as server:
        yield server


@pytest.fixture
def index(server: Server) -> Iterator[ElasticIndex]:
    with ElasticIndex(server) as index:
        yield index


def names(server: Server) -> set[str]:
    """The indices that hold records."""
    return set(elastic.running().call("GET", f"/{server.prefix}-r-*/_alias"))


def files_with(word: str) -> list[str]:
    """Files of the server that hold ``word``."""
    found = subprocess.run(["grep", "-rlaF", word, str(elastic.running().data)], capture_output=True, text=True)
    return found.stdout.splitlines()


def terms_with(server: Server, beginning: str) -> list[str]:
    """Terms of all labels, deleted documents included: dictionaries pack their bytes, so the files do not tell."""
    asked = {"field": "label", "string": beginning, "size": 50}
    return list(elastic.running().call("POST", f"/{server.alias}/_terms_enum", asked)["terms"])


def test_nothing_of_a_text_can_be_had_but_its_different_words(index: ElasticIndex, server: Server) -> None:
    (document,) = fill(index, [a_document("zebra apple zebra mango", title="Title")])
    (name,) = names(server)
    call = elastic.running().call
    with pytest.raises(NotAnswering):  # without a source nothing can be got
        call("GET", f"/{name}/_source/{document.record_id.hex}")
    asked = {"query": {"match_all": {}}, "stored_fields": ["*"], "fields": ["*"], "_source": True}
    (hit,) = call("POST", f"/{name}/_search", asked)["hits"]["hits"]
    assert "_source" not in hit
    assert set(hit.get("fields", {})).isdisjoint({"body", "head", "title", "party", "stems_en"})
    for field in ("body", "head", "title", "party", "stems_en"):
        with pytest.raises(NotAnswering):
            call("POST", f"/{name}/_search", {"docvalue_fields": [field]})
    vectors = call("POST", f"/{name}/_termvectors/{document.record_id.hex}", {"fields": ["*"]})
    assert set(vectors.get("term_vectors", {})).isdisjoint({"body", "head", "title", "party", "stems_en"})
    # Suggestions count these; the order and number of the words are in no column.
    (hit,) = call("POST", f"/{name}/_search", {"docvalue_fields": ["words"]})["hits"]["hits"]
    assert hit["fields"]["words"] == ["apple", "mango", "zebra"]


def test_erasing_leaves_no_byte_in_any_file_of_the_server(index: ElasticIndex, server: Server) -> None:
    secret = a_document(
        f"{CANARY} common", title=f"{CANARY} title", parties=(f"{CANARY} GmbH",), number=CANARY, case_file=CANARY
    )
    replaced = a_document(f"{CANARY}b", number=f"{CANARY}b")
    kept = fill(index, [secret, replaced, *(a_document("common") for _ in range(30))])[2:]
    (anew,) = fill(index, [a_document("common", record_id=replaced.record_id)])
    assert files_with(CANARY)
    assert terms_with(server, f"number:{CANARY}") == [f"number:{CANARY}", f"number:{CANARY}b"]
    index.hide([secret.record_id])
    with pytest.raises(ErasureUnfinished):
        expunge(index._client, server.alias, patience_seconds=0)
    assert found(index, CANARY) == set()
    # What is being built holds it too, read from the records before they were destroyed.
    rebuilt = index.rebuild([each.record_id for each in (secret, anew, *kept)], lambda _: iter([secret, anew, *kept]))
    next(rebuilt)
    assert index.building() == len(kept) + 2

    erasure = index.erase([secret.record_id], lambda _: iter(()))

    assert (erasure.shards, erasure.kept, erasure.lost) == (1, 0, ())
    assert files_with(CANARY) == []
    assert terms_with(server, f"number:{CANARY}") == []
    assert found(index, "common") == {replaced.record_id, *(each.record_id for each in kept)}
    assert index.suggest(CANARY[:4], None) == ()
    list(rebuilt)
    assert (files_with(CANARY), terms_with(server, f"number:{CANARY}")) == ([], [])
    assert found(index, "common") == {replaced.record_id, *(each.record_id for each in kept)}


@pytest.mark.slow
def test_what_the_server_let_go_of_by_itself_before_is_in_no_file_either(index: ElasticIndex, server: Server) -> None:
    fill(index, [a_document("common")])
    # A part of its own, which the server drops whole.
    (secret,) = fill(index, [a_document(f"{CANARY}c common")])
    index.hide([secret.record_id])

    def leases() -> Iterator[int]:
        stats = elastic.running().call("GET", f"/{server.alias}/_stats?level=shards")["indices"]
        for copies in (copies for each in stats.values() for copies in each["shards"].values()):
            yield from (lease["retaining_seq_no"] for copy in copies for lease in copy["retention_leases"]["leases"])

    end = time.monotonic() + 90
    while min(leases()) < 3:
        assert time.monotonic() < end
        time.sleep(1.0)
    assert files_with(f"{CANARY}c")
    index.erase([secret.record_id], lambda _: iter(()))
    assert files_with(f"{CANARY}c") == []


def test_an_index_of_another_version_is_refused_and_made_anew(index: ElasticIndex, server: Server) -> None:
    fill(index, [a_document("common")])
    (name,) = names(server)
    elastic.running().call("PUT", f"/{name}/_mapping", {"_meta": {"muniment": "0"}})
    with pytest.raises(IndexUnusable):
        ElasticIndex(server)
    with ElasticIndex.anew(server) as fresh:
        assert fresh.count() == 0
        fill(fresh, [a_document("common")])
        assert fresh.count() == 1
    assert len(names(server)) == 1


def test_a_missing_index_is_told_and_never_guessed(index: ElasticIndex, server: Server) -> None:
    with ElasticReader(replace(server, prefix=f"{server.prefix}x")) as elsewhere, pytest.raises(IndexUnusable):
        elsewhere.count()
    (name,) = names(server)
    elastic.running().call("DELETE", f"/{name}/_alias/{server.alias}")
    with pytest.raises(IndexUnusable):
        fill(index, [a_document("common")])
    with pytest.raises(IndexUnusable):
        ElasticIndex(server)
    with ElasticIndex.anew(server) as fresh:
        assert fresh.count() == 0


def test_a_rebuild_that_breaks_changes_nothing_and_leaves_nothing(index: ElasticIndex, server: Server) -> None:
    (document,) = fill(index, [a_document("common")])

    def broken(record_ids: Sequence[UUID]) -> Iterator[IndexDocument]:
        raise OSError("the vault is away")

    before = names(server)
    with pytest.raises(OSError, match="away"):
        list(index.rebuild([document.record_id], broken))
    abandoned = index.rebuild([document.record_id] * 300, lambda ids: iter(()))
    next(abandoned)
    assert len(names(server)) == 2
    abandoned.close()
    assert names(server) == before
    # Neither do the remains of one whose end the server did not hear of.
    Indices(index._client, server).create(server.next_alias, 1)
    list(index.rebuild([document.record_id], lambda ids: iter([document])))
    assert len(names(server)) == 1
    assert names(server) != before
    before = names(server)
    # Killed instead: the next writer sweeps.
    killed = index.rebuild([document.record_id] * 300, lambda ids: iter(()))
    next(killed)
    with ElasticIndex(server) as again:
        assert names(server) == before
        assert found(again, "common") == {document.record_id}


def test_of_two_writers_the_later_one_wins(index: ElasticIndex, server: Server) -> None:
    (document,) = fill(index, [a_document("alpha")])
    with ElasticIndex(server) as later:
        fill(later, [a_document("beta", record_id=document.record_id)])
        with pytest.raises(IndexBusy):
            fill(index, [document])
        later.hide([document.record_id])
        with pytest.raises(IndexBusy):
            fill(index, [document])
        assert later.count() == 0


def test_what_was_not_committed_is_gone(index: ElasticIndex, server: Server) -> None:
    index.put([a_document("common")])
    index.close()
    with ElasticIndex(server) as again:
        again.commit()
        assert again.count() == 0


def test_a_sign_in_that_is_refused_says_so(index: ElasticIndex, server: Server) -> None:
    with ElasticReader(replace(server, api_key="d3Jvbmc6d3Jvbmc=")) as wrong:
        for act in (wrong.count, lambda: wrong.search(SearchRequest(access_sets=None))):
            with pytest.raises(SearchRefused):
                act()
    key = elastic.running().new_key("other-*")
    with pytest.raises(SearchRefused):
        ElasticIndex(replace(server, api_key=key.encoded))


def test_a_server_that_is_away_is_told_and_comes_back(server: Server) -> None:
    proxy = Proxy(elastic.running().port)
    try:
        with ElasticIndex(replace(server, hosts=(f"http://127.0.0.1:{proxy.port}",))) as index:
            (before,) = fill(index, [a_document("common")])
            proxy.refuse()
            proxy.cut()
            with pytest.raises(SearchAway):
                index.count()
            index.put([a_document("common")])
            with pytest.raises(IndexNotWritten):
                index.commit()
            proxy.accept()
            index.commit()
            assert found(index, "common") == {before.record_id}, "what was not written was dropped"
    finally:
        proxy.close()


def test_a_server_that_writes_nothing_is_told_and_goes_on(index: ElasticIndex, server: Server) -> None:
    (name,) = names(server)
    call = elastic.running().call
    # What the server itself sets when its disk is almost full.
    call("PUT", f"/{name}/_settings", {"index.blocks.read_only_allow_delete": True})
    document = a_document(CANARY)
    with pytest.raises(IndexNotWritten) as refused:
        fill(index, [document])
    assert refused.value.fields["records"] == [document.record_id.hex]
    assert CANARY not in f"{refused.value} {refused.value.fields}"
    call("PUT", f"/{name}/_settings", {"index.blocks.read_only_allow_delete": None})
    fill(index, [document])
    assert index.count() == 1


def test_one_document_that_is_refused_is_named(index: ElasticIndex, server: Server) -> None:
    (name,) = names(server)
    good = a_document("common")
    bad = replace(a_document(CANARY), currency=CANARY)
    call = elastic.running().call
    call("PUT", f"/{name}/_settings", {"index.mapping.total_fields.limit": 1_000})
    index.put([good])
    # The server refuses a field that the mapping does not have.
    index._pending.append(Change(bad.record_id, index._number(), b'{"%s":1}' % CANARY.encode()))
    with pytest.raises(IndexNotWritten) as refused:
        index.commit()
    assert refused.value.fields["records"] == [bad.record_id.hex]
    assert CANARY not in f"{refused.value!r} {refused.value.fields}"
    assert refused.value.__context__ is None or CANARY not in str(refused.value.__context__)


def test_neither_queries_nor_texts_reach_a_log_or_an_error(
    index: ElasticIndex, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        fill(index, [a_document(f"{CANARY} common", title=CANARY)])
        found(index, CANARY)
        index.suggest(CANARY[:5], None)
        (name,) = names(server)
        elastic.running().call("POST", f"/{name}/_close")
        with pytest.raises(MunimentError) as refused:
            found(index, CANARY)
    assert CANARY not in caplog.text
    assert server.api_key is not None
    assert server.api_key not in f"{caplog.text} {server!r}"
    assert CANARY not in f"{refused.value} {refused.value.fields}"
    assert not isinstance(refused.value.__context__, ApiError)


def test_a_beginning_in_a_phrase_stands_for_many_words(index: ElasticIndex) -> None:
    fill(index, [a_document(" ".join(f"re 0{n}" for n in range(start, start + 100))) for start in range(0, 1_500, 100)])
    assert len(found(index, "re-0*")) == 15


def test_thousands_of_access_sets_and_hidden_records_are_taken(index: ElasticIndex) -> None:
    fill(index, [a_document("common", access_set=70_001)])
    result = index.search(
        SearchRequest(
            parse("common").tree, access_sets=range(80_000), without=[new_id() for _ in range(3_000)], facets=["class"]
        )
    )
    assert result.total == 1


def test_changes_go_out_in_pieces_of_bounded_size() -> None:
    changes = [Change(new_id(), 1, b"x" * size) for size in (10, MOST_PIECE_BYTES, 10, *[3_000_000] * 5)]
    sent = list(pieces(changes))
    assert [each for piece in sent for each in piece] == changes
    assert all(len(piece) == 1 or sum(each.size for each in piece) <= MOST_PIECE_BYTES for piece in sent)
    assert list(pieces([])) == []
