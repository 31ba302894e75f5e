"""How folded text becomes the words that are looked up, and their stems.

Stems are taken from the folded word, so that accents never decide whether something is found, and
carry their language: a query is stemmed in all five and meets a text by the stemmer of that text only.
The stemmers are tantivy's (Snowball in Rust). Measured: one word takes them 0.5 microseconds, a cached one
0.1, and pre-tokenized text twice as long as the same stems joined by blanks; so a cache stands before them.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from search.folding import fold

LANGUAGES: Final = {"de": "german", "en": "english", "es": "spanish", "fr": "french", "ro": "romanian"}
"""Languages with stems: ISO 639-1 code and the stemmer's name for it."""

LONGEST_TOKEN_BYTES: Final = 100
"""Longer runs of letters are encoded data, not words; the index leaves them out."""

_CACHED_STEMS: Final = 20_000
"""Words remembered of each language: nearly all of a text are among its most frequent."""


def _analyzer(tokenizer: Tokenizer, longest: int, *filters: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(longest))
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


PLAIN: Final = _analyzer(Tokenizer.simple(), LONGEST_TOKEN_BYTES)
"""Splits folded text at everything that is no letter or digit."""

BLANKS: Final = _analyzer(Tokenizer.whitespace(), LONGEST_TOKEN_BYTES + len("de:"))
"""Splits the text that ``to_stems`` makes."""

_TOKEN = re.compile(r"[^\W_]+")


def tokens(text: str) -> tuple[str, ...]:
    """The folded words of ``text`` in their order; empty where it holds no letter and no digit."""
    return tuple(PLAIN.analyze(fold(text)))


def _stemmer(language: str, name: str) -> Callable[[str], str]:
    analyzer = _analyzer(Tokenizer.simple(), LONGEST_TOKEN_BYTES, Filter.stemmer(name))

    @lru_cache(maxsize=_CACHED_STEMS)
    def stem(token: str) -> str:
        return f"{language}:{(analyzer.analyze(token) or [token])[0]}"

    return stem


_STEMMERS: Final = {language: _stemmer(language, name) for language, name in LANGUAGES.items()}


def stem(token: str, language: str) -> str | None:
    """The stem of one folded word, such as ``de:vertrag``; ``None`` where the language has no stemmer."""
    stemmer = _STEMMERS.get(language)
    return stemmer(token) if stemmer else None


def stems(token: str) -> frozenset[str]:
    """The stems of one folded word in all languages: a query does not say which one it is in."""
    return frozenset(stemmer(token) for stemmer in _STEMMERS.values())


def to_stems(folded: str, language: str) -> str:
    """Folded text as stems of ``language`` joined by blanks; empty where that language has no stemmer."""
    stemmer = _STEMMERS.get(language)
    if stemmer is None:
        return ""
    found = _TOKEN.findall(folded)
    # Encoded data must not fill the cache: it is left out here as it is from the words.
    if max(map(len, found), default=0) > LONGEST_TOKEN_BYTES:
        found = [token for token in found if len(token) <= LONGEST_TOKEN_BYTES]
    return " ".join(map(stemmer, found))
