"""``muniment serve``: children come back, one server a folder, and nothing stays behind."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.serving import CHILDREN, Serving, descendants_of, is_alive, processes_of, serving, start, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("served") / "data"
    Archive.open(folder).close()
    with serving(folder) as made:
        yield made


def test_all_children_run_and_the_server_answers(server: Serving):
    pids = server.pids()
    assert set(pids) == {*CHILDREN, "supervisor"}
    assert all(is_alive(pid) for pid in pids.values())
    assert pids["supervisor"] == server.process.pid


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_that_is_killed_comes_back(server: Serving, name: str):
    before = server.kill(name)

    def is_back() -> bool:
        pid = server.pids().get(name)
        return pid not in (None, before) and is_alive(pid or 0) and server.is_ready()

    wait_until(is_back, 40, server)
    others = {other: pid for other, pid in server.pids().items() if other != name}
    assert all(is_alive(pid) for pid in others.values())
    assert "child ended, starting it again" in server.log.read_text()


def test_beat_lives_in_the_worker_and_comes_back_with_it(server: Serving):
    def beats() -> bool:
        with closing(sqlite3.connect(server.folder / "db" / "main.db", timeout=10)) as database:
            row = database.execute("SELECT holder FROM process_leases WHERE name = 'beat'").fetchone()
        return row is not None and row[0].split("/")[1:3] == ["beat", str(server.pids().get("worker"))]

    wait_until(beats, 40, server)
    server.kill("worker")
    # Its lease would run out after a minute; it is voided at once.
    wait_until(lambda: beats() and server.is_ready(), 40, server)


def test_a_second_server_on_the_folder_is_refused(server: Serving):
    second = start(server.folder)
    assert second.process.wait(30) == 1
    assert "Another Muniment server uses this data folder" in server.log.read_text()
    assert server.is_ready()


def test_the_command_line_works_beside_the_server_and_waits_for_it(server: Serving, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MUNIMENT_WORKERS", "1")
    cli, file = Cli(), tmp_path / "brief.txt"
    file.write_text("Lieber Herr Zwetschgenkompott")
    told = cli("--data", server.folder, "--as", "clerk", "import", file)
    assert told.code == 0, told.err
    assert cli("--data", server.folder, "--as", "clerk", "search", "zwetschgenkompott").err == "1 found\n"
    assert cli("--data", server.folder, "audit", "verify").code == 0
    assert cli("--data", server.folder, "reconcile").code == 0


def test_sigterm_stops_everything_and_leaves_no_process(tmp_path: Path):
    Archive.open(tmp_path / "data").close()
    (tmp_path / "brief.txt").write_text("Guten Tag")
    with serving(tmp_path / "data") as server:
        # Leaves an extraction child that waits for more.
        assert Cli()("--data", server.folder, "--as", "clerk", "import", tmp_path / "brief.txt").code == 0
        pids = {server.process.pid, *descendants_of(server.process.pid)}
        assert len(pids) >= 6
        assert server.stop() == 0
    wait_until(lambda: not processes_of(server.folder), 60)
    assert not any(is_alive(pid) for pid in pids)
    assert not (server.folder / "run" / "address.json").exists()


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path):
    with serving(tmp_path / "data") as server:
        pids = descendants_of(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(60)
        wait_until(lambda: not any(is_alive(pid) for pid in pids) and not processes_of(server.folder), 60, server)
