"""Pages for everybody: labels, names, contrast, focus, width; by our own look and by axe-core where it is installed."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Firm, drop, set_up, sign_in

pytestmark = pytest.mark.browser

PAGES = ("/search", "/search?q=rechnung", "/search?q=zzzz", "/upload", "/review", "/attention", "/case-files",
         "/case-files/new", "/people", "/people/new", "/profile", "/profile/password", "/settings",
         "/settings/entities/new", "/verify", "/nothing-here")  # fmt: skip
WIDTHS = (1440, 390)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"

NAMELESS = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea')]
  .filter(e => !e.closest('[hidden], [aria-hidden], dialog, template'))
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.title))
  .map(e => e.outerHTML.slice(0, 160))"""

CONTRAST = """() => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
    if (!text || !e.checkVisibility() || e.closest('.unseen, [disabled], script, template, svg')) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return poor; }"""

SMALL = """() => [...document.querySelectorAll('a.button, button, select, input, .rail .place')]
  .filter(e => e.checkVisibility() && !e.matches('.copy, .unseen, [type=checkbox], [type=radio], [type=hidden]'))
  .filter(e => e.getBoundingClientRect().height < 40)
  .map(e => `${Math.round(e.getBoundingClientRect().height)} ${e.outerHTML.slice(0, 100)}`)"""


@pytest.fixture(scope="module")
def filled(chromium: object, firm: Firm) -> Firm:
    """The firm with a first account and three records, one of a long name and one that could not be read."""
    context = chromium.new_context()  # type: ignore[attr-defined]
    page = context.new_page()
    set_up(page, firm.link)
    page.select_option("#department", label="Accounting")
    drop(page, {f"{LONG}.txt": "Rechnung Nr. 1", "rechnung \u202etxt.حساب.txt": "Rechnung Nr. 2", "leer.pdf": ""})
    expect(page.locator("#uploads > li[data-settled]")).to_have_count(3, timeout=60_000)
    context.close()
    return firm


@pytest.fixture
def signed_in(page: Page, filled: Firm) -> Page:
    """A page of somebody signed in."""
    sign_in(page, filled.url)
    return page


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_has_a_name_enough_contrast_and_fits_the_width(signed_in: Page, filled: Firm, width: int) -> None:
    signed_in.set_viewport_size({"width": width, "height": 844})
    record = signed_in.locator("[data-row] h2 a").first.get_attribute("href")
    for address in (*PAGES, str(record)):
        signed_in.goto(filled.url + address)
        assert signed_in.evaluate(NAMELESS) == [], address
        assert signed_in.evaluate(CONTRAST) == [], address
        over = signed_in.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{address} is {over} px too wide at {width}"
        assert signed_in.locator("main").count() == 1
        assert signed_in.get_by_role("heading", level=1).count() == 1, address


def test_controls_are_large_enough_for_a_finger(signed_in: Page, filled: Firm) -> None:
    signed_in.set_viewport_size({"width": 390, "height": 844})
    for address in PAGES:
        signed_in.goto(filled.url + address)
        assert signed_in.evaluate(SMALL) == [], address


def test_the_first_tab_skips_to_the_content(signed_in: Page, filled: Firm) -> None:
    signed_in.goto(f"{filled.url}/attention")
    signed_in.keyboard.press("Tab")
    expect(signed_in.locator(".skip")).to_be_focused()
    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("Tab")
    assert signed_in.evaluate("document.activeElement.closest('main') !== null")


def test_what_has_the_focus_shows_it(signed_in: Page, filled: Firm) -> None:
    signed_in.goto(f"{filled.url}/profile")
    seen = []
    for _step in range(14):
        signed_in.keyboard.press("Tab")
        seen.append(signed_in.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
    assert set(seen) == {"solid"}


def test_a_long_name_keeps_its_end_and_says_all_of_itself(signed_in: Page, filled: Firm) -> None:
    signed_in.set_viewport_size({"width": 390, "height": 844})
    signed_in.goto(f"{filled.url}/search?q=title:{LONG[:12]}*")
    name = signed_in.locator("[data-row] .middle").first
    expect(name).to_have_attribute("title", LONG)
    expect(name.locator("span").nth(1)).to_be_visible()
    assert signed_in.locator("[data-row] h2 a").first.evaluate("e => e.getBoundingClientRect().right") <= 390


def test_what_turns_the_direction_of_text_is_taken_out_of_names(signed_in: Page, filled: Firm) -> None:
    signed_in.goto(f"{filled.url}/upload")
    assert "\u202e" not in signed_in.content()
    assert signed_in.locator("#uploads bdi").count() >= 3


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing(signed_in: Page, filled: Firm, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    signed_in.set_viewport_size({"width": width, "height": 844})
    record = signed_in.locator("[data-row] h2 a").first.get_attribute("href")
    for address in (*PAGES, str(record)):
        signed_in.goto(filled.url + address)
        found = axe.Axe().run(signed_in).response["violations"]
        told = [(each["id"], each["nodes"][0]["html"][:120]) for each in found]
        assert told == [], address
