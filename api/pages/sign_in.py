"""Signing in and out."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import sessions, setup, sign_in
from accounts.sign_in import Refused
from api import security
from api.deps import PUBLIC, Now, Run, SignedIn, Visitor
from api.pages import frame
from api.pages.show import Form, go, page, page_router
from core.database import ReadSession, WriteSession

router = page_router()


@router.get("/")
def begin(by: Visitor, run: Run) -> Response:
    """Wherever the person begins."""
    return go(frame.first_page(by)) if by is not None else go("/sign-in")


@router.get("/sign-in")
def form(
    request: Request,
    by: Visitor,
    session: ReadSession,
    now: Now,
    next: Annotated[str, Query(max_length=4000)] = "",  # noqa: A002
) -> Response:
    """The sign-in page; whoever is signed in goes on at once."""
    if by is not None:
        return go(_safe(next) or frame.first_page(by))
    nobody = setup.needs_first_account(session) and setup.is_open(session, now)
    return page(request, "sign_in.html", next=_safe(next), nobody=nobody, name="", wrong=False, wait=0)


@router.post("/sign-in", dependencies=[PUBLIC])
def enter(request: Request, run: Run, given: Form) -> Response:
    """Sign in; a refusal says the same whatever was wrong."""
    name, target = given.text("name")[:400], _safe(given.text("next"))
    address = request.client.host if request.client is not None else ""
    found = sign_in.sign_in(run.main, name, given.secret("password"), address=address, clock=run.clock, keys=run.keys)
    if isinstance(found, Refused):
        return page(
            request,
            "sign_in.html",
            status=429 if found.wait_seconds else 401,
            next=target,
            nobody=False,
            name=name,
            wrong=True,
            wait=found.wait_seconds,
        )
    answer = go(target or "/")
    security.set_session_cookie(answer, run.settings, found.token.secret)
    return answer


@router.post("/sign-out")
def leave(by: SignedIn, run: Run, session: WriteSession, now: Now) -> Response:
    """End this session."""
    if by.session_id is not None:
        sessions.end(session, by.session_id, by=by, at=now)
    answer = go("/sign-in")
    security.clear_session_cookie(answer, run.settings)
    return answer


def _safe(target: str) -> str:
    """A path of ours, or nothing: another site's address would make the sign-in page its accomplice."""
    if not target.startswith("/") or target.startswith(("//", "/\\", "/sign-")) or not target.isprintable():
        return ""
    return target
