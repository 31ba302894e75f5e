from datetime import date, timedelta

import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app.runtime import PIPELINE
from core.errors import Conflict, Forbidden, Invalid, NotFound
from records import case_file
from records.case_file import CaseFile, CaseFileAccess, NewCaseFile, OwnFile, TriggerFact
from tests.support.archive import Archive


def _do(archive: Archive, act, *arguments, by: str = "clerk", **named):
    with archive.runtime.main.write() as session:
        return act(session, *arguments, by=archive.principal(by), at=archive.now, **named)


def _visible(archive: Archive, name: str) -> set[str]:
    with archive.runtime.main.read() as session:
        return {file.number for file in case_file.visible_files(session, archive.principal(name), archive.now)}


def test_a_file_has_a_clear_number_and_a_sealed_name(archive: Archive):
    file = archive.open_file(number="  A   1 ", name=" Streit   um Zwetschgen ")
    with archive.runtime.main.read() as session:
        row = session.get_one(CaseFile, file)
        assert row.number == "A 1"
        assert b"Zwetschgen" not in row.name_sealed
        assert case_file.names_of(session, [row], archive.runtime.keys) == {file: "Streit um Zwetschgen"}


@pytest.mark.parametrize(
    ("stated", "error"),
    [
        pytest.param({"kind": "drawer"}, Invalid, id="an unknown kind"),
        pytest.param({"number": "  "}, Invalid, id="no number"),
        pytest.param({"number": "x" * 41}, Invalid, id="a long number"),
        pytest.param({"name": ""}, Invalid, id="no name"),
        pytest.param({"by": "auditor"}, NotAllowed, id="somebody who manages no files"),
        pytest.param({"by": "boss"}, NotAllowed, id="an administrator"),
    ],
)
def test_what_is_no_case_file_is_refused(archive: Archive, stated, error):
    with pytest.raises(error):
        archive.open_file(**({"number": "B-1"} | stated))
    assert "B-1" not in _visible(archive, "clerk")


def test_a_number_is_taken_once_in_an_entity(archive: Archive):
    archive.open_file(number="C-7")
    with pytest.raises(case_file.NumberTaken):
        archive.open_file(number=" C-7 ", by="lawyer")


def test_nobody_opens_sees_or_administers_the_file_about_themselves(archive: Archive):
    me = archive.people["clerk"]
    with pytest.raises(OwnFile):
        archive.open_file("personnel", "OWN-1", about_person=me)
    file = archive.open_file("personnel", "OWN-2", by="hr_clerk", about_person=me)
    assert "OWN-2" not in _visible(archive, "clerk")
    with pytest.raises(OwnFile):
        _do(archive, case_file.allow, file, me, by="hr_clerk")
    for act, arguments in (
        (case_file.allow, (file, archive.people["lawyer"])),
        (case_file.disallow, (file, archive.people["hr_clerk"])),
        (case_file.state_trigger, (file, "employment_end", date(2026, 6, 30))),
    ):
        with pytest.raises(NotFound):
            _do(archive, act, *arguments)
    with archive.runtime.main.read() as session:
        assert case_file.access_list(session, file, archive.now) == [(archive.people["hr_clerk"], None)]


def test_the_record_in_the_file_about_oneself_is_not_found_even_by_its_uploader(archive: Archive):
    file = archive.open_file(number="OWN-3", by="lawyer", about_person=archive.people["clerk"])
    row = archive.receive(by="lawyer", record_class="letter", case_file="OWN-3")
    assert "second_clerk" in archive.who_sees(row.id)
    assert "clerk" not in archive.who_sees(row.id)
    assert file


def test_nobody_puts_themselves_on_a_list(archive: Archive):
    file = archive.open_file(number="D-1")
    with pytest.raises(Forbidden):
        _do(archive, case_file.allow, file, archive.people["lawyer"], by="lawyer")
    personnel = archive.open_file("personnel", "D-2", by="hr_clerk")
    with pytest.raises(Forbidden):
        _do(archive, case_file.allow, personnel, archive.people["hr_clerk"], section="health", by="hr_clerk")


def test_a_personnel_file_is_for_named_people_whatever_was_ticked(archive: Archive):
    archive.open_file("personnel", "E-1", by="hr_clerk", listed_only=False)
    assert "E-1" in _visible(archive, "hr_clerk")
    for other in ("hr_helper", "manager", "lawyer", "boss", "auditor", "dpo"):
        assert "E-1" not in _visible(archive, other)


def test_who_is_not_on_the_list_of_a_listed_file_finds_none(archive: Archive):
    file = archive.open_file(number="E-2", listed_only=True)
    for act, arguments in (
        (case_file.allow, (file, archive.people["hr_helper"])),
        (case_file.state_trigger, (file, "contract_end", None)),
    ):
        with pytest.raises(NotFound):
            _do(archive, act, *arguments, by="lawyer")


def test_lists_are_rows_with_a_beginning_and_an_end(archive: Archive):
    file, lawyer = archive.open_file(number="F-1", listed_only=True), archive.people["lawyer"]
    _do(archive, case_file.allow, file, lawyer)
    _do(archive, case_file.allow, file, lawyer)
    during = archive.now
    _do(archive, case_file.disallow, file, lawyer)
    _do(archive, case_file.disallow, file, lawyer)
    _do(archive, case_file.allow, file, lawyer)
    with archive.runtime.main.read() as session:
        rows = session.scalars(
            select(CaseFileAccess)
            .where(CaseFileAccess.case_file == file, CaseFileAccess.person == lawyer)
            .order_by(CaseFileAccess.valid_from)
        ).all()
        assert [row.valid_to is None for row in rows] == [False, True]
        assert (lawyer, None) in case_file.access_list(session, file, during)
        assert (lawyer, None) in case_file.access_list(session, file, archive.now)
        assert (lawyer, None) not in case_file.access_list(session, file, rows[0].valid_to)
        assert (lawyer, None) not in case_file.access_list(session, file, rows[0].valid_from - timedelta(seconds=1))


def test_the_owner_stays_on_the_list(archive: Archive):
    file = archive.open_file(number="F-2", listed_only=True)
    _do(archive, case_file.allow, file, archive.people["lawyer"])
    with pytest.raises(Conflict):
        _do(archive, case_file.disallow, file, archive.people["clerk"], by="lawyer")


def test_a_section_exists_where_the_kind_of_file_has_it(archive: Archive):
    file = archive.open_file(number="G-1")
    with pytest.raises(NotFound):
        _do(archive, case_file.allow, file, archive.people["lawyer"], section="health")


def test_trigger_facts_are_replaced_and_never_changed(archive: Archive):
    file = archive.open_file(number="H-1")
    for day in (date(2026, 6, 30), date(2026, 7, 31), None):
        _do(archive, case_file.state_trigger, file, "contract_end", day)
    _do(archive, case_file.state_trigger, file, "contract_start", date(2020, 1, 1))
    with pytest.raises(Invalid):
        _do(archive, case_file.state_trigger, file, "full_moon", date(2026, 6, 30))
    with archive.runtime.main.read() as session:
        rows = session.scalars(
            select(TriggerFact).where(TriggerFact.case_file == file).order_by(TriggerFact.valid_from)
        ).all()
        assert [(row.happened_on, row.valid_to is None) for row in rows] == [
            (date(2026, 6, 30), False),
            (date(2026, 7, 31), False),
            (date(2020, 1, 1), True),
        ]
        assert case_file.triggers_of(session, file) == {"contract_start": date(2020, 1, 1)}
    archive.index()
    told = [event.details for event in archive.events("case_file.trigger_stated")][-4:]
    assert [(each.get("before"), each.get("after")) for each in told] == [
        (None, "2026-06-30"),
        ("2026-06-30", "2026-07-31"),
        ("2026-07-31", None),
        (None, "2020-01-01"),
    ]


def test_a_part_of_the_program_opens_no_file(archive: Archive):
    new = NewCaseFile(archive.entity, "contract", "I-1", "x", date(2026, 1, 1))
    with archive.runtime.main.write() as session, pytest.raises(Forbidden):
        case_file.open_case_file(session, new, by=PIPELINE, at=archive.now, keys=archive.runtime.keys)
