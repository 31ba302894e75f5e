from collections.abc import Iterator
from pathlib import Path

import pytest
from accounts_world import World


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    """A database in which nobody has an account yet."""
    world = World(tmp_path)
    yield world
    world.main.close()


@pytest.fixture
def firm(empty: World) -> World:
    """A firm with one administrator and its set-up open."""
    return empty.found()


@pytest.fixture
def closed_firm(firm: World) -> World:
    """The firm after the set-up, with a second administrator and a compliance officer."""
    firm.second = firm.person("second", firm.grant("administrator"))
    firm.officer = firm.person("officer", firm.grant("compliance_officer"))
    return firm.close_setup()
