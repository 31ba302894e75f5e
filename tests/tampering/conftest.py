"""The log that is tampered with: made once, by Muniment itself, and copied for every case."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "audit"))
sys.path.insert(0, str(Path(__file__).parent))

from stolen import Stolen, grown


@pytest.fixture(scope="session")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> Stolen:
    """A log of 705 entries with 7 checkpoints, as somebody with full access holds it."""
    return grown(tmp_path_factory.mktemp("stolen"))
