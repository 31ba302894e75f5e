"""Search over HTTP on the distributed shape: PostgreSQL, S3 and Elasticsearch behind one web server.

The records, people and queries of ``benchmarks.search_http``, and the same way of laying them down; the servers
are those of ``make services``. Storing 100,000 sealed texts takes most of the time, some ten minutes.
``python -m benchmarks search_cluster`` runs it alone, with ``--quick`` at 2,000 records.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import load
from benchmarks.figures import Figure
from benchmarks.search_engine import Words, queries
from benchmarks.search_http import ROUNDS, asking, lay_down
from tests.support.distributed import KEEPER, WEB, Servers, cluster

RECORDS: Final = 100_000
QUICK_RECORDS: Final = 2_000
MOST_MS: Final = 150.0


@dataclass(frozen=True, slots=True)
class _Web:
    url: str


def run(*, quick: bool) -> list[Figure]:
    """p50 and p95, beside the index alone, and what seeing little costs."""
    count, words = QUICK_RECORDS if quick else RECORDS, Words()
    with (
        tempfile.TemporaryDirectory(prefix="muniment-bench-") as name,
        cluster(Path(name) / "installation", Servers.of_make_services()) as made,
    ):
        chosen = load(made.environment, data=made.data(KEEPER))
        begun = time.perf_counter()
        secrets, sets = lay_down(chosen, words, count)
        spent = time.perf_counter() - begun
        made.start_all(webs=1, workers=0)
        where = f"distributed, {count:,} records"
        rounds = 3 if quick else ROUNDS
        web = _Web(made.url(f"{WEB}-0"))
        return asking(web, chosen, secrets, queries(words), rounds, where, MOST_MS, sets, spent)
