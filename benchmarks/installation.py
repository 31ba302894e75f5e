"""A throw-away installation for a benchmark: data folder, one member of staff, their token, the server."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import Server


@dataclass
class Installation:
    """A running server and who speaks to it."""

    server: Server
    token: str

    def jobs_left(self) -> int:
        """Jobs that wait or run, and changes that are not in the log yet."""
        with closing(self._database()) as database:
            jobs = database.execute("SELECT count(*) FROM jobs WHERE state IN ('ready', 'leased')").fetchone()[0]
            return int(jobs + database.execute("SELECT count(*) FROM audit_intake").fetchone()[0])

    def wait_until_done(self, seconds: float = 600.0) -> None:
        """Wait until everything accepted is read and found.

        Raises:
            TimeoutError: it is not.
        """
        end = time.monotonic() + seconds
        while self.jobs_left():
            if time.monotonic() > end:
                raise TimeoutError(f"work is left after {seconds:.0f} s")
            time.sleep(0.1)

    def states(self) -> dict[str, int]:
        """Records by state."""
        with closing(self._database()) as database:
            return dict(database.execute("SELECT state, count(*) FROM records GROUP BY state").fetchall())

    def _database(self) -> sqlite3.Connection:
        path = self.server.data / "db" / "main.db"
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)


@contextmanager
def installed() -> Iterator[Installation]:
    """A server on an empty folder with one member of staff; all of it is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        server = Server(Path(name) / "data")
        token = server.new_token()
        with server:
            yield Installation(server, token)
