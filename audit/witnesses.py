"""Asking witnesses: submits a signed checkpoint with its proof, and verifies what comes back (C2SP tlog-witness).

A witness that refuses because it has seen another tree, or a larger one, is the finding that
witnesses exist for: then this log is not the one that was shown before.
"""

import base64
from collections.abc import Callable

from audit.cosignature import Cosignature, cosignatures_in
from audit.exchange import Answer, OutsideAway, post
from audit.note import NotANote, parse_note
from audit.policy import PolicyWitness
from audit.witness import MAX_PROOF
from core.errors import Conflict, IntegrityFailure

_ATTEMPTS = 3
_SIZE = "text/x.tlog.size"

Proof = Callable[[int], list[bytes]]
"""The consistency proof from a smaller size to the submitted one."""


class WitnessRefused(Conflict):
    """The witness does not cosign for this log."""

    code = "witness_refused"


class WitnessDisagrees(IntegrityFailure):
    """The witness has seen another past of this log."""

    code = "witness_disagrees"


def submit(witness: PolicyWitness, note: str, size: int, *, old: int, proof: Proof) -> list[Cosignature]:
    """The verified cosignatures of a checkpoint of ``size`` entries by one witness.

    ``old`` is the size it is believed to have cosigned last; it says so if that is not so.

    Raises:
        OutsideAway: it does not answer, or cannot now.
        WitnessRefused: it does not know this log or its key, or answers with no cosignature of its own.
        WitnessDisagrees: it has seen another past of this log, or a longer one.
    """
    for _ in range(_ATTEMPTS):
        answer = _ask(witness, note, old, proof(old) if 0 < old < size else [])
        if answer.status != 409 or answer.kind != _SIZE:
            return _read(witness, note, answer)
        told = _size(answer.body)
        if told > size:
            raise WitnessDisagrees("it has cosigned a larger log than this one", size=told)
        if told == old:
            break
        old = told
    raise WitnessRefused("it does not say which size it has cosigned")


def _ask(witness: PolicyWitness, note: str, old: int, hashes: list[bytes]) -> Answer:
    if len(hashes) > MAX_PROOF:
        raise WitnessRefused("the proof would be too long")
    lines = [f"old {old}", *(base64.b64encode(item).decode() for item in hashes)]
    body = "\n".join(lines) + "\n\n" + note
    return post(witness.url.rstrip("/") + "/add-checkpoint", body.encode(), kind="text/plain; charset=utf-8")


def _read(witness: PolicyWitness, note: str, answer: Answer) -> list[Cosignature]:
    if answer.status in (409, 422):
        raise WitnessDisagrees("its tree and this log's do not belong together")
    if answer.status >= 500 or answer.status == 429:
        raise OutsideAway("it cannot answer now")
    if answer.status != 200:
        raise WitnessRefused("tell it the log's verifier key", status=answer.status)
    try:
        lines = answer.body.decode("utf-8").removesuffix("\n").split("\n")
        found = cosignatures_in(parse_note(note).text, lines, [witness.key])
    except (UnicodeDecodeError, NotANote) as error:
        raise WitnessRefused("it answers with something else than signatures") from error
    if not found:
        raise WitnessRefused("it answers with no cosignature by the key in the policy")
    return found


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace").removesuffix("\n")
    if not text.isascii() or not text.isdecimal() or len(text) > 16:
        raise WitnessRefused("it tells a size that is none")
    return int(text)
