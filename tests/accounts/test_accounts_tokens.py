"""API tokens: narrow, ending, shown once."""

from datetime import timedelta

import pytest
from accounts_world import World, the_hash

from accounts import grants, passwords, principals, tokens
from accounts.permissions import APPROVALS
from accounts.principal import NotAllowed, system
from accounts.tokens import DEFAULT_LIFE, LONGEST_LIFE, InvalidToken, TokenOver, UnknownToken

DAY = timedelta(days=1)


def make(world: World, by, scopes=("read",), **more):
    with world.main.write() as session:
        return tokens.create(session, scopes, by=by, at=world.now, keys=world.keys, **more)


def find(world: World, secret: str):
    with world.main.read() as session:
        return principals.by_token(session, secret, world.now)


def test_a_token_acts_for_its_person_within_its_scopes(firm):
    token = make(firm, firm.acting(firm.boss), ("read", "capture"))
    assert token.secret.startswith("mun_")
    assert len(token.secret) == 47
    principal = find(firm, token.secret).principal
    assert (principal.id, principal.token_id) == (firm.boss, token.id)
    assert principal.may("record.read", entity=firm.entity)
    assert principal.may("record.capture", entity=firm.entity)
    assert not principal.may("person.manage")


def test_the_secret_and_the_label_stand_nowhere_in_the_database(firm):
    token = make(firm, firm.acting(firm.boss), label="Lenas Buchhaltungs-Laptop")
    assert firm.holds([token.secret, token.secret[4:], "Lenas Buchhaltungs-Laptop"]) == []
    assert token.secret not in repr(token)


def test_a_token_ends_after_ninety_days_unless_told_otherwise(firm):
    boss = firm.acting(firm.boss)
    usual, short = make(firm, boss), make(firm, boss, life=DAY)
    firm.clock.go(DAY)
    assert find(firm, short.secret) is None
    firm.clock.go(DEFAULT_LIFE - DAY - timedelta(microseconds=1))
    assert find(firm, usual.secret) is not None
    firm.clock.go(timedelta(microseconds=1))
    assert find(firm, usual.secret) is None


@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        pytest.param((), {}, id="no scope"),
        pytest.param(("read", "everything"), {}, id="an unknown scope"),
        pytest.param(("read",), {"life": LONGEST_LIFE + DAY}, id="longer than a year"),
        pytest.param(("read",), {"life": timedelta(0)}, id="no life"),
        pytest.param(("read",), {"label": "x" * 101}, id="a long label"),
        pytest.param(("read",), {"label": "a\nb"}, id="a label of two lines"),
        pytest.param(("read",), {"label": "\ud800"}, id="a label that is no text"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused(firm, scopes, more):
    by = firm.acting(firm.boss)
    with pytest.raises(InvalidToken):
        make(firm, by, scopes, **more)


def test_a_token_makes_none_that_reaches_farther_or_lives_longer(firm):
    maker = make(firm, firm.acting(firm.boss), ("read", "admin"), life=10 * DAY)
    principal = find(firm, maker.secret).principal
    child = make(firm, principal, ("read",))
    assert child.expires_at == maker.expires_at
    with pytest.raises(NotAllowed):
        make(firm, principal, ("read", "audit"))
    without = find(firm, child.secret).principal
    with pytest.raises(NotAllowed):
        make(firm, without, ("read",))


def test_only_people_make_tokens_and_only_for_themselves(firm):
    with pytest.raises(NotAllowed):
        make(firm, system("pipeline"))
    unplaced = firm.acting(firm.person("without a role"))
    with pytest.raises(NotAllowed):
        make(firm, unplaced)


def test_an_operator_makes_a_token_of_the_person_they_act_for(firm):
    with firm.main.read() as session:
        operator = principals.operator_for(session, "boss", at=firm.now, keys=firm.keys)
    token = make(firm, operator, ("read",))
    assert find(firm, token.secret).principal.id == firm.boss
    assert firm.events("token.made")[-1]["actor"]["k"] == "operator"


def test_a_token_is_revoked_by_its_owner_or_an_administrator(firm):
    person = firm.person("lena", firm.grant("staff", "legal"))
    own, boss = firm.acting(person), firm.acting(firm.boss)
    stranger = firm.acting(firm.person("udo", firm.grant("staff", "legal")))
    first, second = make(firm, own), make(firm, own)
    with firm.main.write() as session:
        with pytest.raises(UnknownToken):
            tokens.revoke(session, first.id, by=stranger, at=firm.now)
        with pytest.raises(UnknownToken):
            tokens.revoke(session, firm.entity, by=boss, at=firm.now)
        tokens.revoke(session, first.id, by=own, at=firm.now)
        tokens.revoke(session, second.id, by=boss, at=firm.now)
        with pytest.raises(TokenOver):
            tokens.revoke(session, first.id, by=own, at=firm.now)
    assert find(firm, first.secret) is None
    assert find(firm, second.secret) is None


def test_the_list_shows_labels_to_the_owner_only_and_the_day_of_last_use(firm):
    person = firm.person("lena", firm.grant("staff", "legal"))
    own, boss = firm.acting(person), firm.acting(firm.boss)
    stranger = firm.acting(firm.person("udo", firm.grant("staff", "legal")))
    token = make(firm, own, label="scanner")
    found = find(firm, token.secret)
    assert found.due == "use"
    with firm.main.write() as session:
        principals.write_due(session, found, at=firm.now)
    assert find(firm, token.secret).due == "nothing"
    with firm.main.read() as session:

        def listed(by):
            return [(row.label, row.used_on) for row in tokens.live(session, person, firm.now, by=by, keys=firm.keys)]

        assert listed(own) == [("scanner", firm.now.date())]
        assert listed(boss) == [(None, firm.now.date())]
        with pytest.raises(NotAllowed):
            listed(stranger)
    assert len(firm.events("token.made")) == 1


def test_a_grant_that_ends_is_gone_from_the_token_at_once(firm):
    person = firm.person("lena", firm.grant("staff", "legal"))
    boss, token = firm.acting(firm.boss), make(firm, firm.acting(person))
    assert find(firm, token.secret).principal.may("record.read")
    with firm.main.write() as session:
        (row,) = grants.of_person(session, person, firm.now)
        grants.end(session, row.id, by=boss, at=firm.now)
    assert not find(firm, token.secret).principal.may("record.read")


def test_approvals_rest_for_tokens_too_after_a_reset(closed_firm):
    officer, boss = closed_firm.acting(closed_firm.officer), closed_firm.acting(closed_firm.boss)
    token = make(closed_firm, officer, ("admin",))
    assert find(closed_firm, token.secret).principal.may("grant.decide")
    with closed_firm.main.write() as session:
        passwords.reset(session, closed_firm.officer, the_hash(), by=boss, at=closed_firm.now)
    assert find(closed_firm, token.secret).principal.withheld == APPROVALS


@pytest.mark.parametrize("secret", ["", "mun_", "mun_" + "a" * 43, "\ud800", "Bearer"])
def test_no_other_text_is_a_token(firm, secret):
    make(firm, firm.acting(firm.boss))
    assert find(firm, secret) is None
