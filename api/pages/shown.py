"""How values are written for a reader: dates, amounts, sizes, names. Pure but for the locale in use.

Names come from outside and may hold text that runs from right to left: whoever shows one
puts it into ``<bdi>``, as ``middle`` does.
"""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import UnknownCurrencyError, format_currency, format_decimal, format_percent, get_currency_precision
from markupsafe import Markup, escape

from api import i18n
from api.i18n import gettext as _
from core.identifiers import show_record_number

TAIL = 12
"""Characters at the end of a long name that never give way."""


def day(value: date | None) -> str:
    """A date in full: ``31 December 2033``."""
    return "" if value is None else format_date(value, "long", locale=i18n.locale())


def day_with_weekday(value: date) -> str:
    """A date in full with its weekday, where a deadline matters."""
    return format_date(value, "full", locale=i18n.locale())


def instant(value: datetime, zone: str) -> str:
    """Day and time to the minute in a zone: ``22 November 2026, 06:18``."""
    there = value.astimezone(ZoneInfo(zone))
    return f"{format_date(there.date(), 'long', locale=i18n.locale())}, {_clock(there)}"


def instant_exactly(value: datetime, zone: str) -> str:
    """The same to the second and with the name of the zone, for hovering."""
    return format_datetime(value, "long", tzinfo=ZoneInfo(zone), locale=i18n.locale())


def amount(minor: int | None, currency: str | None) -> str:
    """A sum of money from its smallest unit: ``1.234,50 €``; without a currency a plain number."""
    if minor is None:
        return ""
    if not currency:
        return format_decimal(Decimal(minor) / 100, "#,##0.00", locale=i18n.locale())
    try:
        value = Decimal(minor).scaleb(-get_currency_precision(currency))
        written = format_currency(value, currency, locale=i18n.locale())
        # A code of letters stands apart from the figure (CLDR says so, Babel leaves it out).
        return re.sub(r"([^\W\d_])(?=\d)", "\\1\u00a0", written)
    except (UnknownCurrencyError, ValueError):
        return f"{format_decimal(Decimal(minor) / 100, '#,##0.00', locale=i18n.locale())} {currency}"


def percent(part: float) -> str:
    """A probability as whole per cent. Never 100 %: a machine is never certain."""
    return format_percent(min(part, 0.99), "#0%", locale=i18n.locale())


def count(value: int) -> str:
    """A number with its groups: ``12,345``."""
    return format_decimal(value, locale=i18n.locale())


def size(count_of_bytes: int) -> str:
    """A size in bytes, kB, MB or GB (powers of 1000)."""
    value, unit = Decimal(count_of_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    digits = "#,##0" if unit == "B" or value >= 100 else "#,##0.0"
    return f"{format_decimal(value, digits, locale=i18n.locale())} {unit}"


def number(stored: str) -> str:
    """A record number as people read it."""
    return show_record_number(stored)


def middle(text: str) -> Markup:
    """A name on one line that loses its middle where there is too little room, the whole of it on hover."""
    if len(text) <= TAIL * 2:
        return Markup('<bdi title="{}">{}</bdi>').format(text, text)
    head, tail = text[:-TAIL], text[-TAIL:]
    return Markup(
        '<bdi class="middle" title="{}"><span aria-hidden="true">{}</span><span aria-hidden="true">{}</span>'
        '<span class="unseen">{}</span></bdi>'
    ).format(text, head, tail, text)


def highlighted(text: str, places: tuple[tuple[int, int], ...]) -> Markup:
    """Text with the given places marked; pairs of start and end, in order and apart."""
    # Control characters of a text layer have no picture; one blank each keeps the places true.
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Cn", "Co") and c != "\n" else c for c in text)
    parts, at = [], 0
    for start, end in places:
        parts += [escape(text[at:start]), Markup("<mark>"), escape(text[start:end]), Markup("</mark>")]
        at = end
    return Markup("").join([*parts, escape(text[at:])])


def language_name(code: str | None) -> str:
    """The name of a language in the reader's language."""
    if not code or code == "und":
        return _("not recognised")
    try:
        return Locale.parse(i18n.locale()).languages.get(code) or Locale.parse(code).display_name or code
    except (ValueError, UnknownLocaleError):
        return code


def _clock(value: datetime) -> str:
    return format_time(value.time(), "short", locale=i18n.locale())
