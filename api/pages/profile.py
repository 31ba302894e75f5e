"""One's own profile: name, password, sessions, roles, API tokens."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import grants, passwords, people, sessions, tokens
from accounts.password_rules import MIN_LENGTH
from accounts.passwords import WeakPassword
from accounts.permissions import PERMISSIONS, SCOPES
from accounts.principal import Principal
from api.deps import Now, Run, SignedIn, TokenOwner, WriteSession
from api.i18n import gettext as _
from api.pages.people_pages import places_of
from api.pages.show import Form, go, page, page_router
from app.runtime import Runtime
from core.errors import Invalid

router = page_router()
LIVES = (7, 30, 90, 180, 366)
"""Days a token may live, to choose from."""


@router.get("/profile")
def profile(request: Request, by: SignedIn, run: Run, done: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Name, roles, sessions, tokens."""
    return _profile(request, run, by, done=done)


@router.post("/profile/name")
def rename(request: Request, session: WriteSession, by: SignedIn, run: Run, now: Now, given: Form) -> Response:
    """Correct one's own name and mail address."""
    people.rename(session, by.person, given.text("name"), given.text("mail") or None, by=by, at=now, keys=run.keys)
    return go("/profile", done="renamed")


@router.get("/profile/password")
def password_form(request: Request, by: SignedIn) -> Response:
    """The form to change one's password."""
    return page(request, "password.html", wrong={}, min_length=MIN_LENGTH)


@router.post("/profile/password")
def change_password(request: Request, by: SignedIn, run: Run, now: Now, given: Form) -> Response:
    """Change one's password; the other sessions end."""
    with run.main.read() as session:
        phc = passwords.get_phc(session, by.person)
        names = people.open_names(session, [by.person], run.keys)
    wrong = {}
    verified = passwords.verify(by.person, phc, given.secret("present"))
    if verified is None:
        wrong["present"] = _("This is not your present password.")
    if given.secret("password") != given.secret("again"):
        wrong["again"] = _("The two passwords differ.")
    hashed = None
    if not wrong:
        try:
            known = tuple(text for each in names for text in (each.sign_in_name, each.name))
            hashed = passwords.hash_password(given.secret("password"), names=known)
        except WeakPassword as error:
            wrong["password"] = error.detail
    if verified is None or hashed is None:
        return page(request, "password.html", status=422, wrong=wrong, min_length=MIN_LENGTH)
    with run.main.write() as session:
        passwords.change_own(session, verified, hashed, by=by, at=now)
    return go("/profile", done="password")


@router.post("/profile/sessions/{session_id}/end")
def end_session(session_id: UUID, session: WriteSession, by: SignedIn, now: Now) -> Response:
    """End another session of one's own."""
    sessions.end(session, session_id, by=by, at=now)
    return go("/profile" if session_id != by.session_id else "/sign-in", done="session")


@router.post("/profile/tokens")
def make_token(request: Request, by: TokenOwner, run: Run, now: Now, given: Form) -> Response:
    """Make an API token; its secret is on this one page and never again."""
    days = given.text("life")
    life = timedelta(days=int(days)) if days.isdecimal() and len(days) < 5 else tokens.DEFAULT_LIFE
    try:
        with run.main.write() as session:
            made = tokens.create(
                session,
                given.all("scope"),
                label=given.text("label") or None,
                life=life,
                by=by,
                at=now,
                keys=run.keys,
            )
    except Invalid as error:
        return _profile(request, run, by, wrong=error.detail, status=422)
    return _profile(request, run, by, made=made)


@router.post("/profile/tokens/{token_id}/revoke")
def revoke_token(token_id: UUID, session: WriteSession, by: TokenOwner, now: Now) -> Response:
    """End a token now."""
    tokens.revoke(session, token_id, by=by, at=now)
    return go("/profile", done="revoked")


def _profile(
    request: Request,
    run: Runtime,
    by: Principal,
    *,
    done: str = "",
    wrong: str = "",
    made: tokens.NewToken | None = None,
    status: int = 200,
) -> Response:
    now = run.clock.now()
    with run.main.read() as session:
        names = next(iter(people.open_names(session, [by.person], run.keys)))
        may_own = by.may("token.own")
        return page(
            request,
            "profile.html",
            status=status,
            names=names,
            grants=grants.of_person(session, by.person, now),
            places=places_of(session),
            sessions=sessions.running(session, by.person, now),
            may_own=may_own,
            tokens=tokens.live(session, by.person, now, by=by, keys=run.keys) if may_own else [],
            scopes=[scope for scope in SCOPES if _reaches(by, scope)],
            lives=LIVES,
            made=made,
            done=done,
            wrong=wrong,
        )


def _reaches(by: Principal, scope: str) -> bool:
    """Whether a token of that scope would let ``by`` do anything."""
    return any(of == scope and by.may(permission) for permission, (of, _meaning) in PERMISSIONS.items())
