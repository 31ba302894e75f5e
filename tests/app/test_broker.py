"""The file transport of wake-ups: whole messages only, and one that cannot be read harms nothing."""

import threading
import time
from pathlib import Path

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from app import celery_app
from app.broker import SCHEME
from app.celery_app import GATHER_SECONDS, Waker, make
from app.folders import DataFolder
from app.settings import Settings


@pytest.fixture
def queue(tmp_path: Path):
    DataFolder(tmp_path).make(tmp_path / "keys")
    options = make(Settings(data=tmp_path)).conf.broker_transport_options
    with Connection(f"{SCHEME}://", transport_options=options) as connection:
        # Kombu remembers per process which queues it has declared, whatever the folder.
        yield connection.SimpleQueue(tmp_path.name)


def _messages(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "run" / "broker" / "messages").iterdir())


def test_a_message_arrives_and_is_gone(queue: SimpleQueue, tmp_path: Path) -> None:
    queue.put({"queue": "extraction"})
    message = queue.get(timeout=30)
    message.ack()
    assert message.payload == {"queue": "extraction"}
    assert _messages(tmp_path) == []


def test_a_message_under_way_is_not_seen(queue: SimpleQueue, tmp_path: Path) -> None:
    (tmp_path / "run" / "broker" / "messages" / "00000000000000000001-abc.draft").write_text('{"body": "hal')
    with pytest.raises(SimpleQueue.Empty):
        queue.get(timeout=0.2)


def test_a_message_that_cannot_be_read_is_dropped_and_the_next_one_arrives(queue: SimpleQueue, tmp_path: Path) -> None:
    queue.put("first")
    (written,) = _messages(tmp_path)
    written.write_text('{"body": "hal')
    queue.put("second")
    message = queue.get(timeout=30)
    message.ack()
    assert message.payload == "second"


def test_two_readers_share_the_messages_and_none_gets_one_twice(queue: SimpleQueue, tmp_path: Path) -> None:
    options = make(Settings(data=tmp_path)).conf.broker_transport_options
    for number in range(40):
        queue.put(number)
    found: list[int] = []

    def read() -> None:
        with Connection(f"{SCHEME}://", transport_options=options) as connection:
            mine = connection.SimpleQueue(tmp_path.name)
            while True:
                try:
                    message = mine.get(timeout=0.3)
                except SimpleQueue.Empty:
                    return
                message.ack()
                found.append(message.payload)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(found) == list(range(40))


def test_what_was_committed_within_a_moment_wakes_the_worker_once_and_what_comes_later_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A moment that is longer than whatever else the machine does meanwhile.
    moment = 0.5
    monkeypatch.setattr(celery_app, "GATHER_SECONDS", moment)
    DataFolder(tmp_path).make(tmp_path / "keys")
    wake = Waker(make(Settings(data=tmp_path)))

    def messages_after(calls: int) -> int:
        for _ in range(calls):
            wake({"extraction", "keeper"})
        end = time.monotonic() + 60
        while not (found := _messages(tmp_path)) and time.monotonic() < end:
            time.sleep(0.01)
        # Time for a second one, which must not come.
        time.sleep(1.5 * moment)
        found = _messages(tmp_path)
        for path in found:
            path.unlink()
        return len(found)

    assert messages_after(50) == 1
    assert messages_after(1) == 1


def test_a_queue_that_no_worker_serves_wakes_nobody(tmp_path: Path) -> None:
    DataFolder(tmp_path).make(tmp_path / "keys")
    Waker(make(Settings(data=tmp_path)))({"keeper"})
    time.sleep(3 * GATHER_SECONDS)
    assert _messages(tmp_path) == []
