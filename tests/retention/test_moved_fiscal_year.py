"""An entity moves its fiscal year: what is older keeps its dates, the short year ends early, the next begins anew."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from retention import schedule, terms_change
from retention.period import Period
from retention.record_date import dates_of
from retention.rule_draft import RuleDraft
from tests.support.archive import Archive

EVENTS = {date(2020, 2, 2): "an old one", date(2025, 2, 1): "in the short year", date(2025, 6, 1): "after it"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    """An archive that keeps invoices for ten years from the end of the fiscal year (C. com. L123-22)."""
    made = Archive.open(tmp_path)
    stated = RuleDraft(
        code="test-invoices", jurisdiction="FR", record_class="supplier_invoice", trigger="document_created",
        anchor="end_of_fiscal_year", period=Period.parse("P10Y"), bound="minimum", action="destroy",
        legal_basis="C. com. L123-22",
    )  # fmt: skip
    with made.runtime.main.write() as session:
        row = schedule.draft(session, made.entity, stated, by=made.principal("manager"), at=made.now)
        schedule.publish(session, row.id, by=made.principal("officer"), at=made.now)
    yield made
    made.close()


def set_fiscal_year(office: Archive, text: str) -> None:
    with office.runtime.main.write() as session:
        wanted = terms_change.wanted(terms_change.of(session, office.entity), fiscal_year_start=text)
        asked = terms_change.ask(
            session, office.entity, wanted, percent=20, by=office.principal("manager"), at=office.now
        )
        assert asked.state == terms_change.PENDING, "a calendar may move a date either way"
        terms_change.decide(
            session, asked.id, confirmed=True, percent=20, by=office.principal("officer"), at=office.now
        )
    office.settle()


def kept(office: Archive, ids: dict[UUID, str]) -> dict[str, date | None]:
    with office.runtime.main.read() as session:
        return {ids[record]: row.retain_through for record, row in dates_of(session, list(ids)).items()}


def test_a_move_leaves_older_dates_alone_where_another_first_day_would_have_cut_them_short(office: Archive) -> None:
    ids = {
        office.receive(words.encode(), "facture.txt", record_class="supplier_invoice", document_date=day).id: words
        for day, words in EVENTS.items()
    }
    office.settle()
    before = {
        "an old one": date(2030, 12, 31), "in the short year": date(2035, 12, 31), "after it": date(2035, 12, 31)
    }  # fmt: skip
    assert kept(office, ids) == before
    set_fiscal_year(office, "01-01/2025-04-01")
    assert kept(office, ids) == {
        "an old one": date(2030, 12, 31), "in the short year": date(2035, 3, 31), "after it": date(2036, 3, 31)
    }  # fmt: skip
    told = office.events("retention.terms_changed")[-1].details
    assert told["fiscal_year"] == "01-01/2025-04-01"
    # A first day that had been wrong from the beginning, on the other hand, counts for all years.
    set_fiscal_year(office, "04-01")
    assert kept(office, ids)["an old one"] == date(2030, 3, 31)
