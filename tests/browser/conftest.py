"""Chromium, and a real server with the first account made: for stories told through the pages."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PASSWORD = "granite otter lamp forty"
CHROMIUM = os.environ.get("MUNIMENT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

# Five seconds are too few where other programs use the machine as well.
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class Firm:
    """A server just started."""

    url: str
    link: str
    """The set-up link that its console printed."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all stories."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium), or name it in MUNIMENT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """``muniment serve`` on a new data folder, as people start it."""
    folder = tmp_path_factory.mktemp("firm")
    console = folder / "console"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    with console.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("muniment"), "serve", "--data", folder / "data", "--port", "0"],
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        link = _printed_link(console, process)
        yield Firm(link.split("/setup")[0], link)
    finally:
        process.terminate()
        process.wait(60)


def _printed_link(console: Path, process: "subprocess.Popen[bytes]") -> str:
    """The set-up link, once it stands on the console."""
    for _attempt in range(600):
        found = re.search(r"http\S+/setup\?token=\S+", console.read_text("utf-8", "replace"))
        if found is not None:
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"no set-up link on the console:\n{console.read_text('utf-8', 'replace')[-3000:]}")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser that nobody used before; errors of scripts fail the test."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert wrong == []


def set_up(page: Page, link: str) -> None:
    """Make the first account by the link: staff of every department and named clerk."""
    page.goto(link)
    page.fill("[name=entity]", "Grüner & Söhne Verwaltungsgesellschaft mbH")
    page.fill("[name=name]", "Șerban Müller-Lüdenscheidt")
    page.fill("[name=sign_in_name]", "serban")
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.check("[name=clerk]")
    page.click("text=Make the first account")
    page.wait_for_url("**/upload**")


def sign_in(page: Page, url: str) -> None:
    """Sign in as the first person."""
    page.goto(f"{url}/sign-in")
    page.fill("[name=name]", "serban")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/search**")


def ready(page: Page) -> Page:
    """The same page, once its keys work."""
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def search_until_found(page: Page, url: str, words: str) -> None:
    """Search until there is a result: a record is found a moment after it was filed."""
    for _attempt in range(120):
        page.goto(f"{url}/search?q={words}")
        if page.locator("[data-row]").count():
            break
        page.wait_for_timeout(500)
    ready(page)


def drop(page: Page, files: dict[str, str]) -> None:
    """Drop files on the page, as a person drags them in; names and their text."""
    ready(page)
    carried = page.evaluate_handle(
        """files => { const carried = new DataTransfer();
            for (const [name, text] of Object.entries(files)) carried.items.add(new File([text], name));
            return carried; }""",
        files,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": carried})
