"""How a process is told to end: SIGTERM, as a service manager or its supervisor sends it, or SIGINT.

A signal's handler runs in the main thread wherever that just is, also within ``Event.wait`` or another
handler's ``Event.set``, which hold a lock that ``set`` would wait for: for ever. So the handler only leaves
word, in a queue whose ``put`` may interrupt anything, and a thread of its own sets the event.
"""

import signal
import threading
from queue import SimpleQueue


def told_to_end() -> threading.Event:
    """An event that is set once either signal has come, however many come. For the main thread."""
    told, ending = SimpleQueue[int](), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.put(number))

    def pass_on() -> None:
        told.get()
        ending.set()

    threading.Thread(target=pass_on, name="ending", daemon=True).start()
    return ending
