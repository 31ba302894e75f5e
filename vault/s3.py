"""The object store in a bucket of an S3 store with versioning and Object Lock.

Every object is addressed by key and version id, always: a plain delete would only lay a marker
over it, and a plain read would give whatever is newest. The bucket is ours alone.
"""

import hashlib
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, LifecycleConfig, Rule
from minio.retention import Retention

from core.errors import Conflict, MunimentError
from vault.lock import COMPLIANCE, Lock, LockRefused
from vault.s3_client import StoreAway, plain_errors
from vault.store import (
    Listed,
    ObjectMissing,
    Stat,
    Stored,
    StoreUnwritable,
    check_key,
    derived_key,
    is_key,
)

log = logging.getLogger("muniment.objects")

PIECE_BYTES: Final = 256 * 1024
PART_BYTES: Final = 8 * 1024 * 1024
"""Of an upload in parts: each is sent with its checksum, and again if it did not arrive. At most 10,000: 80 GB."""
_RESUMED: Final = 3
_LEFTOVERS_DAYS: Final = 1
_NOBODY: Final = UUID(int=0)


class BucketUnfit(Conflict):
    """The bucket cannot hold an archive."""

    code = "bucket_unfit"


class S3Store:
    """A ``LockingStore`` in one bucket (see the ports for its promises)."""

    def __init__(self, client: Minio, bucket: str) -> None:
        """Asks nothing yet; ``establish`` makes or checks the bucket."""
        self._client, self._bucket = client, bucket

    def establish(self) -> None:
        """Make the bucket, or check that it can hold an archive.

        Raises:
            BucketUnfit: it has no versioning or no Object Lock, or locks whatever is written to it.
        """
        with plain_errors(writing=True):
            if not self._client.bucket_exists(bucket_name=self._bucket):
                self._make_bucket()
            if self._client.get_bucket_versioning(bucket_name=self._bucket).status != ENABLED:
                raise BucketUnfit("choose a bucket with versioning, or let Muniment make one", bucket=self._bucket)
            try:
                default = self._client.get_object_lock_config(bucket_name=self._bucket)
            except S3Error as error:
                if error.code != "ObjectLockConfigurationNotFoundError":
                    raise
                raise BucketUnfit(
                    "choose a bucket that was made with Object Lock, or let Muniment make one", bucket=self._bucket
                ) from error
            if default.mode is not None:
                raise BucketUnfit(
                    "remove the bucket's default retention: it would lock what must be erasable", bucket=self._bucket
                )
        self._clear_leftovers()

    def put(self, key: str, data: Iterable[bytes]) -> Stored:
        reading = _Reading(data)
        check_key(key)
        try:
            with plain_errors(key, writing=True):
                written = self._client.put_object(
                    bucket_name=self._bucket,
                    object_name=key,
                    data=reading,  # type: ignore[arg-type]
                    length=-1,
                    part_size=PART_BYTES,
                    num_parallel_uploads=1,
                )
        except BaseException as error:
            if reading.error is not None and error is not reading.error:
                raise reading.error from None
            raise
        if not written.version_id:
            raise BucketUnfit("the bucket's versioning was turned off: turn it on again", bucket=self._bucket)
        # Where the store tells the digest of what it took, as it does of an object in one part, nothing is left to ask.
        if not reading.is_told_by(written.etag) and (
            self.stat(key, written.version_id).size_bytes != reading.size_bytes
        ):
            raise StoreUnwritable("the object store keeps another size than was sent", key=key)
        return Stored(reading.size_bytes, reading.digest.digest(), written.version_id)

    def get(self, key: str, version: str, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and start >= end:
            self.stat(key, version)
            return iter(())
        try:
            answer = self._ask(key, version, start, end)
        except _Beyond:
            return iter(())
        return self._pieces(answer, key, version, start, start + int(answer.headers["Content-Length"]))

    def stat(self, key: str, version: str) -> Stat:
        check_key(key)
        if not version:
            raise ObjectMissing("restore it from a backup", key=key)
        with plain_errors(key, versioned=True):
            found = self._client.stat_object(bucket_name=self._bucket, object_name=key, version_id=version)
        if found.size is None or found.last_modified is None:
            raise StoreAway("the object store did not say how large an object is", key=key)
        return Stat(found.size, found.last_modified.astimezone(UTC))

    def delete(self, key: str, version: str) -> None:
        """As the port has it.

        Raises:
            ObjectLocked: a lock or hold keeps it.
        """
        # Without a version the store would lay a marker over the object and call that deleted.
        if check_key(key) and version:
            with suppress(ObjectMissing), plain_errors(key, writing=True, versioned=True):
                self._client.remove_object(bucket_name=self._bucket, object_name=key, version_id=version)

    def keys(self, prefix: str) -> Iterator[Listed]:
        with plain_errors():
            for found in self._client.list_objects(
                bucket_name=self._bucket, prefix=prefix, recursive=True, include_version=True
            ):
                if found.is_delete_marker or not is_key(found.object_name or ""):
                    continue
                if found.version_id and found.last_modified is not None:
                    # As exact as ``stat`` tells it: a header has whole seconds.
                    stored_at = found.last_modified.astimezone(UTC).replace(microsecond=0)
                    yield Listed(str(found.object_name), found.version_id, found.size or 0, stored_at)

    def free_bytes(self) -> int:
        """A store of this kind does not tell: as much as there can be."""
        return sys.maxsize

    def check(self) -> None:
        key = derived_key(_NOBODY, "check")
        self.delete(key, self.put(key, [b"\x00"]).version)

    def lock(self, key: str, version: str, until: datetime) -> Lock:
        check_key(key)
        with plain_errors(key, writing=True, versioned=True):
            try:
                self._client.set_object_retention(
                    bucket_name=self._bucket,
                    object_name=key,
                    version_id=version,
                    config=Retention(COMPLIANCE, until.astimezone(UTC)),
                )
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchVersion", "InvalidArgument"):
                    raise
                raise LockRefused("a lock is only ever prolonged", key=key) from error
        found = self.lock_of(key, version)
        if found.mode != COMPLIANCE or found.until is None or found.until < until:
            raise LockRefused("the object store does not keep the lock that it was given", key=key)
        return found

    def hold(self, key: str, version: str, held: bool) -> Lock:
        check_key(key)
        change = self._client.enable_object_legal_hold if held else self._client.disable_object_legal_hold
        with plain_errors(key, writing=True, versioned=True):
            change(bucket_name=self._bucket, object_name=key, version_id=version)
        found = self.lock_of(key, version)
        if found.held is not held:
            raise LockRefused("the object store does not keep the hold that it was given", key=key)
        return found

    def lock_of(self, key: str, version: str) -> Lock:
        check_key(key)
        with plain_errors(key, versioned=True):
            found = self._client.get_object_retention(bucket_name=self._bucket, object_name=key, version_id=version)
            held = self._client.is_object_legal_hold_enabled(
                bucket_name=self._bucket, object_name=key, version_id=version
            )
        until = found.retain_until_date.astimezone(UTC) if found is not None and found.retain_until_date else None
        return Lock(str(found.mode) if found is not None and found.mode else None, until, held)

    def _ask(self, key: str, version: str, start: int, end: int | None) -> Any:
        check_key(key)
        if not version:
            raise ObjectMissing("restore it from a backup", key=key)
        with plain_errors(key, versioned=True):
            try:
                return self._client.get_object(
                    bucket_name=self._bucket,
                    object_name=key,
                    version_id=version,
                    offset=start,
                    length=0 if end is None else end - start,
                )
            except S3Error as error:
                if error.code == "InvalidRange":
                    raise _Beyond from error
                raise

    def _pieces(self, answer: Any, key: str, version: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``end``; a connection that breaks is taken up where it broke."""
        failures = 0
        while True:
            try:
                with plain_errors(key, versioned=True):
                    for piece in answer.stream(PIECE_BYTES):
                        start += len(piece)
                        yield piece
                    if start != end:
                        raise urllib3.exceptions.IncompleteRead(start, end - start)
                return
            except StoreAway:
                failures += 1
                if failures >= _RESUMED:
                    raise
            finally:
                # What was not read must not be taken for the next answer.
                answer.close()
                answer.release_conn()
            answer = self._ask(key, version, start, end)

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(bucket_name=self._bucket, object_lock=True)
        except S3Error as error:
            # Another process of ours made it in the same moment.
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def _clear_leftovers(self) -> None:
        """Let the store drop parts of uploads that were never finished: nobody can name them."""
        rule = Rule(
            ENABLED,
            rule_id="muniment-unfinished-uploads",
            rule_filter=Filter(prefix=""),
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(_LEFTOVERS_DAYS),
        )
        try:
            with plain_errors(writing=True):
                self._client.set_bucket_lifecycle(bucket_name=self._bucket, config=LifecycleConfig([rule]))
        except MunimentError as error:
            # Some stores clear them by themselves and know no such rule.
            log.warning("the bucket takes no rule for unfinished uploads", extra={"code": error.code})


class _Beyond(MunimentError):
    """The object ends before the range begins."""

    code = "range_beyond"


class _Reading:
    """The pieces as a file that the client reads parts from; measured on the way."""

    def __init__(self, data: Iterable[bytes]) -> None:
        self._data = iter(data)
        self._rest = b""
        self.digest: Any = hashlib.sha256()
        self._tag = hashlib.md5(usedforsecurity=False)
        self.size_bytes = 0
        self.error: BaseException | None = None
        """What the data raised: the client might hide it behind an error of its own clearing up."""

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            try:
                # An empty piece is not the end.
                self._rest = next((piece for piece in self._data if piece), b"")
            except BaseException as error:
                self.error = error
                raise
            self.digest.update(self._rest)
            self.size_bytes += len(self._rest)
            if self.size_bytes <= PART_BYTES:
                self._tag.update(self._rest)
        if size < 0 or len(self._rest) <= size:
            given, self._rest = self._rest, b""
        else:
            given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def is_told_by(self, tag: str | None) -> bool:
        """Whether an entity tag is the digest of all that was read; of several parts, or of a store that encrypts,
        it is something else."""
        return self.size_bytes <= PART_BYTES and tag == self._tag.hexdigest()
