"""The parse tree of a query, and its text.

``to_text`` writes a tree so that reading it again gives the same tree: links, chips and
saved searches hold text only. Trees are values; nothing here knows an index.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches all that one may see."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word in any of its forms, in the text, title, parties or numbers."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in this order and form, one directly after the other."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Words that begin so; of several words only the last is a beginning."""

    text: str


@dataclass(frozen=True, slots=True)
class Exactly:
    """A field's value: the whole of a code, or words in a row of a name."""

    text: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """A field's value begins so."""

    text: str


@dataclass(frozen=True, slots=True)
class Days:
    """A span of days, both included; ``None`` leaves an end open, but not both."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Amounts:
    """A span of amounts in minor units (cents), both included; ``None`` leaves an end open, but not both."""

    least: int | None
    most: int | None


Criterion: TypeAlias = Exactly | Beginning | Days | Amounts


@dataclass(frozen=True, slots=True)
class Filter:
    """One field of the record meets one criterion. ``field`` is a name of ``search.criteria.FIELDS``."""

    field: str
    value: Criterion


@dataclass(frozen=True, slots=True)
class Not:
    """All that ``part`` does not match; ``part`` is never a ``Not`` itself."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more parts, all of which match; none is an ``And`` or ``Everything``."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more parts, at least one of which matches; none is an ``Or``."""

    parts: tuple["Node", ...]


Node: TypeAlias = Everything | Word | Phrase | Prefix | Filter | Not | And | Or


def conjunction(parts: list[Node]) -> Node:
    """All of ``parts`` in their plainest form; none of them is ``Everything``."""
    flat: list[Node] = []
    for part in parts:
        if isinstance(part, And):
            flat.extend(part.parts)
        elif not isinstance(part, Everything):
            flat.append(part)
    if not flat:
        return Everything()
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def alternative(parts: list[Node]) -> Node:
    """Any of ``parts`` (at least one) in its plainest form."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Or) else (part,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(part: Node) -> Node:
    """The opposite of ``part``; twice is back where it began."""
    return part.part if isinstance(part, Not) else Not(part)


def leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Node, bool]]:
    """Each leaf from left to right, with whether it is excluded."""
    if isinstance(node, Not):
        yield from leaves(node.part, negated=not negated)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part, negated=negated)
    else:
        yield node, negated


def has_words(node: Node) -> bool:
    """Whether anything in it can rank results; filters alone cannot."""
    return any(not negated and isinstance(leaf, Word | Phrase | Prefix) for leaf, negated in leaves(node))


def to_text(node: Node) -> str:
    """The query text of ``node``; empty for ``Everything``."""
    return "" if isinstance(node, Everything) else _write(node)


def _write(node: Node) -> str:
    match node:
        case Everything():
            return "*"
        case Word(text):
            return text
        case Phrase(text):
            return f'"{text}"'
        case Prefix(text):
            return f"{text}*"
        case Filter(field, value):
            return f"{field}:{_write_criterion(value)}"
        case Not(part):
            return f"-{_write_inner(part)}"
        case And(parts):
            return " ".join(f"({_write(part)})" if isinstance(part, Or) else _write(part) for part in parts)
        case Or(parts):
            return " OR ".join(_write_inner(part) for part in parts)


def _write_inner(node: Node) -> str:
    return f"({_write(node)})" if isinstance(node, And | Or) else _write(node)


_PLAIN_VALUE = re.compile(r"\w[\w./@&+-]*\Z")


def _write_criterion(value: Criterion) -> str:
    match value:
        case Exactly(text):
            return text if _PLAIN_VALUE.match(text) else f'"{text}"'
        case Beginning(text):
            return f"{text}*" if _PLAIN_VALUE.match(text) else f'"{text}"*'
        case Days(first, last):
            return _write_days(first, last)
        case Amounts(least, most):
            if least == most and least is not None:
                return _write_amount(least)
            return f"{'' if least is None else _write_amount(least)}..{'' if most is None else _write_amount(most)}"


def _write_days(first: date | None, last: date | None) -> str:
    if first is None or last is None:
        return f"{first or ''}..{last or ''}"
    if first == last:
        return first.isoformat()
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        years = f"{first.year:04}", f"{last.year:04}"
        return years[0] if first.year == last.year else "..".join(years)
    if first.day == 1 and (first.year, first.month) == (last.year, last.month) and last == _month_end(first):
        return f"{first.year:04}-{first.month:02}"
    return f"{first.isoformat()}..{last.isoformat()}"


def _month_end(day: date) -> date:
    return day.replace(day=31) if day.month == 12 else day.replace(month=day.month + 1, day=1) - timedelta(days=1)


def _write_amount(minor: int) -> str:
    sign, (whole, cents) = "-" if minor < 0 else "", divmod(abs(minor), 100)
    return f"{sign}{whole}.{cents:02}" if cents else f"{sign}{whole}"
