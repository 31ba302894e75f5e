"""The web server as a process part: its address, its greeting, its end."""

import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from api.server import AddressInUse, listen, serve, url_of
from app.prepare import prepare
from app.settings import Settings
from tests.support.app import Office, served


def test_it_writes_its_address_greets_serves_and_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, stopping, codes = Settings(data=tmp_path, port=0), threading.Event(), list[int]()
    prepare(settings)
    thread = threading.Thread(target=lambda: codes.append(serve(settings, stopping)))
    thread.start()
    written = tmp_path / "run" / "address.json"
    deadline = time.monotonic() + 60
    while not written.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    found = json.loads(written.read_text())
    assert httpx.get(f"{found['url']}/healthz", timeout=60).json() == {"status": "ok"}
    stopping.set()
    thread.join(60)
    assert codes == [0]
    assert not written.exists()
    said = capsys.readouterr().out
    assert f"Muniment is at {found['url']}\n" in said
    assert f"{found['url']}/setup?token=" in said


def test_an_installation_with_accounts_prints_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Office.open(tmp_path).close()
    stopping = threading.Event()
    stopping.set()
    assert serve(Settings(data=tmp_path, port=0), stopping) == 0
    assert "token=" not in capsys.readouterr().out


def test_a_taken_port_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listener = listen(Settings(port=0))
    taken = Settings(data=tmp_path, port=listener.getsockname()[1])
    with pytest.raises(AddressInUse):
        listen(taken)
    prepare(taken)
    assert serve(taken, threading.Event()) == 1
    assert "choose another --port" in capsys.readouterr().err
    listener.close()


def test_the_address_is_the_one_people_use(tmp_path: Path) -> None:
    listener = listen(Settings(port=0))
    port = listener.getsockname()[1]
    assert url_of(Settings(port=0), listener) == f"http://127.0.0.1:{port}"
    secure = Settings(port=0, tls_certificate=tmp_path / "c", tls_key=tmp_path / "k")
    assert url_of(secure, listener) == f"https://127.0.0.1:{port}"
    assert url_of(Settings(public_url="https://archive.example/"), listener) == "https://archive.example"
    listener.close()


def test_an_answer_does_not_wait_for_nagle(shared_office: Office) -> None:
    with served(shared_office) as server, httpx.Client(base_url=server.url) as client:
        times = [client.get("/healthz").elapsed.total_seconds() for _ in range(20)]
    # Delayed acknowledgements cost every answer 40 ms where TCP_NODELAY is off.
    assert min(times) < 0.03


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_with_a_certificate_it_speaks_tls_only(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    office = Office.open(tmp_path / "data", tls_certificate=certificate, tls_key=key)
    with served(office) as server:
        context = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(f"https://localhost:{server.port}/healthz", verify=context)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://localhost:{server.port}/healthz")
    office.close()


def test_behind_a_proxy_the_sender_is_who_the_proxy_names(tmp_path: Path) -> None:
    office = Office.open(tmp_path, behind_proxy=True)
    with served(office) as server:
        # From loopback as far as the socket knows, yet not from here.
        assert httpx.get(f"{server.url}/metrics").status_code == 401
        assert httpx.get(f"{server.url}/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    office.close()
