"""The recorder's process: appends to the log for all processes of a data folder, and does nothing else.

It holds no keys and no lease, and opens ``log.db`` alone. Small on purpose: the less it
computes, the sooner it answers.
"""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

from app.clock import clock_of
from app.folders import DataFolder, folder_of
from app.settings import Settings
from audit.appender import Appender
from audit.recorder import listen, serve
from core.errors import Unavailable
from core.sqlite import SqliteDatabase

TIDY_SECONDS = 0.5


def recorder_socket(folder: DataFolder) -> Path:
    """Where the recorder listens."""
    return folder.run / "recorder.sock"


def run(chosen: Settings, stopping: threading.Event) -> int:
    """Append what the other processes send until told to stop."""
    folder = folder_of(chosen)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # A signal ends the waiting for callers, without anybody looking at a clock.
    signal.set_wakeup_fd(writing)
    database = SqliteDatabase(folder.databases / "log.db")
    socket = listen(recorder_socket(folder))
    ended = threading.Event()
    tidying = threading.Thread(target=_tidy, args=(database, ended), name="tidying")
    tidying.start()
    try:
        if not stopping.is_set():
            serve(socket, Appender(database, clock_of(chosen)), until=reading)
    finally:
        ended.set()
        tidying.join()
        socket.close()
        recorder_socket(folder).unlink(missing_ok=True)
        database.close()
    return 0


def _tidy(database: SqliteDatabase, ended: threading.Event) -> None:
    while not ended.wait(TIDY_SECONDS):
        with suppress(Unavailable):
            database.tidy()
