"""What routes ask for: the runtime, the time, the request's id, and who acts with which permission.

Every route states its permission in one way: by a parameter of one of the types below
(``by: Reader``), or ``dependencies=[PUBLIC]``. ``permission_of`` reads it back, and a test
fails for a route without one. The permission is asked for "somewhere at all"; the place
is for the command to check.

A program sends ``Authorization: Bearer mun_…``. A browser sends the session cookie, and with
every unsafe method the session's token: in the header ``Muniment-Csrf``, or in the field
``csrf`` of a form (``application/x-www-form-urlencoded``).
"""

import ipaddress
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from accounts import principals, sessions
from accounts.permissions import PERMISSIONS
from accounts.principal import Principal
from accounts.principals import Identified
from api import security
from api.errors import PasswordChangeDue, SignInFirst
from app.runtime import Runtime
from core.database import ReadSession, WriteSession
from core.errors import Unavailable

__all__ = [
    "PUBLIC",
    "ReadSession",
    "WriteSession",
    "needs",
    "permission_of",
]

log = logging.getLogger("muniment.http")

ANYBODY, SIGNED_IN, LOOPBACK_OR = "public", "signed in", "loopback or "
OPEN_LOG_OR = "log_tiles_public or "
"""Anybody, where that setting says so."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _runtime(request: Request) -> Runtime:
    run: Runtime = request.app.state.run
    return run


async def _now(request: Request) -> datetime:
    return _runtime(request).clock.now()


async def _request_id(request: Request) -> str:
    return str(request.state.request_id)


async def _run(request: Request) -> Runtime:
    return _runtime(request)


Run = Annotated[Runtime, Depends(_run)]
Now = Annotated[datetime, Depends(_now)]
RequestId = Annotated[str, Depends(_request_id)]


async def identify(request: Request) -> "Identified | Later | None":
    """Who sends the request; ``None`` where nobody says so.

    A plain function that only reads finds it out itself (``api.routing``).

    Raises:
        SignInFirst: a token that is not, or no longer, valid.
        ForgedRequest: a browser's unsafe request without the token of its session.
    """
    run = _runtime(request)
    bearer = _bearer(request.headers.get("authorization"))
    cookie = request.cookies.get(security.cookie_name(run.settings))
    if bearer is None and cookie is None:
        return None
    if request.method in _SAFE and getattr(request.scope.get("endpoint"), "settles", False):
        return Later(request, bearer, cookie)
    found = await to_thread.run_sync(_known, request, bearer, cookie, limiter=request.app.state.pools.reads)
    if found is not None and found.principal.session_id is not None and request.method not in _SAFE:
        sessions.check_csrf(run.keys, found.principal.session_id, await _csrf_given(request))
    return found


class Later:
    """Who sends a request that changes nothing: found in the thread that the route runs in anyway.

    Two ways into a thread cost as much as the sign-in itself. Nothing of the route has run when it is settled.
    """

    def __init__(self, request: Request, bearer: str | None, cookie: str | None) -> None:
        self._request, self._bearer, self._cookie = request, bearer, cookie
        self.wanted: Needs | None = None

    def settle(self) -> Principal | None:
        """Who acts, in a thread; raises as ``identify`` and ``Needs`` do."""
        found = _known(self._request, self._bearer, self._cookie)
        return self.wanted.allow(self._request, found) if self.wanted is not None else None


WhoIs = Annotated[Identified | Later | None, Depends(identify)]
"""Who sends the request, whatever they may do; ``None`` for strangers."""


class Needs:
    """The permission a route states. Called as a dependency it gives the principal, or refuses."""

    def __init__(self, permission: str) -> None:
        name = permission.removeprefix(LOOPBACK_OR).removeprefix(OPEN_LOG_OR)
        if name not in PERMISSIONS and name not in (ANYBODY, SIGNED_IN):
            raise KeyError(permission)
        self.permission = permission
        self._name, self._loopback = name, permission.startswith(LOOPBACK_OR)
        self._open_log = permission.startswith(OPEN_LOG_OR)

    async def __call__(self, request: Request, found: WhoIs) -> Principal | Later | None:
        """Who acts, as ``allow`` says, or who will say so in the route's thread."""
        if isinstance(found, Later):
            found.wanted = self
            request.state.later = found
            return found
        return self.allow(request, found)

    def allow(self, request: Request, found: Identified | None) -> Principal | None:
        """Who acts; ``None`` only where the route is public, or asked from this machine, or the log is open.

        Raises:
            SignInFirst: nobody is signed in.
            PasswordChangeDue: somebody else chose their password.
            NotAllowed: their roles, or the scopes of their token, do not give the permission.
        """
        if self._open_log and _runtime(request).settings.log_tiles_public:
            return found.principal if found is not None else None
        if found is None:
            if self._name == ANYBODY or (self._loopback and is_from_here(request)):
                return None
            raise SignInFirst("the address is for people with an account")
        if self._name not in (ANYBODY, SIGNED_IN):
            if found.must_change_password:
                raise PasswordChangeDue("an administrator has set your password")
            if not (self._loopback and is_from_here(request)):
                found.principal.require(self._name)
        return found.principal


def needs(permission: str) -> Any:
    """The dependency for ``Annotated[Principal, needs("record.read")]``.

    Raises:
        KeyError: there is no such permission; a defect of the program.
    """
    return Depends(Needs(permission))


PUBLIC = needs(ANYBODY)
SignedIn = Annotated[Principal, needs(SIGNED_IN)]
Visitor = Annotated[Principal | None, PUBLIC]
"""Whoever it is, signed in or not."""
Local = Annotated[Principal | None, needs(LOOPBACK_OR + "installation.manage")]
Reader = Annotated[Principal, needs("record.read")]
Capturer = Annotated[Principal, needs("record.capture")]
Reviewer = Annotated[Principal, needs("record.review")]
Classifier = Annotated[Principal, needs("record.classify")]
VersionAdder = Annotated[Principal, needs("version.add")]
CaseFileReader = Annotated[Principal, needs("case_file.read")]
CaseFileManager = Annotated[Principal, needs("case_file.manage")]
EntityManager = Annotated[Principal, needs("entity.manage")]
PersonReader = Annotated[Principal, needs("person.read")]
PersonManager = Annotated[Principal, needs("person.manage")]
GrantProposer = Annotated[Principal, needs("grant.propose")]
GrantDecider = Annotated[Principal, needs("grant.decide")]
TokenOwner = Annotated[Principal, needs("token.own")]
InstallationManager = Annotated[Principal, needs("installation.manage")]
AuditReader = Annotated[Principal, needs("audit.read")]
ReportDecider = Annotated[Principal, needs("report.decide")]
FileReporter = Annotated[Principal, needs("file_report.make")]
WithdrawalAsker = Annotated[Principal, needs("withdrawal.ask")]
WithdrawalDecider = Annotated[Principal, needs("withdrawal.decide")]
RetentionReader = Annotated[Principal, needs("retention.read")]
Drafter = Annotated[Principal, needs("plan.draft")]
TriggerStater = Annotated[Principal, needs("trigger.state")]
RulePublisher = Annotated[Principal, needs("retention.publish")]
DispositionPreparer = Annotated[Principal, needs("disposition.prepare")]
DispositionApprover = Annotated[Principal, needs("disposition.approve")]
AuditVerifier = Annotated[Principal, needs("audit.verify")]
CaptureWithdrawer = Annotated[Principal, needs("capture.withdraw")]
HoldPlacer = Annotated[Principal, needs("hold.place")]
TileReader = Annotated[Principal | None, needs(OPEN_LOG_OR + "audit.verify")]


def permission_of(route: object) -> str | None:
    """The permission a route states; ``None`` where it states none or several."""
    dependant = getattr(route, "dependant", None)
    stated = {each.permission for each in _stated(dependant)} if dependant is not None else set()
    return stated.pop() if len(stated) == 1 else None


def is_from_here(request: Request) -> bool:
    """Whether the request was made on this machine, as far as can be known."""
    if _runtime(request).settings.behind_proxy or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _stated(dependant: Dependant) -> Iterator[Needs]:
    if isinstance(dependant.call, Needs):
        yield dependant.call
    for below in dependant.dependencies:
        yield from _stated(below)


def _bearer(header: str | None) -> str | None:
    scheme, _, secret = (header or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _known(request: Request, bearer: str | None, cookie: str | None) -> Identified | None:
    """Who it is, noted with the request; raises ``SignInFirst`` for a token that is none."""
    run = _runtime(request)
    found, secret = _look_up(run, bearer, cookie)
    if found is None:
        if bearer is not None:
            raise SignInFirst("the token has ended, was revoked, or never was")
        return None
    request.state.by, request.state.new_session = found.principal, secret
    if found.principal.session_id is not None:
        request.state.csrf = sessions.csrf_token(run.keys, found.principal.session_id)
    return found


def _look_up(run: Runtime, bearer: str | None, cookie: str | None) -> tuple[Identified | None, str | None]:
    """Who it is, and the new secret of their session where it was due for one."""
    now = run.clock.now()
    with run.main.read() as session:
        if bearer is not None:
            found = principals.by_token(session, bearer, now)
        else:
            found = principals.by_session(session, cookie or "", now)
    if found is None or found.due == "nothing":
        return found, None
    try:
        with run.main.write(beside=True) as session:
            token = principals.write_due(session, found, at=now)
    except Unavailable as error:
        # A full disk must not keep people from reading.
        log.warning("last use was not noted", extra={"code": error.code})
        return found, None
    return found, token.secret if token is not None else None


async def _csrf_given(request: Request) -> str | None:
    if (header := request.headers.get("muniment-csrf")) is not None:
        return header
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf")
        return value if isinstance(value, str) else None
    return None
