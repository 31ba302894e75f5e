"""The way to the Elasticsearch server: sign-in, timeouts, and what its errors mean to us.

Queries and words of records are in the bodies of requests and in the server's error texts, so neither
reaches a log line or an error of ours: of an answer that failed only its kind and status are told.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from elastic_transport import ConnectionTimeout, ObjectApiResponse, TransportError
from elasticsearch import ApiError, Elasticsearch

from core.errors import Invalid, MunimentError, Unavailable
from search.port import IndexNotWritten, IndexUnusable

READ_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 120.0
_READ_RETRIES: Final = 2
_CONNECTIONS: Final = 16
"""Kept open by one process; more are opened when more threads ask."""

# At debug it would log the bodies of all requests, and at info their failures with the server's texts.
for _name in ("elastic_transport", "elastic_transport.node", "elastic_transport.transport"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_T = TypeVar("_T")


class SearchAway(Unavailable):
    """The search server cannot be reached, or is too busy to answer."""

    code = "search_away"


class SearchRefused(Unavailable):
    """The search server does not take Muniment's sign-in: check API key and certificate."""

    code = "search_sign_in_refused"


class TooManyWords(Invalid):
    """The query stands for too many words: type more letters before the asterisk."""

    code = "search_too_many_words"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the index is and how to sign in."""

    hosts: tuple[str, ...]
    """URLs with scheme and port, of nodes of one cluster."""
    api_key: str | None = field(default=None, repr=False)
    """As the server tells it under ``encoded``; ``None`` where the server asks for no sign-in."""
    ca: Path | None = None
    """PEM file with the authority that signed the server's certificate; ``None`` trusts those of the system."""
    prefix: str = "muniment"
    """All names of indices and aliases begin so; two installations on one server need two."""

    @property
    def alias(self) -> str:
        """What is searched."""
        return f"{self.prefix}-records"

    @property
    def next_alias(self) -> str:
        """What is being built to take its place."""
        return f"{self.prefix}-next"

    @property
    def turns(self) -> str:
        """The index that counts who has opened the other one for writing."""
        return f"{self.prefix}-writer"


def connect(server: Server) -> Elasticsearch:
    """A client that repeats nothing by itself; asks nothing yet."""
    options: dict[str, Any] = {"ca_certs": str(server.ca)} if server.ca else {}
    return Elasticsearch(
        list(server.hosts),
        api_key=server.api_key,
        request_timeout=WRITE_SECONDS,
        max_retries=0,
        connections_per_node=_CONNECTIONS,
        **options,
    )


def for_reading(client: Elasticsearch) -> Elasticsearch:
    """The same connections, for questions: sooner given up, and asked again where a node was away or too busy."""
    return client.options(
        request_timeout=READ_SECONDS,
        max_retries=_READ_RETRIES,
        retry_on_status=(429, 502, 503, 504),
        retry_on_timeout=False,
    )


def ask(act: Callable[[], ObjectApiResponse[Any]], *, writing: bool = False) -> dict[str, Any]:
    """The body of the server's answer.

    Raises:
        SearchRefused: 401 or 403.
        SearchAway: no answer, or none in time; ``IndexNotWritten`` instead where ``writing``.
        IndexNotWritten: the disk is full or the index is closed for writing.
        IndexUnusable: there is no such index, or it has other fields.
        TooManyWords: a beginning stands for too many words.
    """
    return attempt(lambda: dict(act().body), writing=writing)


def attempt(act: Callable[[], _T], *, writing: bool = False) -> _T:
    """What ``act`` returns; errors as ``ask`` says."""
    try:
        return act()
    except (ApiError, TransportError) as error:
        failure = explain(error, writing=writing)
    # Outside the handler: the client's error holds texts of the server and must not travel along.
    raise failure


def explain(error: ApiError | TransportError, *, writing: bool = False) -> MunimentError:
    """Our error for the client's, without its text."""
    if not isinstance(error, ApiError):
        late = isinstance(error, ConnectionTimeout)
        detail = "The search server did not answer in time." if late else "The search server cannot be reached."
        return IndexNotWritten(detail) if writing else SearchAway(detail)
    status, kinds = error.status_code, kinds_of(error.body)
    fields: dict[str, object] = {"status": status, "kind": kinds[0]}
    if "cluster_block_exception" in kinds:
        return IndexNotWritten("The search server writes nothing now: is its disk full?", **fields)
    if status in (401, 403):
        return SearchRefused("Check the API key of the search server and its rights.", **fields)
    if status == 404:
        return IndexUnusable("The search index has not been made yet.", **fields)
    if "too_many_clauses" in kinds or "too_many_nested_clauses" in kinds:
        return TooManyWords()
    if status == 429 or status >= 500:
        detail = "The search server is too busy or not ready."
        return IndexNotWritten(detail, **fields) if writing else SearchAway(detail, **fields)
    return IndexUnusable("The search index does not have the fields it should: rebuild it.", **fields)


def kinds_of(body: Any) -> tuple[str, ...]:
    """The server's names for what went wrong, the outermost first; never its texts."""
    found: list[str] = []
    match body:
        case {"error": {"type": str(kind)} as error}:
            found.append(kind)
            found += [str(each.get("type")) for each in error.get("root_cause", ())]
            while isinstance(error := error.get("caused_by"), dict):
                found.append(str(error.get("type")))
    return tuple(found) or ("unknown",)
