"""Installations of the distributed shape on the servers of ``make services``."""

from collections.abc import Iterator

import pytest

from tests.support.distributed import Cluster, Servers, cluster


@pytest.fixture(scope="session")
def servers() -> Servers:
    """Those that everybody shares."""
    return Servers.of_make_services()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Iterator[Cluster]:
    """A fresh installation of which nothing runs yet."""
    with cluster(tmp_path_factory.mktemp("installation"), servers) as made:
        yield made
