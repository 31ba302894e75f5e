"""The wait for the log, told; and the receipts of what was logged."""

import re

from audit import trail
from tests.support.app import Office

V1 = "/api/v1"


def test_what_waits_for_the_log_says_how_long_and_gives_its_receipt(shared_office: Office) -> None:
    record = shared_office.upload(b"timed")["id"]
    before = shared_office.leaves()
    answer = shared_office.client("clerk").get(f"{V1}/records/{record}/content")
    timing = re.fullmatch(r"log;dur=(\d+\.\d+)", answer.headers["server-timing"])
    assert timing is not None
    assert 0 < float(timing[1]) < 5000
    seq, _, leaf = answer.headers["muniment-receipt"].partition(":")
    assert int(seq) == before
    with shared_office.runtime.log_database.read() as session:
        entry = trail.entry(session, int(seq))
    assert entry.leaf_hash.hex() == leaf
    assert (entry.action, entry.request) == ("record.downloaded", answer.headers["muniment-request"])


def test_what_logs_nothing_says_nothing_of_it(shared_office: Office) -> None:
    headers = shared_office.client("clerk").get(f"{V1}/me").headers
    assert "server-timing" not in headers
    assert "muniment-receipt" not in headers


def test_waits_of_one_request_are_not_counted_to_the_next(shared_office: Office) -> None:
    clerk = shared_office.client("clerk")
    clerk.get(f"{V1}/search?q=anything")
    assert "server-timing" not in clerk.get(f"{V1}/record-classes").headers
    first, second = (clerk.get(f"{V1}/search?q=anything").headers["muniment-receipt"] for _ in range(2))
    assert first != second


def test_the_histogram_counts_each_wait_once(office: Office) -> None:
    clerk = office.client("clerk")
    for _ in range(3):
        assert clerk.get(f"{V1}/case-files?kind=matter").status_code == 200
    record = office.upload(b"x")["id"]
    assert clerk.get(f"{V1}/records/{record}/content").status_code == 200
    text = clerk.get("/metrics").text
    assert "muniment_log_wait_seconds_count 1\n" in text
    assert f'route="{V1}/records/{{record_id}}/content",status="200"}} 1' in text
    assert 'muniment_log_wait_seconds_bucket{le="+Inf"} 1\n' in text
