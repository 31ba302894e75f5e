"""A problem as a page: what happened, whether anything was lost, what to do now."""

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.responses import HTMLResponse, Response

from accounts.permissions import PERMISSIONS
from api import i18n
from api.errors import Problem
from api.i18n import gettext as _
from api.pages import show


def error_page(request: Request, problem: Problem) -> Response:
    """What a person sees instead of the page they asked for.

    Strangers are sent to the sign-in page and come back afterwards; a script that asks for a
    piece of a page gets a sentence, and ``HX-Redirect`` where it must sign in.
    """
    i18n.use(show.speak(request))
    if problem.code == "sign_in_first" and getattr(request.state, "by", None) is None:
        target = "/sign-in?next=" + quote(_address(request), safe="")
        if show.is_piecewise(request):
            return Response(status_code=401, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)
    if problem.code == "password_change_due":
        return RedirectResponse("/profile/password", 303)
    title, lost, advice = _told(problem)
    if show.is_piecewise(request):
        return HTMLResponse(
            show.fragment(request, "parts/problem.html", title=title, lost=lost, advice=advice), problem.status
        )
    try:
        answer = show.page(
            request, "error.html", status=problem.status, problem=problem, title=title, lost=lost, advice=advice
        )
    except Exception:
        # The database may be what is out of reach: the page then comes without its frame.
        request.state.by = None
        answer = show.page(
            request, "error.html", status=problem.status, problem=problem, title=title, lost=lost, advice=advice
        )
    if problem.status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _told(problem: Problem) -> tuple[str, str, str]:
    """Title, whether anything was lost, and what to do."""
    title = _TITLES.get(problem.status)
    advice = problem.detail or _ADVICE.get(problem.status, "Go back and try again.")
    permission = PERMISSIONS.get(str(problem.fields.get("permission", "")))
    if permission is not None:
        asked = _("It needs a role that may do this: %(permission)s.") % {"permission": _(permission[1])}
        advice = f"{asked} {_(_ADVICE[403])}"
    return (
        _(title) if title and problem.code in _GENERAL else _(problem.title),
        _(_LOST.get(problem.status, "Nothing was changed and nothing was lost.")),
        _(advice),
    )


_GENERAL = frozenset({"no_such_address", "method_not_allowed", "bad_request", "not_found", "unexpected"})
_TITLES = {
    404: "There is no such page, or it is not yours to see",
    405: "This page cannot be used in that way",
    400: "The request was not understood",
    500: "Something went wrong on our side",
}
_LOST = {
    413: "The file was not taken in; everything taken in before is safe.",
    409: "Nothing was changed: somebody or something was quicker, or the state of things does not allow it.",
    412: "Nothing was changed: the record was changed by somebody else since you opened it.",
    500: "What was confirmed before is safe. Whether your last change was made is uncertain: look first.",
    503: "Nothing was changed and nothing was shown: what cannot be logged is not done.",
    507: "Nothing was taken in: there is no room left. Everything taken in before is safe.",
}
_ADVICE = {
    403: "If you need it, ask an administrator for the role.",
    404: "Check the address, or search for the record by its number.",
    409: "Load the page again and look at what it says now.",
    412: "Load the page again and look at what it says now.",
    413: "Split the file, or ask an administrator to raise the limit.",
    500: "Tell an administrator the request number below: the log holds the cause under it.",
    503: "Wait a moment and load the page again.",
    507: "Tell an administrator that the disk is full.",
}


def _address(request: Request) -> str:
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
