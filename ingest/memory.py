"""How much memory a process and those it started hold, read from ``/proc``."""

import os
import re
import resource
from pathlib import Path

_HELD = re.compile(r"^Rss(?:Anon|Shmem):\s*(\d+) kB", re.MULTILINE)
_DATA = re.compile(r"^VmData:\s*(\d+) kB", re.MULTILINE)
_MAX_PROCESSES = 32


def used_by(pid: int) -> int:
    """Bytes of private and shared memory, without mapped files, of ``pid`` and all its descendants.

    0 where the system does not tell, or the process is gone. More than 32 processes count as
    too much of anything: the answer is then beyond every limit.
    """
    total, waiting, seen = 0, [pid], 0
    while waiting:
        current = waiting.pop()
        seen += 1
        if seen > _MAX_PROCESSES:
            return 1 << 62
        try:
            total += sum(int(kib) * 1024 for kib in _HELD.findall(Path(f"/proc/{current}/status").read_text()))
            for thread in Path(f"/proc/{current}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
        except (OSError, ValueError):
            continue
    return total


def headroom() -> int:
    """Bytes of private memory this process may still take before its own limit; a very large number without one."""
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if limit == resource.RLIM_INFINITY:
        return 1 << 62
    try:
        taken = _DATA.search(Path("/proc/self/status").read_text())
    except OSError:
        taken = None
    return limit - int(taken[1]) * 1024 if taken else 1 << 62


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below ``folder``; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
    return total
