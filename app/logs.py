"""The server's own log: one JSON object a line, with ids and codes, never content, names or queries.

Only the fields listed here pass; whatever else a library hangs on a log record is left out,
and so is the text of exceptions that are not ours, which may quote what they failed on.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

_FIELDS = ("job", "id", "code", "child", "queue", "route", "method", "status", "ms", "request", "count", "signal")
_OURS = "muniment"


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.msg if record.name.startswith(_OURS) else "library message",
        }
        for field in _FIELDS:
            if (value := getattr(record, field, None)) is not None:
                line[field] = value
        if name := getattr(record, "process_name", None):
            line["process"] = name
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["trace"] = [
                f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}:{f.name}"
                for f in traceback.extract_tb(error.__traceback__)
            ][-8:]
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str, process: str) -> None:
    """Send everything to standard error as JSON lines; libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_named(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # It warns that a file transport has no host name, at every start.
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)
    logging.getLogger(_OURS).setLevel(level.upper())


def _named(process: str) -> logging.Filter:
    class Named(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.process_name = process
            return True

    return Named()
