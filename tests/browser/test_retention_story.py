"""The story of retention: two countries, dates with their statutes, a hold, a shorter period after its simulation,
years that pass, two persons who agree, a certificate, and nothing left of what was destroyed in any file.

The archive is made with a clock that can be moved (``MUNIMENT_TEST_CLOCK``); all of it goes through the pages and
commands that people use, while the server runs.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.clock import civil_date
from tests.browser.conftest import PASSWORD, _printed_link, ready, set_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CANARY, HELD_CANARY = "Quittenzebrafink", "Mispelkolibri"
INVOICE = "Rechnung Nr. {n}\nRechnungsdatum: 04.03.2026\n{word} geliefert\nGesamtbetrag: 1.234,50 EUR"
SHORT = "P1Y"


@dataclass
class Archive:
    """A running archive for tests, its console and its clock."""

    url: str
    link: str
    data: Path
    environment: dict[str, str]
    browser: Browser
    ahead: timedelta = timedelta(0)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def today(self) -> date:
        """The day where the firm is."""
        return civil_date(self.now, "Europe/Berlin")

    def forward(self, span: timedelta) -> None:
        """Let time pass for the server and every command."""
        self.ahead += span
        (self.data / "test-clock").write_text(str(int(self.ahead.total_seconds())))

    def run(self, *words: str, given: str = "") -> str:
        """A command of the machine's operator."""
        done = subprocess.run(
            [Path(sys.executable).with_name("muniment"), "--data", self.data, *words],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def sign_in(self, name: str) -> Page:
        """A fresh browser in which that person has signed in."""
        context: BrowserContext = self.browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(f"{self.url}/sign-in")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda address: "/sign-in" not in address)
        return page

    def files_with(self, word: str) -> list[Path]:
        """Files of the data folder in which the word stands, in any usual coding."""
        wanted = [word.encode(), word.lower().encode(), word.encode("utf-16-le"), word.encode("utf-16-be")]
        found = []
        for path in self.data.rglob("*"):
            if path.is_file() and not path.is_symlink() and any(each in path.read_bytes() for each in wanted):
                found.append(path)
        return found


@pytest.fixture(scope="module")
def archive(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """``muniment serve`` on a new data folder whose clock can be moved."""
    folder = tmp_path_factory.mktemp("story")
    console, data = folder / "console", folder / "data"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    environment = kept | {"MUNIMENT_TEST_CLOCK": "1"}
    with console.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("muniment"), "serve", "--data", data, "--port", "0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        link = _printed_link(console, process)
        yield Archive(link.split("/setup")[0], link, data, environment, chromium)
    finally:
        process.terminate()
        process.wait(60)


def test_a_record_is_kept_as_long_as_the_law_demands_and_then_gone_for_good(archive: Archive, tmp_path: Path) -> None:
    first = archive.browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900}).new_page()
    set_up(first, archive.link)
    expect(first.locator(".banner")).to_contain_text(["An archive for tests"])
    for name, role in (("anna", "records_manager"), ("otto", "compliance_officer"), ("olga", "compliance_officer")):
        archive.run("user", "add", name, "--role", role, "--password-stdin", given=f"{PASSWORD}\n")

    found_romania(first, archive)
    destroyed = capture(first, f"{CANARY} Rechnung.txt", INVOICE.format(n=1, word=CANARY), "supplier_invoice")
    held = capture(first, f"{HELD_CANARY} Rechnung.txt", INVOICE.format(n=2, word=HELD_CANARY), "supplier_invoice")
    end_an_employment(first, archive)
    dates_appear_with_their_statutes(archive, destroyed)
    place_a_hold(archive, held)
    publish_a_shorter_period(archive)

    archive.forward(timedelta(days=2 * 366))
    batch = review_by_keyboard(archive, destroyed)
    approve_as_another_person(archive, batch)
    said = pass_the_days_of_grace(archive)
    certificate = wait_for_certificate(archive, batch, said)
    certificate_holds(archive, certificate, tmp_path)

    archive.run("--as", "anna", "retention", "run", "--now")
    manager = archive.sign_in("anna")
    manager.goto(f"{archive.url}/records/{destroyed}")
    expect(manager.get_by_role("heading", level=1)).to_have_text("This record is destroyed")
    manager.goto(f"{archive.url}/search?q={HELD_CANARY}")
    expect(manager.locator("[data-row]")).to_have_count(1)
    manager.goto(f"{archive.url}/search?q={CANARY}")
    expect(manager.locator("[data-row]")).to_have_count(0)
    eventually(lambda: archive.files_with(CANARY) == [], 60, lambda: archive.files_with(CANARY))
    assert archive.files_with(HELD_CANARY) != [], "looking for it must be able to find what is there"


def found_romania(page: Page, archive: Archive) -> None:
    page.goto(f"{archive.url}/settings/entities/new")
    page.fill("[name=name]", "Societatea Exemplu S.R.L.")
    page.select_option("[name=country]", "RO")
    page.check("[name=pack]")
    page.click("main button.primary")
    page.wait_for_load_state()


def capture(page: Page, name: str, text: str, record_class: str) -> str:
    """Take a file in as the page does, with its class stated; the record's id once it is read."""
    page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + "/upload")
    department = page.locator("#department option", has_text="Accounting").first.get_attribute("value")
    answer: dict[str, Any] = page.evaluate(
        """async ([name, text, department, record_class]) => {
            const headers = {"Muniment-Csrf": document.querySelector("meta[name=csrf]").content,
              "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
              "Muniment-Metadata": JSON.stringify({department, class: record_class, document_date: "2026-03-04"})};
            const answer = await fetch("/api/v1/uploads", {method: "PUT", headers, body: new Blob([text])});
            return answer.json(); }""",
        [name, text, department, record_class],
    )
    made = str(answer["id"])

    def is_filed() -> bool:
        state = page.evaluate("async id => (await (await fetch(`/api/v1/records/${id}`)).json()).state", made)
        return bool(state == "filed")

    eventually(is_filed, 60, lambda: answer)
    return made


def end_an_employment(page: Page, archive: Archive) -> None:
    page.goto(f"{archive.url}/case-files/new")
    page.select_option("[name=kind]", "personnel")
    page.fill("[name=number]", "P-17")
    page.fill("[name=name]", "Wöhrmann, Annegret")
    if page.locator("select[name=entity]").count():
        page.select_option("select[name=entity]", label="Grüner & Söhne Verwaltungsgesellschaft mbH")
    page.click("main button.primary")
    page.wait_for_url(re.compile(r"/case-files/[0-9a-f-]{36}"))
    page.select_option("[name=trigger]", "employment_end")
    page.fill("[name=happened_on]", archive.today.isoformat())
    page.click("text=State the day")
    expect(page.locator("main")).to_contain_text("Employment ended")


def dates_appear_with_their_statutes(archive: Archive, record: str) -> None:
    manager = archive.sign_in("anna")

    def is_dated() -> bool:
        manager.goto(f"{archive.url}/records/{record}/why")
        return "2034" in manager.locator("main").inner_text()

    eventually(is_dated, 60, lambda: manager.locator("main").inner_text())
    text = manager.locator("main").inner_text()
    assert "UStG" in text or "AO" in text
    assert "31 December 2034" in text


def place_a_hold(archive: Archive, record: str) -> None:
    officer, manager = archive.sign_in("otto"), archive.sign_in("anna")
    manager.goto(f"{archive.url}/records/{record}")
    number = manager.locator(".page-head .number").inner_text()
    officer.goto(f"{archive.url}/holds/new?scope=records")
    officer.fill("[name=records]", number)
    officer.fill("[name=title]", "Mispel ./. Quitte")
    officer.fill("[name=reason]", "Claim announced")
    officer.fill("[name=authority]", "Landgericht, 3 O 17/26")
    officer.fill("[name=review_on]", (archive.today + timedelta(days=300)).isoformat())
    officer.click("text=Count what it reaches")
    officer.click("text=Place hold on one record")
    officer.wait_for_url(re.compile(r"/holds/[0-9a-f-]{36}"))


def publish_a_shorter_period(archive: Archive) -> None:
    manager, officer = archive.sign_in("anna"), archive.sign_in("otto")
    rule = invoice_rule(archive)
    manager.goto(f"{archive.url}/retention/rules/new?from={rule['id']}")
    manager.fill("[name=period]", SHORT)
    manager.fill("[name=legal_basis]", "§ 14b UStG as it will be")
    manager.select_option("[name=transition]", "every_record")
    manager.click("text=Draft the rule")
    manager.wait_for_url(re.compile(r"/retention/rules/[0-9a-f-]{36}"))
    draft = manager.url.split("?")[0]
    officer.goto(draft)
    officer.locator("form[action$=simulation] button").click()

    def can_be_published() -> bool:
        officer.goto(draft)
        return officer.locator("form[action$=publication] button").count() == 1

    eventually(can_be_published, 60, lambda: officer.locator("main").inner_text())
    officer.locator("form[action$=publication] button").click()
    expect(officer.locator("main")).to_contain_text("Published")


def invoice_rule(archive: Archive) -> dict[str, Any]:
    """The rule that keeps invoices longest in Germany."""
    lines = archive.run("--as", "anna", "--json", "retention", "rules", "list").splitlines()
    rules = [json.loads(line) for line in lines]
    return next(each for each in rules if each["code"] == "de-vat-invoice" or "invoice" in each["code"])


def review_by_keyboard(archive: Archive, record: str) -> str:
    archive.run("--as", "anna", "retention", "run", "--now")
    confirm_the_date(archive)
    archive.run("--as", "anna", "retention", "run", "--now")

    manager = archive.sign_in("anna")
    manager.goto(f"{archive.url}/dispositions")
    manager.locator("main table a").first.click()
    manager.wait_for_url(re.compile(r"/dispositions/[0-9a-f-]{36}"))
    batch = manager.url
    assert manager.locator("[data-row]").count() == 1, "what is on hold is not proposed"
    look_for_barriers(manager)
    ready(manager).keyboard.press("j")
    manager.keyboard.press(" ")
    expect(manager.locator("#peek")).to_contain_text("Kept until")
    manager.keyboard.press("d")
    expect(manager.locator(f"#item-{record}")).to_contain_text("Destroy")
    manager.keyboard.press("u")
    expect(manager.locator(f"#item-{record}")).to_contain_text("No decision")
    manager.keyboard.press("d")
    expect(manager.locator("#progress")).to_contain_text("1 to destroy")
    manager.click("text=Submit for approval")
    expect(manager.locator("main")).to_contain_text("Waits for approval")
    assert manager.locator("form[action$=approval]").count() == 0
    return batch


def confirm_the_date(archive: Archive) -> None:
    """A clock that jumped is doubted until an officer states the date; nothing is destroyed before."""
    officer = archive.sign_in("otto")
    officer.goto(f"{archive.url}/retention/runs")
    today = archive.today
    officer.fill("form[action$=confirmation] [name=date]", today.isoformat())
    officer.locator("form[action$=confirmation] button").click()
    expect(officer.locator("form[action$=confirmation]")).to_have_count(0)


def approve_as_another_person(archive: Archive, batch: str) -> None:
    officer = archive.sign_in("olga")
    officer.goto(batch)
    expect(officer.locator("main")).to_contain_text("One record will be destroyed.")
    look_for_barriers(officer)
    officer.check("[name=looked]")
    officer.click("text=Approve one destruction")
    expect(officer.locator("main")).to_contain_text("can still be undone")


def pass_the_days_of_grace(archive: Archive) -> str:
    """Day by day, as only days on which the system ran count; what the last run said."""
    said = ""
    for _day in range(9):
        # Less than a day each, so that nobody need doubt the clock.
        archive.forward(timedelta(hours=23))
        said = archive.run("--as", "anna", "retention", "run", "--now")
        if "in doubt" in said:
            # On a machine with too much to do the log may have been silent for two of these days.
            confirm_the_date(archive)
            said = archive.run("--as", "anna", "retention", "run", "--now")
    return said


def wait_for_certificate(archive: Archive, batch: str, said: str) -> str:
    officer = archive.sign_in("olga")

    def is_there() -> bool:
        officer.goto(batch)
        return officer.locator("main a.button", has_text="Certificate").count() > 0

    eventually(is_there, 120, lambda: said + officer.locator("main").inner_text())
    return str(officer.locator("main a.button", has_text="Certificate").first.get_attribute("href"))


def certificate_holds(archive: Archive, certificate: str, folder: Path) -> None:
    officer = archive.sign_in("olga")
    for address in ("/certificates", "/dispositions", "/retention/calendar"):
        officer.goto(archive.url + address)
        look_for_barriers(officer)
    officer.goto(archive.url + certificate)
    expect(officer.locator("main")).to_contain_text("Signature checked just now")
    look_for_barriers(officer)
    assert CANARY not in officer.content()
    for name in ("certificate.json", "certificate.sig", "log.pem"):
        (folder / name).write_bytes(officer.request.get(f"{archive.url}{certificate}/{name}").body())
    command = officer.locator("pre.command").inner_text()
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout


def look_for_barriers(page: Page) -> None:
    """axe finds nothing, wide or narrow, and nothing is too wide."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        found = axe.Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == [], page.url
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{page.url} is {over} px too wide at {width}"


def eventually(holds: Callable[[], bool], seconds: float, told: Callable[[], object]) -> None:
    """Wait until it holds; after too long, fail and say what there is instead."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.5)
