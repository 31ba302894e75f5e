"""What a document says of itself: its date, the other party, its number, total and currency.

Sources, the surest first: the XML of an electronic invoice, the headers of a mail, values behind
a label in the text, and mere patterns. One field per name, the most probable. A probability is an
estimate by kind of source; what is below one half is a suggestion for a person, not a fact.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.utils import parseaddr, parsedate_to_datetime
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import yaml

from ingest import money
from ingest.classify import NOBODY, OwnNames
from ingest.dates import find_days
from ingest.einvoice import EInvoice
from ingest.extraction import Page, Word
from ingest.money import Money

FieldName = Literal["document_date", "party", "number", "total", "currency"]
Source = Literal["xml", "header", "label", "pattern"]
MOST_PAGES, MOST_LINES = 4, 400

_AMOUNT = re.compile(
    r"(?<![\w.,])[-–]?\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+(?:[.,]\d{1,3})?(?![\w])"
    r"|(?<![\w.,])[-–]?\d+(?:[.,]\d{1,3})?(?!\w)"
)
_NUMBER = re.compile(r"[a-z0-9][a-z0-9/._-]{0,30}(?: [0-9]{3,12})?")
_GAP = r"[\s:#.°º]*"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a value stands: ten-thousandths of the page from its upper left corner."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Field:
    """One value with where it comes from."""

    name: FieldName
    value: str | date | Money
    probability: float
    source: Source
    page: int | None = None
    """From 1; ``None`` for XML and headers."""
    box: Box | None = None
    label: str | None = None
    """The label it stood behind, as in our list."""


def read(
    pages: Sequence[Page],
    *,
    facts: Mapping[str, str] | None = None,
    einvoice: EInvoice | None = None,
    language: str = "und",
    own: OwnNames = NOBODY,
) -> tuple[Field, ...]:
    """The fields of a document, one a name at most. Never raises.

    ``facts`` are those of ``ingest.extraction`` (a mail's headers); ``own`` tells which of two
    companies is the other party.
    """
    best: dict[FieldName, Field] = {
        field.name: field for field in [*_of_headers(facts or {}), *_of_einvoice(einvoice, own)]
    }
    places: dict[FieldName, tuple[Page, str]] = {}
    for page in [*pages[: MOST_PAGES - 1], *pages[MOST_PAGES - 1 :][-1:]]:
        for field, raw in _of_page(page, language, own):
            if field.name not in best or _better(field, best[field.name]):
                best[field.name], places[field.name] = field, (page, raw)
    for name, (page, raw) in places.items():
        best[name] = replace(best[name], box=_box(page.words, raw))
    return tuple(_with_currency(best, pages))


def _better(new: Field, old: Field) -> bool:
    """The more probable one; of totals that are equally probable the larger, since parts come before it."""
    if new.probability == old.probability and isinstance(new.value, Money) and isinstance(old.value, Money):
        return new.value.minor > old.value.minor
    return new.probability > old.probability


def _of_einvoice(invoice: EInvoice | None, own: OwnNames) -> Iterator[Field]:
    if invoice is None:
        return
    names = {_fold(name) for name in own.names}
    party = invoice.seller.name
    if party is None or _fold(party) in names:
        party = invoice.buyer.name or party
    values: dict[FieldName, str | date | Money | None] = {
        "document_date": invoice.issued_on,
        "party": party,
        "number": invoice.number,
        "total": invoice.total or invoice.payable,
        "currency": invoice.currency,
    }
    for name, value in values.items():
        if value is not None:
            yield Field(name, value, 0.99, "xml")


def _of_headers(facts: Mapping[str, str]) -> Iterator[Field]:
    name, address = parseaddr(facts.get("from", ""))
    if name or address:
        yield Field("party", name or address, 0.8, "header", label="from")
    if stated := facts.get("date"):
        day = _header_day(stated)
        if day is not None:
            yield Field("document_date", day, 0.95, "header", label="date")


def _header_day(text: str) -> date | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text.strip()).date()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _of_page(page: Page, language: str, own: OwnNames) -> Iterator[tuple[Field, str]]:
    labels = _labels()
    lines = [line for line in page.text.splitlines() if line.strip()][:MOST_LINES]
    folded = [_fold(line) for line in lines]
    for at, line in enumerate(folded):
        below = folded[at + 1] if at + 1 < len(folded) else ""
        yield from _day_in(line, below, labels, language, page.number)
        yield from _number_in(line, below, lines[at], labels, page.number)
        yield from _total_in(line, below, labels, page.number)
        yield from _party_in(line, lines[at], labels, own, page.number)
    if page.number == 1:
        yield from _first_day(folded[:25], labels, language)
        yield from _letterhead(lines[:12], labels, own)


def _day_in(line: str, below: str, labels: "_Labels", language: str, page: int) -> Iterator[tuple[Field, str]]:
    for label, rest, sure in labels.after("document_date", line):
        for text in (rest[:40], below[:40] if not rest.strip() else ""):
            for found in find_days(text, language, labels.months):
                if found.start < 16:
                    probability = found.probability * (0.95 if sure else 0.75)
                    raw = text[found.start : found.end]
                    yield Field("document_date", found.day, round(probability, 2), "label", page, None, label), raw
                break


def _number_in(line: str, below: str, printed: str, labels: "_Labels", page: int) -> Iterator[tuple[Field, str]]:
    for label, rest, sure in labels.after("number", line):
        own_line = rest.strip() != ""
        text = rest if own_line else below
        match = _NUMBER.match(text.lstrip(" :#.n°º"))
        raw = match[0].rstrip(" .-/") if match else ""
        if not any(map(str.isdigit, raw)) or len(raw) < 2 or any(find_days(raw, "und", labels.months)):
            continue
        start = len(line) - len(rest) + rest.find(raw)
        value = printed[start : start + len(raw)] if own_line and len(printed) == len(line) else raw.upper()
        probability = (0.9 if sure else 0.5) * (1 if own_line else 0.7)
        yield Field("number", value, round(probability, 2), "label", page, None, label), value


def _total_in(line: str, below: str, labels: "_Labels", page: int) -> Iterator[tuple[Field, str]]:
    for label, rest, sure in labels.after("total", line):
        if labels.not_total.search(line):
            return
        text = rest if any(map(str.isdigit, rest)) or not sure else below
        currency = money.find_currency(f"{line} {below if text is below else ''}")
        amounts = [(found[0], money.from_print(found[0], currency)) for found in _AMOUNT.finditer(text)]
        printed = [(raw, amount) for raw, amount in amounts if amount is not None and re.search(r"[.,]\d{2}$", raw)]
        if not printed and currency:
            printed = [(raw, amount) for raw, amount in amounts if amount is not None]
        if printed:
            raw, amount = printed[-1]
            probability = (0.85 if sure else 0.6) * (1 if text is rest else 0.8)
            yield Field("total", amount, round(probability, 2), "label", page, None, label), raw
        break


def _party_in(line: str, printed: str, labels: "_Labels", own: OwnNames, page: int) -> Iterator[tuple[Field, str]]:
    for label, rest, sure in labels.after("party", line, start_only=True):
        value = printed[len(line) - len(rest) :].strip(" :") if len(printed) == len(line) else rest.strip(" :")
        if 3 <= len(value) <= 80 and not _is_own(value, own) and sum(map(str.isalpha, value)) > len(value) / 2:
            yield Field("party", value, 0.75 if sure else 0.4, "label", page, None, label), value


def _first_day(lines: Iterable[str], labels: "_Labels", language: str) -> Iterator[tuple[Field, str]]:
    """A day near the top without a label: likely the document's own."""
    for line in lines:
        for found in find_days(line, language, labels.months):
            raw = line[found.start : found.end]
            yield Field("document_date", found.day, round(found.probability * 0.55, 2), "pattern", 1), raw
            return


def _letterhead(lines: Sequence[str], labels: "_Labels", own: OwnNames) -> Iterator[tuple[Field, str]]:
    """The first company name near the top that is not our own, or a line of capitals there."""
    for line in lines:
        words = re.split(r"[\s,]+", _fold(line).strip())
        formed = len(words) > 1 and any(word.rstrip(".") in labels.legal_forms for word in words[1:])
        if formed and len(line) <= 70 and not _is_own(line, own):
            value = re.split(r"\s[·|–]\s|, ", line.strip())[0]
            yield Field("party", value, 0.5, "pattern", 1), value
            return
    for line in lines[:2]:
        if (
            6 <= len(line.strip()) <= 50
            and line.strip().isupper()
            and not any(map(str.isdigit, line))
            and " " in line.strip()
        ):
            yield Field("party", line.strip(), 0.3, "pattern", 1), line.strip()
            return


def _with_currency(best: dict[FieldName, Field], pages: Sequence[Page]) -> Iterator[Field]:
    total = best.get("total")
    if total and isinstance(total.value, Money) and total.source == "label":
        currency = total.value.currency
        if currency is None:
            named = Counter(
                code for page in pages for line in page.text.splitlines() if (code := money.find_currency(line))
            )
            currency = named.most_common(1)[0][0] if named else None
            if currency and money.exponent_of(currency) == money.exponent_of(None):
                best["total"] = replace(total, value=Money(total.value.minor, currency))
        if currency and "currency" not in best:
            best["currency"] = Field("currency", currency, round(total.probability * 0.9, 2), "pattern", total.page)
    yield from best.values()


@dataclass(frozen=True, slots=True)
class _Labels:
    patterns: Mapping[str, tuple[tuple[re.Pattern[str], bool], ...]]
    not_total: re.Pattern[str]
    legal_forms: frozenset[str]
    months: Mapping[str, int]

    def after(self, name: str, line: str, start_only: bool = False) -> Iterator[tuple[str, str, bool]]:
        """Label, the rest of the line behind it, and whether the label is a sure one; the sure ones first."""
        for pattern, sure in self.patterns[name]:
            match = pattern.match(line.lstrip()) if start_only else pattern.search(line)
            if match:
                offset = len(line) - len(line.lstrip()) if start_only else 0
                yield match[1], line[offset + match.end() :], sure


@lru_cache(maxsize=1)
def _labels() -> _Labels:
    data = yaml.safe_load((files("ingest") / "field_labels.yaml").read_text(encoding="utf-8"))

    def split(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split("|") if part.strip())

    def pattern(text: str, colon: bool) -> re.Pattern[str]:
        names = "|".join(re.escape(label) for label in sorted(split(text), key=len, reverse=True))
        return re.compile(rf"(?<![\w-])({names})(?![\w-])" + (r"\s*:" if colon else _GAP))

    patterns = {
        name: ((pattern(data[name]["sure"], False), True), (pattern(data[name]["likely"], name == "party"), False))
        for name in ("document_date", "number", "total", "party")
    }
    months = {name: index for index, names in enumerate(split(data["months"]), 1) for name in names.split()}
    not_total = "|".join(map(re.escape, split(data["not_total"])))
    return _Labels(
        patterns, re.compile(rf"(?<!\w)(?:{not_total})(?!\w)"), frozenset(split(data["legal_forms"])), months
    )


def _fold(text: str) -> str:
    """Lower case without accents, character for character, so that places stay the same."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)


class _Folded(dict[int, str]):
    """What ``_fold`` makes of each character, remembered: few make up all that anybody writes."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = (unicodedata.normalize("NFKD", chr(code))[:1] or " ").lower()[:1]
        return folded


_FOLDED = _Folded()


def _is_own(value: str, own: OwnNames) -> bool:
    folded = _fold(value)
    return any(_fold(name).strip() in folded for name in own.names if name.strip())


def _box(words: Sequence[Word], raw: str) -> Box | None:
    """The box around the words that spell ``raw``, where it stands first."""
    wanted = "".join(_fold(raw).split())
    spelt = ["".join(_fold(word.text).split()) for word in words] if wanted else []
    for start, first in enumerate(spelt):
        run = ""
        for end in range(start, min(start + 12, len(spelt))):
            run += spelt[end]
            if 0 <= run.find(wanted) < len(first):
                found = words[start : end + 1]
                return Box(
                    min(word.left for word in found),
                    min(word.top for word in found),
                    max(word.right for word in found),
                    max(word.bottom for word in found),
                )
            if len(run) > len(wanted) + len(first):
                break
    return None
