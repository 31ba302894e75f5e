"""Destruction over a real S3 store: every version goes; what a lock keeps is named with its end, and unreadable."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from minio import Minio

from app import locks, sweep
from records import lock_check, object_lock
from retention import certificate
from services import MinIO, private
from tests.support.app import Office
from tests.support.archive import StandingClock
from tests.support.depot import Depot
from tests.support.locks import archive_over, work
from vault.s3 import S3Store
from vault.s3_client import connect

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server() -> Iterator[MinIO]:
    with private(MinIO) as running:
        yield running


@pytest.fixture
def client(server: MinIO) -> Minio:
    facts = server.facts()
    return connect(
        f"http://127.0.0.1:{server.port}",
        access_key=facts["access_key"],
        secret_key=facts["secret_key"],
        region=facts["region"],
    )


@pytest.fixture
def depot(tmp_path: Path, server: MinIO, client: Minio) -> Iterator[tuple[Depot, StandingClock, str]]:
    bucket = server.new_bucket()
    store = S3Store(client, bucket)
    store.establish()
    archive, clock = archive_over(tmp_path / "data", store)
    made = Depot.of(archive)
    yield made, clock, bucket
    made.close()


def versions(client: Minio, bucket: str) -> list[tuple[str, bool]]:
    """Every version and every delete marker of the bucket."""
    found = client.list_objects(bucket, recursive=True, include_version=True)
    return [(each.object_name or "", bool(each.is_delete_marker)) for each in found]


def test_every_version_is_deleted_and_none_is_only_marked(
    depot: tuple[Depot, StandingClock, str], client: Minio
) -> None:
    made, _clock, bucket = depot
    [gone] = made.file("one invoice")
    made.archive.receiver.receive_version([b"better"], record_id=gone, name="b.txt", by=made.by("clerk"))
    made.archive.settle()
    before = [name for name, _ in versions(client, bucket) if name.startswith(("originals/", "derived/"))]
    assert len(before) >= 3
    made.approved()
    assert made.carry_out().locked == 0
    made.archive.settle()
    assert [each for each in versions(client, bucket) if each[0].startswith(("originals/", "derived/"))] == []
    assert [row.locked for row in made.certificates()] == [0]


def test_what_a_lock_keeps_is_named_with_its_end_and_is_no_alarm(
    depot: tuple[Depot, StandingClock, str], client: Minio, caplog: pytest.LogCaptureFixture
) -> None:
    made, clock, bucket = depot
    kept, free = made.file("kept invoice", "free invoice")
    last = clock.at.date() + timedelta(days=3)
    with made.run.main.write() as session:
        object_lock.ask(session, kept, retain_through=last, at=made.now)
    work(made.archive)
    made.approved()
    outcome = made.carry_out()
    assert (outcome.begun, outcome.locked, outcome.failed) == (2, 1, {})
    made.archive.settle()
    [issued] = made.certificates()
    content = certificate.verify(issued.body, issued.signature, issued.vkey).content
    locked = {each["id"]: each["locked"] for each in content["records"]}
    assert locked[free.hex] == []
    [left] = locked[kept.hex]
    assert left["until"] == (last + timedelta(days=1)).isoformat()
    assert issued.locked == 1
    office = Office(made.run, made.archive.entity, made.archive.departments, made.archive.people)
    page = office.browser("auditor")[0].get(f"/certificates/{issued.id}")
    end = last + timedelta(days=1)
    assert page.status_code == 200
    assert f"until {end.day} {end:%B %Y}" in page.text
    originals = [name for name, _ in versions(client, bucket) if name.startswith("originals/")]
    assert originals == [left["key"]]
    with caplog.at_level(logging.ERROR, "muniment.locks"):
        lock_check.compare_all(locks.locker_of(made.run))
    assert [line for line in caplog.records if line.name == "muniment.locks"] == []
    clock.at += timedelta(days=2)
    assert sweep.sweep_unnamed(made.run) >= 0
