"""Auditors' scopes: the rule against the SQL, two persons, a time, and nothing beyond class and year."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts import suspensions
from accounts.principal import NotAllowed
from audit import trail
from core.errors import Invalid, NotFound
from records import access_past, auditor_scope, file_plan, overseen, record
from records.access import Terms, access_set_for
from records.auditor_scope import AuditorScope, OwnScope, ScopeDecidedAlready, ScopeNotOpen
from records.case_file import CaseFile
from records.record import Record
from tests.support.archive import Archive

YEARS = (2024, 2025)


@pytest.fixture(scope="module", autouse=True)
def outsider(archive: Archive) -> UUID:
    """Somebody without any role, who audits."""
    archive.add_person("second_boss", archive.grant("administrator"))
    return archive.add_person("outsider")


def ask(archive: Archive, by: str = "boss", **changes: Any) -> AuditorScope:
    given: dict[str, Any] = {
        "person": archive.people["outsider"],
        "entity": archive.entity,
        "classes": ["accounting"],
        "years": YEARS,
        "reference": "PA-2026/7",
    } | {name: value for name, value in changes.items() if name not in ("until", "begin")}
    with archive.runtime.main.write() as session:
        return auditor_scope.ask(
            session,
            *given.values(),
            begin=changes.get("begin"),
            until=changes.get("until", archive.now + timedelta(days=30)),
            by=archive.principal(by),
            at=archive.now,
        )


def decide(archive: Archive, scope: UUID, by: str = "officer", *, confirmed: bool = True) -> AuditorScope:
    with archive.runtime.main.write() as session:
        return auditor_scope.decide(session, scope, confirmed=confirmed, by=archive.principal(by), at=archive.now)


def opened(archive: Archive, **changes: Any) -> UUID:
    """A scope that holds."""
    return decide(archive, ask(archive, **changes).id).id


def invoice(archive: Archive, day: date | None = date(2025, 3, 4), **stated: Any) -> UUID:
    stated = {"record_class": "supplier_invoice", "document_date": day} | stated
    return archive.receive(uuid4().bytes, "rechnung.txt", **stated).id


def reads(
    archive: Archive, scope: UUID, record_id: UUID, *, name: str = "outsider", at: datetime | None = None
) -> bool:
    by = archive.principal(name)
    with archive.runtime.main.read() as session:
        found = auditor_scope.within(session, scope, by=by, at=at or archive.now)
        return record_id in auditor_scope.find_records(session, [record_id], found)


def test_sql_and_rule_say_the_same_of_every_record(archive: Archive) -> None:
    scope = opened(archive)
    files: list[UUID | None] = [
        None,
        archive.open_file("supplier", "S-1"),
        archive.open_file("personnel", "P-1", by="hr_clerk", about_person=archive.people["lawyer"]),
        archive.open_file("contract", "C-9", listed_only=True),
    ]
    codes = [None, "supplier_invoice", "ledger", "payslip", "letter", "court_document"]
    days = [None, date(2023, 12, 31), date(2024, 1, 1), date(2025, 12, 31), date(2026, 1, 1)]
    captured = [datetime.fromisoformat(text) for text in ("2023-12-31T22:59:59Z", "2023-12-31T23:00:00Z")]
    template = invoice(archive)
    checked = 0
    for number, (code, file, day, confirmed, at) in enumerate(product(codes, files, days, (True, False), captured)):
        section = "health" if file is not None and number % 7 == 0 else None
        with archive.runtime.main.write() as session:
            row = session.get_one(Record, template)
            row.record_class, row.case_file, row.document_date = code, file, day
            row.confirmed, row.section, row.captured_at = confirmed, section, at
            row.access_set = _set_of(session, row)
            held = session.get(CaseFile, file) if file else None
            guarded = held is not None and (
                held.listed_only or held.about_person is not None or held.kind == "personnel"
            )
            zone_day = date(2023, 12, 31) if at == captured[0] else date(2024, 1, 1)
            expected = auditor_scope.reaches(
                ["accounting"],
                YEARS,
                confirmed=confirmed,
                record_class=code,
                day=day or zone_day,
                section=section,
                guarded_file=guarded,
            )
        assert reads(archive, scope, template) == expected, (code, file, day, confirmed, section, at)
        checked += expected
    assert checked > 5


def _set_of(session: Any, row: Record) -> int:
    return access_set_for(
        session,
        Terms(
            entity=row.entity,
            department=row.department,
            record_class=row.record_class,
            case_file=row.case_file,
            section=row.section,
            confirmed=row.confirmed,
            uploader=row.captured_by,
        ),
    )


def test_no_class_of_personnel_or_raised_sensitivity_is_ever_open() -> None:
    plan = file_plan.load()
    every = [c.code for c in plan]
    assert auditor_scope.codes_of(every) == auditor_scope.open_codes()
    for code in auditor_scope.open_codes():
        assert plan.get(code).sensitivity == "normal"
        assert "personnel" not in plan.facet_codes(code)
        assert "hr" not in plan.get(code).readers
    assert {"payslip", "wage_account", "cv", "whistleblower_report"}.isdisjoint(auditor_scope.open_codes())
    assert auditor_scope.codes_of(["retired_long_ago"]) == frozenset()


def test_two_persons_who_are_not_the_reader_agree(archive: Archive) -> None:
    scope = ask(archive).id
    for name in ("boss", "outsider"):
        with pytest.raises(NotAllowed):
            decide(archive, scope, name)
    with pytest.raises(ScopeNotOpen):
        reads(archive, scope, invoice(archive))
    assert decide(archive, scope, "second_boss").state == "confirmed"
    with pytest.raises(ScopeDecidedAlready):
        decide(archive, scope)
    with pytest.raises(OwnScope):
        ask(archive, person=archive.people["boss"])
    own = ask(archive, person=archive.people["officer"]).id
    with pytest.raises(OwnScope):
        decide(archive, own)
    with pytest.raises(NotAllowed):
        ask(archive, "officer")


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": []},
        {"classes": ["payslip"]},
        {"classes": ["personnel"]},
        {"classes": ["accounting", "court_document"]},
        {"years": (2025, 2024)},
        {"years": (1990, 2025)},
        {"reference": "Frau Müller"},
    ],
    ids=["no class", "wages", "personnel", "one sensitive class", "years backwards", "too many years", "a name"],
)
def test_what_cannot_be_asked_for(archive: Archive, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(archive, **changes)


def test_a_scope_has_an_end_within_a_year(archive: Archive) -> None:
    for until in (archive.now, archive.now + timedelta(days=400)):
        with pytest.raises(Invalid):
            ask(archive, until=until)


def test_it_holds_from_its_first_to_its_last_instant_and_no_more(archive: Archive) -> None:
    found = invoice(archive)
    begin, until = archive.now + timedelta(days=2), archive.now + timedelta(days=5)
    scope = opened(archive, begin=begin, until=until)
    for at in (archive.now, begin - timedelta(seconds=1), until):
        with pytest.raises(ScopeNotOpen):
            reads(archive, scope, found, at=at)
    assert reads(archive, scope, found, at=begin)
    assert reads(archive, scope, found, at=until - timedelta(seconds=1))


def test_ended_refused_and_taken_back_scopes_open_nothing(archive: Archive) -> None:
    found, ended, refused, withdrawn = invoice(archive), opened(archive), ask(archive).id, ask(archive).id
    assert reads(archive, ended, found)
    with archive.runtime.main.write() as session:
        auditor_scope.end(session, ended, by=archive.principal("outsider"), at=archive.now)
        auditor_scope.end(session, withdrawn, by=archive.principal("boss"), at=archive.now)
    decide(archive, refused, confirmed=False)
    for scope in (ended, refused, withdrawn):
        with pytest.raises(ScopeNotOpen):
            reads(archive, scope, found)
    with archive.runtime.main.write() as session, pytest.raises(NotAllowed):
        auditor_scope.end(session, opened_by_boss(archive), by=archive.principal("auditor"), at=archive.now)


def opened_by_boss(archive: Archive) -> UUID:
    """A scope found in the rows, whichever."""
    with archive.runtime.main.read() as session:
        return auditor_scope.visible(session, by=archive.principal("boss"))[0].id


def test_nobody_else_reads_under_it_and_neither_does_its_person_while_suspended(archive: Archive) -> None:
    found, scope = invoice(archive), opened(archive)
    for name in ("auditor", "boss", "clerk"):
        with pytest.raises(NotFound):
            reads(archive, scope, found, name=name)
    by = replace(archive.principal("outsider"), scopes=frozenset({"capture", "audit", "admin"}))
    with archive.runtime.main.read() as session, pytest.raises(NotAllowed):
        auditor_scope.within(session, scope, by=by, at=archive.now)
    waiting = replace(archive.principal("outsider"), withheld=frozenset({"record.read"}))
    with archive.runtime.main.read() as session, pytest.raises(NotAllowed):
        auditor_scope.within(session, scope, by=waiting, at=archive.now)
    by = archive.principal("outsider")
    with archive.runtime.main.write() as session:
        suspensions.suspend(session, by.person, by=archive.principal("boss"), at=archive.now)
    try:
        with archive.runtime.main.read() as session, pytest.raises(NotFound):
            auditor_scope.within(session, scope, by=by, at=archive.now)
    finally:
        with archive.runtime.main.write() as session:
            suspensions.reinstate(session, by.person, by=archive.principal("boss"), at=archive.now)


def test_a_scope_opens_nothing_by_any_other_way(archive: Archive) -> None:
    found = invoice(archive)
    opened(archive)
    by, run = archive.principal("outsider"), archive.runtime
    archive.index()
    assert not archive.may_see("outsider", found)
    with pytest.raises(NotFound):
        run.content.open_original(found, by=by, purpose="view")
    with pytest.raises(NotFound):
        run.content.detail(found, by=by)
    assert run.content.reveal([found], by=by) == ([], None)
    assert archive.search("rechnung").total
    assert _searched(archive, "outsider") == 0


def _searched(archive: Archive, name: str) -> int:
    try:
        return archive.search("rechnung", by=name).total
    except NotAllowed:
        return 0


def test_every_row_and_every_opening_is_logged_with_its_basis(archive: Archive) -> None:
    inside, outside, scope = invoice(archive), invoice(archive, date(2023, 5, 5)), opened(archive)
    by, content = archive.principal("outsider"), archive.runtime.content
    shown, receipt = content.reveal([inside, outside], by=by, where="auditor_scope", scope=scope)
    assert [each.record.id for each in shown] == [inside]
    file = content.open_original(inside, by=by, purpose="download", scope=scope)
    assert b"".join(file.chunks)
    with pytest.raises(NotFound):
        content.open_original(outside, by=by, purpose="download", scope=scope)
    with archive.runtime.log_database.read() as session:
        entries = [e for e in trail.history(session, "record", inside, limit=10) if e.action != "record.captured"]
        basis = {entry.action: entry.basis for entry in entries}
        assert {e.action for e in trail.history(session, "record", outside, limit=10)} <= {"record.captured"}
    assert receipt is not None
    assert basis == {"record.listed": "auditor.scope", "record.downloaded": "auditor.scope"}


def test_the_list_pages_through_all_of_it_and_counts_what_waits(fresh: Archive) -> None:
    fresh.add_person("outsider")
    found = [invoice(fresh) for _ in range(5)]
    waiting = invoice(fresh)
    with fresh.runtime.main.write() as session:
        row = session.get_one(Record, waiting)
        row.confirmed = False
        row.access_set = _set_of(session, row)
    scope, by = opened(fresh), fresh.principal("outsider")
    with fresh.runtime.main.read() as session:
        values = auditor_scope.within(session, scope, by=by, at=fresh.now)
        first, following = auditor_scope.list_records(session, values, limit=3)
        rest, end = auditor_scope.list_records(session, values, before=following, limit=3)
        assert (first + rest, end) == (found[::-1], None)
        assert auditor_scope.extent(session, values) == auditor_scope.Extent(5, 1)
        assert {row.id for row in record.versions_of(session, found[0])}


def test_who_could_see_it_names_the_auditor_on_the_days_of_the_scope(archive: Archive) -> None:
    found, other = invoice(archive), invoice(archive, date(2020, 1, 1))
    opened(archive)
    by, now = archive.principal("auditor"), archive.now
    with archive.runtime.main.read() as session:
        rows = [overseen.get(session, str(each), by) for each in (found, other)]
        could = [access_past.could_read(session, row, now - timedelta(hours=1), now) for row in rows]
        before = access_past.could_read(session, rows[0], now - timedelta(days=9), now - timedelta(days=8))
    whys = [{each.why for each in some if each.person == archive.people["outsider"]} for some in (*could, before)]
    assert whys == [{"auditor_scope"}, set(), set()]
