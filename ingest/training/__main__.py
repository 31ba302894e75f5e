"""``python -m ingest.training``: rebuild the starter classifier in ``ingest/models``."""

import sys
from pathlib import Path

from ingest import model
from ingest.training import fit


def main() -> None:
    """Train, write ``starter.npz`` and ``starter.json``, and say how well it does."""
    trained = fit.train()
    model.save(trained, Path(__file__).parents[1] / "models", "starter")
    sys.stdout.write(
        f"{len(trained.classes)} classes, {trained.meta['held_out_right_percent']} % of held-out documents\n"
    )


if __name__ == "__main__":
    main()
