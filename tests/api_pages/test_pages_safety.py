"""Templates and scripts hold nothing that the content security policy would have to forbid."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from api.pages import assets
from api.pages.show import environment
from tests.support.app import Office

TEMPLATES = sorted(Path(str(files("api"))).joinpath("templates").rglob("*.html"))
SCRIPTS = sorted(Path(str(files("api"))).joinpath("static", "js").glob("*.js"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_compile_and_hold_nothing_inline(template: Path) -> None:
    text = template.read_text("utf-8")
    environment().from_string(text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert not re.search(r"\sstyle\s*=|<style", text)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
    assert "|safe" not in text
    assert not re.search(r"(src|href)=[\"']https?:", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_token(template: Path) -> None:
    text = template.read_text("utf-8")
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL):
        signed_out = 'action="/sign-in"' in form or 'action="/setup"' in form
        assert signed_out or "csrf" in form


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_evaluate_nothing_and_import_only_what_is_served(script: Path) -> None:
    text = script.read_text("utf-8")
    assert not re.search(r"\beval\(|new Function|document\.write", text)
    for name in re.findall(r"from \"\./([^\"]+)\"|import\(\"\./([^\"]+)\"\)", text):
        assets.load().get(f"js/{name[0] or name[1]}")


def test_styles_and_scripts_are_kept_for_ever_under_an_address_of_their_content(pages_office: Office) -> None:
    page = pages_office.client().get("/sign-in").text
    addresses = re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page)
    assert len(addresses) == 4
    for address in addresses:
        answer = pages_office.client().get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    old = re.sub(r"/static/[0-9a-f]+/", "/static/0000000000000000/", addresses[0])
    assert pages_office.client().get(old).status_code == 307


def test_pages_are_not_kept_by_browsers_and_allow_no_inline_script(pages_office: Office) -> None:
    answer = pages_office.browser("clerk")[0].get("/search")
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_content_is_shown_as_text_and_never_as_markup(pages_office: Office) -> None:
    text = pages_office.browser("clerk")[0].get("/search?q=zebrafink").text
    assert "&lt;b&gt;singt&lt;/b&gt;" in text
    assert "<b>singt" not in text


def test_what_somebody_typed_comes_back_escaped(pages_office: Office) -> None:
    text = pages_office.browser("clerk")[0].get('/search?q="><script>alert(1)</script>').text
    assert "<script>alert" not in text


def test_opening_a_page_of_a_record_is_in_the_log_before_it_is_shown(pages_office: Office) -> None:
    before = pages_office.leaves()
    pages_office.browser("clerk")[0].get("/search?q=zebrafink")
    assert "record.searched" in pages_office.actions_since(before)


def test_every_class_of_the_style_sheet_that_a_template_names_exists() -> None:
    styles = assets.load().get("muniment.css").data.decode()
    used = {
        name
        for template in TEMPLATES
        for value in re.findall(r"class=\"([^\"{]*)\"", template.read_text("utf-8"))
        for name in value.split()
    }
    unknown = {name for name in used if f".{name}" not in styles}
    assert unknown <= {"results"}
