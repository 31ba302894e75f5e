"""Makes the golden data folder of retention: ``python -m tests.golden.make_retention NAME``.

A firm keeps by the German pack and a rule of its own, which changes twice. A contract's end is corrected, another's is
taken back. One record is held and let go again, and destroyed after approval, with a copy outside; one is withdrawn. A
dozen years later the old entries of the log are withdrawn, and a hold is placed that goes on. The archive is one for
tests: its clock file goes with it, so that whoever opens it never looks at times to come.
"""

import sys
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app import retention_jobs, simulating
from app.retention_steps import STEPS
from app.withdrawals import withdrawals_of
from audit.events import LogHeartbeat
from core.identifiers import show_record_number
from records import case_file
from retention import clock_guard, disclosure, hold, schedule, simulation, withdrawal
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.period import Period
from retention.record_date import dates_of
from tests.golden.make_data import KEPT, keep, true_of
from tests.support.archive import Archive
from tests.support.depot import LONG_AGO, Depot

DOZEN_YEARS = timedelta(days=12 * 366)


class Story:
    """One archive and how far its clock is ahead."""

    def __init__(self, data: Path) -> None:
        self.archive = Archive.open(data, test_clock=True)
        self._clock, self._ahead = data / "test-clock", timedelta()
        run = self.archive.runtime
        with run.main.write() as session:
            boss = self.archive.principal("boss")
            schedule.take_pack(session, self.archive.entity, "DE", by=boss, at=self.archive.now)
        self.depot = Depot.of(self.archive)
        self.depot.publish("P2Y")
        self.kept: dict[UUID, tuple[str, bytes, str]] = {}
        """Name, bytes and own word of the records that are there in the end."""

    def forward(self, span: timedelta) -> None:
        self._ahead += span
        self._clock.write_text(str(int(self._ahead.total_seconds())))

    def by(self, name: str) -> Any:
        return {"by": self.archive.principal(name), "at": self.archive.now}

    def receive(self, word: str, record_class: str, day: date | None, **stated: Any) -> UUID:
        data, name = f"Schreiben wegen {word}\nNordwind GmbH\n".encode(), f"{word}.txt"
        row = self.archive.receive(
            data, name, department=self.archive.departments["accounting"], record_class=record_class,
            document_date=day, **stated,
        )  # fmt: skip
        self.kept[row.id] = (name, data, word)
        return row.id

    def file(self) -> tuple[UUID, UUID, UUID]:
        """Everything is filed, and the events are stated; gives what is to be held, destroyed, withdrawn."""
        ended, rehired = (self.archive.open_file("contract", number) for number in ("V-1", "V-2"))
        held, gone = (self.receive(word, "supplier_invoice", LONG_AGO) for word in ("Papagei", "Wiedehopf"))
        self.receive("Kakadu", "supplier_invoice", date(2026, 3, 4))
        self.receive("Zaunkoenig", "contract", date(2026, 3, 4), case_file="V-1")
        self.receive("Kolibri", "contract", date(2026, 3, 4), case_file="V-2")
        self.receive("Rotkehlchen", "letter", date(2026, 3, 4))
        wrong = self.receive("Irrlaeufer", "letter", date(2026, 3, 4))
        self.archive.settle()
        with self.archive.runtime.main.write() as session:
            for file, days in ((ended, (date(2026, 6, 30), date(2027, 1, 31))), (rehired, (date(2026, 6, 30), None))):
                for day in days:
                    case_file.state_trigger(session, file, "contract_end", day, **self.by("manager"))
        self.archive.settle()
        return held, gone, wrong

    def publish_third(self) -> None:
        """Once something is filed a version wants its simulation."""
        run = self.archive.runtime
        with run.main.read() as session:
            newest = schedule.newest_of(session, self.archive.entity)["test-invoices"]
        stated = replace(newest.draft, period=Period.parse("P3Y"))
        with run.main.write() as session:
            row = schedule.draft(session, self.archive.entity, stated, **self.by("manager"))
            asked = simulation.ask(session, self.archive.entity, "rules", versions=[row.id], **self.by("manager"))
            version, simulated = row.id, asked.id
        simulating.simulate(run, simulated)
        with run.main.write() as session:
            schedule.publish(session, version, simulation=simulated, **self.by("officer"))
        self.archive.settle()

    def hold(self, *records: UUID, query: str | None = None) -> UUID:
        scope = Scope(kind="records", records=records) if query is None else Scope(kind="query", query=query)
        new = NewHold(
            entity=self.archive.entity, kind="legal_hold", scope=scope, title="Papagei ./. Wiedehopf",
            reason="a claim", authority="LG Kiel, 3 O 17/26", review_on=self.archive.today + timedelta(days=300),
        )  # fmt: skip
        with self.archive.runtime.main.write() as session:
            made = hold.place(session, new, keys=self.archive.runtime.keys, **self.by("officer")).id
        self.archive.settle()
        return made

    def release(self, *holds: UUID) -> None:
        keys = self.archive.runtime.keys
        for each in holds:
            with self.archive.runtime.main.write() as session:
                hold.ask_release(session, each, "settled", keys=keys, **self.by("manager"))
                hold.decide_release(session, each, confirmed=True, **self.by("officer"))
        self.archive.settle()

    def destroy(self, gone: UUID, wrong: UUID) -> None:
        """Through review, approval and grace; and by withdrawal of a wrong upload."""
        run = self.archive.runtime
        with run.main.write() as session:
            for record, who in ((gone, "Steuerberaterin"), *((each, "Sparkasse") for each in list(self.kept)[2:3])):
                disclosure.note(
                    session, record, "paper", who, disclosed_at=self.archive.now, keys=run.keys, **self.by("manager")
                )
            asked = withdrawal.ask(session, wrong, "of another firm", keys=run.keys, **self.by("clerk"))
            withdrawal.decide(session, asked, confirmed=True, **self.by("officer"))
        made = self.depot.propose()
        assert made is not None
        self.depot.decide(made, [gone])
        self.depot.approve(made, self.depot.submit(made))
        for _ in range(9):
            # Less than a day each, so that nobody need doubt the clock.
            self.forward(timedelta(hours=23))
            self.run_jobs()
        assert not self.depot.exists(gone)
        assert not self.depot.exists(wrong)
        assert len(self.depot.certificates()) == 2
        del self.kept[gone], self.kept[wrong]

    def run_jobs(self) -> None:
        retention_jobs.look(self.archive.runtime)
        retention_jobs.run_round(self.archive.runtime, STEPS, by=self.archive.principal("manager"))
        self.archive.settle()

    def withdraw_entries(self) -> None:
        """A dozen years later, when nothing is held."""
        run = self.archive.runtime
        run.log.record([LogHeartbeat(intake_high=0) for _ in range(300)], at=self.archive.now)
        self.archive.index()
        self.forward(DOZEN_YEARS)
        retention_jobs.look(run)
        with run.main.write() as session:
            today = self.archive.now.astimezone().date()
            clock_guard.confirm(session, today, zone="UTC", **self.by("officer"))
        log = withdrawals_of(run)
        row = log.ask(request=None, **self.by("dpo"))
        log.confirm(row.id, request=None, **self.by("officer"))
        self.archive.index()

    def told(self, held: UUID) -> dict[str, Any]:
        """What is true of the folder."""
        run = self.archive.runtime
        with run.log_database.read() as session:
            withdrawn = session.scalar(text("SELECT count(*) FROM audit_leaves WHERE entry = x''"))
        with run.main.read() as session:
            dates = dates_of(session, list(self.kept))
            stubs = session.scalar(text("SELECT count(*) FROM record_stubs"))
            runs = session.scalar(text("SELECT count(*) FROM retention_runs"))
        rows = {row.id: row for row in (self.archive.get(each) for each in self.kept)}
        return true_of(run) | {
            "withdrawn": withdrawn,
            "reader": "clerk",
            "held": str(held),
            "certificates": [str(each.id) for each in self.depot.certificates()],
            "stubs": stubs,
            "runs": runs,
            "records": [
                {
                    "name": name, "sha256": sha256(data).hexdigest(), "word": word, "id": str(record),
                    "number": show_record_number(rows[record].number), "class": rows[record].record_class,
                    "state": dates[record].state,
                    "retain_through": str(dates[record].retain_through) if dates[record].retain_through else None,
                    "basis": dates[record].basis.hex(),
                }
                for record, (name, data, word) in self.kept.items()
            ],
        }  # fmt: skip

    def close(self) -> None:
        self.archive.close()


def make(base: Path) -> dict[str, Any]:
    """The folder ``base/data``, and what is true of it."""
    story = Story(base / "data")
    held, gone, wrong = story.file()
    story.publish_third()
    over = story.hold(held, gone), story.hold(query="Wiedehopf")
    story.release(*over)
    story.destroy(gone, wrong)
    story.withdraw_entries()
    story.hold(held)
    told = story.told(held)
    story.close()
    return told


def main(name: str) -> None:
    """Make it and keep it."""
    with tempfile.TemporaryDirectory() as base:
        keep(name, lambda: make(Path(base)), Path(base), (*KEPT, "test-clock"))


if __name__ == "__main__":
    main(sys.argv[1])
