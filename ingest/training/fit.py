"""Learning the starter classifier from made-up documents. The only place that needs scikit-learn.

To see how sure the model may be of phrases it has never met, a first model learns from three
quarters of the phrases and is asked about documents made of the rest: from that come the
temperature and the figures in ``starter.json``. The shipped model then learns from all phrases.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from ingest import features
from ingest.features import CUES, PIECE_BUCKETS, Features
from ingest.model import CUES_SHARE, Floats, Model, weigh_pieces, weigh_tokens
from ingest.training import vocabulary
from ingest.training.drafts import Draft, Slots, draft
from ingest.training.texts import Example, example
from ingest.training.vocabulary import LANGUAGES, Phrases, Vocabulary

SEED = 20_261_122
PER_CLASS = {"en": 26, "de": 16, "fr": 16, "ro": 16, "es": 16}
"""Documents made for each class and language."""
MOST_PAIRS = 9_000
_SYLLABLES = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il"))
Part = Literal["all", "known", "held out"]


def inputs_digest() -> str:
    """SHA-256 of the phrases and of the code that turns them into a model."""
    sha = hashlib.sha256(vocabulary.digest().encode())
    for package, names in (
        ("ingest", ("features.py", "model.py", "money.py")),
        ("ingest.training", ("drafts.py", "texts.py", "vocabulary.py", "fit.py")),
    ):
        for name in names:
            sha.update((files(package) / name).read_bytes())
    return sha.hexdigest()


def examples(seed: int, part: Part = "all") -> Iterator[Example]:
    """The documents to learn from, or those made of phrases held out."""
    rng = Random(seed)  # noqa: S311 - made-up documents, not secrets
    for language in LANGUAGES:
        words = vocabulary.load(language)
        for code in words.classes():
            phrases = words.phrases[code] if part == "all" else _part(words.phrases[code], f"{language} {code}", part)
            for _ in range(PER_CLASS[language] if part != "held out" else 4):
                strange = _strangers(rng, words)
                made = draft(rng, strange, code, phrases)
                yield example(rng, strange, _with_distractors(rng, strange, made) if part != "held out" else made)


def train() -> Model:
    """The starter model. Takes a few minutes; the same inputs give the same model."""
    known = _learn(list(examples(SEED, "known")))
    held_out = list(examples(SEED + 1, "held out"))
    logits = np.stack([_logits(known, made) for made in held_out])
    truth = np.array([known.classes.index(made.code) for made in held_out])
    temperature = _temperature(logits, truth)
    right = logits.argmax(axis=1) == truth
    figures = {
        "held_out_documents": len(held_out),
        "held_out_right_percent": round(100 * float(right.mean())),
        "held_out_right_percent_by_language": {
            language: round(100 * float(right[[made.language == language for made in held_out]].mean()))
            for language in LANGUAGES
        },
    }
    model = _learn(list(examples(SEED, "all")))
    meta = {"inputs_sha256": inputs_digest(), "seed": SEED, **figures}
    return replace(model, temperature=temperature, meta=meta)


def _strangers(rng: Random, words: Vocabulary) -> Vocabulary:
    """The vocabulary with names nobody has, new for each document, so that no name is learnt."""
    names = {
        key: tuple("".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4))).title() for _ in range(6))
        for key in ("first", "last", "company", "city")
    }
    return replace(words, words={**words.words, **names})


def _with_distractors(rng: Random, words: Vocabulary, made: Draft) -> Draft:
    """``made`` with a few phrases of other classes: real documents speak of many things."""
    paragraphs = list(made.paragraphs)
    slots = Slots(rng, words, made.currency, (made.sender.name,))
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        strange = slots.fill(rng.choice(words.phrases[rng.choice(words.classes())].lines))
        paragraphs.insert(rng.randint(0, len(paragraphs)), strange)
    return replace(made, paragraphs=tuple(paragraphs))


def _part(phrases: Phrases, salt: str, part: Part) -> Phrases:
    """The known or the held-out quarter of the phrases; titles are always shared."""
    lines = list(phrases.lines)
    Random(salt).shuffle(lines)  # noqa: S311
    cut = max(1, len(lines) // 4)
    return Phrases(phrases.titles, tuple(lines[cut:] if part == "known" else lines[:cut]))


def _learn(made: Sequence[Example]) -> Model:
    seen = [features.extract(item.text, item.media_type) for item in made]
    classes = tuple(sorted({item.code for item in made}))
    chosen = _choose(seen)
    token_rarity = _rarity([np.isin(chosen, one.tokens) for one in seen])
    piece_rarity = _rarity([one.pieces > 0 for one in seen])
    matrix = _matrix(seen, chosen, token_rarity, piece_rarity)
    fitted = LogisticRegression(C=2.0, max_iter=120, tol=1e-4)
    fitted.fit(matrix, np.array([classes.index(item.code) for item in made]))
    weights = fitted.coef_.T.astype(np.float32)
    tokens, pieces = weights[: len(chosen)], weights[len(chosen) : len(chosen) + PIECE_BUCKETS]
    scale = np.maximum(np.abs(weights[: len(chosen) + PIECE_BUCKETS]).max(axis=0), 1e-6) / 127
    return Model(
        classes=classes,
        temperature=1.0,
        meta={},
        vocabulary=chosen,
        token_rarity=token_rarity,
        token_weights=np.round(tokens / scale).astype(np.int8),
        piece_rarity=piece_rarity,
        piece_weights=np.round(pieces / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        cue_weights=weights[len(chosen) + PIECE_BUCKETS :],
        bias=fitted.intercept_.astype(np.float32),
    )


def _choose(seen: Iterable[Features]) -> NDArray[np.uint32]:
    """Every word of three documents or more, and the most frequent pairs."""
    words: Counter[int] = Counter()
    pairs: Counter[int] = Counter()
    for one in seen:
        words.update(set(one.tokens[: len(one.words)].tolist()))
        pairs.update(set(one.tokens[len(one.words) : 2 * len(one.words) - 1].tolist()))
        words.update(set(one.tokens[max(2 * len(one.words) - 1, 0) :].tolist()))
    kept = {token for token, count in words.items() if count >= 3}
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    kept |= {token for token, count in ranked[:MOST_PAIRS] if count >= 4}
    return np.array(sorted(kept), np.uint32)


def _rarity(present: Sequence[NDArray[np.bool_]]) -> Floats:
    count = np.sum(np.stack(present), axis=0)
    rarity: Floats = (0.3 * np.log((1 + len(present)) / (1 + count)) + 0.7).astype(np.float32)
    return rarity


def _matrix(seen: Sequence[Features], chosen: NDArray[np.uint32], token_rarity: Floats, piece_rarity: Floats) -> Any:
    columns, values, ends = [], [], [0]
    for one in seen:
        token_columns, token_values = weigh_tokens(one, chosen, token_rarity)
        buckets, counts = weigh_pieces(one, piece_rarity)
        cues = np.flatnonzero(one.cues)
        columns += [token_columns, buckets + len(chosen), cues + len(chosen) + PIECE_BUCKETS]
        values += [token_values, counts, one.cues[cues] * CUES_SHARE]
        ends.append(ends[-1] + len(token_columns) + len(buckets) + len(cues))
    shape = (len(seen), len(chosen) + PIECE_BUCKETS + len(CUES))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=shape)


def _logits(model: Model, made: Example) -> Floats:
    scores = model.score(features.extract(made.text, made.media_type))
    logits: Floats = np.log(np.maximum(scores.probabilities, 1e-12))
    return logits


def _temperature(logits: Floats, truth: NDArray[np.intp]) -> float:
    """The temperature under which the held-out answers are the most likely."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        chosen = scaled[np.arange(len(truth)), truth] - np.log(np.exp(scaled).sum(axis=1))
        return -float(chosen.mean())

    return min((step / 20 for step in range(1, 60)), key=loss)
