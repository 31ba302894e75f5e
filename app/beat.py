"""Beat: the clock of scheduled work. Of several, only the holder of the lease sends anything."""

import threading
import time

from celery.beat import Scheduler

from app.build import build
from app.celery_app import make
from app.folders import folder_of
from app.settings import Settings
from core import leases


def run(chosen: Settings, stopping: threading.Event) -> int:
    """Send what is due until told to stop."""
    runtime = build(chosen)
    holder = leases.incarnation("beat")
    scheduler = Scheduler(make(folder_of(chosen)))
    next_lease, mine = 0.0, False
    while not stopping.is_set():
        if time.monotonic() >= next_lease:
            with runtime.main.write() as session:
                mine = leases.take(session, "beat", holder=holder, at=runtime.clock.now())
            next_lease = time.monotonic() + (leases.RENEW_SECONDS if mine else 2.0)
        wait = min(scheduler.tick(), 2.0) if mine else 2.0
        stopping.wait(max(wait, 0.05))
    with runtime.main.write() as session:
        leases.void(session, holder)
    runtime.close()
    return 0
