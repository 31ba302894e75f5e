"""The verifier's page in a browser: it accepts an export, names the entry that was changed, and sends nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Firm

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]


def test_an_export_dropped_on_the_page_is_judged_there(
    chromium: Browser, firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("audit", "tampering"):
        monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / folder))
    from audit_world import KEY
    from stolen import grown, listed, packed, put, withdrawing

    (tmp_path / "world").mkdir()
    log = grown(tmp_path / "world")
    good = packed(log.export(tmp_path / "good"), tmp_path / "good.zip")
    bad = packed(log.edited(300).export(tmp_path / "bad"), tmp_path / "bad.zip")
    forged = packed(log.edited(290).rechained(290).signed().export(tmp_path / "forged"), tmp_path / "forged.zip")
    withdrawn = withdrawing(log, 256, 512).export(tmp_path / "withdrawn", proofs=(5,))
    (withdrawn / "tile/entries/001").unlink()
    put(withdrawn / "openings.jsonl", b"")
    listed(withdrawn)
    silent = packed(withdrawn, tmp_path / "silent.zip")
    put(withdrawn / "withdrawn.json", b'[{"from":256,"to":512,"event":700}]')
    listed(withdrawn)
    said = packed(withdrawn, tmp_path / "said.zip")
    (withdrawn / "tile/entries/000").unlink()
    listed(withdrawn)
    more = packed(withdrawn, tmp_path / "more.zip")
    kept = tmp_path / "kept"
    put(kept, log.notes[301].encode())
    page = chromium.new_page()
    page.goto(f"{firm.url}/verify")
    page.wait_for_selector("html[data-ready]")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#key", str(KEY.verifier))

    def judge(*files: Path) -> tuple[str | None, str]:
        page.evaluate("delete document.getElementById('result').dataset.verdict")
        page.set_input_files("#files", list(files))
        page.wait_for_selector("#result[data-verdict]", state="attached")
        return page.get_attribute("#result", "data-verdict"), page.inner_text("#result")

    assert judge(good)[0] == "good"
    verdict, told = judge(bad)
    assert (verdict, "Position 300: This entry is not the one that was signed." in told) == ("wrong", True), told
    # Without what was kept from before, a log rebuilt with its own key is in order.
    assert judge(forged)[0] == "good"
    verdict, told = judge(forged, kept)
    assert (verdict, "contradicts the log" in told) == ("wrong", True), told
    verdict, told = judge(said, kept)
    assert (verdict, "Two persons withdrew entries 256 to 511, as entry 700 says" in told) == ("good", True), told
    # Without the list, or where more is gone than it says, entries are missing.
    verdict, told = judge(silent)
    assert (verdict, "Position 256: Entries are missing." in told) == ("wrong", True), told
    verdict, told = judge(more)
    assert (verdict, "Position 0: Entries are missing." in told, "Position 256" in told) == ("wrong", True, False), told
    verdict, told = judge(tmp_path / "good/proofs/300.tlog-proof", tmp_path / "bad/leaves/300.json")
    assert (verdict, "Position 300: A proof does not lead" in told) == ("wrong", True), told
    assert asked == []
    page.close()
