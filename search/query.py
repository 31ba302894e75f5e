"""The query language people know, read forgivingly.

Words, ``"phrases"``, ``-not``, ``OR``, parentheses, ``prefix*`` and field filters such as
``class:invoice party:"Acme GmbH" date:2024..2025 total:>1000``. Parts side by side must all
match; ``OR`` joins its two neighbours, as web search does: ``invoice acme OR globex`` wants an
invoice of either. Whatever is typed is read sensibly; what was not understood is told as notes.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from core.errors import Invalid
from search.criteria import ALIASES, FIELDS, read_criterion
from search.folding import squeeze
from search.tree import (
    And,
    Everything,
    Filter,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Word,
    alternative,
    conjunction,
    negation,
    to_text,
)

LONGEST_QUERY: Final = 2_000
"""Characters."""
MOST_LEAVES: Final = 64
"""Words, phrases, prefixes and filters together."""
DEEPEST_NESTING: Final = 16
"""Parentheses within parentheses."""
SHORTEST_PREFIX: Final = 2
"""Letters or digits before the asterisk; fewer would match half of all words."""


class QueryTooComplex(Invalid):
    """The query is too long or too deeply nested."""

    code = "query_too_complex"


NOTES: Final = {
    "quote_open": "The quotation mark before {part} has no partner: it was read to the end.",
    "parenthesis_open": "A parenthesis was not closed: it was read to the end.",
    "parenthesis_extra": "A closing parenthesis has no partner: it was left out.",
    "or_alone": "{part} joins nothing here: it was left out.",
    "no_text": "{part} has no letter or digit: it was left out.",
    "value_missing": "{part} needs a value: it was left out.",
    "value_unknown": "{part} does not state a value of that field: it was searched as words.",
    "field_unknown": "There is no field for {part}: it was searched as words.",
    "prefix_short": "{part} is too short a beginning: it was searched as a word.",
    "asterisk_inside": "In {part} the asterisk was not used as meant: it stands at the end of a word.",
}
"""Sentences for what was not understood, by the code of the note."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something in the query that was read otherwise than it may have been meant."""

    code: str
    part: str

    def __str__(self) -> str:
        return NOTES[self.code].format(part=self.part)


@dataclass(frozen=True, slots=True)
class Query:
    """A query as understood."""

    tree: Node
    notes: tuple[Note, ...] = ()

    @property
    def text(self) -> str:
        """The query in its plain spelling; reading it again gives the same tree."""
        return to_text(self.tree)


@dataclass(frozen=True, slots=True)
class Chip:
    """One understood part that a person can take away."""

    text: str
    field: str | None
    """The field of a filter, negated or not; ``None`` for words."""
    excluded: bool
    remaining: str
    """Query text without this part; empty if nothing is left."""


def parse(text: str, today: date | None = None) -> Query:
    """What ``text`` asks for; ``Everything`` where it asks for nothing.

    ``today`` gives words such as ``date:this-month`` their meaning.

    Raises:
        QueryTooComplex: over 2,000 characters, 64 parts, or 16 parentheses deep. Nothing else is refused.
    """
    if len(text) > LONGEST_QUERY:
        raise QueryTooComplex(f"Shorten the query to at most {LONGEST_QUERY} characters.")
    return _Reader(_scan(text), today).read()


def chips(query: Query | Node) -> tuple[Chip, ...]:
    """The parts that must all match, each with what remains when it is removed."""
    tree = query.tree if isinstance(query, Query) else query
    if isinstance(tree, Everything):
        return ()
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return tuple(
        Chip(
            text=to_text(part),
            field=inner.field if isinstance(inner := part.part if isinstance(part, Not) else part, Filter) else None,
            excluded=isinstance(part, Not),
            remaining=to_text(conjunction([*parts[:place], *parts[place + 1 :]])),
        )
        for place, part in enumerate(parts)
    )


_QUOTES = '"“”„«»'
_TOKEN = re.compile(
    r"(?P<open>\()"
    r"|(?P<close>\))"
    rf"|(?P<minus>-(?=[^\s{_QUOTES})]|[{_QUOTES}]))"
    rf"|(?P<field>[A-Za-z_]+):[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)(?P<shut>[{_QUOTES}]?)(?P<quoted_star>\*?)"
    rf"|[{_QUOTES}](?P<phrase>[^{_QUOTES}]*)(?P<end>[{_QUOTES}]?)\*?"
    rf"|(?P<chunk>[^\s(){_QUOTES}]+)"
)
_OR: Final = frozenset({"OR", "|", "||"})
_AND: Final = frozenset({"AND", "&", "&&"})
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def _scan(text: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(_BLANKS.sub(" ", text)))


class _Reader:
    """Recursive descent over the tokens: all > any > one."""

    def __init__(self, found: list[re.Match[str]], today: date | None) -> None:
        self._tokens = found
        self._place = 0
        self._leaves = 0
        self._today = today
        self._notes: list[Note] = []

    def read(self) -> Query:
        return Query(self._all(0), tuple(dict.fromkeys(self._notes)))

    def _note(self, code: str, part: str = "") -> None:
        self._notes.append(Note(code, part))

    def _all(self, depth: int) -> Node:
        if depth > DEEPEST_NESTING:
            raise QueryTooComplex(f"Use at most {DEEPEST_NESTING} parentheses within each other.")
        groups: list[list[Node]] = []
        joining = False
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            if token["close"]:
                if depth:
                    break
                self._note("parenthesis_extra")
                self._place += 1
            elif token["chunk"] in _OR:
                self._place += 1
                if joining or not groups:
                    self._note("or_alone", token["chunk"])
                joining = bool(groups)
            elif token["chunk"] in _AND:
                self._place += 1
            else:
                node = self._one(depth)
                if node is None:
                    continue
                if joining:
                    groups[-1].append(node)
                else:
                    groups.append([node])
                joining = False
        if joining:
            self._note("or_alone", "OR")
        return conjunction([alternative(group) for group in groups])

    def _one(self, depth: int) -> Node | None:
        negated = False
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            if not (token["minus"] or token["chunk"] == "NOT"):
                break
            negated = not negated
            self._place += 1
        else:
            return None
        if token["close"] or token["chunk"] in _OR | _AND:
            return None
        self._place += 1
        node = self._group(depth) if token["open"] else self._leaf(token)
        if node is None:
            return None
        return negation(node) if negated else node

    def _group(self, depth: int) -> Node | None:
        before = self._leaves
        node = self._all(depth + 1)
        if self._place < len(self._tokens):
            self._place += 1
        else:
            self._note("parenthesis_open")
        return node if self._leaves > before else None

    def _leaf(self, token: re.Match[str]) -> Node | None:
        if token["field"] is not None:
            value = " ".join(token["quoted"].split())
            if not token["shut"]:
                self._note("quote_open", value)
            node = self._filter(token["field"], value, bool(token["quoted_star"]), token[0])
        elif token["phrase"] is not None:
            node = self._phrase(token["phrase"], closed=bool(token["end"]))
        else:
            node = self._chunk(token["chunk"])
        if node is not None:
            self._leaves += 1
            if self._leaves > MOST_LEAVES:
                raise QueryTooComplex(f"Use at most {MOST_LEAVES} words and filters.")
        return node

    def _phrase(self, text: str, *, closed: bool) -> Node | None:
        text = " ".join(text.split())
        if not closed:
            self._note("quote_open", text)
        if not squeeze(text):
            self._note("no_text", f'"{text}"')
            return None
        return Phrase(text)

    def _chunk(self, text: str) -> Node | None:
        if not text.strip("*"):
            return Everything()
        if text.startswith("*"):
            self._note("asterisk_inside", text)
            text = text.lstrip("*-")
            text = text.lower() if text in _OR | _AND | {"NOT"} else text
        name, colon, value = text.partition(":")
        if colon and name.lower() in FIELDS.keys() | ALIASES.keys():
            return self._filter(name, value.rstrip("*"), value.endswith("*"), text)
        if colon and value and name.isalpha() and not value.startswith("//"):
            self._note("field_unknown", text)
        return self._word(text)

    def _word(self, text: str) -> Node | None:
        base, asterisk, rest = text.partition("*")
        if not squeeze(base):
            base, asterisk, rest = text.replace("*", ""), "", ""
        if not squeeze(base):
            self._note("no_text", text)
            return None
        if rest.strip("*"):
            self._note("asterisk_inside", text)
        if not asterisk:
            return Word(base)
        if len(squeeze(base)) < SHORTEST_PREFIX:
            self._note("prefix_short", text)
            return Word(base)
        return Prefix(base)

    def _filter(self, name: str, value: str, starred: bool, text: str) -> Node | None:
        field = ALIASES.get(name.lower(), name.lower())
        if field not in FIELDS:
            self._note("field_unknown", text)
            return self._phrase(value, closed=True)
        if not value:
            self._note("value_missing", f"{name}:")
            return None
        criterion = read_criterion(field, value, starred=starred, today=self._today)
        if criterion is not None:
            return Filter(field, criterion)
        self._note("value_unknown", text)
        return self._phrase(value, closed=True)


__all__ = [
    "NOTES",
    "And",
    "Chip",
    "Everything",
    "Filter",
    "Node",
    "Not",
    "Note",
    "Or",
    "Phrase",
    "Prefix",
    "Query",
    "QueryTooComplex",
    "Word",
    "chips",
    "parse",
    "to_text",
]
