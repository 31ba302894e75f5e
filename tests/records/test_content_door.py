"""The one door: no byte of a record without a durable event, and one event for each opening."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from app.finishing import RETENTION
from app.runtime import KEEPER, PIPELINE
from audit import trail
from audit.entries import AuditHead
from audit.log import Log, LogUnavailable
from core.errors import IntegrityFailure, NotFound
from core.sqlite import SqliteDatabase
from records import auditor_scope, capture, derived, pages, record
from records.case_file import CaseFile
from records.content import PACKAGE, Content
from records.pages import ReadPage
from records.record import Record
from tests.support.archive import Archive
from vault.envelope import context
from vault.store import ObjectRef, derived_key, new_original_key
from vault.writer import seal_into

TEXT = "Zwetschgenkuchen kostet 12 Euro"


@dataclass
class Filled:
    """A record with all that can be opened of one."""

    archive: Archive
    record: UUID
    component: UUID
    file: CaseFile
    scope: UUID
    """An auditor's, held by the outsider."""
    package: UUID
    stored_package: ObjectRef

    @property
    def content(self) -> Content:
        return self.archive.runtime.content


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    archive = Archive.open(tmp_path_factory.mktemp("door") / "data")
    row = archive.receive(TEXT.encode() * 2000, "kuchen.txt", record_class="letter")
    with archive.runtime.main.read() as session:
        file = session.get_one(CaseFile, archive.open_file())
    archive.add_person("outsider")
    yield Filled(archive, row.id, _fill(archive, row), file, _scope(archive), *_package(archive))
    archive.close()


def _scope(archive: Archive) -> UUID:
    """That the outsider reads letters of these years."""
    years = (archive.now.year - 1, archive.now.year + 1)
    person, until = archive.people["outsider"], archive.now + timedelta(days=30)
    boss, officer = archive.principal("boss"), archive.principal("officer")
    with archive.runtime.main.write() as session:
        row = auditor_scope.ask(
            session, person, archive.entity, ["letter"], years, "PA-1", until=until, by=boss, at=archive.now
        )
        return auditor_scope.decide(session, row.id, confirmed=True, by=officer, at=archive.now).id


def _package(archive: Archive) -> tuple[UUID, ObjectRef]:
    run, package = archive.runtime, uuid4()
    with run.main.write() as session:
        key = run.keys.create(session, package, kind=PACKAGE, at=archive.now)
    sealed = seal_into(run.store, derived_key(package, PACKAGE), key, context(package, None, PACKAGE), [b"PK"])
    return package, sealed.ref


def _packed(content: Content, filled: Filled) -> list[bytes]:
    packed = content.pack(filled.package, [filled.record], by=RETENTION, basis="test")
    return [b"".join(file.chunks) for each in packed for file in each.files]


def _fill(archive: Archive, row: Record) -> UUID:
    """Read pages, a thumbnail and a component, as reading leaves them."""
    run, component = archive.runtime, uuid4()
    with run.main.read() as session:
        version = record.get_version(session, row)
        key = run.keys.get(session, version.id)
    read = list(pages.encode([ReadPage(n, f"{TEXT} {n}", (), 0, 0, "converted", None) for n in (1, 2)]))
    made = {
        part: (object_key, seal_into(run.store, object_key, key, context(row.id, version.id, part), data).stored)
        for part, data in ((derived.PAGES, read), (derived.THUMBNAIL, [b"PNG"]))
        for object_key in [derived_key(version.id, part)]
    }
    part_key = new_original_key()
    sealed = seal_into(run.store, part_key, key, context(row.id, version.id, f"component/{component.hex}"), [b"<x/>"])
    with run.main.write() as session:
        version = record.get_version(session, session.get_one(Record, row.id))
        for part, (object_key, stored) in made.items():
            derived.name(session, version, part, object_key, stored, at=archive.now)
        capture.add_component(
            session,
            session.get_one(Record, row.id),
            version,
            component_id=component,
            object_key=part_key,
            stored=sealed.stored,
            role="embedded_invoice",
            name="x.xml",
            media_type="application/xml",
            key=key,
            by=PIPELINE,
            at=archive.now,
        )
    return component


Opening = Callable[[Content, Filled], object]


def _clerk(filled: Filled):
    return filled.archive.principal("clerk")


def _outsider(filled: Filled):
    return filled.archive.principal("outsider")


def _work(content: Content, filled: Filled, version: UUID | None = None) -> bytes:
    with content.main.read() as session:
        current = session.get_one(Record, filled.record).current_version
    work = content.open_for_work(filled.record, version or current, by=PIPELINE, basis="test")
    return b"".join(work.opened.chunks) if work is not None else b""


OPENINGS: dict[str, tuple[str, Opening]] = {
    "open_original": (
        "record.downloaded",
        lambda c, f: b"".join(c.open_original(f.record, by=_clerk(f), purpose="download").chunks),
    ),
    "open_original, a range": (
        "record.opened",
        lambda c, f: b"".join(c.open_original(f.record, by=_clerk(f), purpose="view", span=(20_000, 20_040)).chunks),
    ),
    "open_original, under a scope": (
        "record.downloaded",
        lambda c, f: b"".join(
            c.open_original(f.record, by=_outsider(f), purpose="download", scope=f.scope).chunks,
        ),
    ),
    "open_for_work": ("record.opened", _work),
    "reveal, under a scope": ("record.listed", lambda c, f: c.reveal([f.record], by=_outsider(f), scope=f.scope)),
    "hand_over": ("record.handed_over", lambda c, f: c.hand_over(f.scope, by=_outsider(f))),
    "open_component": (
        "record.opened",
        lambda c, f: b"".join(c.open_component(f.record, f.component, by=_clerk(f), purpose="view").chunks),
    ),
    "open_derived": (
        "record.thumbnail_shown",
        lambda c, f: c.open_derived(f.record, derived.THUMBNAIL, by=_clerk(f), purpose="thumbnail"),
    ),
    "open_pages": ("record.opened", lambda c, f: c.open_pages(f.record, by=_clerk(f))),
    "open_page": ("record.opened", lambda c, f: c.open_page(f.record, 2, by=_clerk(f))),
    "reveal": ("record.listed", lambda c, f: c.reveal([f.record], by=_clerk(f))),
    "found": ("record.searched", lambda c, f: c.found([f.record], query="kuchen", total=1, by=_clerk(f))),
    "found, nothing": ("record.searched", lambda c, f: c.found([], query="kuchen", total=0, by=_clerk(f))),
    "name_files": ("case_file.listed", lambda c, f: c.name_files([f.file], by=_clerk(f))),
    "detail": ("record.viewed", lambda c, f: c.detail(f.record, by=_clerk(f))),
    "detail, beside a list": (
        "record.previewed",
        lambda c, f: c.detail(f.record, by=_clerk(f), purpose="preview"),
    ),
    "detail, to print": (
        "record.print_view_requested",
        lambda c, f: c.detail(f.record, by=_clerk(f), purpose="print"),
    ),
    "suggested": ("record.suggested", lambda c, f: c.suggested("kuch", 1, by=_clerk(f))),
    "history_shown": ("record.history_shown", lambda c, f: c.history_shown(f.record, 3, by=_clerk(f))),
    "whole": ("record.opened", lambda c, f: c.whole(f.record, by=KEEPER, basis="test")),
    "whole_many": ("record.opened", lambda c, f: list(c.whole_many([f.record, uuid4()], by=KEEPER, basis="test"))),
    "pack": ("record.packed", _packed),
    "open_package": (
        "record.package_taken",
        lambda c, f: b"".join(
            c.open_package(f.package, f.stored_package, [f.record], sha256=bytes(32), by=_clerk(f))[0],
        ),
    ),
    "whole_many, not taken": ("record.opened", lambda c, f: c.whole_many([f.record], by=KEEPER, basis="test")),
}
EACH = pytest.mark.parametrize(("action", "opening"), [pytest.param(*row, id=name) for name, row in OPENINGS.items()])


def _size(filled: Filled) -> int:
    with filled.archive.runtime.log_database.read() as session:
        return session.get_one(AuditHead, 1).size


def test_every_public_method_of_the_door_is_tried_here():
    public = {name for name in vars(Content) if not name.startswith("_")} - set(Content.__dataclass_fields__)
    # That one lets nothing out: it tells what the others did.
    assert public - {"tell_unwraps"} == {name.partition(",")[0] for name in OPENINGS}


def test_for_work_opens_only_the_current_version_and_only_for_the_program(filled: Filled):
    before = _size(filled)
    assert _work(filled.content, filled, uuid4()) == b""
    with filled.content.main.read() as session:
        current = session.get_one(Record, filled.record).current_version
    with pytest.raises(NotFound):
        filled.content.open_for_work(filled.record, current, by=_clerk(filled), basis="test")
    assert _size(filled) == before


@EACH
def test_each_opening_is_one_event_durable_before_anything_is_returned(filled: Filled, action: str, opening: Opening):
    before = _size(filled)
    assert opening(filled.content, filled)
    assert _size(filled) == before + 1
    with filled.archive.runtime.log_database.read() as session:
        entry = trail.entry(session, before)
    assert entry.action == action
    named = [(o.kind, o.id) for o in entry.objects if o.kind in ("record", "case_file")]
    expected = [("record", filled.record)]
    if opening in (OPENINGS["found, nothing"][1], OPENINGS["suggested"][1]):
        expected = []
    elif opening is OPENINGS["name_files"][1]:
        expected = [("case_file", filled.file.id)]
    assert named == expected


@EACH
def test_nothing_is_returned_while_the_log_is_closed(filled: Filled, action: str, opening: Opening):
    run = filled.archive.runtime
    closed = Log(run.log_database, run.log.origin, run.clock, seal=run.log._seal)
    closed.close()
    with pytest.raises(LogUnavailable):
        opening(Content(run.main, closed, run.store, run.keys, run.clock), filled)


@pytest.mark.sqlite
@EACH
def test_nothing_is_returned_while_another_program_holds_the_log(
    filled: Filled, action: str, opening: Opening, monkeypatch: pytest.MonkeyPatch
):
    run = filled.archive.runtime
    quick = SqliteDatabase(run.log_database.path)
    event.listen(quick.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20"))
    log = Log(quick, run.log.origin, run.clock, seal=run.log._seal)
    other = sqlite3.connect(run.log_database.path)
    other.execute("BEGIN IMMEDIATE")
    before, reads = _size(filled), []
    monkeypatch.setattr(type(run.store), "get", lambda *_, **__: reads.append(1) or iter(()))
    try:
        with pytest.raises(LogUnavailable):
            opening(Content(run.main, log, run.store, run.keys, run.clock), filled)
    finally:
        other.rollback()
        other.close()
        log.close()
        quick.close()
    assert reads == [], "not even sealed bytes were fetched"
    assert _size(filled) == before


@pytest.mark.sqlite
@EACH
def test_nothing_is_returned_while_the_log_is_read_only(filled: Filled, action: str, opening: Opening):
    run = filled.archive.runtime
    frozen = SqliteDatabase(run.log_database.path, read_only=True)
    log = Log(frozen, run.log.origin, run.clock, seal=run.log._seal)
    try:
        with pytest.raises(LogUnavailable):
            opening(Content(run.main, log, run.store, run.keys, run.clock), filled)
    finally:
        log.close()
        frozen.close()


def test_a_search_that_is_taken_as_a_table_is_two_events_in_one_append(filled: Filled):
    before = _size(filled)
    filled.content.found([filled.record], query="kuchen", total=1, by=_clerk(filled), as_table=True)
    with filled.archive.runtime.log_database.read() as session:
        entries = [trail.entry(session, seq) for seq in range(before, _size(filled))]
    assert [(e.action, [o.id for o in e.objects if o.kind == "record"]) for e in entries] == [
        ("record.searched", [filled.record]),
        ("record.table_taken", [filled.record]),
    ]
    assert entries[1].details == {"rows": 1}


def test_what_one_may_not_see_does_not_exist_and_leaves_no_event_of_opening(filled: Filled):
    content, by = filled.content, filled.archive.principal("boss")
    before = _size(filled)
    for opening in (
        lambda i: content.open_original(i, by=by, purpose="view"),
        lambda i: content.open_component(i, filled.component, by=by, purpose="view"),
        lambda i: content.open_derived(i, derived.PAGES, by=by, purpose="text"),
        lambda i: content.open_page(i, 1, by=by),
        lambda i: content.detail(i, by=by),
        lambda i: content.whole(i, by=by, basis=""),
    ):
        for asked in (filled.record, uuid4()):
            with pytest.raises(NotFound) as raised:
                opening(asked)
            assert raised.value.detail == "there is no such record, or it is not yours to see"
    assert content.reveal([filled.record, uuid4()], by=by) == ([], None)
    assert content.name_files([filled.file], by=by) == {}
    assert _size(filled) == before
    shown, _ = content.found([filled.record], query="kuchen", total=1, by=by)
    assert shown == []


def test_a_list_names_all_it_shows_in_the_order_asked_for(filled: Filled):
    other = filled.archive.receive(by="clerk", record_class="letter").id
    wanted = [filled.record, other, filled.record]
    shown, receipt = filled.content.reveal(wanted, by=_clerk(filled), where="review")
    assert [each.record.id for each in shown] == wanted
    assert receipt is not None
    with filled.archive.runtime.log_database.read() as session:
        entry = trail.entry(session, receipt.seq)
    assert {o.id for o in entry.objects if o.kind == "record"} == {filled.record, other}
    assert entry.details["where"] == "review"


@pytest.mark.sqlite
def test_the_words_of_a_search_are_not_in_the_entry(filled: Filled):
    _, receipt = filled.content.found([filled.record], query="Zwetschgenmus", total=1, by=_clerk(filled))
    path: Path = filled.archive.runtime.log_database.path
    data = b"".join(p.read_bytes() for p in path.parent.glob("log.db*"))
    assert b"wetschgenmus" not in data
    with filled.archive.runtime.log_database.read() as session:
        assert set(trail.entry(session, receipt.seq).commitments) == {"query"}


def test_an_object_swapped_for_another_record_s_is_an_integrity_failure(fresh: Archive):
    one, other = (fresh.receive(text.encode(), record_class="letter") for text in ("mine", "yours"))
    with fresh.runtime.main.write() as session:
        first, second = (record.get_version(session, session.get_one(Record, r.id)) for r in (one, other))
        wanted, first.object_key = second.object_key, "originals/00/" + "0" * 32
        session.flush()
        key, second.object_key = wanted, "originals/00/" + "1" * 32
        session.flush()
        first.object_key = key
    opened = fresh.runtime.content.open_original(one.id, by=fresh.principal("clerk"), purpose="view")
    with pytest.raises(IntegrityFailure):
        b"".join(opened.chunks)


def test_a_lost_object_is_an_integrity_failure_and_not_an_empty_file(fresh: Archive):
    row = fresh.receive(record_class="letter")
    with fresh.runtime.main.read() as session:
        version = record.get_version(session, row)
    fresh.runtime.store.delete(version.object_key, version.object_version)
    with pytest.raises(IntegrityFailure):
        fresh.runtime.content.open_original(row.id, by=fresh.principal("clerk"), purpose="view")
