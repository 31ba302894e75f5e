"""A process that is told to end ends, wherever its main thread is and however often it is told."""

import signal
import subprocess
import sys

import pytest

from tests.support.serving import ROOT

_AT_WORK = """
from app.ending import told_to_end

ending = told_to_end()
print("ready", flush=True)
while not ending.is_set():
    # Nearly always within the event's lock.
    ending.wait(0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("times", [1, 50], ids=["once", "many times"])
def test_it_ends_while_it_waits_for_the_word(number: signal.Signals, times: int) -> None:
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", _AT_WORK], cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            for _ in range(times):
                process.send_signal(number)
            # By itself; or, told again, by one that came when it had ended.
            assert process.wait(30) in ((0,) if times == 1 else (0, -number))
