"""Every half year somebody else signs that a role is still needed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from accounts import recertification, rights
from accounts.grants import GrantOver, RoleGrant, UnknownGrant
from accounts.principal import NotAllowed
from accounts.recertification import EVERY, OwnRecertification, due_at
from core.identifiers import new_id
from tests.support.app import Office

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("recertification"))
    yield made
    made.close()


@given(INSTANTS, INSTANTS)
def test_a_sign_off_never_brings_the_next_one_nearer(begun: datetime, signed: datetime) -> None:
    assert due_at(begun, None) == begun + EVERY
    assert due_at(begun, signed) >= due_at(begun, None)


def grant_of(office: Office, name: str) -> object:
    with office.runtime.main.read() as session:
        return rights.grants_at(session, office.people[name], office.runtime.clock.now())[0].id


def due(office: Office, days: int, name: str = "officer") -> set[object]:
    by, at = office.principal(name), office.runtime.clock.now() + timedelta(days=days)
    with office.runtime.main.read() as session:
        return {each.grant.id for each in recertification.due(session, at, by=by)}


def sign(office: Office, grant: object, name: str = "officer", *, kept: bool = True, days: int = 0) -> None:
    by, at = office.principal(name), office.runtime.clock.now() + timedelta(days=days)
    with office.runtime.main.write() as session:
        recertification.sign(session, grant, kept=kept, by=by, at=at)  # type: ignore[arg-type]


def test_a_role_is_due_a_month_ahead_and_again_half_a_year_after_it_was_signed_for(office: Office) -> None:
    grant = grant_of(office, "manager")
    assert grant not in due(office, 150)
    assert grant in due(office, 153)
    sign(office, grant, days=153)
    assert grant not in due(office, 182)
    assert grant in due(office, 153 + 152)


def test_a_role_that_is_not_kept_ends_at_once(office: Office) -> None:
    grant = grant_of(office, "hr")
    before = office.leaves()
    sign(office, grant, kept=False)
    with office.runtime.main.read() as session:
        assert rights.grants_at(session, office.people["hr"], office.runtime.clock.now()) == []
    with pytest.raises(GrantOver):
        sign(office, grant)
    office.settle()
    assert {"grant.recertified", "grant.ended"} <= set(office.actions_since(before))


def test_nobody_signs_for_themselves_and_few_sign_at_all(office: Office) -> None:
    with pytest.raises(OwnRecertification):
        sign(office, grant_of(office, "officer"))
    for name in ("auditor", "dpo"):
        with pytest.raises(NotAllowed):
            sign(office, grant_of(office, "clerk"), name)
    with pytest.raises(UnknownGrant):
        sign(office, grant_of(office, "clerk"), "clerk")
    with pytest.raises(UnknownGrant):
        sign(office, new_id())


def test_an_administrator_is_ended_by_another_administrator_only(office: Office) -> None:
    with pytest.raises(NotAllowed):
        sign(office, grant_of(office, "admin"), kept=False)
    sign(office, grant_of(office, "admin"))
    sign(office, grant_of(office, "admin"), "boss", kept=False)


def test_the_page_lists_what_is_due_and_takes_the_word(office: Office) -> None:
    browser, csrf = office.browser("officer")
    assert "Nothing is due" in browser.get("/people/recertification").text
    grant = grant_of(office, "clerk")
    answer = browser.post(f"/people/recertification/{grant}", data={"csrf": csrf, "word": "keep"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/people/recertification?done=keep")
    assert browser.post(f"/people/recertification/{grant}", data={"csrf": csrf, "word": "?"}).status_code == 422
    refused, own = office.browser("auditor")
    answer = refused.post(f"/people/recertification/{grant}", data={"csrf": own, "word": "end"})
    assert answer.status_code == 403


def test_names_of_those_whose_roles_are_due_are_shown_after_the_log_says_so(office: Office) -> None:
    with office.runtime.main.write() as session:
        for row in session.scalars(select(RoleGrant).where(RoleGrant.person == office.people["dpo"])):
            row.valid_from -= timedelta(days=190)
    before = office.leaves()
    page = office.browser("officer")[0].get("/people/recertification").text
    assert "Overdue" in page
    assert "dpo" in page
    assert office.actions_since(before) == ["person.listed"]
