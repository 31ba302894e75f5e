"""The first record over REST: captured, read, found by a word, opened, its history told, its entry proved."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.note import parse_checkpoint, parse_note
from tests.support.app import Office

V1 = "/api/v1"
LETTER = """Müller & Söhne GmbH
Rechnung Nr. RE-2026-0815
Rechnungsdatum: 12.03.2026

Wir berechnen Ihnen für die Lieferung von Fahrradständern:
Gesamtbetrag: 1.190,00 EUR
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office.open(tmp_path_factory.mktemp("flow"))
    yield office
    office.close()


def test_a_letter_becomes_a_record_that_is_found_opened_and_accounted_for(office: Office) -> None:
    clerk = office.client("clerk")
    received = office.upload(LETTER.encode("latin-1"), "rechnung.txt")
    record = f"{V1}/records/{received['id']}"
    assert clerk.get(record).json()["state"] == "received"
    office.settle()

    detail = clerk.get(record).json()
    assert detail["state"] in ("filed", "needs_review")
    assert detail["language"] == "de"
    assert detail["class"] is not None
    assert detail["versions"][0]["name"] == "rechnung.txt"
    assert "uploader" in detail["access"]

    # Case, accents and word forms do not matter.
    found = clerk.get(f"{V1}/search", params={"q": "fahrradstander muller"}).json()
    assert [item["id"] for item in found["items"]] == [received["id"]]
    assert (found["total"], found["next"]) == (1, None)
    snippet = found["items"][0]["snippet"]
    lit = [snippet["text"][start:end] for start, end in snippet["highlights"]]
    assert "Fahrradständern" in lit
    assert {"value": "de", "count": 1} in found["facets"]["language"]

    assert clerk.get(f"{record}/content").content == LETTER.encode("latin-1")
    assert "Fahrradständern" in clerk.get(f"{record}/text").text
    assert clerk.get(f"{record}/pages/1").json()["number"] == 1
    image = clerk.get(f"{record}/pages/1.png", params={"width": 800})
    assert image.content.startswith(b"\x89PNG")

    actions = [entry["action"] for entry in clerk.get(f"{record}/history", params={"limit": 200}).json()["items"]]
    assert {"record.captured", "record.read", "record.searched", "record.opened"} <= set(actions)
    assert {"record.downloaded", "record.page_shown"} <= set(actions)


def test_the_history_names_places_and_no_colleague(office: Office) -> None:
    record = office.upload(b"Protokoll der Sitzung", "protokoll.txt", class_="minutes")["id"]
    office.settle()
    manager = office.client("manager")
    assert manager.get(f"{V1}/records/{record}").status_code == 200
    entries = manager.get(f"{V1}/records/{record}/history").json()["items"]
    captured = next(entry for entry in entries if entry["action"] == "record.captured")
    assert captured["by"] == {"kind": "person", "part": None, "department": "Accounting", "you": False}
    own = next(entry for entry in entries if entry["action"] == "record.viewed")
    assert (own["by"]["you"], own["by"]["department"]) == (True, None)
    assert str(office.people["clerk"]) not in str(entries)
    assert "clerk" not in str(entries)


def test_pages_of_a_history_join_without_gap(office: Office) -> None:
    record = office.upload(b"many looks")["id"]
    clerk = office.client("clerk")
    for _ in range(5):
        clerk.get(f"{V1}/records/{record}")
    office.settle()
    whole = clerk.get(f"{V1}/records/{record}/history", params={"limit": 200}).json()["items"]
    # To look at it is an entry too, which the next one to look sees.
    joined, cursor = [], whole[0]["seq"] + 1
    while True:
        page = clerk.get(
            f"{V1}/records/{record}/history", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        joined += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert joined == whole


def test_a_receipt_is_proved_to_be_in_the_signed_log(office: Office) -> None:
    record = office.upload(b"proved")["id"]
    receipt = office.client("clerk").get(f"{V1}/records/{record}/content").headers["muniment-receipt"]
    office.settle()
    seq, _, leaf = receipt.partition(":")
    proof = office.client("auditor").get(f"{V1}/audit/proof/{seq}").json()
    note = office.client("auditor").get(f"{V1}/audit/checkpoint").text
    checkpoint = parse_checkpoint(parse_note(note).text)
    assert proof["leaf_hash"] == leaf
    assert proof["checkpoint"] == note
    assert _root(bytes.fromhex(leaf), int(seq), checkpoint.size, proof["hashes"]) == checkpoint.root


def test_a_list_is_paged_newest_first_and_filtered(office: Office) -> None:
    clerk = office.client("clerk")
    sent = [office.upload(f"page {number}".encode(), class_="minutes")["id"] for number in range(5)]
    seen, cursor = [], None
    while True:
        page = clerk.get(f"{V1}/records", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen[:5] == sent[::-1]
    assert len(seen) == len(set(seen))
    waiting = clerk.get(f"{V1}/records", params={"state": "received", "limit": 200}).json()["items"]
    assert {item["state"] for item in waiting} == {"received"}
    some = clerk.get(f"{V1}/records", params={"ids": [sent[3], sent[0]]}).json()["items"]
    assert [item["id"] for item in some] == [sent[3], sent[0]]


def test_what_cannot_be_read_is_kept_with_the_reason_and_can_be_tried_again(office: Office) -> None:
    record = office.upload(b"", "empty.pdf")["id"]
    office.settle()
    clerk = office.client("clerk")
    detail = clerk.get(f"{V1}/records/{record}").json()
    assert (detail["state"], detail["trouble"]["code"]) == ("needs_attention", "empty")
    assert detail["trouble"]["title"]
    assert detail["trouble"]["advice"]
    assert clerk.get(f"{V1}/records/{record}/content").content == b""
    again = clerk.post(f"{V1}/records/{record}/reading")
    assert (again.status_code, again.json()["state"]) == (202, "received")
    office.settle()
    assert clerk.get(f"{V1}/records/{record}").json()["state"] == "needs_attention"


def _root(leaf: bytes, seq: int, size: int, hashes: list[str]) -> bytes:
    """RFC 9162, 2.1.3.2, written out here so that it is not our own code that agrees with itself."""
    place, last, found = seq, size - 1, leaf
    for each in map(bytes.fromhex, hashes):
        if place % 2 or place == last:
            found = hashlib.sha256(b"\x01" + each + found).digest()
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + each).digest()
        place, last = place >> 1, last >> 1
    assert last == 0
    return found


def test_the_data_folder_holds_the_words_in_the_index_only(office: Office, tmp_path: Path) -> None:
    office.upload(b"The quagmirexylophone stands in one place", "quagmirexylophone.txt")
    office.settle()
    root = office.runtime.folder.root
    holding = [
        path.relative_to(root).parts[0]
        for path in root.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in _spellings("quagmirexylophone"))
    ]
    assert set(holding) <= {"index"}


def _spellings(word: str) -> list[bytes]:
    return [word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be")]
