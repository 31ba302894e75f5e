"""*Why this date?* over HTTP, and search while every date of the archive is reckoned anew by the running server.

Ten thousand records that can be found lie among a million; the rest are rows alone, which the index knows as well
(it would else be completed meanwhile). A publication is entered as the rows it leaves, with its job: the server's
worker does the rest. The search is that of ``benchmarks.search_http``, its baseline the same queries on the same
server before the publication. The baseline of *Why this date?* is the verdict on the same records reckoned in this
process.

Filling takes longer than asking: ``python -m benchmarks.retention_http fill FOLDER`` lays the archive down once, and
``… measure FOLDER`` asks it, as often as wanted on copies of the folder.
"""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import Table, insert, select

from accounts.entities import LegalEntity
from app import date_jobs
from app.build import build, index_of
from app.prepare import prepare
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.figures import Figure, percentile, table
from benchmarks.retention_dates import enter_schedule, publish, record_row
from benchmarks.search_engine import Words, queries
from benchmarks.search_http import ALL, lay_down
from records.record import Record
from retention import dating, record_date
from retention.record_date import DatedSchedule
from search.port import IndexDocument, SearchIndex
from tests.support.server import Client, Server

ASKED = 300
MOST_MS = 50.0
WAIT_SECONDS = 300.0
KNOWN = "known.json"
NOBODYS = 1_000_000_000


def run(*, quick: bool) -> list[Figure]:
    """On the embedded shape; ``quick`` with 1,000 records that can be found among 20,000."""
    return at(1_000, 20_000) if quick else at(10_000, 1_000_000)


def at(found: int, size: int) -> list[Figure]:
    """With ``found`` records that can be found among ``size``."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        fill(Path(name), found, size)
        return measure(Path(name))


def fill(place: Path, found: int, size: int) -> None:
    """Lay the archive down in ``place/data``, and what asking it needs to know beside it."""
    chosen = Settings(data=place / "data", port=0)
    prepare(chosen)
    secrets, _ = lay_down(chosen, Words(), found)
    runtime = build(chosen)
    try:
        entity, drafts, some = _surround(runtime, size - found)
    finally:
        runtime.close()
    known = {"secret": secrets[ALL], "entity": entity.hex, "size": size}
    known |= {"drafts": [each.hex for each in drafts], "some": [each.hex for each in some]}
    (place / KNOWN).write_text(json.dumps(known), "utf-8")


def measure(place: Path) -> list[Figure]:
    """Ask the archive that ``fill`` left; its dates are other ones afterwards."""
    known = json.loads((place / KNOWN).read_text("utf-8"))
    drafts, some = ([UUID(each) for each in known[name]] for name in ("drafts", "some"))
    runtime = build(Settings(data=place / "data", port=0))
    try:
        bare = _reckoned_here(runtime, some)
        with Server(place / "data") as server, closing(Client(server, known["secret"])) as client:
            figures = _why(client, some, bare)
            asked = queries(Words())
            return figures + _search(runtime, client, UUID(known["entity"]), drafts, asked, known["size"])
    finally:
        runtime.close()


def _surround(runtime: Runtime, count: int) -> tuple[UUID, list[UUID], list[UUID]]:
    """Rules, and records that are rows alone; all dated. Tells the entity, the drafts, and records to ask about."""
    with runtime.main.write() as session:
        entity = session.scalars(select(LegalEntity.id)).one()
        some = list(session.scalars(select(Record.id).order_by(Record.number).limit(ASKED)))
        drafts = enter_schedule(session, entity)
    table = insert(cast(Table, Record.__table__))
    with closing(index_of(runtime.settings)) as index:
        for start in range(0, count, 10_000):
            rows = [record_row(entity) for _ in range(min(10_000, count - start))]
            with runtime.main.write() as session:
                session.connection().execute(table, rows)
            put_rows(index, rows)
    date_jobs.date_entity(runtime, entity)
    return entity, drafts, some


def put_rows(index: SearchIndex, rows: Sequence[dict[str, Any]]) -> None:
    """Have the index know these rows, as it knows every record, under an access set that nobody reads."""
    index.put(
        IndexDocument(
            record_id=row["id"], record_number=row["number"], access_set=NOBODYS, entity=row["entity"].hex,
            record_class=row["record_class"], classes=(row["record_class"],), received_at=row["captured_at"],
            state=row["state"], media_kind="pdf", revision=row["revision"], body="",
        )
        for row in rows
    )  # fmt: skip
    index.commit()


def _reckoned_here(runtime: Runtime, some: list[UUID]) -> list[float]:
    def one(record: UUID) -> None:
        with runtime.main.read() as session:
            dating.fresh(session, record, runtime.clock.now())

    return _timed(one, some)


def _why(client: Client, some: list[UUID], bare: list[float]) -> list[Figure]:
    def ask(path: str) -> None:
        answer = client.get(path)
        assert answer.status == 200, answer.body

    figures = []
    for what, path in (("REST", "/api/v1/retention/records/{}/why"), ("page", "/records/{}/why")):
        taken = _timed(lambda each, path=path: ask(path.format(each)), some)  # type: ignore[misc]
        for share in (50, 95):
            figures.append(
                Figure(
                    what=f"Why this date?, {what}, p{share}", value=percentile(taken, share), unit="ms", most=MOST_MS,
                    baseline=percentile(bare, share), baseline_is=f"ms: the verdict in one process, p{share}",
                )
            )  # fmt: skip
    return figures


def _timed(act: Callable[[UUID], None], some: list[UUID]) -> list[float]:
    """Milliseconds of each; the first twenty warm up and are left out."""
    taken = []
    for each in some:
        begun = time.perf_counter()
        act(each)
        taken.append((time.perf_counter() - begun) * 1_000)
    return taken[20:]


def _search(
    runtime: Runtime, client: Client, entity: UUID, drafts: list[UUID], asked: list[str], size: int
) -> list[Figure]:
    for _ in range(2):
        _round(client, asked)
    alone = [each for _ in range(4) for each in _round(client, asked)]
    publish(runtime.main, entity, drafts)
    with runtime.main.write() as session:
        record_date.ask_all(session, entity, runtime.clock.now())
    begun = time.monotonic()
    while not _is_at_work(runtime):
        assert time.monotonic() - begun < WAIT_SECONDS, "nobody took the job"
        time.sleep(0.02)
    begun, meanwhile = time.monotonic(), list[float]()
    ended = None
    while ended is None:
        assert time.monotonic() - begun < WAIT_SECONDS, "the dates were not reckoned"
        for text in asked:
            meanwhile += _round(client, [text])
            if _is_dated(runtime):
                ended = time.monotonic()
                break
    return [
        Figure(what=f"{size:,} dates reckoned by the server meanwhile", value=ended - begun, unit="s"),
        Figure(
            what=f"search while they are reckoned ({len(meanwhile)} searches), p95", value=percentile(meanwhile, 95),
            unit="ms", most_ratio=2.0, baseline=percentile(alone, 95), baseline_is="ms: before, p95",
        ),
        Figure(
            what="search while they are reckoned, p50", value=percentile(meanwhile, 50), unit="ms",
            baseline=percentile(alone, 50), baseline_is="ms: before, p50",
        ),
    ]  # fmt: skip


def _round(client: Client, asked: list[str]) -> list[float]:
    taken = []
    for text in asked:
        begun = time.perf_counter()
        answer = client.get(f"/api/v1/search?{urlencode({'q': text})}")
        taken.append((time.perf_counter() - begun) * 1_000)
        assert answer.status == 200, answer.body
    return taken


def _is_at_work(runtime: Runtime) -> bool:
    with closing(sqlite3.connect(runtime.folder.databases / "main.db")) as database:
        query = "SELECT count(*) FROM jobs WHERE name = 'retention.date' AND state = 'leased'"
        return bool(database.execute(query).fetchone()[0])


def _is_dated(runtime: Runtime) -> bool:
    with runtime.main.read() as session:
        return session.scalar(select(DatedSchedule.schedule)) == 2


if __name__ == "__main__":
    _step, _place = sys.argv[1], Path(sys.argv[2])
    if _step == "fill":
        fill(_place, 10_000, int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
    else:
        sys.stdout.write(table(measure(_place)) + "\n")
