"""Over REST: the register of disclosures in pages and by state, and wrong uploads that wait or are over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import office_disposing
from tests.support.app import Office

V1 = "/api/v1"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office.open(tmp_path / "data")
    yield office
    office.close()


def test_the_register_comes_in_pages_by_state_with_who_has_each_copy(office: Office) -> None:
    made = [office_disposing.disclosed(office)[0] for _ in range(3)]
    manager = office.client("manager")
    settled = manager.post(f"{V1}/disclosures/{made[0]}/settlement").json()
    assert (settled["state"], settled["recipient"]) == ("settled", "Tax adviser")

    def listed(**query: object) -> tuple[list[str], str | None]:
        answer = manager.get(f"{V1}/disclosures", params=query).json()
        assert {row["recipient"] for row in answer["items"]} <= {"Tax adviser"}
        return [row["id"] for row in answer["items"]], answer["next"]

    assert listed() == ([], None)
    assert listed(state="out") == ([made[2], made[1]], None)
    assert listed(state="settled") == ([made[0]], None)
    first, cursor = listed(state="all", limit=2)
    assert (first, cursor) == ([made[2], made[1]], made[1])
    assert listed(state="all", limit=2, cursor=cursor) == ([made[0]], None)
    assert manager.get(f"{V1}/disclosures?state=lost").status_code == 422


def test_a_wrong_upload_waits_and_is_over_when_somebody_has_decided(office: Office) -> None:
    made = office_disposing.withdrawn(office)

    def listed(name: str, state: str) -> list[tuple[str, str]]:
        items = office.client(name).get(f"{V1}/capture-withdrawals?state={state}").json()["items"]
        return [(row["id"], row["reason"]) for row in items]

    assert listed("officer", "open") == listed("clerk", "open") == [(made, "wrong firm")]
    assert listed("manager", "open") == listed("officer", "over") == []
    word = office.client("officer").post(f"{V1}/capture-withdrawals/{made}/decision", json={"confirmed": False})
    assert (word.json()["state"], word.json()["reason"]) == ("refused", "wrong firm")
    assert listed("officer", "open") == []
    assert listed("officer", "over") == listed("clerk", "over") == [(made, "wrong firm")]
