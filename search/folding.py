"""When two spellings are the same: one definition for index, query and snippet.

Invariant: texts that differ in case, accents or ligatures only fold to the same text, so
neither ever decides whether something is found.
"""

import re
import unicodedata
from typing import Final

# With marks go soft hyphens, characters without width, and lone surrogates, which damaged text brings.
_UNSEEN = re.compile("[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff\ud800-\udfff]+")
# A word broken at the end of a line. The next line goes on in small letters; "Müller-\nSchmidt" is two names.
_LINE_BREAK = re.compile(
    r"(?<=[^\W\d_])[-\u2010]\r?\n[ \t]*(?=[a-z\u00df-\u00f6\u00f8-\u00ff\u0103\u0219\u021b\u0153])"
)
_LETTERS: Final = {
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t",
}  # fmt: skip
_LETTER = re.compile("[" + "".join(_LETTERS) + "]")

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# "ue" stands for ü, but not in "neue", "Steuer", "Quelle", and hardly at the end of a word.
_DIGRAPH = re.compile(r"(?<![aeoq])([aou])e(?!$)")
_SHORTEST_DIGRAPH_WORD: Final = 5


def fold(text: str) -> str:
    """``text`` without case, accents, ligatures, soft hyphens and hyphens at line ends.

    ``Straße`` becomes ``strasse``, ``Țară`` and ``Ţară`` become ``tara``. Folding twice changes nothing.
    The length changes: offsets into the result are not offsets into ``text``.
    """
    if "-" in text or "\u2010" in text:
        text = _LINE_BREAK.sub("", text)
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text))
    if text.isascii():
        return text.lower()
    # Casefolding can bring marks back (Turkish dotted I).
    text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return _LETTER.sub(lambda found: _LETTERS[found[0]], text)


def spellings(word: str) -> tuple[str, ...]:
    """Folded spellings under which a typed word is looked up, the plain one first.

    German umlauts are found both ways: ``Müller`` also as ``mueller``, ``Mueller`` also as
    ``muller`` (which is how ``Müller`` is indexed). The caller must not conclude that both exist.
    """
    plain = fold(word)
    lowered = unicodedata.normalize("NFC", word).lower()
    if any(letter in "äöü" for letter in lowered):
        other = fold(lowered.translate(_UMLAUTS))
    elif len(plain) >= _SHORTEST_DIGRAPH_WORD and lowered.isascii():
        other = _DIGRAPH.sub(r"\1", plain)
    else:
        other = plain
    return (plain,) if other == plain else (plain, other)


def squeeze(text: str) -> str:
    """Folded letters and digits only: how numbers are compared, so that ``R-2024/7`` equals ``r20247``."""
    folded = fold(text)
    return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))
