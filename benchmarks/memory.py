"""What ``muniment serve`` takes when nobody uses it, and how soon its first page is there.

Memory is the proportional set size (PSS) of everything the command starts. The folder is new the
first time; the second start, on the folder that is there, is what a person waits for in the morning.
The baseline is a bare Python process that has imported nothing.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import pss_mib
from tests.support.server import Server

IDLE_SECONDS = 20.0


def run(*, quick: bool) -> list[Figure]:
    """Memory when idle, seconds to the first page."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        server = Server(Path(name) / "data")
        first = server.start()
        server.stop()
        again = server.start()
        time.sleep(5.0 if quick else IDLE_SECONDS)
        shares = {child: pss_mib(pid) for pid, child in server.family().items()}
        server.stop()
    each = ", ".join(f"{child} {mib:.0f}" for child, mib in shares.items())
    return [
        Figure(
            what=f"memory of all processes when idle, PSS (MiB: {each})",
            value=sum(shares.values()) * 1.024**2,
            unit="MB",
            most=350,
            baseline=_bare_python(),
            baseline_is="MiB: one bare Python",
        ),
        Figure(what="first page after the command, new data folder", value=first, unit="s", most=5),
        Figure(what="first page after the command, again", value=again, unit="s", most=5),
    ]


def _bare_python() -> float:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    time.sleep(0.5)
    taken = pss_mib(process.pid)
    process.communicate(b"\n")
    return taken
