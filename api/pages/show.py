"""Turns a template and values into a page: the frame around it, the words in the reader's language.

A page route reads its input, calls one command and hands values to ``page``. Templates
escape everything; what comes as ``Markup`` was built here from escaped parts.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import FormData

from accounts.principal import Principal
from api import i18n
from api.pages import assets, frame, retention_tabs, shown, words
from api.routing import Router
from app.runtime import Runtime
from core.errors import Invalid


def speak(request: Request) -> str:
    """The locale of a request."""
    return i18n.choose(request.headers.get("accept-language", ""))


async def _speak(request: Request) -> None:
    # Each request is a task of its own, and its threads copy the task's context: nothing to put back.
    i18n.use(speak(request))


def page_router() -> Router:
    """A router for pages: not part of the REST description, in threads of their own."""
    return Router(pool="pages", include_in_schema=False, dependencies=[Depends(_speak)])


class Posted:
    """A form as it was sent."""

    def __init__(self, form: FormData) -> None:
        self._form = form

    def text(self, name: str) -> str:
        """A value without blanks around it; empty where it was not sent."""
        value = self._form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def secret(self, name: str) -> str:
        """A password: every blank counts."""
        value = self._form.get(name, "")
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.text(name))

    def all(self, name: str) -> list[str]:
        """Every value of that name."""
        return [value for value in self._form.getlist(name) if isinstance(value, str)]

    def id(self, name: str) -> UUID | None:
        """An id; ``None`` where it was left empty.

        Raises:
            Invalid: it is none.
        """
        return to_id(self.text(name))

    def day(self, name: str) -> date | None:
        """A date as browsers send it; ``None`` where it was left empty.

        Raises:
            Invalid: it is none.
        """
        text = self.text(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise Invalid("a date reads year-month-day") from None


async def _posted(request: Request) -> Posted:
    return Posted(await request.form())


Form = Annotated[Posted, Depends(_posted)]


def to_id(text: str) -> UUID | None:
    """The id that stands in ``text``; ``None`` where nothing does.

    Raises:
        Invalid: it is none.
    """
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid("this is no id") from None


def page(request: Request, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page of a template, for whoever asks for it."""
    run: Runtime = request.app.state.run
    by: Principal | None = getattr(request.state, "by", None)
    around = frame.of(run, by, request.url.path) if by is not None else None
    found = {
        "request": request,
        "frame": around,
        "by": by,
        "csrf": getattr(request.state, "csrf", ""),
        "zone": around.zone if around else run.settings.time_zone,
        "demo": bool(getattr(run.settings, "demo", False)),
        "lang": i18n.language(),
    }
    return HTMLResponse(environment().get_template(template).render(found | values), status)


def fragment(request: Request, template: str, /, **values: Any) -> str:
    """A piece of a page, without its frame."""
    found = {"csrf": getattr(request.state, "csrf", ""), "zone": "UTC", "by": getattr(request.state, "by", None)}
    return environment().get_template(template).render(found | values)


def go(address: str, /, **query: str) -> RedirectResponse:
    """Send the browser to another page after a change."""
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return RedirectResponse(f"{address}?{rest}" if rest else address, 303)


def is_piecewise(request: Request) -> bool:
    """Whether htmx or a script asks, and not the address bar."""
    return "hx-request" in request.headers or request.headers.get("muniment-piece") == "1"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates with everything they may call."""
    made = Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"asset": lambda name: assets.load().url(name), "icon": icon, "words": words}
    made.globals |= {"tabs_of_retention": retention_tabs.tabs}
    made.filters |= {
        "day": shown.day,
        "weekday": shown.day_with_weekday,
        "instant": shown.instant,
        "exactly": shown.instant_exactly,
        "amount": shown.amount,
        "percent": shown.percent,
        "count": shown.count,
        "size": shown.size,
        "number": shown.number,
        "middle": shown.middle,
        "highlighted": shown.highlighted,
        "language_name": shown.language_name,
        "iso": lambda value: value.isoformat() if value is not None else "",
    }
    return made


def icon(name: str, extra: str = "") -> Markup:
    """One of our icons, to stand in the page; decorative, so the word beside it says what it means."""
    drawing = _drawings()[name]
    # Drawn by us and part of the program, so it needs no escaping.
    return Markup(drawing.replace('class="icon"', f'class="icon {extra}"') if extra else drawing)  # noqa: S704


@lru_cache(maxsize=1)
def _drawings() -> Mapping[str, str]:
    folder = files("api") / "templates" / "icons"
    return {each.name.removesuffix(".svg"): each.read_text("utf-8").strip() for each in folder.iterdir()}
