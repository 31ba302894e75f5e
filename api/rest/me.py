"""Oneself: name, roles, API tokens."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Response
from pydantic import Field

from accounts import people, tokens
from accounts.permissions import PERMISSIONS
from accounts.rights import grants_at
from api.deps import Now, ReadSession, Run, SignedIn, TokenOwner, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.rest.people import GrantView
from api.routing import Router

router = Router(prefix=PREFIX, tags=["me"])

Scope = Literal["capture", "read", "audit", "admin"]


class MeView(View):
    """Who sends the request, and what they may do somewhere at all."""

    id: UUID
    name: str | None
    grants: list[GrantView]
    permissions: list[str]
    scopes: list[str] | None = Field(description="What the token reaches; null without a token.")


class TokenView(View):
    """A live token."""

    id: UUID
    label: str | None
    scopes: list[str]
    made_at: datetime
    expires_at: datetime
    used_on: date | None


class Tokens(View):
    """Your live tokens, the newest first."""

    items: list[TokenView]


class NewToken(Change):
    """A token to be made."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    label: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenMade(View):
    """A token, on the one occasion that its secret is shown."""

    id: UUID
    token: str
    scopes: list[str]
    expires_at: datetime


@router.get("/me")
def read_me(run: Run, session: ReadSession, by: SignedIn, now: Now) -> MeView:
    """Who you are here."""
    return MeView(
        id=by.person,
        name=people.reveal_names(session, [by.person], run.keys).get(by.person),
        grants=[GrantView.of(row) for row in grants_at(session, by.person, now)],
        permissions=[permission for permission in PERMISSIONS if by.may(permission)],
        scopes=sorted(by.scopes) if by.scopes is not None else None,
    )


@router.get("/me/tokens")
def read_tokens(run: Run, session: ReadSession, by: TokenOwner, now: Now) -> Tokens:
    """Your live tokens."""
    return Tokens(
        items=[
            TokenView(
                id=token.id,
                label=token.label,
                scopes=list(token.scopes),
                made_at=token.made_at,
                expires_at=token.expires_at,
                used_on=token.used_on,
            )
            for token in tokens.live(session, by.person, now, by=by, keys=run.keys)
        ]
    )


@router.post("/me/tokens", status_code=201)
def make_token(
    run: Run, session: WriteSession, response: Response, wanted: NewToken, by: TokenOwner, now: Now
) -> TokenMade:
    """Make a token of your own. Its secret is shown this once."""
    made = tokens.create(
        session, wanted.scopes, label=wanted.label, life=timedelta(days=wanted.days), by=by, at=now, keys=run.keys
    )
    response.headers["Location"] = f"{PREFIX}/me/tokens"
    return TokenMade(id=made.id, token=made.secret, scopes=list(made.scopes), expires_at=made.expires_at)


@router.delete("/me/tokens/{token_id}", status_code=204)
def revoke_token(session: WriteSession, token_id: UUID, by: SignedIn, now: Now) -> None:
    """Revoke one of your tokens, or, where you manage tokens, anybody's."""
    tokens.revoke(session, token_id, by=by, at=now)
