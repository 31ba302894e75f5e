"""``kill -9`` of a writer of the search index, over and over, while it replaces records in small commits.

Most kills fall into a commit, or into the merge that follows every eighth: both are tried on the engine as it is.
The writers are forked from one small process, which has the modules loaded and never opens an index itself.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from search.reader import EmbeddedReader

ROOT = Path(__file__).parent.parent.parent
RECORDS = 40
LONGEST_LIFE = 0.12
"""Seconds that a writer writes: some twenty commits at most."""

_KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from uuid import UUID
from search.embedded import EmbeddedIndex
from tests.contracts.search_contract import a_document

folder, rounds, seed, records, life = Path(sys.argv[1]), *map(float, sys.argv[2:])
chance = random.Random(seed)

def write(told, mine):
    with EmbeddedIndex(folder) as index:
        ids = [record_id for record_id, _ in index.ids()]
        os.write(told, b"2" if len(ids) > len(set(ids)) else b"1")
        while True:
            for number in mine.sample(range(int(records)), mine.randrange(1, 5)):
                index.put([a_document(f"common n{number}", record_id=UUID(int=number + 1))])
            index.commit()

outcome = {"kills": 0, "doubles": 0, "failed": 0}
while outcome["kills"] < rounds and not outcome["doubles"]:
    heard, told = os.pipe()
    mine = random.Random(chance.random())
    child = os.fork()
    if child == 0:
        try:
            write(told, mine)
        finally:
            os._exit(1)
    os.close(told)
    word = os.read(heard, 1)
    os.close(heard)
    time.sleep(chance.random() * life)
    os.kill(child, signal.SIGKILL)
    ended = os.waitpid(child, 0)[1]
    outcome["kills"] += 1
    outcome["doubles"] += word == b"2"
    outcome["failed"] += word == b"" or ended != signal.SIGKILL
sys.stdout.write(json.dumps(outcome))
"""


@dataclass(frozen=True, slots=True)
class Kills:
    """How an index stood during many kills."""

    kills: int
    doubles: int
    """1 where a record stood twice after some kill; none are made after that."""
    failed: int
    """Writers that could not open the index, or ended by themselves."""


def kill_writers(folder: Path, *, rounds: int, seed: int) -> Kills:
    """Kill ``rounds`` writers of one index, each a moment after it began to replace the same few records."""
    words = [sys.executable, "-c", _KILLER, str(folder), *map(str, (rounds, seed, RECORDS, LONGEST_LIFE))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    told = Kills(**json.loads(done.stdout))
    doubles = max(told.doubles, int(max(copies_of(folder).values(), default=0) > 1))
    return Kills(told.kills, doubles, told.failed)


def copies_of(folder: Path) -> Counter[UUID]:
    """How often each record stands in the index."""
    with EmbeddedReader(folder) as reader:
        return Counter(record_id for record_id, _ in reader.ids())
