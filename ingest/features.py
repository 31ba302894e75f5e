"""What the classifier sees of a text: words, pairs of words, pieces of words and a few cues.

Training and use share this module, and a model names its ``VERSION``: change what is computed
here, and the model must be trained again. Text is folded to plain lower-case letters, so that
accents, case and the marks that OCR gets wrong do not matter. Only numpy; about a millisecond
for a page.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VERSION = 1
HEAD_CHARACTERS, TAIL_CHARACTERS = 15_000, 5_000
"""A long text is judged by its beginning and its end."""
HEADING_CHARACTERS = 350
"""Here a document says what it is: words of this part count a second time, as words of the head."""
PIECE_BUCKETS = 1 << 14
_PIECES = (4, 6)
_HEADING = np.uint32(0x5BD1E995)

CUES = (
    "mail",
    "spreadsheet",
    "slides",
    "image",
    "markup",
    "many amounts",
    "many figures",
    "short lines",
    "blanks to fill in",
    "section marks",
    "first person",
    "addresses and links",
    "check boxes",
)

_NO_ACCENTS = (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("ø", "o"), ("ł", "l"), ("đ", "d"), ("ı", "i"))
_WORD = re.compile(r"[a-z]{2,30}")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_AMOUNT = re.compile(r"\d[.,]\d\d(?!\d)")
_SECTION = re.compile(r"\b(?:art|article|articolul|articulo|artikel|section|clause|clausula)\.? ?\d")
_FIRST_PERSON = re.compile(r"\b(?:i|my|ich|mein|meine|meiner|meinen|je|mon|ma|mes|yo|mi|mis|subsemnatul|mea|mele)\b")
_BLANKS, _LINKS, _BOXES = ("____", "......", "……"), ("http", "www.", "@"), ("[ ]", "[x]", "☐", "☑", "☒", "□")


@dataclass(frozen=True, slots=True)
class Features:
    """One document as numbers."""

    words: Sequence[str]
    """Folded words in the order of the text."""
    tokens: NDArray[np.uint32]
    """Hashes of the words, then of each pair of neighbours, then of the words of the head once more."""
    pieces: NDArray[np.float32]
    """How often each bucket of word pieces occurs."""
    cues: NDArray[np.float32]
    """One number from 0 to 1 for each of :data:`CUES`."""


def extract(text: str, media_type: str = "") -> Features:
    """The features of ``text``. Never raises."""
    if len(text) > HEAD_CHARACTERS + TAIL_CHARACTERS:
        text = f"{text[:HEAD_CHARACTERS]}\n{text[-TAIL_CHARACTERS:]}"
    folded = fold(text)
    words = _WORD.findall(folded)
    hashes = np.fromiter((zlib.crc32(word.encode()) for word in words), np.uint32, len(words))
    head = hashes[: len(_WORD.findall(folded[:HEADING_CHARACTERS]))] ^ _HEADING
    tokens = np.concatenate([hashes, pair_hashes(hashes), head])
    return Features(words, tokens, _pieces(folded), _cues(text, folded, media_type))


def fold(text: str) -> str:
    """``text`` in lower case and ASCII, accents dropped; what has no ASCII form disappears."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    for letter, plain in _NO_ACCENTS:
        lowered = lowered.replace(letter, plain)
    return unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()


def pair_hashes(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The hash of each word with the one after it."""
    wide = hashes.astype(np.uint64)
    mixed = wide[:-1] * np.uint64(0x9E3779B1) + wide[1:] * np.uint64(0x85EBCA6B)
    hashed: NDArray[np.uint32] = ((mixed ^ (mixed >> np.uint64(29))) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return hashed


def _pieces(folded: str) -> NDArray[np.float32]:
    letters = np.frombuffer(f" {_NOT_LETTERS.sub(' ', folded)} ".encode(), np.uint8).astype(np.uint32)
    counts = np.zeros(PIECE_BUCKETS, np.float32)
    for size in _PIECES:
        if len(letters) < size:
            continue
        rolled = np.full(len(letters) - size + 1, size, np.uint32)
        for offset in range(size):
            rolled = rolled * np.uint32(0x01000193) + letters[offset : len(letters) - size + 1 + offset]
        buckets = (rolled ^ (rolled >> np.uint32(15))) & np.uint32(PIECE_BUCKETS - 1)
        counts += np.bincount(buckets, minlength=PIECE_BUCKETS).astype(np.float32)
    return counts


def _cues(text: str, folded: str, media_type: str) -> NDArray[np.float32]:
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    size = max(len(text), 1)
    digits = sum(map(text.count, "0123456789"))

    def share(count: int, enough: float) -> float:
        """``count`` per thousand characters, 1 when there are ``enough``."""
        return min(1.0, count * 1000 / max(size, 400) / enough)

    return np.array(
        [
            media_type in ("message/rfc822", "application/vnd.ms-outlook"),
            "spreadsheet" in media_type or media_type in ("text/csv", "application/vnd.ms-excel"),
            "presentation" in media_type or media_type == "application/vnd.ms-powerpoint",
            media_type.startswith("image/"),
            media_type in ("text/markdown", "text/html", "application/xml", "text/xml"),
            share(len(_AMOUNT.findall(text)), 12),
            min(1.0, digits / size * 4),
            sum(len(line) < 40 for line in lines) / len(lines),
            share(sum(map(text.count, _BLANKS)), 4),
            share(text.count("§") + len(_SECTION.findall(folded)), 6),
            share(len(_FIRST_PERSON.findall(folded)), 10),
            share(sum(map(folded.count, _LINKS)), 4),
            share(sum(map(text.count, _BOXES)), 4),
        ],
        np.float32,
    )
