"""The pages of holds: counting, placing, telling people, releasing by two; and the line on a record's page."""

import re
from datetime import timedelta
from typing import Any

from tests.support.app import Client, Office

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Reader:
    """Somebody with a browser."""

    def __init__(self, office: Office, name: str) -> None:
        self._client: Client
        self._client, self._csrf = office.browser(name)

    def get(self, path: str) -> str:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **fields: Any) -> Any:
        return self._client.post(path, data={"csrf": self._csrf, **fields}, headers=FORM)


def placed(office: Office, officer: Reader, number: str) -> str:
    """The address of a hold on that record."""
    review = (office.runtime.clock.now() + timedelta(days=60)).date().isoformat()
    words = {"title": "Zwetschgenstreit", "reason": "A claim", "authority": "312 O 44/26", "review_on": review}
    given = {"scope": "records", "records": number, **words}
    counted = officer.post("/holds", step="count", **given)
    assert "It reaches one record now" in counted.text
    answer = officer.post("/holds", step="place", confirmed="1", **given)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).partition("?")[0]


def test_a_hold_is_counted_placed_told_and_released_by_two(own_office: Office) -> None:
    record = own_office.upload(b"Der Kranbau", "brief.txt", **{"class": "letter"})
    own_office.settle()
    officer, manager, clerk = (Reader(own_office, name) for name in ("officer", "manager", "clerk"))
    assert "Nothing is on hold" in officer.get("/holds")
    for scope in ("records", "case_file", "person", "classes", "tax", "query"):
        assert f"scope={scope}" in officer.get("/holds/new")
        assert "Count what it reaches" in officer.get(f"/holds/new?scope={scope}")
    hold = placed(own_office, officer, record["number"])
    assert "Zwetschgenstreit" in officer.get("/holds")
    assert "Zwetschgenstreit" in officer.get(hold)

    seen = clerk.get(f"/records/{record['id']}")
    assert "On legal hold" in seen
    assert "Zwetschgenstreit" not in seen, "the matter is for those who work with holds"
    assert hold not in seen
    assert f'href="{hold}"' in manager.get(f"/records/{record['id']}")

    told = officer.post(f"{hold}/notices", others="clerk", text="Keep all letters of the crane works.")
    assert told.status_code == 303, told.text
    assert "one notice waits" in clerk.get("/search")
    notice = re.search(r"/notices/([0-9a-f-]{36})/acknowledgement", clerk.get("/notices"))
    assert notice is not None
    assert clerk.post(notice[0]).status_code == 303
    assert "one notice waits" not in clerk.get("/search")
    assert "Acknowledged" in officer.get(hold)
    assert manager.post(notice[0]).status_code == 404, "it went to somebody else"

    assert officer.post(f"{hold}/release", reason="settled").status_code == 303
    alone = officer.post(f"{hold}/release/decision", word="confirm")
    assert alone.status_code == 403
    assert "Somebody else" in alone.text
    assert officer.post(f"{hold}/release/decision", word="refuse").status_code == 303, "taken back"
    assert manager.post(f"{hold}/release", reason="settled after all").status_code == 303
    assert "settled after all" in officer.get(hold)
    assert officer.post(f"{hold}/release/decision", word="confirm").status_code == 303
    assert "On legal hold" not in clerk.get(f"/records/{record['id']}")
    assert "Over" in officer.get(hold)


def test_what_is_wrong_with_a_hold_stands_above_the_form_and_nothing_is_lost(own_office: Office) -> None:
    officer = Reader(own_office, "officer")
    answer = officer.post("/holds", scope="case_file", case_file="NO-1", title="Ein Streit", step="count")
    assert answer.status_code == 404
    assert "There is no case file of that number" in answer.text
    assert "Ein Streit" in answer.text
    answer = officer.post("/holds", scope="query", query='"offen', step="count")
    assert answer.status_code == 422
    assert "quotation mark" in answer.text


def test_staff_see_no_hold(own_office: Office) -> None:
    record = own_office.upload(b"Ein Brief", "brief.txt", **{"class": "letter"})
    officer = Reader(own_office, "officer")
    hold = placed(own_office, officer, record["number"])
    clerk, _csrf = own_office.browser("clerk")
    assert clerk.get(hold).status_code == 403
