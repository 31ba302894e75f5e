"""Readiness names key service and malware scanner where they are away or silent, and takes no longer for it."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.outside import PATIENCE_SECONDS, Service, ServiceSilent
from core.errors import Unavailable
from services import Clamd, Proxy, SoftHSM, private, shared
from tests.support.app import Office
from tests.support.cli import Cli
from tests.support.server import Client, Server


def ready(office: Office) -> tuple[int, dict[str, str]]:
    answer = office.client().get("/readyz")
    return answer.status_code, answer.json()["checks"]


def test_what_is_not_set_is_not_asked_for(tmp_path: Path) -> None:
    assert {"keys", "scanner"}.isdisjoint(ready(Office.open(tmp_path / "data"))[1])


def test_a_scanner_that_says_nothing_counts_as_away_and_is_asked_once_in_five_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        office = Office.open(tmp_path / "data", clamd=f"127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        for _ in range(3):
            status, checks = ready(office)
            assert (status, checks["scanner"]) == (503, "service_silent")
        # Not once for each question.
        assert time.monotonic() - begun < 3 * PATIENCE_SECONDS
        silent.settimeout(0)
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_question_that_is_never_answered_keeps_one_thread() -> None:
    asked, answer = [], threading.Event()

    def ask() -> None:
        asked.append(1)
        answer.wait(120)

    service = Service("slow", ask)
    for _ in range(3):
        with pytest.raises(ServiceSilent):
            service.check()
    assert asked == [1]
    answer.set()
    _wait(lambda: is_well(service))
    assert asked == [1, 1], "asked again once the first question came back"


def is_well(service: Service) -> bool:
    try:
        service.check()
    except ServiceSilent:
        return False
    return True


def test_what_is_no_error_of_ours_tells_its_kind_alone() -> None:
    def ask() -> None:
        raise RuntimeError("pin 1234")

    with pytest.raises(Unavailable) as told:
        Service("odd", ask).check()
    assert "1234" not in str(told.value)


@pytest.mark.services
def test_clamd_that_goes_and_comes_back_is_told_by_readiness_and_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Proxy(shared(Clamd).port)
    try:
        address = f"127.0.0.1:{way.port}"
        office = Office.open(tmp_path / "data", clamd=address)
        assert ready(office)[1]["scanner"] == "ok"
        way.refuse()
        way.cut()
        _wait(lambda: ready(office)[1]["scanner"] == "scanner_away")
        assert ready(office)[0] == 503
        monkeypatch.setenv("MUNIMENT_CLAMD", address)
        told = Cli()("--json", "--data", tmp_path / "data", "doctor")
        assert "clamd is away" in told.out
        way.accept()
        _wait(lambda: ready(office)[1]["scanner"] == "ok")
        assert "clamd answers" in Cli()("--json", "--data", tmp_path / "data", "doctor").out
    finally:
        way.close()


@pytest.mark.services
def test_a_token_that_goes_and_comes_back_is_told_by_readiness_and_doctor(tmp_path: Path) -> None:
    with private(SoftHSM) as hsm:
        token = hsm.new_token()
        (tmp_path / "pin").write_text(token.pin)
        environment = {
            "SOFTHSM2_CONF": str(token.configuration),
            "MUNIMENT_PKCS11_MODULE": str(token.module),
            "MUNIMENT_PKCS11_TOKEN": token.label,
            "MUNIMENT_PKCS11_PIN": str(tmp_path / "pin"),
            "MUNIMENT_WORKERS": "1",
        }
        with Server(tmp_path / "data", environment=environment) as server:

            def told() -> tuple[int, dict[str, Any]]:
                with closing(Client(server)) as client:
                    answer = client.get("/readyz")
                assert token.pin.encode() not in answer.body
                return answer.status, answer.json()

            _wait(lambda: told()[1]["ready"])
            assert told()[1]["checks"]["keys"] == "ok"
            assert "PKCS#11 token" in server.command("doctor")
            hsm.stop()
            _wait(lambda: told()[1]["checks"]["keys"] == "key_service_away")
            assert told()[0] == 503
            hsm.start()
            _wait(lambda: told()[1]["ready"])


def _wait(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.2)
