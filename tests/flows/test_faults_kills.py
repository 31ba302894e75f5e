"""Kill any process at any moment: nothing accepted is lost, nothing happens twice, the log verifies."""

from pathlib import Path

import pytest

from tests.support.kills import Outcome, import_with_kills
from tests.support.log_kills import kill_over_and_over


def _is_whole(outcome: Outcome, documents: int) -> None:
    assert set(outcome.accepted) == set(range(documents))
    assert len(set(outcome.accepted.values())) == documents
    archives = sum(1 for number in range(documents) if number % 10 == 9)
    assert outcome.records == documents + 2 * archives, "each once, and the members of archives once"
    assert outcome.missing == []
    assert set(outcome.copies.values()) == {1}
    assert (outcome.unread, outcome.failed_jobs) == (0, 0)
    assert outcome.fault is None
    agreement = outcome.agreement
    assert agreement is not None
    assert agreement.agrees, agreement
    assert agreement.waiting_jobs == agreement.intake_waiting == 0


@pytest.mark.slow
def test_every_accepted_document_is_there_once_after_three_kills(tmp_path: Path):
    outcome = import_with_kills(tmp_path / "data", documents=200, kills=3, seed=20261122)
    _is_whole(outcome, 200)
    assert len(outcome.killed) == 3


@pytest.mark.slow
def test_no_check_ever_calls_a_log_wrong_whose_writers_were_killed(tmp_path: Path) -> None:
    told = kill_over_and_over(tmp_path / "data", kills=8, seed=20261122)
    assert told.alarms == []
    assert told.lost == 0
    assert told.receipts
