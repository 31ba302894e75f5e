"""Importing, reading and indexing attempt no network connection: seen by the kernel, not by Python."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.samples import make_samples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
# Unix sockets are the machine's own; anything else that is connected to or sent to would leave it.
_OUTSIDE = re.compile(r"(?:connect|sendto|sendmsg)\(\d+, \{sa_family=AF_(?!UNIX|UNSPEC|NETLINK)\w+")


def test_an_import_of_every_kind_of_sample_connects_to_nothing(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for sample in make_samples(5, 20):
        (samples / sample.name).write_bytes(sample.data)
    muniment = [sys.executable, "-m", "app.cli", "--data", str(tmp_path / "data")]
    subprocess.run([*muniment, "user", "add", "anna", "--role", "staff"], check=True, capture_output=True)
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-q", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace)]
    done = subprocess.run(
        [*strace, *muniment, "--as", "anna", "import", str(samples)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "20 taken in" in done.stderr
    assert [line for line in trace.read_text().splitlines() if _OUTSIDE.search(line)] == []
