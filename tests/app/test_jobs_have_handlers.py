"""Every job that some package promises has a handler that keeps the promise."""

import ast
from pathlib import Path

from app import handlers
from app.celery_app import WORKED_BY_WORKER
from app.settings import Settings
from records import record

ROOT = Path(__file__).parent.parent.parent
KEPT = (
    ("search.index", {"keeper"}),
    ("search.erase", {"keeper"}),
    ("retention.certify", {"keeper"}),
    ("search.rebuild", {"rebuild"}),
)
PACKAGES = ("core", "vault", "audit", "accounts", "records", "ingest", "search", "retention", "app", "api")


def _promised() -> dict[str, set[str]]:
    """Job name and the queues it is promised to, of every call of ``jobs.add`` in the code."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr != "add" or not isinstance(node.func.value, ast.Name) or node.func.value.id != "jobs":
                    continue
                name = node.args[1]
                queue = next(keyword.value for keyword in node.keywords if keyword.arg == "queue")
                assert isinstance(name, ast.Constant), f"{path}: a job is promised by a name that cannot be read here"
                if path.name == "record.py" and isinstance(queue, ast.Name):
                    # Which of them, its callers say.
                    found.setdefault(name.value, set()).update((record.INTERACTIVE, record.EXTRACTION, record.OCR))
                    continue
                assert isinstance(queue, ast.Constant), f"{path}: nor can its queue"
                found.setdefault(name.value, set()).add(queue.value)
    return found


def test_every_promised_job_has_a_handler_where_its_queue_is_worked():
    promised = _promised()
    assert promised["ingest.read"] == {"interactive", "extraction", "ocr"}
    by_worker = set(handlers.table(handlers.Readers(Settings())))
    for name, queues in promised.items():
        if queues <= set(WORKED_BY_WORKER):
            assert name in by_worker
        else:
            assert (name, queues) in KEPT, "the keeper knows these only"


def test_no_handler_waits_for_a_job_that_nobody_promises():
    assert set(handlers.table(handlers.Readers(Settings()))) <= set(_promised())
