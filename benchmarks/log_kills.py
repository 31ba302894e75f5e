"""A thousand ``kill -9`` of a writing server, at random moments; no check of the log may ever call it wrong.

A proof rather than a measurement; a test does the same with a few kills. It takes the better part of an hour.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.figures import Figure
from tests.support.log_kills import Cycles, kill_over_and_over

SEED = 20_261_122
TOLD_EVERY = 5


def run(*, quick: bool) -> list[Figure]:
    """How many kills there were, and how often something was said to be wrong."""
    wanted = 12 if quick else 1000
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        # A machine that is busy otherwise may take long to start a server.
        told = kill_over_and_over(Path(name) / "data", kills=wanted, seed=SEED, patience=3600, hear=_say)
    names = ", ".join(f"{count} {name}" for name, count in Counter(told.killed).most_common())
    return [
        Figure(what=f"kills in {told.lives} lives of a server ({names})", value=len(told.killed), unit="kills"),
        Figure(what=f"entries in the end, {told.uploads} uploads among them", value=told.entries, unit="entries"),
        Figure(what=": ".join(("false alarms", *told.alarms)), value=len(told.alarms), unit="alarms", most=0),
        Figure(what=f"lost, of {len(told.receipts)} receipts", value=told.lost, unit="receipts", most=0),
        Figure(what="all of it", value=told.seconds, unit="s"),
    ]


def _say(told: Cycles) -> None:
    if told.lives % TOLD_EVERY == 0:
        words = f"{len(told.killed)} kills, {told.entries} entries, {len(told.alarms)} alarms, {told.seconds:.0f} s"
        sys.stderr.write(f"log_kills: {words}\n")
