"""The folder of the embedded index: processes, kills, damage, full disks, and what erasing leaves."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tantivy import Index

from search.embedded import EmbeddedIndex
from search.port import IndexBusy, IndexDocument, IndexNotWritten, IndexUnusable, SearchRequest
from search.query import parse
from search.reader import EmbeddedReader
from search.schema import VERSION
from search.shards import MANIFEST
from tests.contracts.search_contract import a_document, all_pages, fill, found

CANARY = "zqxwcanary7391"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def places_of(folder: Path, word: str) -> list[str]:
    """Where ``word`` still is: bytes of any file, and the terms of all segments, deleted documents included.

    Term dictionaries pack their bytes, so those are asked; each file must belong to a segment that was.
    """
    forms = [word.encode(), word[::-1].encode(), word.encode("utf-16-le")]
    contents = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    places = [name for name, data in contents.items() if any(form in data for form in forms)]
    for shard in (path for path in folder.iterdir() if path.is_dir()):
        segments = {
            each["segment_id"].replace("-", "") for each in json.loads((shard / "meta.json").read_bytes())["segments"]
        }
        places += [path.name for path in shard.iterdir() if path.name[:32].isalnum() and path.name[:32] not in segments]
        searcher = Index.open(str(shard)).searcher()
        fields = ("body", "stems_en", "head", "title", "party", "record")
        places += [f"{shard.name} {field}" for field in fields if searcher.doc_freq(field, word)]
        places += [
            f"{shard.name} label" for field in ("number", "case") if searcher.doc_freq("label", f"{field}:{word}")
        ]
    return places


def test_erasing_leaves_no_byte_of_the_word_in_any_file(folder: Path) -> None:
    with EmbeddedIndex(folder, shard_records=4) as index, EmbeddedReader(folder) as elsewhere:
        secret = a_document(
            f"{CANARY} common", title=f"{CANARY} title", parties=(f"{CANARY} GmbH",), number=CANARY, case_file=CANARY
        )
        documents = {each.record_id: each for each in fill(index, [secret, *(a_document("common") for _ in range(11))])}
        before = places_of(folder, CANARY)
        assert any(each.endswith(".fast") for each in before)
        assert any(each.endswith(" body") for each in before)
        assert found(elsewhere, CANARY) == {secret.record_id}

        erasure = index.erase([secret.record_id], lambda ids: (documents[each] for each in ids))

        assert (erasure.shards, erasure.kept, erasure.lost) == (1, 3, ())
        assert places_of(folder, CANARY) == []
        assert places_of(folder, secret.record_id.hex) == []
        assert found(elsewhere, "common") == set(documents) - {secret.record_id}
        assert elsewhere.suggest(CANARY[:4], None) == ()


@pytest.mark.parametrize("before", ["replaced", "removed", "hidden"])
def test_erasing_reaches_what_an_earlier_change_left_in_the_files(folder: Path, before: str) -> None:
    with EmbeddedIndex(folder, shard_records=4) as index:
        secret = a_document(f"{CANARY} common")
        documents = {each.record_id: each for each in fill(index, [secret, *(a_document("common") for _ in range(6))])}
        if before == "replaced":
            fill(index, [a_document("nothing", record_id=secret.record_id)])
        elif before == "removed":
            index.remove([secret.record_id])
            index.commit()
        else:
            index.hide([secret.record_id])
        assert found(index, CANARY) == set()
        assert places_of(folder, CANARY), "otherwise this test proves nothing"
        assert index.erase([secret.record_id], lambda ids: (documents[each] for each in ids)).shards == 1
        assert places_of(folder, CANARY) == []
        assert index.count() == 6


def test_an_erasure_that_failed_half_way_hides_at_once_and_can_be_done_again(folder: Path) -> None:
    with EmbeddedIndex(folder) as index:
        documents = {
            each.record_id: each for each in fill(index, [a_document(f"{CANARY}{n} common") for n in range(5)])
        }
        erased = next(iter(documents))

        def broken(ids: Sequence[UUID]) -> Iterator[IndexDocument]:
            yield documents[ids[0]]
            raise OSError("the vault is away")

        with pytest.raises(OSError, match="away"):
            index.erase([erased], broken)
        assert found(index, "common") == set(documents) - {erased}
        assert len([path for path in folder.iterdir() if path.is_dir()]) == 1
        assert index.erase([erased], lambda ids: (documents[each] for each in ids)).shards == 1
        assert places_of(folder, f"{CANARY}0") == []
        assert found(index, "common") == set(documents) - {erased}


def test_a_reader_elsewhere_asks_of_shards_while_they_are_swapped(folder: Path) -> None:
    with EmbeddedIndex(folder, shard_records=3) as index, EmbeddedReader(folder) as reader:
        documents = {each.record_id: each for each in fill(index, [a_document("common") for _ in range(9)])}
        for erased in list(documents)[:5]:
            index.erase([erased], lambda ids: (documents[each] for each in ids))
            del documents[erased]
            assert found(reader, "common") == set(documents)


def test_a_second_writer_is_refused_until_the_first_lets_go(folder: Path) -> None:
    with EmbeddedIndex(folder):
        with pytest.raises(IndexBusy):
            EmbeddedIndex(folder)
        with pytest.raises(IndexBusy):
            EmbeddedIndex.anew(folder)
    EmbeddedIndex(folder).close()


def test_what_was_not_committed_is_gone_when_opened_again(folder: Path) -> None:
    with EmbeddedIndex(folder, shard_records=2) as index:
        kept = fill(index, [a_document("common") for _ in range(3)])
        index.put([a_document("common")])
        index.remove([kept[0].record_id])
    with EmbeddedIndex(folder, shard_records=2) as index:
        assert found(index, "common") == {each.record_id for each in kept}
        fill(index, [a_document("common")])
        assert index.count() == 4


def test_no_shard_holds_more_records_than_it_may(folder: Path) -> None:
    with EmbeddedIndex(folder, shard_records=4) as index:
        documents = fill(index, [a_document("common") for _ in range(10)])
        fill(index, [a_document("again", record_id=each.record_id) for each in documents])
        assert len(json.loads((folder / MANIFEST).read_bytes())["shards"]) == 3
        index.remove([each.record_id for each in documents[:4]])
        index.commit()
        fill(index, [a_document("common") for _ in range(6)])
        assert len(json.loads((folder / MANIFEST).read_bytes())["shards"]) == 3
        assert index.count() == 12


def _truncate_a_segment(folder: Path) -> None:
    for path in folder.rglob("*.term"):
        path.write_bytes(path.read_bytes()[:10])


def _delete_a_shard(folder: Path) -> None:
    shard = next(path for path in folder.iterdir() if path.is_dir())
    for path in shard.iterdir():
        path.unlink()
    shard.rmdir()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / MANIFEST).write_bytes(b"{"), id="manifest cut off"),
        pytest.param(lambda folder: (folder / MANIFEST).write_bytes(b"[]"), id="manifest of another shape"),
        pytest.param(lambda folder: (folder / MANIFEST).unlink(), id="manifest missing"),
        pytest.param(
            lambda folder: (folder / MANIFEST).write_text(
                json.dumps({"format": 1, "schema": VERSION + 1, "shards": []})
            ),
            id="another version",
        ),
        pytest.param(
            lambda folder: (folder / MANIFEST).write_text(
                json.dumps({"format": 1, "schema": VERSION, "shards": ["../elsewhere"]})
            ),
            id="a path out of the folder",
        ),
        pytest.param(lambda folder: [path.write_bytes(b"{") for path in folder.rglob("meta.json")], id="shard's list"),
        pytest.param(_delete_a_shard, id="shard missing"),
        pytest.param(_truncate_a_segment, id="segment cut off"),
    ],
)
def test_a_damaged_index_says_so_and_can_be_made_anew(folder: Path, damage: object) -> None:
    with EmbeddedIndex(folder) as index:
        fill(index, [a_document("common")])
    assert callable(damage)
    damage(folder)
    with pytest.raises(IndexUnusable), EmbeddedReader(folder) as reader:
        found(reader, "common")
    with pytest.raises(IndexUnusable):
        EmbeddedIndex(folder)
    with EmbeddedIndex.anew(folder) as index:
        assert index.count() == 0
        fill(index, [a_document("common")])
        assert len(found(index, "common")) == 1


def test_a_reader_of_no_index_says_that_there_is_none(folder: Path) -> None:
    with pytest.raises(IndexUnusable):
        EmbeddedReader(folder).search(SearchRequest())


def test_folders_a_kill_left_behind_are_swept(folder: Path) -> None:
    with EmbeddedIndex(folder) as index:
        fill(index, [a_document("common")])
    stray = folder / "shard-0123456789abcdef"
    stray.mkdir()
    (stray / "x.term").write_bytes(CANARY.encode())
    with EmbeddedIndex(folder) as index:
        assert not stray.exists()
        assert index.count() == 1


def test_a_list_of_deletions_that_a_kill_left_behind_is_in_nobodys_way(folder: Path, tmp_path: Path) -> None:
    documents = [a_document("before") for _ in range(3)]
    changed = replace(documents[0], body="after", revision=documents[0].revision + 1)
    with EmbeddedIndex(folder) as index:
        fill(index, documents)
    killed = tmp_path / "killed"
    shutil.copytree(folder, killed)
    fill_again(folder, changed)
    for path in folder.rglob("*"):
        # All that a commit writes, but for the last file, which makes it one.
        if path.is_file() and path.name != "meta.json":
            shutil.copy(path, killed / path.relative_to(folder))
    assert list(killed.rglob("*.del"))

    fill_again(killed, changed)

    with EmbeddedReader(killed) as reader:
        assert reader.count() == 3
        assert found(reader, "after") == {changed.record_id}
        assert changed.record_id not in found(reader, "before")


def fill_again(folder: Path, document: IndexDocument) -> None:
    """Replace one document, in a process' own opening of the index."""
    with EmbeddedIndex(folder) as index:
        index.put([document])
        index.commit()


def test_a_full_disk_is_told_and_the_index_goes_on_afterwards(folder: Path) -> None:
    with EmbeddedIndex(folder) as index:
        kept = fill(index, [a_document("common")])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
            with pytest.raises(IndexNotWritten):
                fill(index, [a_document(f"common {' '.join(map(str, range(5_000)))}")])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, old)
        assert found(index, "common") == {each.record_id for each in kept}
        fill(index, [a_document("common")])
        assert len(found(index, "common")) == 2


def test_many_threads_ask_while_one_writes(folder: Path) -> None:
    with EmbeddedIndex(folder, shard_records=20) as index, EmbeddedReader(folder) as reader:
        fill(index, [a_document("die Verträge", language="de")])

        def ask(_: int) -> list[int]:
            totals = []
            for _ in range(30):
                assert [each.text for each in reader.suggest("vertr", None)] == ["vertrage"]
                request = SearchRequest(parse("vertrag").tree, access_sets=None, facets=("class",))
                totals.append(reader.search(request).total)
            return totals

        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(ask, range(4))
            for _ in range(10):
                fill(index, [a_document("die Verträge", language="de") for _ in range(5)])
            for totals in answers:
                assert totals == sorted(totals)
        assert index.count() == 51


WRITER = """
import sys
from pathlib import Path
from search.embedded import EmbeddedIndex
from tests.contracts.search_contract import a_document
with EmbeddedIndex(Path(sys.argv[1]), shard_records=40) as index:
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    number = index.count()
    for line in sys.stdin if sys.argv[2] == "asked" else iter(str, None):
        index.put([a_document(f"common n{number + step} " + "filler " * 300) for step in range(10)])
        index.commit()
        number += 10
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def a_writer(folder: Path, mode: str) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), mode],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_reader_sees_each_commit_of_another_process_at_once(folder: Path) -> None:
    with a_writer(folder, "asked") as writer, EmbeddedReader(folder) as reader:
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        assert reader.count() == 0
        for _ in range(12):
            writer.stdin.write("more\n")
            writer.stdin.flush()
            committed = int(writer.stdout.readline())
            result = reader.search(SearchRequest(parse("common").tree, access_sets=None, limit=1))
            assert result.total == committed
        with pytest.raises(IndexBusy):
            EmbeddedIndex(folder)
        writer.stdin.close()
        assert writer.wait(20) == 0


def test_killed_at_any_moment_the_index_holds_all_that_was_committed(folder: Path) -> None:
    committed = 0
    for attempt in range(5):
        with a_writer(folder, "endless") as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
            time.sleep(0.02 + 0.037 * attempt)
            writer.kill()
            told = [int(line) for line in writer.stdout if line.endswith("\n")]
        committed = max([committed, *told])
        with EmbeddedReader(folder) as reader:
            ids = all_pages(reader, 200, sort="received")
            assert len(ids) == len(set(ids)) == reader.count() >= committed
            committed = reader.count()
    assert committed
    with EmbeddedIndex(folder, shard_records=40) as index:
        fill(index, [a_document("afterwards")])
        assert len(found(index, "afterwards")) == 1
        assert index.count() == committed + 1
