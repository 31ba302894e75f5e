"""How roles are given and end, and who could do what on which day."""

from datetime import timedelta
from uuid import uuid4

import pytest
from accounts_world import HOUR, World, the_hash
from sqlalchemy import select

from accounts import (
    departments,
    entities,
    grant_requests,
    grants,
    passwords,
    people,
    principals,
    rights,
    single_operator,
    suspensions,
)
from accounts.entities import NewEntity
from accounts.grant_requests import (
    AlreadyDecided,
    AlreadyGranted,
    InvalidGrant,
    OwnGrant,
    SamePerson,
    TooEarly,
    UnknownRequest,
)
from accounts.grants import OwnAdministration, RoleGrant
from accounts.permissions import PERMISSIONS, ROLES
from accounts.principal import Grant, NotAllowed
from core.errors import NotFound

DAY = timedelta(days=1)


def propose(world: World, person, grant, by, **more):
    with world.main.write() as session:
        return grant_requests.propose(session, person, grant, by=by, at=world.now, **more)


def decide(world: World, request, by, verb=grant_requests.confirm):
    with world.main.write() as session:
        return verb(session, request.id, by=by, at=world.now)


def now_of(world: World, person, at=None) -> set[Grant]:
    with world.main.read() as session:
        return {row.value for row in rights.grants_at(session, person, at or world.now)}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_waits_for_a_second_person(closed_firm, role):
    newcomer, grant = closed_firm.person("newcomer"), closed_firm.grant(role, "accounting" if role == "staff" else None)
    request = propose(closed_firm, newcomer, grant, closed_firm.acting(closed_firm.boss))
    assert request.state == "pending"
    assert now_of(closed_firm, newcomer) == set()
    decide(closed_firm, request, closed_firm.acting(closed_firm.officer))
    assert now_of(closed_firm, newcomer) == {grant}


@pytest.mark.parametrize(
    ("proposer", "beneficiary", "confirmer", "refusal"),
    [
        pytest.param("boss", "newcomer", "officer", None, id="administrator proposes, officer confirms"),
        pytest.param("boss", "newcomer", "second", None, id="administrator proposes, another confirms"),
        pytest.param("boss", "officer", "second", None, id="a role for the officer"),
        pytest.param("boss", "newcomer", "boss", SamePerson, id="the proposer confirms"),
        pytest.param("boss", "officer", "officer", SamePerson, id="the beneficiary confirms"),
        pytest.param("boss", "newcomer", "newcomer", UnknownRequest, id="somebody without a role does not even see it"),
        pytest.param("boss", "boss", "officer", OwnGrant, id="an administrator proposes for themselves"),
        pytest.param("officer", "newcomer", "boss", NotAllowed, id="an officer proposes"),
        pytest.param("newcomer", "newcomer", "boss", NotAllowed, id="somebody without a role proposes"),
    ],
)
def test_a_role_takes_two_persons_neither_of_whom_benefits(closed_firm, proposer, beneficiary, confirmer, refusal):
    who = {"newcomer": closed_firm.person("newcomer")}
    who |= {name: getattr(closed_firm, name) for name in ("boss", "officer", "second")}
    acting = {name: closed_firm.acting(person) for name, person in who.items()}
    grant = closed_firm.grant("auditor")

    def both() -> None:
        request = propose(closed_firm, who[beneficiary], grant, acting[proposer])
        decide(closed_firm, request, acting[confirmer])

    if refusal is None:
        both()
        assert grant in now_of(closed_firm, who[beneficiary])
        begun = closed_firm.events("grant.begun")[-1]
        assert (begun["actor"]["i"], begun["x"]) == (who[confirmer].hex, who[proposer].hex)
        assert begun["basis"] == "second_person"
    else:
        with pytest.raises(refusal):
            both()
        assert grant not in now_of(closed_firm, who[beneficiary])


@pytest.mark.parametrize(
    ("role", "department", "clerk", "refusal"),
    [
        pytest.param("staff", "hr", True, None, id="a clerk named in an HR department"),
        pytest.param("staff", "accounting", True, InvalidGrant, id="a clerk named elsewhere"),
        pytest.param("auditor", None, True, InvalidGrant, id="a clerk without a department"),
        pytest.param("staff", None, False, InvalidGrant, id="staff of no department"),
        pytest.param("auditor", "legal", False, InvalidGrant, id="an auditor of one department"),
        pytest.param("owner", None, False, InvalidGrant, id="a role that does not exist"),
    ],
)
def test_role_place_and_marks_go_together(firm, role, department, clerk, refusal):
    person, by = firm.person("newcomer"), firm.acting(firm.boss)
    grant = firm.grant(role, department, named_clerk=clerk)
    if refusal is None:
        assert propose(firm, person, grant, by).state == "confirmed"
        assert firm.acting(person).is_named_clerk(firm.entity)
    else:
        with pytest.raises(refusal):
            propose(firm, person, grant, by)


def test_a_department_of_another_entity_is_refused(firm):
    by, person = firm.acting(firm.boss), firm.person("newcomer")
    with firm.main.write() as session:
        other = entities.add(
            session, NewEntity(name="Other SRL", jurisdiction="RO", zone="Europe/Bucharest"), by=by, at=firm.now
        )
        there = departments.add(session, other.id, "Contabilitate", "accounting", by=by, at=firm.now)
    with pytest.raises(NotFound):
        propose(firm, person, Grant("staff", firm.entity, there.id), by)
    with pytest.raises(NotFound):
        propose(firm, person, Grant("auditor", uuid4()), by)
    with pytest.raises(NotFound):
        propose(firm, uuid4(), Grant("auditor", other.id), by)
    assert propose(firm, person, Grant("staff", other.id, there.id), by).state == "confirmed"


def test_the_same_role_is_neither_held_nor_asked_for_twice(closed_firm):
    by, officer = closed_firm.acting(closed_firm.boss), closed_firm.acting(closed_firm.officer)
    person, grant = closed_firm.person("newcomer"), closed_firm.grant("dpo")
    request = propose(closed_firm, person, grant, by)
    with pytest.raises(AlreadyGranted):
        propose(closed_firm, person, grant, by)
    decide(closed_firm, request, officer)
    with pytest.raises(AlreadyGranted):
        propose(closed_firm, person, grant, by)
    with pytest.raises(AlreadyDecided):
        decide(closed_firm, request, officer)


def test_a_proposal_is_refused_by_a_decider_or_withdrawn_by_its_author(closed_firm):
    by, officer = closed_firm.acting(closed_firm.boss), closed_firm.acting(closed_firm.officer)
    person = closed_firm.person("newcomer")
    first = propose(closed_firm, person, closed_firm.grant("dpo"), by)
    second = propose(closed_firm, person, closed_firm.grant("auditor"), by)
    with closed_firm.main.read() as session:
        assert [row.id for row in grant_requests.pending(session, by=officer)] == [first.id, second.id]
        assert grant_requests.pending(session, by=closed_firm.acting(person)) == []
    assert decide(closed_firm, first, officer, grant_requests.refuse).state == "refused"
    assert decide(closed_firm, second, by, grant_requests.refuse).state == "withdrawn"
    assert [event["basis"] for event in closed_firm.events("grant.refused")] == ["refused", "withdrawn"]
    assert now_of(closed_firm, person) == set()


def test_while_the_set_up_is_open_a_role_holds_at_once_and_the_log_says_why(firm):
    person = firm.person("newcomer", firm.grant("compliance_officer"))
    assert now_of(firm, person) == {firm.grant("compliance_officer")}
    assert firm.events("grant.begun")[-1]["basis"] == "set_up"
    assert firm.events("grant.proposed") == []


def test_who_could_do_what_is_answered_for_every_day(closed_firm):
    world, by = closed_firm, closed_firm.acting(closed_firm.boss)
    person, day = world.person("newcomer"), world.now
    grant = world.grant("staff", "legal")
    request = propose(world, person, grant, by)
    world.clock.go(DAY)
    row = decide(world, request, world.acting(world.officer))
    world.clock.go(2 * DAY)
    with world.main.write() as session:
        suspensions.suspend(session, person, by=by, at=world.now)
    world.clock.go(2 * DAY)
    with world.main.write() as session:
        suspensions.reinstate(session, person, by=by, at=world.now)
    world.clock.go(2 * DAY)
    with world.main.write() as session:
        grants.end(session, row.id, by=by, at=world.now)
    held = [bool(now_of(world, person, day + days * DAY)) for days in range(10)]
    #               asked  given               suspended     again         ended
    assert held == [False, True, True, False, False, True, True, False, False, False]
    with world.main.read() as session:
        for days, could in enumerate(held):
            holders = rights.holders_at(
                session, "record.read", day + days * DAY, entity=world.entity, department=world.departments["legal"]
            )
            assert (person in {found.person for found in holders}) is could
            elsewhere = rights.holders_at(
                session, "record.read", day + days * DAY, entity=world.entity, department=world.departments["hr"]
            )
            assert person not in {found.person for found in elsewhere}


def test_a_role_for_a_time_ends_by_itself(closed_firm):
    by, person = closed_firm.acting(closed_firm.boss), closed_firm.person("auditing")
    until = closed_firm.now + 30 * DAY
    request = propose(closed_firm, person, closed_firm.grant("auditor"), by, until=until)
    decide(closed_firm, request, closed_firm.acting(closed_firm.officer))
    assert now_of(closed_firm, person, until - timedelta(microseconds=1))
    assert not now_of(closed_firm, person, until)
    with pytest.raises(InvalidGrant):
        propose(closed_firm, person, closed_firm.grant("dpo"), by, until=closed_firm.now)
    with pytest.raises(InvalidGrant):
        propose(closed_firm, person, closed_firm.grant("administrator"), by, until=until)


def test_rows_are_closed_and_never_removed_or_changed_otherwise(firm):
    person = firm.person("newcomer", firm.grant("dpo"))
    with firm.main.read() as session:
        before = session.scalars(select(RoleGrant).where(RoleGrant.person == person)).one()
    firm.clock.go(HOUR)
    by = firm.acting(firm.boss)
    with firm.main.write() as session:
        grants.end(session, before.id, by=by, at=firm.now)
    with firm.main.read() as session:
        after = session.scalars(select(RoleGrant).where(RoleGrant.person == person)).one()
    unchanged = set(RoleGrant.__table__.columns.keys()) - {"valid_to", "ended_by"}
    assert {name: getattr(after, name) for name in unchanged} == {name: getattr(before, name) for name in unchanged}
    assert (before.valid_to, after.valid_to) == (None, firm.now)


def test_one_may_give_up_a_role_but_an_administrator_always_remains(closed_firm):
    world = closed_firm
    officer, boss, second = (world.acting(person) for person in (world.officer, world.boss, world.second))
    with world.main.read() as session:
        rows = {(row.person, row.role): row.id for row in session.scalars(select(RoleGrant))}
    with world.main.write() as session:
        with pytest.raises(NotAllowed):
            grants.end(session, rows[world.second, "administrator"], by=officer, at=world.now)
        grants.end(session, rows[world.officer, "compliance_officer"], by=officer, at=world.now)
        with pytest.raises(OwnAdministration):
            grants.end(session, rows[world.boss, "administrator"], by=boss, at=world.now)
        grants.end(session, rows[world.boss, "administrator"], by=second, at=world.now)
        with pytest.raises(grants.GrantOver):
            grants.end(session, rows[world.boss, "administrator"], by=second, at=world.now)


def test_nobody_suspends_themselves(firm):
    boss = firm.acting(firm.boss)
    with firm.main.write() as session, pytest.raises(NotAllowed):
        suspensions.suspend(session, firm.boss, by=boss, at=firm.now)


def test_an_approver_whose_sign_in_was_reset_approves_nothing_for_72_hours(closed_firm):
    world = closed_firm
    boss, person = world.acting(world.boss), world.person("newcomer")
    request = propose(world, person, world.grant("dpo"), boss)
    with world.main.write() as session:
        passwords.reset(session, world.officer, the_hash(), by=boss, at=world.now)
    officer, verified = world.acting(world.officer), passwords.Verified(world.officer, the_hash().phc, None)
    assert not any(officer.may(permission) for permission in PERMISSIONS)
    with world.main.write() as session:
        passwords.change_own(session, verified, the_hash(), by=officer, at=world.now)
    assert world.acting(world.officer).may("person.read")
    world.clock.go(timedelta(hours=71, minutes=59))
    assert not world.acting(world.officer).may("grant.decide")
    with pytest.raises(NotAllowed):
        decide(world, request, world.acting(world.officer))
    world.clock.go(timedelta(minutes=1))
    decide(world, request, world.acting(world.officer))
    assert now_of(world, person) == {world.grant("dpo")}


class TestSingleOperator:
    """A firm of one after its set-up."""

    def switch(self, world: World, on: bool = True) -> None:
        by = world.acting(world.boss)
        with world.main.write() as session:
            single_operator.switch(session, on, by=by, at=world.now)

    def test_it_is_refused_while_somebody_else_could_confirm(self, closed_firm):
        with pytest.raises(single_operator.NotSingle):
            self.switch(closed_firm)

    @pytest.mark.parametrize("way", ["suspended", "ended"])
    def test_nobody_makes_themselves_alone_in_a_hurry(self, closed_firm, way):
        world, boss = closed_firm, closed_firm.acting(closed_firm.boss)
        with world.main.write() as session:
            for person in (world.second, world.officer):
                if way == "suspended":
                    suspensions.suspend(session, person, by=boss, at=world.now)
                else:
                    (row,) = grants.of_person(session, person, world.now)
                    grants.end(session, row.id, by=boss, at=world.now)
        world.clock.go(single_operator.ALONE_FOR - timedelta(microseconds=1))
        with pytest.raises(single_operator.NotSingle):
            self.switch(world)
        world.clock.go(timedelta(microseconds=1))
        self.switch(world)

    def test_the_second_word_of_the_only_person_comes_72_hours_later_and_of_others_at_once(self, firm):
        firm.close_setup()
        by, first_at = firm.acting(firm.boss), firm.now

        def word(first):
            with firm.main.read() as session:
                return single_operator.second_word(session, first, first_at, by=by, at=firm.now)

        assert word(firm.person("newcomer")) == ""
        assert word(firm.boss) is None
        firm.clock.go(single_operator.DELAY)
        assert word(firm.boss) is None, "the mode is off"
        self.switch(firm)
        assert word(firm.boss) == "single_operator"

    def test_without_it_the_only_person_gets_nowhere(self, firm):
        firm.close_setup()
        with pytest.raises(OwnGrant):
            propose(firm, firm.boss, firm.grant("dpo"), firm.acting(firm.boss))
        request = propose(firm, firm.person("newcomer"), firm.grant("dpo"), firm.acting(firm.boss))
        firm.clock.go(timedelta(days=30))
        with pytest.raises(SamePerson):
            decide(firm, request, firm.acting(firm.boss))

    @pytest.mark.parametrize("beneficiary", ["boss", "newcomer"])
    def test_the_same_person_confirms_after_72_hours_and_it_is_marked(self, firm, beneficiary):
        firm.close_setup()
        self.switch(firm)
        person = firm.boss if beneficiary == "boss" else firm.person("newcomer")
        request = propose(firm, person, firm.grant("dpo"), firm.acting(firm.boss))
        firm.clock.go(timedelta(hours=71, minutes=59))
        with pytest.raises(TooEarly):
            decide(firm, request, firm.acting(firm.boss))
        firm.clock.go(timedelta(minutes=1))
        assert decide(firm, request, firm.acting(firm.boss)).basis == "single_operator"
        assert firm.events("grant.begun")[-1]["basis"] == "single_operator"

    def test_it_is_of_no_use_once_there_is_a_second_person(self, firm):
        firm.close_setup()
        self.switch(firm)
        request = propose(firm, firm.person("officer"), firm.grant("compliance_officer"), firm.acting(firm.boss))
        other = propose(firm, firm.boss, firm.grant("dpo"), firm.acting(firm.boss))
        firm.clock.go(timedelta(hours=72))
        decide(firm, request, firm.acting(firm.boss))
        with pytest.raises(SamePerson):
            decide(firm, other, firm.acting(firm.boss))

    def test_when_it_was_on_is_known_for_every_day(self, firm):
        firm.close_setup()
        start = firm.now
        self.switch(firm)
        self.switch(firm)
        firm.clock.go(DAY)
        self.switch(firm, on=False)
        with firm.main.read() as session:
            assert [single_operator.is_on(session, start + days * DAY) for days in (-1, 0, 1)] == [False, True, False]
        assert [event["d"]["on"] for event in firm.events("single_operator.switched")] == [True, False]


def test_an_operator_on_the_machine_proposes_but_approves_nothing(closed_firm):
    with closed_firm.main.read() as session:
        operator = principals.operator_for(session, "Officer", at=closed_firm.now, keys=closed_firm.keys)
        administrator = principals.operator_for(session, "boss", at=closed_firm.now, keys=closed_firm.keys)
        with pytest.raises(people.UnknownPerson):
            principals.operator_for(session, "nobody", at=closed_firm.now, keys=closed_firm.keys)
    request = propose(closed_firm, closed_firm.person("newcomer"), closed_firm.grant("dpo"), administrator)
    with pytest.raises(NotAllowed):
        decide(closed_firm, request, operator)
    proposed = closed_firm.events("grant.proposed")[-1]
    assert proposed["actor"] == {"k": "operator", "i": closed_firm.boss.hex}
