"""The recorder's process: appends to the log for all processes of a data folder, and does nothing else.

It holds no keys and no lease, and opens ``log.db`` alone. Small on purpose: the less it
computes, the sooner it answers.
"""

import os
import signal
import threading
from pathlib import Path

from app.folders import DataFolder, folder_of
from app.settings import Settings
from audit.appender import Appender
from audit.recorder import listen, serve
from core.clock import SystemClock
from core.sqlite import SqliteDatabase


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
    try:
        if not stopping.is_set():
            serve(socket, Appender(database, SystemClock()), until=reading)
    finally:
        socket.close()
        recorder_socket(folder).unlink(missing_ok=True)
        database.close()
    return 0
