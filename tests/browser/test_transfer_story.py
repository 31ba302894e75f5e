"""The story of a transfer and of permanent keeping: decided in the workbench, packed, handed over, acknowledged,
confirmed by a second person, and only then destroyed here; what is kept for ever says so.

Everything goes through the pages, on a running server whose clock is moved.
"""

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import bagit
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, ready, set_up
from tests.browser.test_retention_story import (
    INVOICE,
    Archive,
    archive,
    capture,
    confirm_the_date,
    eventually,
    look_for_barriers,
    pass_the_days_of_grace,
    publish_a_shorter_period,
)
from tests.support import packages

pytestmark = [pytest.mark.browser, pytest.mark.slow]
__all__ = ["archive"]

CANARY, FOR_EVER = "Quittenzebrafink", "Gruendungsurkunde"


def test_what_an_archive_has_acknowledged_is_gone_here_and_what_is_kept_for_ever_stays(
    archive: Archive, tmp_path: Path
) -> None:
    first = archive.browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900}).new_page()
    set_up(first, archive.link)
    for name, role in (("anna", "records_manager"), ("otto", "compliance_officer"), ("olga", "compliance_officer")):
        archive.run("user", "add", name, "--role", role, "--password-stdin", given=f"{PASSWORD}\n")
    transferred = capture(first, f"{CANARY}.txt", INVOICE.format(n=1, word=CANARY), "supplier_invoice")
    kept = capture(first, f"{FOR_EVER}.txt", INVOICE.format(n=2, word=FOR_EVER), "supplier_invoice")
    publish_a_shorter_period(archive)
    archive.forward(timedelta(days=2 * 366))
    batch = decide_in_the_workbench(archive, transferred, kept)
    approve_the_batch(archive, batch)
    pass_the_days_of_grace(archive)
    package = take_and_validate(archive, batch, tmp_path)
    acknowledge_and_confirm(archive, package, tmp_path)
    archive.run("--as", "anna", "retention", "run", "--now")
    gone_here_and_certified(archive, batch, transferred)
    kept_for_ever(archive, kept)


def decide_in_the_workbench(archive: Archive, transferred: str, kept: str) -> str:
    archive.run("--as", "anna", "retention", "run", "--now")
    confirm_the_date(archive)
    archive.run("--as", "anna", "retention", "run", "--now")
    manager = archive.sign_in("anna")
    manager.goto(f"{archive.url}/dispositions")
    manager.locator("main table a").first.click()
    manager.wait_for_url(re.compile(r"/dispositions/[0-9a-f-]{36}"))
    batch = manager.url
    look_for_barriers(manager)
    _decide(manager, transferred, "Transfer to an archive", "BArchG § 5", "offered and taken")
    _decide(manager, kept, "Keep permanently", "Decision of the board", "founding deed")
    expect(manager.locator(f"#item-{transferred}")).to_contain_text("Transfer to an archive")
    expect(manager.locator(f"#item-{kept}")).to_contain_text("Decision of the board")
    expect(manager.locator("#progress")).to_contain_text("1 to transfer")
    manager.click("text=Submit for approval")
    expect(manager.locator("main")).to_contain_text("Waits for approval")
    return batch


def _decide(manager: Page, record: str, button: str, authority: str, reason: str) -> None:
    ready(manager).locator(f"#item-{record} input[name=record]").check()
    manager.keyboard.press("t")
    manager.fill("#f-authority", authority)
    manager.fill("#f-because", reason)
    manager.locator("#decide").get_by_role("button", name=button).click()
    expect(manager.locator(f"#item-{record}")).to_contain_text(button)


def approve_the_batch(archive: Archive, batch: str) -> None:
    officer = archive.sign_in("olga")
    officer.goto(batch)
    expect(officer.locator("main")).to_contain_text("One record is packed for an archive")
    expect(officer.locator("main")).to_contain_text("One record is kept permanently")
    look_for_barriers(officer)
    officer.check("[name=looked]")
    officer.click("text=Approve the decisions")
    expect(officer.locator("main")).to_contain_text("can still be undone")


def take_and_validate(archive: Archive, batch: str, folder: Path) -> str:
    manager = archive.sign_in("anna")

    def is_packed() -> bool:
        manager.goto(batch)
        return manager.locator("main a", has_text="for an archive").count() > 0

    eventually(is_packed, 60, lambda: manager.locator("main").inner_text())
    manager.click("main a:has-text('for an archive')")
    manager.wait_for_url(re.compile(r"/packages/[0-9a-f-]{36}"))
    package = manager.url
    look_for_barriers(manager)
    assert manager.locator("form[action$=acknowledgement]").count() == 0, "nobody has it yet"
    with manager.expect_download() as waiting:
        manager.click("text=Take the package")
    waiting.value.save_as(folder / "package.zip")
    data = (folder / "package.zip").read_bytes()
    manager.goto(package)
    expect(manager.locator("main")).to_contain_text(hashlib.sha256(data).hexdigest())
    bag = packages.unpack(data, folder / "bag")
    bagit.Bag(str(bag)).validate()
    assert CANARY in next(bag.glob("data/records/*/versions/1.txt")).read_text()
    assert len(list(bag.glob("data/records/*"))) == 1
    return package


def acknowledge_and_confirm(archive: Archive, package: str, folder: Path) -> None:
    manager, digest = archive.sign_in("anna"), hashlib.sha256((folder / "package.zip").read_bytes()).hexdigest()
    manager.goto(package)
    manager.fill("#f-archive", "Stadtarchiv Neustadt")
    manager.fill("#f-reference", "Acc. 2028/17")
    manager.fill("#f-day", archive.today.isoformat())
    manager.fill("#f-digest", "0" * 64)
    manager.click("text=State it")
    expect(manager.locator("main")).to_contain_text("The digest is not that of this package")
    manager.fill("#f-archive", "Stadtarchiv Neustadt")
    manager.fill("#f-reference", "Acc. 2028/17")
    manager.fill("#f-day", archive.today.isoformat())
    manager.fill("#f-digest", digest)
    manager.click("text=State it")
    expect(manager.locator("main")).to_contain_text("Waits for a second person")
    assert manager.get_by_role("button", name="Confirm the transfer").count() == 0
    officer = archive.sign_in("otto")
    officer.goto(package)
    look_for_barriers(officer)
    officer.check("[name=looked]")
    officer.click("text=Confirm the transfer")
    expect(officer.locator("main")).to_contain_text("Confirmed; the records go with the next run")


def gone_here_and_certified(archive: Archive, batch: str, record: str) -> None:
    officer = archive.sign_in("otto")

    def is_there() -> bool:
        officer.goto(batch)
        return officer.locator("main a.button", has_text="Certificate").count() > 0

    eventually(is_there, 120, lambda: officer.locator("main").inner_text())
    officer.locator("main a.button", has_text="Certificate").first.click()
    expect(officer.locator("main")).to_contain_text("Signature checked just now")
    expect(officer.locator("main")).to_contain_text("Stadtarchiv Neustadt")
    look_for_barriers(officer)
    manager = archive.sign_in("anna")
    manager.goto(f"{archive.url}/records/{record}")
    expect(manager.get_by_role("heading", level=1)).to_have_text("This record is destroyed")
    expect(manager.locator("main")).to_contain_text("after an archive acknowledged it")
    eventually(lambda: archive.files_with(CANARY) == [], 60, lambda: archive.files_with(CANARY))


def kept_for_ever(archive: Archive, record: str) -> None:
    manager, officer = archive.sign_in("anna"), archive.sign_in("otto")
    manager.goto(f"{archive.url}/records/{record}/why")
    expect(manager.locator("main")).to_contain_text("Kept permanently")
    expect(manager.locator("main")).to_contain_text("Decision of the board")
    manager.goto(f"{archive.url}/keepings")
    look_for_barriers(manager)
    manager.click("main summary:has-text('End it')")
    manager.fill("main textarea[name=reason]", "a copy of the deed is enough")
    manager.click("text=Ask for its end")
    expect(manager.locator("main")).to_contain_text("Its end waits for a second person")
    assert manager.get_by_role("button", name="Confirm its end").count() == 0
    officer.goto(f"{archive.url}/keepings")
    expect(officer.locator("main")).to_contain_text("a copy of the deed is enough")
    look_for_barriers(officer)
    officer.get_by_role("button", name="Confirm its end").click()
    expect(officer.locator("main")).to_contain_text("Ended")
    manager.goto(f"{archive.url}/records/{record}/why")
    expect(manager.locator("main")).not_to_contain_text("Kept permanently")
