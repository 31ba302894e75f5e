"""What keeps a browser from being turned against its user: cookies, headers, foreign requests."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response

from accounts.sessions import LONGEST
from app.settings import Settings

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For our own pages: nothing inline, nothing from elsewhere."""
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""For JSON and whatever else is not a page."""
CONTENT_POLICY = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""For files people have uploaded: whatever they hold, it runs nothing and reaches nothing."""

_COOKIE = "muniment"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_secure(settings: Settings) -> bool:
    """Whether browsers reach us by TLS only: everywhere but on loopback without a certificate."""
    return settings.tls_certificate is not None or settings.behind_proxy or not settings.is_loopback


def cookie_name(settings: Settings) -> str:
    """Name of the session cookie; ``__Host-`` binds it to this host, TLS and the whole site."""
    return f"__Host-{_COOKIE}" if is_secure(settings) else _COOKIE


def set_session_cookie(response: Response, settings: Settings, secret: str) -> None:
    """Hand the session's secret to the browser: no script reads it, no other site sends it."""
    response.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="strict",
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Have the browser forget the session."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=is_secure(settings), httponly=True, samesite="strict"
    )


def headers_for(media_type: str, settings: Settings) -> Mapping[str, str]:
    """Headers every answer carries unless it says otherwise."""
    headers = {
        "Content-Security-Policy": PAGE_POLICY if media_type.startswith("text/html") else DATA_POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "Cache-Control": "no-store",
    }
    if is_secure(settings):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def is_foreign(method: str, headers: Headers) -> bool:
    """Whether another site's page makes a browser send this unsafe request.

    Programs send neither header, and whoever sends a token is no browser acting unasked.
    """
    if method in _SAFE or headers.get("authorization"):
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        # Our own forms come with "Origin: null", because of our Referrer-Policy.
        return site in ("cross-site", "same-site")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
