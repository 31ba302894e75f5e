"""How Muniment speaks to an S3 store: time limits, what is tried again, and what its errors mean.

A request that only reads, or sends a part of an upload again, may be repeated; one that creates an
object may not, because its answer may have been lost: a retry there uses a new key. Objects are
created with ``If-None-Match: *``, so a key is never written twice; the client has no argument for that,
and the header needs no signature, so it is added below the client.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from core.errors import MunimentError, Unavailable
from vault.lock import ObjectLocked
from vault.store import KeyTaken, ObjectMissing, StoreUnreadable, StoreUnwritable

_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 30.0
_CONNECTIONS: Final = 64
_REPEATED: Final = urllib3.Retry(
    total=4,
    backoff_factor=0.2,
    backoff_jitter=0.2,
    backoff_max=3.0,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=True,
)
# What was never sent may be sent again, whatever it is.
_ONCE: Final = urllib3.Retry(total=2, connect=2, read=0, other=0, status=0, redirect=0, backoff_factor=0.2)
_MISSING: Final = frozenset(
    {"NoSuchKey", "NoSuchVersion", "NoSuchObjectVersion", "ResourceNotFound", "MethodNotAllowed"}
)
_REFUSED: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "ExpiredToken"}
)
_FULL: Final = frozenset(
    {"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity", "XMinioAdminBucketQuotaExceeded"}
)

# The pool's own lines name hosts and keys for every retry; what matters is said by whoever asked.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class StoreRefuses(Unavailable):
    """The object store does not accept our sign-in."""

    code = "object_store_refuses"


class StoreAway(Unavailable):
    """The object store does not answer."""

    code = "object_store_away"


def connect(address: str, *, access_key: str, secret_key: str, region: str = "", ca: Path | None = None) -> Minio:
    """A client of the store at ``address``; nothing is asked of it yet."""
    parts = urlsplit(address)
    pool = _Pool(
        timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        maxsize=_CONNECTIONS,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(ca) if ca is not None else certifi.where(),
    )
    return Minio(
        endpoint=parts.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=parts.scheme == "https",
        # Without a region the client asks for it before anything else, and each process once more.
        region=region or "us-east-1",
        http_client=pool,
    )


@contextmanager
def plain_errors(key: str = "", *, writing: bool = False, versioned: bool = False) -> Iterator[None]:
    """Turn the client's errors into ours; nothing secret is in their texts.

    ``versioned``: the request named a version, so that a version of no possible form is a missing one.
    """
    try:
        yield
    except MunimentError:
        raise
    except S3Error as error:
        raise _meaning(error, key, writing, versioned) from error
    except (ServerError, InvalidResponseError) as error:
        status = getattr(error, "status_code", None) or getattr(error, "_code", None)
        raise StoreAway("the object store answered with an error; try again later", key=key, status=status) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreAway("start the object store or mend the way to it; try again later", key=key) from error


def _meaning(error: S3Error, key: str, writing: bool, versioned: bool) -> MunimentError:
    code = error.code or ""
    if code == "PreconditionFailed":
        return KeyTaken("use a new key", key=key)
    if code in _MISSING or (versioned and code in ("InvalidArgument", "InvalidVersionId", "BadRequest")):
        return ObjectMissing("restore it from a backup", key=key)
    if code in _REFUSED or (code == "AccessDenied" and not versioned):
        return StoreRefuses("check the access key, its secret and its rights on the bucket", key=key)
    if code in ("InvalidRequest", "AccessDenied", "ObjectLocked") and versioned and writing:
        return ObjectLocked("wait until its lock ends; without its key nobody can read it meanwhile", key=key)
    if code in _FULL:
        return StoreUnwritable("make room in the object store", key=key)
    if code in ("SlowDown", "ServiceUnavailable", "InternalError", "XMinioServerNotInitialized", "RequestTimeout"):
        return StoreAway("the object store is not ready; try again later", key=key, reason=code)
    if writing:
        return StoreUnwritable("the object store refuses to write", key=key, reason=code)
    return StoreUnreadable("the object store refuses to read", key=key, reason=code)


class _Pool(urllib3.PoolManager):
    """Connections that know which requests may be repeated, and which create an object."""

    def urlopen(self, method: str, url: str, *given: Any, **kw: Any) -> Any:
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        begins = method == "POST" and "uploads" in query
        ends = method == "POST" and "uploadId" in query
        creates = method == "PUT" and not query and urlsplit(url).path.count("/") > 1
        if creates or ends:
            kw["headers"]["If-None-Match"] = "*"
        kw["retries"] = _ONCE if creates or begins or ends else _REPEATED
        return super().urlopen(method, url, *given, **kw)
