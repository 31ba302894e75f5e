"""The web server as a process part: its address, its greeting, its end."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from api.server import AddressInUse, listen, serve, url_of
from app.prepare import prepare
from app.settings import Settings
from tests.support.app import Office


def test_it_writes_its_address_greets_serves_and_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, stopping, codes = Settings(data=tmp_path, port=0), threading.Event(), list[int]()
    prepare(settings)
    thread = threading.Thread(target=lambda: codes.append(serve(settings, stopping)))
    thread.start()
    written = tmp_path / "run" / "address.json"
    deadline = time.monotonic() + 20
    while not written.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    found = json.loads(written.read_text())
    assert httpx.get(f"{found['url']}/healthz", timeout=10).json() == {"status": "ok"}
    stopping.set()
    thread.join(15)
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
