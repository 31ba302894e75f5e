"""The clock of an archive for tests, and that no other archive's clock can be moved."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.build import build
from app.clock import clock_of, permit
from app.prepare import prepare
from app.settings import BadSetting, load


def ahead_of(now: datetime) -> timedelta:
    return now - datetime.now(UTC)


def test_the_clock_of_an_archive_made_for_tests_is_moved_while_it_runs_and_never_goes_back(tmp_path: Path) -> None:
    chosen = load({"MUNIMENT_TEST_CLOCK": "1"}, data=tmp_path)
    prepare(chosen)
    runtime = build(chosen)
    try:
        assert abs(ahead_of(runtime.clock.now())) < timedelta(minutes=1)
        for written, days in (("34560000", 400), ("", 400), ("86400", 400), ("nonsense", 400), ("43200000", 500)):
            (tmp_path / "test-clock").write_text(written)
            assert abs(ahead_of(runtime.clock.now()) - timedelta(days=days)) < timedelta(minutes=1)
    finally:
        runtime.close()


def test_the_clock_of_an_archive_that_has_begun_without_it_cannot_be_moved(tmp_path: Path) -> None:
    prepare(load({}, data=tmp_path))
    moved = load({"MUNIMENT_TEST_CLOCK": "1"}, data=tmp_path)
    for start in (prepare, build, clock_of):
        with pytest.raises(BadSetting, match="not made for tests"):
            start(moved)
    assert not (tmp_path / "test-clock").exists()


def test_an_archive_made_for_tests_goes_by_the_machines_clock_where_nobody_asks_for_another(tmp_path: Path) -> None:
    prepare(load({"MUNIMENT_TEST_CLOCK": "1"}, data=tmp_path))
    (tmp_path / "test-clock").write_text("34560000")
    assert abs(ahead_of(clock_of(load({}, data=tmp_path)).now())) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param(
            {"MUNIMENT_HOST": "0.0.0.0", "MUNIMENT_BEHIND_PROXY": "1"}, "only this machine", id="other machines"
        ),
        pytest.param(
            {"MUNIMENT_PUBLIC_URL": "https://archive.example.org"}, "only this machine", id="a public address"
        ),
        pytest.param(
            {"MUNIMENT_DATABASE": "postgresql://a@db.example.org/c"}, "servers on this machine", id="another's database"
        ),
        pytest.param(
            {"MUNIMENT_DATABASE": "postgresql://a@127.0.0.1/c", "MUNIMENT_BROKER": "redis://b.example.org/0"},
            "servers on this machine",
            id="another's broker",
        ),
        pytest.param(
            {
                "MUNIMENT_DATABASE": "postgresql://a@127.0.0.1/c",
                "MUNIMENT_ELASTICSEARCH": "http://127.0.0.1:9200, https://index.example.org:9200",
            },
            "servers on this machine",
            id="one of two search servers is another's",
        ),
    ],
)
def test_a_clock_is_not_moved_where_others_could_rely_on_it(more: dict[str, str], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        load({"MUNIMENT_TEST_CLOCK": "1"} | more)


def test_processes_on_one_machine_share_the_clock_that_lies_beside_their_keys(tmp_path: Path) -> None:
    servers = {"MUNIMENT_DATABASE": "postgresql://a@127.0.0.1:5432/c", "MUNIMENT_ELASTICSEARCH": "http://[::1]:9200"}
    keys = {"MUNIMENT_KEYS": str(tmp_path / "keys"), "MUNIMENT_TEST_CLOCK": "1"}
    web, worker = (load(servers | keys, data=tmp_path / name) for name in ("web", "worker"))
    for process in (web, worker):
        with pytest.raises(BadSetting, match="not made for tests"):
            clock_of(process)
    (tmp_path / "keys").mkdir()
    permit(web, lambda settings: True)
    assert not (tmp_path / "keys" / "test-clock").exists(), "what has begun is not made one for tests"
    permit(web, lambda settings: False)
    (tmp_path / "keys" / "test-clock").write_text("34560000")
    for process in (web, worker):
        assert abs(ahead_of(clock_of(process).now()) - timedelta(days=400)) < timedelta(minutes=1)


def test_a_file_of_settings_cannot_move_the_clock(tmp_path: Path) -> None:
    (tmp_path / "muniment.toml").write_text("test_clock = true\n")
    with pytest.raises(BadSetting, match="variable only"):
        load({}, data=tmp_path)
