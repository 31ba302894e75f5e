"""The embedded engine keeps the contract, with shards so small that every test crosses their borders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.embedded import EmbeddedIndex
from search.reader import EmbeddedReader
from tests.contracts.search_contract import SearchContract


class TestEmbedded(SearchContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[EmbeddedIndex]:
        with EmbeddedIndex(tmp_path / "index", shard_records=5) as index:
            yield index

    @pytest.fixture
    def reader(self, index: EmbeddedIndex) -> Iterator[EmbeddedReader]:
        with EmbeddedReader(index.folder) as reader:
            yield reader
