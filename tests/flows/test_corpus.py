"""The development corpus goes in whole, and each document is found by a word of its text or listed with a reason."""

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from accounts import principals
from app import reconcile
from app.build import build
from app.settings import load
from ingest.extraction import TROUBLES
from records import pages
from records.record import NEEDS_ATTENTION
from search.find import find

pytestmark = [pytest.mark.corpus, pytest.mark.slow]

_WORD = re.compile(r"(?<![\w'’-])[^\W\d_]{5,20}(?![\w'’-])")


def test_every_document_is_found_by_a_word_of_its_text_or_needs_attention_for_a_reason(
    corpus: Path, tmp_path: Path
) -> None:
    folders = sorted(str(path) for path in corpus.iterdir() if path.is_dir() and path.name != "_pii")
    expected = sum(1 for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    muniment = [sys.executable, "-m", "app.cli", "--data", str(tmp_path / "data")]
    subprocess.run([*muniment, "user", "add", "anna", "--role", "staff"], check=True, capture_output=True)
    done = subprocess.run(
        [*muniment, "--json", "--as", "anna", "import", *folders], capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    taken = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(taken) == expected

    runtime = build(load({}, data=tmp_path / "data"))
    try:
        with runtime.main.read() as session:
            anna = principals.operator_for(session, "anna", at=runtime.clock.now(), keys=runtime.keys)
        unfound = []
        for each in taken:
            detail = runtime.content.detail(UUID(each["id"]), by=anna)
            version = detail.versions[-1][0]
            if each["state"] == NEEDS_ATTENTION:
                assert version.trouble_code in TROUBLES, each["name"]
                assert version.trouble_detail, each["name"]
                continue
            read, _ = runtime.content.open_pages(detail.record.id, by=anna)
            words = sorted(set(_WORD.findall(pages.join_text(read))), key=len, reverse=True)
            if not words:
                words = [each["number"]]
            # A word may stand in many documents: it is narrowed to this one by its number.
            query = f"{words[0]} record:{detail.record.number}"
            found = find(runtime.content, runtime.index, query, by=anna)
            if [item.record.id for item in found.items] != [detail.record.id]:
                unfound.append((each["name"], words[0]))
        assert unfound == []
        agreement = reconcile.look(runtime)
        assert agreement.agrees, agreement
    finally:
        runtime.close()
