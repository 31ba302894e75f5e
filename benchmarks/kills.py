"""Ten ``kill -9`` spread over an import of 200 documents; afterwards all that was accepted is there, once.

Not a measurement but a proof at full length: a test does three kills with the same engine.
"""

import tempfile
from pathlib import Path

from benchmarks.figures import Figure
from tests.support.kills import Outcome, import_with_kills

SEED = 20_261_122


def run(*, quick: bool) -> list[Figure]:
    """How many documents came through, and how many faults were found."""
    count, kills = (30, 3) if quick else (200, 10)
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        outcome = import_with_kills(Path(name) / "data", documents=count, kills=kills, seed=SEED)
    faults = _faults(outcome)
    return [
        Figure(
            what=f"documents accepted under {len(outcome.killed)} kills ({', '.join(outcome.killed)})",
            value=len(outcome.accepted),
            unit="documents",
            least=count,
        ),
        Figure(what="from the first upload until nothing was left to do", value=outcome.seconds, unit="s"),
        Figure(what=": ".join(("faults afterwards", *faults)), value=len(faults), unit="faults", most=0),
    ]


def _faults(outcome: Outcome) -> list[str]:
    told = {
        f"{len(outcome.missing)} accepted documents are not found, or not alone": outcome.missing,
        "two documents became one record": len(set(outcome.accepted.values())) != len(outcome.accepted),
        f"{outcome.unread} records are unread": outcome.unread,
        f"{outcome.failed_jobs} jobs failed": outcome.failed_jobs,
        f"the log is wrong at {outcome.fault}": outcome.fault,
        f"the sides do not agree: {outcome.agreement}": outcome.agreement is None or not outcome.agreement.agrees,
    }
    return [sentence for sentence, is_so in told.items() if is_so]
