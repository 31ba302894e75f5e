"""Who gets which page: every route once per role and once signed out."""

import re
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute

from accounts.permissions import PERMISSIONS
from api.deps import permission_of
from api.pages import router
from core.clock import civil_date
from records import case_file, listing
from records.case_file import NewCaseFile
from tests.support.app import ROLES, Office

ROUTES = [route for route in router.routes if isinstance(route, APIRoute)]
SEEN = [route for route in ROUTES if "GET" in route.methods and "{" not in route.path]
OPEN = {"/", "/sign-in", "/setup", "/favicon.ico", "/verify", "/verify/muniment_verify.py"}


def the_record(office: Office) -> UUID:
    by = office.principal("clerk")
    with office.runtime.main.read() as session:
        ids, _next = listing.list_records(session, by, office.runtime.clock.now(), limit=1)
    return ids[0]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_every_page_states_one_permission_that_exists(route: APIRoute) -> None:
    stated = permission_of(route)
    assert stated in {*PERMISSIONS, "public", "signed in"}
    assert (stated == "public") == (route.path in OPEN or route.path.startswith(("/static", "/sign-in", "/setup")))


@pytest.mark.parametrize("route", SEEN, ids=lambda route: route.path)
def test_strangers_are_sent_to_the_sign_in_page(pages_office: Office, route: APIRoute) -> None:
    answer = pages_office.client().get(route.path)
    if route.path in OPEN:
        assert answer.status_code in (200, 303, 307, 404)
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=%2F{route.path[1:].replace('/', '%2F')}")  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("route", SEEN, ids=lambda route: route.path)
def test_a_page_opens_exactly_for_those_with_its_permission(pages_office: Office, route: APIRoute, name: str) -> None:
    browser, _csrf = pages_office.browser(name)
    stated = str(permission_of(route))
    allowed = stated in ("public", "signed in") or pages_office.principal(name).may(stated)
    query = "?cursor=AAAA" if route.path == "/search/more" else ""
    answer = browser.get(route.path + query)
    if not allowed:
        assert answer.status_code == 403
        assert "Your roles do not allow this" in answer.text
    else:
        assert answer.status_code in ({404} if route.path == "/setup" else {200, 303, 307, 422})


@pytest.mark.parametrize("part", ["", "/peek", "/history?before=99"])
def test_a_record_of_another_department_looks_as_if_it_never_was(pages_office: Office, part: str) -> None:
    record, browser = the_record(pages_office), pages_office.browser("hr")[0]
    hidden = browser.get(f"/records/{record}{part}")
    absent = browser.get(f"/records/{uuid4()}{part}")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert _plain(hidden.text) == _plain(absent.text)
    assert pages_office.browser("clerk")[0].get(f"/records/{record}{part}").status_code == 200


def test_states_of_records_that_are_not_ones_own_are_left_out(pages_office: Office) -> None:
    record = the_record(pages_office)
    assert pages_office.browser("hr")[0].get(f"/upload/states?ids={record}").json() == {}
    assert str(record) in pages_office.browser("clerk")[0].get(f"/upload/states?ids={record}").json()


def test_the_print_view_shows_facts_and_pages_and_where_the_log_has_it(pages_office: Office) -> None:
    record, browser = the_record(pages_office), pages_office.browser("clerk")[0]
    before = pages_office.leaves()
    answer = browser.get(f"/records/{record}/print")
    assert answer.status_code == 200
    assert "rechnung.txt" in answer.text
    assert f"/api/v1/records/{record}/pages/1.png?width=1200" in answer.text
    assert f"The log has entry {before} for it." in answer.text
    assert pages_office.actions_since(before) == ["record.print_view_requested"]
    assert pages_office.browser("hr")[0].get(f"/records/{record}/print").status_code == 404


def test_search_finds_counts_and_suggests_nothing_of_others(pages_office: Office) -> None:
    hr, clerk = pages_office.browser("hr")[0], pages_office.browser("clerk")[0]
    assert "Nothing found that you may see" in hr.get("/search?q=zebrafink").text
    assert "<mark>Zebrafink</mark>" in clerk.get("/search?q=zebrafink").text
    assert hr.get("/search/suggest?prefix=zebra").json() == []
    assert clerk.get("/search/suggest?prefix=zebra").json() != []
    assert "zebrafink" not in hr.get("/search.csv?q=zebrafink").text.casefold()


def test_the_number_of_another_departments_record_leads_to_a_search(pages_office: Office) -> None:
    record = the_record(pages_office)
    number = pages_office.client("clerk").get(f"/api/v1/records/{record}").json()["number"]
    assert pages_office.browser("clerk")[0].get(f"/go?q={number}").headers["location"] == f"/records/{record}"
    assert pages_office.browser("hr")[0].get(f"/go?q={number}").headers["location"] == f"/search?q={number}"


def test_a_personnel_file_is_seen_by_the_people_on_its_list(own_office: Office) -> None:
    run, by = own_office.runtime, own_office.principal("hr")
    now = run.clock.now()
    new = NewCaseFile(
        own_office.entity, "personnel", "P-1", "Wöhrmann, Annegret", civil_date(now, "Europe/Berlin"), listed_only=True
    )
    with run.main.write() as session:
        file = case_file.open_case_file(session, new, by=by, at=now, keys=run.keys).id
    hr, clerk = own_office.browser("hr")[0], own_office.browser("clerk")[0]
    assert "Wöhrmann, Annegret" in hr.get("/case-files").text
    assert hr.get(f"/case-files/{file}").status_code == 200
    assert "P-1" not in clerk.get("/case-files").text
    assert clerk.get(f"/case-files/{file}").status_code == 404


def _plain(text: str) -> str:
    """A page without what differs between any two requests."""
    return re.sub(r"[0-9a-f]{32,64}|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=class=\"fixed\">)\w{11}(?=</span>)", "", text)
