"""The pages of what leaves by another way than the schedule: copies outside, and wrong uploads."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from retention import disclosure, withdrawal
from retention.disclosure import Disclosure
from retention.withdrawal import Withdrawal
from tests.api_pages.test_pages_dispositions import LONG, Desk

TO_SEE, STILL_OUT, SETTLED = ("/disclosures?state=" + state for state in ("asked_back", "out", "settled"))
WRONG = "/capture-withdrawals"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.office.close()


def note(desk: Desk, found: UUID, recipient: str = "Tax adviser <b>Finch", day: str = "2026-01-02") -> str:
    """A copy that went out, written down on the page of its record; its id."""
    made = desk.post("manager", f"/records/{found}/disclosures", kind="paper", recipient=recipient, disclosed_on=day)
    assert made.headers["location"] == f"/records/{found}?done=disclosed"
    with desk.depot.run.main.read() as session:
        return str(disclosure.of_record(session, found, by=desk.depot.by("manager"))[-1].id)


def withdraw(desk: Desk, found: UUID, reason: str = "It is <i>another firm's") -> str:
    """A wrong upload that a clerk closed; the address where it is decided."""
    made = desk.post("clerk", f"/records/{found}/withdrawal", reason=reason)
    assert made.headers["location"] == f"{WRONG}?done=asked"
    with desk.depot.run.main.read() as session:
        waiting = withdrawal.listed(session, by=desk.depot.by("clerk"))
    return f"{WRONG}/{next(row.id for row in waiting if row.record == found)}/decision"


def state_of(desk: Desk, address: str) -> str:
    with desk.depot.run.main.read() as session:
        return session.get_one(Withdrawal, UUID(address.split("/")[-2])).state


def test_a_copy_written_down_on_its_record_stands_in_the_register_with_who_has_it(desk: Desk) -> None:
    note(desk, desk.records[0])
    listed = desk.get("dpo", STILL_OUT).text
    assert "Tax adviser &lt;b&gt;Finch" in listed
    assert "<b>Finch" not in listed
    assert "paper copy" in listed
    assert "/settlement" not in listed, "who only reads settles nothing"
    assert "/settlement" in desk.get("manager", STILL_OUT).text
    assert "No copy waits for somebody" in desk.get("dpo", "/disclosures").text
    assert "One copy outside is written down" in desk.get("manager", f"/records/{desk.records[0]}").text


def test_a_copy_of_a_destroyed_record_waits_to_be_seen_to_until_it_is_settled(desk: Desk) -> None:
    found = note(desk, desk.records[0])
    desk.depot.approved()
    desk.depot.carry_out()
    waiting = desk.get("manager", "/disclosures").text
    assert "Tax adviser" in waiting
    assert "destroyed" in waiting
    settled = desk.post("manager", f"/disclosures/{found}/settlement", state="asked_back")
    assert settled.headers["location"] == "/disclosures?state=asked_back&done=settled"
    assert "Tax adviser" not in desk.get("manager", TO_SEE).text
    assert "Tax adviser" in desk.get("manager", SETTLED).text
    again = desk.post("manager", f"/disclosures/{found}/settlement", state="settled")
    assert again.status_code == 409
    assert "Look at it again" in again.text


def test_the_register_shows_one_record_s_copies_and_goes_on_behind_a_full_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, found in enumerate(desk.records):
        note(desk, found, f"Recipient {number} {LONG}")
    of_one = desk.get("manager", f"/disclosures?record={desk.records[1]}").text
    assert "Recipient 1" in of_one
    assert "Recipient 0" not in of_one
    monkeypatch.setattr("api.pages.disclosures.PAGE", 2)
    first = desk.get("manager", "/disclosures?state=all").text
    assert first.count("data-row") == 2
    with desk.depot.run.main.read() as session:
        after = sorted(session.query(Disclosure.id).all(), reverse=True)[1][0]
    assert f"/disclosures?state=all&amp;after={after}" in first
    assert desk.get("manager", f"/disclosures?state=all&after={after}").text.count("data-row") == 1


@pytest.mark.parametrize(
    ("day", "recipient"), [("", "Finch"), ("2199-01-01", "Finch"), ("2026-01-02", "  "), ("yesterday", "Finch")],
    ids=["no day", "a day to come", "nobody", "no date"],
)  # fmt: skip
def test_a_copy_without_a_day_or_a_recipient_is_not_written_down(desk: Desk, day: str, recipient: str) -> None:
    path = f"/records/{desk.records[0]}/disclosures"
    refused = desk.post("manager", path, kind="paper", recipient=recipient, disclosed_on=day)
    assert refused.status_code == 422
    with desk.depot.run.main.read() as session:
        assert disclosure.counts(session, by=desk.depot.by("manager")) == {}


def test_a_wrong_upload_is_closed_at_once_and_destroyed_when_a_second_person_is_sure(desk: Desk) -> None:
    found = desk.records[0]
    assert "This should never have been uploaded" in desk.get("clerk", f"/records/{found}").text
    address = withdraw(desk, found)
    assert desk.get("clerk", f"/records/{found}").status_code == 404
    listed = desk.get("officer", WRONG).text
    assert "It is &lt;i&gt;another firm&#39;s" in listed
    assert "Destroy the wrong upload" in listed
    unsure = desk.post("officer", address, word="confirm")
    assert (unsure.status_code, state_of(desk, address)) == (422, "asked")
    assert "Tick the box" in unsure.text
    assert desk.post("officer", address, word="confirm", sure="1").headers["location"] == f"{WRONG}?done=confirmed"
    assert "about to be destroyed" in desk.get("officer", WRONG).text
    desk.depot.archive.settle()
    over = desk.get("officer", WRONG).text
    assert "No upload was wrong" not in over
    assert "/certificates/" in over
    assert "another firm" not in over
    assert desk.post("officer", address, word="refuse").status_code == 409


def test_whoever_closed_it_takes_it_back_and_confirms_nothing(desk: Desk) -> None:
    address = withdraw(desk, desk.records[0])
    own = desk.get("clerk", WRONG).text
    assert "Take back and open it again" in own
    assert "Destroy the wrong upload" not in own
    assert desk.post("clerk", address, word="confirm", sure="1").status_code == 403
    assert desk.post("clerk", address, word="refuse").headers["location"] == f"{WRONG}?done=back"
    assert "Taken back" in desk.get("clerk", WRONG).text
    assert desk.get("clerk", f"/records/{desk.records[0]}").status_code == 200


def test_a_refusal_opens_it_again_and_others_hear_of_none(desk: Desk) -> None:
    address = withdraw(desk, desk.records[0])
    assert "another firm" not in desk.get("manager", WRONG).text
    assert desk.post("manager", address, word="refuse").status_code == 404
    assert desk.post("officer", address, word="refuse").headers["location"] == f"{WRONG}?done=refused"
    assert "Refused" in desk.get("officer", WRONG).text
    assert desk.get("clerk", f"/records/{desk.records[0]}").status_code == 200


def test_those_who_decide_see_the_count_beside_retention(desk: Desk) -> None:
    before = _beside_retention(desk, "officer")
    withdraw(desk, desk.records[0])
    assert (_beside_retention(desk, "officer"), _beside_retention(desk, "manager")) == (before + 1, before)


def _beside_retention(desk: Desk, name: str) -> int:
    place = re.search(r'<a class="place" href="/retention".*?</a>', desk.get(name, WRONG).text, re.DOTALL)
    assert place is not None
    number = re.search(r'class="count[^>]*>(\d+)', place[0])
    return int(number[1]) if number is not None else 0
