"""The pages of disposition: worked through by one person, approved by another, told to the end, and certified."""

import re
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest

from retention import batch as batches
from retention import certificate
from tests.support.app import Client, Office
from tests.support.depot import Depot

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
PIECE = {"Muniment-Piece": "1"}


class Desk:
    """A depot with three due records, and the browsers of its people."""

    def __init__(self, folder: Path) -> None:
        self.depot = Depot.open(folder)
        archive = self.depot.archive
        self.office = Office(self.depot.run, archive.entity, archive.departments, archive.people)
        self.records = [
            self.depot.receive("Rechnung eins", "rechnung eins.txt", date(2006, 3, 4)),
            self.depot.receive("Rechnung zwei", f"{LONG} GmbH.txt", date(2007, 3, 4)),
            self.depot.receive("Rechnung drei", "rechnung <b>drei.txt", date(2008, 3, 4)),
        ]
        archive.settle()
        self._browsers: dict[str, tuple[Client, str]] = {}

    def get(self, name: str, path: str) -> httpx.Response:
        return self._browser(name)[0].get(path)

    def post(self, name: str, path: str, piece: bool = False, /, **form: Any) -> httpx.Response:
        browser, csrf = self._browser(name)
        body = urlencode({"csrf": csrf, **form}, doseq=True)
        headers = {"content-type": "application/x-www-form-urlencoded"} | (PIECE if piece else {})
        return browser.post(path, content=body, headers=headers)

    def _browser(self, name: str) -> tuple[Client, str]:
        if name not in self._browsers:
            self._browsers[name] = self.office.browser(name)
        return self._browsers[name]

    def proposed(self) -> str:
        return f"/dispositions/{self.depot.propose()}"

    def submitted(self) -> tuple[str, str]:
        batch, digest = self.depot.submitted()
        return f"/dispositions/{batch}", digest.hex()

    def decisions(self, path: str) -> dict[UUID, str | None]:
        batch = UUID(path.rsplit("/", 1)[1])
        return {record: item.decision for record, item in self.depot.items(batch).items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.office.close()


def test_an_empty_list_says_what_will_come_and_the_button_makes_the_first_batch(desk: Desk) -> None:
    assert "Nothing waits to be destroyed" in desk.get("officer", "/dispositions").text
    assert "Propose what is due now" not in desk.get("officer", "/dispositions").text
    made = desk.post("manager", "/dispositions")
    assert made.status_code == 303
    listed = desk.get("officer", "/dispositions").text
    assert made.headers["location"] in listed
    assert "To be reviewed" in listed
    assert desk.post("manager", "/dispositions").headers["location"] == "/dispositions?wrong=nothing"


def test_a_batch_shows_each_record_with_its_provision_its_day_and_whole_name(desk: Desk) -> None:
    text = desk.get("manager", desk.proposed()).text
    assert "AO § 147 Abs. 3: 1 year, until 4 March 2007" in text
    assert LONG in text
    assert "rechnung &lt;b&gt;drei" in text
    assert "<b>drei" not in text
    assert text.count("data-row") == 3


def test_who_may_not_open_a_record_sees_numbers_and_grounds_but_no_title(desk: Desk) -> None:
    path = desk.proposed()
    text = desk.get("officer", path).text
    assert "rechnung eins" not in text
    assert "AO § 147 Abs. 3" in text
    assert 'name="decision"' not in text
    peeked = desk.get("officer", f"{path}/items/{desk.records[0]}").text
    assert "Its content is not yours to open" in peeked
    assert "rechnung eins" not in peeked
    assert "rechnung eins" in desk.get("manager", f"{path}/items/{desk.records[0]}").text


@pytest.mark.parametrize(("group", "headings"), [("year", ["2006", "2007", "2008"]), ("class", ["Supplier invoice"])])
def test_records_stand_under_headings_of_what_they_are_grouped_by(desk: Desk, group: str, headings: list[str]) -> None:
    text = desk.get("manager", f"{desk.proposed()}?group={group}").text
    assert re.findall(r'<h2 id="group-\d+" class="grow">([^<]+)</h2>', text) == headings


def test_many_are_decided_at_once_and_the_rows_come_back_with_the_count(desk: Desk) -> None:
    path = desk.proposed()
    answer = desk.post("manager", f"{path}/decisions", True, decision="destroy", record=desk.records[:2], group="class")
    assert answer.status_code == 200
    assert answer.text.count('data-decision="destroy"') == 2
    assert "<strong>2</strong> to destroy" in answer.text
    back = desk.post("manager", f"{path}/decisions", True, decision="", record=desk.records[:1], group="class")
    assert 'data-decision=""' in back.text
    assert sorted(desk.decisions(path).values(), key=str) == [None, None, "destroy"]


def test_without_scripts_the_same_form_comes_back_to_the_page(desk: Desk) -> None:
    path = desk.proposed()
    answer = desk.post(
        "manager", f"{path}/decisions", decision="destroy", record=desk.records[0], group="year", show="open"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?group=year&show=open&done=decided")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        pytest.param({"decision": "extend", "until": "2040-01-01"}, "reason", id="no reason to keep it longer"),
        pytest.param({"decision": "extend", "reason": "dispute"}, "last day", id="no day to keep it until"),
        pytest.param({"decision": "extend", "reason": "x", "until": "2001-01-01"}, "last day", id="a day that is over"),
        pytest.param({"decision": "extend", "reason": "x", "until": "soon"}, "year-month-day", id="a word for a day"),
        pytest.param({"decision": "shred"}, "decide to destroy", id="an unknown decision"),
        pytest.param({"decision": "destroy", "record": ""}, "select a record", id="no record"),
        pytest.param({"decision": "destroy", "record": str(uuid4())}, "not in this batch", id="a record of no batch"),
    ],
)
@pytest.mark.parametrize("piece", [True, False], ids=["beside the page", "as a page"])
def test_what_cannot_be_decided_is_refused_with_the_reason_and_changes_nothing(
    desk: Desk, form: dict[str, Any], words: str, piece: bool
) -> None:
    path = desk.proposed()
    answer = desk.post("manager", f"{path}/decisions", piece, **({"record": desk.records[0]} | form))
    assert answer.status_code in (404, 422)
    assert words.casefold() in answer.text.casefold()
    assert set(desk.decisions(path).values()) == {None}


def test_whoever_only_approves_decides_nothing(desk: Desk) -> None:
    path = desk.proposed()
    assert desk.post("officer", f"{path}/decisions", decision="destroy", record=desk.records[0]).status_code == 403
    assert desk.post("officer", f"{path}/submission").status_code == 403
    assert desk.post("manager", f"{path}/decisions", decision="destroy", record=desk.records[0]).status_code == 303


def test_nothing_is_submitted_without_a_decision(desk: Desk) -> None:
    answer = desk.post("manager", f"{desk.proposed()}/submission")
    assert answer.status_code == 409
    assert "Decide about one of its records first" in answer.text or "decide about one" in answer.text


def test_the_second_person_sees_what_is_destroyed_and_the_button_repeats_the_number(desk: Desk) -> None:
    path, digest = desk.submitted()
    text = desk.get("officer", path).text
    assert "3 records will be destroyed" in text
    assert "Approve 3 destructions" in text
    assert digest in text
    assert re.search(r'<input type="checkbox" name="looked"[^>]*checked', text) is None
    assert "You can approve it" in desk.get("officer", "/dispositions").text


def test_the_first_person_is_told_that_another_approves_and_gets_no_button(desk: Desk) -> None:
    path, digest = desk.submitted()
    text = desk.get("manager", path).text
    assert "/approval" not in text
    assert "A compliance officer who had no part in it approves it" in text
    assert desk.post("manager", f"{path}/approval", digest=digest, looked="1").status_code == 403
    assert desk.post("officer", f"{path}/approval", digest=digest, looked="1").status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        pytest.param({}, 422, "tick the box", id="without saying that it was looked at"),
        pytest.param({"looked": "1", "digest": "00" * 32}, 409, "not what you were shown", id="of something else"),
        pytest.param({"looked": "1", "digest": "x"}, 422, "no digest", id="of nothing"),
    ],
)
def test_an_approval_is_of_exactly_what_was_shown(desk: Desk, form: dict[str, Any], status: int, words: str) -> None:
    path, digest = desk.submitted()
    answer = desk.post("officer", f"{path}/approval", **({"digest": digest} | form))
    assert answer.status_code == status
    assert words in answer.text
    assert desk.depot.batch(UUID(path.rsplit("/", 1)[1])).state == batches.SUBMITTED


def test_in_the_days_of_grace_one_person_can_undo_it(desk: Desk) -> None:
    path, digest = desk.submitted()
    approved = desk.post("officer", f"{path}/approval", digest=digest, looked="1")
    assert approved.headers["location"] == f"{path}?done=approved"
    assert "Undo this batch" in desk.get("manager", path).text
    assert "Undo this batch" not in desk.get("auditor", path).text
    assert desk.post("auditor", f"{path}/undo").status_code == 403
    assert desk.post("manager", f"{path}/undo").headers["location"] == f"{path}?done=undone"
    assert "There is nothing to undo" in desk.post("manager", f"{path}/undo").text


def test_a_batch_that_was_given_back_is_under_review_again(desk: Desk) -> None:
    path, _digest = desk.submitted()
    assert desk.post("officer", f"{path}/return", reason="2008 is still under audit").status_code == 303
    assert "In review" in desk.get("manager", path).text


@pytest.mark.parametrize("rest", ["", "/items/{record}"])
def test_a_batch_of_nobody_looks_like_one_that_is_not_there(desk: Desk, rest: str) -> None:
    path = desk.proposed()
    rest = rest.format(record=desk.records[0])
    assert desk.get("clerk", path + rest).status_code == 403
    assert desk.get("manager", f"/dispositions/{uuid4()}{rest}").status_code == 404
    assert desk.get("manager", path + rest).status_code == 200


def test_what_was_carried_out_is_told_and_certified_and_openssl_agrees(desk: Desk, tmp_path: Path) -> None:
    batch = desk.depot.approved()
    later = desk.depot.after_grace()
    for _round in range(2):
        desk.depot.carry_out(at=later)
        desk.depot.archive.index()
    text = desk.get("officer", f"/dispositions/{batch}").text
    assert "Carried out" in text
    assert text.count("Destroyed") >= 1
    with desk.depot.run.main.read() as session:
        made = certificate.certificates(session, by=desk.depot.by("officer"))
    path = f"/certificates/{made[0].id}"
    assert path in desk.get("auditor", "/certificates").text
    assert path in text
    shown = desk.get("auditor", path).text
    assert "Signature checked just now" in shown
    assert "AO § 147 Abs. 3" in shown
    assert LONG not in shown
    for name in ("certificate.json", "certificate.sig", "log.pem"):
        (tmp_path / name).write_bytes(desk.get("auditor", f"{path}/{name}").content)
    command = "openssl pkeyutl -verify -pubin -inkey log.pem -rawin -in certificate.json -sigfile certificate.sig"
    assert command in shown
    told = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert desk.get("auditor", f"{path}/passwd").status_code == 404
    stub = f"/stubs/{desk.records[0]}"
    gone = desk.get("manager", f"/records/{desk.records[0]}")
    assert (gone.status_code, gone.headers["location"]) == (303, stub)
    assert desk.get("clerk", f"/records/{desk.records[0]}").status_code == 404
    # Who reads no records has the way from the batch.
    assert f'href="{stub}"' in desk.get("officer", f"/dispositions/{batch}").text
    for name in ("manager", "officer", "auditor"):
        left = desk.get(name, stub)
        assert (left.status_code, "This record is destroyed" in left.text, path in left.text) == (200, True, True)
    assert desk.get("clerk", stub).status_code == 403
    assert desk.get("clerk", path).status_code == 403


def test_the_calendar_counts_what_is_due_and_draws_what_comes(desk: Desk) -> None:
    today = desk.depot.today
    desk.depot.receive("Rechnung von heute", "heute.txt", today - timedelta(days=30))
    desk.depot.archive.settle()
    text = desk.get("officer", "/retention/calendar").text
    assert re.search(r'Time has come</p><p class="big">3<', text)
    assert 'class="eligible-chart"' in text
    assert "none passed" in text, "no statute sets a maximum: what was old when it came in is eligible, and not overdue"
    assert re.search(r"Supplier invoice 1</span>", text)
    earlier = desk.get("officer", "/retention/calendar?unit=year&from=2000-05-17").text
    assert "2007" in earlier
    assert desk.get("officer", "/retention/calendar?unit=century&from=2300-01-01").status_code == 200
    assert desk.get("officer", "/retention/calendar?from=soon").status_code == 422


def test_another_class_is_decided_beside_the_list_shown_and_taken_back(desk: Desk) -> None:
    path = desk.proposed()
    assert 'data-opens="r"' in desk.get("manager", path).text
    said = {"decision": "reclassify", "class": "contract", "reason": "by its text", "group": "class"}
    answer = desk.post("manager", f"{path}/decisions", True, record=desk.records[:1], **said)
    assert answer.status_code == 200, answer.text
    assert 'data-class="contract"' in answer.text
    assert "→ Contract" in answer.text
    assert "<strong>1</strong> in another class" in answer.text
    assert desk.decisions(path)[desk.records[0]] == "reclassify"
    missing = desk.post("manager", f"{path}/decisions", True, record=desk.records[:1], **(said | {"class": ""}))
    assert missing.status_code == 422
    assert "Choose another record class" in missing.text
    back = desk.post("manager", f"{path}/decisions", True, record=desk.records[:1], decision="", group="class")
    assert 'data-class=""' in back.text
