"""An installation whose clock a test moves: everything in it goes by that clock, from the first account on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import app.build
import app.prepare
from app import retention_jobs
from app.retention_steps import STEPS
from tests.support.app import Office

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


class MovableClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = BEGIN) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        """Move it on, by what ``timedelta`` takes."""
        self.at += timedelta(**span)
        return self.at


def open_moving(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Office, MovableClock]:
    """An office that goes by a clock of its own."""
    clock = MovableClock()
    for module in (app.build, app.prepare):
        if hasattr(module, "clock_of"):
            monkeypatch.setattr(module, "clock_of", lambda chosen: clock)
    return Office.open(folder, **settings), clock


def run_days(office: Office, clock: MovableClock, days: int) -> None:
    """Let days pass on which the system runs: the jobs of each night, and the keeper's work."""
    for _ in range(days):
        clock.forward(days=1)
        run_now(office)


def run_now(office: Office) -> dict[str, retention_jobs.Told]:
    """Run the jobs of a night now; what became of each."""
    retention_jobs.look(office.runtime)
    told = retention_jobs.run_round(office.runtime, STEPS)
    office.settle()
    return {each.job: each for each in told}
