"""Locks in a real store: laid by jobs, read back, prolonged, and missed when somebody removes them behind our back."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.retention import Retention
from sqlalchemy import delete, update

from app import locks, reconcile
from core import jobs
from core.identifiers import new_id
from records import capture, lock_check, object_lock, record
from records.object_lock import ObjectLock
from services import MinIO, private
from tests.support.archive import Archive, StandingClock
from tests.support.locks import another_night, archive_over, counts, rows, work
from vault.lock import COMPLIANCE, ObjectLocked, lock_until, plus_months
from vault.s3 import S3Store
from vault.s3_client import connect
from vault.store import new_original_key

pytestmark = pytest.mark.services
FAR = date(2044, 12, 31)


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
def store(server: MinIO, client: Minio) -> S3Store:
    made = S3Store(client, server.new_bucket())
    made.establish()
    return made


@pytest.fixture
def firm(tmp_path: Path, store: S3Store) -> Iterator[tuple[Archive, StandingClock]]:
    archive, clock = archive_over(tmp_path / "data", store)
    yield archive, clock
    archive.close()


def _ask(archive: Archive, retain_through: date | None = FAR, *, held: bool = False) -> UUID:
    """A record whose class a person stated, with what is asked for it; the job waits."""
    found = archive.receive(record_class="receipt")
    with archive.runtime.main.write() as session:
        if held:
            object_lock.ask_hold(session, found.id, True, archive.now)
        else:
            object_lock.ask(session, found.id, retain_through=retain_through, at=archive.now)
    return found.id


def _codes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.code for line in caplog.records if line.name == "muniment.locks"]  # type: ignore[attr-defined]


def test_a_lock_that_was_asked_for_is_laid_read_back_and_in_the_log(
    firm: tuple[Archive, StandingClock], store: S3Store
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    assert counts(archive).waiting == 1
    assert work(archive) == 1
    archive.settle()
    (row,) = rows(archive, record_id)
    until = lock_until(today=clock.at.date(), retain_through=FAR)
    assert (row.seen_mode, row.seen_until, row.seen_held, row.trouble) == (COMPLIANCE, until, False, None)
    assert store.lock_of(row.object_key, row.object_version).until == until
    (event,) = archive.events("object.locked")
    last = plus_months(clock.at.date(), 13).isoformat()
    assert event.details == {
        "mode": "compliance", "until": last, "held": False, "floor": True, "through": FAR.isoformat(), "hold": False
    }  # fmt: skip
    assert event.event_id == row.event
    with pytest.raises(ObjectLocked):
        store.delete(row.object_key, row.object_version)
    with archive.runtime.main.read() as session:
        assert object_lock.kept(session, row.object_key, row.object_version, at=archive.now).until == until
    found = reconcile.look(archive.runtime)
    assert (found.store_locks, found.locked_originals, found.lock_differences) == (True, 1, 0)


def test_what_is_added_to_a_locked_record_is_locked_too_and_nothing_that_is_derived(
    firm: tuple[Archive, StandingClock], store: S3Store
) -> None:
    archive, _ = firm
    record_id = _ask(archive)
    work(archive)
    archive.receiver.receive_version([b"Besser so"], record_id=record_id, name="b.txt", by=archive.principal("clerk"))
    archive.settle()
    component = new_id()
    stored = archive.runtime.store.put(key := new_original_key(), [b"sealed"])
    with archive.runtime.main.write() as session:
        row = session.get_one(record.Record, record_id)
        version = record.get_version(session, row)
        capture.add_component(
            session, row, version, component_id=component, object_key=key, stored=stored, role="signature",
            name="a.p7s", media_type="application/pkcs7-signature",
            key=archive.runtime.keys.get(session, version.id), by=archive.principal("clerk"), at=archive.now,
        )  # fmt: skip
    work(archive)
    found = rows(archive, record_id)
    assert len(found) == 3
    assert {row.seen_mode for row in found} == {COMPLIANCE}
    assert all(row.object_key.startswith("originals/") for row in found)
    derived = list(store.keys("derived/"))
    assert derived
    assert {store.lock_of(each.key, each.version).mode for each in derived} == {None}


def test_a_lock_is_prolonged_monthly_and_reaches_the_last_day_of_the_minimum(
    firm: tuple[Archive, StandingClock], store: S3Store
) -> None:
    archive, clock = firm
    through = plus_months(clock.at.date(), 15)
    record_id = _ask(archive, through)
    work(archive)
    locker, reached = locks.locker_of(archive.runtime), []
    for _ in range(5):
        (row,) = rows(archive, record_id)
        assert row.seen_until is not None
        reached.append((row.seen_until - timedelta(days=1)).date())
        clock.at += timedelta(days=20)
        assert locker.ask_due() == 0, "not before a month is over"
        clock.at += timedelta(days=12)
        locker.ask_due()
        work(archive)
    assert reached == sorted(reached)
    assert reached[-1] == through == reached[-2]
    assert store.lock_of(row.object_key, row.object_version).until == row.seen_until


def test_while_it_awaits_its_trigger_twelve_months_roll_on(firm: tuple[Archive, StandingClock]) -> None:
    archive, clock = firm
    record_id = _ask(archive, None)
    work(archive)
    (row,) = rows(archive, record_id)
    assert row.seen_until == lock_until(today=clock.at.date(), retain_through=None)
    assert row.ask_on == plus_months(clock.at.date(), 1)


def test_a_legal_hold_is_mirrored_and_lifted(firm: tuple[Archive, StandingClock], store: S3Store) -> None:
    archive, _ = firm
    record_id = _ask(archive, held=True)
    work(archive)
    (row,) = rows(archive, record_id)
    assert (row.seen_held, row.seen_mode) == (True, "none")
    assert store.lock_of(row.object_key, row.object_version).held
    with archive.runtime.main.write() as session:
        object_lock.ask_hold(session, record_id, False, archive.now)
    work(archive)
    archive.index()
    assert not store.lock_of(row.object_key, row.object_version).held
    assert [event.details["held"] for event in archive.events("object.locked")] == [True, False]


def test_a_hold_lifted_with_the_stores_credentials_is_noticed_and_laid_again(
    firm: tuple[Archive, StandingClock], store: S3Store, client: Minio, caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record_id = _ask(archive, held=True)
    work(archive)
    (row,) = rows(archive, record_id)
    client.disable_object_legal_hold(
        bucket_name=store._bucket, object_name=row.object_key, version_id=row.object_version
    )
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog) == ["hold_missing"]
    assert str(row.id) in [line.id for line in caplog.records if hasattr(line, "id")]
    (event,) = archive.events("object.lock_differs")
    assert (event.outcome, event.details["difference"], event.details["held"]) == ("failed", "hold_missing", False)
    assert store.lock_of(row.object_key, row.object_version).held, "laid again"
    assert len(archive.events("object.locked")) == 2
    assert counts(archive).differing == 0


def test_a_version_deleted_before_it_was_locked_is_an_alarm_until_somebody_acts(
    firm: tuple[Archive, StandingClock], store: S3Store, client: Minio, caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    (row,) = rows(archive, record_id)
    client.remove_object(bucket_name=store._bucket, object_name=row.object_key, version_id=row.object_version)
    with caplog.at_level(logging.ERROR):
        work(archive)
        assert _codes(caplog) == ["object_missing"]
        another_night(archive, clock)
    assert set(_codes(caplog)) == {"object_missing"}
    assert len(_codes(caplog)) >= 2, "every night"
    assert len(archive.events("object.lock_differs")) == 1, "once in the log"
    found = reconcile.look(archive.runtime)
    assert (found.lock_differences, found.missing_objects, found.agrees) == (1, 1, False)
    assert archive.events("object.locked") == []


def test_a_lock_that_can_be_bypassed_is_never_shown_as_one(
    firm: tuple[Archive, StandingClock], store: S3Store, client: Minio
) -> None:
    archive, _ = firm
    record_id = _ask(archive, date(2020, 1, 1))
    (row,) = rows(archive, record_id)
    until = datetime.now(UTC) + timedelta(days=30)
    client.set_object_retention(
        bucket_name=store._bucket,
        object_name=row.object_key,
        version_id=row.object_version,
        config=Retention(GOVERNANCE, until),
    )
    work(archive)
    (row,) = rows(archive, record_id)
    assert row.seen_mode == GOVERNANCE
    assert counts(archive).locked == 0
    with archive.runtime.main.read() as session:
        assert object_lock.kept(session, row.object_key, row.object_version, at=archive.now).until is None


def test_a_row_that_was_deleted_is_made_again_from_the_log(
    firm: tuple[Archive, StandingClock], caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    work(archive)
    archive.index()
    with archive.runtime.main.write() as session:
        session.execute(delete(ObjectLock))
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog) == ["lock_not_in_database"]
    (row,) = rows(archive, record_id)
    assert (row.floor, row.retain_through, row.seen_mode, row.trouble) == (True, FAR, COMPLIANCE, None)
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"event": UUID(int=7)}, "lock_not_in_log", id="what was never logged"),
        pytest.param({"seen_until": datetime(2026, 1, 1, tzinfo=UTC)}, "lock_notes_differ", id="another day"),
        pytest.param({"seen_until": datetime(2090, 1, 1, tzinfo=UTC)}, "lock_shorter", id="longer than it is"),
    ],
)
def test_a_row_that_was_changed_is_noticed_and_set_right(
    firm: tuple[Archive, StandingClock], caplog: pytest.LogCaptureFixture, change: dict[str, object], code: str
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    work(archive)
    archive.index()
    with archive.runtime.main.write() as session:
        session.execute(update(ObjectLock).values(**change))
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog)[0] == code
    (row,) = rows(archive, record_id)
    assert row.trouble is None
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog) == []


def test_many_originals_are_compared_page_by_page(
    firm: tuple[Archive, StandingClock],
    store: S3Store,
    client: Minio,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive, clock = firm
    monkeypatch.setattr(lock_check, "PAGE", 2)
    ids = [_ask(archive, held=True) for _ in range(5)]
    work(archive)
    all_rows = [row for each in ids for row in rows(archive, each)]
    for row in all_rows:
        client.disable_object_legal_hold(
            bucket_name=store._bucket, object_name=row.object_key, version_id=row.object_version
        )
    with archive.runtime.main.write() as session:
        session.execute(delete(ObjectLock).where(ObjectLock.id == max(row.id for row in all_rows)))
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert sorted(_codes(caplog)) == ["hold_missing"] * 4 + ["lock_not_in_database"]
    assert counts(archive).held == 5


def test_while_the_store_is_away_the_work_waits_and_is_said_to(
    firm: tuple[Archive, StandingClock], server: MinIO, caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    server.stop()
    try:
        work(archive)
        with archive.runtime.main.read() as session:
            assert jobs.counts(session)["maintenance", jobs.READY] == 1
        assert counts(archive).waiting == 1
    finally:
        server.start()
    clock.at += timedelta(hours=2)
    work(archive)
    (row,) = rows(archive, record_id)
    assert row.seen_mode == COMPLIANCE


def test_a_lock_that_nobody_ever_laid_is_a_difference(
    firm: tuple[Archive, StandingClock], caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record_id = _ask(archive)
    with archive.runtime.main.write() as session:
        session.execute(delete(jobs.Job).where(jobs.Job.name == "records.lock"))
        session.execute(update(ObjectLock).values(ask_on=None))
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
    assert _codes(caplog) == ["lock_never_laid"]
    (row,) = rows(archive, record_id)
    assert (row.seen_mode, row.trouble) == (COMPLIANCE, None)
