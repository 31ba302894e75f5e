"""Permanent keeping by decision: no end, never proposed again, a package to keep outside, and two persons to end it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import bagit
import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app import date_jobs, packing
from core.errors import MunimentError, NotFound
from retention import batch, dating, keeping, package
from retention.explain import get as explained
from retention.kept import END_ASKED, IN_FORCE, OVER
from retention.reckoning import KeptByDecision
from retention.record_date import RecordDate
from retention.schedule import RetentionRule
from retention.verdict import decide
from retention.why_sentences import tell
from tests.support import packages
from tests.support.depot import Depot
from tests.support.laws import facts, law
from tests.support.packages import packed, the_package


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(MunimentError) as error:
        act()
    return error.value.code


def dated(depot: Depot, record: UUID) -> RecordDate:
    with depot.run.main.read() as session:
        return session.get_one(RecordDate, record)


def ask_end(depot: Depot, keeping_id: UUID, by: str = "manager", reason: str = "not of value after all") -> None:
    with depot.run.main.write() as session:
        keeping.ask_end(session, keeping_id, reason, by=depot.by(by), at=depot.now, keys=depot.run.keys)


def decide_end(depot: Depot, keeping_id: UUID, by: str = "officer", confirmed: bool = True) -> None:
    with depot.run.main.write() as session:
        keeping.decide_end(session, keeping_id, confirmed=confirmed, by=depot.by(by), at=depot.now)


def test_what_is_kept_permanently_has_no_end_and_is_never_proposed_again(depot: Depot, tmp_path: Path) -> None:
    kept, other = depot.file("founding deed", "invoice two")
    made = packed(depot, [kept], "permanent")
    row = dated(depot, kept)
    assert (row.state, row.action, row.retain_through, row.eligible_from) == ("permanent", "permanent", None, None)
    item = depot.items(made)[kept]
    assert (item.state, item.code) == (batch.KEPT, "permanent")
    assert depot.batch(made).state == batch.DONE
    found = packages.kept(depot, kept)
    assert (found.state, found.authority, found.batch) == (IN_FORCE, packages.BASIS, made)
    made_again = depot.propose()
    assert made_again is not None
    assert set(depot.items(made_again)) == {other}
    [event] = depot.archive.events("record.kept_permanently")
    assert kept in {ref.id for ref in event.objects}
    with depot.run.main.read() as session:
        why = explained(session, kept, by=depot.by("auditor"), at=depot.now).why
    assert why.verdict.state == "permanent"
    assert why.to_json()["kept_by_decision"]["authority"] == packages.BASIS
    assert any(packages.BASIS in sentence.text for sentence in tell(why))
    date_jobs.date_entity(depot.run, depot.archive.entity)
    assert dated(depot, kept).state == "permanent"

    bag = packages.unpack(packages.take(depot, the_package(depot, made)), tmp_path / "bag")
    bagit.Bag(str(bag)).validate()
    [told] = [json.loads(path.read_bytes()) for path in bag.glob("data/records/*/record.json")]
    assert told["kind"] == "permanent"
    assert told["disposition"]["authority"] == packages.BASIS
    assert told["disposition"]["reason"] == "of lasting value"


def test_a_permanent_keeping_needs_a_reason_and_what_it_rests_on(depot: Depot) -> None:
    ids = depot.file("one")
    made = depot.propose()
    assert made is not None
    assert code_of(lambda: depot.decide(made, ids, decision="permanent", authority="Art. 89")) == "invalid"
    assert code_of(lambda: depot.decide(made, ids, decision="permanent", reason="of value")) == "invalid"


def test_its_end_takes_two_persons_and_then_its_rules_date_it_again(depot: Depot) -> None:
    depot.archive.add_person("both", depot.archive.grant("records_manager"), depot.archive.grant("compliance_officer"))
    [record] = depot.file("one")
    made = packed(depot, [record], "permanent")
    found = packages.kept(depot, record)
    assert code_of(lambda: decide_end(depot, found.id)) == "keeping_end_not_asked"
    assert code_of(lambda: ask_end(depot, found.id, reason=" ")) == "invalid"
    with pytest.raises((NotAllowed, NotFound)):
        ask_end(depot, found.id, "auditor")
    ask_end(depot, found.id, "both")
    assert code_of(lambda: ask_end(depot, found.id)) == "keeping_not_in_force"
    assert dated(depot, record).state == "permanent"
    assert code_of(lambda: decide_end(depot, found.id, "both")) == "own_keeping_end"
    with pytest.raises((NotAllowed, NotFound)):
        decide_end(depot, found.id, "manager")
    decide_end(depot, found.id, confirmed=False)
    assert packages.kept(depot, record).state == IN_FORCE
    ask_end(depot, found.id, "both")
    with depot.run.main.read() as session:
        assert keeping.reasons_of_end(session, [packages.kept(depot, record)], depot.run.keys) == {
            found.id: "not of value after all"
        }
    assert packages.kept(depot, record).state == END_ASKED
    decide_end(depot, found.id)
    assert packages.kept(depot, record).state == OVER
    assert dated(depot, record).state == "dated"
    again = depot.propose()
    assert again is not None
    depot.decide(again, [record])
    depot.approve(again, depot.submit(again))
    depot.carry_out(at=depot.after_grace())
    depot.archive.settle()
    depot.carry_out()
    assert not depot.exists(record)
    with depot.run.main.read() as session:
        rows = package.packages(session, by=depot.by("officer"), batch=made)
        assert [(row.state, row.end_code, row.object_key) for row in rows] == [(package.OVER, "record_gone", None)]


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("step", ["choose", "pack", "packed", "check", "name", "settled", "keep"])
def test_killed_on_the_way_and_run_again_it_is_kept_once(depot: Depot, step: str) -> None:
    [record] = depot.file("one")
    made = packages.approved(depot, [record], "permanent")

    def passing(name: str) -> None:
        if name == step:
            raise Killed(step)

    with pytest.raises(Killed):
        depot.carry_out(passing=passing)
    depot.carry_out(at=packages.later(depot))
    depot.archive.settle()
    assert len(depot.archive.events("record.kept_permanently")) == 1
    assert depot.items(made)[record].code == "permanent"
    assert dated(depot, record).state == "permanent"


def test_killed_between_two_pieces_the_rest_is_kept_with_the_next_run_from_the_same_package(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "KEPT_AT_ONCE", 1)
    ids = sorted(depot.file("one", "two", "three"))
    made = packages.approved(depot, ids, "permanent")
    pieces = 0

    def passing(name: str) -> None:
        nonlocal pieces
        pieces += name == "keep"
        if pieces == 2:
            raise Killed(name)

    with pytest.raises(Killed):
        depot.carry_out(passing=passing)
    row = the_package(depot, made)
    assert [item.state for _, item in sorted(depot.items(made).items())] == [batch.KEPT, batch.DECIDED, batch.DECIDED]
    # Brought away already: what it holds is kept all the same.
    with depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("manager"), at=packages.later(depot), keys=depot.run.keys)
    depot.carry_out(at=packages.later(depot))
    assert {dated(depot, each).state for each in ids} == {"permanent"}
    assert {packages.kept(depot, each).package for each in ids} == {row.id}
    assert [each.id for each in packages.packages(depot, made)] == [row.id]
    assert depot.batch(made).state == batch.DONE


def test_a_package_that_was_brought_away_goes_and_the_record_stays_permanent(depot: Depot) -> None:
    [record] = depot.file("one")
    made = packed(depot, [record], "permanent")
    row = the_package(depot, made)
    with depot.run.main.write() as session:
        by, now = depot.by("manager"), packages.later(depot)
        assert package.call_off(session, row.id, by=by, at=now, keys=depot.run.keys).end_code == "brought_away"
    depot.carry_out(at=packages.later(depot))
    assert dated(depot, record).state == "permanent"
    assert depot.items(made)[record].code == "permanent"


SINCE = datetime.fromisoformat("2026-05-04T10:00:00+00:00")
KEPT = KeptByDecision(UUID(int=7), "Art. 89 GDPR", SINCE)
ENDED = {"contract_end": date(2020, 3, 4)}


def test_a_verdict_on_what_two_persons_keep_is_permanent_whatever_its_rules_say() -> None:
    known = replace(facts(**ENDED), kept=KEPT)
    for rules in ([], [law()], [law(bound="limitation")], [law("waits", trigger="case_closed")]):
        verdict = decide(rules, known)
        assert (verdict.state, verdict.action, verdict.retain_through) == ("permanent", "permanent", None)


def test_a_statutory_maximum_makes_a_conflict_of_it_for_people_to_settle() -> None:
    maximum = law("maximum", "P5Y", bound="maximum")
    assert decide([maximum], replace(facts(**ENDED), kept=KEPT)).state == "conflict"
    assert decide([maximum], facts(**ENDED)).state == "dated"


def test_the_basis_of_a_date_changes_with_the_decision_to_keep() -> None:
    known = facts(**ENDED)
    kept = replace(known, kept=KEPT)
    one, other = dating.basis_of(decide([law()], known), known), dating.basis_of(decide([law()], kept), kept)
    assert one != other


def test_a_maximum_that_decides_is_no_ground_for_permanent_keeping(depot: Depot) -> None:
    ids = depot.file("one")
    made = depot.propose()
    assert made is not None
    with depot.run.main.write() as session:
        rule = session.scalars(select(RetentionRule)).one()
        rule.content = rule.content | {"bound": "maximum"}
    word = {"decision": "permanent", "authority": "Art. 89", "reason": "of value"}
    assert code_of(lambda: depot.decide(made, ids, **word)) == "disposition_beyond_maximum"
