"""A real Elasticsearch for tests: one prefix a test, deleted after it.

The server is that of ``make services``, or else one of this run's own. Tests sign in with an API key
that opens ``muniment-*`` and no more. A test that breaks a server starts one for itself.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

import services
from search.elastic_client import Server


@cache
def running() -> services.Elasticsearch:
    """The server of this run."""
    try:
        return services.shared(services.Elasticsearch)
    except services.NotRunning:
        return services.private(services.Elasticsearch)


def needed() -> services.Elasticsearch:
    """The server of this run; the test is skipped where there is none, and fails in CI."""
    try:
        return running()
    except (services.Missing, services.Unusable, services.NotAnswering) as error:
        if os.environ.get("CI"):
            pytest.fail(f"no Elasticsearch: {error}")
        pytest.skip(f"no Elasticsearch: {error}")


def at(server: services.Elasticsearch, prefix: str = "muniment", *, url: str = "") -> Server:
    """How Muniment signs in."""
    return Server((url or server.url,), api_key=server.facts()["api_key"], prefix=prefix)


@contextmanager
def fresh() -> Iterator[Server]:
    """A prefix for one test, on the server of this run."""
    server = needed()
    prefix = f"muniment-t{secrets.token_hex(6)}"
    try:
        yield at(server, prefix)
    finally:
        clear(server, prefix)


def clear(server: services.Elasticsearch, prefix: str) -> None:
    """Delete every index of the prefix."""
    for name in server.call("GET", f"/{prefix}-*/_alias"):
        server.call("DELETE", f"/{name}")
