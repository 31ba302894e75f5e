"""The verifier's page: for anybody, asking nobody; and the file that goes with it."""

import hashlib
import re
from pathlib import Path

from api.pages import verify
from audit import muniment_verify
from tests.support.app import STRANGER, Office

STATIC = Path(verify.__file__).parents[1] / "static" / "js"


def test_the_file_is_the_one_in_the_program_and_the_page_names_its_digest(pages_office: Office) -> None:
    visitor = pages_office.client(STRANGER)
    file = visitor.get("/verify/muniment_verify.py")
    assert file.content == Path(muniment_verify.__file__).read_bytes()
    assert "attachment" in file.headers["content-disposition"]
    page = visitor.get("/verify")
    assert page.status_code == 200
    assert hashlib.sha256(file.content).hexdigest() in page.text


def test_the_page_sends_nothing_and_its_rules_let_nothing_out(pages_office: Office) -> None:
    page = pages_office.client(STRANGER).get("/verify")
    assert "<form" not in page.text
    rules = page.headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    for name in ("verify", "verify_log", "verify_zip"):
        script = (STATIC / f"{name}.js").read_text("utf-8")
        assert re.findall(r"\b(?:fetch|XMLHttpRequest|sendBeacon|WebSocket|EventSource|http\.js)\b", script) == []


def test_the_page_has_words_for_every_kind_that_its_script_finds(pages_office: Office) -> None:
    script = (STATIC / "verify_log.js").read_text("utf-8")
    words = verify._words()
    kinds = set(re.findall(r'fault\([^"]*?"([a-z]+)"', script))
    kinds |= set(re.findall(r'\? "([a-z]+)" : "[a-z]+"\)', script)) | set(
        re.findall(r'\? "[a-z]+" : "([a-z]+)"\)', script)
    )
    assert kinds <= words["kinds"].keys() <= muniment_verify.KINDS.keys()
    assert set(re.findall(r'checked\.push\(\["([a-z]+)"', script)) == words["checked"].keys()
    assert set(re.findall(r'open\.push\("([a-z0-9]+)"\)', script)) == words["open"].keys()
