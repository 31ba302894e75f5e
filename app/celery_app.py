"""The Celery application. A message says "look at this queue" and nothing more.

What is to be done stands in ``core.jobs``. So a message that is lost costs seconds (beat
sends another), one that comes twice costs a glance, and none carries personal data. Remote
control, gossip, events and the result store are off: nothing reads them, and the file
transport would fill the disk with them.
"""

import logging
from collections.abc import Collection
from pathlib import Path

from celery import Celery

from app.broker import SCHEME
from app.folders import DataFolder

log = logging.getLogger("muniment.celery")

WORKED_BY_WORKER = ("extraction", "maintenance")
"""Queues of the worker; the keeper finds its own work."""
LOOK = "muniment.look"
TICK = "muniment.tick"


def make(folder: DataFolder, *, concurrency: int = 1) -> Celery:
    """The application on the file transport in ``run/broker``."""
    broker = folder.run / "broker"
    for name in ("messages", "done", "control"):
        Path(broker / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    app = Celery("muniment", broker=f"{SCHEME}://", set_as_current=False)
    app.conf.update(
        broker_transport_options={
            "data_folder_in": str(broker / "messages"),
            "data_folder_out": str(broker / "messages"),
            "control_folder": str(broker / "control"),
            "store_processed": False,
            "polling_interval": 0.05,
        },
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_prefetch_multiplier=1,
        worker_concurrency=concurrency,
        worker_pool="threads",
        worker_hijack_root_logger=False,
        task_default_queue="look",
        task_acks_late=False,
        task_create_missing_queues=True,
        event_queue_exclusive=False,
        timezone="UTC",
        beat_schedule={
            "look": {"task": TICK, "schedule": 5.0, "args": ("look",), "options": {"queue": "tick", "expires": 10}},
            "leases": {
                "task": TICK,
                "schedule": 10.0,
                "args": ("leases",),
                "options": {"queue": "tick", "expires": 20},
            },
            "hourly": {"task": TICK, "schedule": 3600.0, "args": ("hourly",), "options": {"queue": "tick"}},
        },
        beat_schedule_filename=str(folder.run / "beat-schedule"),
    )
    return app


class Waker:
    """Tells workers to look at queues that got work; losing a message is harmless, so is failing to send one."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def __call__(self, queues: Collection[str]) -> None:
        for queue in queues:
            if queue in WORKED_BY_WORKER:
                try:
                    self._app.send_task(LOOK, args=(queue,), queue="look", ignore_result=True, retry=False)
                except Exception as error:
                    # A full disk, in whatever words of the transport: the change is committed, and beat
                    # looks every five seconds anyway.
                    log.debug("worker not woken", extra={"code": type(error).__name__})
