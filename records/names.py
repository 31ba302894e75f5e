"""File names and titles as people may safely see them.

A name from outside may carry folders, control characters, or characters that turn the
direction of the text round to make ``fdp.exe`` look like a PDF. What people see is the last
part of the path without those; the bytes of the file are never touched.
"""

import re
import unicodedata

MAX_NAME = 255
MAX_TITLE = 400
UNNAMED = "unnamed"
# Marks, embeddings, overrides and isolates that reorder what is shown (UAX 9), and their kin.
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean_file_name(name: str) -> str:
    """The name to store and show for an uploaded file, never empty, at most 255 characters.

    A longer one is cut in the middle, so that its extension stays.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _cut(_visible(last), MAX_NAME).strip(" .") or UNNAMED


def clean_relative_path(path: str) -> str:
    """The folder a file came from, without its own name, for the person who dropped the folder."""
    parts = [_visible(part).strip(" .") for part in path.replace("\\", "/").split("/")[:-1]]
    return "/".join(part for part in parts if part)[:MAX_TITLE]


def clean_title(title: str) -> str:
    """A title on one line, at most 400 characters; may be empty."""
    return _cut(" ".join(_visible(title).split()), MAX_TITLE)


def title_from_name(name: str) -> str:
    """A readable title from a file name: no extension, underscores as spaces."""
    stem, dot, extension = name.rpartition(".")
    text = stem if dot and 1 <= len(extension) <= 5 else name
    return clean_title(text.replace("_", " ")) or name


def shorten_middle(text: str, length: int) -> str:
    """``text`` with its middle left out, so that beginning and end both stay readable."""
    return _cut(text, length)


def _visible(text: str) -> str:
    cleaned = _BIDI_CONTROLS.sub("", unicodedata.normalize("NFC", text))
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") else c for c in cleaned).strip()


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return text[: length - 1 - tail] + "…" + text[-tail:]
