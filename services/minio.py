"""MinIO's last community server, built from its source as the Go module proxy serves it.

The repository is archived: the pseudo-version is its last commit, and there will be no newer one.
It has holes that were closed elsewhere, and is under the AGPL: for tests on loopback only, never
shipped. ``go install`` checks every module against the checksum database; the pin fixes the rest.
Requests are signed with AWS Signature Version 4 (Amazon S3 API Reference, "Authenticating Requests").
"""

import hashlib
import hmac
import http.client
import os
import secrets
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from . import packages, places
from .places import LOOPBACK, Missing
from .server import Command, NotAnswering, Server

MODULE = "github.com/minio/minio"
PINNED = "v0.0.0-20260212201848-7aac2a2c5b7c"
REGION = "us-east-1"
ACCESS_KEY = "muniment"
_GO = (1, 24)
"""What the module's own ``go.mod`` asks for. Debian 13's golang-go is enough; Debian 12's (backports too) is not."""


class MinIO(Server):
    """One MinIO server with one disk, without its web console."""

    name: ClassVar[str] = "minio"
    secret_names: ClassVar[tuple[str, ...]] = ("secret_key",)

    @classmethod
    def missing_packages(cls) -> list[str]:
        if _binary().exists() or _go():
            return []
        return ["golang-go"] if packages.candidate("golang-go") >= _GO else []

    @classmethod
    def install(cls) -> bool:
        if _binary().exists():
            return False
        go = _go()
        if go is None:
            raise Missing(
                "MinIO is built from source and needs Go 1.24 or newer on PATH or in /usr/local/go: Debian 13's "
                "golang-go is enough, Debian 12's (1.19, backports 1.23) is not; there, install Go by hand"
            )
        build = places.make_state_folder() / "build-minio"
        environment = dict(
            os.environ, GOPATH=str(build / "path"), GOCACHE=str(build / "cache"), GOBIN=str(build / "bin"),
            GOFLAGS="-buildvcs=false -modcacherw", GOTOOLCHAIN="local", CGO_ENABLED="0",
        )  # fmt: skip
        words: list[str | Path] = [go, "install", "-trimpath", "-ldflags", "-s -w", f"{MODULE}@{PINNED}"]
        build.mkdir(exist_ok=True)
        done = subprocess.run(words, env=environment, cwd=build, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"MinIO could not be built: {done.stderr[-1500:].strip()}")
        _binary().parent.mkdir(parents=True, exist_ok=True)
        _binary().parent.chmod(0o755)
        (build / "bin" / "minio").chmod(0o755)
        (build / "bin" / "minio").rename(_binary())
        shutil.rmtree(build)
        return True

    @classmethod
    def version(cls) -> str:
        return PINNED.split("-")[1]

    def prepare(self) -> None:
        """Nothing: it is configured by its environment, and makes its own data."""

    def commands(self) -> list[Command]:
        environment = {
            "MINIO_ROOT_USER": ACCESS_KEY,
            "MINIO_ROOT_PASSWORD": self.secrets["secret_key"],
            "MINIO_BROWSER": "off",  # with the console comes a second port, on every address
            "MINIO_UPDATE": "off",
            "MINIO_CALLHOME_ENABLE": "off",
        }
        words: list[str | Path] = [_binary(), "server", "--quiet", "--address", f"{LOOPBACK}:{self.port}", self.data]
        return [Command(words, environment)]

    def ask(self) -> None:
        if b"ListAllMyBucketsResult" not in self._call("GET", "/"):
            raise NotAnswering("MinIO lists no buckets")

    def facts(self) -> dict[str, Any]:
        return {
            "endpoint": f"{LOOPBACK}:{self.port}",
            "url": f"http://{LOOPBACK}:{self.port}",
            "access_key": ACCESS_KEY,
            "secret_key": self.secrets["secret_key"],
            "region": REGION,
        }

    def new_bucket(self, *, object_lock: bool = True) -> str:
        """Name of a fresh bucket; with ``object_lock`` it keeps versions and takes locks."""
        name = f"t-{secrets.token_hex(6)}"
        self._call("PUT", f"/{name}", {"x-amz-bucket-object-lock-enabled": "true"} if object_lock else {})
        return name

    def _call(self, method: str, path: str, more: dict[str, str] | None = None) -> bytes:
        """One signed request without a body; the answer's body.

        Raises:
            NotAnswering: the status was not 2xx.
        """
        headers = self._sign(method, path, more or {}, datetime.now(UTC))
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as reason:
            raise NotAnswering(f"{method} {path}: {reason!r}") from reason
        finally:
            connection.close()
        if answer.status >= 300:
            raise NotAnswering(f"{method} {path}: {answer.status} {body[:500].decode(errors='replace')}")
        return body

    def _sign(self, method: str, path: str, more: dict[str, str], at: datetime) -> dict[str, str]:
        empty = hashlib.sha256(b"").hexdigest()
        instant, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
        headers = {"host": f"{LOOPBACK}:{self.port}", "x-amz-content-sha256": empty, "x-amz-date": instant} | more
        names = ";".join(sorted(headers))
        listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join((method, path, "", listed, names, empty))
        scope = f"{day}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = b"AWS4" + self.secrets["secret_key"].encode()
        for part in (day, REGION, "s3", "aws4_request", "\n".join(("AWS4-HMAC-SHA256", instant, scope, digest))):
            key = hmac.digest(key, part.encode(), "sha256")
        signed = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return headers | {"authorization": signed}


def _binary() -> Path:
    return places.state_folder() / "installed" / f"minio-{PINNED}" / "minio"


def _go() -> Path | None:
    """A Go that is new enough."""
    for found in (packages.find_program("go"), Path("/usr/local/go/bin/go"), *Path("/usr/lib").glob("go-*/bin/go")):
        if found and found.exists() and packages.version_of(found, "version") >= _GO:
            return found
    return None
