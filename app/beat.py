"""Beat: the clock of scheduled work. Of several, only the holder of the lease sends anything.

A broker or database that is away is waited for; what would have been sent meanwhile is not made up for.
"""

import logging
import threading
import time
from contextlib import suppress

from celery.beat import Scheduler
from kombu.exceptions import OperationalError

from app.celery_app import make
from app.clock import clock_of
from app.databases import databases_of
from app.folders import DataFolder, folder_of
from app.settings import Settings
from core import leases
from core.clock import Clock
from core.database import Database
from core.errors import Unavailable

log = logging.getLogger("muniment.beat")

LOOK_SECONDS = 2.0


def run(chosen: Settings, stopping: threading.Event) -> int:
    """Send what is due until told to stop."""
    main, log_database = databases_of(chosen)
    # Nothing is to be appended here.
    log_database.close()
    clock, folder = clock_of(chosen), folder_of(chosen)
    holder = leases.incarnation("beat")
    app = make(chosen)
    # It would wait for the broker for ever, and neither renew the lease meanwhile nor hear that it is to stop.
    app.conf.broker_connection_max_retries = 1
    scheduler = Scheduler(app)
    next_lease, mine = 0.0, False
    while not stopping.is_set():
        if time.monotonic() >= next_lease:
            mine = _take(main, clock, folder, holder)
            next_lease = time.monotonic() + (leases.RENEW_SECONDS if mine else LOOK_SECONDS)
        wait = min(_tick(scheduler), LOOK_SECONDS) if mine else LOOK_SECONDS
        stopping.wait(max(wait, 0.05))
    with suppress(Unavailable), main.write(beside=True) as session:
        leases.void(session, holder)
    main.close()
    return 0


def _take(main: Database, clock: Clock, folder: DataFolder, holder: str) -> bool:
    """Whether this process holds the lease now; not where the database does not say so."""
    try:
        with main.write(beside=True) as session:
            mine = leases.take(session, "beat", holder=holder, at=clock.now())
    except Unavailable as error:
        log.warning("beat waits", extra={"code": error.code})
        return False
    folder.sign_of_life("beat").touch()
    return mine


def _tick(scheduler: Scheduler) -> float:
    """Send what is due; the seconds until something is again."""
    try:
        return float(scheduler.tick())
    except (OperationalError, OSError) as error:
        log.warning("beat waits for the broker", extra={"code": type(error).__name__})
        # What was being sent is in no list any more: make the list anew.
        scheduler.populate_heap()
        return LOOK_SECONDS
