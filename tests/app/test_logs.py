"""The server's own log: ids and codes, never content, names or queries."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from app.logs import JsonLines
from tests.support import documents_raw as raw

ROOT = Path(__file__).parent.parent.parent
CANARIES = ("Zwetschgenkompott", "Dudelsackpfeife", "annabell", "plum tractor violin", "Nilpferdtitel")


def _line(
    name: str, message: str, *arguments: object, error: BaseException | None = None, **extra: object
) -> dict[str, object]:
    made = logging.getLogger(name).makeRecord(
        name,
        logging.WARNING,
        "f",
        1,
        message,
        arguments,
        (type(error), error, error.__traceback__) if error else None,
        extra=extra,
    )
    told: dict[str, object] = json.loads(JsonLines().format(made))
    return told


def test_a_line_holds_our_words_and_the_listed_fields_only():
    told = _line("muniment.x", "job failed", id="1", code="boom", child="worker", name_of_person="Anna")
    assert (told["message"], told["id"], told["code"], told["child"]) == ("job failed", "1", "boom", "worker")
    assert "name_of_person" not in told


def test_the_words_of_libraries_and_of_exceptions_are_left_out():
    told = _line("uvicorn.error", "GET /search?q=%s", "Zwetschgen")
    assert "Zwetschgen" not in json.dumps(told)
    assert "GET" not in json.dumps(told)
    told = _line("muniment.x", "job failed", error=ValueError("Zwetschgen"))
    assert told["error"] == "ValueError"
    assert "Zwetschgen" not in json.dumps(told)


def test_values_put_into_a_message_are_left_out():
    assert "Zwetschgen" not in json.dumps(_line("muniment.x", "read %s", "Zwetschgen"))


@pytest.mark.parametrize("package", ["core", "audit", "accounts", "records", "ingest", "search", "app", "api"])
def test_no_line_of_ours_uses_a_field_that_logging_itself_has(package: str):
    """``extra={"process": …}`` raises where it is used, which is where something already went wrong."""
    import ast

    taken = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                keys = {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
                assert not keys & taken, path


def test_an_import_at_debug_level_says_nothing_of_what_it_imports(tmp_path: Path):
    (tmp_path / "Dudelsackpfeife.pdf").write_bytes(raw.pdf("Zwetschgenkompott", title="Nilpferdtitel"))
    (tmp_path / "Dudelsackpfeife broken.pdf").write_bytes(raw.pdf("Zwetschgenkompott")[:200])
    environment = {
        "PATH": "/usr/bin:/bin",
        "MUNIMENT_LOG_LEVEL": "debug",
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_WORKERS": "1",
    }

    def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        program = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
        return subprocess.run(
            program, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, check=False
        )

    added = run("user", "add", "annabell", "--role", "staff", "--password-stdin", stdin="plum tractor violin\n")
    assert added.returncode == 0, added.stderr
    imported = run(
        "--as",
        "annabell",
        "import",
        str(tmp_path / "Dudelsackpfeife.pdf"),
        str(tmp_path / "Dudelsackpfeife broken.pdf"),
    )
    assert "2 taken in" in imported.stderr
    searched = run("--as", "annabell", "search", "Zwetschgenkompott")
    assert "1 found" in searched.stderr
    for told in (added, imported, searched):
        for canary in CANARIES:
            assert canary not in told.stderr
