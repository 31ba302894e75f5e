"""The development corpus goes in whole: each document is found by a word of its text or listed with a reason, and
the distributed shape holds the same and answers the same."""

import json
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from accounts import principals
from app import reconcile
from app.build import build
from app.reconcile import Agreement
from app.runtime import Runtime
from app.settings import load
from ingest.extraction import TROUBLES
from records import pages
from records.record import NEEDS_ATTENTION
from search.find import find
from tests.support import corpus as documents
from tests.support.cluster_kills import wait_until_idle
from tests.support.corpus import Teller, Told
from tests.support.corpus_queries import BEGINNINGS, SEARCHES
from tests.support.distributed import KEEPER, Servers, cluster
from tests.support.serving import serving

pytestmark = [pytest.mark.corpus, pytest.mark.slow]

IMPORT_SECONDS = 1200.0
PATIENCE_SECONDS = 300.0
"""For one answer: what is compared here is what is said, not how soon."""
_WORD = re.compile(r"(?<![\w'’-])[^\W\d_]{5,20}(?![\w'’-])")


@dataclass(frozen=True)
class Embedded:
    """A data folder that holds the corpus."""

    data: Path
    taken: list[dict[str, str]]
    """What the import printed, one for each file."""


@pytest.fixture(scope="module")
def embedded(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    """The corpus, imported on the command line by somebody called anna."""
    files = documents.files(corpus)
    data = tmp_path_factory.mktemp("embedded") / "data"
    folders = sorted({str(corpus / path.relative_to(corpus).parts[0]) for path in files})
    muniment = [sys.executable, "-m", "app.cli", "--data", str(data)]
    subprocess.run([*muniment, "user", "add", "anna", "--role", "staff"], check=True, capture_output=True)
    done = subprocess.run(
        [*muniment, "--json", "--as", "anna", "import", *folders],
        capture_output=True,
        text=True,
        timeout=IMPORT_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    taken = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["name"] for each in taken] == [path.name for path in files]
    return Embedded(data, taken)


def test_every_document_is_found_by_a_word_of_its_text_or_needs_attention_for_a_reason(embedded: Embedded) -> None:
    runtime = build(load({}, data=embedded.data))
    try:
        with runtime.main.read() as session:
            anna = principals.operator_for(session, "anna", at=runtime.clock.now(), keys=runtime.keys)
        unfound = []
        for each in embedded.taken:
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
        attention = sum(1 for each in embedded.taken if each["state"] == NEEDS_ATTENTION)
        assert attention < 0.15 * len(embedded.taken), "what is broken, empty or a picture without words is not more"
        agreement = reconcile.look(runtime)
        assert agreement.agrees, agreement
    finally:
        runtime.close()


COUNTED = ("records", "versions", "components", "index_documents", "capture_events", "originals", "failed_jobs")
EXPLAINED: dict[tuple[str, str], str] = {}
"""Differences between the shapes that are as they should be, with the reason: by what is told and which part of it.

There are none, beyond what ``corpus.OWN`` names and three kinds of order: by relevance, of equals, and of what was
found inside documents by the instant it was found.
"""


@pytest.mark.services
def test_the_distributed_shape_holds_the_same_and_gives_the_same_answers(
    corpus: Path, embedded: Embedded, tmp_path: Path
) -> None:
    paths = {path: str(path.relative_to(corpus)) for path in documents.files(corpus)}
    ours, counted = _told_by_embedded(embedded, list(paths.values()))
    theirs, also = _told_by_distributed(paths, tmp_path / "cluster")
    assert also.agrees, also
    assert {name: getattr(also, name) for name in COUNTED} == {name: getattr(counted, name) for name in COUNTED}
    different = documents.differences(ours, theirs)
    assert {each[:2] for each in different} == set(EXPLAINED), "\n".join(
        f"{what}, {part}:\n  {one}\n  {other}" for what, part, one, other in different
    )
    found = sum(1 for answer in ours.answers.values() if answer.total)
    assert found > 0.9 * len(SEARCHES), "most queries must find something, or nothing was compared"


def _told_by_embedded(embedded: Embedded, names: list[str]) -> tuple[Told, Agreement]:
    muniment = [sys.executable, "-m", "app.cli", "--data", str(embedded.data)]
    token = subprocess.run(
        [*muniment, "token", "create", "anna", "--scope", "capture,read"], check=True, capture_output=True, text=True
    ).stdout.strip()
    sent = {each["id"]: name for each, name in zip(embedded.taken, names, strict=True)}
    headers = {"Authorization": f"Bearer {token}"}
    with (
        serving(embedded.data) as server,
        closing(build(load({}, data=embedded.data))) as runtime,
        httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE_SECONDS) as client,
    ):
        return _told(Teller(client, sent), runtime)


def _told_by_distributed(paths: dict[Path, str], folder: Path) -> tuple[Told, Agreement]:
    with cluster(folder, Servers.of_make_services()) as running:
        token = running.new_token("anna")
        running.start_all()
        with (
            closing(running.runtime()) as runtime,
            running.client("web-0", token, timeout=PATIENCE_SECONDS) as first,
            running.client("web-1", token, timeout=PATIENCE_SECONDS) as second,
        ):
            # One after the other, so that both shapes receive them in the same order.
            sent = {documents.send(path, (first, second)[n % 2]): name for n, (path, name) in enumerate(paths.items())}
            wait_until_idle(runtime, IMPORT_SECONDS)
            told = _told(Teller(first, sent), runtime)
        assert "verified" in running.command("audit", "verify", name=KEEPER)
        return told


def _told(teller: Teller, runtime: Runtime) -> tuple[Told, Agreement]:
    # How long a page takes is no matter of the shape, but of what else the machine does.
    teller.read_again("time_limit")
    wait_until_idle(runtime, IMPORT_SECONDS)
    return teller.tell(SEARCHES, BEGINNINGS), reconcile.look(runtime)
