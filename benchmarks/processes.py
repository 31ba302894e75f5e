"""What the processes of a running server take: their share of memory, and their own peaks (Linux)."""

import threading
from pathlib import Path
from types import TracebackType

from tests.support.server import Server

MIB = 1024.0


def pss_mib(pid: int) -> float:
    """Proportional set size: private memory, and shared memory divided among those who share it. 0 once it ended."""
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def peak_mib(pid: int) -> float:
    """The largest resident size the process ever had, as the kernel keeps it. 0 once it ended."""
    return _field(Path(f"/proc/{pid}/status"), "VmHWM:")


def resident_mib(pid: int) -> float:
    """Resident size now. 0 once it ended."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:")


class Peaks:
    """Watches every process of a server while a block runs: the peak of each kind of process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.by_name: dict[str, float] = {}
        """In MiB; the highest, where several processes have the name."""

    def __enter__(self) -> "Peaks":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            self._look()

    def _look(self) -> None:
        for pid, name in self._server.family().items():
            self.by_name[name] = max(self.by_name.get(name, 0.0), peak_mib(pid))


def _field(path: Path, name: str) -> float:
    try:
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / MIB
    except (OSError, ValueError):
        return 0.0
    return 0.0
