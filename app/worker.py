"""The worker: a Celery worker whose threads each drive one extraction child."""

import logging
import os
import signal
import threading
from typing import Any

from celery.worker import WorkController

from app import handlers
from app.build import build
from app.celery_app import LOOK, TICK, WORKED_BY_WORKER, Waker, make
from app.folders import folder_of
from app.runner import Runner, renewing_leases
from app.settings import Settings
from core import leases

log = logging.getLogger("muniment.worker")


def run(chosen: Settings, stopping: threading.Event) -> int:
    """Work until told to stop; unfinished jobs are taken up again by whoever comes next."""
    count = chosen.worker_count
    celery = make(folder_of(chosen), concurrency=count + 1)
    runtime = build(chosen, wake=Waker(celery))
    holder = leases.incarnation("worker")
    readers = handlers.Readers(chosen)
    runner = Runner(runtime, handlers.table(readers), holder)
    busy = threading.Semaphore(count)

    @celery.task(name=LOOK)  # type: ignore[untyped-decorator]
    def look(queue: str) -> None:
        # More messages than threads may come; whoever is working sees the new jobs anyway.
        if queue in WORKED_BY_WORKER and busy.acquire(blocking=False):
            try:
                runner.run_all(queue, stopping=stopping.is_set)
            finally:
                busy.release()

    @celery.task(name=TICK)  # type: ignore[untyped-decorator]
    def tick(what: str) -> None:
        handlers.tick(runtime, what, look=lambda queues: Waker(celery)(queues))

    def stop_when_told(worker: Any) -> None:
        stopping.wait()
        readers.stop()
        worker.stop()
        # Threads that wait for a child are free now; anything else must not keep the process.
        threading.Timer(5.0, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()

    # Not ``celery.Worker``: that one is for a terminal, with signal handlers and a banner of its own.
    worker = WorkController(
        app=celery,
        queues=["look", "tick"],
        pool_cls="threads",
        concurrency=count + 1,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        loglevel="WARNING",
    )
    threading.Thread(target=stop_when_told, args=(worker,), name="stop", daemon=True).start()
    with renewing_leases(runtime, holder):
        worker.start()
    readers.stop()
    runtime.close()
    os._exit(0)
