"""People: names that only their key opens, accounts that rest, and who sees the list."""

import pytest
from accounts_world import PASSWORD, World, the_hash

from accounts import directory, people, principals, sessions, suspensions, tokens
from accounts.people import InvalidName, NameTaken, UnknownPerson
from accounts.principal import NotAllowed

NAMES = ("zwetschgenkuchen", "Friederike Übelacker-Țărnă", "f.uebelacker@nordwind.example")


def add(world: World, sign_in_name: str, **more):
    by = world.acting(world.boss)
    with world.main.write() as session:
        return people.add(session, sign_in_name, password=the_hash(), by=by, at=world.now, keys=world.keys, **more)


def test_a_person_is_found_by_the_name_however_it_is_typed(firm):
    person = add(firm, "Müller")
    with firm.main.read() as session:
        for typed in ("Müller", "MÜLLER", " müller ", "Mu\u0308ller", "Ｍüller"):
            assert people.find_by_name(session, typed, firm.keys) == person
        assert people.find_by_name(session, "mueller", firm.keys) is None
        assert people.find_by_name(session, "", firm.keys) is None


@pytest.mark.parametrize("again", ["lena", "LENA", " lena", "ｌena"])
def test_two_people_cannot_have_names_that_look_the_same(firm, again):
    add(firm, "lena")
    with pytest.raises(NameTaken):
        add(firm, again)


@pytest.mark.parametrize(
    ("name", "mail"),
    [
        pytest.param("", None, id="empty"),
        pytest.param("   ", None, id="spaces"),
        pytest.param("x" * 201, None, id="too long"),
        pytest.param("a\nb", None, id="a line end"),
        pytest.param("a\x00b", None, id="a control character"),
        pytest.param("abc\u202efed", None, id="writing direction turned round"),
        pytest.param("zero\u200bwidth", None, id="an invisible character"),
        pytest.param("half \ud800", None, id="a lone surrogate"),
        pytest.param("ok", "nobody", id="an address without a domain"),
        pytest.param("ok", "a b@c", id="an address with a space"),
        pytest.param("ok", "a@b\r\nBcc: c@d", id="an address with a header in it"),
    ],
)
def test_names_that_mislead_are_refused(firm, name, mail):
    with pytest.raises(InvalidName):
        add(firm, name, mail=mail)


def test_names_stand_nowhere_in_the_database(firm):
    add(firm, NAMES[0], name=NAMES[1], mail=NAMES[2])
    with firm.main.read() as session:
        person = people.find_by_name(session, NAMES[0], firm.keys)
        assert people.open_names(session, [person], firm.keys) == [people.Names(person, *NAMES)]
    assert firm.holds([*NAMES, "Übelacker", "Bärbel", "Ossendorf"]) == []
    # The search itself works: a firm's name is clear.
    assert firm.holds(["Nordwind GmbH"]) == ["Nordwind GmbH"]


def test_names_are_not_in_what_programs_print(firm):
    person = add(firm, NAMES[0], name=NAMES[1], mail=NAMES[2])
    with firm.main.read() as session:
        printed = repr(people.open_names(session, [person], firm.keys)) + repr(people.get(session, person))
    assert not any(name in printed for name in NAMES)


def test_without_the_key_there_are_no_names(firm):
    kept, gone = add(firm, "kept"), add(firm, "gone")
    with firm.main.write() as session:
        firm.keys.shred(session, [gone], at=firm.now)
    with firm.main.read() as session:
        assert people.reveal_names(session, [kept, gone], firm.keys) == {kept: "kept"}


def test_a_name_is_corrected_by_oneself_or_by_an_administrator(firm):
    person, other = add(firm, "lena"), add(firm, "udo")
    own, others, boss = firm.acting(person), firm.acting(other), firm.acting(firm.boss)
    with firm.main.write() as session:
        people.rename(session, person, "Lena Süß", None, by=own, at=firm.now, keys=firm.keys)
        people.rename(session, person, "Lena Süß-Groß", "l@s.example", by=boss, at=firm.now, keys=firm.keys)
        with pytest.raises(NotAllowed):
            people.rename(session, person, "Somebody", None, by=others, at=firm.now, keys=firm.keys)
    with firm.main.read() as session:
        assert people.reveal_names(session, [person], firm.keys) == {person: "Lena Süß-Groß"}
        assert people.find_by_name(session, "lena", firm.keys) == person


def test_only_an_administrator_adds_people(closed_firm):
    officer = closed_firm.acting(closed_firm.officer)
    with closed_firm.main.write() as session, pytest.raises(NotAllowed):
        people.add(session, "puppet", password=None, by=officer, at=closed_firm.now, keys=closed_firm.keys)


def test_a_suspension_works_at_once_for_every_way_in(firm):
    person = firm.person("lena", firm.grant("staff", "legal"))
    acting, boss = firm.acting(person), firm.acting(firm.boss)
    with firm.main.write() as session:
        cookie = sessions.start(session, person, at=firm.now)
        token = tokens.create(session, ["read"], by=acting, at=firm.now, keys=firm.keys)
    with firm.main.write() as session:
        suspensions.suspend(session, person, by=boss, at=firm.now)
        with pytest.raises(suspensions.AlreadySo):
            suspensions.suspend(session, person, by=boss, at=firm.now)
        with pytest.raises(UnknownPerson):
            suspensions.suspend(session, firm.entity, by=boss, at=firm.now)
    with firm.main.read() as session:
        assert principals.by_session(session, cookie.secret, firm.now) is None
        assert principals.by_token(session, token.secret, firm.now) is None
        with pytest.raises(UnknownPerson):
            principals.operator_for(session, "lena", at=firm.now, keys=firm.keys)
    with firm.main.write() as session:
        suspensions.reinstate(session, person, by=boss, at=firm.now)
    with firm.main.read() as session:
        assert principals.by_session(session, cookie.secret, firm.now) is None
        found = principals.by_token(session, token.secret, firm.now)
    assert found is not None
    assert found.principal.may("record.read", entity=firm.entity, department=firm.departments["legal"])
    assert len(firm.events("session.ended")) == 2


def test_the_list_shows_state_and_roles_to_those_who_look_after_people(firm):
    staff = firm.person("lena", firm.grant("staff", "legal"))
    officer = firm.person("olga", firm.grant("compliance_officer"))
    unplaced = firm.person("new here")
    boss, oversees, reads = firm.acting(firm.boss), firm.acting(officer), firm.acting(staff)
    with firm.main.write() as session:
        suspensions.suspend(session, staff, by=boss, at=firm.now)
    with firm.main.read() as session:

        def listed(by, **more):
            return directory.page(session, by=by, at=firm.now, keys=firm.keys, **more)

        everybody = listed(boss)
        assert [entry.names.id for entry in everybody] == [firm.boss, staff, officer, unplaced]
        assert [entry.state for entry in everybody] == ["active", "suspended", "active", "active"]
        assert [grant.value for grant in everybody[1].grants] == [firm.grant("staff", "legal")]
        assert [entry.names.id for entry in listed(boss, after=staff, limit=1)] == [officer]
        assert [entry.names.id for entry in listed(oversees)] == [firm.boss, staff, officer]
        with pytest.raises(NotAllowed):
            listed(reads)


def test_the_audit_events_name_people_by_id_only(firm):
    person = add(firm, NAMES[0], name=NAMES[1], mail=NAMES[2])
    added = firm.events("person.added")[-1]
    assert added["objects"] == [{"i": person.hex, "k": "person"}]
    assert added["actor"] == {"k": "person", "i": firm.boss.hex}
    assert PASSWORD not in repr(firm.events())
