"""The Celery application. A message says "look at this queue" and nothing more.

What is to be done stands in ``core.jobs``. So a message that is lost costs seconds (beat
sends another), one that comes twice costs a glance, and none carries personal data. Remote
control, gossip, events and the result store are off: nothing reads them, and the file
transport would fill the disk with them.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from math import inf
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from kombu import Exchange, Queue

from app.broker import SCHEME
from app.folders import folder_of
from app.settings import Settings, secret

log = logging.getLogger("muniment.celery")

WORKED_BY_WORKER = ("interactive", "extraction", "ocr", "maintenance")
"""Queues of the workers, the most urgent first; the keeper finds its own work."""
GATHER_SECONDS = 0.05
REST_SECONDS = {"interactive": 0.2, "extraction": 0.5, "ocr": 0.5, "maintenance": 2.0}
"""Between two messages of one process about a queue: whoever was woken works until nothing is left; the next wakes one
more. Somebody waits for what is interactive; what keeps house is done the better, the more of it there is at once."""
LOOK = "muniment.look"
TICK = "muniment.tick"
TICKS = "tick"
"""The broker's queue of ticks."""


def make(settings: Settings, *, concurrency: int = 1) -> Celery:
    """The application on Redis or RabbitMQ, or on the file transport in ``run/broker``."""
    folder = folder_of(settings)
    address, options = _broker_of(settings)
    app = Celery("muniment", broker=address, set_as_current=False)
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=5,
        # A worker waits for its broker however long that is away.
        broker_connection_max_retries=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_prefetch_multiplier=1,
        worker_concurrency=concurrency,
        worker_pool="threads",
        worker_hijack_root_logger=False,
        task_default_queue=TICKS,
        task_queues=[_unanswered(f"look-{queue}") for queue in WORKED_BY_WORKER],
        task_acks_late=False,
        task_create_missing_queues=True,
        event_queue_exclusive=False,
        timezone="UTC",
        beat_schedule={
            "look": {"task": TICK, "schedule": 5.0, "args": ("look",), "options": {"queue": TICKS, "expires": 10}},
            "leases": {"task": TICK, "schedule": 10.0, "args": ("leases",), "options": {"queue": TICKS, "expires": 20}},
            "hourly": {"task": TICK, "schedule": 3600.0, "args": ("hourly",), "options": {"queue": TICKS}},
            "retention": {
                "task": TICK,
                "schedule": 300.0,
                "args": ("retention",),
                "options": {"queue": TICKS, "expires": 600},
            },
        },
        beat_schedule_filename=str(folder.run / "beat-schedule"),
    )
    return app


def _unanswered(name: str) -> Queue:
    """A queue whose messages are gone once they are taken: the broker notes each that is to be answered, for one who
    ends before that; here beat says the same a few seconds later."""
    return Queue(name, Exchange(name, type="direct"), routing_key=name, no_ack=True)


def messages_of(queues: Iterable[str]) -> list[str]:
    """The broker's queues that a worker of these listens to; whoever does maintenance takes the ticks of beat."""
    listened = [f"look-{queue}" for queue in queues]
    return [*listened, TICKS] if "maintenance" in queues else listened


def _broker_of(settings: Settings) -> tuple[str, dict[str, object]]:
    if settings.broker:
        parts = urlsplit(settings.broker)
        if settings.broker_password is not None:
            password = quote(secret(settings, "broker_password"), safe="")
            place = parts.netloc.rpartition("@")[2]
            parts = parts._replace(netloc=f"{parts.username or ''}:{password}@{place}")
        times: dict[str, object] = {"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True}
        # A message that a dead worker had taken comes again sooner than by the transport's hour; twice does no harm.
        redis = {"visibility_timeout": 300, "health_check_interval": 10, **times}
        return urlunsplit(parts), redis if parts.scheme.startswith("redis") else {"confirm_publish": True}
    broker = folder_of(settings).run / "broker"
    for name in ("messages", "done", "control"):
        Path(broker / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"{SCHEME}://", {
        "data_folder_in": str(broker / "messages"),
        "data_folder_out": str(broker / "messages"),
        "control_folder": str(broker / "control"),
        "store_processed": False,
        "polling_interval": 0.05,
    }


class Waker:
    """Tells workers to look at queues that got work; losing a message is harmless, so is failing to send one.

    What comes within a moment is one message, sent by a thread of its own: whoever has committed waits for nothing.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._mutex = threading.Lock()
        self._due: set[str] = set()
        self._is_sending = False
        self._sent_at: dict[str, float] = {}

    def __call__(self, queues: Collection[str]) -> None:
        wanted = [queue for queue in queues if queue in WORKED_BY_WORKER]
        if not wanted:
            return
        with self._mutex:
            self._due.update(wanted)
            is_first, self._is_sending = not self._is_sending, True
        if is_first:
            threading.Thread(target=self._send_all, name="wake").start()

    def _send_all(self) -> None:
        """Send until nothing is due. One thread at a time: a broker that does not answer takes seconds each time."""
        while True:
            time.sleep(GATHER_SECONDS)
            now = time.monotonic()
            with self._mutex:
                rested = {queue for queue in self._due if now >= self._sent_at.get(queue, -inf) + REST_SECONDS[queue]}
                self._due -= rested
            self._send(rested)
            self._sent_at |= dict.fromkeys(rested, time.monotonic())
            with self._mutex:
                if not self._due:
                    self._is_sending = False
                    return

    def _send(self, due: Collection[str]) -> None:
        for queue in due:
            try:
                self._app.send_task(LOOK, args=(queue,), queue=f"look-{queue}", ignore_result=True, retry=False)
            except Exception as error:
                # A full disk, in whatever words of the transport: the change is committed, and beat
                # looks every five seconds anyway.
                log.debug("worker not woken", extra={"code": type(error).__name__})
