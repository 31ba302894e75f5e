"""The generated documents: every published rule and every job appears, what is not there is said, both forms hold."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from app.papers.all import PAPERS, NoSuchPaper, make
from app.papers.paper import Paper, Section, Table, Text, escape, points, to_markdown
from app.papers.pdf import to_pdf
from app.papers.sources import Sources, entity_named, gather
from app.retention_steps import STEPS
from retention import schedule
from retention.schedule import PUBLISHED
from tests.support.app import Office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("papers"))
    manager, officer = made.principal("manager"), made.principal("officer")
    now = made.runtime.clock.now()
    with made.runtime.main.write() as session:
        batch = schedule.take_pack(session, made.entity, "DE", by=manager, at=now)
        assert batch is not None
        schedule.publish_batch(session, batch, by=officer, at=now)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sources(office: Office) -> Sources:
    by = office.principal("auditor")
    return gather(office.runtime, entity_named(office.runtime, "", by=by), by=by)


def published(office: Office) -> list[schedule.RetentionRule]:
    with office.runtime.main.read() as session:
        return schedule.listed(session, office.entity, by=office.principal("auditor"), states=(PUBLISHED,))


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.mark.parametrize("code", PAPERS)
def test_each_published_rule_appears_with_its_period_and_statute(office: Office, sources: Sources, code: str):
    rows = published(office)
    assert len(rows) > 5
    written = to_markdown(make(code, sources))
    for row in rows:
        assert f"{row.code} v{row.version}" in written
        assert escape(row.draft.legal_basis) in written


@pytest.mark.parametrize("code", ["deletion-concept", "procedure"])
def test_each_job_appears_with_what_it_does(sources: Sources, code: str):
    written = to_markdown(make(code, sources))
    for step in STEPS:
        assert f"| {step.name} |" in written.replace("\\", "")
        assert escape(step.meaning) in written


@pytest.mark.parametrize("code", PAPERS)
def test_backups_are_said_not_to_be_there(sources: Sources, code: str):
    written = to_markdown(make(code, sources))
    assert "Muniment makes none by itself" in written
    assert "No rule is published" not in written


@pytest.mark.parametrize("code", PAPERS)
def test_the_pdf_says_what_the_markdown_says(office: Office, sources: Sources, code: str):
    paper = make(code, sources)
    pdf = to_pdf(paper, sources.at)
    assert pdf.startswith(b"%PDF-")
    found = text_of(pdf).replace(" ", "")
    for section in paper.sections:
        assert section.heading.replace(" ", "") in found
    for row in published(office):
        # Long cells are broken anywhere.
        assert row.code.replace("-", "") in found.replace("-", "")


def test_letters_of_all_european_languages_are_in_the_pdf():
    paper = Paper("x", "Păstrare și ștergere – Löschkonzept ąęłżź", ("ß",), ())
    from datetime import UTC, datetime

    assert "Păstrare și ștergere – Löschkonzept ąęłżź" in text_of(to_pdf(paper, datetime(2026, 1, 1, tzinfo=UTC)))


def test_an_entity_without_rules_is_told_so(tmp_path: Path):
    empty = Office.open(tmp_path)
    by = empty.principal("dpo")
    found = gather(empty.runtime, entity_named(empty.runtime, "", by=by), by=by)
    for code in PAPERS:
        written = to_markdown(make(code, found))
        assert "No retention rule is published: nothing has a date" in written
        assert to_pdf(make(code, found), found.at).startswith(b"%PDF-")
    empty.close()


def test_there_are_no_other_documents(sources: Sources):
    with pytest.raises(NoSuchPaper):
        make("novel", sources)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(max_size=40))
def test_no_text_breaks_out_of_its_place_in_markdown(one: str, other: str):
    table = Table(("a", "b"), ((one, other),), (50, 50))
    written = to_markdown(Paper("x", one, (other,), (Section(other, (Text(one), points([one]), table)),)))
    row = written.split("| --- | --- |\n")[1]
    assert row.count("\n") == 1
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 3
    assert sum(line.startswith("# ") for line in written.split("\n")) == 1


def test_they_are_saved_over_http_by_those_who_see_retention(office: Office):
    for name in ("manager", "officer", "dpo", "auditor"):
        for code in PAPERS:
            address = f"/api/v1/retention/documents/{code}?entity={office.entity}"
            answer = office.client(name).get(address)
            assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
            assert f'filename="{code}-' in answer.headers["content-disposition"]
    answer = office.client("dpo").get(f"/retention/documents/{office.entity}/procedure.pdf")
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
    assert "Deletion concept" in office.client("dpo").get("/retention/documents").text
    for name in ("clerk", "admin"):
        address = f"/api/v1/retention/documents/procedure?entity={office.entity}"
        assert office.client(name).get(address).status_code == 403
    assert office.client("dpo").get(f"/api/v1/retention/documents/novel?entity={office.entity}").status_code == 422
