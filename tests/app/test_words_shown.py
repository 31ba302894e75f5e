"""What staff wrote is shown after the log has it: named, once, and not at all where the log cannot take it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app import words_shown
from app.runtime import Runtime
from audit import trail
from audit.entries import AuditHead
from audit.log import Log, LogUnavailable
from audit.trail import TrailEntry
from retention import custodian, disclosure, withdrawal
from retention.batch import Item
from tests.audit.test_every_access_is_logged import _held
from tests.support.depot import Depot

Told = dict[UUID, str]


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path)
    yield made
    made.close()


def a_reason(depot: Depot) -> tuple[Callable[[], Told], str, UUID]:
    depot.file("Invoice one", "Invoice two")
    made = depot.propose()
    assert made is not None
    [first, _] = items = list(depot.items(made).values())
    depot.decide(made, [first.record], reason="Settled with the seller")

    def show() -> Told:
        return words_shown.reasons(depot.run, _fresh(depot, items), by=depot.by("officer"), request="r-1")

    return show, "disposition", made


def a_withdrawal(depot: Depot) -> tuple[Callable[[], Told], str, UUID]:
    found, by = depot.receive(), depot.by("clerk")
    with depot.run.main.write() as session:
        made = withdrawal.ask(session, found, "wrong firm", by=by, at=depot.now, keys=depot.run.keys)
    with depot.run.main.read() as session:
        rows = withdrawal.listed(session, by=by)
    return lambda: words_shown.withdrawals(depot.run, rows, by=by, request="r-1"), "withdrawal", made


def a_copy_outside(depot: Depot) -> tuple[Callable[[], Told], str, UUID]:
    found, by = depot.receive(), depot.by("manager")
    with depot.run.main.write() as session:
        row = disclosure.note(
            session, found, "paper", "Tax adviser", disclosed_at=depot.now, by=by, at=depot.now, keys=depot.run.keys
        )
    return lambda: words_shown.recipients(depot.run, [row], by=by, request="r-1"), "disclosure", row.id


def a_notice(depot: Depot) -> tuple[Callable[[], Told], str, UUID]:
    _held(depot)
    run, officer, clerk = depot.run, depot.by("officer"), depot.by("clerk")
    with run.main.read() as session:
        [held] = custodian.held.visible(session, by=officer)
    assert clerk.id is not None
    with run.main.write() as session:
        custodian.give_notice(session, held.id, [clerk.id], "Keep it", by=officer, at=depot.now, keys=run.keys)
    with run.main.read() as session:
        rows = custodian.told_me(session, clerk.id)
    return lambda: words_shown.notices(run, rows, by=clerk, request="r-1"), "hold", held.id


KINDS = pytest.mark.parametrize(
    "make", [a_reason, a_withdrawal, a_copy_outside, a_notice], ids=lambda each: each.__name__
)


@KINDS
def test_an_entry_names_what_the_words_belong_to(
    depot: Depot, make: Callable[[Depot], tuple[Callable[[], Told], str, UUID]]
) -> None:
    show, kind, subject = make(depot)
    before = _length(depot.run)
    assert [text for text in show().values() if text] != []
    [entry] = _entries(depot.run, before)
    assert [(thing.kind, thing.id) for thing in entry.objects] == [(kind, subject)]
    assert (entry.action, entry.request) == ("hold.notice_shown" if kind == "hold" else "retention.words_shown", "r-1")


@KINDS
def test_where_the_log_cannot_take_it_no_word_is_shown(
    depot: Depot,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Depot], tuple[Callable[[], Told], str, UUID]],
) -> None:
    show, _, _ = make(depot)

    def refuse(*_: object, **__: object) -> None:
        raise LogUnavailable("the disk is full")

    monkeypatch.setattr(Log, "record", refuse)
    with pytest.raises(LogUnavailable):
        show()


def test_where_nobody_wrote_anything_there_is_no_entry(depot: Depot) -> None:
    depot.file("Invoice one")
    made = depot.propose()
    assert made is not None
    before = _length(depot.run)
    items = list(depot.items(made).values())
    assert words_shown.reasons(depot.run, items, by=depot.by("officer")) == {}
    assert words_shown.recipients(depot.run, [], by=depot.by("officer")) == {}
    assert _length(depot.run) == before


def _fresh(depot: Depot, items: list[Item]) -> list[Item]:
    return list(depot.items(items[0].batch).values())


def _length(run: Runtime) -> int:
    with run.log_database.read() as session:
        return session.get_one(AuditHead, 1).size


def _entries(run: Runtime, after: int) -> list[TrailEntry]:
    with run.log_database.read() as session:
        return [trail.entry(session, seq) for seq in range(after, session.get_one(AuditHead, 1).size)]
