"""The same short story with RabbitMQ for the waking."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services import RabbitMQ, shared
from tests.support.distributed import Servers, cluster

pytestmark = [pytest.mark.services, pytest.mark.slow]

V1 = "/api/v1"


def test_a_letter_is_read_and_found_where_rabbitmq_wakes_the_workers(servers: Servers, tmp_path: Path) -> None:
    broker = shared(RabbitMQ)
    url = broker.new_vhost()
    parts = urlsplit(url)
    password = tmp_path / "broker-password"
    password.write_text(parts.password or "")
    without = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}").geturl()
    try:
        with cluster(
            tmp_path / "rabbit", servers, MUNIMENT_BROKER=without, MUNIMENT_BROKER_PASSWORD=str(password)
        ) as running:
            token = running.new_token()
            running.start_all()
            with running.client("web-0", token) as first, running.client("web-1", token) as second:
                headers = {"Content-Disposition": "attachment; filename=brief.txt"}
                data = b"Sehr geehrte Frau Behrens, anbei der Zebrafinkenvertrag."
                answer = first.put(f"{V1}/uploads", content=data, headers=headers)
                assert answer.status_code == 202, answer.text
                record, end = answer.json()["id"], time.monotonic() + 60
                found: list[str] = []
                while found != [record]:
                    assert time.monotonic() < end, running.said()[-4000:]
                    told = second.get(f"{V1}/search", params={"q": "zebrafinkenvertrag"}).json()
                    found = [item["id"] for item in told.get("items", [])]
                    time.sleep(0.2)
                assert second.get(f"{V1}/records/{record}/content").content == data
            # The management interface counts every five seconds.
            end = time.monotonic() + 15
            while set(broker.messages(url).values()) != {0}:
                assert time.monotonic() < end, broker.messages(url)
                time.sleep(0.5)
            assert {"tick", "look-interactive", "look-extraction", "look-ocr"} <= set(broker.messages(url))
            assert (parts.password or "-") not in running.said()
            assert '"agrees": true' in running.command("--json", "reconcile")
            assert "verified" in running.command("audit", "verify", name="keeper")
            assert {process.poll() for process in running.processes.values()} == {None}
    finally:
        broker.delete_vhost(url)
