import hashlib
import io
import zipfile
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exports.archive import Archive

AT = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)
_NAMES = st.lists(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.json", fullmatch=True), unique=True, max_size=5)


@given(_NAMES, st.lists(st.binary(max_size=5_000), min_size=5, max_size=5), st.lists(st.binary(max_size=100)))
def test_what_is_put_in_comes_out(names: list[str], contents: list[bytes], pieces: list[bytes]) -> None:
    archive = Archive(AT)
    written = [archive.put(name, content) for name, content in zip(names, contents, strict=False)]
    written += archive.stream("streamed", pieces)
    written.append(archive.close())
    with zipfile.ZipFile(io.BytesIO(b"".join(written))) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == {
            **dict(zip(names, contents, strict=False)),
            "streamed": b"".join(pieces),
        }
        for name in read.namelist():
            assert archive.digests[name] == hashlib.sha256(read.read(name)).hexdigest()
            assert read.getinfo(name).date_time == (2026, 3, 4, 5, 6, 8)


def test_the_end_of_an_archive_that_broke_off_is_missed() -> None:
    archive = Archive(AT)
    written = archive.put("a", bytes(range(256)) * 4_000) + archive.put("b", b"b")
    assert not zipfile.is_zipfile(io.BytesIO(written))
