"""The schedule as two persons change it: drafted, published, refused, retired; packs; and what each refusal says."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts import setup
from accounts.principal import NotAllowed
from app import simulating
from core.clock import civil_date
from core.errors import MunimentError
from retention import freshness, packs, schedule, simulation
from retention.rule import Rule
from retention.rule_draft import RuleDraft, read
from retention.schedule import RetentionRule
from tests.support.archive import Archive

STATED = {
    "code": "de-invoice",
    "jurisdiction": "DE",
    "record_class": "invoice",
    "trigger": "document_created",
    "anchor": "end_of_calendar_year",
    "period": "P10Y",
    "bound": "minimum",
    "action": "destroy",
    "legal_basis": "AO § 147",
}


def stated(**changes: Any) -> RuleDraft:
    return read({**STATED, **changes})


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = Archive.open(tmp_path_factory.mktemp("schedule") / "data")
    yield made
    made.close()


@pytest.fixture
def firm(archive: Archive, request: pytest.FixtureRequest) -> UUID:
    """An entity of its own for each test, in which manager and officer have their roles too."""
    entity = archive.add_entity(request.node.name[:150])
    for name, role in (("manager", "records_manager"), ("officer", "compliance_officer")):
        give(archive, name, role, entity)
    return entity


def give(archive: Archive, name: str, role: str, entity: UUID) -> None:
    from accounts import grant_requests
    from accounts.principal import Grant

    with archive.runtime.main.write() as session:
        wanted = Grant(role, entity)  # type: ignore[arg-type]
        grant_requests.propose(session, archive.people[name], wanted, by=archive.principal("boss"), at=archive.now)


def draft(archive: Archive, firm: UUID, *, by: str = "manager", **changes: Any) -> RetentionRule:
    with archive.runtime.main.write() as session:
        return schedule.draft(session, firm, stated(**changes), by=archive.principal(by), at=archive.now)


def publish(archive: Archive, version: UUID, *, by: str = "officer", at: datetime | None = None) -> RetentionRule:
    with archive.runtime.main.write() as session:
        return schedule.publish(session, version, by=archive.principal(by), at=at or archive.now)


def published(archive: Archive, firm: UUID, **changes: Any) -> RetentionRule:
    return publish(archive, draft(archive, firm, **changes).id)


def now_valid(archive: Archive, firm: UUID, on: date | None = None) -> tuple[Rule, ...]:
    with archive.runtime.main.read() as session:
        return schedule.published(session, firm, on or civil_date(archive.now, "Europe/Berlin"))


def number(archive: Archive, firm: UUID) -> int:
    with archive.runtime.main.read() as session:
        return schedule.revision(session, firm)


def refused(archive: Archive, firm: UUID, changes: dict[str, Any]) -> MunimentError:
    with pytest.raises(MunimentError) as found:
        draft(archive, firm, **changes)
    return found.value


def test_what_one_drafts_another_publishes_and_it_holds_from_that_day(archive: Archive, firm: UUID):
    row = draft(archive, firm)
    assert now_valid(archive, firm) == ()
    publish(archive, row.id)
    (rule,) = now_valid(archive, firm)
    assert (rule.id, rule.code, rule.version, rule.entity, rule.period.text) == (row.id, "de-invoice", 1, firm, "P10Y")
    assert now_valid(archive, firm, date(2020, 1, 1)) == ()
    assert number(archive, firm) == 1


def test_nobody_publishes_what_they_drafted_whatever_roles_they_have(archive: Archive, firm: UUID):
    both = archive.add_person("both_hands")
    for role in ("records_manager", "compliance_officer"):
        give(archive, "both_hands", role, firm)
    row = draft(archive, firm, by="both_hands")
    assert row.drafted_by == both
    with pytest.raises(schedule.SameDrafter):
        publish(archive, row.id, by="both_hands")
    publish(archive, row.id)


@pytest.mark.parametrize("name", ["clerk", "dpo", "auditor", "boss", "officer"])
def test_only_records_managers_draft(archive: Archive, firm: UUID, name: str):
    with pytest.raises(NotAllowed):
        draft(archive, firm, by=name)
    assert draft(archive, firm).state == "draft"


@pytest.mark.parametrize("name", ["clerk", "dpo", "auditor", "boss", "manager"])
def test_only_compliance_officers_publish(archive: Archive, firm: UUID, name: str):
    row = draft(archive, firm)
    with pytest.raises((NotAllowed, schedule.UnknownRule, schedule.SameDrafter)):
        publish(archive, row.id, by=name)
    assert publish(archive, row.id).state == "published"


def test_a_new_version_takes_the_place_of_the_one_before_and_neither_is_edited(archive: Archive, firm: UUID):
    first = published(archive, firm)
    second = published(archive, firm, period="P8Y", valid_from="2025-01-01")
    assert first.rule == second.rule
    assert [(rule.version, rule.period.text, rule.valid_to) for rule in now_valid(archive, firm)] == [
        (1, "P10Y", date(2024, 12, 31)),
        (2, "P8Y", None),
    ]
    with archive.runtime.main.read() as session:
        again = session.get_one(RetentionRule, first.id)
        assert again.draft == first.draft
        assert again.draft.valid_to is None
    assert number(archive, firm) == 2


def test_a_version_for_every_record_of_a_day_to_come_waits_for_it(archive: Archive, firm: UUID):
    published(archive, firm)
    day = civil_date(archive.now, "Europe/Berlin") + timedelta(40)
    published(archive, firm, period="P8Y", valid_from=day.isoformat(), transition="every_record")
    assert [rule.version for rule in now_valid(archive, firm)] == [1]
    assert [rule.version for rule in now_valid(archive, firm, day)] == [2]
    with archive.runtime.main.write() as session:
        assert firm not in schedule.turn(session, at=archive.now)
        assert firm in schedule.turn(session, at=archive.now + timedelta(41))
        assert firm not in schedule.turn(session, at=archive.now + timedelta(41))
    assert number(archive, firm) == 3


def test_a_refused_draft_keeps_nothing_and_its_number_is_not_used_again(archive: Archive, firm: UUID):
    row = draft(archive, firm)
    with archive.runtime.main.write() as session:
        assert schedule.refuse(session, row.id, by=archive.principal("officer"), at=archive.now).state == "refused"
    with pytest.raises(schedule.RuleDecided):
        publish(archive, row.id)
    assert draft(archive, firm).version == 2


def test_who_drafted_it_may_take_it_back_and_another_drafter_may_not(archive: Archive, firm: UUID):
    archive.add_person("second_manager" + firm.hex[-6:])
    give(archive, "second_manager" + firm.hex[-6:], "records_manager", firm)
    row = draft(archive, firm)
    with archive.runtime.main.write() as session, pytest.raises(NotAllowed):
        schedule.refuse(session, row.id, by=archive.principal("second_manager" + firm.hex[-6:]), at=archive.now)
    with archive.runtime.main.write() as session:
        schedule.refuse(session, row.id, by=archive.principal("manager"), at=archive.now)


def test_taking_a_rule_out_takes_two_persons_too(archive: Archive, firm: UUID):
    row = published(archive, firm)
    officer, manager = archive.principal("officer"), archive.principal("manager")
    with archive.runtime.main.write() as session:
        with pytest.raises(schedule.NotInForce, match="somebody else asks"):
            schedule.retire(session, row.id, by=officer, at=archive.now)
        schedule.ask_retirement(session, row.id, by=officer, at=archive.now)
        with pytest.raises(schedule.SameDrafter):
            schedule.retire(session, row.id, by=officer, at=archive.now)
    assert now_valid(archive, firm)
    other = published(archive, firm, code="de-other", trigger="payment_made")
    with archive.runtime.main.write() as session:
        schedule.ask_retirement(session, other.id, by=manager, at=archive.now)
        assert schedule.retire(session, other.id, by=officer, at=archive.now).state == "retired"
    assert [rule.code for rule in now_valid(archive, firm)] == ["de-invoice"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        pytest.param({"record_class": "love_letter"}, "invalid_retention_rule", "record class", id="unknown class"),
        pytest.param({"jurisdiction": "UK"}, "invalid_retention_rule", "country code", id="unknown country"),
        pytest.param({"trigger": "full_moon"}, "invalid_retention_rule", "known events", id="unknown event"),
        pytest.param({"period": "8 years"}, "invalid_period", "P8Y", id="no period"),
        pytest.param({"period": "P0D", "anchor": "event_date"}, "invalid_rule_draft", "P0D", id="keeps nothing"),
        pytest.param(
            {"valid_from": "2025-01-01", "valid_to": "2024-01-01"},
            "invalid_retention_rule",
            "ends before",
            id="backwards",
        ),
        pytest.param(
            {"valid_from": "2025-01-01", "valid_to": "2026-01-01", "transition": "every_record"},
            "invalid_rule_draft",
            "next version ends it",
            id="every record until a day",
        ),
        pytest.param({"legal_basis": ""}, "invalid_rule_draft", "legal_basis", id="on nobody's authority"),
        pytest.param({"valid_from": "01.01.2025"}, "invalid_rule_draft", "2027-01-31", id="a day written otherwise"),
        pytest.param({"colour": "red"}, "invalid_rule_draft", "no such field", id="an unknown field"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_in_words(archive: Archive, firm: UUID, changes, code, words):
    error = refused(archive, firm, changes)
    assert (error.code, words in error.detail) == (code, True)


def test_p0d_until_an_event_that_comes_later_is_a_rule(archive: Archive, firm: UUID):
    row = draft(archive, firm, period="P0D", trigger="asset_end_of_useful_life", anchor="event_date", action="review")
    assert publish(archive, row.id).value().period.is_zero


def test_a_floor_beyond_a_ceiling_is_not_published(archive: Archive, firm: UUID):
    published(archive, firm, code="keep", record_class="whistleblower_report", period="P5Y", anchor="event_date")
    row = draft(
        archive,
        firm,
        code="go",
        record_class="whistleblower_report",
        period="P3Y",
        anchor="event_date",
        bound="maximum",
    )
    with pytest.raises(schedule.ContradictoryRules, match="keep keeps for P5Y, go lets nobody keep longer than P3Y"):
        publish(archive, row.id)
    assert number(archive, firm) == 1


def test_a_version_that_would_leave_a_gap_is_not_published(archive: Archive, firm: UUID):
    published(archive, firm)
    row = draft(archive, firm, period="P8Y", valid_from="2023-01-01", valid_to="2024-12-31")
    with pytest.raises(MunimentError) as found:
        publish(archive, row.id)
    assert found.value.code == "overlapping_rule_versions"


def test_a_second_draft_waits_for_the_first_and_no_change_is_no_version(archive: Archive, firm: UUID):
    row = draft(archive, firm)
    with pytest.raises(schedule.DraftOpen):
        draft(archive, firm, period="P8Y")
    publish(archive, row.id)
    with pytest.raises(schedule.NoChange):
        draft(archive, firm, owner="Head of accounting")
    with pytest.raises(schedule.InvalidDraft, match="choose another code"):
        draft(archive, firm, record_class="contract")


def test_a_pack_is_drafts_of_one_person_and_published_in_one_go_by_another(archive: Archive, firm: UUID):
    manager, officer = archive.principal("manager"), archive.principal("officer")
    with archive.runtime.main.write() as session:
        batch = schedule.take_pack(session, firm, "RO", by=manager, at=archive.now)
        assert batch is not None
        assert len(schedule.drafts_of(session, batch, by=officer)) == len(packs.load("RO").rules)
    assert now_valid(archive, firm) == ()
    with archive.runtime.main.write() as session:
        done = schedule.publish_batch(session, batch, by=officer, at=archive.now)
        assert schedule.take_pack(session, firm, "RO", by=manager, at=archive.now) is None
    assert {row.code for row in done} == {rule.code for rule in now_valid(archive, firm)}
    assert number(archive, firm) == 1
    due = {row.draft.confidence: row.draft.review_due for row in done}
    today = civil_date(archive.now, "Europe/Berlin")
    assert due == {"verified": today + timedelta(90), "unverified": today + timedelta(30)}


def test_at_the_set_up_a_pack_holds_at_once_and_the_log_says_why(archive: Archive):
    firm = archive.add_entity("Founded with a pack")
    with archive.runtime.main.write() as session:
        schedule.take_pack(session, firm, "DE", by=setup.operator(session, archive.now), at=archive.now)
    rules = now_valid(archive, firm)
    assert len(rules) == 18
    assert next(rule for rule in rules if rule.code == "de-invoice").valid_from is None


def test_after_the_set_up_a_pack_of_a_new_entity_waits_for_a_second_person(tmp_path: Path):
    archive = Archive.open(tmp_path / "data")
    firm = archive.add_entity("Later")
    with archive.runtime.main.write() as session:
        setup.close(session, by=archive.principal("boss"), at=archive.now)
    with archive.runtime.main.write() as session:
        assert schedule.take_pack(session, firm, "EU", by=archive.principal("boss"), at=archive.now)
        batch = schedule.take_pack(session, firm, "DE", by=archive.principal("boss"), at=archive.now)
    assert batch is not None
    assert now_valid(archive, firm) == ()
    with archive.runtime.main.read() as session:
        give_later = [row.id for row in session.query(RetentionRule).where(RetentionRule.entity == firm)]
    assert len(give_later) == 21
    with archive.runtime.main.write() as session:
        # Somebody has decided about a rule there, so it is not new any more.
        session.get_one(RetentionRule, give_later[0]).state = "refused"
    with archive.runtime.main.write() as session, pytest.raises(NotAllowed):
        schedule.take_pack(session, firm, "AT", by=archive.principal("boss"), at=archive.now)
    archive.close()


def test_a_review_makes_a_rule_fresh_and_changes_nothing_of_it(archive: Archive, firm: UUID):
    row = published(archive, firm)
    today = civil_date(archive.now, "Europe/Berlin")
    officer = archive.principal("officer")
    with archive.runtime.main.read() as session:
        before = freshness.of_rows(session, [row], today)[row.id]
    assert before.warnings == ("never_reviewed", "unverified", "no_owner")
    with archive.runtime.main.write() as session:
        freshness.review(
            session, row.id, due_on=today + timedelta(365), owner="Head of accounting", by=officer, at=archive.now
        )
        after = freshness.of_rows(session, [row], today)[row.id]
        assert (after.is_fresh, after.last_reviewed, after.owner) == (True, today, "Head of accounting")
        assert freshness.of_rows(session, [row], today + timedelta(400))[row.id].warnings == ("overdue",)
        assert (firm, row.id) in {each[:2] for each in freshness.overdue(session, at=archive.now + timedelta(366))}
        assert session.get_one(RetentionRule, row.id).draft.owner == ""


def simulated(archive: Archive, *versions: UUID, kind: simulation.Kind = "rules") -> UUID:
    with archive.runtime.main.write() as session:
        asked = simulation.ask(
            session, archive.entity, kind, versions=versions, by=archive.principal("manager"), at=archive.now
        )
        made = asked.id
    simulating.simulate(archive.runtime, made)
    return made


def test_where_records_are_kept_nothing_is_published_or_retired_without_its_own_fresh_simulation(archive: Archive):
    archive.receive(record_class="letter")
    firm, officer = archive.entity, archive.principal("officer")
    one, other = draft(archive, firm, code="one").id, draft(archive, firm, code="other", trigger="payment_made").id
    with pytest.raises(simulation.SimulationNeeded):
        publish(archive, one)
    of_other = simulated(archive, other)
    with archive.runtime.main.write() as session, pytest.raises(simulation.SimulationNeeded):
        schedule.publish(session, one, simulation=of_other, by=officer, at=archive.now)
    of_one = simulated(archive, one)
    with archive.runtime.main.write() as session, pytest.raises(simulation.SimulationNeeded):
        schedule.publish(session, one, simulation=of_one, by=officer, at=archive.now + timedelta(hours=25))
    with archive.runtime.main.write() as session:
        assert schedule.publish(session, one, simulation=of_one, by=officer, at=archive.now).simulation == of_one
    with archive.runtime.main.write() as session, pytest.raises(simulation.SimulationNeeded):
        # The schedule it was reckoned against is another by now.
        schedule.publish(session, other, simulation=of_other, by=officer, at=archive.now)
    with archive.runtime.main.write() as session:
        schedule.ask_retirement(session, one, by=archive.principal("manager"), at=archive.now)
    with archive.runtime.main.write() as session, pytest.raises(simulation.SimulationNeeded):
        schedule.retire(session, one, by=officer, at=archive.now)
    of_end = simulated(archive, one, kind="retire")
    with archive.runtime.main.write() as session:
        assert schedule.retire(session, one, simulation=of_end, by=officer, at=archive.now).state == "retired"


def test_a_batch_is_published_after_one_simulation_of_all_of_it(archive: Archive):
    archive.receive(record_class="letter")
    firm, officer = archive.entity, archive.principal("officer")
    with archive.runtime.main.write() as session:
        batch = schedule.take_pack(session, firm, "IE", by=archive.principal("manager"), at=archive.now)
        assert batch is not None
        ids = [row.id for row in schedule.drafts_of(session, batch, by=officer)]
    simulated(archive, *ids[:3])
    with archive.runtime.main.write() as session, pytest.raises(simulation.SimulationNeeded):
        schedule.publish_batch(session, batch, by=officer, at=archive.now)
    of_all = simulated(archive, *ids)
    with archive.runtime.main.write() as session:
        assert len(schedule.publish_batch(session, batch, simulation=of_all, by=officer, at=archive.now)) == len(ids)


def test_a_source_does_not_speak_for_other_content(archive: Archive, firm: UUID) -> None:
    first = published(archive, firm, source="Federal Law Gazette, read in 2026", confidence="verified")
    assert first.draft.confidence == "verified"
    shorter = draft(archive, firm, period="P1Y", source="Federal Law Gazette, read in 2026", confidence="verified")
    assert (shorter.draft.source, shorter.draft.confidence) == ("", "unverified")


def test_a_source_of_its_own_or_the_same_content_keeps_what_was_verified(archive: Archive, firm: UUID) -> None:
    published(archive, firm, source="Federal Law Gazette, read in 2026", confidence="verified")
    noted = draft(archive, firm, note="Read again", source="Federal Law Gazette, read in 2026", confidence="verified")
    assert noted.draft.confidence == "verified"


def test_a_rule_copied_from_a_starter_pack_under_another_code_is_not_verified_by_it(
    archive: Archive, firm: UUID
) -> None:
    starter = next(each for each in packs.load("DE").rules if each.confidence == "verified")
    copied = {key: value for key, value in starter.to_json().items() if value not in (None, "", [])}
    row = draft(archive, firm, **copied | {"code": "our-own", "period": "P1Y"})
    assert (row.draft.source, row.draft.confidence) == ("", "unverified")
