"""Which record class a document belongs to, how sure that is, and the words that decided it.

Certain signs go first: an electronic invoice is an invoice, and whose name stands in it as seller
or buyer says which kind. Else the starter model weighs the words. Where it hesitates between
kinds of one class, the answer is that class. A text in which it knows hardly a word is ``other``
with a low probability: the answer of a model to something it has never seen means nothing.

The probability is calibrated on made-up documents, and real ones are stranger: from which value on
a class is filed without review is the caller's decision, and sensitive classes always go to review.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ingest import features
from ingest.einvoice import EInvoice
from ingest.features import CUES
from ingest.model import Floats, Model, Scores, starter
from records import file_plan

LEAST_KNOWN_WORDS = 6
LEAST_KNOWN_SHARE = 0.2
"""Below these the text is like nothing the model has learnt from."""
SURE = 0.6
"""A kind less probable than this gives way to the class above, if that is more probable by far."""
UNKNOWN = 0.2
"""The probability stated for ``other`` when there is too little to go by."""
REASONS, RUNNERS_UP = 6, 3

_BILL_TO = re.compile(
    r"bill(?:ed)? to|invoice to|sold to|customer\b|rechnung an|rechnungsempf|kund(?:e|in)\b|factur[ée]e? [àa]|client\b|"
    r"cump[aă]r[aă]tor|beneficiar|cliente|destinatario",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Classification:
    """A class of the file plan with its reasons."""

    code: str
    probability: float
    """0 to 1; see the module on what it does not mean."""
    reasons: tuple[tuple[str, float], ...]
    """Words, or signs in round brackets, and how much each spoke for the class; the strongest first."""
    runners_up: tuple[tuple[str, float], ...]
    """The next classes with their probabilities."""


@dataclass(frozen=True, slots=True)
class OwnNames:
    """By what the own legal entity is known in documents."""

    names: tuple[str, ...] = ()
    tax_ids: tuple[str, ...] = ()


NOBODY = OwnNames()


def classify(
    text: str,
    *,
    media_type: str = "",
    einvoice: EInvoice | None = None,
    own: OwnNames = NOBODY,
    model: Model | None = None,
) -> Classification:
    """The class of a document. Never raises for any ``text``.

    ``einvoice`` is what ``ingest.einvoice`` read from the document or from a file inside it; ``own``
    tells supplier from customer invoices. Takes a few milliseconds.
    """
    if einvoice is not None:
        return _by_einvoice(einvoice, own)
    model = model or starter()
    seen = features.extract(text, media_type)
    scores = model.score(seen)
    ranked = sorted(zip(scores.probabilities.tolist(), model.classes, strict=True), reverse=True)
    if len(scores.words) < max(LEAST_KNOWN_WORDS, LEAST_KNOWN_SHARE * scores.distinct_words):
        return _unknown(scores, ranked)
    code, probability = _widen(ranked)
    reasons = _reasons(model, scores, seen.cues, code)
    if code == "invoice" and (kind := _direction_in(text, own)):
        code, reasons = kind, (("(own name in the text)", 1.0), *reasons[: REASONS - 1])
    others = tuple((name, round(value, 3)) for value, name in ranked if name != code)[:RUNNERS_UP]
    return Classification(code, round(probability, 3), reasons, others)


def _by_einvoice(invoice: EInvoice, own: OwnNames) -> Classification:
    reasons = [(f"(electronic invoice, {invoice.syntax})", 1.0)]
    if invoice.kind == "credit_note":
        return Classification("credit_note", 0.99, tuple(reasons), ())
    sold = _is_own(invoice.seller.name, invoice.seller.tax_id, own)
    bought = _is_own(invoice.buyer.name, invoice.buyer.tax_id, own)
    if sold == bought:
        return Classification("invoice", 0.99, tuple(reasons), ())
    reasons.append(("(own name as seller)" if sold else "(own name as buyer)", 1.0))
    return Classification("customer_invoice" if sold else "supplier_invoice", 0.99, tuple(reasons), ())


def _is_own(name: str | None, tax_id: str | None, own: OwnNames) -> bool:
    if tax_id and _bare(tax_id) in {_bare(known) for known in own.tax_ids}:
        return True
    return bool(name) and _bare(name or "") in {_bare(known) for known in own.names}


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", features.fold(text))


def _direction_in(text: str, own: OwnNames) -> str | None:
    """Where the own name stands: after a label for the buyer, or in the letterhead."""
    folded = features.fold(text)
    for name in own.names:
        wanted = features.fold(name).strip()
        if not wanted or wanted not in folded:
            continue
        for label in _BILL_TO.finditer(folded):
            if wanted in folded[label.end() : label.end() + 120]:
                return "supplier_invoice"
        if any(wanted in line for line in [line for line in folded.splitlines() if line.strip()][:3]):
            return "customer_invoice"
    return None


def _widen(ranked: Sequence[tuple[float, str]]) -> tuple[str, float]:
    """The best class, or the one above it where only the kind is in doubt."""
    plan = file_plan.load()
    probability, best = ranked[0]
    if probability >= SURE:
        return best, probability
    for ancestor in plan.ancestors(best):
        if plan.get(ancestor).group:
            break
        family = {ancestor, *plan.descendants(ancestor)}
        together = sum(value for value, code in ranked if code in family)
        if together >= max(1.4 * probability, 0.35):
            return ancestor, together
    return best, probability


def _unknown(scores: Scores, ranked: Sequence[tuple[float, str]]) -> Classification:
    share = len(scores.words) / max(scores.distinct_words, 1)
    reason = (f"(only {len(scores.words)} of {scores.distinct_words} words known)", round(1 - share, 2))
    others = tuple((code, round(min(value, UNKNOWN) * share, 3)) for value, code in ranked if code != "other")
    return Classification("other", UNKNOWN, (reason,), others[:RUNNERS_UP])


def _reasons(model: Model, scores: Scores, cues: Iterable[float], code: str) -> tuple[tuple[str, float], ...]:
    """What spoke most for ``code`` against the other classes."""
    plan = file_plan.load()
    family = {code, *plan.descendants(code)}
    inside = np.array([name in family for name in model.classes])

    def leads(weights: Floats) -> list[float]:
        """How far each row speaks for the class beyond the average of the others."""
        return [float(lead) for lead in weights[:, inside].max(axis=1) - weights[:, ~inside].mean(axis=1)]

    found = list(zip(scores.words, leads(scores.word_weights), strict=True))
    found += [
        (f"({name})", weight)
        for name, weight, cue in zip(CUES, leads(scores.cue_weights), cues, strict=True)
        if cue > 0
    ]
    strongest = sorted((item for item in found if item[1] > 0), key=lambda item: (-item[1], item[0]))
    return tuple((token, round(weight, 3)) for token, weight in strongest[:REASONS])
