"""The order of things: committed first, answered then; what failed is rolled back."""

import json
import threading
import time
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select

from api import errors
from api.deps import PUBLIC
from api.routing import Pools, Router
from core.database import ReadSession, WriteSession
from core.errors import Conflict
from records.case_file import CaseFile
from records.record import Record
from tests.support.app import Client, Office, served

V1 = "/api/v1"


def _count(office: Office, table: Any) -> int:
    with office.runtime.main.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _case_file(office: Office) -> dict[str, Any]:
    number = uuid4().hex[:12]
    return {"entity": str(office.entity), "kind": "matter", "number": number, "name": "N", "opened_on": "2026-01-01"}


def test_a_change_is_committed_when_its_answer_begins(shared_office: Office) -> None:
    before, seen = _count(shared_office, CaseFile), list[int]()
    body = json.dumps(_case_file(shared_office)).encode()

    def look(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 201
            seen.append(_count(shared_office, CaseFile))

    shared_office.ask("clerk", "POST", f"{V1}/case-files", look, body, {"content-type": "application/json"})
    assert seen == [before + 1]


def test_an_upload_is_a_record_when_its_answer_begins(shared_office: Office) -> None:
    before, seen = _count(shared_office, Record), list[int]()

    def look(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 202
            seen.append(_count(shared_office, Record))

    shared_office.ask("clerk", "PUT", f"{V1}/uploads", look, b"content")
    assert seen == [before + 1]


def test_a_change_that_fails_is_rolled_back(shared_office: Office) -> None:
    body = _case_file(shared_office)
    clerk = shared_office.client("clerk")
    assert clerk.post(f"{V1}/case-files", json=body).status_code == 201
    before = _count(shared_office, CaseFile)
    again = clerk.post(f"{V1}/case-files", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "case_file_number_taken")
    assert _count(shared_office, CaseFile) == before


def test_a_session_lives_in_the_one_thread_of_its_route(shared_office: Office) -> None:
    router = Router()
    threads: list[int] = []

    @router.post("/write", dependencies=[PUBLIC])
    def write(session: WriteSession) -> int:
        threads.append(threading.get_ident())
        session.add(_row())
        session.flush()
        time.sleep(0.01)
        raise Conflict("after the write")

    @router.get("/read", dependencies=[PUBLIC])
    def read(session: ReadSession) -> int:
        return session.scalar(select(func.count()).select_from(CaseFile)) or 0

    app = FastAPI()
    app.state.run, app.state.pools = shared_office.runtime, Pools()
    app.router.routes.extend(router.routes)
    errors.install(app, None)

    @app.middleware("http")
    async def named(request: Any, call_next: Any) -> Any:
        request.state.request_id = "test"
        return await call_next(request)

    before = Client(app, {}).get("/read").json()
    assert Client(app, {}).post("/write").status_code == 409
    assert Client(app, {}).get("/read").json() == before
    assert threads != [threading.get_ident()]


def test_more_writers_than_threads_wait_for_each_other_and_all_get_through(shared_office: Office) -> None:
    before, statuses = _count(shared_office, CaseFile), list[int]()
    headers = {"Authorization": f"Bearer {shared_office.token('clerk')}"}
    with served(shared_office) as server:

        def write() -> None:
            with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
                statuses.append(client.post(f"{V1}/case-files", json=_case_file(shared_office)).status_code)

        threads = [threading.Thread(target=write) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert statuses == [201] * 60
    assert _count(shared_office, CaseFile) == before + 60


def _row() -> CaseFile:
    return CaseFile(
        id=uuid4(),
        entity=uuid4(),
        kind="other",
        number="never kept",
        name_sealed=b"",
        owner=uuid4(),
        about_person=None,
        listed_only=False,
        opened_on=date(2026, 1, 1),
        closed_on=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
