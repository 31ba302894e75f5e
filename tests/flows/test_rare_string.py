"""A rare string of a document is in no file of the data folder except the search index."""

import bz2
import gzip
import lzma
import re
import sqlite3
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from records import case_file
from tests.support import documents_raw as raw
from tests.support.archive import Archive

WORDS = {
    "text": "Quastenflosser",
    "name": "Dudelsackpfeife",
    "title": "Zwetschgenmus",
    "party": "Kaulquappenzucht",
    "field": "RE-88991177",
    "field label": "Rechnungsnummer",
    "subject": "Murmeltierpost",
    "attachment": "Nilpferdzahn",
    "attachment name": "Wattwurmkunde",
    "member": "Hyazinthenduft",
    "query": "Brotkastenfund",
    "case file": "Purzelbaumakte",
    "person": "pfefferminzerl",
}


def _forms(word: str) -> dict[str, bytes]:
    return {
        "utf-8": word.encode(),
        "folded": word.lower().encode(),
        "utf-16": word.encode("utf-16-le"),
        "utf-16 big-endian": word.encode("utf-16-be"),
        "hexadecimal": word.encode().hex().encode(),
    }


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Everything in ``data`` that some compression opens, wherever it begins."""
    for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|BZh[1-9]1AY|\xfd7zXZ", data):
        piece, opener = data[found.start() :], zlib.decompressobj(47)
        try:
            if piece[:1] == b"B":
                yield bz2.BZ2Decompressor().decompress(piece)
            elif piece[:1] == b"\xfd":
                yield lzma.LZMADecompressor().decompress(piece)
            else:
                yield opener.decompress(piece, 1_000_000)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
            continue


def _where(folder: Path, *, outside: str) -> list[tuple[str, str, str]]:
    """Word, form and file of every find, leaving out the folder ``outside``."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.relative_to(folder).parts[0] == outside:
            continue
        data = path.read_bytes()
        for content in (data, *_unpacked(data)):
            for word, text in WORDS.items():
                for form, sought in _forms(text).items():
                    if sought in content or sought in str(path).encode():
                        found.append((word, form, str(path.relative_to(folder))))
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    archive = Archive.open(tmp_path_factory.mktemp("rare") / "data")
    lines = [
        f"{WORDS['party']} GmbH",
        "Rechnung",
        f"{WORDS['field label']}: {WORDS['field']}",
        "Datum: 03.02.2026",
        WORDS["text"],
        "Gesamtbetrag 119,00 EUR",
    ]
    archive.receive(raw.pdf("\n".join(lines), title=WORDS["title"]), f"{WORDS['name']}.pdf")
    archive.receive(f"Lieber {WORDS['text']}".encode(), "x.txt", record_class="letter", title=WORDS["title"])
    archive.receive(raw.zip_of({"a.txt": WORDS["member"].encode()}), "members.zip")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = WORDS["subject"], "a@example.org", "b@example.org"
    message.set_content(f"Guten Tag {WORDS['text']}")
    message.add_attachment(WORDS["attachment"], filename=f"{WORDS['attachment name']}.txt")
    archive.receive(bytes(message), "mail.eml")
    archive.open_file(number="A-1", name=WORDS["case file"])
    archive.add_person(WORDS["person"], archive.grant("auditor"))
    archive.settle()
    archive.settle()
    assert archive.search(WORDS["query"]).total == 0
    yield archive
    archive.close()


def test_the_search_itself_finds_what_it_looks_for(filled: Archive, tmp_path: Path):
    (tmp_path / "plain").write_text(f"a {WORDS['text']} b")
    (tmp_path / "utf16").write_text(WORDS["text"], "utf-16")
    for name, pack in (("zlib", zlib.compress), ("gzip", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        (tmp_path / name).write_bytes(b"before" + pack(WORDS["text"].encode() * 3) + b"behind")
    (tmp_path / WORDS["name"]).touch()
    assert {path for _, _, path in _where(tmp_path, outside="index")} == {
        "plain", "utf16", "zlib", "gzip", "bz2", "xz", WORDS["name"],
    }  # fmt: skip


@pytest.mark.parametrize("word", ["text", "name", "title", "party", "field", "subject", "attachment", "member"])
def test_each_word_is_found_by_search(filled: Archive, word: str):
    assert filled.search(f'"{WORDS[word]}"').total >= 1, word


def test_the_names_are_shown_to_who_may_read_them(filled: Archive):
    run = filled.runtime
    (found,) = [item for item in filled.search(WORDS["field"]).items if item.name.endswith("pdf")]
    detail = run.content.detail(found.record.id, by=filled.principal("clerk"))
    assert detail.versions[0][1] == f"{WORDS['name']}.pdf"
    assert any(WORDS["field"] in each.value for each in detail.fields)
    with run.main.read() as session:
        files = case_file.visible_files(session, filled.principal("clerk"), filled.now)
        assert list(case_file.names_of(session, files, run.keys).values()) == [WORDS["case file"]]


def test_no_file_of_the_data_folder_but_the_index_holds_any_of_them(filled: Archive):
    folder = filled.runtime.folder.root
    assert _where(folder, outside="index") == []


def test_nor_after_the_databases_were_closed_and_their_logs_written_back(filled: Archive):
    run = filled.runtime
    for database in (run.main, run.log_database):
        connection = sqlite3.connect(database.path)
        assert connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()[0] == 0
        connection.close()
    assert _where(run.folder.root, outside="index") == []
