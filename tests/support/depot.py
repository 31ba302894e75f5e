"""An archive with one published rule, in which every invoice of long ago is due: for tests of disposition.

``file`` gives a filed, dated record; ``approved`` a batch of all that is due, decided, submitted and approved by
two persons; ``carry_out`` lets the days of grace pass and runs what the nightly job would.
"""

import contextlib
import zlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from accounts.principal import Principal
from app.destroying import execute_due
from app.finishing import Outcome, Passing, nobody
from core.clock import civil_date
from records.record import Record
from retention import approval, batch, disposition, running_day, schedule
from retention.batch import Batch, Item
from retention.certificate import Certificate, certificates
from retention.disposition import ItemDecision
from retention.disposition_terms import DEFAULT_GRACE_DAYS
from retention.period import Period
from retention.rule_draft import RuleDraft
from tests.support.archive import ZONE, Archive

LONG_AGO = date(2009, 3, 4)
CLASS = "supplier_invoice"


class Depot:
    """What tests of disposition do with an archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.run = archive, archive.runtime
        self.ahead = timedelta()
        """How far what people and jobs do is ahead of the machine's clock."""

    @classmethod
    def open(cls, folder: Path, **settings: object) -> "Depot":
        """An archive with a rule: invoices are kept for a year."""
        return cls.of(Archive.open(folder, **settings))

    @classmethod
    def of(cls, archive: Archive) -> "Depot":
        """The same of an archive that somebody made."""
        made = cls(archive)
        made.archive.add_person("second_officer", made.archive.grant("compliance_officer"))
        made.archive.add_person("second_manager", made.archive.grant("records_manager"))
        made.publish("P1Y")
        return made

    def by(self, name: str) -> Principal:
        return self.archive.principal(name)

    @property
    def now(self) -> datetime:
        return self.archive.now + self.ahead

    @property
    def today(self) -> date:
        """The day where the firm is."""
        return civil_date(self.now, ZONE)

    def publish(self, period: str, *, code: str = "test-invoices", bound: str = "minimum") -> UUID:
        """A rule, drafted by one and published by another while nothing is filed."""
        stated = RuleDraft(
            code=code,
            jurisdiction="DE",
            record_class=CLASS,
            trigger="document_created",
            anchor="event_date",
            period=Period.parse(period),
            bound=bound,
            action="destroy",
            legal_basis="AO § 147 Abs. 3",
        )
        with self.run.main.write() as session:
            row = schedule.draft(session, self.archive.entity, stated, by=self.by("manager"), at=self.now)
            return schedule.publish(session, row.id, by=self.by("officer"), at=self.now).id

    def receive(self, text: str = "Invoice", name: str = "invoice.txt", day: date = LONG_AGO, **stated: Any) -> UUID:
        """A record taken in, of a class that a person stated; not read yet."""
        row = self.archive.receive(
            text.encode(),
            name,
            department=self.archive.departments["accounting"],
            record_class=CLASS,
            document_date=day,
            **stated,
        )
        return row.id

    def file(self, *texts: str, day: date = LONG_AGO) -> list[UUID]:
        """Records that are read, indexed and dated."""
        ids = [self.receive(text, f"{text.split()[0]}.txt", day) for text in texts]
        self.archive.settle()
        return ids

    def propose(self, by: str = "manager") -> UUID | None:
        with self.run.main.write() as session:
            return disposition.propose(session, self.archive.entity, by=self.by(by), at=self.now)

    def decide(
        self, batch_id: UUID, records: Sequence[UUID] | None = None, by: str = "manager", **word: object
    ) -> None:
        """Destroy, unless said otherwise, all of the batch, unless some are named."""
        wanted = ItemDecision(**({"decision": "destroy"} | word))  # type: ignore[arg-type]
        with self.run.main.write() as session:
            chosen = (
                records
                if records is not None
                else [each.record for each in batch.items(session, batch_id, limit=10_000)]
            )
            disposition.decide_items(
                session, batch_id, dict.fromkeys(chosen, wanted), by=self.by(by), at=self.now, keys=self.run.keys
            )

    def submit(self, batch_id: UUID, by: str = "manager") -> bytes:
        with self.run.main.write() as session:
            return disposition.submit(session, batch_id, by=self.by(by), at=self.now).digest

    def approve(self, batch_id: UUID, digest: bytes, by: str = "officer") -> approval.Outcome:
        with self.run.main.write() as session:
            return approval.approve(session, batch_id, digest, by=self.by(by), at=self.now)

    def submitted(self) -> tuple[UUID, bytes]:
        """A batch of all that is due, decided and submitted."""
        made = self.propose()
        assert made is not None
        self.decide(made)
        return made, self.submit(made)

    def approved(self) -> UUID:
        """The same, approved by another person."""
        made, digest = self.submitted()
        assert self.approve(made, digest).state == "approved"
        return made

    def after_grace(self) -> datetime:
        """An instant by which the days of grace have passed; the system ran on all of them."""
        later = self.now + timedelta(days=DEFAULT_GRACE_DAYS + 1)
        with self.run.main.write() as session:
            for days in range(DEFAULT_GRACE_DAYS + 2):
                running_day.note(session, zone=ZONE, at=self.now + timedelta(days=days))
        return later

    def carry_out(self, *, at: datetime | None = None, passing: Passing = nobody) -> Outcome:
        """What the nightly run does once grace is over, without the keeper's part."""
        return execute_due(self.run, at=at or self.after_grace(), passing=passing)

    def batch(self, batch_id: UUID) -> Batch:
        with self.run.main.read() as session:
            return session.get_one(Batch, batch_id)

    def items(self, batch_id: UUID) -> dict[UUID, Item]:
        with self.run.main.read() as session:
            return {each.record: each for each in batch.items(session, batch_id, limit=10_000)}

    def exists(self, record_id: UUID) -> bool:
        with self.run.main.read() as session:
            return session.get(Record, record_id) is not None

    def certificates(self) -> list[Certificate]:
        with self.run.main.read() as session:
            return certificates(session, by=self.by("officer"))

    def holding(self, canary: str) -> list[Path]:
        """Files of the data folder that hold the word, raw, in UTF-16, or in what zlib opens."""
        forms = [canary.encode(form) for form in ("utf-8", "utf-16-le", "utf-16-be")]
        files = [path for path in self.run.folder.root.rglob("*") if path.is_file()]
        return [path for path in files if _holds(path.read_bytes(), forms)]

    def close(self) -> None:
        self.archive.close()


def _holds(data: bytes, forms: list[bytes]) -> bool:
    return any(form in data for form in forms) or any(form in each for each in _inflated(data) for form in forms)


def _inflated(data: bytes) -> list[bytes]:
    """Whatever in the bytes begins like a zlib stream, opened as far as it goes."""
    found, start = [], data.find(b"\x78")
    while start != -1:
        if data[start + 1 : start + 2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompressobj().decompress(data[start:], 1_000_000))
        start = data.find(b"\x78", start + 1)
    return found
