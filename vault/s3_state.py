"""What a bucket is like, asked without changing anything: for ``doctor``, before or after the first start."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import certifi
import urllib3
from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import S3Error

from vault.s3_client import plain_errors

_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class BucketState:
    """One bucket as it is now."""

    exists: bool
    versioned: bool = False
    lockable: bool = False
    """Made with Object Lock; it cannot be turned on later."""
    locks_everything: bool = False
    """It has a default retention, which locks whatever is written."""


def look(client: Minio, bucket: str) -> BucketState:
    """What the bucket is like.

    Raises:
        StoreAway, StoreRefuses: the store does not answer, or does not let us look.
    """
    with plain_errors():
        if not client.bucket_exists(bucket_name=bucket):
            return BucketState(exists=False)
        versioned = client.get_bucket_versioning(bucket_name=bucket).status == ENABLED
        try:
            default = client.get_object_lock_config(bucket_name=bucket)
        except S3Error as error:
            if error.code != "ObjectLockConfigurationNotFoundError":
                raise
            return BucketState(exists=True, versioned=versioned)
    return BucketState(True, versioned, lockable=True, locks_everything=default.mode is not None)


def product(address: str, ca: Path | None = None) -> str:
    """What the server at ``address`` calls itself to anybody; empty where it does not say.

    Raises:
        StoreAway: it does not answer.
    """
    trusted = str(ca) if ca is not None else certifi.where()
    with plain_errors(), urllib3.PoolManager(ca_certs=trusted, timeout=_SECONDS, retries=False) as pool:
        return pool.request("HEAD", address).headers.get("Server", "")[:80]
