"""The S3 store keeps the promises of every store, and those of a store that can lock; on a real server."""

import io
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention

from services import private
from services.minio import MinIO
from services.proxy import Proxy
from tests.contracts.object_store_contract import ObjectStoreContract
from vault.lock import COMPLIANCE, Lock, LockingStore, LockRefused, ObjectLocked, lock_until, plus_months
from vault.s3 import PART_BYTES, BucketUnfit, S3Store
from vault.s3_client import StoreAway, StoreRefuses, connect
from vault.store import KeyTaken, ObjectMissing, Stored, StoreUnwritable, derived_key, new_original_key

pytestmark = pytest.mark.services
ROOT = Path(__file__).parents[2]


def _client(server: MinIO, port: int | None = None, secret: str | None = None) -> Minio:
    facts = server.facts()
    return connect(
        f"http://127.0.0.1:{port or server.port}",
        access_key=facts["access_key"],
        secret_key=secret or facts["secret_key"],
        region=facts["region"],
    )


@pytest.fixture(scope="module")
def server() -> Iterator[MinIO]:
    with private(MinIO) as running:
        yield running


@pytest.fixture
def bucket(server: MinIO) -> str:
    return server.new_bucket()


@pytest.fixture
def store(server: MinIO, bucket: str) -> S3Store:
    made = S3Store(_client(server), bucket)
    made.establish()
    return made


class TestS3Store(ObjectStoreContract):
    @pytest.fixture
    def store(self, server: MinIO, bucket: str) -> S3Store:
        made = S3Store(_client(server), bucket)
        made.establish()
        return made


def test_the_store_can_lock(store: S3Store) -> None:
    assert isinstance(store, LockingStore)


def test_a_missing_bucket_is_made_with_versions_and_locks_and_found_again(server: MinIO) -> None:
    store = S3Store(_client(server), "made-by-muniment")
    for _ in range(2):
        store.establish()
    assert store.put(new_original_key(), [b"x"]).version
    assert _client(server).get_bucket_versioning(bucket_name="made-by-muniment").status == "Enabled"


def test_a_bucket_without_object_lock_is_refused(server: MinIO) -> None:
    with pytest.raises(BucketUnfit):
        S3Store(_client(server), server.new_bucket(object_lock=False)).establish()


def test_a_bucket_that_locks_whatever_is_written_is_refused(server: MinIO, bucket: str) -> None:
    _client(server).set_object_lock_config(bucket_name=bucket, config=ObjectLockConfig(GOVERNANCE, 3, DAYS))
    with pytest.raises(BucketUnfit) as raised:
        S3Store(_client(server), bucket).establish()
    assert "default retention" in raised.value.detail


@pytest.mark.parametrize("size", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17])
def test_an_object_of_several_parts_comes_back_whole_and_by_ranges(store: S3Store, size: int) -> None:
    whole = random.Random(size).randbytes(size)
    pieces = [whole[at : at + 300_000] for at in range(0, size, 300_000)]
    key = new_original_key()
    stored = store.put(key, iter(pieces))
    assert stored.size_bytes == store.stat(key, stored.version).size_bytes == size
    assert b"".join(store.get(key, stored.version)) == whole
    assert b"".join(store.get(key, stored.version, start=size - 5)) == whole[-5:]


@pytest.mark.parametrize(
    ("size", "asked"), [(0, ["PUT"]), (1_000, ["PUT"]), (PART_BYTES, ["PUT"])], ids=["empty", "small", "a whole part"]
)
def test_an_object_in_one_part_takes_one_request(
    server: MinIO, bucket: str, monkeypatch: pytest.MonkeyPatch, size: int, asked: list[str]
) -> None:
    client, sent = _client(server), list[str]()
    real = client._http.urlopen

    def count(method: str, *given: Any, **kw: Any) -> Any:
        sent.append(method)
        return real(method, *given, **kw)

    monkeypatch.setattr(client._http, "urlopen", count)
    stored = S3Store(client, bucket).put(new_original_key(), [b"x" * size])
    assert sent == asked
    assert stored.size_bytes == size


def test_where_the_store_does_not_tell_what_it_took_its_size_is_asked_for(
    server: MinIO, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent = _client(server), list[str]()
    real = client._http.urlopen

    def change(method: str, *given: Any, **kw: Any) -> Any:
        sent.append(method)
        answer = real(method, *given, **kw)
        if method == "PUT":
            # As a store tells that encrypts by itself.
            answer.headers["etag"] = '"0123456789abcdef0123456789abcdef"'
        return answer

    monkeypatch.setattr(client._http, "urlopen", change)
    S3Store(client, bucket).put(new_original_key(), [b"walnut"])
    assert sent == ["PUT", "HEAD"]


def test_an_upload_of_parts_that_ends_in_an_error_leaves_no_object_and_no_parts(
    store: S3Store, server: MinIO, bucket: str
) -> None:
    def hangs_up() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * PART_BYTES
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(new_original_key(), hangs_up())
    assert list(store.keys("")) == []
    assert not [path for path in server.data.glob(".minio.sys/multipart/*/*") if path.is_dir()]


def test_a_taken_key_is_refused_for_an_upload_of_parts_too(store: S3Store) -> None:
    key = new_original_key()
    version = store.put(key, [b"first"]).version
    with pytest.raises(KeyTaken):
        store.put(key, [b"y" * PART_BYTES, b"z"])
    assert b"".join(store.get(key, version)) == b"first"
    assert [found.version for found in store.keys("")] == [version]


def test_a_later_write_by_others_or_a_marker_does_not_hide_a_version(
    store: S3Store, server: MinIO, bucket: str
) -> None:
    key = new_original_key()
    version = store.put(key, [b"ours"]).version
    facts = server.facts()
    # Past our own client, as somebody with the credentials could.
    other = Minio(
        endpoint=facts["endpoint"], access_key=facts["access_key"], secret_key=facts["secret_key"], secure=False
    )
    later = other.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"theirs"), length=6).version_id
    other.remove_object(bucket_name=bucket, object_name=key)
    assert b"".join(store.get(key, version)) == b"ours"
    assert {found.version for found in store.keys("")} == {version, later}


# Locks


def _locked(store: S3Store, until: datetime) -> tuple[str, Stored]:
    key = new_original_key()
    stored = store.put(key, [b"kept"])
    store.lock(key, stored.version, until)
    return key, stored


def _day(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def test_a_lock_is_read_back_and_keeps_the_object_from_everybody(store: S3Store, server: MinIO, bucket: str) -> None:
    until = _day(30)
    key, stored = _locked(store, until)
    assert store.lock_of(key, stored.version) == Lock(COMPLIANCE, until, held=False)
    with pytest.raises(ObjectLocked):
        store.delete(key, stored.version)
    owner = _client(server)
    errors = list(
        owner.remove_objects(
            bucket_name=bucket,
            delete_object_list=[DeleteObject(key, stored.version)],
            bypass_governance_mode=True,
        )
    )
    assert errors
    with pytest.raises(S3Error):
        owner.set_object_retention(
            bucket_name=bucket, object_name=key, version_id=stored.version, config=Retention(COMPLIANCE, _day(1))
        )
    with pytest.raises(S3Error):
        owner.set_object_retention(
            bucket_name=bucket, object_name=key, version_id=stored.version, config=Retention(GOVERNANCE, _day(40))
        )
    assert b"".join(store.get(key, stored.version)) == b"kept"


def test_a_lock_only_grows(store: S3Store) -> None:
    key, stored = _locked(store, _day(30))
    with pytest.raises(LockRefused):
        store.lock(key, stored.version, _day(29))
    assert store.lock(key, stored.version, _day(60)).until == _day(60)


def test_a_hold_keeps_an_object_until_it_is_lifted(store: S3Store) -> None:
    key = new_original_key()
    version = store.put(key, [b"held"]).version
    assert store.hold(key, version, True) == Lock(None, None, held=True)
    with pytest.raises(ObjectLocked):
        store.delete(key, version)
    assert store.hold(key, version, False).held is False
    store.delete(key, version)
    with pytest.raises(ObjectMissing):
        store.stat(key, version)


def test_governance_is_not_taken_for_worm(store: S3Store, server: MinIO, bucket: str) -> None:
    key = new_original_key()
    version = store.put(key, [b"x"]).version
    _client(server).set_object_retention(
        bucket_name=bucket, object_name=key, version_id=version, config=Retention(GOVERNANCE, _day(3))
    )
    found = store.lock_of(key, version)
    assert (found.mode, found.is_worm) == (GOVERNANCE, False)


def test_locks_of_what_is_not_there_are_refused(store: S3Store) -> None:
    key = new_original_key()
    version = store.put(key, [b"x"]).version
    store.delete(key, version)
    for act in (
        lambda: store.lock(key, version, _day(1)),
        lambda: store.hold(key, version, True),
        lambda: store.lock_of(key, version),
    ):
        with pytest.raises(ObjectMissing):
            act()


@pytest.mark.parametrize(
    ("today", "retain_through", "full", "expected"),
    [
        pytest.param(date(2026, 1, 31), date(2036, 12, 31), False, date(2027, 3, 1), id="13 months ahead at most"),
        pytest.param(date(2026, 1, 31), date(2026, 5, 31), False, date(2026, 6, 1), id="the last day kept is locked"),
        pytest.param(date(2026, 1, 31), date(2036, 12, 31), True, date(2037, 1, 1), id="the whole length by setting"),
        pytest.param(date(2026, 2, 28), None, False, date(2027, 3, 1), id="12 months while the trigger is awaited"),
    ],
)
def test_how_long_a_lock_is(today: date, retain_through: date | None, full: bool, expected: date) -> None:
    found = lock_until(today=today, retain_through=retain_through, full_length=full)
    assert found == datetime(expected.year, expected.month, expected.day, tzinfo=UTC)


def test_months_end_where_the_month_does() -> None:
    assert plus_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert plus_months(date(2025, 12, 31), 2) == date(2026, 2, 28)


# A server that is away, slow or refuses


@pytest.fixture
def proxy(server: MinIO) -> Iterator[Proxy]:
    with Proxy(server.port) as forwarding:
        yield forwarding


def test_a_server_that_is_away_is_said_and_comes_back_by_itself(server: MinIO, bucket: str, proxy: Proxy) -> None:
    store = S3Store(_client(server, proxy.port), bucket)
    key = new_original_key()
    version = store.put(key, [b"x"]).version
    proxy.refuse()
    proxy.cut()
    for act in (
        lambda: store.put(new_original_key(), [b"y"]),
        lambda: store.get(key, version),
        lambda: store.stat(key, version),
        lambda: store.delete(key, version),
        store.check,
    ):
        with pytest.raises(StoreAway) as raised:
            act()
        assert server.secrets["secret_key"] not in str(raised.value.__dict__)
    proxy.restore()
    assert b"".join(store.get(key, version)) == b"x"
    store.check()


def test_a_slow_server_is_waited_for(server: MinIO, bucket: str, proxy: Proxy) -> None:
    store = S3Store(_client(server, proxy.port), bucket)
    proxy.delay(100)
    key = new_original_key()
    version = store.put(key, [b"x" * 100_000]).version
    assert len(b"".join(store.get(key, version))) == 100_000


def test_a_download_goes_on_where_the_connection_broke(server: MinIO, bucket: str, proxy: Proxy) -> None:
    whole = random.Random(3).randbytes(20_000_000)
    key = new_original_key()
    version = S3Store(_client(server), bucket).put(key, [whole]).version
    pieces = S3Store(_client(server, proxy.port), bucket).get(key, version)
    got = [next(pieces)]
    proxy.cut()
    got += pieces
    assert b"".join(got) == whole


def test_wrong_credentials_are_said_without_being_told(server: MinIO, bucket: str) -> None:
    store = S3Store(_client(server, secret="not-the-secret"), bucket)
    with pytest.raises(StoreRefuses) as raised:
        store.put(new_original_key(), [b"x"])
    assert "not-the-secret" not in str(raised.value.__dict__)


def test_an_object_whose_answer_was_lost_is_not_written_twice(server: MinIO, bucket: str, proxy: Proxy) -> None:
    store = S3Store(_client(server, proxy.port), bucket)
    store.check()

    def swallowed() -> Iterator[bytes]:
        yield b"x" * 1000
        # The request has not been sent yet: its answer will not come.
        proxy.delay(0, back=2_000)
        proxy.cut()

    with pytest.raises((StoreAway, StoreUnwritable)):
        _put_and_cut(store, proxy, swallowed())
    proxy.restore()
    assert len(list(S3Store(_client(server), bucket).keys(""))) <= 1


def _put_and_cut(store: S3Store, proxy: Proxy, data: Iterator[bytes]) -> None:
    timer = threading.Timer(1.0, proxy.cut)
    timer.start()
    try:
        store.put(new_original_key(), data)
    finally:
        timer.cancel()


_WRITER = """
import sys
from vault.s3 import S3Store
from vault.s3_client import connect
from vault.store import new_original_key
store = S3Store(connect(sys.argv[1], access_key=sys.argv[2], secret_key=sys.argv[3]), sys.argv[4])
while True:
    key = new_original_key()
    size = 1000 if key < "originals/c" else 9_000_000
    try:
        stored = store.put(key, [b"a" * size])
    except Exception as error:
        print("failed", type(error).__name__, flush=True)
        continue
    print("stored", key, stored.version, stored.size_bytes, flush=True)
"""


def test_what_was_stored_before_the_server_was_killed_is_there_afterwards() -> None:
    with private(MinIO) as server:
        bucket = server.new_bucket()
        facts = server.facts()
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITER, facts["url"], facts["access_key"], facts["secret_key"], bucket],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(20)]
        server.kill()
        lines += [child.stdout.readline() for _ in range(2)]
        server.start()
        while not lines[-1].startswith("stored"):
            lines.append(child.stdout.readline())
        child.kill()
        lines += io.StringIO(child.communicate()[0]).readlines()
        store = S3Store(_client(server), bucket)
        stored = [line.split() for line in lines if line.startswith("stored ") and line.endswith("\n")]
        assert len(stored) > 15
        for _, key, version, size in stored:
            assert len(b"".join(store.get(key, version))) == int(size)


def test_derived_objects_are_objects_too(store: S3Store) -> None:
    key = derived_key(UUID(int=1), "text")
    assert [found.key for found in store.keys("derived/")] == []
    store.put(key, [b"x"])
    assert [found.key for found in store.keys("derived/")] == [key]
