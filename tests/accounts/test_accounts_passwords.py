"""Passwords: which are refused, how they are kept, and what a change ends."""

import pytest
from accounts_world import PASSWORD, the_hash
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from accounts import passwords, sessions
from accounts.password_rules import MIN_LENGTH, weakness
from accounts.passwords import PasswordHash, Verified, WeakPassword, WrongPassword
from accounts.principal import NotAllowed


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("short pass", id="eleven characters and fewer"),
        pytest.param("aaaaaaaaaaaaaaaa", id="one character"),
        pytest.param("ababcababcababc", id="three characters"),
        pytest.param("123456789012", id="digits in a row"),
        pytest.param("abcdefghijklm", id="the alphabet"),
        pytest.param("qwertyuiopasdf", id="keys of a row"),
        pytest.param("password1234!", id="the word and digits"),
        pytest.param("P@ssw0rd!2026", id="the word disguised"),
        pytest.param("Passwort-Passwort", id="the word twice, in German"),
        pytest.param("motdepasse2026", id="in French"),
        pytest.param("parola.parola.1", id="in Romanian"),
        pytest.param("contraseña-2026", id="in Spanish"),
        pytest.param("Administrator#1", id="the role"),
        pytest.param("Welcome-Muniment1", id="two such words"),
        pytest.param("Lena.Suess.1987", id="one's own name and year"),
        pytest.param("x" * 500 + "yz12" * 200, id="over 1024 characters"),
    ],
)
def test_what_is_tried_first_is_refused(password):
    assert weakness(password, names=("lena.suess", "Lena Suess")) is not None
    with pytest.raises(WeakPassword) as refusal:
        passwords.hash_password(password, names=("lena.suess", "Lena Suess"))
    assert password not in str(refusal.value)


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("plum tractor violin", id="unrelated words"),
        pytest.param("kQ7#vT2!mZ9x", id="twelve at random"),
        pytest.param("mijn paard eet soep", id="a sentence"),
        pytest.param("пароль из трёх слов", id="another script"),
        pytest.param("my password is a horse", id="a common word among others"),
        pytest.param("lena likes old bridges", id="the own name among others"),
    ],
)
def test_long_and_uncommon_passwords_are_taken(password):
    assert weakness(password, names=("lena",)) is None


@given(st.text(max_size=MIN_LENGTH - 1))
def test_nothing_short_is_taken(password):
    assert weakness(password) is not None


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_gets_an_answer(password, names):
    reason = weakness(password, tuple(names))
    assert reason is None or (reason and (not password or len(password) < 5 or password not in reason))


def test_the_hash_is_argon2id_of_the_present_parameters_and_never_printed():
    assert the_hash().phc.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "argon2" not in repr(the_hash())
    assert passwords.matches(the_hash().phc, PASSWORD)
    assert not passwords.matches(the_hash().phc, PASSWORD + " ")
    assert not passwords.matches("not a hash", PASSWORD)


def test_the_same_password_from_two_keyboards_is_the_same():
    stored = passwords.hash_password("gr\u00fcne B\u00e4ume im M\u00e4rz")
    assert passwords.matches(stored.phc, "gru\u0308ne Ba\u0308ume im Ma\u0308rz")


def test_a_password_that_cannot_be_encoded_is_wrong_and_no_accident():
    assert not passwords.matches(the_hash().phc, "half \ud800 a pair")
    assert passwords.verify(the_hash(), the_hash().phc, "y" * 5000) is None  # type: ignore[arg-type]


def test_an_older_hash_is_renewed_when_its_password_is_next_seen(firm):
    old = PasswordHash(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD))
    person, boss = firm.person("lena"), firm.acting(firm.boss)
    with firm.main.write() as session:
        passwords.reset(session, person, old, by=boss, at=firm.now)
    verified = passwords.verify(person, old.phc, PASSWORD)
    assert verified is not None
    assert verified.renewed is not None
    with firm.main.write() as session:
        passwords.renew(session, verified)
    with firm.main.read() as session:
        assert passwords.get_phc(session, person) == verified.renewed.phc
    again = passwords.verify(person, verified.renewed.phc, PASSWORD)
    assert again is not None
    assert again.renewed is None


def test_changing_ones_password_ends_the_other_sessions(firm):
    person = firm.person("lena")
    here, elsewhere = firm.acting(person), firm.acting(person)
    new = PasswordHash("$new")
    with firm.main.write() as session:
        verified = Verified(person, the_hash().phc, None)
        passwords.change_own(session, verified, new, by=here, at=firm.now)
    with firm.main.read() as session:
        assert [row.id for row in sessions.running(session, person, firm.now)] == [here.session_id]
        assert passwords.get_phc(session, person) == "$new"
    ended = firm.events("session.ended")[-1]
    assert ended["objects"][0]["i"] == elsewhere.session_id.hex
    assert ended["d"] == {"reason": "password_changed"}


@pytest.mark.parametrize("trouble", ["another person", "replaced meanwhile"])
def test_a_password_is_changed_only_on_proof_of_the_present_one(firm, trouble):
    person = firm.person("lena")
    acting = firm.acting(person)
    proof = {
        "another person": Verified(firm.boss, the_hash().phc, None),
        "replaced meanwhile": Verified(person, "$old", None),
    }[trouble]
    with firm.main.write() as session, pytest.raises(WrongPassword):
        passwords.change_own(session, proof, PasswordHash("$new"), by=acting, at=firm.now)


def test_a_reset_is_for_others_and_ends_their_sessions(firm):
    person = firm.person("lena", firm.grant("staff", "legal"))
    acting, boss = firm.acting(person), firm.acting(firm.boss)
    with firm.main.write() as session:
        with pytest.raises(NotAllowed):
            passwords.reset(session, firm.boss, the_hash(), by=boss, at=firm.now)
        with pytest.raises(NotAllowed):
            passwords.reset(session, firm.boss, the_hash(), by=acting, at=firm.now)
        passwords.reset(session, person, the_hash(), by=boss, at=firm.now)
    with firm.main.read() as session:
        assert sessions.running(session, person, firm.now) == []
    assert not firm.acting(person).may("record.read")
