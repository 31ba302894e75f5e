"""The worker: a Celery worker whose threads each read one document at a time, by an extraction child."""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from celery.worker import WorkController

from app import handlers
from app.build import build
from app.celery_app import LOOK, TICK, WORKED_BY_WORKER, Waker, make, messages_of
from app.runner import Runner, renewing_leases
from app.settings import Settings
from core import leases
from core.errors import Unavailable

log = logging.getLogger("muniment.worker")

LOOK_SECONDS = 5.0
"""A worker looks by itself so often: for a broker that is away, or has lost a message."""
DRAIN_SECONDS = 20.0
"""How long a document that is being read may take when a worker of the distributed shape is told to end."""
END_SECONDS = 5.0


def run(chosen: Settings, stopping: threading.Event, queues: Sequence[str] = WORKED_BY_WORKER) -> int:
    """Work on ``queues`` until told to stop; unfinished jobs are taken up again by whoever comes next."""
    order = [queue for queue in WORKED_BY_WORKER if queue in queues]
    bulk = threading.Semaphore(chosen.worker_count)
    # One thread more than there are for what comes in numbers: whoever waits for a document of theirs gets it.
    count = chosen.worker_count + (1 if "interactive" in order and len(order) > 1 else 0)
    celery = make(chosen, concurrency=count + 1)
    waker = Waker(celery)
    runtime = build(chosen, wake=waker)
    holder = leases.incarnation("worker")
    readers = handlers.Readers(chosen)
    limits = dict.fromkeys(("extraction", "ocr"), bulk)
    runner = Runner(runtime, handlers.table(readers), holder, limits=limits)
    busy = threading.Semaphore(count)

    def look_at_all() -> None:
        # More messages than threads may come; whoever is working sees the new jobs anyway.
        if busy.acquire(blocking=False):
            try:
                runner.run_all(order, stopping=stopping.is_set)
            except Unavailable as error:
                log.warning("the worker waits", extra={"code": error.code})
            finally:
                busy.release()

    @celery.task(name=LOOK)  # type: ignore[untyped-decorator]
    def look(queue: str) -> None:
        if queue in order:
            look_at_all()

    @celery.task(name=TICK)  # type: ignore[untyped-decorator]
    def tick(what: str) -> None:
        try:
            handlers.tick(runtime, what, look=waker)
        except Unavailable as error:
            log.warning("a tick is left out", extra={"code": error.code})

    def look_now_and_then(worker: Any) -> None:
        while not stopping.wait(LOOK_SECONDS):
            if worker.pool is not None:
                with suppress(RuntimeError):
                    worker.pool.apply_async(look_at_all, (), {}, callback=lambda _: None)

    def stop_when_told(worker: Any) -> None:
        stopping.wait()
        end = time.monotonic() + (DRAIN_SECONDS if chosen.is_distributed else 0.0)
        while runner.running and time.monotonic() < end:
            time.sleep(0.1)
        # What is still being read is put back, and read by another worker.
        readers.stop()
        # Threads that wait for a child are free now; anything else must not keep the process.
        killer = threading.Timer(END_SECONDS, lambda: os.kill(os.getpid(), signal.SIGKILL))
        killer.daemon = True
        killer.start()
        worker.stop()

    # Not ``celery.Worker``: that one is for a terminal, with signal handlers and a banner of its own.
    worker = WorkController(
        app=celery,
        queues=messages_of(order),
        pool_cls="threads",
        concurrency=count + 1,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        loglevel="WARNING",
    )
    for target in (stop_when_told, look_now_and_then):
        threading.Thread(target=target, args=(worker,), name=target.__name__, daemon=True).start()
    with renewing_leases(runtime, holder, runner):
        worker.start()
    readers.stop()
    runtime.close()
    os._exit(0)
