"""Three rounds of ``kill -9`` of every server of the distributed shape, each round in another order.

Not a measurement but a proof at length: a test does one round with the same engine. The servers are
private ones, started for this run from what ``make services`` has installed.
"""

import tempfile
from pathlib import Path

from benchmarks.figures import Figure
from tests.support.cluster_kills import faults_of, import_with_kills
from tests.support.distributed import Servers

SEEDS = (20_261_122, 7, 4_711)


def run(*, quick: bool) -> list[Figure]:
    """How many documents came through in each round, and how many faults were found."""
    count, seeds = (40, SEEDS[:1]) if quick else (200, SEEDS)
    figures = []
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name, Servers.private() as servers:
        for seed in seeds:
            outcome = import_with_kills(Path(name) / str(seed), servers, documents=count, seed=seed)
            faults = faults_of(outcome, count)
            figures += [
                Figure(
                    what=f"documents accepted while killed: {', '.join(outcome.killed)}",
                    value=len(outcome.accepted),
                    unit="documents",
                    least=count,
                ),
                Figure(what="from the first upload until nothing was left to do", value=outcome.seconds, unit="s"),
                Figure(what=": ".join(("faults afterwards", *faults)), value=len(faults), unit="faults", most=0),
            ]
    return figures
