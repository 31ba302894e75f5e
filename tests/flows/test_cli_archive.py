"""From the first account to a found record, by command line and without a server."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.build import build
from app.runtime import KEEPER
from app.settings import load
from core.identifiers import parse_record_number
from search.embedded import EmbeddedIndex
from search.indexer import document_of
from tests.support import documents_raw as raw
from tests.support.cli import Cli, Told

PASSWORD = "plum tractor violin\n"


class Firm:
    """A data folder made by the command line alone."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli, self.folder = cli, folder

    def __call__(self, *arguments: object, by: str | None = None, as_json: bool = False, stdin: str = "") -> Told:
        shared = ["--data", self.folder] + (["--as", by] if by else []) + (["--json"] if as_json else [])
        return self.cli(*shared, *arguments, stdin=stdin)

    def add(self, name: str, role: str, *options: object) -> Told:
        return self("user", "add", name, "--role", role, *options, "--password-stdin", stdin=PASSWORD)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Firm, Path]:
    """Anna of accounting and Hanna of HR; three files of Anna's, imported from a folder."""
    base = tmp_path_factory.mktemp("cli")
    os.environ["MUNIMENT_WORKERS"] = "1"
    firm = Firm(Cli(), base / "data")
    assert firm.add("boss", "administrator").code == 0
    assert firm.add("anna", "staff", "--department", "accounting").code == 0
    assert firm.add("hanna", "staff", "--department", "Human resources", "--named-clerk").code == 0
    files = base / "files"
    (files / "deep").mkdir(parents=True)
    (files / "invoice.pdf").write_bytes(raw.pdf("Rechnung Nr. 4711\nZwetschgenkompott 12,00 EUR"))
    (files / "deep" / "brief.txt").write_text("Sehr geehrte Frau Ossendorf, anbei der Schlüssel.")
    (files / "empty.txt").write_bytes(b"")
    os.mkfifo(files / "a pipe")
    told = firm("import", files, by="anna")
    assert told.code == 0, told.err
    assert "3 taken in" in told.err
    return firm, files


def _ids(firm: Firm, *query: str) -> list[str]:
    return [row["id"] for row in firm("search", *query, by="anna", as_json=True).rows]


def test_an_imported_file_is_found_by_a_word_in_its_text(filled):
    firm, _ = filled
    (found,) = firm("search", "zwetschgenkompott", by="anna", as_json=True).rows
    assert {"id", "number", "state", "class", "title", "snippet", "parties", "language"} <= set(found)
    assert found["name"] == "invoice.pdf"
    assert "Zwetschgenkompott" in found["snippet"]
    told = firm("search", "schlussel", by="anna")
    assert told.err.endswith("1 found\n")


def test_who_may_not_see_it_does_not_find_count_show_or_download_it(filled, tmp_path):
    firm, _ = filled
    (record,) = _ids(firm, "zwetschgenkompott")
    told = firm("search", "zwetschgenkompott", by="hanna")
    assert (told.out, told.err) == ("", "0 found\n")
    for command in (("show",), ("history",), ("download",)):
        told = firm("record", *command, record, by="hanna")
        assert (told.code, told.out) == (1, "")
        assert "not yours to see" in told.err
    assert firm("record", "show", record, by="anna").code == 0
    assert list(tmp_path.iterdir()) == []


def test_who_reads_nothing_anywhere_is_refused(filled):
    firm, _ = filled
    told = firm("search", "x", by="boss")
    assert (told.code, told.out) == (1, "")
    assert "roles do not allow" in told.err


def test_a_record_is_shown_by_id_and_by_number_however_it_is_typed(filled):
    firm, _ = filled
    (record,) = _ids(firm, "zwetschgenkompott")
    shown = firm("record", "show", record, by="anna", as_json=True).json
    assert shown["versions"][0]["media_type"] == "application/pdf"
    assert parse_record_number(shown["number"])
    for typed in (shown["number"], shown["number"].lower().replace("-", " "), shown["number"].replace("-", "")):
        assert firm("record", "show", typed, by="anna", as_json=True).json["id"] == record
    assert firm("search", shown["number"], by="anna", as_json=True).json["id"] == record
    wrong = firm("record", "show", "1111-1111-2", by="anna")
    assert (wrong.code, wrong.out) == (1, "")


def test_the_original_comes_back_byte_for_byte_and_never_over_another_file(filled, tmp_path):
    firm, files = filled
    (record,) = _ids(firm, "zwetschgenkompott")
    target = tmp_path / "out.pdf"
    assert firm("record", "download", record, "--to", target, by="anna").code == 0
    assert target.read_bytes() == (files / "invoice.pdf").read_bytes()
    again = firm("record", "download", record, "--to", target, by="anna")
    assert again.code == 1
    assert "there is such a file already" in again.err
    assert "Traceback" not in again.err
    lost = firm("record", "download", record, "--to", tmp_path / "no" / "out.pdf", by="anna")
    assert lost.code == 1
    assert "Traceback" not in lost.err
    none = firm("record", "download", record, "--version", "2", "--to", tmp_path / "two.pdf", by="anna")
    assert none.code == 1
    assert not (tmp_path / "two.pdf").exists()


def test_the_history_names_each_step_with_its_position_and_no_person(filled):
    firm, _ = filled
    (record,) = _ids(firm, "zwetschgenkompott")
    rows = firm("record", "history", record, by="anna", as_json=True).rows
    actions = [row["action"] for row in rows][::-1]
    # A change goes by the intake: the worker's first read may be in the log before it.
    assert "record.captured" in actions[:2]
    assert {"record.read", "record.searched", "record.opened"} <= set(actions)
    assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)
    before = len(rows)
    firm("record", "show", record, by="anna")
    # To look at the history is an entry too.
    newest = firm("record", "history", record, by="anna", as_json=True).rows
    assert len(newest) == before + 2
    assert [row["action"] for row in newest[:2]] == ["record.viewed", "record.history_shown"]
    words = firm("record", "history", record, by="anna").out
    assert "the operator" in words
    assert "anna" not in words


def test_an_empty_file_is_kept_and_waits_for_attention_with_the_reason(filled):
    firm, _ = filled
    rows = firm("search", "empty", by="anna", as_json=True).rows
    (shown,) = [firm("record", "show", row["id"], by="anna", as_json=True).json for row in rows]
    assert (shown["state"], shown["trouble"]["code"]) == ("needs_attention", "empty")


def test_the_same_content_is_named_and_becomes_a_record_of_its_own(filled, tmp_path):
    firm, files = filled
    copy = tmp_path / "copy.txt"
    copy.write_bytes((files / "deep" / "brief.txt").read_bytes())
    told = firm("import", copy, "--class", "letter", "--document-date", "2025-06-30", by="anna")
    assert "same content as" in told.err
    (row,) = [row for row in firm("search", "schlüssel", by="anna", as_json=True).rows if row["name"] == "copy.txt"]
    assert (row["class"], row["confirmed"], row["document_date"], row["state"]) == (
        "letter",
        True,
        "2025-06-30",
        "filed",
    )
    others = firm("import", copy, by="hanna")
    assert others.code == 0
    assert "same content" in others.err, "a letter of normal sensitivity, confirmed, is read by every department"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("search",), 2, "Missing argument", id="nothing to search"),
        pytest.param(("import", "/no/such/file"), 2, "does not exist", id="a file that is not there"),
        pytest.param(("burn",), 2, "No such command", id="no such command"),
        pytest.param(("search", "x", "--sort", "beauty"), 1, "sort by one of", id="an unknown sort"),
        pytest.param(("record", "show", "nonsense"), 1, "record's id or its number", id="no record"),
        pytest.param(("import", ".", "--document-date", "30.6.2025"), 1, "YYYY-MM-DD", id="a date written otherwise"),
        pytest.param(("import", ".", "--class", "nonsense"), 1, "record class", id="an unknown class"),
        pytest.param(("import", ".", "--class", "accounting"), 1, "below this heading", id="a heading"),
        pytest.param(("import", ".", "--department", "Cellar"), 1, "no department", id="an unknown department"),
        pytest.param(("import", ".", "--department", "Legal"), 1, "", id="a department of others"),
        pytest.param(("import", ".", "--case-file", "K-1"), 1, "case file", id="an unknown case file"),
        pytest.param(("search", "serve", "--limit", "0"), 2, "", id="a word that is a command elsewhere"),
    ],
)
def test_what_goes_wrong_is_said_on_standard_error_with_its_exit_code(filled, arguments, code, words):
    firm, _ = filled
    told = firm(*arguments, by="anna")
    assert (told.code, told.out) == (code, "")
    assert words in " ".join(told.err.replace("│", " ").split())
    assert "Traceback" not in told.err


def test_a_word_that_is_a_command_can_be_searched(filled):
    firm, _ = filled
    assert firm("search", "serve", by="anna").err == "0 found\n"


def test_it_is_never_unclear_who_acts(filled):
    firm, _ = filled
    for told in (firm("search", "x"), firm("search", "x", by="nobody"), firm("--token", "mun_wrong", "search", "x")):
        assert told.code == 1
        assert told.out == ""


def test_a_token_acts_for_its_person_within_its_scope(filled):
    firm, files = filled
    made = firm("token", "create", "anna", "--scope", "read", as_json=True).json
    assert made["scopes"] == ["read"]
    found = firm("--token", made["token"], "search", "zwetschgenkompott")
    assert found.code == 0
    assert found.err == "1 found\n"
    refused = firm("--token", made["token"], "import", files / "invoice.pdf")
    assert refused.code == 1
    names = [row["name"] for row in firm("user", "list", by="boss", as_json=True).rows]
    assert names == ["boss", "anna", "hanna"]


def test_reconcile_agrees_and_repairs_an_index_that_is_gone(filled):
    firm, _ = filled
    told = firm("reconcile", as_json=True)
    assert told.code == 0, told.out
    assert told.json["records"] == told.json["index_documents"] == told.json["capture_events"]
    assert told.json["versions"] + told.json["components"] == told.json["originals"]
    shutil.rmtree(firm.folder / "index")
    repaired = firm("reconcile", as_json=True)
    assert repaired.code == 0
    assert repaired.json["index_documents"] == told.json["records"]
    assert len(_ids(firm, "zwetschgenkompott")) == 1


def test_an_index_that_is_gone_is_made_anew_by_whatever_comes_next(filled):
    firm, _ = filled
    for part in (firm.folder / "index").iterdir():
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    assert len(_ids(firm, "zwetschgenkompott")) == 1


def test_reconcile_puts_back_what_the_index_lost_and_takes_out_strays(filled):
    firm, _ = filled
    record = UUID(_ids(firm, "zwetschgenkompott")[0])
    runtime = build(load(data=firm.folder))
    document = document_of(runtime.content, record, by=KEEPER)
    assert document is not None
    index = EmbeddedIndex(firm.folder / "index")
    index.put([replace(document, record_id=uuid4())])
    index.remove([record])
    index.commit()
    index.close()
    runtime.close()
    told = firm("reconcile", as_json=True).json
    assert told["repaired"] == {"indexed": 1, "taken_out": 1, "swept": 0}
    assert told["agrees"]
    assert _ids(firm, "zwetschgenkompott") == [str(record)]


def test_an_object_that_is_lost_is_told_and_not_repaired(filled, tmp_path):
    firm, _ = filled
    copy = Firm(firm.cli, tmp_path / "data")
    shutil.copytree(firm.folder, copy.folder)
    next(path for path in (copy.folder / "objects" / "originals").rglob("*") if path.is_file()).unlink()
    told = copy("reconcile", as_json=True)
    assert told.code == 1
    assert (told.json["missing_objects"], told.json["agrees"]) == (1, False)


def test_people_and_setup(cli, tmp_path):
    firm = Firm(cli, tmp_path / "data")
    assert firm.add("boss", "administrator").code == 0
    assert "there is no such department" in firm.add("x", "staff", "--department", "Cellar").err
    assert firm.add("boss", "staff").code == 1
    assert firm("user", "add", "x", "--role", "king").code == 1
    assert "password" in firm("user", "add", "y", "--role", "auditor", "--password-stdin", stdin="short\n").err.lower()
    assert firm("setup", "close", by="boss").code == 0
    assert firm.add("late", "auditor").code == 1
    later = firm("user", "add", "late", "--role", "auditor", by="boss", as_json=True)
    assert later.json["state"] != "confirmed"
    rows = {
        row["name"]: row["roles"]
        for row in map(json.loads, firm("user", "list", by="boss", as_json=True).out.splitlines())
    }
    assert rows == {"boss": ["administrator"], "late": []}
