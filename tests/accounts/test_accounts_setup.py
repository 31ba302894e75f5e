"""The set-up: one link, one first account, a day, and then two persons for everything."""

from datetime import timedelta

import pytest
from accounts_world import World, the_hash

from accounts import departments, entities, first_account, people, setup
from accounts.departments import InvalidDepartment, SameDepartment
from accounts.entities import InvalidEntity, NewEntity
from accounts.first_account import FirstPerson, NotFirst
from accounts.principal import NotAllowed, system
from accounts.setup import OPEN_FOR, DeadLink, NoAdministrator, SetupOver

NORDWIND = NewEntity(name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin")


def link(world: World) -> str:
    with world.main.write() as session:
        return setup.new_link_token(session, at=world.now)


def is_open(world: World) -> bool:
    with world.main.read() as session:
        return setup.is_open(session, world.now)


def make_first(world: World, secret: str, entity=NORDWIND, **first):
    person = FirstPerson(sign_in_name="boss", password=the_hash(), **first)
    with world.main.write() as session:
        by = setup.use_link(session, secret, at=world.now)
        return first_account.found(session, entity, person, by=by, at=world.now, keys=world.keys)


def test_the_link_makes_an_administrator_who_is_staff_and_named_clerk(empty):
    founded = make_first(empty, link(empty))
    boss = empty.acting(founded.person)
    assert boss.may("person.manage")
    assert boss.is_named_clerk(founded.entity)
    assert boss.departments_for("record.read") == set(founded.departments)
    assert {event["basis"] for event in empty.events("grant.begun")} == {"set_up"}
    assert [event["action"] for event in empty.events()][:2] == ["setup.link_used", "entity.added"]


def test_an_administrator_may_choose_to_file_nothing(empty):
    founded = make_first(empty, link(empty), files=False)
    boss = empty.acting(founded.person)
    assert boss.may("person.manage")
    assert not boss.may("record.read")


def test_the_link_works_once(empty):
    secret = link(empty)
    with empty.main.read() as session:
        assert setup.is_link(session, secret, empty.now)
    make_first(empty, secret)
    with pytest.raises(DeadLink):
        make_first(empty, secret)
    with pytest.raises(SetupOver):
        link(empty)


def test_a_restart_replaces_the_link(empty):
    before, after = link(empty), link(empty)
    with pytest.raises(DeadLink):
        make_first(empty, before)
    make_first(empty, after)


def test_a_failed_set_up_gives_the_link_back(empty):
    secret = link(empty)
    with pytest.raises(InvalidEntity):
        make_first(empty, secret, NewEntity(name="", jurisdiction="DE", zone="Europe/Berlin"))
    assert empty.events() == []
    make_first(empty, secret)


@pytest.mark.parametrize("guess", ["", "x" * 43, "\ud800"])
def test_a_guess_opens_nothing_and_costs_nothing(empty, guess):
    secret = link(empty)
    with pytest.raises(DeadLink):
        make_first(empty, guess)
    make_first(empty, secret)


def test_the_link_stands_nowhere_in_the_database(empty):
    assert empty.holds([link(empty)]) == []


def test_there_is_one_first_administrator(firm):
    person = FirstPerson(sign_in_name="other", password=the_hash())
    with firm.main.write() as session, pytest.raises(NotFirst):
        first_account.found(session, NORDWIND, person, by=system("setup"), at=firm.now, keys=firm.keys)


def test_the_set_up_ends_a_day_after_the_first_administrator(empty):
    empty.clock.go(timedelta(days=30))
    assert is_open(empty)
    empty.found()
    empty.clock.go(OPEN_FOR - timedelta(microseconds=1))
    assert is_open(empty)
    with empty.main.write() as session:
        assert not setup.close_when_due(session, at=empty.now)
    empty.clock.go(timedelta(microseconds=1))
    assert not is_open(empty)
    with empty.main.write() as session:
        assert setup.close_when_due(session, at=empty.now)
        assert not setup.close_when_due(session, at=empty.now)
        with pytest.raises(SetupOver):
            setup.operator(session, empty.now)
    assert [event["d"] for event in empty.events("setup.closed")] == [{"reason": "time"}]


def test_closing_is_for_administrators_and_for_good(firm):
    officer, boss = firm.acting(firm.person("officer", firm.grant("compliance_officer"))), firm.acting(firm.boss)
    with firm.main.write() as session:
        with pytest.raises(NotAllowed):
            setup.close(session, by=officer, at=firm.now)
        assert setup.is_open(session, firm.now)
        setup.close(session, by=boss, at=firm.now)
        setup.close(session, by=boss, at=firm.now)
    assert not is_open(firm)
    assert len(firm.events("setup.closed")) == 1


def test_without_an_administrator_the_set_up_neither_ends_nor_closes(empty):
    secret = link(empty)
    with empty.main.write() as session:
        by = setup.operator(session, empty.now)
        entity = first_account.found_entity(session, NORDWIND, by=by, at=empty.now)
        people.add(session, "lena", password=None, by=by, at=empty.now, keys=empty.keys)
        with pytest.raises(NoAdministrator):
            setup.close(session, by=by, at=empty.now)
    empty.clock.go(timedelta(days=3))
    assert is_open(empty)
    founded = make_first(empty, secret, entity.id)
    assert founded.entity == entity.id
    assert len(founded.departments) == 5
    empty.clock.go(OPEN_FOR)
    assert not is_open(empty)


def test_the_first_user_may_come_from_the_command_line(empty):
    with empty.main.write() as session:
        by = setup.operator(session, empty.now)
        entity = first_account.found_entity(session, NORDWIND, by=by, at=empty.now)
        people.add(session, "lena", password=None, by=by, at=empty.now, keys=empty.keys)
        assert [row.kind for row in departments.of_entity(session, entity.id)] == [
            "accounting",
            "compliance",
            "hr",
            "legal",
            "management",
        ]
    assert empty.events("person.added")[0]["actor"] == {"k": "system", "n": "setup"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "  "}, id="no name"),
        pytest.param({"name": "x" * 201}, id="a long name"),
        pytest.param({"jurisdiction": "XX"}, id="no country"),
        pytest.param({"jurisdiction": "de"}, id="a country in small letters"),
        pytest.param({"zone": "Berlin"}, id="no zone"),
        pytest.param({"zone": "../etc/passwd"}, id="a path for a zone"),
        pytest.param({"zone": ""}, id="an empty zone"),
        pytest.param({"fiscal_year_start": "02-29"}, id="a day not every year has"),
        pytest.param({"fiscal_year_start": "1.7."}, id="a day written otherwise"),
        pytest.param({"holiday_calendar": "Bavaria"}, id="a calendar by name"),
        pytest.param({"controller": "processor"}, id="a processor for nobody"),
        pytest.param({"controller_name": "Kunde AG"}, id="an own controller with another's name"),
    ],
)
def test_a_legal_entity_that_cannot_be_is_refused(change):
    usual = {"name": "Nordwind GmbH", "jurisdiction": "DE", "zone": "Europe/Berlin"}
    entities.check(NewEntity(**usual))
    with pytest.raises(InvalidEntity):
        entities.check(NewEntity(**(usual | change)))


def test_a_processor_names_its_controller_and_regions_have_calendars(firm):
    boss = firm.acting(firm.boss)
    new = NewEntity(
        name="Lohnbüro",
        jurisdiction="DE",
        zone="Europe/Berlin",
        fiscal_year_start="07-01",
        holiday_calendar="DE-BY",
        controller="processor",
        controller_name="Kunde AG",
    )
    with firm.main.write() as session:
        row = entities.add(session, new, by=boss, at=firm.now)
        usual = entities.add(session, NORDWIND, by=boss, at=firm.now)
        assert (row.holiday_calendar, usual.holiday_calendar) == ("DE-BY", "DE")
        assert entities.get(session, row.id).controller_name == "Kunde AG"
        with pytest.raises(entities.UnknownEntity):
            entities.get(session, firm.boss)


def test_departments_have_a_kind_and_a_name_of_their_own(firm):
    boss, officer = firm.acting(firm.boss), firm.acting(firm.person("olga", firm.grant("compliance_officer")))
    with firm.main.write() as session:
        added = departments.add(session, firm.entity, " Einkauf ", "other", by=boss, at=firm.now)
        assert departments.find(session, firm.entity, "einkauf") is added
        with pytest.raises(SameDepartment):
            departments.add(session, firm.entity, "EINKAUF", "other", by=boss, at=firm.now)
        with pytest.raises(InvalidDepartment):
            departments.add(session, firm.entity, "Lager", "storage", by=boss, at=firm.now)
        with pytest.raises(InvalidDepartment):
            departments.add(session, firm.entity, " ", "other", by=boss, at=firm.now)
        with pytest.raises(NotAllowed):
            departments.add(session, firm.entity, "Lager", "other", by=officer, at=firm.now)
        with pytest.raises(departments.UnknownDepartment):
            departments.get(session, firm.entity)
