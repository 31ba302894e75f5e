"""A chart of what becomes eligible when: bars of months, quarters or years, stacked by record class.

The drawing is decoration for eyes: everything in it stands in the table below it, which is what a screen reader
reads. Colours are classes of the style sheet, and each series has a pattern of its own beside its colour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from babel.dates import format_date
from markupsafe import Markup

from api import i18n
from api.pages import shown

Unit = Literal["month", "quarter", "year"]
UNITS: tuple[Unit, ...] = ("month", "quarter", "year")
MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}
BARS = 12
"""Periods in one chart."""
SERIES = 5
"""Classes drawn each by itself; the others stand together."""
WIDTH, HEIGHT = 960, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 14, 34
OTHERS = ""
"""The series of all smaller classes."""


@dataclass(frozen=True, slots=True)
class Span:
    """One bar's time: from ``first`` until the day before ``end``."""

    first: date
    end: date
    unit: Unit

    @property
    def text(self) -> str:
        """``November 2026``, ``Q4 2026`` or ``2026``."""
        forms = {"month": "LLLL y", "quarter": "QQQ y", "year": "y"}
        return format_date(self.first, forms[self.unit], locale=i18n.locale())

    @property
    def short(self) -> str:
        """What fits under a bar."""
        forms = {"month": "LLL yy", "quarter": "QQQ yy", "year": "y"}
        return format_date(self.first, forms[self.unit], locale=i18n.locale())


@dataclass(frozen=True, slots=True)
class Bar:
    """One period and its records by series, in the order of the series."""

    span: Span
    counts: tuple[int, ...]
    by_class: tuple[tuple[str, int], ...]
    """Every class with its number, the largest first."""

    @property
    def total(self) -> int:
        """Records of the period."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn and what the table says."""

    bars: tuple[Bar, ...]
    series: tuple[str, ...]
    """Codes of classes; ``OTHERS`` last, where there are more."""

    @property
    def top(self) -> int:
        """The number at the upper end of the scale."""
        return ceiling(max((bar.total for bar in self.bars), default=0))


def spans(unit: Unit, around: date, count: int = BARS) -> list[Span]:
    """That many periods, beginning with the one that holds ``around``."""
    months = MONTHS[unit]
    at = around.year * 12 + (around.month - 1) // months * months
    found = []
    for _step in range(count):
        first, end = (date(each // 12, each % 12 + 1, 1) for each in (at, at + months))
        found.append(Span(first, end, unit))
        at += months
    return found


def chart(over: Sequence[Span], counts: Mapping[date, Mapping[str, int]]) -> Chart:
    """The chart of these periods; ``counts`` has the records by class for the first day of each."""
    totals: dict[str, int] = {}
    for by_class in counts.values():
        for code, many in by_class.items():
            totals[code] = totals.get(code, 0) + many
    largest = sorted(totals, key=lambda code: (-totals[code], code))
    alone = largest[:SERIES]
    series = (*alone, OTHERS) if len(largest) > SERIES else tuple(alone)
    bars = []
    for span in over:
        here = counts.get(span.first, {})
        parts = [here.get(code, 0) for code in alone]
        if OTHERS in series:
            parts.append(sum(many for code, many in here.items() if code not in alone))
        ordered = tuple(sorted(here.items(), key=lambda item: (-item[1], item[0])))
        bars.append(Bar(span, tuple(parts), ordered))
    return Chart(tuple(bars), series)


def ceiling(most: int) -> int:
    """The next of 4, 10, 20, 40, 100, 200, …: four steps of it are whole numbers from 4 on."""
    at = 4
    while at < most:
        at = at * 5 // 2 if str(at)[0] == "4" else at * 2
    return at


def draw(chart: Chart) -> Markup:
    """The chart as SVG, hidden from screen readers, which have the table."""
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    each = wide / max(1, len(chart.bars))
    parts = [
        Markup('<svg class="eligible-chart" viewBox="0 0 {} {}" aria-hidden="true">').format(WIDTH, HEIGHT),
        _PATTERNS,
    ]
    for step in range(3):
        y = _TOP + high * step / 2
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, WIDTH - _RIGHT, y, y)
        )
        many = shown.count(chart.top * (2 - step) // 2)
        parts.append(Markup('<text class="scale" x="{}" y="{:.1f}">{}</text>').format(_LEFT - 8, y + 4, many))
    for place, bar in enumerate(chart.bars):
        left, y = _LEFT + each * (place + 0.18), float(_TOP + high)
        for series, here in enumerate(bar.counts):
            tall = high * here / chart.top
            y -= tall
            if here:
                parts.append(_box(f"series-{series + 1}", left, y, each * 0.64, tall))
        middle = left + each * 0.32
        if bar.total:
            parts.append(
                Markup('<text class="total" x="{:.1f}" y="{:.1f}">{}</text>').format(
                    middle, y - 4, shown.count(bar.total)
                )
            )
        parts.append(
            Markup('<text class="under" x="{:.1f}" y="{}">{}</text>').format(middle, HEIGHT - 12, bar.span.short)
        )
    return Markup("").join([*parts, Markup("</svg>")])


def swatch(series: int) -> Markup:
    """The sign of a series for the legend."""
    box = Markup('<rect class="series-{}" width="14" height="14"/><rect class="over-{}" width="14" height="14"/>')
    return Markup('<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">{}</svg>').format(
        box.format(series, series)
    )


def _box(name: str, x: float, y: float, wide: float, tall: float) -> Markup:
    size = Markup('x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"').format(x, y, wide, tall)
    over = name.replace("series", "over")
    return Markup('<rect class="{}" {}/><rect class="{}" {}/>').format(name, size, over, size)


_PATTERNS = Markup(
    "<defs>"
    '<pattern id="slant" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6 6 0"/></pattern>'
    '<pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M2 2h1M5 5h1"/></pattern>'
    '<pattern id="level" width="5" height="5" patternUnits="userSpaceOnUse"><path d="M0 2h5"/></pattern>'
    '<pattern id="upright" width="5" height="5" patternUnits="userSpaceOnUse"><path d="M2 0v5"/></pattern>'
    "</defs>"
)
