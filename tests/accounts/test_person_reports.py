"""Reports about one person's reading: off by default, two persons, open to few and for two weeks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from accounts import person_reports
from accounts.people import UnknownPerson
from accounts.person_reports import LawfulBasis, OwnReport, ReportDecided, ReportNotOpen, ReportsOff
from accounts.principal import NotAllowed
from core.errors import Invalid, NotFound
from tests.support.app import Office

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("reports"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def allowed(office: Office) -> LawfulBasis:
    return LawfulBasis("works-agreement/7", (office.runtime.clock.now() + timedelta(days=1)).date())


def ask(office: Office, lawful: LawfulBasis, name: str = "auditor", **changes: object) -> person_reports.PersonReport:
    by, now = office.principal(name), office.runtime.clock.now()
    given = {
        "person": office.people["clerk"],
        "entity": office.entity,
        "since": SINCE,
        "until": UNTIL,
        "reason": "leak",
        "reference": "CASE-1",
    } | changes
    with office.runtime.main.write() as session:
        return person_reports.ask(session, *given.values(), lawful=lawful, by=by, at=now)  # type: ignore[arg-type]


def decide(office: Office, report: object, name: str = "officer", *, confirmed: bool = True) -> None:
    by, now = office.principal(name), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        person_reports.decide(session, report, confirmed=confirmed, by=by, at=now)  # type: ignore[arg-type]


def read(office: Office, lawful: LawfulBasis, report: object, name: str = "auditor", days: int = 0) -> object:
    by, now = office.principal(name), office.runtime.clock.now() + timedelta(days=days)
    with office.runtime.main.read() as session:
        return person_reports.get_open(session, report, lawful=lawful, by=by, at=now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lawful",
    [LawfulBasis("", None), LawfulBasis("works-agreement/7", None), LawfulBasis("a b", datetime(2200, 1, 1).date())],
    ids=["nothing set", "no end", "a basis that is no reference"],
)
def test_without_a_lawful_basis_there_are_no_reports(office: Office, lawful: LawfulBasis) -> None:
    with pytest.raises(ReportsOff):
        ask(office, lawful)


def test_a_lawful_basis_that_has_ended_closes_reports_that_were_open(office: Office, allowed: LawfulBasis) -> None:
    report = ask(office, allowed).id
    decide(office, report)
    assert read(office, allowed, report)
    with pytest.raises(ReportsOff):
        read(office, allowed, report, days=3)


@pytest.mark.parametrize("name", ["admin", "officer", "manager", "clerk"])
def test_only_those_who_oversee_ask(office: Office, allowed: LawfulBasis, name: str) -> None:
    with pytest.raises(NotAllowed):
        ask(office, allowed, name)


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "curiosity"},
        {"reference": ""},
        {"reference": "Anna Müller"},
        {"until": SINCE},
        {"until": SINCE + timedelta(days=93)},
    ],
    ids=["no such reason", "no reference", "a name as reference", "no time", "too long a time"],
)
def test_a_report_needs_a_reason_a_reference_and_a_time(
    office: Office, allowed: LawfulBasis, changes: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        ask(office, allowed, **changes)


def test_nobody_outside_the_firm_can_be_asked_about(office: Office, allowed: LawfulBasis) -> None:
    with pytest.raises(UnknownPerson):
        ask(office, allowed, person=uuid4())


def test_a_report_opens_when_another_has_confirmed_it_to_the_asker_and_the_protection_officer(
    office: Office, allowed: LawfulBasis
) -> None:
    report = ask(office, allowed).id
    with pytest.raises(ReportNotOpen):
        read(office, allowed, report)
    decide(office, report)
    assert read(office, allowed, report)
    assert read(office, allowed, report, "dpo")
    for name in ("officer", "clerk", "admin"):
        with pytest.raises(NotFound):
            read(office, allowed, report, name)
    with pytest.raises(ReportDecided):
        decide(office, report)


def test_a_refused_report_never_opens(office: Office, allowed: LawfulBasis) -> None:
    report = ask(office, allowed).id
    decide(office, report, confirmed=False)
    with pytest.raises(ReportNotOpen):
        read(office, allowed, report)


def test_two_weeks_after_it_was_confirmed_it_is_closed(office: Office) -> None:
    long = LawfulBasis("works-agreement/7", datetime(2200, 1, 1).date())
    report = ask(office, long).id
    decide(office, report)
    assert read(office, long, report, days=13)
    with pytest.raises(ReportNotOpen):
        read(office, long, report, days=14)


def test_nobody_decides_on_a_report_about_themselves(office: Office, allowed: LawfulBasis) -> None:
    report = ask(office, allowed, person=office.people["officer"]).id
    with pytest.raises(OwnReport):
        decide(office, report)


def test_those_it_is_about_and_outsiders_do_not_know_of_it(office: Office, allowed: LawfulBasis) -> None:
    report = ask(office, allowed, person=office.people["officer"]).id
    knows = {}
    for name in ("auditor", "dpo", "officer", "admin", "clerk"):
        by = office.principal(name)
        with office.runtime.main.read() as session:
            knows[name] = report in [row.id for row, _decision in person_reports.visible(session, by=by)]
    assert knows == {"auditor": True, "dpo": True, "officer": False, "admin": False, "clerk": False}


def test_every_step_is_in_the_log_and_the_report_shows_what_was_read(tmp_path: Path) -> None:
    office = Office.open(tmp_path / "data", person_reports_basis="works-agreement/7", person_reports_until="2200-01-01")
    try:
        record = office.upload(b"Rechnung", "r.txt", class_="supplier_invoice")["id"]
        office.settle()
        office.client("clerk").get(f"/api/v1/records/{record}/content")
        now, before = office.runtime.clock.now(), office.leaves()
        body = {
            "person": str(office.people["clerk"]),
            "entity": str(office.entity),
            "from": (now - timedelta(days=1)).isoformat(),
            "to": (now + timedelta(days=1)).isoformat(),
            "reason": "leak",
            "reference": "CASE-1",
        }
        path = "/api/v1/audit/person-reports"
        report = office.client("auditor").post(path, json=body).json()["id"]
        assert "One report about a person" in office.browser("dpo")[0].get("/audit/health").text
        assert office.client("auditor").get(f"{path}/{report}/entries").status_code == 409
        officer = office.client("officer")
        assert officer.post(f"{path}/{report}/decision", json={"confirmed": True}).status_code == 200
        office.settle()
        items = office.client("auditor").get(f"{path}/{report}/entries").json()["items"]
        assert record in [thing["id"] for each in items for thing in each["objects"]]
        assert "record.captured" not in [each["action"] for each in items]
        page = office.browser("auditor")[0].get(f"/audit/reports/{report}")
        assert "What clerk read" in page.text
        steps = [each for each in office.actions_since(before) if each.startswith("person_report.")]
        assert sorted(steps) == [
            "person_report.asked",
            "person_report.decided",
            "person_report.read",
            "person_report.read",
        ]
    finally:
        office.close()
