from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A started log."""
    made = World(tmp_path).started()
    yield made
    made.close()
