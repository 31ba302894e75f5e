"""What docker-compose.yml and deploy/ have the servers run, run here on servers without containers."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import NotAnswering, PostgreSQL, private
from services.places import free_port
from tests.support import compose

pytestmark = pytest.mark.services

LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A server as the image has it before its first start: a superuser, and nothing of ours."""
    with private(PostgreSQL) as server:
        server.drop_database("muniment")
        for role in ("muniment", "muniment_owner"):
            server.query(f"drop role {role}")
        yield server


def make_roles(server: PostgreSQL, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [compose.ROOT / "deploy" / "postgresql-roles.sh"],
        env={
            "PATH": "/usr/bin:/bin",
            "PGHOST": LOOPBACK,
            "PGPORT": str(server.port),
            "PGPASSWORD": server.secrets["superuser"],
            "OWNER_PASSWORD_FILE": str(folder / "owner"),
            "APPLICATION_PASSWORD_FILE": str(folder / "application"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_roles_and_database_are_made_apart(postgresql: PostgreSQL, tmp_path: Path) -> None:
    (tmp_path / "owner").write_text("o'wner \\ secret\n")
    (tmp_path / "application").write_text("")
    assert make_roles(postgresql, tmp_path).returncode != 0, "no role without a password"
    assert postgresql.query("select count(*) from pg_roles where rolname like 'muniment%'") == "0"

    (tmp_path / "application").write_text("application-secret\n")
    made = make_roles(postgresql, tmp_path)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    row = postgresql.query(
        "select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,"
        " has_database_privilege('public', datname, 'CONNECT')"
        " from pg_database where datname = 'muniment'"
    )
    assert row == "muniment_owner|UTF8|C|f"
    for role, password in (("muniment_owner", "o'wner \\ secret"), ("muniment", "application-secret")):
        assert sign_in(postgresql, role, password) == role
        with pytest.raises(NotAnswering):
            sign_in(postgresql, role, "another")
    mighty = "select bool_or(rolsuper or rolcreaterole or rolcreatedb) from pg_roles where rolname like 'muniment%'"
    assert postgresql.query(mighty) == "f"


def sign_in(server: PostgreSQL, role: str, password: str) -> str:
    done = subprocess.run(
        ["psql", "-XAtqc", "select current_user", "-h", LOOPBACK, "-p", str(server.port), "-U", role, "muniment"],
        env={"PATH": "/usr/bin:/bin", "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotAnswering(done.stderr)
    return done.stdout.strip()


def test_the_broker_asks_for_the_password_of_its_file_and_shows_it_to_nobody(tmp_path: Path) -> None:
    server = shutil.which("redis-server")
    assert server, "make services installs it"
    (tmp_path / "password").write_text("broker-secret\n")
    port = free_port()
    service = compose.services()["redis"]
    shell, flag, script = service["command"]
    here = script.replace("$$", "$").replace("/run/secrets/broker_password", str(tmp_path / "password"))
    # Another program of the same kind, and a port of its own.
    here = here.replace("valkey-server", server).replace("appendonly", f"bind {LOOPBACK}\nport {port}\nappendonly")
    process = subprocess.Popen([shell, flag, here], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        assert eventually(port, b"AUTH broker-secret\r\nPING\r\n", rb"\+OK\r\n\+PONG\r\n")
        assert eventually(port, b"PING\r\n", rb"-NOAUTH .*")
        assert eventually(port, b"AUTH another\r\n", rb"-WRONGPASS .*")
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"redis-server" in words, "it took the shell's place, and gets its signals"
        assert b"broker-secret" not in words
    finally:
        process.terminate()
        assert process.wait(60) == 0
    assert not list(tmp_path.glob("*.rdb")), "nothing of it is kept"


def eventually(port: int, question: bytes, answer: bytes) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=20) as connection:
                connection.sendall(question)
                time.sleep(0.1)
                if re.fullmatch(answer, connection.recv(1000), re.DOTALL):
                    return True
        except OSError:
            time.sleep(0.1)
    return False
