"""Nobody approves what they prepared: not in another role, by another way in, or through an account of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts import grant_requests, passwords, people, principals, setup, tokens
from accounts.permissions import SCOPES
from accounts.principal import NotAllowed, Principal
from core.errors import NotFound
from retention import approval
from retention.approval import OwnBatch
from tests.support.archive import PASSWORD
from tests.support.depot import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def by_token(depot: Depot, name: str) -> Principal:
    """The person as a program of theirs comes in."""
    with depot.run.main.write() as session:
        made = tokens.create(session, SCOPES, label="test", by=depot.by(name), at=depot.now, keys=depot.run.keys)
    with depot.run.main.read() as session:
        found = principals.by_token(session, made.secret, depot.now)
    assert found is not None
    return found.principal


def from_the_console(depot: Depot, name: str) -> Principal:
    with depot.run.main.read() as session:
        return principals.operator_for(session, name, at=depot.now, keys=depot.run.keys)


def approve(depot: Depot, made: tuple, by: Principal) -> str:  # type: ignore[type-arg]
    with depot.run.main.write() as session:
        return approval.approve(session, *made, by=by, at=depot.now).state


def test_whoever_prepared_it_is_one_person_in_every_role_and_by_every_way_in(depot: Depot) -> None:
    grant = depot.archive.grant
    depot.archive.add_person("both", grant("records_manager"), grant("compliance_officer"))
    depot.file("one")
    batch = depot.propose("both")
    assert batch is not None
    depot.decide(batch, by="both")
    made = batch, depot.submit(batch, "both")
    for by in (depot.by("both"), by_token(depot, "both")):
        with pytest.raises(OwnBatch):
            approve(depot, made, by)
    with pytest.raises(NotAllowed):
        approve(depot, made, from_the_console(depot, "both"))
    assert approve(depot, made, by_token(depot, "officer")) == "approved"


def test_a_second_account_approves_nothing_before_another_person_has_let_it(depot: Depot) -> None:
    run = depot.run
    depot.file("one")
    made = depot.submitted()
    with run.main.write() as session:
        setup.close(session, by=depot.by("boss"), at=depot.now)
    with run.main.write() as session:
        # The records manager's own, made by an administrator who thinks nothing of it.
        second = people.add(
            session, "manager2", password=passwords.hash_password(PASSWORD), by=depot.by("boss"), at=depot.now,
            keys=run.keys,
        )  # fmt: skip
        role = depot.archive.grant("compliance_officer")
        asked = grant_requests.propose(session, second, role, by=depot.by("boss"), at=depot.now)
    assert asked.state == "pending"
    for name in ("boss", "manager", "manager2"):
        with run.main.write() as session, pytest.raises((NotAllowed, NotFound, grant_requests.SamePerson)):
            grant_requests.confirm(session, asked.id, by=depot.by(name), at=depot.now)
    with pytest.raises((NotAllowed, NotFound)):
        approve(depot, made, depot.by("manager2"))
    with run.main.write() as session:
        grant_requests.confirm(session, asked.id, by=depot.by("officer"), at=depot.now)
    # From here on the program knows two persons; who made them two stands in the log.
    assert approve(depot, made, depot.by("manager2")) == "approved"
    depot.archive.settle()
    granted = depot.archive.events("grant.begun")[-1]
    assert (granted.by.id, granted.second) == (depot.archive.people["officer"], depot.archive.people["boss"])
