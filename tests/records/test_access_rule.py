"""Who may read what: the SQL against the rule, over every combination that could matter."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest

from accounts.principal import Grant, Principal
from core.database import ReadSession
from records import access, case_file, file_plan, record
from records.access import AccessSet, Terms, may_read
from records.case_file import CaseFile, CaseFileAccess
from records.regime import REGIMES, RegimeReader
from tests.support.archive import Archive


def _classes() -> tuple[str | None, ...]:
    """One class of every combination of readers and sensitivity, and none."""
    seen: dict[object, str] = {}
    for c in file_plan.load():
        if not c.group:
            seen.setdefault((c.readers, c.named_readers, c.sensitivity), c.code)
    return (None, *seen.values())


def _rule(
    session: ReadSession,
    terms: Terms,
    by: Principal,
    files: dict[UUID, CaseFile],
    lists: set[tuple[UUID, UUID, str | None]],
    named: set[tuple[UUID, str]],
) -> bool:
    readers = access.readers_of(session, by)
    if terms.entity not in readers or (by.id is None):
        return False
    file = files.get(terms.case_file) if terms.case_file else None
    return may_read(
        terms,
        readers[terms.entity],
        listed=file is not None and (file.id, by.id, terms.section) in lists,
        has_list=file is not None and (file.listed_only or terms.section is not None),
        about_reader=file is not None and file.about_person is not None and file.about_person == by.id,
        named=(by.id, terms.regime) in named,
    )


def _principals(archive: Archive, other_entity: UUID) -> dict[str, Principal]:
    made = {name: archive.principal(name) for name in archive.people}
    clerk = archive.people["clerk"]
    accounting, hr = archive.departments["accounting"], archive.departments["hr"]

    def person(*grants: Grant) -> Principal:
        return Principal(id=clerk, kind="person", grants=frozenset(grants))

    return made | {
        "in two departments": person(
            Grant("staff", archive.entity, accounting), Grant("staff", archive.entity, hr, named_clerk=True)
        ),
        "of the other entity": person(Grant("records_manager", other_entity)),
        "of both entities": person(Grant("records_manager", other_entity), Grant("staff", archive.entity, accounting)),
        "without any role": person(),
        "with a token that does not read": Principal(
            id=clerk, kind="person", grants=made["clerk"].grants, scopes=frozenset({"capture"})
        ),
    }


def test_sql_and_rule_say_the_same_of_every_set_and_every_principal(fresh: Archive):
    archive, now = fresh, fresh.now
    other_entity = archive.add_entity("Südwind AG")
    clerk, hr_clerk = archive.people["clerk"], archive.people["hr_clerk"]
    open_file = archive.open_file(number="open")
    listed_file = archive.open_file(number="listed", listed_only=True)
    own_file = archive.open_file("personnel", "P-1", by="hr_clerk", about_person=clerk)
    open_about = archive.open_file(number="about", about_person=hr_clerk)
    with archive.runtime.main.write() as session:
        for file, person, section, begin, end in (
            (listed_file, hr_clerk, None, -1, None),
            (listed_file, archive.people["lawyer"], None, -2, -1),
            (listed_file, archive.people["hr_helper"], None, 1, None),
            (own_file, clerk, None, -1, None),
            (own_file, archive.people["lawyer"], "health", -1, None),
            (open_file, archive.people["lawyer"], "health", -1, None),
        ):
            session.add(
                CaseFileAccess(
                    id=uuid4(),
                    case_file=file,
                    section=section,
                    person=person,
                    granted_by=None,
                    valid_from=now + timedelta(hours=begin),
                    valid_to=None if end is None else now + timedelta(hours=end),
                )
            )
        for person, regime, state, begin, end in (
            (clerk, "restricted", "confirmed", -1, 1),
            (hr_clerk, "restricted", "pending", -1, 1),
            (archive.people["manager"], "blocked", "confirmed", -2, -1),
            (archive.people["manager"], "intermediate", "confirmed", -1, 1),
        ):
            session.add(
                RegimeReader(
                    id=uuid4(),
                    entity=archive.entity,
                    regime=regime,
                    person=person,
                    reason_sealed=b"",
                    state=state,
                    asked_by=uuid4(),
                    asked_at=now,
                    valid_from=now + timedelta(hours=begin),
                    valid_to=now + timedelta(hours=end),
                )
            )
    departments = (None, archive.departments["accounting"], archive.departments["hr"])
    cases = (None, open_file, listed_file, own_file, open_about)
    wanted: dict[int, Terms] = {}
    with archive.runtime.main.write() as session:
        for entity, department, record_class, file, section, confirmed, uploader, regime in product(
            (archive.entity, other_entity),
            departments,
            _classes(),
            cases,
            (None, "health"),
            (True, False),
            (None, clerk),
            REGIMES,
        ):
            if entity == other_entity and (file is not None or section is not None):
                continue
            if regime != "active" and (section is not None or entity == other_entity):
                continue
            if (file is None and section is not None) or (confirmed and uploader is not None):
                continue
            terms = Terms(
                entity=entity,
                department=department,
                record_class=record_class,
                case_file=file,
                section=section,
                confirmed=confirmed,
                uploader=uploader,
                regime=regime,
            )
            wanted[access.access_set_for(session, terms)] = terms
    assert len(wanted) > 1000
    with archive.runtime.main.read() as session:
        files = {row.id: row for row in session.query(CaseFile)}
        lists = {
            (row.case_file, row.person, row.section)
            for row in session.query(CaseFileAccess)
            if row.valid_from <= now and (row.valid_to is None or row.valid_to > now)
        }
        named = {
            (row.person, row.regime)
            for row in session.query(RegimeReader)
            if row.state == "confirmed" and row.valid_from <= now < row.valid_to
        }
        some_see, some_do_not = set(), set()
        for name, by in _principals(archive, other_entity).items():
            in_sql = set(access.readable_set_ids(session, by, now))
            by_rule = {number for number, terms in wanted.items() if _rule(session, terms, by, files, lists, named)}
            differing = (in_sql & set(wanted)) ^ by_rule
            assert not differing, (name, wanted[min(differing)], min(differing) in by_rule)
            some_see |= by_rule
            some_do_not |= set(wanted) - by_rule
    assert some_do_not == set(wanted)
    assert len(some_see) > len(wanted) / 5
    assert {wanted[number].regime for number in some_see} == {"active", "intermediate", "restricted"}


def test_the_same_terms_are_one_set_and_others_another(archive: Archive):
    terms = Terms(
        entity=archive.entity,
        department=None,
        record_class="letter",
        case_file=None,
        section=None,
        confirmed=True,
        uploader=archive.people["clerk"],
    )
    with archive.runtime.main.write() as session:
        first = access.access_set_for(session, terms)
        assert access.access_set_for(session, terms) == first
        row = session.get_one(AccessSet, first)
        assert row.uploader is None
        other = Terms(**{name: getattr(terms, name) for name in terms.__slots__} | {"confirmed": False})
        assert access.access_set_for(session, other) != first


def test_a_set_from_before_there_were_regimes_is_found_by_the_same_digest():
    terms = Terms(
        entity=UUID(int=1),
        department=UUID(int=2),
        record_class="letter",
        case_file=None,
        section=None,
        confirmed=True,
        uploader=UUID(int=3),
    )
    assert access.digest_of(terms).hex() == "f746132b83517dc38ffbd19aa87b0fbf3a0e6746fe03c3c18cd3d344be397284"
    assert access.digest_of(replace(terms, regime="restricted")) != access.digest_of(terms)


NOBODY_ELSE = {"boss", "officer", "dpo", "auditor"}


@pytest.mark.parametrize(
    ("record_class", "readers"),
    [
        pytest.param("supplier_invoice", {"clerk", "second_clerk", "manager"}, id="invoice of accounting"),
        pytest.param("employment_contract", {"hr_clerk"}, id="for named clerks only"),
        pytest.param(
            "letter", {"clerk", "second_clerk", "hr_clerk", "hr_helper", "lawyer", "manager"}, id="for everyone"
        ),
    ],
)
def test_a_confirmed_record_is_read_by_the_readers_of_its_class(archive: Archive, record_class: str, readers: set[str]):
    row = archive.receive(record_class=record_class)
    assert archive.who_sees(row.id) == readers
    assert ("clerk" in archive.who_sees(row.id)) == ("clerk" in readers), "uploaders do not read what others own"


def test_a_record_without_a_class_is_read_by_its_uploader_only(archive: Archive):
    assert archive.who_sees(archive.receive().id) == {"clerk"}


@pytest.mark.parametrize("record_class", [c.code for c in file_plan.load() if not c.group])
def test_no_class_a_machine_chooses_opens_a_record_to_more_than_its_own_readers_at_that_department(
    archive: Archive, record_class: str
):
    row = archive.receive()
    archive.settle_reading(row.id, record_class=record_class, probability=0.99, certain=True)
    seen = archive.who_sees(row.id)
    chosen = file_plan.load().get(record_class)
    assert "clerk" in seen
    assert not seen & {"hr_clerk", "hr_helper", "lawyer"} - NOBODY_ELSE, "not of the department it came in through"
    assert not seen & NOBODY_ELSE
    if not chosen.readers & {"accounting", "everyone"}:
        assert "second_clerk" not in seen
    confirmed = archive.receive(record_class=record_class)
    assert seen - {"clerk"} <= archive.who_sees(confirmed.id), "a person's word opens at least as much"


def test_a_listed_file_is_read_by_those_on_the_list_whatever_the_class(archive: Archive):
    file = archive.open_file(number="L-1", listed_only=True)
    row = archive.receive(record_class="letter", case_file="L-1")
    assert archive.who_sees(row.id) == {"clerk"}
    with archive.runtime.main.write() as session:
        case_file.allow(session, file, archive.people["lawyer"], by=archive.principal("clerk"), at=archive.now)
    assert archive.who_sees(row.id) == {"clerk", "lawyer"}
    with archive.runtime.main.write() as session:
        case_file.disallow(session, file, archive.people["lawyer"], by=archive.principal("clerk"), at=archive.now)
    assert archive.who_sees(row.id) == {"clerk"}


def test_records_without_a_file_stay_readable_while_listed_files_exist(archive: Archive):
    """A condition on a missing case file is unknown in SQL, and NOT unknown would hide everything."""
    archive.open_file(number="L-2", listed_only=True)
    assert "second_clerk" in archive.who_sees(archive.receive(record_class="supplier_invoice").id)


def test_what_lies_unconfirmed_in_a_listed_file_is_not_read_by_the_department(archive: Archive):
    archive.open_file(number="L-3", listed_only=True)
    row = archive.receive(case_file="L-3")
    archive.settle_reading(row.id, record_class="supplier_invoice", certain=True)
    assert archive.who_sees(row.id) == {"clerk"}


def test_the_rights_of_the_moment_count_also_for_a_principal_built_before(archive: Archive):
    """Lists are read at the question's own instant, not at the beginning of a session."""
    file = archive.open_file(number="L-4", listed_only=True)
    row = archive.receive(record_class="letter", case_file="L-4")
    lawyer = archive.principal("lawyer")
    with archive.runtime.main.write() as session:
        case_file.allow(session, file, archive.people["lawyer"], by=archive.principal("clerk"), at=archive.now)
    with archive.runtime.main.read() as session:
        assert record.find_visible(session, [row.id], lawyer, archive.now)
    with archive.runtime.main.write() as session:
        case_file.disallow(session, file, archive.people["lawyer"], by=archive.principal("clerk"), at=archive.now)
    with archive.runtime.main.read() as session:
        assert not record.find_visible(session, [row.id], lawyer, archive.now)


def test_reading_for_a_whole_entity_stops_at_sensitive_classes(fresh: Archive):
    with fresh.runtime.main.read() as session:
        (manager,) = access.readers_of(session, fresh.principal("manager")).values()
        (hr,) = access.readers_of(session, fresh.principal("hr_clerk")).values()
    sensitive = {each.code for each in file_plan.load() if each.sensitive}
    assert manager.classes
    assert not manager.classes & sensitive
    assert hr.classes & sensitive
