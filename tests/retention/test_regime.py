"""Access regimes: narrowed by one at once, opened by two; what is closed is found and listed for nobody else."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app import holding
from core.errors import Invalid, NotFound
from records import access_past, auditor_scope, overseen
from records.record import Record
from records.regime import REGIMES
from retention import hold, regime
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.regime import OwnRegime, RegimeChange, RegimeDecided, RegimeUnchanged
from tests.support.archive import Archive


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path)
    made.add_person("second_officer", made.grant("compliance_officer"))
    yield made
    made.close()


def letter(office: Archive, text: bytes = b"Der Zebrafink singt.") -> UUID:
    record = office.receive(text, record_class="letter").id
    office.settle()
    return record


def change(office: Archive, record: UUID, to: str, by: str = "officer") -> UUID:
    with office.runtime.main.write() as session:
        acting = office.principal(by)
        return regime.change(
            session, record, to, "Art. 18 (1) a", by=acting, at=office.now, keys=office.runtime.keys
        ).id


def decide(office: Archive, change_id: UUID, by: str = "second_officer", *, confirmed: bool = True) -> None:
    with office.runtime.main.write() as session:
        regime.decide(session, change_id, confirmed=confirmed, by=office.principal(by), at=office.now)


def name(office: Archive, person: str, of: str, by: str = "officer", second: str | None = "second_officer") -> UUID:
    with office.runtime.main.write() as session:
        row = regime.name_reader(
            session,
            office.entity,
            of,
            office.people[person],
            "Answers the authority",
            until=office.now + timedelta(days=30),
            by=office.principal(by),
            at=office.now,
            keys=office.runtime.keys,
        )
        reader = row.id
    if second is not None:
        with office.runtime.main.write() as session:
            regime.decide_reader(session, reader, confirmed=True, by=office.principal(second), at=office.now)
    return reader


@pytest.mark.parametrize("to", REGIMES[1:])
def test_what_is_narrowed_is_gone_from_every_list_and_search_at_once(office: Archive, to: str) -> None:
    record = letter(office)
    assert office.search("zebrafink").total == 1
    assert office.who_sees(record)
    change(office, record, to)
    assert office.who_sees(record) == set()
    assert office.search("zebrafink").total == 0, "before the index was told"
    office.settle()
    assert office.search("zebrafink").total == 0
    assert office.search(office.get(record).number).total == 0
    assert office.get(record).regime == to


def test_opening_again_takes_a_second_person(office: Archive) -> None:
    record = letter(office)
    before = office.who_sees(record)
    change(office, record, "restricted")
    asked = change(office, record, "active")
    assert office.who_sees(record) == set(), "asking opens nothing"
    with pytest.raises(OwnRegime):
        decide(office, asked, by="officer")
    with pytest.raises(NotAllowed):
        decide(office, asked, by="manager")
    with pytest.raises(RegimeUnchanged):
        change(office, record, "intermediate")
    decide(office, asked)
    assert office.who_sees(record) == before
    with pytest.raises(RegimeDecided):
        decide(office, asked)
    office.settle()
    assert office.search("zebrafink").total == 1


def test_a_request_to_open_is_taken_back_by_whoever_made_it_or_void_when_things_changed(office: Archive) -> None:
    record = letter(office)
    change(office, record, "restricted")
    decide(office, change(office, record, "active"), by="officer", confirmed=False)
    asked = change(office, record, "active", by="manager")
    with office.runtime.main.write() as session:
        session.get_one(Record, record).regime = "blocked"
    with pytest.raises(RegimeDecided):
        decide(office, asked)


def test_named_people_go_on_reading_what_they_would_read_anyway(office: Archive) -> None:
    record = letter(office)
    before = office.who_sees(record)
    assert {"clerk", "manager"} <= before
    assert "dpo" not in before
    change(office, record, "blocked")
    pending = name(office, "manager", "blocked", second=None)
    assert office.who_sees(record) == set(), "one person names nobody"
    with office.runtime.main.write() as session, pytest.raises(OwnRegime):
        regime.decide_reader(session, pending, confirmed=True, by=office.principal("officer"), at=office.now)
    with office.runtime.main.write() as session:
        regime.decide_reader(session, pending, confirmed=True, by=office.principal("second_officer"), at=office.now)
    name(office, "dpo", "blocked")
    name(office, "clerk", "restricted")
    assert office.who_sees(record) == {"manager"}, "naming opens nothing to others, and each regime names its own"
    assert office.search("zebrafink", by="manager").total == 1
    with office.runtime.main.write() as session:
        regime.end_reader(session, pending, by=office.principal("officer"), at=office.now)
    assert office.who_sees(record) == set()


def test_nobody_names_themselves_and_nobody_for_ever(office: Archive) -> None:
    with pytest.raises(OwnRegime):
        name(office, "officer", "blocked")
    for person, of in (("clerk", "active"), ("clerk", "secret")):
        with pytest.raises(Invalid):
            name(office, person, of)
    with pytest.raises(NotAllowed):
        name(office, "manager", "blocked", by="clerk")


def test_only_those_who_place_holds_change_a_regime(office: Archive) -> None:
    record = letter(office)
    for who in ("clerk", "dpo", "auditor"):
        with pytest.raises(NotAllowed):
            change(office, record, "restricted", by=who)
    with pytest.raises(NotFound):
        change(office, uuid4(), "restricted")
    with pytest.raises(Invalid):
        change(office, record, "secret")
    with pytest.raises(RegimeUnchanged):
        change(office, record, "active")


def test_what_was_found_in_a_record_goes_with_it(office: Archive) -> None:
    mail, inside, own = letter(office), letter(office), letter(office)
    with office.runtime.main.write() as session:
        for each in (inside, own):
            session.get_one(Record, each).parent = mail
    change(office, own, "blocked")
    change(office, mail, "restricted")
    assert [office.get(each).regime for each in (mail, inside, own)] == ["restricted", "restricted", "blocked"]
    decide(office, change(office, mail, "active"))
    assert [office.get(each).regime for each in (mail, inside, own)] == ["active", "active", "blocked"]


def test_who_could_see_it_on_a_day_follows_the_regime_of_that_day(office: Archive) -> None:
    record = letter(office)
    first = office.now
    change(office, record, "restricted")
    then = office.now
    with office.runtime.main.read() as session:
        row = overseen.get(session, str(record), office.principal("auditor"))
        earlier = {
            each.person for each in access_past.could_read(session, row, first, first + timedelta(microseconds=1))
        }
        later = {each.person for each in access_past.could_read(session, row, then, then + timedelta(hours=1))}
    assert office.people["clerk"] in earlier
    assert later == set()


@pytest.mark.parametrize(("to", "reached"), [("intermediate", True), ("restricted", False), ("blocked", False)])
def test_no_bulk_export_takes_what_is_restricted_or_blocked(office: Archive, to: str, reached: bool) -> None:
    record = office.receive(b"Rechnung", record_class="supplier_invoice", document_date=date(2025, 3, 4)).id
    outsider = office.add_person("outsider")
    with office.runtime.main.write() as session:
        scope = auditor_scope.ask(
            session,
            outsider,
            office.entity,
            ["accounting"],
            (2025, 2025),
            "PA-1",
            until=office.now + timedelta(days=30),
            by=office.principal("boss"),
            at=office.now,
        ).id
    with office.runtime.main.write() as session:
        auditor_scope.decide(session, scope, confirmed=True, by=office.principal("officer"), at=office.now)
    change(office, record, to)
    with office.runtime.main.read() as session:
        found = auditor_scope.within(session, scope, by=office.principal("outsider"), at=office.now)
        assert (record in auditor_scope.find_records(session, [record], found)) is reached


def test_a_hold_that_restricts_closes_what_it_reaches_and_its_release_opens_it_again(office: Archive) -> None:
    record, closed = letter(office), letter(office)
    before = office.who_sees(record)
    change(office, closed, "blocked")
    new = NewHold(
        entity=office.entity,
        kind="restriction",
        scope=Scope(kind="records", records=(record, closed)),
        title="Request 12",
        reason="Accuracy is contested.",
        authority="GDPR Art. 18 (1) a",
        review_on=office.today + timedelta(days=30),
    )
    hold_id = holding.place(office.runtime, new, by=office.principal("officer")).id
    office.settle()
    assert [office.get(each).regime for each in (record, closed)] == ["restricted", "blocked"]
    assert office.who_sees(record) == set()
    with office.runtime.main.write() as session:
        by = office.principal("officer")
        hold.ask_release(session, hold_id, "verified", by=by, at=office.now, keys=office.runtime.keys)
    with office.runtime.main.write() as session:
        hold.decide_release(session, hold_id, confirmed=True, by=office.principal("second_officer"), at=office.now)
    office.settle()
    assert [office.get(each).regime for each in (record, closed)] == ["active", "blocked"]
    assert office.who_sees(record) == before


def test_the_log_tells_of_a_change_and_not_why(office: Archive) -> None:
    record = letter(office)
    change(office, record, "restricted")
    office.index()
    entry = office.events("record.regime_changed")[0]
    assert entry.details == {"before": "active", "after": "restricted"}
    with office.runtime.main.read() as session:
        sealed = session.scalars(select(RegimeChange.reason_sealed)).one()
    assert sealed is not None
    assert b"Art. 18" not in sealed
