"""The trained classifier as numbers: how it is stored, loaded and asked. Numpy only, never pickle.

A linear model over the features of a text: a vocabulary of hashed words and pairs of words, buckets
of word pieces, and cues. ``<name>.npz`` holds the numbers (weights in whole steps of a scale per
class), ``<name>.json`` what they mean: classes, temperature, and the digest of what was learnt from.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import IntegrityFailure
from ingest import features
from ingest.features import CUES, Features

PIECES_SHARE, CUES_SHARE = 2.5, 0.5
"""How much pieces of words and cues count beside whole words. Pieces carry over to words never met."""

Floats = NDArray[np.float32]


class DamagedModel(IntegrityFailure):
    """The classifier's model is damaged or of another version."""

    code = "damaged_model"


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of one text."""

    probabilities: Floats
    """By class, calibrated, adding up to 1."""
    words: Sequence[str]
    """The distinct words that the model knows."""
    word_weights: Floats
    """What each of ``words`` added to each class, on the scale of the scores: words by classes."""
    cue_weights: Floats
    """What each cue added: cues by classes."""
    distinct_words: int
    """How many the text has, known or not."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model."""

    classes: tuple[str, ...]
    temperature: float
    meta: Mapping[str, Any]
    vocabulary: NDArray[np.uint32]
    token_rarity: Floats
    token_weights: NDArray[np.int8]
    piece_rarity: Floats
    piece_weights: NDArray[np.int8]
    scale: Floats
    cue_weights: Floats
    bias: Floats
    pieces: Floats = field(init=False, repr=False)
    """The piece weights as they enter the sum, unpacked once: the one large product is then a plain one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", self.piece_weights * self.scale)

    def score(self, seen: Features) -> Scores:
        """The calibrated probabilities of each class, with what led to them."""
        columns, values = weigh_tokens(seen, self.vocabulary, self.token_rarity)
        buckets, counts = weigh_pieces(seen, self.piece_rarity)
        token_part = values[:, None] * self.token_weights[columns] * self.scale
        pieces = np.zeros(len(self.piece_rarity), np.float32)
        pieces[buckets] = counts
        piece_part = pieces @ self.pieces
        cue_part = (seen.cues * CUES_SHARE)[:, None] * self.cue_weights
        logits = (token_part.sum(axis=0) + piece_part + cue_part.sum(axis=0) + self.bias) / self.temperature
        odds = np.exp(logits - logits.max())
        hashes = dict(zip(seen.words, seen.tokens.tolist(), strict=False))
        place = {token: row for row, token in enumerate(self.vocabulary[columns].tolist())}
        known = {word: place[token] for word, token in hashes.items() if token in place}
        return Scores(odds / odds.sum(), tuple(known), token_part[list(known.values())], cue_part, len(hashes))


def weigh_tokens(seen: Features, vocabulary: NDArray[np.uint32], rarity: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The vocabulary's columns that occur, and their weights: damped counts by rarity, of length 1."""
    found, counts = np.unique(seen.tokens, return_counts=True)
    columns = np.searchsorted(vocabulary, found)
    columns[columns == len(vocabulary)] = 0
    hit = vocabulary[columns] == found if len(vocabulary) else np.zeros(len(found), bool)
    columns, counts = columns[hit], counts[hit]
    values = (1 + np.log(counts)).astype(np.float32) * rarity[columns]
    return columns, values / max(float(np.sqrt(np.square(values).sum())), 1e-6)


def weigh_pieces(seen: Features, rarity: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The buckets of word pieces that occur, and their weights."""
    buckets = np.flatnonzero(seen.pieces)
    values = np.sqrt(seen.pieces[buckets]) * rarity[buckets]
    return buckets, (PIECES_SHARE * values / max(float(np.sqrt(np.square(values).sum())), 1e-6)).astype(np.float32)


_ARRAYS = (
    "vocabulary",
    "token_rarity",
    "token_weights",
    "piece_rarity",
    "piece_weights",
    "scale",
    "cue_weights",
    "bias",
)


def save(model: Model, folder: Path, name: str) -> None:
    """Write ``<name>.npz`` and ``<name>.json`` into ``folder``: same model, same bytes."""
    with (folder / f"{name}.npz").open("wb") as file:
        np.savez_compressed(file, **{key: getattr(model, key) for key in _ARRAYS})
    meta = {
        **model.meta,
        "classes": list(model.classes),
        "features_version": features.VERSION,
        "temperature_thousandths": round(model.temperature * 1000),
    }
    (folder / f"{name}.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@lru_cache(maxsize=1)
def starter() -> Model:
    """The model that Muniment ships.

    Raises:
        DamagedModel: the files in the package are damaged or of another version.
    """
    folder = files("ingest") / "models"
    return load((folder / "starter.npz").read_bytes(), (folder / "starter.json").read_bytes())


def load(numbers: bytes, meaning: bytes) -> Model:
    """The model written by :func:`save`.

    Raises:
        DamagedModel: the bytes are not a model, or the model of another version of the features.
    """
    try:
        meta = json.loads(meaning)
        with np.load(io.BytesIO(numbers), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in _ARRAYS}
        classes, temperature = tuple(meta["classes"]), meta["temperature_thousandths"] / 1000
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedModel("install Muniment again") from error
    shapes = {
        "token_weights": (len(arrays["vocabulary"]), len(classes)),
        "piece_weights": (features.PIECE_BUCKETS, len(classes)),
        "cue_weights": (len(CUES), len(classes)),
        "bias": (len(classes),),
    }
    if meta.get("features_version") != features.VERSION or any(arrays[key].shape != shapes[key] for key in shapes):
        raise DamagedModel("the model belongs to another version of Muniment")
    return Model(classes=classes, temperature=temperature, meta=meta, **arrays)
