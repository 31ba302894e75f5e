"""Ten ``kill -9`` spread over an import of 200 documents; afterwards all that was accepted is there, once.

Not a measurement but a proof at full length: the test of the same engine does three kills.
"""

from app.samples import make_samples
from benchmarks.figures import Figure
from benchmarks.installation import installed
from tests.support.kills import Paper, import_under_kills

DOCUMENTS, KILLS = 200, 10
SEED = 20_261


def run(*, quick: bool) -> list[Figure]:
    """How many faults were found; each is printed with the failure."""
    count, kills = (30, 3) if quick else (DOCUMENTS, KILLS)
    papers = [Paper(s.name, s.data, s.rare_word) for s in make_samples(SEED, count)]
    with installed() as installation:
        outcome = import_under_kills(installation.server, installation.token, papers, kills=kills, seed=SEED)
    killed = ", ".join(outcome.killed)
    return [
        Figure(
            what=f"documents accepted under {len(outcome.killed)} kills ({killed})",
            value=len(outcome.accepted),
            unit="documents",
            least=count,
        ),
        Figure(what="seconds until all were found", value=outcome.seconds, unit="s"),
        Figure(
            what=f"faults afterwards{': ' if outcome.faults else ''}{'; '.join(outcome.faults)}",
            value=len(outcome.faults),
            unit="faults",
            most=0,
        ),
    ]
