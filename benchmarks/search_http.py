"""Search over HTTP with facets and snippets, at 10,000 and 100,000 records of some 7 kB.

The records are not imported but laid down by the internal interfaces: rows, sealed read text, sealed
names, index. Left out are the originals, the audit entries of the capture, and syncing every object
to disk; a search reads none of them. Everything measured is real: server, access sets, log, decryption,
snippets. The queries are those of ``benchmarks.search_engine``, words by Zipf's law.

One person reads all, another one department of a hundred. The baseline is the index alone, in
this process: the same queries, access and facets, without HTTP, database, log and snippets.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import insert, update

from accounts import departments, first_account, grant_requests, people, setup, tokens
from accounts.entities import NewEntity
from accounts.principal import Grant
from accounts.principals import operator_for
from app.build import build
from app.prepare import prepare
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.figures import Figure, percentile
from benchmarks.search_engine import Words, documents, queries
from core.identifiers import new_id
from records import access, derived, pages
from records.record import Record, RecordVersion
from search.embedded import EmbeddedIndex
from search.port import FACETS, IndexDocument, SearchRequest
from search.query import parse
from search.reader import EmbeddedReader
from tests.support.server import Client, Server
from vault import envelope
from vault.keyring import EPOCH_KEYS, KeyEpoch, WrappedKey, new_data_key
from vault.sealed import seal_text
from vault.store import derived_key, new_original_key
from vault.wrapping import wrap

DEPARTMENTS = 100
CLASSES = ("delivery_note", "purchase_order", "quotation")
BATCH = 500
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
        words = Words()
        begun = time.perf_counter()
        secrets, sets = lay_down(folder, words, count)
        spent = time.perf_counter() - begun
        asked = queries(words)
        bare = _index_alone(folder / "index", asked, rounds, None)
        with Server(folder) as server:
            everything = _over_http(server, secrets[ALL], asked, rounds)
            little = _over_http(server, secrets[FEW], asked, rounds)
    told = f"{count:,} records ({len(sets)} access sets, laid down in {spent:.0f} s)"
    return [
        Figure(what=f"search, {told}, p50", value=percentile(everything, 50), unit="ms"),
        Figure(
            what=f"search, {count:,} records, p95",
            value=percentile(everything, 95),
            unit="ms",
            most=most,
            baseline=percentile(bare, 95),
            baseline_is="ms: index alone, p95",
        ),
        Figure(
            what=f"search, {count:,} records, p95 of who reads 1 %",
            value=percentile(little, 95),
            unit="ms",
            most_ratio=1.3,
            baseline=percentile(everything, 95),
            baseline_is="ms: who reads all",
        ),
    ]


def lay_down(folder: Path, words: Words, count: int) -> tuple[dict[str, str], list[int]]:
    """Make an installation of ``count`` records; tokens by person, and ids of the access sets."""
    chosen = Settings(data=folder, port=0)
    prepare(chosen)
    runtime = build(chosen)
    try:
        secrets, entity, places = _people(runtime)
        sets = _access_sets(runtime, entity, places)
        with EmbeddedIndex(runtime.folder.index) as index:
            for batch in _batches(documents(words, count)):
                _enter(runtime, index, batch, entity, sets)
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
            for code in CLASSES
            for place in places
        ]


def _enter(
    runtime: Runtime,
    index: EmbeddedIndex,
    batch: Sequence[IndexDocument],
    entity: UUID,
    sets: Sequence[tuple[UUID, str, int]],
) -> None:
    """Rows, sealed text and index entries of some records."""
    now, tables = runtime.clock.now(), dict[type, list[dict[str, Any]]]()
    with runtime.main.write() as session:
        epoch = runtime.keys._take_place(session, now, len(batch))
        cipher = runtime.keys._epochs.cipher(epoch)
        put = []
        for document in batch:
            department, code, number = sets[document.access_set % len(sets)]
            key = new_data_key(new_id())
            record, version = document.record_id, key.subject
            put.append(_indexed(document, code, number, entity))
            rows = _rows(document, entity, department, code, number, version, now)
            rows[RecordVersion] |= {
                "name_sealed": seal_text(key, record, version, "name", f"{document.number}.pdf"),
                "title_sealed": seal_text(key, record, version, "title", document.title),
            }
            rows[WrappedKey] = {
                "subject": version,
                "kind": "version",
                "epoch": epoch,
                "wrapped": wrap(cipher, key, epoch),
                "created_at": now,
            }
            object_key = derived_key(version, derived.PAGES)
            size = _write_pages(runtime, object_key, envelope.context(record, version, derived.PAGES), key.secret, document)
            rows[derived.DerivedObject] = {
                "id": new_id(),
                "record": record,
                "version": version,
                "part": derived.PAGES,
                "object_key": object_key,
                "object_version": "1",
                "sealed_bytes": size,
                "sha256": bytes(32),
                "made_at": now,
            }
            for table, row in rows.items():
                tables.setdefault(table, []).append(row)
        for table, many in tables.items():
            session.execute(insert(table), many)
    index.put(put)
    index.commit()
