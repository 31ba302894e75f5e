"""Journal seals in a real store that locks: kept as long as the log, month by month, and not a month longer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from minio import Minio

from app import seals
from app.anchoring import Anchoring
from app.build import signer_of
from audit import journal
from audit.heartbeat import heartbeat
from core.errors import IntegrityFailure
from services import MinIO, private
from tests.support.archive import Archive, StandingClock
from tests.support.locks import archive_over
from vault.lock import COMPLIANCE, ObjectLocked, lock_until, plus_months
from vault.s3 import S3Store
from vault.s3_client import connect

pytestmark = pytest.mark.services
Firm = tuple[Archive, StandingClock, S3Store]


@pytest.fixture(scope="module")
def server() -> Iterator[MinIO]:
    with private(MinIO) as running:
        yield running


@pytest.fixture
def firm(server: MinIO, tmp_path: Path) -> Iterator[Firm]:
    facts = server.facts()
    client: Minio = connect(
        f"http://127.0.0.1:{server.port}",
        access_key=facts["access_key"],
        secret_key=facts["secret_key"],
        region=facts["region"],
    )
    store = S3Store(client, server.new_bucket())
    store.establish()
    archive, clock = archive_over(tmp_path / "data", store)
    yield archive, clock, store
    archive.close()


def _sealed(archive: Archive, clock: StandingClock, days: int = 2) -> list[journal.AuditSeal]:
    """A seal for each of some days that have just gone by."""
    run = archive.runtime
    for _ in range(days):
        heartbeat(run.main, run.log, at=clock.at)
        signer_of(run).sign_if_grown()
        clock.at += timedelta(days=1)
        assert seals.seal_day(run) is not None
    with run.log_database.read() as session:
        return journal.seals(session)


def _ends(store: S3Store, rows: list[journal.AuditSeal]) -> list[datetime | None]:
    return [store.lock_of(row.object_key, row.object_version).until for row in rows]


def _day(clock: StandingClock) -> date:
    return clock.at.astimezone(UTC).date()


def test_a_lock_is_prolonged_when_a_month_of_it_is_gone_and_ends_with_the_log_s_retention(firm: Firm) -> None:
    archive, clock, store = firm
    run = archive.runtime
    rows = _sealed(archive, clock)
    first = _ends(store, rows)
    assert first == [lock_until(today=row.at.date(), retain_through=date(2200, 1, 1)) for row in rows]
    assert seals.prolong(run) == 0, "nothing is due in the first month"
    clock.at += timedelta(days=70)
    assert seals.prolong(run) == 2
    assert seals.prolong(run) == 0
    later = _ends(store, rows)
    assert later == [lock_until(today=_day(clock), retain_through=date(2200, 1, 1))] * 2
    assert all(before < after for before, after in zip(first, later, strict=True) if before and after)
    for row in rows:
        assert store.lock_of(row.object_key, row.object_version).mode == COMPLIANCE
        with pytest.raises(ObjectLocked):
            store.delete(row.object_key, row.object_version)
    # In the last year of the retention a lock reaches to its end, and then no farther.
    clock.at = clock.at.replace(year=clock.at.year + 10) + timedelta(days=250)
    assert seals.prolong(run) == 2
    ends = [lock_until(today=_day(clock), retain_through=plus_months(row.day, 11 * 12)) for row in rows]
    assert _ends(store, rows) == ends
    clock.at += timedelta(days=365)
    assert seals.prolong(run) == 0
    assert _ends(store, rows) == ends


def test_a_log_that_is_kept_for_ever_keeps_its_seals_locked_for_ever(firm: Firm) -> None:
    archive, clock, store = firm
    run = replace(archive.runtime, settings=replace(archive.runtime.settings, log_retention_years=0))
    rows = _sealed(archive, clock)
    clock.at = clock.at.replace(year=clock.at.year + 30)
    assert seals.prolong(run) == 2
    assert _ends(store, rows) == [lock_until(today=_day(clock), retain_through=None)] * 2


def test_one_that_is_gone_is_told_and_the_others_are_prolonged_nevertheless(firm: Firm) -> None:
    archive, clock, store = firm
    rows = _sealed(archive, clock, 3)
    # Of a store whose lock ended, an object can be taken away.
    with archive.runtime.log_database.write() as session:
        session.connection().exec_driver_sql("DROP TRIGGER audit_seals_no_update")
        session.connection().exec_driver_sql(
            "UPDATE audit_seals SET object_key = ? WHERE size = ?", (rows[0].object_key[:-4] + "0000", rows[0].size)
        )
    clock.at += timedelta(days=70)
    with pytest.raises(IntegrityFailure):
        seals.prolong(archive.runtime)
    assert _ends(store, rows[1:]) == [lock_until(today=_day(clock), retain_through=date(2200, 1, 1))] * 2
    told = Anchoring(archive.runtime).once(seal=False)
    assert told["seal_locks"] == "object_missing"
