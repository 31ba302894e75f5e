"""The auditor's pages: what they show, what they keep to themselves, and that looking is on the log."""

import io
import json
import re
import zipfile
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from test_pages_access import the_record

from accounts import departments, entities, grants, rights, suspensions
from accounts.entities import NewEntity
from accounts.principal import Grant
from core.clock import civil_date
from records import case_file
from records.case_file import NewCaseFile
from tests.support.app import Office

V1 = "/api/v1/audit"


def number_of(office: Office, record: UUID) -> str:
    return str(office.client("clerk").get(f"/api/v1/records/{record}").json()["number"])


def shown(number: str) -> str:
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def today(office: Office) -> str:
    return civil_date(office.runtime.clock.now(), "Europe/Berlin").isoformat()


def test_the_trail_names_departments_and_records_and_no_colleague(pages_office: Office) -> None:
    record = the_record(pages_office)
    pages_office.client("clerk").get(f"/api/v1/records/{record}/content")
    page = pages_office.browser("auditor")[0].get(f"/audit?record={record}").text
    assert "A colleague in Accounting" in page
    assert shown(number_of(pages_office, record).replace("-", "")) in page
    assert "clerk" not in page.replace("named clerk", "")
    assert str(pages_office.people["clerk"]) not in page
    assert "Zebrafink" not in page


def test_a_filter_finds_by_number_class_and_outcome(pages_office: Office) -> None:
    record = the_record(pages_office)
    number = number_of(pages_office, record)
    pages_office.client("hr").get(f"/api/v1/records/{record}")
    ask = pages_office.client("auditor").get
    refused = ask(f"{V1}/trail?record={number}&outcome=refused").json()["items"]
    assert [each["action"] for each in refused] == ["record.refused"] * len(refused) != []
    own_class = pages_office.client("clerk").get(f"/api/v1/records/{record}").json()["class"]
    of_class = ask(f"{V1}/trail?class={own_class}&action=record.captured").json()["items"]
    assert str(record) in [thing["id"] for each in of_class for thing in each["objects"]]
    assert ask(f"{V1}/trail?class=payslip&action=record.captured").json()["items"] == []
    assert ask(f"{V1}/trail?record={uuid4()}").status_code == 404
    assert ask(f"{V1}/trail?class=no_such_class").status_code == 404


def test_a_request_is_found_by_the_id_its_answer_bore(pages_office: Office) -> None:
    record = the_record(pages_office)
    answer = pages_office.client("clerk").get(f"/api/v1/records/{record}/text")
    found = pages_office.client("auditor").get(f"{V1}/trail?request={answer.headers['muniment-request']}").json()
    assert {each["request"] for each in found["items"]} == {answer.headers["muniment-request"]}


def test_looking_is_on_the_log_before_the_page_is_shown(pages_office: Office) -> None:
    record, auditor = the_record(pages_office), pages_office.browser("auditor")[0]
    before = pages_office.leaves()
    for path in ("/audit?outcome=done", f"/audit/seen?record={record}", f"/audit/rights?record={record}"):
        assert auditor.get(path).status_code == 200
    auditor.get("/audit/rights?role=records_manager:" + str(pages_office.entity))
    auditor.get("/audit/entries/0")
    auditor.get("/audit/health")
    assert [each for each in pages_office.actions_since(before) if each.startswith("audit.")] == [
        "audit.trail_read",
        "audit.access_reviewed",
        "audit.access_reviewed",
        "audit.access_reviewed",
        "audit.trail_read",
        "audit.health_read",
    ]


def test_who_saw_a_record_counts_people_and_not_the_program(own_office: Office) -> None:
    record = own_office.upload(b"Rechnung 1, Summe 3,00 EUR", "r.txt", class_="supplier_invoice")["id"]
    own_office.settle()
    for name in ("clerk", "clerk", "manager"):
        own_office.client(name).get(f"/api/v1/records/{record}/content")
    items = own_office.client("auditor").get(f"{V1}/seen?record={record}").json()["items"]
    assert [(each["who"], each["how"]) for each in items] == [(2, {"download": 1}), (1, {"download": 2})]
    assert [each["department"] for each in items] == [None, str(own_office.departments["accounting"])]
    assert str(own_office.people["clerk"]) not in str(items)


def test_who_could_see_it_follows_grants_and_suspensions_of_that_day(own_office: Office) -> None:
    record = own_office.upload(b"Rechnung 1, Summe 3,00 EUR", "r.txt", class_="supplier_invoice")["id"]
    own_office.settle()

    def could(day: str) -> dict[str, str]:
        answer = own_office.client("auditor").get(f"{V1}/could-see?record={record}&day={day}").json()
        names = {str(person): name for name, person in own_office.people.items()}
        return {names[each["person"]]: each["why"] for each in answer["items"]}

    assert could(today(own_office)) == {"clerk": "class", "manager": "class"}
    yesterday = civil_date(own_office.runtime.clock.now() - timedelta(days=1), "Europe/Berlin").isoformat()
    assert could(yesterday) == {}
    tomorrow = civil_date(own_office.runtime.clock.now() + timedelta(days=1), "Europe/Berlin").isoformat()
    answer = own_office.client("auditor").get(f"{V1}/could-see?record={record}&day={tomorrow}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    run, admin = own_office.runtime, own_office.principal("admin")
    with run.main.write() as session:
        suspensions.suspend(session, own_office.people["clerk"], by=admin, at=run.clock.now())
    # They could until the suspension: rights are those of the whole day.
    assert could(today(own_office)) == {"clerk": "class", "manager": "class"}


def test_what_a_role_opened_is_counted_by_class(own_office: Office) -> None:
    own_office.upload(b"Rechnung 1", "r.txt", class_="supplier_invoice")
    own_office.upload(b"Lohn 1", "l.txt", by="hr", class_="payslip")
    own_office.settle()
    ask = own_office.client("auditor").get
    where = f"entity={own_office.entity}&day={today(own_office)}"
    manager = ask(f"{V1}/role-sees?role=records_manager&{where}").json()["items"]
    clerk = ask(f"{V1}/role-sees?role=staff&department={own_office.departments['accounting']}&{where}").json()["items"]
    assert [each["class"] for each in manager] == ["supplier_invoice"]
    assert [each["class"] for each in clerk] == ["supplier_invoice"]
    assert ask(f"{V1}/role-sees?role=auditor&{where}").json()["items"] == []


@pytest.fixture
def two_firms(own_office: Office) -> Office:
    """A second legal entity with a clerk, whose records the auditor of the first does not oversee."""
    run, boss = own_office.runtime, own_office.principal("boss")
    now = run.clock.now()
    with run.main.write() as session:
        firm = entities.add(
            session, NewEntity(name="Südwind", jurisdiction="DE", zone="Europe/Berlin"), by=boss, at=now
        )
        place = departments.add(session, firm.id, "Buchhaltung", "accounting", by=boss, at=now)
        grant = Grant("staff", firm.id, place.id)
        grants.begin(
            session,
            own_office.people["hr"],
            grant,
            basis="second_person",
            requested_by=None,
            until=None,
            by=boss,
            at=now,
        )
    own_office.departments["other"] = place.id
    own_office.entity_of_others = firm.id  # type: ignore[attr-defined]
    return own_office


def test_another_firms_entries_records_and_places_do_not_exist_for_an_auditor(two_firms: Office) -> None:
    office = two_firms
    record = office.upload(
        b"Rechnung 9", "r.txt", by="hr", class_="supplier_invoice",
        entity=office.entity_of_others, department=office.departments["other"],  # type: ignore[attr-defined]
    )["id"]  # fmt: skip
    office.settle()
    ask, browser = office.client("auditor").get, office.browser("auditor")[0]
    items = ask(f"{V1}/trail?limit=200").json()["items"]
    assert str(office.entity_of_others) not in {each["entity"] for each in items}  # type: ignore[attr-defined]
    assert record not in str(items)
    for path in ("trail", "seen"):
        assert ask(f"{V1}/{path}?record={record}").status_code == 404
    assert ask(f"{V1}/could-see?record={record}&day={today(office)}").status_code == 404
    role = f"role=records_manager&entity={office.entity_of_others}&day={today(office)}"  # type: ignore[attr-defined]
    assert ask(f"{V1}/role-sees?{role}").status_code == 403
    for page in ("/audit", "/audit/seen", "/audit/rights"):
        assert browser.get(f"{page}?record={record}").status_code == 404
    with office.runtime.log_database.read() as log:
        from audit import trail

        seq = trail.history(log, "record", UUID(record), limit=1)[0].seq
    assert ask(f"{V1}/trail/{seq}").status_code == 404


def test_the_state_of_the_log_says_plainly_what_is_not_protected(pages_office: Office) -> None:
    pages_office.settle()
    page = pages_office.browser("auditor")[0].get("/audit/health").text
    assert "No witness is set" in page
    assert "No time stamping service is set" in page
    state = pages_office.client("auditor").get(f"{V1}/state").json()
    assert {"no_witness", "no_timestamp"} <= {gap["code"] for gap in state["unprotected"]}
    assert (state["outside"], state["vanished"]) == (0, 0)
    assert state["signed_size"] <= state["size"]


def test_refusals_and_downloads_are_counted_by_department(own_office: Office) -> None:
    record = own_office.upload(b"Rechnung 1", "r.txt", class_="supplier_invoice")["id"]
    own_office.settle()
    for _ in range(3):
        own_office.client("clerk").get(f"/api/v1/records/{record}/content")
        own_office.client("hr").get(f"/api/v1/records/{record}/content")
    rows = own_office.client("auditor").get(f"{V1}/state").json()["departments"]
    by_place = {each["department"]: each for each in rows}
    accounting, hr = (by_place[str(own_office.departments[kind])] for kind in ("accounting", "hr"))
    assert (accounting["downloads"], accounting["most_in_an_hour"], accounting["refused"]) == (3, 3, 0)
    assert (hr["downloads"], hr["refused"], hr["refused_people"]) == (0, 3, 1)


def test_the_whole_log_is_verified_on_the_page_and_that_is_logged(own_office: Office) -> None:
    own_office.settle()
    browser, csrf = own_office.browser("auditor")
    before = own_office.leaves()
    answer = browser.post("/audit/health/verification", data={"csrf": csrf})
    assert answer.status_code == 200
    assert "entries verified" in answer.text
    assert own_office.actions_since(before) == ["log.verified"]


def test_an_entry_shows_the_bytes_that_hash_to_its_leaf(pages_office: Office) -> None:
    import hashlib

    view = pages_office.client("auditor").get(f"{V1}/trail/1").json()
    assert hashlib.sha256(b"\x00" + view["leaf"].encode()).hexdigest() == view["item"]["leaf_hash"]
    assert pages_office.client("auditor").get(f"{V1}/trail/99999999").status_code == 404


def test_a_sample_is_drawn_the_same_again_by_its_seed_and_named_in_the_log(own_office: Office) -> None:
    drawn = [
        own_office.upload(
            f"Rechnung {number}".encode(), "r.txt", class_="supplier_invoice", document_date=f"2025-03-{number + 1:02}"
        )["id"]
        for number in range(8)
    ]
    own_office.upload(b"Rechnung alt", "r.txt", class_="supplier_invoice", document_date="2024-03-01")
    own_office.settle()
    ask = own_office.client("auditor").get
    path = f"{V1}/sample?entity={own_office.entity}&class=supplier_invoice&year=2025&count=3"
    first = ask(path).json()
    before = own_office.leaves()
    again = ask(f"{path}&seed={first['seed']}").json()
    assert again == first
    assert (first["population"], len(first["items"])) == (8, 3)
    assert {each["id"] for each in first["items"]} <= set(drawn)
    assert own_office.actions_since(before) == ["audit.sample_drawn"]
    assert ask(f"{V1}/sample?entity={uuid4()}&class=supplier_invoice&year=2025&count=3").status_code == 403
    page = own_office.browser("auditor")[0].get("/audit/sample?class=supplier_invoice&year=2025&count=3&seed=5eed").text
    assert "3 of 8 records" in page
    assert "<code>5eed</code>" in page


def test_a_person_is_told_who_accessed_their_file_and_nobody_is_named(own_office: Office) -> None:
    run, hr = own_office.runtime, own_office.principal("hr")
    now = run.clock.now()
    new = NewCaseFile(
        own_office.entity,
        "personnel",
        "P-7",
        "Clerk",
        civil_date(now, "Europe/Berlin"),
        listed_only=True,
        about_person=own_office.people["clerk"],
    )
    with run.main.write() as session:
        case_file.open_case_file(session, new, by=hr, at=now, keys=run.keys)
    record = own_office.upload(
        b"Arbeitsvertrag", "v.txt", by="hr", class_="employment_contract", case_file="P-7"
    )["id"]  # fmt: skip
    own_office.settle()
    for _ in range(2):
        assert own_office.client("hr").get(f"/api/v1/records/{record}/content").status_code == 200
    before = own_office.leaves()
    items = own_office.client("clerk").get("/api/v1/me/file-accesses").json()["items"]
    assert own_office.actions_since(before) == ["audit.own_file_read"]
    assert items == [
        {
            "number": "P-7",
            "records": 1,
            "complete": True,
            "accesses": [
                {
                    "day": today(own_office),
                    "department": "Human resources",
                    "by_operator": False,
                    "purpose": "download",
                    "times": 2,
                }
            ],
        }
    ]
    page = own_office.browser("clerk")[0].get("/profile/file").text
    assert "P-7" in page
    assert "file downloaded" in page
    assert str(own_office.people["hr"]) not in page
    assert own_office.client("manager").get("/api/v1/me/file-accesses").json() == {"items": []}


def test_a_report_about_a_file_is_made_for_somebody_without_an_account(own_office: Office) -> None:
    body = {
        "entity": str(own_office.entity),
        "kind": "customer",
        "number": "K-44",
        "name": "Gudrun Kundin",
        "opened_on": "2026-01-02",
    }
    assert own_office.client("clerk").post("/api/v1/case-files", json=body).status_code == 201
    record = own_office.upload(b"Reklamation", "r.txt", class_="letter", case_file="K-44")["id"]
    own_office.settle()
    for _ in range(3):
        assert own_office.client("clerk").get(f"/api/v1/records/{record}/content").status_code == 200
    path = "/api/v1/audit/file-report?case_file=K-44"
    for name in ("dpo", "officer"):
        before = own_office.leaves()
        told = own_office.client(name).get(path).json()
        assert own_office.actions_since(before) == ["audit.file_report_made"]
        assert (told["number"], told["records"], told["complete"]) == ("K-44", 1, True)
        assert ("Accounting", "download", 3) in [
            (row["department"], row["purpose"], row["times"]) for row in told["accesses"]
        ]
        page = own_office.browser(name)[0].get("/audit/file-report?case_file=K-44").text
        assert "file downloaded" in page
        # Neither who, nor about whom, nor what.
        for hidden in ("Gudrun", "Reklamation", str(own_office.people["clerk"])):
            assert hidden not in page
    for name in ("auditor", "clerk", "manager", "admin"):
        assert own_office.client(name).get(path).status_code == 403, name
        assert own_office.browser(name)[0].get("/audit/file-report?case_file=K-44").status_code == 403
    assert own_office.client("dpo").get("/api/v1/audit/file-report?case_file=K-45").status_code == 404
    assert (
        "there is no such case file"
        in own_office.browser("dpo")[0].get("/audit/file-report?case_file=K-45").text.lower()
    )


def test_a_sample_is_exported_by_one_click(own_office: Office) -> None:
    own_office.upload(b"Rechnung 1", "r.txt", class_="supplier_invoice", document_date="2023-03-01")
    own_office.settle()
    browser, csrf = own_office.browser("auditor")
    page = browser.get("/audit/sample?class=supplier_invoice&year=2023&count=3&seed=5eed").text
    found = re.search(r'name="sample" value="([^"]+)"', page)
    assert found is not None
    answer = browser.post("/audit/export", data={"csrf": csrf, "sample": found[1]})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        scope = json.loads(archive.read("manifest.json"))["scope"]
    assert (scope["kind"], scope["seed"], scope["population"], len(scope["records"])) == ("sample", "5eed", 1, 1)


def test_an_auditors_role_is_proposed_with_its_last_day_confirmed_by_another_and_ends_by_itself(
    own_office: Office,
) -> None:
    person = own_office.client("admin").post("/api/v1/people", json={"sign_in_name": "guest"}).json()["id"]
    admin, csrf = own_office.browser("admin")
    last = civil_date(own_office.runtime.clock.now() + timedelta(days=20), "Europe/Berlin")
    form = {"csrf": csrf, "role": "auditor", "place": f"entity:{own_office.entity}", "until": last.isoformat()}
    assert admin.post(f"/people/{person}/grants", data=form).status_code == 303
    officer, officers = own_office.browser("officer")
    waiting = own_office.client("officer").get("/api/v1/grant-requests").json()["items"]
    request = next(each["id"] for each in waiting if each["person"] == person)
    assert officer.post(f"/grant-requests/{request}", data={"csrf": officers, "word": "confirm"}).status_code == 303
    now = own_office.runtime.clock.now()
    with own_office.runtime.main.read() as session:
        held = {days: rights.grants_at(session, UUID(person), now + timedelta(days=days)) for days in (0, 19, 22)}
    assert [(days, [row.role for row in rows]) for days, rows in held.items()] == [
        (0, ["auditor"]),
        (19, ["auditor"]),
        (22, []),
    ]
