"""No record stands in the index twice, wherever its writer was killed; one that does is put right."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from search import indexer
from search.embedded import EmbeddedIndex
from search.port import IndexDocument, IndexNotWritten
from search.reader import EmbeddedReader
from search.shards import MANIFEST, ShardWriter
from tests.contracts.search_contract import a_document, fill, found
from tests.support.archive import Archive
from tests.support.index_kills import copies_of, kill_writers


def shard_of(folder: Path) -> Path:
    """The folder of the only shard."""
    (shard,) = [path for path in folder.iterdir() if path.is_dir()]
    return shard


def take_in(shard: Path, others: Sequence[Path]) -> None:
    """Join the segments of other shards to a shard, as if it had written them, and merged none."""
    meta, managed = (json.loads((shard / name).read_bytes()) for name in ("meta.json", ".managed.json"))
    for other in others:
        meta["segments"] += json.loads((other / "meta.json").read_bytes())["segments"]
        for path in other.iterdir():
            if path.name[:32].isalnum():
                shutil.copy(path, shard)
                managed.append(path.name)
    (shard / "meta.json").write_text(json.dumps(meta))
    (shard / ".managed.json").write_text(json.dumps(managed))


def test_a_merge_begun_anew_after_a_kill_brings_back_no_old_form(tmp_path: Path) -> None:
    documents = [[a_document("common") for _ in range(3)] for _ in range(7)]
    shards = []
    for number, some in enumerate(documents):
        with EmbeddedIndex(tmp_path / str(number)) as index:
            fill(index, some)
        shards.append(shard_of(tmp_path / str(number)))
    # Six segments; a commit that replaces one record makes a seventh, and leaves its mark on the first of them.
    folder, first, second = tmp_path / "0", *documents[0][:2]
    take_in(shards[0], shards[1:6])
    with EmbeddedIndex(folder) as index:
        fill(index, [replace(first, body="again", revision=2)])
    # With an eighth the engine wants to merge. Killed just then, it begins with the next writer's first flush.
    take_in(shards[0], shards[6:])
    for attempt in range(8):
        # The order in which the engine takes the segments is left to chance.
        killed = tmp_path / f"killed-{attempt}"
        shutil.copytree(folder, killed)
        with EmbeddedIndex(killed) as index:
            fill(index, [replace(second, body="anew", revision=2)])
        assert set(copies_of(killed).values()) == {1}
        with EmbeddedReader(killed) as reader:
            assert found(reader, "anew") == {second.record_id}
            assert second.record_id not in found(reader, "common")
            assert reader.count() == 21


def test_a_writer_killed_over_and_over_makes_no_doubles(tmp_path: Path) -> None:
    outcome = kill_writers(tmp_path / "index", rounds=60, seed=20261122)
    assert (outcome.kills, outcome.doubles, outcome.failed) == (60, 0, 0)


def double(folder: Path, document: IndexDocument, shard: str | None = None) -> None:
    """Write a document beside what there is of its record, in the first shard or a new one."""
    names = json.loads((folder / MANIFEST).read_bytes())
    if shard is not None:
        names["shards"].append(shard)
        (folder / MANIFEST).write_text(json.dumps(names))
    writer = ShardWriter(folder / (shard or names["shards"][0]))
    writer.add(document, replaces=False)
    writer.commit()
    writer.close()


@pytest.mark.parametrize("shard", [None, "shard-0123456789abcdef"], ids=["in one shard", "in two shards"])
@pytest.mark.parametrize("change", ["put", "remove", "hide"])
def test_a_record_that_stands_twice_is_replaced_and_removed_as_a_whole(
    tmp_path: Path, shard: str | None, change: str
) -> None:
    folder = tmp_path / "index"
    with EmbeddedIndex(folder) as index:
        document, *others = fill(index, [a_document("common") for _ in range(3)])
    double(folder, replace(document, body="double"), shard)
    assert copies_of(folder)[document.record_id] == 2
    with EmbeddedIndex(folder) as index:
        if change == "put":
            # Many at once: the double must not keep another one from being known.
            fill(index, [replace(each, body="after", revision=2) for each in (*others, document)])
        else:
            getattr(index, change)([document.record_id])
            index.commit()
        kept = {each.record_id for each in others} | ({document.record_id} if change == "put" else set())
        assert copies_of(folder) == dict.fromkeys(kept, 1)
        assert found(index, "double") == set()
        assert found(index, "after") == (kept if change == "put" else set())


def test_a_keeper_that_starts_puts_a_record_right_that_stands_twice(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "data")
    row, other = archive.receive(b"Zwetschgen"), archive.receive(b"Birnen")
    archive.settle()
    folder = archive.runtime.folder.index
    document = indexer.document_of(archive.runtime.content, row.id, by=archive.principal("clerk"))
    assert document is not None
    double(folder, document)
    assert copies_of(folder) == {row.id: 2, other.id: 1}
    assert indexer.drift(archive.runtime.index, archive.runtime.main) == ({row.id}, set())
    with archive.keeper() as keeper:
        assert keeper.ask_for_all() == 1
        keeper.settle()
    assert copies_of(folder) == {row.id: 1, other.id: 1}
    archive.close()


def test_a_shard_that_could_not_be_listed_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "index"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with EmbeddedIndex(folder) as index:
        monkeypatch.setattr("search.embedded.write_manifest", full)
        with pytest.raises(IndexNotWritten):
            index.put([a_document("common")])
        monkeypatch.undo()
        assert [path for path in folder.iterdir() if path.is_dir()] == []
        kept = fill(index, [a_document("common")])
        with EmbeddedReader(folder) as reader:
            assert found(reader, "common") == {each.record_id for each in kept}
