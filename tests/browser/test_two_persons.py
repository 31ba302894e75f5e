"""Pages where one person asks and another decides: old entries of the log, wrong uploads, copies outside."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.events import LogHeartbeat
from retention import disclosure
from tests.browser.test_retention_story import look_for_barriers
from tests.support import databases, office_disposing
from tests.support.app import PASSWORD, Office
from tests.support.serving import serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(databases.is_postgresql(), reason="a server on a data folder"),
]
YEARS_12 = 12 * 366 * 86_400
SignIn = Callable[[str], Page]
T = TypeVar("T")


def aside(act: Callable[[], T]) -> T:
    """Requests over HTTP in a thread of their own: the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A firm whose clock can be moved; the test closes it before it serves the folder."""
    return Office.open(tmp_path / "data", test_clock=True)


@pytest.fixture
def served(office: Office, tmp_path: Path, chromium: Browser) -> Iterator[Callable[[], SignIn]]:
    """Serve the firm's folder, and sign people in there with browsers of their own."""
    stack = []

    def serve() -> SignIn:
        office.runtime.close()
        around = serving(tmp_path / "data", MUNIMENT_TEST_CLOCK="1")
        server = around.__enter__()
        stack.append(around)

        def sign_in(name: str) -> Page:
            page = chromium.new_context(
                locale="en-GB", viewport={"width": 1440, "height": 900}, base_url=server.url
            ).new_page()
            page.goto("/sign-in")
            page.fill("[name=name]", name)
            page.fill("[name=password]", PASSWORD)
            page.click("main button")
            page.wait_for_url(lambda address: "/sign-in" not in address)
            return page

        return sign_in

    yield serve
    for around in stack:
        around.__exit__(None, None, None)


def test_two_persons_withdraw_old_entries_of_the_log(
    office: Office, tmp_path: Path, served: Callable[[], SignIn]
) -> None:
    for _ in range(9):
        office.runtime.log.record(
            [LogHeartbeat(intake_high=each) for each in range(100)], at=office.runtime.clock.now()
        )
    office.settle()
    (tmp_path / "data" / "test-clock").write_text(str(YEARS_12))
    sign_in = served()

    asking = sign_in("dpo")
    asking.goto("/audit/withdrawals")
    expect(asking.get_by_role("heading", name="Older than 11 years")).to_be_visible()
    look_for_barriers(asking)
    asking.get_by_role("button", name=re.compile("Ask to withdraw")).press("Enter")
    expect(asking.locator(".toast")).to_contain_text("Asked for. It waits for a second person.")
    expect(asking.get_by_role("button", name="Take back")).to_be_visible()
    expect(asking.get_by_role("button", name=re.compile("^Withdraw"))).to_have_count(0)

    deciding = sign_in("officer")
    deciding.goto("/audit/withdrawals")
    look_for_barriers(deciding)
    deciding.get_by_role("button", name=re.compile("^Withdraw [0-9,]+ entries")).press("Enter")
    expect(deciding.locator(".toast")).to_contain_text("their hashes stay")
    expect(deciding.locator("main")).to_contain_text("Withdrawn")
    gone = deciding.get_by_role("heading", name="Gone")
    # It goes within about a minute, on a machine that has nothing else to do.
    for _attempt in range(360):
        if gone.count():
            break
        deciding.wait_for_timeout(500)
        deciding.reload()
    expect(gone).to_be_visible()
    look_for_barriers(deciding)


def test_a_wrong_upload_goes_by_keyboard_when_a_second_person_is_sure(
    office: Office, served: Callable[[], SignIn]
) -> None:
    wrong = aside(lambda: office.upload(b"Of another firm altogether", "wrong.txt")["id"])
    office.settle()
    sign_in = served()

    clerk = sign_in("clerk")
    clerk.goto(f"/records/{wrong}")
    summary = clerk.locator("summary", has_text="This should never have been uploaded")
    summary.press("Enter")
    look_for_barriers(clerk)
    clerk.locator("[name=reason]").fill("Of another firm")
    clerk.locator("[name=reason]").press("Tab")
    clerk.keyboard.press("Enter")
    expect(clerk.locator(".toast")).to_contain_text("nobody reads it any more")
    look_for_barriers(clerk)

    officer = sign_in("officer")
    officer.goto("/capture-withdrawals")
    expect(officer.locator("article")).to_contain_text("Of another firm")
    look_for_barriers(officer)
    officer.locator("[name=sure]").focus()
    officer.keyboard.press("Space")
    officer.keyboard.press("Tab")
    officer.keyboard.press("Enter")
    expect(officer.locator(".toast")).to_contain_text("Confirmed")
    certificate = officer.get_by_role("link", name=re.compile("^Certificate [0-9A-Z]"))
    for _attempt in range(120):
        if certificate.count():
            break
        officer.wait_for_timeout(500)
        officer.goto("/capture-withdrawals")
    expect(certificate).to_be_visible()
    look_for_barriers(officer)
    assert "Of another firm" not in officer.content()


def test_a_copy_outside_is_written_down_and_settled(office: Office, served: Callable[[], SignIn]) -> None:
    kept = aside(lambda: office.upload(b"Rechnung Nr. 1", "kept.txt", class_="supplier_invoice")["id"])
    run, (_, gone) = office.runtime, aside(lambda: office_disposing.disclosed(office))
    with run.main.write() as session:
        disclosure.ask_back(session, [gone], at=run.clock.now() + timedelta(seconds=1))
    office.settle()
    manager = served()("manager")

    manager.goto(f"/records/{kept}")
    manager.locator("summary", has_text="Write down that a copy went outside").press("Enter")
    manager.select_option("#f-copy-kind", label="Copy at an authority")
    manager.fill("#f-recipient", "Finanzamt Köln-Süd")
    manager.fill("#f-disclosed", "2026-01-02")
    manager.locator("#f-disclosed").press("Enter")
    expect(manager.locator(".toast")).to_contain_text("Written down")
    look_for_barriers(manager)

    manager.get_by_role("link", name="One copy outside is written down").press("Enter")
    expect(manager.locator("tbody tr")).to_have_count(1)
    expect(manager.locator("tbody tr")).to_contain_text("Finanzamt Köln-Süd")
    manager.get_by_role("navigation", name="Retention").get_by_role("link", name="Copies outside").press("Enter")
    expect(manager.locator("tbody tr")).to_contain_text("Tax adviser")
    look_for_barriers(manager)
    manager.get_by_role("button", name=re.compile("It came back or was destroyed.*Tax adviser")).press("Enter")
    expect(manager.locator(".toast")).to_contain_text("Settled")
    expect(manager.get_by_role("heading", name="No copy waits for somebody")).to_be_visible()
    look_for_barriers(manager)
