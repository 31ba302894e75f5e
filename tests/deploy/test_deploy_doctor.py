"""``muniment doctor`` on the distributed shape: real servers as they should be, away, unwilling and unfit."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services import Elasticsearch, PostgreSQL, RabbitMQ, SoftHSM, private, shared
from tests.support.cli import Cli, Told
from tests.support.distributed import ROOT, Cluster, Servers, cluster

pytestmark = pytest.mark.services

NOBODY = "127.0.0.1:1"
"""Where nothing listens."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("doctor"), Servers.of_make_services()) as made:
        yield made


@pytest.fixture
def environment(installation: Cluster, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings of the installation; a test changes what it is about."""
    for name in [name for name in os.environ if name.startswith("MUNIMENT_") and name != "MUNIMENT_SERVICES"]:
        monkeypatch.delenv(name)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUNIMENT_DATA", str(installation.data("keeper")))
    return monkeypatch


def report(told: Told) -> dict[str, dict[str, Any]]:
    """What was said, by subject; what went wrong with a subject counts, whatever else is said of it."""
    return {row["what"]: row for row in sorted(told.rows, key=lambda row: not row["ok"])}


def faults(told: Told) -> set[str]:
    return {row["what"] for row in told.rows if not row["ok"]}


def test_all_is_well_and_said(environment: pytest.MonkeyPatch, installation: Cluster) -> None:
    told = Cli()("--json", "doctor")
    assert (faults(told), told.code, told.err) == (set(), 0, "")
    found = {what: row["state"] for what, row in report(told).items()}
    assert found["database server"].startswith("PostgreSQL 1")
    assert "synchronous_commit on" in found["durable commits"]
    assert found["database roles"].startswith("apart")
    assert found["database form"].startswith("UTF-8, sorted by C")
    assert found["object server"] == "MinIO"
    assert found["bucket"] == f"{installation.environment['MUNIMENT_BUCKET']}, versioning on"
    assert found["object locks"] == "the S3 store's own"
    assert found["search server"].startswith("Elasticsearch")
    assert found["broker server"].startswith("Redis ")
    assert found["keys"].startswith("key file in ")
    assert found["keeper"] == "none acts now"


def test_people_read_one_line_each(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MUNIMENT_OBJECTS", f"http://{NOBODY}")
    told = Cli()("doctor")
    assert told.code == 1
    lines = told.out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "WRONG" in line]
    assert lines[at].startswith("object server ")
    assert lines[at + 1].strip().startswith("start the object store")


def test_no_line_holds_a_secret(environment: pytest.MonkeyPatch, installation: Cluster) -> None:
    # The last word of each file: the credentials of the store begin with a name, which is no secret.
    held = [file.read_text().split()[-1] for file in (installation.folder / "secrets").iterdir()]
    told = [Cli()("--json", "doctor")]
    break_everything(environment)
    told.append(Cli()("--json", "doctor"))
    assert [each.code for each in told] == [0, 1]
    assert not [word for word in held for each in told if word in each.out + each.err]


def break_everything(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MUNIMENT_DATABASE", f"postgresql://muniment@{NOBODY}/muniment")
    environment.setenv("MUNIMENT_OBJECTS", f"http://{NOBODY}")
    environment.setenv("MUNIMENT_ELASTICSEARCH", f"http://{NOBODY}")
    environment.setenv("MUNIMENT_BROKER", f"redis://{NOBODY}/0")


@pytest.mark.parametrize(
    ("setting", "value", "faulty"),
    [
        ("MUNIMENT_DATABASE", f"postgresql://muniment@{NOBODY}/muniment", "database server"),
        ("MUNIMENT_OBJECTS", f"http://{NOBODY}", "object server"),
        ("MUNIMENT_ELASTICSEARCH", f"http://{NOBODY}", "search server"),
        ("MUNIMENT_BROKER", f"redis://{NOBODY}/0", "broker server"),
        ("MUNIMENT_BROKER", f"amqp://muniment@{NOBODY}/muniment", "broker server"),
        ("MUNIMENT_CLAMD", NOBODY, "malware scan"),
    ],
    ids=["database", "object store", "search", "Redis", "RabbitMQ", "clamd"],
)
def test_a_server_that_is_away_hides_no_other(
    environment: pytest.MonkeyPatch, setting: str, value: str, faulty: str
) -> None:
    environment.setenv(setting, value)
    told = Cli()("--json", "doctor")
    assert (faults(told), told.code) == ({faulty}, 1)
    assert report(told)[faulty]["advice"]
    assert {"database server", "object server", "search server", "broker server", "keys"} <= set(report(told))


@pytest.mark.parametrize(
    ("setting", "content", "faulty", "says"),
    [
        ("MUNIMENT_DATABASE_PASSWORD", "wrong", "database server", "check user and password"),
        ("MUNIMENT_OBJECTS_CREDENTIALS", "muniment wrongwrong", "object server", "check the access key"),
        ("MUNIMENT_OBJECTS_CREDENTIALS", "one-line-only", "object server", "two lines"),
        ("MUNIMENT_ELASTICSEARCH_KEY", "d3Jvbmc6d3Jvbmc=", "search server", "elasticsearch_key"),
        ("MUNIMENT_BROKER_PASSWORD", "wrong", "broker server", "check user, password file"),
    ],
    ids=["database", "object store", "object store, half", "search", "broker"],
)
def test_a_server_that_refuses_us_is_told_apart(
    environment: pytest.MonkeyPatch, tmp_path: Path, setting: str, content: str, faulty: str, says: str
) -> None:
    (tmp_path / "secret").write_text(content)
    environment.setenv(setting, str(tmp_path / "secret"))
    told = Cli()("--json", "doctor")
    assert (faults(told), told.code) == ({faulty}, 1)
    assert says in report(told)[faulty]["advice"]


def test_a_missing_secret_file_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MUNIMENT_ELASTICSEARCH_KEY", "/nowhere/key")
    told = Cli()("--json", "doctor")
    assert faults(told) == {"search server"}
    assert report(told)["search server"]["advice"].startswith("elasticsearch_key names a file")


def test_the_owner_of_the_tables_is_too_mighty(environment: pytest.MonkeyPatch, installation: Cluster) -> None:
    database = installation.environment["MUNIMENT_DATABASE"]
    owner = installation.owner["MUNIMENT_DATABASE_OWNER"]
    environment.setenv("MUNIMENT_DATABASE", database.replace("//muniment@", f"//{owner}@"))
    environment.setenv("MUNIMENT_DATABASE_PASSWORD", installation.owner["MUNIMENT_DATABASE_OWNER_PASSWORD"])
    told = Cli()("--json", "doctor")
    assert faults(told) == {"database roles"}


def test_a_new_database_asks_for_migrate(environment: pytest.MonkeyPatch) -> None:
    server = shared(PostgreSQL)
    database = server.new_database()
    try:
        environment.setenv("MUNIMENT_DATABASE", f"postgresql://muniment@127.0.0.1:{server.port}/{database.name}")
        told = Cli()("--json", "doctor")
        assert faults(told) == {"tables"}
        assert report(told)["tables"]["advice"] == "run muniment migrate"
    finally:
        server.drop_database(database.name)


def test_a_database_of_another_encoding_is_unfit(environment: pytest.MonkeyPatch) -> None:
    server, name = shared(PostgreSQL), f"t_{secrets.token_hex(6)}"
    server.query(f"create database \"{name}\" template template0 encoding 'LATIN1' locale 'C'")
    try:
        environment.setenv("MUNIMENT_DATABASE", f"postgresql://muniment@127.0.0.1:{server.port}/{name}")
        told = Cli()("--json", "doctor")
        assert faults(told) == {"database form", "tables"}
        assert "ENCODING 'UTF8'" in report(told)["database form"]["advice"]
    finally:
        server.drop_database(name)


def test_looking_makes_no_bucket(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MUNIMENT_BUCKET", "t-not-there")
    for _ in range(2):
        told = Cli()("--json", "doctor")
        assert faults(told) == {"bucket"}
        assert report(told)["bucket"]["state"] == "t-not-there is not there"


def test_a_bucket_without_object_lock_is_unfit(environment: pytest.MonkeyPatch) -> None:
    servers = Servers.of_make_services()
    environment.setenv("MUNIMENT_BUCKET", servers.minio.new_bucket(object_lock=False))
    told = Cli()("--json", "doctor")
    assert faults(told) == {"bucket"}
    assert "made with both" in report(told)["bucket"]["advice"]


def test_an_embedded_store_cannot_lock(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("MUNIMENT_OBJECTS")
    told = Cli()("--json", "doctor")
    assert report(told)["object locks"]["state"].startswith("none")
    assert told.code == 0


def test_a_key_that_may_ask_is_told_the_version(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = shared(Elasticsearch)
    prefix = os.environ["MUNIMENT_ELASTICSEARCH_PREFIX"]
    (tmp_path / "key").write_text(server.new_key(f"{prefix}*", cluster=("monitor",)).encoded)
    environment.setenv("MUNIMENT_ELASTICSEARCH_KEY", str(tmp_path / "key"))
    told = Cli()("--json", "doctor")
    assert report(told)["search server"]["state"] == f"Elasticsearch {server.version()}"


def test_rabbitmq_answers_and_refuses_another_virtual_host(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = shared(RabbitMQ)
    facts = server.facts()
    (tmp_path / "password").write_text(facts["password"])
    environment.setenv("MUNIMENT_BROKER_PASSWORD", str(tmp_path / "password"))
    address = f"amqp://{facts['user']}@127.0.0.1:{server.port}"
    vhost = server.new_vhost()
    try:
        environment.setenv("MUNIMENT_BROKER", f"{address}/{vhost.rpartition('/')[2]}")
        assert report(Cli()("--json", "doctor"))["broker server"]["state"] == f"RabbitMQ {server.version()}"
    finally:
        server.delete_vhost(vhost)
    environment.setenv("MUNIMENT_BROKER", f"{address}/nowhere")
    told = Cli()("--json", "doctor")
    assert faults(told) == {"broker server"}
    assert report(told)["broker server"]["state"] == "does not accept our sign-in"


def test_keys_in_a_token_and_the_token_away(installation: Cluster, tmp_path: Path) -> None:
    with private(SoftHSM) as server:
        token = server.new_token()
        (tmp_path / "pin").write_text(token.pin)
        settings = installation.environment | {
            "MUNIMENT_DATA": str(tmp_path / "data"),
            "MUNIMENT_PKCS11_MODULE": str(token.module),
            "MUNIMENT_PKCS11_TOKEN": token.label,
            "MUNIMENT_PKCS11_PIN": str(tmp_path / "pin"),
            "SOFTHSM2_CONF": str(token.configuration),
            "PATH": os.environ["PATH"],
        }

        def examine() -> dict[str, dict[str, Any]]:
            # In a process of its own: the library reads its configuration once.
            done = subprocess.run(
                [sys.executable, "-m", "app.cli", "--json", "doctor"],
                env=settings,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert token.pin not in done.stdout + done.stderr
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            assert done.returncode == (0 if all(row["ok"] for row in rows) else 1)
            return {row["what"]: row for row in rows}

        # Never used by an archive: the token is there, and says that it holds nothing of ours.
        assert not examine()["keys"]["ok"]
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from vault.pkcs11 import Pkcs11Keys;"
                "Pkcs11Keys.establish(Path(sys.argv[1]), sys.argv[2], sys.argv[3], has_epochs=False)",
                str(token.module),
                token.label,
                token.pin,
            ],
            env=settings,
            cwd=ROOT,
            check=True,
        )
        assert examine()["keys"]["state"].startswith(f"PKCS#11 token {token.label}")
        server.stop()
        away = examine()["keys"]
        assert (away["ok"], away["advice"].startswith("connect the token")) == (False, True)
        server.start()
