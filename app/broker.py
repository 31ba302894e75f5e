"""The file transport of wake-ups, with messages that are whole from the moment they can be seen.

Kombu's own writes a message under its final name: a reader that comes in between reads half of
it, and Celery ends the worker on that. Here a message gets its name once it is written, and one that
cannot be read is dropped: it says no more than "look", and beat says so again every five seconds.
"""

import os
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

SCHEME = "folder"
"""Of the broker's address."""


class Channel(filesystem.Channel):  # type: ignore[misc]
    """Messages as files ``<time>-<random>.<queue>`` in one folder."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{time_ns():020}-{os.urandom(6).hex()}"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload))
        draft.rename(folder / f"{name}.{queue}")

    def _get(self, queue: str) -> Any:
        for path in _waiting(self.data_folder_in, queue):
            try:
                text = path.read_text()
                # Whoever removes it has it.
                path.unlink()
                return loads(text)
            except (OSError, ValueError):
                continue
        raise Empty

    def get_table(self, exchange: str) -> Any:
        try:
            return super().get_table(exchange)
        except ValueError:
            # It is being written for the first time.
            return []

    def _size(self, queue: str) -> int:
        return len(_waiting(self.data_folder_in, queue))

    def _purge(self, queue: str) -> int:
        found = _waiting(self.data_folder_in, queue)
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)


class Transport(filesystem.Transport):  # type: ignore[misc]
    """Kombu's file transport with channels of ours."""

    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def _waiting(folder: str, queue: str) -> list[Path]:
    """Messages of a queue, the oldest first."""
    return sorted(Path(folder).glob(f"*.{queue}"))
