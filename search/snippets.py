"""Where in a text a query matches: the best passages with the places to highlight.

Pure: the caller brings decrypted text and shows the result; nothing is kept. Words match as in
the index (folded, in any spelling and form), so what was found can be shown. Offsets count
characters of the given text, and are true to it whatever folding did.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from search.analysis import stem, tokens
from search.folding import fold, spellings
from search.tree import Exactly, Filter, Node, Phrase, Prefix, Word, leaves

LENGTH: Final = 240
"""Characters of a passage."""
MOST_SCANNED: Final = 2_000_000
"""Characters of the text that are looked at; a match behind them is not shown."""
_MOST_MATCHES: Final = 5_000
_MOST_STEPS: Final = 500_000
"""Words compared after words that may begin a phrase: a long phrase that nearly fits everywhere ends here."""

# A word goes on over the marks, soft hyphens and line-end hyphens that folding takes out of it.
_REST: Final = (
    r"[^\W_]*(?:(?:[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff]+"
    r"|[-\u2010]\r?\n[ \t]*(?=[a-zß-öø-ÿășțœ]))[^\W_]*)*"
)
_WORD = re.compile(r"[^\W_]" + _REST)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage of a text. ``highlights`` are pairs of start and end within ``text``, in order and apart."""

    text: str = field(repr=False)
    start: int
    """Where it lies in the whole text."""
    highlights: tuple[tuple[int, int], ...]
    cut_before: bool
    """There is text before it."""
    cut_after: bool
    """There is text behind it."""


_Fits: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Row:
    """Words that must follow each other, and the folded letter that the first begins with."""

    fits: tuple[_Fits, ...]
    initial: str


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    end: int
    wish: int
    """Which part of the query it meets."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What is looked for in texts of one language."""

    rows: tuple[tuple[int, _Row], ...]
    """Each with the part of the query it meets."""
    begins: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Numbers of the rows that a word begins, of words met so far."""


class Sought:
    """A query as it is looked for in many texts. What it learns of their words goes with it: let it go soon."""

    def __init__(self, query: Node) -> None:
        self._wishes = tuple(_wishes(query))
        self._patterns: dict[str, _Pattern] = {}

    def pattern(self, language: str) -> _Pattern:
        """What is looked for in texts of that language."""
        found = self._patterns.get(language)
        if found is None:
            rows = ((wish, row) for wish, leaf in enumerate(self._wishes) for row in _rows(leaf, language))
            found = self._patterns[language] = _Pattern(tuple(rows))
        return found


def best_snippet(text: str, query: Node | Sought, language: str | None = None, *, length: int = LENGTH) -> Snippet:
    """The passage that meets most parts of ``query``, or the beginning of ``text`` where none does."""
    found = find_snippets(text, query, language, length=length, most=1)
    return found[0] if found else _passage(text, 0, 0, [], length)


def find_snippets(
    text: str, query: Node | Sought, language: str | None = None, *, length: int = LENGTH, most: int = 3
) -> tuple[Snippet, ...]:
    """Up to ``most`` passages that do not overlap, in the order of the text; none where nothing matches.

    ``language`` (ISO 639-1) is that of the text and decides which forms of a word are one word.
    """
    sought = query if isinstance(query, Sought) else Sought(query)
    found = _matches(text[:MOST_SCANNED], sought.pattern(language or ""))
    matches = sorted(found, key=lambda match: (match.start, match.end))
    chosen: list[Snippet] = []
    while len(chosen) < most and (window := _best_window(matches, length)):
        first, last = window
        floor = max((each.start + len(each.text) for each in chosen if each.start < first.start), default=0)
        ceiling = min((each.start for each in chosen if each.start > first.start), default=len(text))
        chosen.append(_passage(text, first.start, last.end, matches, length, floor, ceiling))
        start, end = chosen[-1].start, chosen[-1].start + len(chosen[-1].text)
        # What lies across the border of a passage can stand whole in no other one.
        matches = [match for match in matches if match.end <= start or match.start >= end]
    return tuple(sorted(chosen, key=lambda each: each.start))


def _matches(text: str, pattern: _Pattern) -> list[_Match]:
    rows, known = pattern.rows, pattern.begins
    if not rows:
        return []
    found: list[_Match] = []
    steps = _MOST_STEPS
    for word in _words_from(frozenset(row.initial for _, row in rows)).finditer(text):
        raw = word[0]
        begins = known.get(raw)
        if begins is None:
            pieces = tokens(raw)
            begins = known[raw] = tuple(n for n, (_, row) in enumerate(rows) if any(map(row.fits[0], pieces)))
        for number in begins:
            wish, row = rows[number]
            end = _follow(text, word.end(), row.fits[1:])
            if end:
                found.append(_Match(word.start(), end, wish))
            steps -= len(row.fits)
        if len(found) >= _MOST_MATCHES or steps <= 0:
            break
    return found


def _follow(text: str, end: int, fits: tuple[_Fits, ...]) -> int:
    """Where the last of the words that must follow ends; 0 if others follow."""
    for each in fits:
        word = _WORD.search(text, end)
        if word is None or not any(map(each, tokens(word[0]))):
            return 0
        end = word.end()
    return end


@lru_cache(maxsize=64)
def _words_from(initials: frozenset[str]) -> re.Pattern[str]:
    """Words whose folded form begins with one of ``initials``: no stemmer changes the first letter."""
    letters = "".join(sorted({other for letter in initials for other in _letters().get(letter, letter)}))
    begin = f"[{re.escape(letters)}]"
    return re.compile(rf"{begin}(?<![^\W_]{begin}){_REST}")


@lru_cache(maxsize=1)
def _letters() -> dict[str, str]:
    """For each folded letter all letters that fold to something beginning with it."""
    alike: dict[str, list[str]] = {}
    for letter in map(
        chr, (*range(0x30, 0x2200), *range(0xA640, 0xABC0), *range(0xFB00, 0xFB07), *range(0xFF10, 0xFF5B))
    ):
        if letter.isalnum() and (folded := fold(letter)):
            alike.setdefault(folded[0], []).append(letter)
    return {folded: "".join(letters) for folded, letters in alike.items()}


def _wishes(query: Node) -> Iterator[Word | Phrase | Prefix]:
    """The parts worth showing: words, and names and numbers that were filtered by."""
    for leaf, negated in leaves(query):
        if negated:
            continue
        match leaf:
            case Word() | Phrase() | Prefix():
                yield leaf
            case Filter("party" | "number" | "title", Exactly(text)):
                yield Phrase(text)


def _rows(leaf: Word | Phrase | Prefix, language: str) -> list[_Row]:
    """The rows of words that meet ``leaf``, one for each spelling."""
    plain = tokens(leaf.text)
    if not plain:
        return []
    if isinstance(leaf, Prefix):
        return [_Row((*map(_equals, plain[:-1]), _begins(plain[-1])), plain[0][0])]
    if isinstance(leaf, Word) and len(plain) == 1:
        return [_Row((_any_form(leaf.text, language),), plain[0][0])]
    other = tuple(token for word in leaf.text.split() for token in tokens(spellings(word)[-1]))
    return [_Row(tuple(map(_equals, row)), row[0][0]) for row in dict.fromkeys((plain, other))]


def _equals(wanted: str) -> _Fits:
    return lambda token: token == wanted


def _begins(wanted: str) -> _Fits:
    return lambda token: token.startswith(wanted)


def _any_form(text: str, language: str) -> _Fits:
    forms = frozenset(token for spelling in spellings(text) for token in tokens(spelling))
    wanted = frozenset(found for form in forms if (found := stem(form, language)))
    return lambda token: token in forms or stem(token, language) in wanted


def _best_window(matches: list[_Match], length: int) -> tuple[_Match, _Match] | None:
    """First and last match of the ``length`` characters that meet most parts, then hold most matches, then come first.

    ``matches`` in the order of the text. A match longer than ``length`` is a window of its own.
    """
    best: tuple[tuple[int, int], _Match, _Match] | None = None
    wishes: Counter[int] = Counter()
    first = 0
    for last, match in enumerate(matches):
        wishes[match.wish] += 1
        while first < last and match.end - matches[first].start > length:
            wishes[matches[first].wish] -= 1
            first += 1
        score = (sum(1 for count in wishes.values() if count), last - first)
        if best is None or score > best[0]:
            best = score, matches[first], match
    return best and (best[1], best[2])


def _passage(
    text: str, first: int, last: int, matches: list[_Match], length: int, floor: int = 0, ceiling: int | None = None
) -> Snippet:
    """The passage around ``first`` to ``last``, within ``floor`` and ``ceiling``, cut between words where it can be."""
    ceiling = len(text) if ceiling is None else ceiling
    last = min(last, first + length)
    # A third of what is free goes before: the matches want to be read in their sentence.
    start = max(floor, first - (length - (last - first)) // 3)
    end = min(ceiling, start + length)
    start = max(floor, min(start, end - length))
    if start > 0 and not text[start - 1].isspace():
        start = next((at + 1 for at in range(start, first) if text[at].isspace()), start)
    if end < len(text) and not text[end].isspace():
        end = next((at for at in range(end - 1, last - 1, -1) if text[at].isspace()), end)
    return Snippet(
        text=text[start:end],
        start=start,
        highlights=_highlights(matches, start, end),
        cut_before=bool(text[:start].strip()) if start < length else True,
        cut_after=bool(text[end : end + length].strip()),
    )


def _highlights(matches: list[_Match], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Places within the passage; overlapping ones are joined, ones cut off by its end are shortened."""
    joined: list[tuple[int, int]] = []
    for match in matches:
        low, high = max(match.start, start) - start, min(match.end, end) - start
        if low >= high:
            continue
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return tuple(joined)
