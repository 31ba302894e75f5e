"""Kept, held, approved by two and destroyed on real servers: afterwards none of them has a trace of what went."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import pytest
from minio import Minio
from sqlalchemy import func, select

from app import retention_jobs
from audit.checkpoint import AuditCheckpoint
from core import jobs, trace
from core.jobs import Job
from records.record import versions_of
from retention import certificate
from retention.destruction import Destruction
from tests.support.app import Office
from tests.support.distributed import KEEPER, Cluster, Servers
from vault.keyring import WrappedKey
from vault.s3_client import connect

pytestmark = [pytest.mark.services, pytest.mark.slow]

V1 = "/api/v1"
GONE, KEPT = "quokkabergwerk", "walrosskontor"
PEOPLE = ("clerk", "manager", "officer")
LONG_AGO = "2009-03-04"


class Firm:
    """Three people at two web servers, and a look behind them."""

    def __init__(self, running: Cluster, servers: Servers) -> None:
        self.running, self.servers = running, servers
        self.runtime = running.runtime()
        self.office = Office.found(self.runtime, pack="DE")
        self.entity = str(self.office.entity)
        running.start_all(workers=1)
        self.clients = [
            {name: running.client(f"web-{number}", self.office.token(name)) for name in PEOPLE} for number in range(2)
        ]
        self._asked = 0

    def ask(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        """What a person's request brings, now from one web server and now from the other."""
        self._asked += 1
        client: httpx.Client = self.clients[self._asked % 2][name]
        answer = client.request(method, V1 + path, **more)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer

    def capture(self, word: str, number: int) -> UUID:
        """A letter with the word in its name and in its text."""
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{word} {number}.txt')}"}
        text = f"Rechnung Nr. RE-2009-{number}\n{word} GmbH\nLieferung von Fahrradständern, Gesamtbetrag 1.190,00 EUR\n"
        return UUID(self.ask("clerk", "PUT", "/uploads", content=text.encode(), headers=headers).json()["id"])

    def change(self, record: UUID, **words: str) -> None:
        """Confirm or correct what a machine proposed."""
        client = self.clients[0]["clerk"]
        tag = client.get(f"{V1}/records/{record}").headers["ETag"]
        words["class"] = words.pop("class_")
        answer = client.patch(f"{V1}/records/{record}", json=words, headers={"If-Match": tag})
        assert answer.is_success, answer.text

    def found(self, query: str) -> set[UUID]:
        """What the clerk finds."""
        return {UUID(item["id"]) for item in self.ask("clerk", "GET", "/search", params={"q": query}).json()["items"]}

    def state_of(self, record: UUID) -> str:
        """How its date stands."""
        dated = self.ask("clerk", "GET", f"/records/{record}").json().get("retention")
        return str(dated["state"]) if dated else ""

    def wait(self, condition: Callable[[], Any], seconds: float = 90.0) -> None:
        """Until something comes true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.running.said()[-6000:]
            time.sleep(0.1)

    def date(self, invoice: UUID, contract: UUID, other: UUID) -> None:
        """Confirm two invoices of long ago, and a contract that an event of its case file dates."""
        for record in (invoice, other):
            self.change(record, class_="supplier_invoice", document_date=LONG_AGO)
        opened = {"kind": "contract", "number": "V-77", "name": "Miete", "opened_on": "2009-01-01"}
        file = self.ask("clerk", "POST", "/case-files", json=opened | {"entity": self.entity}).json()["id"]
        self.change(contract, class_="contract", case_file=file)
        self.wait(lambda: self.state_of(contract) == "awaiting_trigger")
        self.ask("clerk", "PUT", f"/case-files/{file}/triggers/contract_end", json={"happened_on": LONG_AGO})
        self.wait(lambda: all(self.state_of(each) == "dated" for each in (invoice, contract, other)))

    def approve(self, going: list[UUID], held: UUID) -> str:
        """A batch approved without grace, of which one was held after the first approval."""
        asked = {"entity": self.entity, "grace_days": 0}
        change = self.ask("manager", "POST", "/retention/terms/changes", json=asked).json()["id"]
        self.ask("officer", "POST", f"/retention/terms/changes/{change}/decision", json={"confirmed": True})
        batch = str(self.ask("manager", "POST", "/dispositions", json={"entity": self.entity}).json()["id"])
        self._submit_and_approve(batch, [*going, held])
        hold = {
            "entity": self.entity,
            "scope": {"kind": "records", "records": [str(held)]},
            "title": "Kontor",
            "reason": "Klage",
            "authority": "Landgericht",
            "review_on": (datetime.now(UTC) + timedelta(days=90)).date().isoformat(),
        }
        self.ask("officer", "POST", "/holds", json=hold)
        assert self.ask("officer", "GET", f"/dispositions/{batch}").json()["state"] == "in_review", "it is void"
        self._submit_and_approve(batch, going)
        return batch

    def _submit_and_approve(self, batch: str, records: list[UUID]) -> None:
        words = [{"record": str(record), "decision": "destroy"} for record in records]
        self.ask("manager", "PATCH", f"/dispositions/{batch}/items", json={"decisions": words})
        digest = self.ask("manager", "POST", f"/dispositions/{batch}/submission").json()["digest"]
        approved = self.ask("officer", "POST", f"/dispositions/{batch}/approval", json={"digest": digest}).json()
        assert approved["outcome"] == "approved"

    def subjects_of(self, records: list[UUID]) -> list[UUID]:
        """Subjects of their data keys, each of which is there."""
        with self.runtime.main.read() as session:
            subjects = [row.id for record in records for row in versions_of(session, record)]
            assert self.keys_of(subjects) == len(subjects) == len(records)
        return subjects

    def keys_of(self, subjects: list[UUID]) -> int:
        """How many have a data key."""
        with self.runtime.main.read() as session:
            return session.scalar(select(func.count()).where(WrappedKey.subject.in_(subjects))) or 0

    def destructions(self) -> list[Destruction]:
        """All there are."""
        with self.runtime.main.read() as session:
            return list(session.scalars(select(Destruction)))

    def is_idle(self) -> bool:
        """Whether nothing is being read, indexed or dated, or could be."""
        with self.runtime.main.read() as session:
            leased = session.scalar(select(func.count()).where(Job.state == jobs.LEASED))
            return not leased and not jobs.waiting(session, at=self.runtime.clock.now())

    def sees_the_keeper_sign_until_it_has_erased(self) -> None:
        """An erasure may take half a minute; meanwhile what happens is signed within seconds."""
        while not any(row.index_erased_at for row in self.destructions()):
            before = self.newest_checkpoint()
            self.found(KEPT)
            self.wait(partial(self._is_signed_since, before), 10)
            time.sleep(1)

    def _is_signed_since(self, size: int) -> bool:
        return self.newest_checkpoint() > size

    def newest_checkpoint(self) -> int:
        """Entries under the newest one."""
        with self.runtime.log_database.read() as session:
            return session.scalar(select(func.max(AuditCheckpoint.size))) or 0

    def dump(self) -> str:
        """All of the database, in lower case."""
        name = urlsplit(self.running.environment["MUNIMENT_DATABASE"]).path.strip("/")
        return self.servers.postgresql.dump(name).lower()

    def stored(self) -> set[str]:
        """The keys of every version, and every mark of a deletion, that the store has of originals and their kin."""
        environment, facts = self.running.environment, self.servers.minio.facts()
        store: Minio = connect(
            environment["MUNIMENT_OBJECTS"],
            access_key=facts["access_key"],
            secret_key=facts["secret_key"],
            region=facts["region"],
        )
        found = store.list_objects(environment["MUNIMENT_BUCKET"], recursive=True, include_version=True)
        return {name for each in found if (name := each.object_name or "").startswith(("originals/", "derived/"))}

    def index_counts(self) -> tuple[int, int, int]:
        """Of the index: documents, deleted ones, and operations in its log of changes."""
        prefix = self.running.environment["MUNIMENT_ELASTICSEARCH_PREFIX"]
        stats = self.servers.elasticsearch.call("GET", f"/{prefix}-records/_stats/docs,translog?level=shards")
        copies = [copy for index in stats["indices"].values() for shard in index["shards"].values() for copy in shard]
        return (
            sum(copy["docs"]["count"] for copy in copies),
            sum(copy["docs"]["deleted"] for copy in copies),
            sum(copy["translog"]["operations"] for copy in copies),
        )

    def index_files_with(self, word: str) -> list[Path]:
        """Files of the index that hold the word in clear."""
        prefix = self.running.environment["MUNIMENT_ELASTICSEARCH_PREFIX"]
        settings = self.servers.elasticsearch.call("GET", f"/{prefix}-records/_settings")
        folders = [
            self.servers.elasticsearch.data / "indices" / each["settings"]["index"]["uuid"]
            for each in settings.values()
        ]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        assert files
        return [path for path in files if word.encode() in path.read_bytes()]

    def close(self) -> None:
        for clients in self.clients:
            for client in clients.values():
                client.close()
        self.runtime.close()


@pytest.fixture(scope="module")
def firm(idle: Cluster, servers: Servers) -> Iterator[Firm]:
    made = Firm(idle, servers)
    yield made
    made.close()


def test_what_two_persons_let_go_is_on_no_server_any_more_and_what_is_held_is(firm: Firm) -> None:
    invoice, contract, held = firm.capture(GONE, 1), firm.capture(GONE, 2), firm.capture(KEPT, 3)
    going = [invoice, contract]
    firm.wait(lambda: firm.found(GONE) == set(going) and firm.found(KEPT) == {held})
    assert firm.index_files_with(GONE), "words stand in the index in clear, so looking for them finds something"
    firm.date(invoice, contract, held)
    batch = firm.approve(going, held)
    stored, subjects = firm.stored(), firm.subjects_of(going)
    firm.wait(firm.is_idle)
    # As beat does; a worker carries it out, and the keeper erases and certifies.
    retention_jobs.ask_due(firm.runtime)
    firm.wait(lambda: len(firm.destructions()) == len(going))
    firm.sees_the_keeper_sign_until_it_has_erased()
    firm.wait(lambda: all(row.certificate for row in firm.destructions()))

    objects = {key for row in firm.destructions() for key, _ in row.objects}
    assert len(objects) >= len(going)
    assert objects < stored
    assert (firm.stored() & objects, [row.locked for row in firm.destructions()]) == (set(), [[], []])
    assert len([key for key in firm.stored() if key.startswith("originals/")]) == 1
    assert firm.index_counts() == (1, 0, 0), "the held one, none that is only marked, and no log of changes"
    assert firm.index_files_with(GONE) == []
    with firm.runtime.main.read() as session:
        assert trace.left(session, "record", *going) == {}
        assert trace.left(session, "version", *subjects) == {}
    assert firm.keys_of(subjects) == 0
    dump = firm.dump()
    assert f"\t{batch}\t" in dump, "rows are in it as text"
    for word in (GONE, KEPT):
        assert word not in dump
        assert word.encode().hex() not in dump

    [row] = firm.ask("officer", "GET", "/certificates").json()["items"]
    one = f"/certificates/{row['id']}"
    body, signature = (firm.ask("officer", "GET", f"{one}/{part}").content for part in ("body", "signature"))
    vkey = firm.running.command("audit", "key", name=KEEPER)
    said = certificate.verify(body, signature, vkey).content
    assert {each["id"] for each in said["records"]} == {each.hex for each in going}
    assert [each["by"] for each in said["cause"]["approved"]] == [firm.office.people["officer"].hex]
    for record in going:
        assert firm.clients[0]["clerk"].get(f"{V1}/records/{record}").status_code == 404
        assert firm.ask("officer", "GET", f"/stubs/{record}").json()["certificate"] == row["id"]
    assert (firm.found(GONE), firm.found(KEPT)) == (set(), {held})
    assert KEPT.encode() in firm.ask("clerk", "GET", f"/records/{held}/content").content
    assert "verified" in firm.running.command("audit", "verify", name=KEEPER)
