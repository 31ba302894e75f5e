"""Many uploads and readings at the same time: each ends as if they had come one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import func, select

from audit import intake
from core import jobs
from core.identifiers import new_id, new_record_number
from ingest.receive import KeyReused, Metadata
from records import access, party, record
from records.access import AccessSet, Terms
from records.party import Party
from records.record import Record, RecordVersion
from tests.support.archive import Archive
from vault.keyring import KeyEpoch, WrappedKey

MANY = 8
_T = TypeVar("_T")


def at_once(act: Callable[[int], _T]) -> list[_T]:
    """What so many threads get who begin in the same moment."""
    together = threading.Barrier(MANY, timeout=60)

    def begin(number: int) -> _T:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(begin, range(MANY)))


def test_one_upload_sent_many_times_at_once_is_one_record(archive: Archive):
    by = archive.principal("clerk")

    def send(_: int) -> tuple[UUID, bool]:
        received = archive.receiver.receive(
            [b"the same letter"], name="a.txt", metadata=Metadata(), channel="api", by=by, idempotency_key="k1"
        )
        return received.record.id, received.repeated

    told = at_once(send)
    assert len({record_id for record_id, _ in told}) == 1
    assert sorted(repeated for _, repeated in told) == [False] + [True] * (MANY - 1)


def test_one_idempotency_key_for_different_files_at_once_is_refused_to_all_but_one(archive: Archive):
    by = archive.principal("clerk")

    def send(number: int) -> bool:
        try:
            archive.receiver.receive(
                [b"letter %d" % number], name="a.txt", metadata=Metadata(), channel="api", by=by, idempotency_key="k2"
            )
        except KeyReused:
            return False
        return True

    assert sum(at_once(send)) == 1


def test_many_uploads_at_once_are_all_there_with_key_event_and_job(fresh: Archive):
    by = fresh.principal("clerk")

    def send(number: int) -> list[UUID]:
        return [
            fresh.receiver.receive(
                [b"letter %d %d" % (number, step)], name="a.txt", metadata=Metadata(), channel="api", by=by
            ).record.id
            for step in range(5)
        ]

    made = {record_id for ids in at_once(send) for record_id in ids}
    assert len(made) == 5 * MANY
    with fresh.runtime.main.read() as session:
        assert set(session.scalars(select(Record.id))) == made
        versions = set(session.scalars(select(RecordVersion.id)))
        assert versions <= set(session.scalars(select(WrappedKey.subject)))
        assert {job.subject for job in session.scalars(select(jobs.Job).where(jobs.Job.name == "ingest.read"))} == made
        issued = session.scalar(select(func.sum(KeyEpoch.issued)))
        assert issued == session.scalar(select(func.count()).select_from(WrappedKey))
        waiting = intake.backlog(session, at=fresh.now).waiting
    moved = 0
    while step := intake.sequence_intake(fresh.runtime.main, fresh.runtime.log, at=fresh.now):
        moved += step
    assert moved == waiting >= 5 * MANY


def test_an_access_set_that_many_need_at_once_is_made_once(archive: Archive):
    uploader = new_id()
    terms = Terms(
        entity=archive.entity,
        department=archive.departments["accounting"],
        record_class=None,
        case_file=None,
        section=None,
        confirmed=False,
        uploader=uploader,
    )

    def need(_: int) -> int:
        with archive.runtime.main.write(beside=True) as session:
            return access.access_set_for(session, terms)

    assert len(set(at_once(need))) == 1
    with archive.runtime.main.read() as session:
        assert session.scalar(select(func.count()).where(AccessSet.uploader == uploader)) == 1


def test_parties_that_many_readings_find_at_once_are_made_once_with_one_key_each(archive: Archive):
    """In different orders: whoever waited for the other's rows in turn would be a deadlock."""
    run = archive.runtime
    names = [f"Firma {number} {new_id().hex[:6]} GmbH" for number in range(6)]
    with run.main.read() as session:
        keys_before = session.scalar(select(func.count()).where(WrappedKey.kind == "party")) or 0

    def read(number: int) -> list[UUID | None]:
        mine = names if number % 2 else names[::-1]
        with run.main.write(beside=True) as session:
            found = [
                party.link(session, new_id(), archive.entity, name, "counterparty", at=archive.now, keys=run.keys)
                for name in mine
            ]
        return found if number % 2 else found[::-1]

    told = at_once(read)
    assert all(found == told[0] for found in told)
    assert len(set(told[0])) == len(names)
    with run.main.read() as session:
        assert session.scalar(select(func.count()).where(Party.id.in_(told[0]))) == len(names)
        keys_after = session.scalar(select(func.count()).where(WrappedKey.kind == "party")) or 0
    assert keys_after - keys_before == len(names)


def test_versions_added_at_once_get_numbers_of_their_own(archive: Archive):
    row = archive.receive(b"first")
    by = archive.principal("clerk")

    def add(number: int) -> None:
        archive.receiver.receive_version([b"corrected %d" % number], record_id=row.id, name="b.txt", by=by)

    at_once(add)
    with archive.runtime.main.read() as session:
        assert [version.ordinal for version in record.versions_of(session, row.id)] == list(range(1, MANY + 2))
        assert session.get_one(Record, row.id).revision == MANY + 1


def test_a_change_made_while_the_index_looks_is_looked_at_again(archive: Archive):
    run, row = archive.runtime, archive.receive(b"to be indexed")

    def change_or_claim(number: int) -> int:
        seen = 0
        for _ in range(5):
            if number % 2:
                with run.main.write(beside=True) as session:
                    mine = session.get_one(Record, row.id, with_for_update=True)
                    record.touch(mine, mine.state, archive.now)
                    record.ask_to_index(session, row.id, archive.now)
            else:
                with run.main.write(beside=True) as session:
                    claims = [
                        claim
                        for claim in jobs.claim(session, queue="keeper", holder=f"h{number}", at=archive.now, limit=50)
                        if claim.arguments["record"] == str(row.id)
                    ]
                if claims:
                    with run.main.read() as session:
                        seen = max(seen, session.get_one(Record, row.id).revision)
        return seen

    seen = max(at_once(change_or_claim))
    with run.main.read() as session:
        last = session.get_one(Record, row.id).revision
        promised = session.scalar(select(jobs.Job.id).where(jobs.Job.subject == row.id, jobs.Job.state == jobs.READY))
    assert seen == last or promised is not None


@pytest.mark.parametrize("places", [3])
def test_the_last_places_of_an_epoch_are_not_given_twice(fresh: Archive, places: int):
    run = fresh.runtime
    with run.main.write() as session:
        for epoch in session.scalars(select(KeyEpoch)):
            epoch.issued = 10_000 - places

    def keep(_: int) -> None:
        with run.main.write(beside=True) as session:
            run.keys.create(session, new_id(), kind="version", at=fresh.now)

    at_once(keep)
    with run.main.read() as session:
        epochs = session.scalars(select(KeyEpoch)).all()
    assert max(epoch.issued for epoch in epochs) <= 10_000
    assert sum(epoch.issued for epoch in epochs) == 10_000 - places + MANY


def test_a_number_that_another_record_has_is_given_to_nobody_else(fresh: Archive, monkeypatch: pytest.MonkeyPatch):
    first = fresh.receive()
    free = new_record_number()
    numbers = iter([first.number, first.number, free])
    monkeypatch.setattr("records.capture.new_record_number", lambda: next(numbers))
    second = fresh.receive(b"another")
    with fresh.runtime.main.read() as session:
        found = {row.id: row.number for row in session.scalars(select(Record))}
    assert found == {first.id: first.number, second.id: free}
