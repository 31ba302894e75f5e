"""A disk that is really full, and a folder that is really read-only, under a running server.

Both want a small file system of their own, mounted by root; they are skipped where that is not allowed.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from accounts import tokens
from app import reconcile
from app.build import build
from app.settings import Settings
from audit.check import check
from tests.support.archive import Archive
from tests.support.serving import Serving, serving, wait_until

MIB = 1024**2


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode != 0:
        pytest.skip("a file system cannot be mounted here: " + done.stderr.decode(errors="replace").strip())
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def token(small: Path) -> str:
    """A clerk's, of a new installation in ``small / "data"``."""
    archive = Archive.open(small / "data")
    with archive.runtime.main.write() as session:
        made = tokens.create(
            session, ("capture", "read"), by=archive.principal("clerk"), at=archive.now, keys=archive.runtime.keys
        )
    archive.close()
    return made.secret


class Caller:
    """Asks a server, wherever it listens now."""

    def __init__(self, server: Serving, token: str) -> None:
        self._server, self._headers = server, {"Authorization": f"Bearer {token}"}

    def put(self, name: str, data: bytes) -> httpx.Response:
        headers = self._headers | {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return httpx.put(f"{self._server.url}/api/v1/uploads", content=data, headers=headers, timeout=60)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self._server.url + path, headers=self._headers, timeout=60)

    def finds(self, word: str) -> bool:
        try:
            answer = self.get(f"/api/v1/search?q={word}")
            return answer.status_code == 200 and answer.json()["total"] == 1
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            return False


def _fill(folder: Path) -> Path:
    """Take all the space there is; deleting the file gives it back."""
    filler = folder / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (MIB, 4096, 1):
            while True:
                try:
                    os.write(handle, bytes(size))
                except OSError:
                    break
    finally:
        os.close(handle)
    return filler


def _is_whole(data: Path, records: int) -> None:
    runtime = build(Settings(data=data, workers=1))
    try:
        agreement = reconcile.look(runtime)
        assert agreement.agrees, agreement
        assert (agreement.records, agreement.failed_jobs) == (records, 0)
        assert check(runtime.log_database, file=data / "log" / "checkpoint").fault is None
    finally:
        runtime.close()


@pytest.mark.slow
def test_a_full_disk_refuses_and_all_goes_on_when_there_is_space_again(small: Path, token: str) -> None:
    data = small / "data"
    with serving(data) as server:
        caller = Caller(server, token)
        accepted = caller.put("before.txt", b"Guten Tag, liebe Zwetschgen")
        assert accepted.status_code == 202
        record = accepted.json()["id"]
        wait_until(lambda: caller.finds("zwetschgen"), 60, server)

        filler = _fill(small)
        refused = caller.put("large.txt", os.urandom(2 * MIB))
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_unwritable"), refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        read = caller.get(f"/api/v1/records/{record}/content")
        assert read.status_code in (200, 503), read.text
        if read.status_code == 503:
            assert read.json()["code"] == "audit_unavailable"
        else:
            assert read.content == b"Guten Tag, liebe Zwetschgen"

        filler.unlink()
        pid = server.process.pid
        assert caller.put("after.txt", b"Guten Tag, liebe Mirabellen").status_code == 202
        wait_until(lambda: caller.finds("mirabellen"), 120, server)
        assert caller.get(f"/api/v1/records/{record}/content").content == b"Guten Tag, liebe Zwetschgen"
        assert server.pids()["supervisor"] == pid
    _is_whole(data, 2)


@pytest.mark.slow
def test_a_folder_that_turns_read_only_refuses_and_all_goes_on_when_it_is_writable(small: Path, token: str) -> None:
    data = small / "data"
    with serving(data) as server:
        caller = Caller(server, token)
        assert caller.put("before.txt", b"Guten Tag, liebe Zwetschgen").status_code == 202
        wait_until(lambda: caller.finds("zwetschgen"), 60, server)
        # With files open for writing a remount is refused, so the folders are made so that nobody may write.
        for folder in ("objects/originals", "tmp"):
            subprocess.run(["mount", "--bind", str(data / folder), str(data / folder)], check=True)
            subprocess.run(["mount", "-o", "remount,ro,bind", str(data / folder)], check=True)
        try:
            refused = caller.put("refused.txt", b"Guten Tag")
            assert (refused.status_code, refused.json()["code"]) == (507, "disk_unwritable"), refused.text
            assert caller.finds("zwetschgen")
        finally:
            for folder in ("objects/originals", "tmp"):
                subprocess.run(["umount", "--lazy", str(data / folder)], check=True)
        assert caller.put("after.txt", b"Guten Tag, liebe Mirabellen").status_code == 202
        wait_until(lambda: caller.finds("mirabellen"), 120, server)
    _is_whole(data, 2)
