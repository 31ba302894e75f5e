"""Those outside, on this machine: witnesses as processes of their own, and a time stamping service made by openssl."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
has_openssl = shutil.which("openssl") is not None


@dataclass(frozen=True)
class WitnessProcess:
    """One ``muniment witness``."""

    address: str
    key: str
    process: "subprocess.Popen[str]"


@contextmanager
def witness_process(folder: Path, *logs: str, listen: str = "127.0.0.1:0") -> Iterator[WitnessProcess]:
    """A witness of the logs with these verifier keys, its state and key in ``folder``."""
    command = [sys.executable, "-m", "app.cli", "--json", "witness", "--listen", listen]
    command += ["--state", str(folder / "state"), "--key", str(folder / "key")]
    for log in logs:
        command += ["--log", log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield WitnessProcess(told["address"], told["key"], process)
        finally:
            process.terminate()


def policy_file(path: Path, quorum: str, **witnesses: tuple[str, str]) -> Path:
    """A policy: each witness by name, as key and URL; ``quorum`` is a threshold over all of them."""
    lines = [f"witness {name} {key} {url}" for name, (key, url) in witnesses.items()]
    path.write_text("\n".join([*lines, f"group all-of-them {quorum} {' '.join(witnesses)}", "quorum all-of-them", ""]))
    return path


_CONFIG = """[tsa]
default_tsa = own
[own]
dir = {folder}
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ordering = yes
tsa_name = no
ess_cert_id_alg = sha256
"""


@dataclass
class StampingService:
    """A time stamping authority: its certificate, its address, how often it was asked."""

    folder: Path
    url: str = ""
    asked: int = 0
    away: bool = False
    """Whether it answers with an error."""
    replay: bytes | None = None
    """What it answers with instead, whatever was asked."""

    @property
    def ca(self) -> Path:
        """Its root certificate."""
        return self.folder / "ca.pem"

    def answer(self, query: bytes) -> bytes:
        """What ``openssl ts`` answers."""
        (self.folder / "query").write_bytes(query)
        _openssl(self.folder, "ts", "-reply", "-config", "ts.cnf", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def verifies(self, token: bytes, message: bytes) -> bool:
        """What ``openssl ts -verify`` says."""
        (self.folder / "token").write_bytes(token)
        (self.folder / "message").write_bytes(message)
        command = ["openssl", "ts", "-verify", "-data", "message", "-in", "token", "-CAfile", "ca.pem"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0


@contextmanager
def stamping_service(folder: Path) -> Iterator[StampingService]:
    """A time stamping service behind a small HTTP server."""
    folder.mkdir()
    (folder / "ts.cnf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    (folder / "leaf").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(folder, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Root")
    _openssl(folder, "req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamps")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "leaf")
    _openssl(folder, "x509", "-req", "-in", "tsa.csr", *signing, "-out", "tsa.pem")
    service = StampingService(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            service.asked += 1
            if service.away:
                self.send_error(503)
                return
            body = service.replay if service.replay is not None else service.answer(query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}/stamp"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
