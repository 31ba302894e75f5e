"""The pages made from the code say what the code says now."""

import subprocess
import sys
from pathlib import Path


def test_make_docs_would_change_nothing() -> None:
    # In a process of its own: tests declare events and errors of their own.
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run: make docs ({done.stdout}{done.stderr})"
