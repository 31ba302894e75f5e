from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.archive import Archive
from tests.support.evidence import Seen, key_of, settle

READERS = ("clerk", "second_clerk", "manager")


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    archive = Archive.open(tmp_path_factory.mktemp("exports") / "data")
    row = archive.receive(b"Der Zebrafink singt", "zebrafink.txt", record_class="supplier_invoice")
    other = archive.receive(b"Die Amsel schweigt", "amsel.txt", record_class="supplier_invoice")
    archive.index()
    for number in range(60):
        opened = archive.runtime.content.open_original(
            row.id, by=archive.principal(READERS[number % 3]), purpose="download", request=f"req-{number // 20}"
        )
        assert b"".join(opened.chunks) == b"Der Zebrafink singt"
    archive.search("Zebrafink")
    settle(archive)
    yield Seen(archive, row.id, other.id, key_of(archive))
    archive.close()


@pytest.fixture(scope="session")
def exported(seen: Seen, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The archive of what is wanted, made once."""
    folder = tmp_path_factory.mktemp("archives")

    def make(**wanted: str) -> Path:
        name = "-".join(f"{key}-{value}" for key, value in wanted.items()).replace(".", "_")
        place = folder / f"{name}.zip"
        if not place.exists():
            place.write_bytes(b"".join(seen.export(**wanted).pieces))
        return place

    return make
