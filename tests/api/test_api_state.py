"""Readiness tells the truth: each part that fails is named, and the rest goes on."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api.rest import state
from app.build import signer_of
from app.keeper import Keeper
from core import leases
from tests.support.app import Client, Office


def _start_keeper(office: Office) -> Keeper:
    keeper = Keeper(office.runtime, leases.incarnation("keeper"), signer_of(office.runtime))
    with office.runtime.main.write() as session:
        assert leases.take(session, "keeper", holder=keeper.holder, at=office.runtime.clock.now())
    keeper.open()
    keeper.settle()
    return keeper


def _lose_index(office: Office) -> None:
    shutil.rmtree(office.runtime.folder.index)


def _lose_store(office: Office) -> None:
    shutil.rmtree(office.runtime.folder.tmp)
    office.runtime.folder.tmp.write_text("in the way")


def _lose_keeper(office: Office) -> None:
    with office.runtime.main.write() as session:
        leases.void_matching(session, leases.holders_of_host())


def test_an_installation_at_work_is_ready(office: Office) -> None:
    keeper = _start_keeper(office)
    answer = office.client().get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True), answer.text
    keeper.close()


@pytest.mark.parametrize(
    ("break_it", "part"),
    [(_lose_index, "index"), (_lose_store, "store"), (_lose_keeper, "keeper")],
    ids=["the index is gone", "the store cannot be written", "the keeper is gone"],
)
def test_what_fails_is_named_and_nothing_else(office: Office, break_it: Callable[[Office], None], part: str) -> None:
    keeper = _start_keeper(office)
    break_it(office)
    answer = office.client().get("/readyz")
    assert answer.status_code == 503
    found = answer.json()["checks"]
    assert {name for name, result in found.items() if result != "ok"} == {part}
    assert office.client().get("/healthz").status_code == 200
    if break_it is not _lose_index:
        keeper.close()


def test_changes_that_do_not_reach_the_log_are_an_alarm(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = _start_keeper(office)
    monkeypatch.setattr(state, "OLDEST_INTAKE", timedelta(0))
    office.upload(b"waits for the keeper")
    assert office.client().get("/readyz").json()["checks"]["intake"] == "intake_stuck"
    keeper.settle()
    assert state.checks(office.runtime)["intake"] == "ok"
    keeper.close()


def test_readiness_is_believed_for_a_second_however_many_ask(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state.KEEP_SECONDS == 1.0
    # As if no time went by, on however busy a machine.
    monkeypatch.setattr(state, "KEEP_SECONDS", 3_600.0)
    first = office.client().get("/readyz").json()
    keeper = _start_keeper(office)
    assert office.client().get("/readyz").json() == first
    keeper.close()


def test_readiness_is_tried_anew_once_the_time_is_over(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "KEEP_SECONDS", 0.0)
    assert not office.client().get("/readyz").json()["ready"]
    keeper = _start_keeper(office)
    assert office.client().get("/readyz").json()["ready"]
    keeper.close()


def test_metrics_are_for_this_machine_or_who_manages_it(office: Office) -> None:
    assert Client(office.app, {}).get("/metrics").status_code == 200
    far: dict[str, Any] = {"client": ("192.0.2.7", 40000)}
    assert Client(office.app, {}, **far).get("/metrics").status_code == 401
    for name, status in (("clerk", 403), ("admin", 200)):
        headers = {"Authorization": f"Bearer {office.token(name)}"}
        assert Client(office.app, headers, **far).get("/metrics").status_code == status
    assert (
        Client(office.app, {"Authorization": f"Bearer {office.token('admin', 'read')}"}, **far)
        .get("/metrics")
        .status_code
        == 403
    )


def test_metrics_count_jobs_by_queue_and_state(office: Office) -> None:
    office.upload(b"one")
    assert 'muniment_jobs{queue="interactive",state="ready"} 1\n' in office.client().get("/metrics").text
    office.settle()
    assert 'muniment_jobs{queue="interactive",state="done"} 1\n' in office.client().get("/metrics").text
