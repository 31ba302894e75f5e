"""The first story: set up, drop files, watch them go through, find one by a word, open it, see what happened to it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Firm, drop, ready, search_until_found, set_up, sign_in

pytestmark = pytest.mark.browser

LETTER = "Sehr geehrte Frau Wöhrmann,\nanbei der Zebrafinkenvertrag vom 3. März 2025.\nMit freundlichen Grüßen"
INVOICE = "Rechnung Nr. 4711\nRechnungsdatum: 03.03.2025\nGesamtbetrag: 1.234,50 EUR\nUSt-IdNr. DE123456789"


@pytest.fixture(scope="module")
def begun(chromium: Browser, firm: Firm) -> Firm:
    """The firm with its first account and one invoice, which can be found."""
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    set_up(page, firm.link)
    page.select_option("#department", label="Accounting")
    drop(page, {"rechnung.txt": INVOICE})
    expect(page.locator("#uploads > li[data-settled]")).to_have_count(1, timeout=60_000)
    search_until_found(page, firm.url, "rechnung")
    context.close()
    return firm


def test_a_dropped_file_is_read_found_opened_and_its_history_told(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    page.goto(f"{begun.url}/upload")
    page.select_option("#department", label="Accounting")
    drop(page, {"Brief an Wöhrmann.txt": LETTER, "leer.pdf": ""})
    rows = page.locator("#uploads > li")
    for name in ("Brief an Wöhrmann.txt", "leer.pdf"):
        expect(rows.and_(page.locator("[data-settled]")).filter(has_text=name)).to_have_count(1, timeout=60_000)
    empty = rows.filter(has_text="leer.pdf")
    expect(empty).to_contain_text("The file is empty")
    expect(empty.get_by_role("button", name="Read again")).to_be_visible()

    search_until_found(page, begun.url, "zebrafinkenvertrag")
    page.goto(f"{begun.url}/attention")
    ready(page).keyboard.press("/")
    page.keyboard.type("zebrafinkenvertrag")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=zebrafinkenvertrag**")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[data-row] mark")).to_have_text("Zebrafinkenvertrag")

    ready(page).keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/records/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Brief an Wöhrmann")
    expect(page.locator(".sheet-of-paper img")).to_be_visible(timeout=30_000)
    history = page.locator(".history")
    expect(history).to_contain_text("You took this in as a record: uploaded on the page")
    expect(history).to_contain_text("You found it by")
    expect(history).to_contain_text("You opened this page")
    expect(history).to_contain_text("log position")
    assert "Șerban" not in history.inner_text()


def test_uploads_are_there_again_when_the_person_comes_back(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    page.goto(f"{begun.url}/upload")
    expect(page.locator("#uploads > li").filter(has_text="rechnung.txt")).to_be_visible()


def test_a_duplicate_is_named_in_its_row(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    page.goto(f"{begun.url}/upload")
    page.select_option("#department", label="Accounting")
    drop(page, {"dieselbe.txt": INVOICE})
    expect(page.locator("#uploads > li").first).to_contain_text("Same content as record", timeout=20_000)


def test_without_a_department_files_wait_in_their_rows_and_go_once_it_is_chosen(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    page.goto(f"{begun.url}/upload")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    drop(page, {"ohne.txt": "noch ohne Abteilung"})
    row = page.locator("#uploads > li").first
    expect(row).to_contain_text("ohne.txt")
    expect(page.locator("#upload-sum")).to_contain_text("Choose a department above: the files wait for it")
    expect(page.locator("#department")).to_be_focused()
    assert sent == []
    page.select_option("#department", label="Accounting")
    expect(page.locator("#upload-sum")).to_contain_text("1 of 1 uploaded", timeout=20_000)
    assert len(sent) == 1


def test_review_goes_by_keyboard_and_can_be_undone(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    page.goto(f"{begun.url}/upload")
    page.select_option("#department", label="Accounting")
    drop(page, {"unklar.txt": "qwx rrt zzp"})
    expect(page.locator("#uploads > li").first).to_contain_text("Needs review", timeout=30_000)
    page.goto(f"{begun.url}/review")
    first = page.locator("#review h2").inner_text()
    second_choice = page.locator(".choice").nth(1).locator("span").inner_text()
    ready(page).keyboard.press("2")
    page.wait_for_url("**/review?after=**")
    expect(page.locator(".toast")).to_contain_text("Filed.")
    ready(page).keyboard.press("u")
    page.wait_for_url("**/review?at=**")
    expect(page.locator("#review h2")).to_have_text(first)
    expect(page.locator("#review")).to_contain_text(f"filed as “{second_choice}”")


def test_the_palette_goes_to_a_record_by_its_number(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    number = page.locator("[data-row] .number").first.inner_text()
    ready(page).keyboard.press("Control+k")
    page.keyboard.type(number.lower().replace("-", " "))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/records/[0-9a-f-]{36}$"))
    expect(page.locator(".page-head .number")).to_have_text(number)


def test_space_previews_beside_the_list_and_escape_closes_it(page: Page, begun: Firm) -> None:
    sign_in(page, begun.url)
    search_until_found(page, begun.url, "rechnung")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.locator("#peek")).to_contain_text("Open the record")
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_hidden()


def test_a_second_use_of_the_set_up_link_opens_nothing(page: Page, begun: Firm) -> None:
    answer = page.goto(begun.link)
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("This link opens nothing any more")
