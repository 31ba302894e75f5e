"""Holds: what they reach, from when, who ends them, and what comes later; on a real archive."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select

from accounts.principal import NotAllowed
from app import holding
from app.holding import HoldTooWide, QueryNotUnderstood
from core.errors import Conflict, Invalid, NotFound
from records import party, placement, record
from records.case_file import OwnFile
from records.object_lock import ObjectLock
from records.placement import Decision
from records.record import Record
from retention import held, hold
from retention.blocker import Blocker
from retention.held import HeldRecord, Hold
from retention.hold import (
    HoldOver,
    NewHold,
    ReleaseAskedAlready,
    ReleaseNotAsked,
    SameReleaser,
    blockers_of,
    lock_holds,
)
from retention.hold_scope import Scope
from tests.support.archive import Archive


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    """An archive of its own, with a second compliance officer."""
    made = Archive.open(tmp_path)
    made.add_person("second_officer", made.grant("compliance_officer"))
    yield made
    made.close()


def new_hold(office: Archive, scope: Scope, **changes: Any) -> NewHold:
    given = NewHold(
        entity=office.entity,
        kind="tax_audit" if scope.kind == "tax" else "legal_hold",
        scope=scope,
        title="Nordwind ./. Kranbau",
        reason="A claim for damages was announced.",
        authority="Landgericht Hamburg 312 O 44/26",
        review_on=office.today + timedelta(days=90),
    )
    return replace(given, **changes)


def place(office: Archive, scope: Scope, by: str = "officer", confirmed: int | None = None, **changes: Any) -> UUID:
    new = new_hold(office, scope, **changes)
    return holding.place(office.runtime, new, by=office.principal(by), confirmed=confirmed).id


def blockers(office: Archive, *records: UUID) -> dict[UUID, tuple[Blocker, ...]]:
    with office.runtime.main.read() as session:
        return blockers_of(session, records)


def reaching(office: Archive, record_id: UUID) -> set[UUID]:
    """The holds that block a record, decided or not."""
    return {each.hold for each in blockers(office, record_id).get(record_id, ())}


def ask_release(office: Archive, hold_id: UUID, by: str = "officer") -> None:
    with office.runtime.main.write() as session:
        acting = office.principal(by)
        hold.ask_release(session, hold_id, "settled", by=acting, at=office.now, keys=office.runtime.keys)


def confirm(office: Archive, hold_id: UUID, by: str = "second_officer", *, confirmed: bool = True) -> None:
    with office.runtime.main.write() as session:
        hold.decide_release(session, hold_id, confirmed=confirmed, by=office.principal(by), at=office.now)


def noted(office: Archive, hold_id: UUID) -> set[UUID]:
    with office.runtime.main.read() as session:
        return set(session.scalars(select(HeldRecord.record).where(HeldRecord.hold == hold_id)))


def decide(office: Archive, record_id: UUID, by: str = "manager", **what: Any) -> None:
    with office.runtime.main.write() as session:
        placement.decide(session, record_id, Decision(**what), by=office.principal(by), at=office.now)


def invoice(office: Archive, text: bytes | None = None, **given: Any) -> UUID:
    stated: dict[str, Any] = {"record_class": "supplier_invoice", "document_date": date(2025, 3, 4)} | given
    return office.receive(text or uuid4().bytes, "rechnung.txt", **stated).id


def by_list(office: Archive) -> tuple[Scope, UUID, UUID]:
    inside, outside = invoice(office), invoice(office)
    return Scope(kind="records", records=(inside,)), inside, outside


def by_file(office: Archive) -> tuple[Scope, UUID, UUID]:
    file = office.open_file("matter", "M-1")
    return Scope(kind="case_file", case_file=file), invoice(office, case_file="M-1"), invoice(office)


def by_party(office: Archive) -> tuple[Scope, UUID, UUID]:
    inside, outside = invoice(office), invoice(office)
    # Reading finds parties anew, and this one stands in no text.
    office.settle()
    run = office.runtime
    with run.main.write() as session:
        who = party.link(session, inside, office.entity, "Kranbau Süd AG", "counterparty", at=office.now, keys=run.keys)
    assert who is not None
    return Scope(kind="person", parties=(who,)), inside, outside


def by_colleague(office: Archive) -> tuple[Scope, UUID, UUID]:
    lawyer = office.people["lawyer"]
    office.open_file("personnel", "P-1", by="hr_clerk", about_person=lawyer)
    letter = office.receive(uuid4().bytes, by="hr_clerk", record_class="warning", case_file="P-1")
    return Scope(kind="person", colleague=lawyer), letter.id, invoice(office)


def by_class(office: Archive) -> tuple[Scope, UUID, UUID]:
    scope = Scope(kind="classes", classes=("invoice",), first_year=2024, last_year=2025)
    return scope, invoice(office), invoice(office, document_date=date(2023, 12, 31))


def by_tax_year(office: Archive) -> tuple[Scope, UUID, UUID]:
    scope = Scope(kind="tax", first_year=2025, last_year=2025)
    return scope, invoice(office), invoice(office, record_class="policy")


SCOPES: list[Callable[[Archive], tuple[Scope, UUID, UUID]]] = [
    by_list,
    by_file,
    by_party,
    by_colleague,
    by_class,
    by_tax_year,
]


@pytest.mark.parametrize("made", SCOPES, ids=lambda each: each.__name__)
def test_a_scope_blocks_from_the_moment_it_is_placed_and_nothing_else(office: Archive, made: Any) -> None:
    scope, inside, outside = made(office)
    hold_id = place(office, scope)
    assert reaching(office, inside) == {hold_id}, "before any job has run"
    assert reaching(office, outside) == set()
    office.settle()
    assert reaching(office, inside) == {hold_id}
    assert inside in noted(office, hold_id)
    assert outside not in noted(office, hold_id)
    with office.runtime.main.read() as session:
        assert session.get_one(Hold, hold_id).covered_at is not None
        shown = set(session.scalars(select(ObjectLock.record).where(ObjectLock.held)))
    assert shown == {inside}, "the store was asked to show it"


def test_what_is_filed_later_is_reached_at_once_and_noted_when_it_is_indexed(office: Archive) -> None:
    file = office.open_file("matter", "M-1")
    hold_id = place(office, Scope(kind="case_file", case_file=file))
    office.settle()
    later = invoice(office, case_file="M-1")
    assert reaching(office, later) == {hold_id}
    office.settle()
    assert later in noted(office, hold_id)


def test_a_record_cannot_be_moved_out_from_under_a_hold(office: Archive) -> None:
    file = office.open_file("matter", "M-1")
    moved = invoice(office, case_file="M-1")
    hold_id = place(office, Scope(kind="case_file", case_file=file))
    decide(office, moved, by="clerk", clear_case_file=True)
    assert office.get(moved).case_file is None
    assert reaching(office, moved) == {hold_id}, "though nobody had noted it yet"


def test_what_was_found_in_a_held_record_is_held_with_it(office: Archive) -> None:
    mail, inside = invoice(office), invoice(office)
    with office.runtime.main.write() as session:
        session.get_one(Record, inside).parent = mail
    hold_id = place(office, Scope(kind="records", records=(mail,)))
    assert reaching(office, inside) == {hold_id}
    office.settle()
    assert noted(office, hold_id) == {mail, inside}


def test_a_query_decides_about_nothing_before_it_was_asked_about_everything(office: Archive) -> None:
    texts = (b"Der Kranbau hat geliefert.", b"Ein ganz anderer Brief.", b"Noch ein Brief.", b"Und ein letzter.")
    about, *others = (invoice(office, text) for text in texts)
    office.settle()
    hold_id = place(office, Scope(kind="query", query="kranbau"))
    assert all(each.undecided for each in blockers(office, others[0])[others[0]]), "not known yet: it blocks"
    office.settle()
    assert reaching(office, about) == {hold_id}
    assert not blockers(office, about)[about][0].undecided
    assert blockers(office, *others) == {}


def test_a_query_catches_what_is_filed_later_and_blocks_it_until_it_was_asked(office: Archive) -> None:
    for text in (b"Ein ganz anderer Brief.", b"Der Kranbau hat geliefert.", b"Noch einer."):
        invoice(office, text)
    office.settle()
    hold_id = place(office, Scope(kind="query", query="kranbau"))
    office.settle()
    later, other = invoice(office, b"Auch hier der Kranbau."), invoice(office, b"Kein Wort davon.")
    assert blockers(office, later)[later][0].undecided
    assert blockers(office, other)[other][0].undecided
    office.settle()
    assert later in noted(office, hold_id)
    assert not blockers(office, later)[later][0].undecided
    assert blockers(office, other) == {}


def test_a_later_word_of_the_record_is_asked_about_again(office: Archive) -> None:
    first, *_ = (invoice(office, text) for text in (b"Ein Brief.", b"Kranbau eins.", b"Noch einer."))
    office.settle()
    file = office.open_file("matter", "KB-77")
    hold_id = place(office, Scope(kind="query", query="case:KB-77"))
    office.settle()
    assert reaching(office, first) == set()
    decide(office, first, by="clerk", case_file=file)
    assert blockers(office, first)[first][0].undecided, "it changed, and nobody has asked about it"
    office.settle()
    assert reaching(office, first) == {hold_id}


def test_an_index_that_cannot_be_asked_leaves_everything_undecided(office: Archive) -> None:
    wanted, other = (invoice(office, text) for text in (b"Der Kranbau.", b"Ein Brief."))
    invoice(office, b"Noch einer.")
    office.settle()
    hold_id = place(office, Scope(kind="query", query="kranbau"))
    office.settle()
    assert blockers(office, other) == {}
    index = office.runtime.folder.index
    office.runtime.index.close()
    index.rename(index.with_name("index-away"))
    assert holding.catch(office.runtime, [wanted, other]) == 0
    assert blockers(office, other)[other][0].undecided
    assert reaching(office, wanted) == {hold_id}
    index.with_name("index-away").rename(index)
    assert holding.catch(office.runtime, [wanted, other]) == 0, "nothing new"
    assert blockers(office, other) == {}


def test_what_nobody_could_read_is_not_known_to_be_outside_a_query(office: Archive) -> None:
    for text in (b"Der Kranbau.", b"Ein Brief.", b"Noch einer."):
        invoice(office, text)
    scan = office.receive(b"%PDF-1.7 broken", "scan.pdf", record_class="supplier_invoice").id
    office.settle()
    place(office, Scope(kind="query", query="kranbau"))
    office.settle()
    assert office.get(scan).state == record.NEEDS_ATTENTION
    assert blockers(office, scan)[scan][0].undecided


def test_a_query_that_reaches_most_of_the_archive_wants_its_number_confirmed(office: Archive) -> None:
    for _ in range(3):
        invoice(office, b"Der Kranbau hat geliefert.")
    office.settle()
    everything = Scope(kind="query", query="kranbau")
    with pytest.raises(HoldTooWide) as refused:
        place(office, everything)
    assert refused.value.fields["found"] == 3
    with pytest.raises(HoldTooWide):
        place(office, everything, confirmed=2)
    assert place(office, everything, confirmed=3)


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        (Scope(kind="query", query=" "), Invalid),
        (Scope(kind="query", query="*"), Invalid),
        (Scope(kind="query", query='"kranbau'), QueryNotUnderstood),
        (Scope(kind="query", query="colour:red"), QueryNotUnderstood),
        (Scope(kind="records"), Invalid),
        (Scope(kind="records", records=(uuid4(),)), NotFound),
        (Scope(kind="case_file", case_file=uuid4()), NotFound),
        (Scope(kind="person", parties=(uuid4(),)), NotFound),
        (Scope(kind="person"), Invalid),
        (Scope(kind="classes", classes=("invoice",)), Invalid),
        (Scope(kind="classes", classes=("invoice",), first_year=2026, last_year=2025), Invalid),
        (Scope(kind="classes", classes=("no_such",), first_year=2024, last_year=2025), NotFound),
        (Scope(kind="tax", first_year=2024, last_year=2024, open_until=date(2020, 1, 1)), Invalid),
        (Scope(kind="everything"), Invalid),
    ],
    ids=lambda each: f"{each.kind} {each.query}" if isinstance(each, Scope) else "",
)
def test_a_scope_that_says_nothing_or_too_much_is_refused(
    office: Archive, scope: Scope, error: type[Exception]
) -> None:
    with pytest.raises(error):
        place(office, scope)
    with office.runtime.main.read() as session:
        assert session.scalar(select(Hold.id)) is None


def test_a_hold_names_its_reason_its_authority_and_a_day_of_review(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    today = office.today
    for changes in (
        {"reason": " "},
        {"authority": ""},
        {"title": ""},
        {"review_on": today},
        {"review_on": today + timedelta(days=400)},
        {"kind": "because"},
        {"kind": "tax_audit"},
    ):
        with pytest.raises(Invalid):
            place(office, scope, **changes)
    for name in ("clerk", "auditor", "dpo"):
        with pytest.raises(NotAllowed):
            place(office, scope, by=name)
    assert place(office, scope, by="manager")


def test_what_people_wrote_is_sealed_and_stands_in_no_leaf(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    hold_id = place(office, scope, title="Zwetschgenstreit")
    office.settle()
    with office.runtime.main.read() as session:
        row = session.get_one(Hold, hold_id)
        assert b"Zwetschgenstreit" not in row.words_sealed
        assert held.words_of(session, [row], office.runtime.keys)[hold_id].title == "Zwetschgenstreit"
    entry = office.events("hold.placed")[0]
    assert entry.details["kind"] == "legal_hold"
    assert "Zwetschgenstreit" not in str(entry)


def test_a_release_takes_another_person_and_frees_what_nothing_else_holds(office: Archive) -> None:
    scope, inside, _outside = by_list(office)
    first, second = place(office, scope), place(office, scope)
    office.settle()
    ask_release(office, first)
    with pytest.raises(SameReleaser):
        confirm(office, first, by="officer")
    with pytest.raises(NotAllowed):
        confirm(office, first, by="manager")
    assert reaching(office, inside) == {first, second}, "asking releases nothing"
    confirm(office, first)
    assert reaching(office, inside) == {second}
    office.settle()
    with office.runtime.main.read() as session:
        assert set(session.scalars(select(ObjectLock.held))) == {True}, "the other one still holds it"
    ask_release(office, second)
    confirm(office, second)
    office.settle()
    assert reaching(office, inside) == set()
    with office.runtime.main.read() as session:
        assert set(session.scalars(select(ObjectLock.held))) == {False}
        assert all(session.scalars(select(HeldRecord.released_at)).all())
    assert office.get(inside), "a release destroys nothing"


def test_an_operator_is_no_second_person(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    hold_id = place(office, scope)
    ask_release(office, hold_id)
    from accounts import principals

    with office.runtime.main.write() as session:
        by = principals.operator_for(session, "second_officer", at=office.now, keys=office.runtime.keys)
        with pytest.raises(NotAllowed):
            hold.decide_release(session, hold_id, confirmed=True, by=by, at=office.now)


def test_a_release_is_decided_once_and_can_be_taken_back(office: Archive) -> None:
    scope, inside, _outside = by_list(office)
    hold_id = place(office, scope)
    with pytest.raises(ReleaseNotAsked):
        confirm(office, hold_id)
    ask_release(office, hold_id)
    with pytest.raises(ReleaseAskedAlready):
        ask_release(office, hold_id, by="manager")
    confirm(office, hold_id, by="officer", confirmed=False)
    assert reaching(office, inside) == {hold_id}
    ask_release(office, hold_id)
    confirm(office, hold_id)
    with pytest.raises(ReleaseNotAsked):
        confirm(office, hold_id)
    with pytest.raises(HoldOver):
        ask_release(office, hold_id)


def test_nobody_holds_or_releases_the_file_about_themselves(office: Archive) -> None:
    officer = office.people["officer"]
    file = office.open_file("personnel", "P-2", by="hr_clerk", about_person=officer)
    for scope in (Scope(kind="case_file", case_file=file), Scope(kind="person", colleague=officer)):
        with pytest.raises(OwnFile):
            place(office, scope)
    hold_id = place(office, Scope(kind="case_file", case_file=file), by="second_officer")
    with pytest.raises(OwnFile):
        ask_release(office, hold_id)


def test_the_hold_of_a_destroyed_record_is_released_like_any_other(office: Archive) -> None:
    scope, gone, _outside = by_list(office)
    hold_id = place(office, scope)
    office.settle()
    with office.runtime.main.write() as session:
        session.execute(delete(Record).where(Record.id == gone))
    assert reaching(office, gone) == {hold_id}, "what it was noted under is known"
    ask_release(office, hold_id)
    confirm(office, hold_id)
    office.settle()
    with office.runtime.main.read() as session:
        assert session.get_one(HeldRecord, (hold_id, gone)).released_at is not None
    assert reaching(office, gone) == set()


def test_tax_years_lapse_after_their_last_day_of_assessment_and_not_before(office: Archive) -> None:
    today = office.today
    voucher = invoice(office)
    hold_id = place(office, Scope(kind="tax", first_year=2025, last_year=2025, open_until=today + timedelta(days=30)))
    for days, expected in ((30, []), (31, [hold_id]), (32, [])):
        with office.runtime.main.write() as session:
            lapsed = hold.lapse_due(session, by=holding.RETENTION, at=office.now + timedelta(days=days))
        assert lapsed == expected
    assert reaching(office, voucher) == set()


def test_reviews_are_due_on_their_day_and_then_every_week(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    today = office.today
    hold_id = place(office, scope, review_on=today + timedelta(days=10))

    def due(days: int) -> list[UUID]:
        with office.runtime.main.read() as session:
            return [row.id for row in hold.holds_due(session, today + timedelta(days=days))]

    assert due(9) == []
    assert due(10) == [hold_id]
    with office.runtime.main.write() as session:
        hold.note_reminded(session, hold_id, today + timedelta(days=10), by=holding.RETENTION, at=office.now)
    assert due(16) == []
    assert due(17) == [hold_id]
    with office.runtime.main.write() as session:
        hold.review(session, hold_id, today + timedelta(days=200), by=office.principal("officer"), at=office.now)
    assert due(17) == []


def race(*acts: Callable[[], Any]) -> list[Any]:
    """Run all at once, each in a thread of its own; gives what each returned or raised."""
    begin, found = threading.Barrier(len(acts)), list[Any](acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        begin.wait()
        try:
            found[place] = act()
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_releases_at_once_one_counts(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    office.add_person("third_officer", office.grant("compliance_officer"))
    hold_id = place(office, scope)
    ask_release(office, hold_id)
    ended = race(lambda: confirm(office, hold_id), lambda: confirm(office, hold_id, by="third_officer"))
    assert [type(each) for each in sorted(ended, key=str)] in (
        [ReleaseNotAsked, type(None)],
        [type(None), ReleaseNotAsked],
    )
    office.settle()
    assert len(office.events("hold.release_decided")) == 1


def test_of_two_who_ask_for_a_release_at_once_one_is_told_so(office: Archive) -> None:
    scope, _inside, _outside = by_list(office)
    hold_id = place(office, scope)
    ended = race(lambda: ask_release(office, hold_id), lambda: ask_release(office, hold_id, by="manager"))
    assert sum(isinstance(each, ReleaseAskedAlready) for each in ended) == 1
    assert sum(each is None for each in ended) == 1


def test_whoever_approves_while_a_hold_is_placed_sees_it_or_comes_first(office: Archive) -> None:
    """What approving does, as it must: the counter's row, then the blockers, in one transaction."""
    seen: list[tuple[int, bool]] = []
    for _ in range(10):
        scope, inside, _outside = by_list(office)

        def approve(inside: UUID = inside) -> tuple[int, bool]:
            with office.runtime.main.write() as session:
                return lock_holds(session, office.entity), bool(blockers_of(session, [inside]))

        outcome, hold_id = race(approve, partial(place, office, scope))
        assert isinstance(hold_id, UUID)
        seen.append(outcome)
        after = approve()
        assert after[1], "whoever comes later sees it"
        assert outcome[1] == (outcome[0] == after[0]), "the counter tells whether it was there"
    assert all(isinstance(each, tuple) for each in seen)


def test_a_conflict_is_what_a_wide_hold_is(office: Archive) -> None:
    assert issubclass(HoldTooWide, Conflict)
