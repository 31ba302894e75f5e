"""Elasticsearch keeps the contract, on a real server."""

from collections.abc import Iterator

import pytest

from search.elastic_reader import ElasticReader
from search.elasticsearch import ElasticIndex
from tests.contracts.search_contract import SearchContract
from tests.support import elastic

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def kept() -> Iterator[ElasticIndex]:
    """One index for all of them: making one takes longer than most of the tests."""
    with elastic.fresh() as server, ElasticIndex(server) as index:
        yield index


class TestElasticsearch(SearchContract):
    @pytest.fixture
    def index(self, kept: ElasticIndex) -> ElasticIndex:
        kept.remove([record_id for record_id, _ in kept.ids()])
        kept.commit()
        return kept

    @pytest.fixture
    def reader(self, index: ElasticIndex) -> Iterator[ElasticReader]:
        with ElasticReader(index.server) as reader:
            yield reader
