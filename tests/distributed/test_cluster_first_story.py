"""The first story on the distributed shape: two web servers, two workers, beat and keeper, each its own process."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support import documents_raw as raw
from tests.support.distributed import KEEPER, Cluster

pytestmark = [pytest.mark.services, pytest.mark.slow]

V1 = "/api/v1"
LETTER = "Müller & Söhne GmbH\nRechnung Nr. RE-2026-0815\nRechnungsdatum: 12.03.2026\n\n" + (
    "Wir berechnen Ihnen für die Lieferung von Fahrradständern:\nGesamtbetrag: 1.190,00 EUR\n"
)


class Story:
    """One clerk with a connection to each of two web servers."""

    def __init__(self, running: Cluster) -> None:
        self.running = running
        self.token = running.new_token()
        running.start_all()
        self.first, self.second = (running.client(f"web-{number}", self.token) for number in range(2))

    def upload(self, web: httpx.Client, name: str, data: bytes) -> str:
        """The id of what became of a file."""
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        answer = web.put(f"{V1}/uploads", content=data, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def found(self, web: httpx.Client, query: str) -> list[str]:
        """The ids of what a search finds."""
        answer = web.get(f"{V1}/search", params={"q": query})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    def wait(self, condition: Callable[[], Any], seconds: float = 60.0) -> None:
        """Until something comes true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.running.said()[-4000:]
            time.sleep(0.2)


@pytest.fixture(scope="module")
def story(idle: Cluster) -> Iterator[Story]:
    story = Story(idle)
    yield story
    story.first.close()
    story.second.close()


def test_a_letter_sent_to_one_web_server_is_classified_found_and_opened_at_the_other(story: Story) -> None:
    record = story.upload(story.first, "rechnung.txt", LETTER.encode("latin-1"))
    story.wait(lambda: story.found(story.second, "fahrradstander muller") == [record])
    detail = story.second.get(f"{V1}/records/{record}").json()
    assert detail["state"] in ("filed", "needs_review")
    assert (detail["language"], detail["class"]) == ("de", story.first.get(f"{V1}/records/{record}").json()["class"])
    assert detail["class"] is not None
    assert story.second.get(f"{V1}/records/{record}/content").content == LETTER.encode("latin-1")
    assert "Fahrradständern" in story.second.get(f"{V1}/records/{record}/text").text
    image = story.second.get(f"{V1}/records/{record}/pages/1.png", params={"width": 800})
    assert image.content.startswith(b"\x89PNG")
    # Made once, sealed in the object store, and served by whoever is asked next.
    assert story.first.get(f"{V1}/records/{record}/pages/1.png", params={"width": 800}).content == image.content
    history = f"{V1}/records/{record}/history"
    story.wait(
        lambda: (
            {"record.captured", "record.read", "record.searched", "record.opened"}
            <= {entry["action"] for entry in story.first.get(history, params={"limit": 200}).json()["items"]}
        )
    )


def test_an_upload_sent_again_to_the_other_web_server_is_the_same_record(story: Story) -> None:
    headers = {"Content-Disposition": "attachment; filename=a.txt", "Idempotency-Key": "once"}
    answers = [web.put(f"{V1}/uploads", content=b"einmal", headers=headers) for web in (story.first, story.second)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_a_folder_imported_on_the_command_line_is_worked_off_by_the_workers(story: Story, tmp_path: Path) -> None:
    (tmp_path / "brief.txt").write_text("Sehr geehrte Frau Wöhrmann, anbei der Zebrafinkenvertrag.")
    (tmp_path / "scan.pdf").write_bytes(raw.pdf("Zebrafinkenvertrag", "zweite Seite"))
    story.running.command("--as", "clerk", "import", str(tmp_path))
    story.wait(lambda: len(story.found(story.first, "zebrafinkenvertrag")) == 2)
    told = story.running.command("--as", "clerk", "--json", "search", "zebrafinkenvertrag")
    assert {json.loads(line)["id"] for line in told.splitlines()} == set(
        story.found(story.second, "zebrafinkenvertrag")
    )


def test_all_sides_agree_and_the_log_verifies(story: Story) -> None:
    def agreement() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(story.running.command("--json", "reconcile").splitlines()[0])
        return told

    story.wait(lambda: not (counts := agreement())["waiting_jobs"] and not counts["intake_waiting"])
    counts = agreement()
    assert counts["agrees"], counts
    assert (counts["failed_jobs"], counts["unnamed_objects"] <= 1) == (0, True)
    assert "verified" in story.running.command("audit", "verify", name=KEEPER)
    for web in ("web-0", "web-1"):
        ready, checks = story.running.ready(web)
        assert ready, checks
