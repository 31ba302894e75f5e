"""The language of the pages: gettext, chosen per request, English where nothing else is complete.

Source strings are English and stand where they are used, in ``_()``. Codes (states, roles,
classes) are translated at the place where they are shown. A catalogue is a file
``<language>/LC_MESSAGES/pages.mo`` beside this module; ``babel.cfg`` says where strings come
from: ``pybabel extract -F api/i18n/babel.cfg -o api/i18n/pages.pot .``
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations, translation
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale

DOMAIN = "pages"
FOLDER = Path(__file__).parent
SOURCE = "en"

_current: ContextVar[str] = ContextVar("muniment_locale", default="en_GB")


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages the pages can speak: English and every catalogue beside this module."""
    return (SOURCE, *sorted(found.parts[-3] for found in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


def choose(accept_language: str) -> str:
    """The locale for a reader, from the header ``Accept-Language``: a language we speak, in their form of it.

    Dates and numbers follow it. English without a region is read as written in Europe, with
    the day before the month.
    """
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accept_language[:400].split(",")]
    for name in wanted:
        language = name.split("_")[0].lower()
        if language in languages():
            try:
                locale = str(Locale.parse(name))
            except (ValueError, UnknownLocaleError):
                locale = language
            return "en_GB" if locale == SOURCE else locale
    return negotiate_locale(wanted, languages()) or "en_GB"


def use(locale: str) -> None:
    """Use a locale from here on, in this task and the threads it starts."""
    _current.set(locale)


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Use a locale within the block, in this thread or task."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def locale() -> str:
    """The locale in use, as Babel names it."""
    return _current.get()


def language() -> str:
    """The language in use, for the attribute ``lang``."""
    return locale().split("_")[0]


def gettext(message: str) -> str:
    """The message in the language in use."""
    return _catalogue(language()).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The message for that many things in the language in use."""
    return _catalogue(language()).ngettext(singular, plural, count)


@lru_cache
def _catalogue(name: str) -> NullTranslations:
    return translation(DOMAIN, str(FOLDER), [name], fallback=True)
