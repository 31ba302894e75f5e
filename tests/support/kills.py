"""An import during which processes are killed, and whether everything accepted came through it.

The importer behaves as a careful client: it sends each file under an idempotency key and sends it
again until the server has said 202. Kills are spread over the progress of the whole import, from
the first upload to the last document found, at moments and on victims that a seed chooses.
"""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode

from tests.support.serving import Client, NotServing, Serving

VICTIMS = ("worker", "keeper", "web", "extraction child", "beat", "supervisor", "all")
_BROKEN = (OSError, http.client.HTTPException, NotServing)


@dataclass(frozen=True, slots=True)
class Paper:
    """A document to import, with a word that stands in no other."""

    name: str
    data: bytes = field(repr=False)
    word: str


@dataclass
class Outcome:
    """What became of an import."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Record ids by rare word: what the server said 202 to."""
    killed: list[str] = field(default_factory=list)
    """Victims, in order."""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    """What is wrong afterwards; nothing, if all is well."""


def import_under_kills(
    serving: Serving, token: str, papers: Sequence[Paper], *, kills: int, seed: int, patience_seconds: float = 300.0
) -> Outcome:
    """Import ``papers`` into a running server while it is killed; look at everything afterwards.

    The server runs again when this returns.
    """
    outcome, rng, begun = Outcome(), Random(seed), time.perf_counter()
    importer = threading.Thread(target=_import, args=(serving, token, papers, outcome), daemon=True)
    importer.start()
    steps = 2 * len(papers)
    for number in range(kills):
        due = steps * (number + rng.uniform(0.1, 0.9)) / kills
        _wait_until(lambda due=due: _progress(serving, outcome) >= due, patience_seconds)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.3))
        # Each victim comes up before any comes twice, so that few kills already differ.
        victim = VICTIMS[(seed + number) % len(VICTIMS)]
        outcome.killed.append(kill(serving, victim))
    importer.join(patience_seconds)
    if importer.is_alive():
        outcome.faults.append(f"only {len(outcome.accepted)} of {len(papers)} files were accepted")
        return outcome
    if not _wait_until(lambda: at_rest(serving), patience_seconds):
        outcome.faults.append(f"work is left after {patience_seconds:.0f} s: {_left(serving)}")
    outcome.seconds = time.perf_counter() - begun
    outcome.faults += faults_after(serving, token, outcome.accepted)
    return outcome


def kill(serving: Serving, victim: str) -> str:
    """``kill -9`` one process, or all; where the supervisor was among them the server is started again.

    Returns what was killed: the worker, where no extraction child was at work.
    """
    family, pids = serving.family(), serving.pids()
    if victim == "all":
        for pid in family:
            _kill(pid)
    else:
        chosen = next((pid for pid, name in family.items() if name == victim), None)
        if chosen is None:
            victim, chosen = "worker", pids.get("worker")
        if chosen is not None:
            _kill(chosen)
    if victim in ("all", "supervisor"):
        assert serving.process is not None
        serving.process.wait(30)
        _wait_until(lambda: not any(_lives(pid) for pid in family), 30.0)
        serving.start()
    return victim


def at_rest(serving: Serving) -> bool:
    """Whether nothing is left to do: no jobs, and all changes in the log."""
    return not any(_left(serving))


def faults_after(serving: Serving, token: str, accepted: dict[str, str]) -> list[str]:
    """What is wrong with an archive at rest that should hold exactly ``accepted`` (ids by rare word) by API."""
    faults = []
    with closing(_database(serving)) as database:
        rows = database.execute("SELECT id, state FROM records WHERE channel = 'api'").fetchall()
    held = {row[0]: row[1] for row in rows}
    wanted = {record.replace("-", "") for record in accepted.values()}
    if len(accepted) != len(set(accepted.values())):
        faults.append("two files were answered with the same record")
    if lost := wanted - set(held):
        faults.append(f"{len(lost)} accepted records are gone")
    if strange := set(held) - wanted:
        faults.append(f"{len(strange)} records are there that nobody was told of")
    if unread := [record for record, state in held.items() if state not in ("filed", "needs_review")]:
        faults.append(f"{len(unread)} records were not read: {held[unread[0]]}")
    with closing(Client(serving, token)) as client:
        for word, record in accepted.items():
            answer = client.get(f"/api/v1/search?{urlencode({'q': word})}").json()
            # A mail's attachment repeats its text: what was sent itself has to be found once.
            found = [item["id"] for item in answer["items"]].count(record)
            if found != 1:
                faults.append(f"{word} is found {found} times")
    for words in (("--json", "reconcile"), ("audit", "verify")):
        try:
            told = serving.command(*words)
            if (
                words[0] == "--json"
                and (swept := json.loads(told)["repaired"])
                and (swept["indexed"] or swept["taken_out"])
            ):
                faults.append(f"the index had drifted: {swept}")
        except subprocess.CalledProcessError as error:
            faults.append(f"{' '.join(words)}: {error.stdout}{error.stderr}")
    return faults


def _import(serving: Serving, token: str, papers: Sequence[Paper], outcome: Outcome) -> None:
    client: Client | None = None
    for number, paper in enumerate(papers):
        while True:
            try:
                client = client or Client(serving, token, timeout=20.0)
                answer = client.put_file(paper.name, paper.data, key=f"paper-{number}")
                if answer.status == 202:
                    outcome.accepted[paper.word] = answer.json()["id"]
                    break
                time.sleep(0.2)
            except _BROKEN:
                if client is not None:
                    client.close()
                client = None
                time.sleep(0.1)
    if client is not None:
        client.close()


def _progress(serving: Serving, outcome: Outcome) -> int:
    """Files accepted and records read, together: twice the number of papers at the end."""
    with contextlib.suppress(sqlite3.Error), closing(_database(serving)) as database:
        query = "SELECT count(*) FROM records WHERE channel = 'api' AND state NOT IN ('received', 'processing')"
        return len(outcome.accepted) + int(database.execute(query).fetchone()[0])
    return len(outcome.accepted)


def _left(serving: Serving) -> tuple[int, int, int]:
    """Jobs waiting or running, jobs given up, changes not yet in the log."""
    with closing(_database(serving)) as database:
        states = dict(database.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        waiting = database.execute("SELECT count(*) FROM audit_intake").fetchone()[0]
    return states.get("ready", 0) + states.get("leased", 0), states.get("failed", 0), waiting


def _database(serving: Serving) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{serving.data / 'db' / 'main.db'}?mode=ro", uri=True, timeout=10)


def _wait_until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
