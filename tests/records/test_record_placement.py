from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app.runtime import PIPELINE
from audit.draft import Draft
from audit.intake import AuditIntake
from core import jobs
from core.errors import Invalid, NotFound
from core.jobs import Job
from ingest.receive import Metadata
from records import access, case_file, derived, field, listing, party, placement, record
from records.case_file import NewCaseFile
from records.field import FieldValue
from records.placement import Decision, Placement
from records.record import Record, RecordVersion
from tests.support import documents_raw as raw
from tests.support.archive import Archive, reading
from vault.keyring import Shredded
from vault.store import Stored


def _placements(archive: Archive, row: Record) -> list[Placement]:
    with archive.runtime.main.read() as session:
        return list(session.scalars(select(Placement).where(Placement.record == row.id).order_by(Placement.id)))


def _decide(archive: Archive, row: Record, *, by: str = "clerk", **decided) -> Record:
    with archive.runtime.main.write() as session:
        return placement.decide(session, row.id, Decision(**decided), by=archive.principal(by), at=archive.now)


def _waiting_actions(archive: Archive) -> list[str]:
    with archive.runtime.main.read() as session:
        rows = session.scalars(select(AuditIntake.draft).order_by(AuditIntake.number))
        return [Draft.from_bytes(row).body["action"] for row in rows]


def test_capture_writes_row_key_placement_event_and_job_at_once_or_not_at_all(fresh: Archive, monkeypatch):
    def look() -> tuple[int, int, list[str], int]:
        with fresh.runtime.main.read() as session:
            return (
                len(session.scalars(select(Record)).all()),
                len(session.scalars(select(Placement)).all()),
                [action for action in _waiting_actions(fresh) if action == "record.captured"],
                len(session.scalars(select(Job).where(Job.name == "ingest.read")).all()),
            )

    row = fresh.receive()
    assert look() == (1, 1, ["record.captured"], 1)
    (version,) = _versions(fresh, row)
    with fresh.runtime.main.read() as session:
        assert fresh.runtime.keys.get(session, version.id)

    def break_off(*_, **__):
        raise OSError

    monkeypatch.setattr(placement, "begin", break_off)
    with pytest.raises(OSError):
        fresh.receive()
    assert look() == (1, 1, ["record.captured"], 1)


def _versions(archive: Archive, row: Record) -> list[RecordVersion]:
    with archive.runtime.main.read() as session:
        return record.versions_of(session, row.id)


def test_a_machine_places_and_confirms_nothing(archive: Archive):
    row = archive.receive()
    archive.settle_reading(row.id, record_class="supplier_invoice", probability=0.91, certain=True)
    now = archive.get(row.id)
    assert (now.record_class, now.classified_by, now.probability, now.confirmed) == (
        "supplier_invoice", "machine", 9100, False,
    )  # fmt: skip
    first, second = _placements(archive, row)
    assert (first.valid_to, second.valid_to) == (second.valid_from, None)
    assert (second.placed_by, second.confirmed) == (None, False)


def test_the_class_and_date_of_a_person_stay_whatever_the_machine_reads(archive: Archive):
    row = archive.receive(record_class="letter", document_date=date(2025, 1, 2))
    archive.settle_reading(row.id, record_class="supplier_invoice", certain=True, document_date=date(2024, 1, 1))
    now = archive.get(row.id)
    assert (now.record_class, now.classified_by, now.confirmed) == ("letter", "person", True)
    assert now.document_date == date(2025, 1, 2)
    assert len(_placements(archive, row)) == 1


@pytest.mark.parametrize(
    ("stated", "read", "state"),
    [
        pytest.param({}, {"record_class": "supplier_invoice", "certain": True}, "filed", id="certain of a usual class"),
        pytest.param({}, {"record_class": "supplier_invoice"}, "needs_review", id="not certain"),
        pytest.param(
            {}, {"record_class": "job_application", "certain": True}, "needs_review", id="certain of a sensitive class"
        ),
        pytest.param({}, {"record_class": "accounting", "certain": True}, "needs_review", id="a heading"),
        pytest.param({}, {}, "needs_review", id="no class"),
        pytest.param({}, {"trouble_code": "encrypted"}, "needs_attention", id="unreadable"),
        pytest.param({"record_class": "letter"}, {}, "filed", id="a person gave the class"),
        pytest.param(
            {"record_class": "letter"}, {"trouble_code": "no_text"}, "needs_attention", id="class given, unreadable"
        ),
    ],
)
def test_the_state_after_reading(archive: Archive, stated, read, state):
    row = archive.receive(**stated)
    archive.settle_reading(row.id, **read)
    assert archive.get(row.id).state == state


def test_a_reading_is_logged_in_its_own_transaction_and_asks_for_the_index_once(archive: Archive):
    row = archive.receive()
    before = len(_waiting_actions(archive))
    archive.settle_reading(row.id, record_class="letter")
    archive.settle_reading(row.id, record_class="letter")
    assert _waiting_actions(archive)[before:] == ["record.read", "record.read"]
    with archive.runtime.main.read() as session:
        asked = session.scalars(select(Job).where(Job.subject == row.id, Job.name == "search.index")).all()
        assert len(asked) == 1
        assert jobs.is_under_way(session, row.id)


def test_a_person_confirms_and_moves_and_each_step_is_a_row_and_an_event(archive: Archive):
    row = archive.receive()
    archive.settle_reading(row.id, record_class="supplier_invoice")
    file = archive.open_file(number="M-1")
    before = len(_waiting_actions(archive))
    _decide(archive, row)
    _decide(archive, row, case_file=file)
    _decide(archive, row, record_class="receipt", department=archive.departments["legal"], clear_case_file=True)
    assert _waiting_actions(archive)[before:] == ["record.placed"] * 3
    rows = _placements(archive, row)
    assert [(r.record_class, r.case_file, r.confirmed) for r in rows] == [
        (None, None, False),
        ("supplier_invoice", None, False),
        ("supplier_invoice", None, True),
        ("supplier_invoice", file, True),
        ("receipt", None, True),
    ]
    assert [r.valid_to for r in rows[:-1]] == [r.valid_from for r in rows[1:]]
    assert archive.get(row.id).state == "filed"


def test_who_could_see_it_is_answered_for_any_day(archive: Archive):
    row = archive.receive()
    start = archive.get(row.id).captured_at
    archive.settle_reading(row.id, record_class="supplier_invoice")
    _decide(archive, row, record_class="letter")
    rows = _placements(archive, row)
    with archive.runtime.main.read() as session:
        current = session.get_one(Record, row.id)
        assert placement.terms_on(session, current, start - timedelta(microseconds=1)) is None
        for each in rows:
            terms = placement.terms_on(session, current, each.valid_from)
            assert terms is not None
            assert (terms.record_class, terms.confirmed) == (each.record_class, each.confirmed)
        far = placement.terms_on(session, current, archive.now + timedelta(days=9999))
        assert far == placement.terms_of(current)
        begun = placement.terms_on(session, current, start)
        assert access.may_read(
            begun,
            access.readers_of(session, archive.principal("clerk"))[archive.entity],
            listed=False,
            has_list=False,
            about_reader=False,
        )


def test_of_two_placements_at_the_same_instant_the_later_one_counts(archive: Archive):
    row = archive.receive()
    at = archive.now
    for code in ("letter", "receipt", "minutes"):
        with archive.runtime.main.write() as session:
            placement.decide(session, row.id, Decision(record_class=code), by=archive.principal("clerk"), at=at)
    with archive.runtime.main.read() as session:
        terms = placement.terms_on(session, session.get_one(Record, row.id), at)
    assert terms is not None
    assert terms.record_class == "minutes"


@pytest.mark.parametrize(
    ("decided", "error"),
    [
        pytest.param({}, Invalid, id="no class at all"),
        pytest.param({"record_class": "accounting"}, Invalid, id="a heading"),
        pytest.param({"record_class": "nonsense"}, NotFound, id="an unknown class"),
        pytest.param({"record_class": "letter", "department": uuid4()}, NotFound, id="an unknown department"),
        pytest.param({"record_class": "letter", "case_file": uuid4()}, NotFound, id="an unknown case file"),
        pytest.param({"record_class": "letter", "section": "health"}, Invalid, id="a section without a case file"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(archive: Archive, decided, error):
    row = archive.receive()
    with pytest.raises(error):
        _decide(archive, row, **decided)
    assert archive.get(row.id).revision == row.revision
    assert len(_placements(archive, row)) == 1


def test_what_one_may_not_see_cannot_be_decided_and_an_auditor_decides_nothing(archive: Archive):
    row = archive.receive()
    for stranger in ("second_clerk", "lawyer", "boss", "auditor"):
        with pytest.raises(NotFound):
            _decide(archive, row, by=stranger, record_class="letter")
    assert _decide(archive, row, by="clerk", record_class="letter").confirmed


def test_a_token_without_the_scope_does_not_classify(archive: Archive):
    row = archive.receive()
    by = replace(archive.principal("clerk"), scopes=frozenset({"read"}))
    with archive.runtime.main.write() as session, pytest.raises(NotAllowed):
        placement.decide(session, row.id, Decision(record_class="letter"), by=by, at=archive.now)


def test_a_sealed_section_is_read_by_those_listed_for_it_only(archive: Archive):
    file = archive.open_file("personnel", "P-7", by="hr_clerk")
    row = archive.receive(by="hr_clerk", record_class="sick_note", case_file="P-7")
    assert archive.who_sees(row.id) == {"hr_clerk"}
    with archive.runtime.main.write() as session:
        case_file.allow(
            session, file, archive.people["lawyer"], section="health", by=archive.principal("hr_clerk"), at=archive.now
        )
    assert archive.who_sees(row.id) == {"hr_clerk"}
    _decide(archive, row, by="hr_clerk", section="health")
    assert archive.get(row.id).section == "health"
    assert archive.who_sees(row.id) == {"lawyer"}


def test_a_section_that_the_kind_of_file_has_not_does_not_exist(archive: Archive):
    file = archive.open_file(number="M-9")
    row = archive.receive()
    with pytest.raises(NotFound):
        _decide(archive, row, record_class="letter", case_file=file, section="health")


def test_a_record_cannot_be_put_into_the_file_about_oneself(archive: Archive):
    file = archive.open_file(number="M-10", by="lawyer", about_person=archive.people["clerk"])
    row = archive.receive()
    with pytest.raises(NotFound):
        _decide(archive, row, record_class="letter", case_file=file)


def test_a_corrected_file_is_a_new_version_and_the_old_one_stays(archive: Archive):
    row = archive.receive(b"first", "first.txt", record_class="letter")
    archive.receiver.receive_version([b"second"], record_id=row.id, name="../second.txt", by=archive.principal("clerk"))
    assert [v.ordinal for v in _versions(archive, row)] == [1, 2]
    content, by = archive.runtime.content, archive.principal("clerk")
    assert b"".join(content.open_original(row.id, by=by, purpose="view", version=1).chunks) == b"first"
    newest = content.open_original(row.id, by=by, purpose="view")
    assert (newest.name, b"".join(newest.chunks)) == ("second.txt", b"second")
    with pytest.raises(NotFound):
        content.open_original(row.id, by=by, purpose="view", version=3)
    with pytest.raises(NotFound):
        archive.receiver.receive_version([b"x"], record_id=row.id, name="x", by=archive.principal("boss"))


def test_a_duplicate_is_named_only_to_who_may_see_it(archive: Archive):
    data = b"the very same " + uuid4().bytes
    first = archive.receive(data)
    receive = archive.receiver.receive

    def again(name: str) -> Record | None:
        by = archive.principal(name)
        return receive([data], name="copy.txt", metadata=Metadata(), channel="api", by=by).duplicate_of

    assert again("lawyer") is None
    duplicate = again("clerk")
    assert duplicate is not None
    assert duplicate.id == first.id
    one, other = _versions(archive, first)[0], _versions(archive, duplicate)[0]
    assert one.fingerprint == other.fingerprint


def test_the_same_bytes_in_another_entity_leave_no_common_fingerprint(archive: Archive):
    sealed = [archive.receiver.seal([b"same"], record=uuid4(), entity=entity) for entity in (archive.entity, uuid4())]
    assert sealed[0].fingerprint != sealed[1].fingerprint
    assert sealed[0].stored.sha256 != sealed[1].stored.sha256


def test_lists_show_and_count_only_what_one_may_read(fresh: Archive):
    mine = [fresh.receive().id for _ in range(5)]
    fresh.receive(by="lawyer")
    with fresh.runtime.main.read() as session:
        by = fresh.principal("clerk")
        first, cursor = listing.list_records(session, by, fresh.now, limit=3)
        second, end = listing.list_records(session, by, fresh.now, limit=3, before=cursor)
        assert [*first, *second] == mine[::-1]
        assert end is None
        assert listing.counts_by_state(session, by, fresh.now)["received"] == 5
        assert listing.counts_by_state(session, fresh.principal("boss"), fresh.now)["received"] == 0
        with pytest.raises(Invalid):
            listing.list_records(session, by, fresh.now, state="burnt")
        with pytest.raises(Invalid):
            listing.list_records(session, by, fresh.now, limit=0)


def test_parties_are_one_for_spellings_of_a_name_and_shared_by_nobody_else(archive: Archive):
    run, row, other = archive.runtime, archive.receive(), archive.receive()
    with run.main.write() as session:

        def link(to: Record, name: str, entity=archive.entity):
            return party.link(session, to.id, entity, name, "counterparty", at=archive.now, keys=run.keys)

        first = link(row, "Müller  & Söhne GmbH")
        assert link(other, "MÜLLER & SÖHNE GmbH") == first
        assert link(row, "müller & söhne gmbh") == first
        assert link(row, " .,- ") is None
        assert link(row, "Müller & Söhne GmbH", uuid4()) != first
        party.unlink_all(session, other.id)
    with run.main.read() as session:
        assert party.names_of(session, [row.id, other.id], run.keys) == {row.id: ["Müller & Söhne GmbH"]}
    with run.main.write() as session:
        run.keys.shred(session, [first], at=archive.now)
        assert party.names_of(session, [row.id], run.keys) in ({}, {row.id: ["Müller & Söhne GmbH"]})


def test_fields_are_sealed_replaced_and_those_of_a_person_stay(archive: Archive):
    run, row = archive.runtime, archive.receive()
    (version,) = _versions(archive, row)
    with run.main.write() as session:
        key = run.keys.get(session, version.id)
        values = [
            FieldValue("number", "RE-1", 0.9, "label", 1, (1, 2, 3, 4), "Rechnungsnr."),
            FieldValue("party", "Acme", 1.0, "person"),
        ]
        field.replace_fields(session, version, values, key=key, at=archive.now)
        session.flush()
        again = [FieldValue("number", "RE-2" * 200, 0.5, "pattern"), FieldValue("party", "Other", 0.5, "label")]
        field.replace_fields(session, version, again, key=key, at=archive.now)
    with run.main.read() as session:
        found = {f.name: f for f in field.fields_of(session, [version], {version.id: key})[version.id]}
        assert found["party"].value == "Acme"
        assert found["number"].value == ("RE-2" * 200)[: field.MAX_VALUE]
        raw = session.scalars(select(field.RecordField.value_sealed)).all()
    assert not any(b"Acme" in sealed or b"RE-2" in sealed for sealed in raw)


def test_a_derived_object_made_again_replaces_its_row_and_tells_the_old_object(archive: Archive):
    row = archive.receive()
    (version,) = _versions(archive, row)
    stored = Stored(1, b"\x00" * 32, "1")
    with archive.runtime.main.write() as session:
        assert derived.name(session, version, derived.PAGES, "derived/aa/" + "a" * 32, stored, at=archive.now) is None
        session.flush()
        replaced = derived.name(session, version, derived.PAGES, "derived/bb/" + "b" * 32, stored, at=archive.now)
        assert replaced == ("derived/aa/" + "a" * 32, "1")
        session.rollback()


def test_a_record_whose_key_is_shredded_opens_nothing_and_lists_without_words(fresh: Archive):
    row = fresh.receive(b"secret", "secret.txt", record_class="letter")
    run, by = fresh.runtime, fresh.principal("clerk")
    (version,) = _versions(fresh, row)
    with run.main.write() as session:
        run.keys.shred(session, [version.id], at=fresh.now)
    run.keys.destroy_retired(run.main, at=fresh.now)
    with pytest.raises(Shredded):
        run.content.open_original(row.id, by=by, purpose="view")
    (shown,), _ = run.content.reveal([row.id], by=by)
    assert (shown.title, shown.name) == ("", "")
    assert run.content.detail(row.id, by=by).versions[0][1:] == ("", "")


def test_the_reasons_of_a_class_are_sealed(archive: Archive):
    row = archive.receive()
    archive.settle_reading(row.id, record_class="letter", reasons=(("Zwetschge", 1.5),))
    (version,) = _versions(archive, row)
    assert b"Zwetschge" not in (version.reasons_sealed or b"")
    assert archive.runtime.content.detail(row.id, by=archive.principal("clerk")).reasons == (("Zwetschge", 1.5),)
    assert reading().reasons == ()
    assert PIPELINE.kind == "system"


def test_what_was_found_in_a_record_goes_with_it_until_a_person_confirms_it(fresh: Archive):
    mail = fresh.receive(raw.mail("Anbei zwei Anlagen", attachments=2), "mail.eml")
    fresh.settle()
    clerk = fresh.principal("clerk")
    with fresh.runtime.main.write() as session:
        new = NewCaseFile(entity=mail.entity, kind="matter", number="M-1", name="Streit", opened_on=date(2026, 1, 1))
        file = case_file.open_case_file(session, new, by=clerk, at=fresh.now, keys=fresh.runtime.keys).id
        first, second = record.children_of(session, mail.id, clerk, fresh.now)
    _decide(fresh, first, record_class="letter")
    _decide(fresh, mail, record_class="mail", case_file=file)
    assert fresh.get(first.id).case_file is None, "a person said where it stands"
    assert fresh.get(second.id).case_file == file
    assert [each.case_file for each in _placements(fresh, second)][-1] == file
    assert _waiting_actions(fresh).count("record.placed") == 3
