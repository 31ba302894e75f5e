"""Kill every server and some of our processes in one import: nothing accepted is lost, nothing is there twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster_kills import OURS, faults_of, import_with_kills
from tests.support.distributed import Servers

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Servers that nobody else uses."""
    with Servers.private() as servers:
        yield servers


def test_every_document_is_there_once_after_each_server_was_killed(own_servers: Servers, tmp_path: Path) -> None:
    outcome = import_with_kills(tmp_path / "kills", own_servers, documents=200, seed=20261122)
    assert faults_of(outcome, 200) == []
    assert set(outcome.killed) == {*own_servers.all, *OURS}
    assert outcome.published > 3, "checkpoints were seen"
