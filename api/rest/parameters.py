"""What addresses and headers of several routes have in common."""

from typing import Annotated, Any

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict

from api.errors import StaleRevision, StateRevision

PREFIX = "/api/v1"

Limit = Annotated[int, Query(ge=1, le=200, description="Entries on a page.")]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_=.-]+$", description="`next` of the page before."),
]
Ordinal = Annotated[int | None, Query(ge=1, le=1_000_000, description="Version; the current one by default.")]
PageNumber = Annotated[int, Path(ge=1, le=1_000_000)]
IfMatch = Annotated[
    str | None, Header(pattern=r'^(W/)?"[0-9]{1,18}"$', description="ETag of the record as it was read.")
]
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


class View(BaseModel):
    """An answer. Its fields are all there are."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")


class Change(BaseModel):
    """What a client sends: a field that is not known is a mistake, not a wish to be ignored."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid", str_max_length=10_000)


def tag_of(revision: int) -> str:
    """The entity tag of a record in that state."""
    return f'"{revision}"'


def require_revision(if_match: str | None, revision: int) -> None:
    """Pass if the client has seen this very state.

    Raises:
        StateRevision: no ``If-Match`` was sent.
        StaleRevision: it names another state.
    """
    if if_match is None:
        raise StateRevision("send If-Match with the ETag of the record as you read it")
    if if_match.removeprefix("W/") != tag_of(revision):
        raise StaleRevision("read it again, then repeat the change if it is still right", revision=revision)
