"""Which passwords are refused: the short, and those that are tried first.

No composition rules and no forced renewal (NIST SP 800-63B, 3.1.1.2): they make people
choose worse ones. The list of words is small and our own; it is matched after digits, signs
and the usual replacements of letters are taken away.
"""

import re
import unicodedata
from itertools import pairwise

MIN_LENGTH = 12
MAX_LENGTH = 1024
# The stems of what is tried first, in the languages of the pages. With digits and signs
# around them they are still tried first.
_COMMON = tuple(
    re.findall(
        r"\w+",
        """password passwort kennwort motdepasse parola contrasena contraseña qwerty qwertz azerty letmein welcome
        willkommen bienvenue bienvenido bunvenit admin administrator iloveyou ichliebedich jetaime teiubesc tequiero
        dragon monkey football fussball sunshine princess secret geheim changeme default muniment archive asdf yxcv
        zxcv test""",
    )
)
_PADDING = re.compile(r"[\W\d_]+")
_SEQUENCES = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl")
_LEET = str.maketrans("013457@$!", "oleastasi")


def weakness(password: str, names: tuple[str, ...] = ()) -> str | None:
    """Why ``password`` is refused, in words for its owner, or ``None``.

    ``names`` are what others know of the person: sign-in name, display name.
    """
    if len(password) < MIN_LENGTH:
        return f"use at least {MIN_LENGTH} characters; a few unrelated words make a good password"
    if len(password) > MAX_LENGTH:
        return f"use at most {MAX_LENGTH} characters"
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < 5:
        return "it repeats too few different characters"
    if _made_of(folded, _SEQUENCES):
        return "it is a row of neighbouring keys, letters or digits"
    readings = {_PADDING.sub("", folded), _PADDING.sub("", folded.translate(_LEET))}
    if any(_only_repeats(reading, _COMMON) for reading in readings):
        return "it is made of words that are tried first"
    words = tuple(word for name in names for word in _PADDING.split(name.casefold()) if len(word) > 2)
    if any(_only_repeats(reading, words) for reading in readings):
        return "it is made of your own name"
    return None


def _only_repeats(text: str, words: tuple[str, ...]) -> bool:
    """Whether nothing is left of ``text`` once the words are taken out; longest first."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    return len(text) < 3


def _made_of(text: str, sequences: tuple[str, ...]) -> bool:
    """Whether every step from character to character stays within one of the sequences, up or down."""
    steps = sum(any(pair in row or pair in row[::-1] for row in sequences) for pair in map("".join, pairwise(text)))
    return steps >= len(text) - 3
