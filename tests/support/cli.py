"""The command line in this process: what it prints, and its exit code."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from app.cli.main import main


@dataclass(frozen=True)
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The only JSON object it printed."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def rows(self) -> list[Any]:
        """The JSON objects it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Cli:
    """Runs ``muniment`` as typed, without another process: libraries are loaded once."""

    def __call__(self, *arguments: object, stdin: str = "") -> Told:
        out, err, before = io.StringIO(), io.StringIO(), (sys.argv, sys.stdin)
        sys.argv, sys.stdin = ["muniment", *map(str, arguments)], io.StringIO(stdin)
        code = 0
        try:
            with redirect_stdout(out), redirect_stderr(err):
                try:
                    main()
                except SystemExit as ended:
                    code = int(ended.code or 0)
        finally:
            sys.argv, sys.stdin = before
        return Told(code, out.getvalue(), err.getvalue())
