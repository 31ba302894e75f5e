"""Search over HTTP with facets and snippets, at 10,000 and 100,000 records of some 7 kB.

The records are not imported but laid down by the internal interfaces: rows, sealed read text, sealed
names, index. Left out are the originals, the audit entries of the capture, and syncing every object
to disk; a search reads none of them. Ten thousand texts are made; of 100,000 records ten share each.
Everything measured is real: server, access sets, log, decryption, snippets. The queries are those
of ``benchmarks.search_engine``, words by Zipf's law.

``benchmarks.search_cluster`` asks the same of the distributed shape.

One person reads all, another one department of a hundred. The baseline is the index alone, in
this process: the same queries, access and facets, without HTTP, database, log and snippets.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import insert

from accounts import departments, first_account, grant_requests, people, setup, tokens
from accounts.entities import NewEntity
from accounts.principal import Grant
from accounts.principals import operator_for
from app.build import build, index_of, reader_of
from app.prepare import prepare
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.figures import Figure, percentile
from benchmarks.search_engine import Words, documents, queries
from core.database import MainTable, WriteSession
from core.identifiers import new_id
from records import access, derived, file_plan, pages, party
from records.record import Record, RecordVersion
from search.port import FACETS, IndexDocument, SearchIndex, SearchRequest
from search.query import parse
from tests.support.server import Client, Listening, Server
from vault import envelope
from vault.data_key import DataKey
from vault.keyring import new_data_key
from vault.sealed import seal_text
from vault.store import derived_key, new_original_key

DEPARTMENTS = 100
CLASSES = 8
TEXTS = 10_000
"""Different texts; beyond that many records they come again, since making one costs more than indexing it."""
BATCH = 500
STORING = 8
"""Threads that store sealed texts: a server takes several at once."""
ROUNDS = 12
ALL, FEW = "all", "few"


def run(*, quick: bool) -> list[Figure]:
    """p50 and p95 at each size, and what seeing little costs."""
    figures: list[Figure] = []
    for count, most in ((2_000, 50.0),) if quick else ((10_000, 50.0), (100_000, 150.0)):
        figures += at(count, most, rounds=3 if quick else ROUNDS)
    return figures


def at(count: int, most: float, *, rounds: int) -> list[Figure]:
    """The figures with ``count`` records."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        folder = Path(name) / "data"
        words, chosen = Words(), Settings(data=folder, port=0)
        prepare(chosen)
        begun = time.perf_counter()
        secrets, sets = lay_down(chosen, words, count)
        spent = time.perf_counter() - begun
        with Server(folder) as server:
            return asking(server, chosen, secrets, queries(words), rounds, f"{count:,} records", most, sets, spent)


def asking(
    server: Listening,
    chosen: Settings,
    secrets: dict[str, str],
    asked: Sequence[str],
    rounds: int,
    where: str,
    most: float,
    sets: Sequence[int],
    spent: float,
) -> list[Figure]:
    """Ask as both people, and the index alone."""
    bare = _index_alone(chosen, asked, rounds)
    everything = _over_http(server, secrets[ALL], asked, rounds)
    little = _over_http(server, secrets[FEW], asked, rounds)
    told = f"{where} ({len(sets)} access sets, laid down in {spent:.0f} s)"
    return [
        Figure(what=f"search, {told}, p50", value=percentile(everything, 50), unit="ms"),
        Figure(
            what=f"search, {where}, p95",
            value=percentile(everything, 95),
            unit="ms",
            most=most,
            baseline=percentile(bare, 95),
            baseline_is="ms: index alone, p95",
        ),
        Figure(
            what=f"search, {where}, p95 of who reads 1 %",
            value=percentile(little, 95),
            unit="ms",
            most_ratio=1.3,
            baseline=percentile(everything, 95),
            baseline_is="ms: who reads all",
        ),
    ]


def lay_down(chosen: Settings, words: Words, count: int) -> tuple[dict[str, str], list[int]]:
    """Put ``count`` records into a prepared installation; tokens by person, and ids of the access sets."""
    runtime = build(chosen)
    try:
        secrets, entity, places = _people(runtime)
        sets = _access_sets(runtime, entity, places)
        laid = Ground(runtime, entity, sets)
        with closing(index_of(chosen)) as index:
            for batch in _batches(documents(words, count)):
                laid.enter(index, batch)
        return secrets, [number for _, _, number in sets]
    finally:
        runtime.close()


def _people(runtime: Runtime) -> tuple[dict[str, str], UUID, list[UUID]]:
    now, keys = runtime.clock.now(), runtime.keys
    with runtime.main.write() as session:
        by = setup.operator(session, now)
        rooms = [(f"Branch {number:03}", "other") for number in range(DEPARTMENTS)]
        entity = first_account.found_entity(
            session,
            NewEntity(name="Benchmark GmbH", jurisdiction="DE", zone="Europe/Berlin"),
            departments_of=rooms,  # type: ignore[arg-type]
            by=by,
            at=now,
        )
        places = [row.id for row in departments.of_entity(session, entity.id)]
        for name, grant in (
            (ALL, Grant("records_manager", entity.id, None, False)),
            (FEW, Grant("staff", entity.id, places[0], False)),
        ):
            person = people.add(session, name, password=None, by=by, at=now, keys=keys)
            grant_requests.propose(session, person, grant, by=by, at=now)
    secrets = {}
    for name in (ALL, FEW):
        with runtime.main.write() as session:
            by = operator_for(session, name, at=now, keys=keys)
            secrets[name] = tokens.create(session, ("read",), by=by, at=now, keys=keys).secret
    return secrets, entity.id, places


def _access_sets(runtime: Runtime, entity: UUID, places: Sequence[UUID]) -> list[tuple[UUID, str, int]]:
    """Department, class and id of every access set: all classes in all departments."""
    usual = [c.code for c in file_plan.load() if c.sensitivity == "normal" and not c.group]
    codes = [code for code in usual if "everyone" not in file_plan.load().get(code).readers][:CLASSES]
    with runtime.main.write() as session:
        return [
            (
                place,
                code,
                access.access_set_for(
                    session,
                    access.Terms(
                        entity=entity,
                        department=place,
                        record_class=code,
                        case_file=None,
                        section=None,
                        confirmed=True,
                        uploader=None,
                    ),
                ),
            )
            for code in codes
            for place in places
        ]


@dataclass
class Ground:
    """What records are laid down on."""

    runtime: Runtime
    entity: UUID
    sets: Sequence[tuple[UUID, str, int]]
    parties: dict[str, UUID] = field(default_factory=dict)
    texts: list[tuple[str, bytes]] = field(default_factory=list)
    """Body, and the same as the bytes of read pages."""
    entered: int = 0

    def enter(self, index: SearchIndex, batch: Sequence[IndexDocument]) -> None:
        """Rows, sealed text and index entries of some records, in one transaction."""
        now, tables = self.runtime.clock.now(), dict[type[MainTable], list[dict[str, Any]]]()
        put = []
        with self.runtime.main.write() as session:
            for document in batch:
                shown, rows = self._laid(session, document, now)
                put.append(shown)
                for table, row in rows:
                    tables.setdefault(table, []).append(row)
            with ThreadPoolExecutor(STORING) as threads:
                made = tables[derived.DerivedObject]
                for row, version in zip(made, threads.map(self._store, made), strict=True):
                    row["object_version"] = version
                    del row["sealed"]
            for table, many in tables.items():
                session.execute(insert(table), many)
        index.put(put)
        index.commit()

    def _laid(
        self, session: WriteSession, document: IndexDocument, now: datetime
    ) -> tuple[IndexDocument, list[tuple[type[MainTable], dict[str, Any]]]]:
        department, code, access_set = self.sets[document.access_set % len(self.sets)]
        body, encoded = self._text(document.body)
        record, key = document.record_id, new_data_key(new_id())
        version, object_key = key.subject, derived_key(key.subject, derived.PAGES)
        # The real keyring, one key at a time: the rows of keys are as the server finds them.
        self.runtime.keys.keep(session, key, kind="version", at=now)
        sealed = b"".join(envelope.seal(key.secret, envelope.context(record, version, derived.PAGES), [encoded]))
        rows: list[tuple[type[MainTable], dict[str, Any]]] = [
            (Record, self._record_row(document, department, code, access_set, version, now)),
            (RecordVersion, _version_row(document, key, now)),
            (
                derived.DerivedObject,
                {
                    "id": new_id(),
                    "record": record,
                    "version": version,
                    "part": derived.PAGES,
                    "object_key": object_key,
                    "sealed": sealed,
                    "sealed_bytes": len(sealed),
                    "sha256": hashlib.sha256(sealed).digest(),
                    "made_at": now,
                },
            ),
        ]
        for name in dict.fromkeys(document.parties):
            link = {"id": new_id(), "record": record, "party": self._party(session, record, name, now)}
            rows.append((party.RecordParty, link | {"role": "counterparty"}))
        plan = file_plan.load()
        shown = replace(
            document,
            access_set=access_set,
            entity=self.entity.hex,
            record_class=code,
            classes=tuple(plan.facet_codes(code)),
            body=body,
        )
        return shown, rows

    def _store(self, row: dict[str, Any]) -> str:
        """Store the sealed text of a row; its version there."""
        if self.runtime.settings.objects:
            return self.runtime.store.put(row["object_key"], [row["sealed"]]).version
        path = self.runtime.folder.objects / row["object_key"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(row["sealed"])
        return "1"

    def _text(self, body: str) -> tuple[str, bytes]:
        if len(self.texts) < TEXTS:
            self.texts.append((body, b"".join(pages.encode(_as_pages(body)))))
        self.entered += 1
        return self.texts[(self.entered - 1) % len(self.texts)] if self.entered > TEXTS else self.texts[-1]

    def _party(self, session: WriteSession, record: UUID, name: str, now: datetime) -> UUID:
        if name not in self.parties:
            # Its link is entered with the others.
            made = party.link(session, record, self.entity, name, "other", at=now, keys=self.runtime.keys)
            assert made is not None
            self.parties[name] = made
        return self.parties[name]

    def _record_row(
        self, document: IndexDocument, department: UUID, code: str, access_set: int, version: UUID, now: datetime
    ) -> dict[str, Any]:
        return {
            "id": document.record_id,
            "number": document.record_number,
            "entity": self.entity,
            "parent": None,
            "direction": None,
            "state": "filed",
            "state_since": now,
            "record_class": code,
            "classified_by": "person",
            "probability": None,
            "confirmed": True,
            "department": department,
            "case_file": None,
            "section": None,
            "access_set": access_set,
            "language": document.language,
            "document_date": document.document_date,
            "total_minor": document.total_minor,
            "currency": document.currency,
            "channel": "api",
            "captured_by": None,
            "captured_at": document.received_at,
            "current_version": version,
            "revision": document.revision,
        }


def _version_row(document: IndexDocument, key: DataKey, now: datetime) -> dict[str, Any]:
    record, version = document.record_id, key.subject
    return {
        "id": version,
        "record": record,
        "ordinal": 1,
        "object_key": new_original_key(),
        "object_version": "1",
        "sealed_bytes": 0,
        "sha256": bytes(32),
        "plain_bytes": 0,
        "fingerprint": record.bytes * 2,
        "media_type": "application/pdf",
        "name_sealed": seal_text(key, record, version, "name", f"{document.number}.pdf"),
        "title_sealed": seal_text(key, record, version, "title", document.title),
        "reasons_sealed": None,
        "trouble_code": None,
        "trouble_detail": None,
        "page_count": 2,
        "added_by": None,
        "added_at": now,
    }


def _as_pages(body: str) -> list[pages.ReadPage]:
    """Two pages with a box for every word."""
    words = body.split(" ")
    half = len(words) // 2
    return [
        pages.ReadPage(
            number,
            " ".join(some),
            tuple(
                (
                    word,
                    800 + place % 12 * 700,
                    700 + place // 12 * 180,
                    1400 + place % 12 * 700,
                    840 + place // 12 * 180,
                )
                for place, word in enumerate(some)
            ),
            595,
            842,
            "text_layer",
            None,
        )
        for number, some in ((1, words[:half]), (2, words[half:]))
    ]


def _batches(made: Iterator[IndexDocument]) -> Iterator[list[IndexDocument]]:
    while batch := list(islice(made, BATCH)):
        yield batch


def _index_alone(chosen: Settings, asked: Sequence[str], rounds: int) -> list[float]:
    """Milliseconds of each query where nothing but the index is asked."""
    taken = []
    with closing(reader_of(chosen)) as reader:
        for _ in range(rounds):
            for text in asked:
                begun = time.perf_counter()
                reader.search(SearchRequest(parse(text).tree, access_sets=None, facets=FACETS))
                taken.append((time.perf_counter() - begun) * 1_000)
    return taken[len(asked) :]


def _over_http(server: Listening, token: str, asked: Sequence[str], rounds: int) -> list[float]:
    """Milliseconds of each query as a client sees it; the first round warms up and is left out."""
    taken, found = [], 0
    with closing(Client(server, token)) as client:
        for _ in range(rounds):
            for text in asked:
                begun = time.perf_counter()
                answer = client.get(f"/api/v1/search?{urlencode({'q': text})}")
                taken.append((time.perf_counter() - begun) * 1_000)
                assert answer.status == 200, answer.body
                found += len(answer.json()["items"])
    assert found, "nothing was found"
    return taken[len(asked) :]
