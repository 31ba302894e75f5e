"""The retention jobs on the command line: by hand, without a change, their reports, the date, the documents."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.build import build
from app.papers.all import PAPERS
from app.retention_steps import STEPS
from app.settings import load
from core.clock import civil_date
from core.identifiers import new_id
from retention import run
from retention.clock_guard import ClockState
from retention.run import Stop
from tests.support.app import Office
from tests.support.cli import Cli, Told

NAMES = [step.name for step in STEPS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A data folder, the token of an officer, and a run that stopped."""
    folder = tmp_path_factory.mktemp("retention") / "data"
    office = Office.open(folder)
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        row = run.begin(session, run.EXECUTE, round_=new_id(), how="night", at=now)
        stops = [Stop(office.entity, "invoice", 60, 80, 50)]
        run.end(session, row.id, state="stopped", counts={}, skipped={}, stops=stops, scope=bytes(32), at=now)
        stopped = str(row.id)
    token = office.token("officer")
    office.close()
    return folder, token, stopped


def told(cli: Cli, made: tuple[Path, str, str], name: str, *words: str) -> Told:
    return cli("--data", made[0], "--json", "--as", name, "retention", *words)


def test_a_dry_run_tells_each_job_and_writes_no_report(cli: Cli, made: tuple[Path, str, str]):
    answer = told(cli, made, "auditor", "run", "--dry-run")
    assert answer.code == 0, answer.err
    assert [row["job"] for row in answer.rows] == NAMES
    assert {row["dry_run"] for row in answer.rows} == {True}
    assert [row["job"] for row in told(cli, made, "auditor", "runs").rows] == ["execute"]


def test_run_now_does_what_the_night_would_and_lists_it(cli: Cli, made: tuple[Path, str, str]):
    answer = told(cli, made, "manager", "run", "--now")
    assert answer.code == 0, answer.err
    assert [(row["job"], row["state"]) for row in answer.rows] == [(name, "done") for name in NAMES]
    listed = told(cli, made, "dpo", "runs", "--limit", str(len(NAMES))).rows
    assert [row["job"] for row in reversed(listed)] == NAMES
    assert {row["how"] for row in listed} == {"hand"}
    words = cli("--data", made[0], "--as", "dpo", "retention", "runs", "--limit", "2").out
    assert "nothing to do" in words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("clerk", ("run", "--dry-run"), id="who sees no retention"),
        pytest.param("dpo", ("run", "--now"), id="who only oversees"),
        pytest.param("clerk", ("runs",), id="reports of others"),
        pytest.param("officer", ("confirm-date", "2026-01-01"), id="an operator states no date"),
        pytest.param("officer", ("let-through", "STOPPED"), id="nor lets anything through"),
        pytest.param("manager", ("run",), id="neither now nor dry"),
        pytest.param("manager", ("run", "--now", "--dry-run"), id="both"),
        pytest.param("manager", ("confirm-date", "soon"), id="no date"),
    ],
)
def test_what_is_refused(cli: Cli, made: tuple[Path, str, str], name: str, words: tuple[str, ...]):
    answer = told(cli, made, name, *(made[2] if word == "STOPPED" else word for word in words))
    assert answer.code == 1
    assert answer.out == ""


def test_an_officer_lets_a_run_through_by_token(cli: Cli, made: tuple[Path, str, str]):
    folder, token, _stopped = made
    office_run = told(cli, made, "auditor", "runs", "--limit", "1000").rows
    stopped = next(row["id"] for row in office_run if row["state"] == "stopped")
    answer = cli("--data", folder, "--json", "--token", token, "retention", "let-through", stopped)
    assert answer.code == 0, answer.err
    assert answer.json["stops"][0]["records"] == 60
    assert cli("--data", folder, "--token", token, "retention", "let-through", stopped).code == 1, "once"


def test_an_officer_states_the_date_by_token(cli: Cli, made: tuple[Path, str, str]):
    folder, token, _stopped = made
    runtime = build(load({}, data=folder))
    now = runtime.clock.now()
    with runtime.main.write() as session:
        state = session.get(ClockState, 1) or ClockState(id=1, seen_at=now, position=0)
        state.doubt, state.trusted_at, state.shown_at = "gap", datetime(2026, 1, 1, tzinfo=UTC), now
        session.add(state)
    runtime.close()
    told_so = cli("--data", folder, "--as", "manager", "retention", "run", "--now")
    assert "nothing is destroyed until the date is confirmed" in told_so.out
    wrong = cli("--data", folder, "--token", token, "retention", "confirm-date", "2020-02-02")
    assert (wrong.code, "another date" in wrong.err) == (1, True)
    today = civil_date(now, "Europe/Berlin")
    assert cli("--data", folder, "--token", token, "retention", "confirm-date", today.isoformat()).code == 0
    again = cli("--data", folder, "--as", "manager", "retention", "run", "--now")
    assert "nothing is destroyed" not in again.out


def test_the_documents_are_written_in_both_forms(cli: Cli, made: tuple[Path, str, str], tmp_path: Path):
    answer = told(cli, made, "auditor", "documents", "--out", str(tmp_path / "papers"))
    assert answer.code == 0, answer.err
    files = sorted((tmp_path / "papers").iterdir())
    assert [path.name.rsplit("-", 3)[0] for path in files] == sorted([*PAPERS] * 2)
    assert {path.suffix for path in files} == {".md", ".pdf"}
    assert files[0].read_text("utf-8").startswith("# ")
    assert files[1].read_bytes().startswith(b"%PDF-")
