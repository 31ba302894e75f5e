"""The phrases and words of the five languages, as data: ``phrases/*.yaml`` and ``words/*.yaml``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

LANGUAGES = ("en", "de", "fr", "ro", "es")


@dataclass(frozen=True, slots=True)
class Phrases:
    """What documents of one class say in one language, with slots such as ``{person}``."""

    titles: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language."""

    language: str
    phrases: Mapping[str, Phrases]
    """By file plan code."""
    words: Mapping[str, tuple[str, ...]]
    """Names, labels and phrases that all classes share."""

    def classes(self) -> tuple[str, ...]:
        """The file plan codes that have phrases, in the order of the file."""
        return tuple(self.phrases)


@lru_cache(maxsize=len(LANGUAGES))
def load(language: str) -> Vocabulary:
    """The vocabulary of one of :data:`LANGUAGES`."""
    phrases = yaml.safe_load(_data("phrases", language))
    words = yaml.safe_load(_data("words", language))
    return Vocabulary(
        language,
        {code: Phrases(_split(entry["titles"]), _split(entry["lines"])) for code, entry in phrases.items()},
        {name: _split(text) if "|" in text or name in _WHOLE else tuple(text.split()) for name, text in words.items()},
    )


def digest() -> str:
    """SHA-256 over all phrases and words: what a model was learnt from."""
    sha = hashlib.sha256()
    for language in LANGUAGES:
        for folder in ("phrases", "words"):
            sha.update(_data(folder, language))
    return sha.hexdigest()


_WHOLE = frozenset({"subject", "dear", "closing", "number", "date", "due", "page", "phone", "total", "net", "tax"})
"""Entries that are one phrase even without a bar."""


def _data(folder: str, language: str) -> bytes:
    return (files("ingest.training") / folder / f"{language}.yaml").read_bytes()


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())
