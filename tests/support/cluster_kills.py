"""``kill -9`` of every server and of processes of ours in one import by two web servers and two workers.

A killed server is started again after one to three seconds, a killed process of ours at once, as a
container runtime does; nothing else is started again. A process of ours that ends without being
killed is a fault.
"""

import random
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import func, select

from app import reconcile
from app.runtime import Runtime
from audit import intake
from audit.check import check
from audit.entries import AuditLeaf, AuditTrail
from audit.note import parse_checkpoint, parse_note
from audit.tree import CompactRange
from core import jobs
from core.errors import Unavailable
from records.record import Record
from services import Server
from tests.support.distributed import KEEPER, Cluster, Servers, cluster
from tests.support.kills import Outcome, document, word_of

OURS = ("worker-0", "web-1", KEEPER)
UPLOADERS = 2
IDLE_SECONDS = 180.0


@dataclass
class ClusterOutcome(Outcome):
    """As it stood in the end, with what only several machines can get wrong."""

    captured_twice: int = 0
    """Records with more than one capture event, or with none."""
    forks: list[int] = field(default_factory=list)
    """Sizes of published checkpoints that the log as it is now contradicts."""
    published: int = 0
    """Different checkpoints that were seen."""
    ended: list[str] = field(default_factory=list)
    """Processes of ours that ended by themselves."""


def import_with_kills(folder: Path, servers: Servers, *, documents: int, seed: int) -> ClusterOutcome:
    """Upload ``documents`` files to a new installation on ``servers``, all of which are killed once meanwhile.

    A client sends a file again, under the same idempotency key and to the other web server, until it is
    accepted. When all was accepted and what was left has been done, everything is looked at.
    """
    chance = random.Random(seed)
    with cluster(folder, servers) as running:
        token = running.new_token()
        running.start_all()
        begun = time.monotonic()
        uploads = _Uploads(running, token, documents)
        watch = _Watch(running)
        runtime = running.runtime()
        # Elasticsearch takes longest to come back, and the lease of a worker longest to run out.
        late = [*(name for name in servers.all if name != "elasticsearch"), *OURS[1:]]
        chance.shuffle(late)
        order = ["elasticsearch", OURS[0], *late]
        starting: list[threading.Thread] = []
        try:
            for number, name in enumerate(order):
                uploads.wait_for(documents * (number + 1) // (len(order) + 1), 90)
                if name in servers.all:
                    server = servers.all[name]
                    server.kill()
                    pause = chance.uniform(1.0, 3.0)
                    thread = threading.Thread(target=_start_after, args=(pause, server))
                    thread.start()
                    starting.append(thread)
                    if name != "elasticsearch":
                        thread.join()
                else:
                    watch.restart(name)
            uploads.wait_for(documents, 120)
            for thread in starting:
                thread.join()
            wait_until_idle(runtime)
            outcome = ClusterOutcome(dict(uploads.accepted), order, time.monotonic() - begun)
            outcome.ended = watch.stop()
            running.wait_until_ready("web-0", 30)
            running.wait_until_ready("web-1", 30)
            _look(running, runtime, token, outcome)
            outcome.published, outcome.forks = _forks(runtime, watch.checkpoints)
            return outcome
        finally:
            uploads.give_up()
            watch.stop()
            for thread in starting:
                thread.join()
            runtime.close()


def _start_after(seconds: float, server: Server) -> None:
    time.sleep(seconds)
    server.start()


class _Uploads:
    """Clients that send each file until it is accepted, to either web server."""

    def __init__(self, running: Cluster, token: str, documents: int) -> None:
        self.accepted: dict[int, UUID] = {}
        self.refused: str | None = None
        """What a server said where it would not take a file at all."""
        self._running, self._headers = running, {"Authorization": f"Bearer {token}"}
        self._left = list(range(documents))[::-1]
        self._lock, self._stopped = threading.Lock(), threading.Event()
        for number in range(UPLOADERS):
            threading.Thread(target=self._send_all, args=(number,), daemon=True).start()

    def wait_for(self, count: int, seconds: float) -> None:
        """Until so many files were accepted."""
        end = time.monotonic() + seconds
        while self.refused is None and len(self.accepted) < count:
            assert time.monotonic() < end, f"{len(self.accepted)} of {count} accepted\n{self._running.said()[-4000:]}"
            time.sleep(0.05)
        assert self.refused is None, self.refused

    def give_up(self) -> None:
        self._stopped.set()

    def _send_all(self, web: int) -> None:
        while not self._stopped.is_set():
            with self._lock:
                if not self._left:
                    return
                number = self._left.pop()
            # Once: a PDF says when it was made, and a key stands for one content.
            name, data = document(number)
            while not self._stopped.is_set() and not self._send(number, f"web-{web % 2}", name, data):
                web += 1
                time.sleep(0.1)

    def _send(self, number: int, web: str, name: str, data: bytes) -> bool:
        headers = self._headers | {
            "Idempotency-Key": f"document-{number}",
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        }
        # A server that is being killed has no address, none that answers, or breaks off.
        with suppress(OSError, ValueError, KeyError, httpx.HTTPError):
            answer = httpx.put(f"{self._running.url(web)}/api/v1/uploads", content=data, headers=headers, timeout=20)
            if answer.status_code == 202:
                self.accepted[number] = UUID(answer.json()["id"])
                return True
            if answer.status_code not in (503, 507):
                self.refused = f"{answer.status_code} {answer.text}\n{self._running.said()[-3000:]}"
        return False


class _Watch:
    """Looks at processes and checkpoints, and starts what was killed, again where it ends at once."""

    def __init__(self, running: Cluster) -> None:
        self.checkpoints: set[str] = set()
        """Every one that was published."""
        self._running = running
        self._killed: set[str] = set()
        self._ended: list[str] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def restart(self, name: str) -> None:
        """Kill a process and start another in its place."""
        with self._lock:
            self._killed.add(name)
            self._running.kill(name)
            self._start(name)

    def stop(self) -> list[str]:
        """Look no longer; tells the processes that ended by themselves."""
        self._stopped.set()
        self._thread.join()
        return self._ended

    def _look(self) -> None:
        file = self._running.data(KEEPER) / "log" / "checkpoint"
        while not self._stopped.wait(0.1):
            with suppress(OSError):
                self.checkpoints.add(file.read_text())
            with self._lock:
                for name, process in list(self._running.processes.items()):
                    if process.poll() is not None:
                        # One that starts while a server is away may end; whoever started it starts it again.
                        if name not in self._killed:
                            self._ended.append(f"{name}: {process.returncode}")
                        self._start(name)

    def _start(self, name: str) -> None:
        kind = name.split("-")[0]
        # A new server listens elsewhere, and says so.
        (self._running.data(name) / "run" / "address.json").unlink(missing_ok=True)
        self._running.start(name, kind, *(("--port", "0") if kind == "web" else ()))


def wait_until_idle(runtime: Runtime, seconds: float = IDLE_SECONDS) -> None:
    """Until no job and no change waits.

    Raises:
        AssertionError: some do after ``seconds``; it lists them.
    """
    end = time.monotonic() + seconds
    waits = jobs.Job.state.in_((jobs.READY, jobs.LEASED))
    while True:
        with suppress(Unavailable), runtime.main.read() as session:
            left = session.execute(
                select(jobs.Job.name, jobs.Job.state, jobs.Job.holder, jobs.Job.error_code).where(waits)
            ).all()
            if not left and not intake.backlog(session, at=runtime.clock.now()).waiting:
                return
            assert time.monotonic() < end, left
        time.sleep(0.2)


def _look(running: Cluster, runtime: Runtime, token: str, outcome: ClusterOutcome) -> None:
    """Fill in how it stands, through both web servers and beside them."""
    with runtime.main.read() as session:
        states = dict(session.execute(select(Record.state, func.count()).group_by(Record.state)).all())
        outcome.failed_jobs = sum(n for (_, state), n in jobs.counts(session).items() if state == jobs.FAILED)
    outcome.records = sum(states.values())
    outcome.unread = states.get("received", 0) + states.get("processing", 0)
    clients = [running.client(web, token) for web in ("web-0", "web-1")]
    for number, record in outcome.accepted.items():
        if number % 10 == 9:
            continue
        answer = clients[number % 2].get("/api/v1/search", params={"q": f'"{word_of(number)}"'})
        found = [UUID(item["id"]) for item in answer.json()["items"]]
        outcome.copies.update(found)
        if found != [record]:
            outcome.missing.append(number)
    for client in clients:
        client.close()
    outcome.captured_twice = _captured_twice(runtime)
    outcome.agreement = reconcile.look(runtime)
    verdict = check(runtime.log_database, file=running.data(KEEPER) / "log" / "checkpoint")
    outcome.fault = None if verdict.fault is None else f"{verdict.fault.position}: {verdict.fault.sentence}"
    try:
        running.command("audit", "verify", name=KEEPER)
    except subprocess.CalledProcessError as error:
        outcome.fault = outcome.fault or str(error.stderr)


def _captured_twice(runtime: Runtime) -> int:
    """How many records have not exactly one capture event."""
    with runtime.log_database.read() as session:
        captures = select(AuditTrail.seq).where(AuditTrail.topic == "action", AuditTrail.key == b"record.captured")
        of_record = select(AuditTrail.key, func.count()).where(
            AuditTrail.topic == "object.record", AuditTrail.seq.in_(captures)
        )
        counts = dict(session.execute(of_record.group_by(AuditTrail.key)).all())
    with runtime.main.read() as session:
        records = [record.bytes for record in session.scalars(select(Record.id))]
    return sum(1 for record in records if counts.get(record) != 1)


def _forks(runtime: Runtime, notes: set[str]) -> tuple[int, list[int]]:
    """How many checkpoints were published, and the sizes of those that the log does not bear out."""
    signed = [parse_checkpoint(parse_note(note).text) for note in notes if note]
    with runtime.log_database.read() as session:
        hashes = list(session.scalars(select(AuditLeaf.hash).order_by(AuditLeaf.seq)))
    roots, tree = {}, CompactRange()
    wanted = {each.size for each in signed}
    for size, leaf in enumerate(hashes, 1):
        tree.append(leaf)
        if size in wanted:
            roots[size] = tree.root()
    return len(signed), sorted(each.size for each in signed if roots.get(each.size) != each.root)


def faults_of(outcome: ClusterOutcome, documents: int) -> list[str]:
    """Everything that is not as it must be, in words; empty where all is well."""
    archives = sum(1 for number in range(documents) if number % 10 == 9)
    agreement = outcome.agreement
    told = {
        f"only {len(outcome.accepted)} were accepted": set(outcome.accepted) != set(range(documents)),
        "two documents became one record": len(set(outcome.accepted.values())) != len(outcome.accepted),
        f"there are {outcome.records} records, not each once": outcome.records != documents + 2 * archives,
        f"{len(outcome.missing)} accepted documents are not found, or not alone": outcome.missing,
        "a record is found twice": set(outcome.copies.values()) - {1},
        f"{outcome.captured_twice} records have not one capture event": outcome.captured_twice,
        f"{outcome.unread} records are unread": outcome.unread,
        f"{outcome.failed_jobs} jobs failed": outcome.failed_jobs,
        f"the log is wrong at {outcome.fault}": outcome.fault,
        f"published checkpoints over {outcome.forks} entries are not of this log": outcome.forks,
        f"the sides do not agree: {agreement}": agreement is None or not agreement.agrees,
        f"processes ended by themselves: {outcome.ended}": outcome.ended,
    }
    return [sentence for sentence, is_so in told.items() if is_so]
