"""Runs of the retention jobs over REST and as a page: who sees them, who confirms the date, who lets a run through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.identifiers import new_id
from retention import alarm, run
from retention.run import Stop
from tests.support.app import Office
from tests.support.moving import MovableClock, open_moving, run_now

Moving = tuple[Office, MovableClock]
SEEING = ("manager", "officer", "dpo", "auditor")
BLIND = ("clerk", "admin", "boss")


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    office, clock = open_moving(tmp_path, monkeypatch)
    yield office, clock
    office.close()


def stop(office: Office) -> str:
    scope = run.scope_of({(office.entity, "invoice"): 60}, [])
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        row = run.begin(session, run.EXECUTE, round_=new_id(), how="night", at=now)
        stops = [Stop(office.entity, "invoice", 60, 80, 50)]
        run.end(session, row.id, state="stopped", counts={}, skipped={}, stops=stops, scope=scope, at=now)
        waiting = [alarm.Found(None, about=run.EXECUTE, records=60)]
        alarm.settle(session, alarm.TOO_MUCH, waiting, at=now)
        return str(row.id)


def test_those_who_see_retention_read_the_reports_and_nobody_else(moving: Moving):
    office, _clock = moving
    told = run_now(office)
    for name in SEEING:
        page = office.client(name).get("/api/v1/retention/runs").json()
        assert [row["job"] for row in reversed(page["items"])] == list(told)
        assert page["overdue"] == []
        assert page["clock"]["doubt"] is None
        assert office.client(name).get("/retention/runs").status_code == 200
    for name in BLIND:
        assert office.client(name).get("/api/v1/retention/runs").status_code == 403
    assert office.client().get("/api/v1/retention/runs").status_code == 401


def test_reports_come_page_by_page(moving: Moving):
    office, clock = moving
    run_now(office)
    clock.forward(hours=1)
    run_now(office)
    client = office.client("auditor")
    first = client.get("/api/v1/retention/runs?limit=3").json()
    rest = client.get(f"/api/v1/retention/runs?limit=200&cursor={first['next']}").json()
    ids = [row["id"] for row in (*first["items"], *rest["items"])]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == len(ids) == 2 * len({row["job"] for row in rest["items"]})
    assert rest["next"] is None


def test_an_officer_lets_a_stopped_run_through_on_the_page(moving: Moving):
    office, _clock = moving
    stopped = stop(office)
    client, csrf = office.browser("officer")
    text = client.get("/retention/runs").text
    assert "Let 60 destructions through" in text
    assert "A run would have destroyed too much at once" in text
    browser_of_auditor, _ = office.browser("auditor")
    assert "A compliance officer can let it through." in browser_of_auditor.get("/retention/runs").text
    answer = client.post(f"/retention/runs/{stopped}/leave", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/retention/runs?done=let")
    assert "Let 60 destructions through" not in client.get("/retention/runs").text
    again = office.client("officer").post(f"/api/v1/retention/runs/{stopped}/leave")
    assert (again.status_code, again.json()["code"]) == (409, "retention_run_not_stopped")


def test_letting_through_takes_who_approves_dispositions(moving: Moving):
    office, _clock = moving
    stopped = stop(office)
    for name in ("manager", "dpo", "auditor", "admin", "clerk"):
        assert office.client(name).post(f"/api/v1/retention/runs/{stopped}/leave").status_code == 403
    assert office.client("officer").post(f"/api/v1/retention/runs/{new_id()}/leave").status_code == 404
    assert office.client("officer").post(f"/api/v1/retention/runs/{stopped}/leave").json()["let_through_at"]


def test_the_date_is_confirmed_by_stating_it(moving: Moving):
    office, clock = moving
    run_now(office)
    clock.forward(days=9)
    run_now(office)
    officer, csrf = office.browser("officer")
    text = officer.get("/retention/runs").text
    assert "nothing is destroyed until a witness" in text
    assert str(clock.now().date()) not in text, "the date is stated, not clicked away"
    wrong = officer.post("/retention/clock/confirmation", data={"csrf": csrf, "date": "2026-03-02"})
    assert wrong.status_code == 422
    assert "The clock shows another date" in wrong.text
    assert officer.post("/retention/clock/confirmation", data={"csrf": csrf}).status_code == 422
    for name in ("manager", "auditor", "admin"):
        stated = {"date": str(clock.now().date())}
        assert office.client(name).post("/api/v1/retention/clock/confirmation", json=stated).status_code == 403
    right = officer.post("/retention/clock/confirmation", data={"csrf": csrf, "date": str(clock.now().date())})
    assert right.headers["location"] == "/retention/runs?done=confirmed"
    again = office.client("officer").post(
        "/api/v1/retention/clock/confirmation", json={"date": str(clock.now().date())}
    )
    assert (again.status_code, again.json()["code"]) == (409, "clock_not_in_doubt")
    assert office.client("auditor").get("/api/v1/retention/runs").json()["clock"]["confirmed_how"] == "officer"


def test_readiness_and_metrics_tell_an_overdue_run_and_a_doubted_clock(moving: Moving):
    office, clock = moving
    run_now(office)
    assert office.client().get("/readyz").json()["worries"] == {}
    clock.forward(days=9)
    office.app.state.worries._until = 0.0
    assert office.client().get("/readyz").json()["worries"] == {"retention": "retention_overdue"}
    run_now(office)
    office.app.state.worries._until = 0.0
    assert office.client().get("/readyz").json()["worries"] == {"clock": "clock_gap"}
    lines = office.client().get("/metrics").text.splitlines()
    assert "muniment_clock_in_doubt 1" in lines
    assert 'muniment_retention_overdue{job="fixity"} 0' in lines
    clock.forward(days=9)
    assert 'muniment_retention_overdue{job="fixity"} 1' in office.client().get("/metrics").text


def test_a_report_does_not_tell_of_classes_of_other_entities(moving: Moving):
    office, _clock = moving
    stops = [Stop(new_id(), "invoice", 60, 80, 50)]
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        row = run.begin(session, run.EXECUTE, round_=new_id(), how="night", at=now)
        run.end(session, row.id, state="stopped", counts={}, skipped={}, stops=stops, scope=bytes(32), at=now)
        run_id = row.id
    (told,) = office.client("officer").get("/api/v1/retention/runs").json()["items"]
    assert told["stops"] == []
    assert office.client("officer").post(f"/api/v1/retention/runs/{run_id}/leave").status_code == 403
