"""What people state that bears on dates: events of a single record, and the facts that conditions of rules ask for.

Events of a case file are the case file's (``records.case_file.state_trigger``). Here stand the events that one
record has of its own (when it was superseded, when a book had its last entry), and the answers to conditions such
as "hired before 2019" or "a bank or insurer", of a record, a case file or the legal entity. Statements are replaced
and never changed in place; the log has both values.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit.intake import append
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Invalid, NotFound
from core.identifiers import new_id
from records import case_file
from records.case_file import CaseFile, OwnFile
from records.record import Record, ask_to_date
from retention import facts, record_date
from retention.date_events import FactStated
from retention.facts import Fact, Holder
from retention.rule import TRIGGERS

STATE = "trigger.state"
_EARLIEST, _LATEST = date(1800, 1, 1), date(2300, 12, 31)
_AT_ONCE = 500
_Subject = TypeVar("_Subject")


class UnknownFact(Invalid):
    """No rule could ever ask for this."""

    code = "unknown_fact"


class InvalidFact(Invalid):
    """The value is not of the fact's kind."""

    code = "invalid_fact"


class StatedFact(MainTable):
    """One fact as somebody stated it, from and until when it was taken for true."""

    __tablename__ = "stated_facts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"))
    holder: Mapped[str] = mapped_column(String(10))
    """``record``, ``case_file`` or ``entity``."""
    subject: Mapped[UUID] = mapped_column(index=True)
    """The record, case file or entity."""
    name: Mapped[str] = mapped_column(String(60))
    value: Mapped[str] = mapped_column(String(60))
    """A day or instant in ISO 8601, ``true``, ``false``, or one of the condition's codes."""
    stated_by: Mapped[UUID | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Known(NamedTuple):
    """The statements about one record, case file or entity, read."""

    triggers: tuple[tuple[str, date | datetime], ...] = ()
    conditions: tuple[tuple[str, Fact], ...] = ()


NOTHING = Known()


def state(
    session: WriteSession, holder: Holder, subject: UUID, name: str, value: str | None, *, by: Principal, at: datetime
) -> bool:
    """State, correct or (with ``None``) withdraw a fact; tells whether that changed anything.

    Raises:
        NotFound: there is no such record, case file or entity for ``by``.
        NotAllowed: ``by`` states no events there.
        OwnFile: it is about ``by``, or lies in the file about them.
        UnknownFact: no rule or condition asks for such a fact of such a holder.
        InvalidFact: it is of another kind, or lies before 1800 or after 2300.
    """
    entity = _entity_of(session, holder, subject, by, at)
    written = None if value is None else written_form(holder, name, value)
    before = session.scalar(
        select(StatedFact).where(
            StatedFact.holder == holder,
            StatedFact.subject == subject,
            StatedFact.name == name,
            StatedFact.valid_to.is_(None),
        )
    )
    if (before.value if before is not None else None) == written:
        return False
    if before is not None:
        before.valid_to = at
    if written is not None:
        row = StatedFact(
            id=new_id(), entity=entity, holder=holder, subject=subject, name=name, value=written, stated_by=by.id,
            valid_from=at, valid_to=None,
        )  # fmt: skip
        session.add(row)
    session.flush()
    event = FactStated(
        by=by.actor, entity=entity, holder=holder, subject=subject, fact=name,
        before=before.value if before is not None else None, after=written,
    )  # fmt: skip
    append(session, event, at=at)
    if holder == "record":
        ask_to_date(session, subject, at, cause="fact")
    elif holder == "case_file":
        case_file.ask_to_date_records(session, subject, at)
    else:
        record_date.ask_all(session, subject, at)
    return True


def written_form(holder: Holder, name: str, value: str) -> str:
    """The value as it is stored.

    Raises:
        UnknownFact, InvalidFact: as ``state`` does.
    """
    text = value.strip()
    if holder == "record" and name in TRIGGERS:
        return _day_or_instant(text)
    condition = next((c for c in conditions() if (c.of, c.fact) == (holder, name)), None)
    if condition is None:
        raise UnknownFact("name an event or fact that a rule can ask for", fact=name)
    if isinstance(condition.value, date):
        return _day(text).isoformat()
    if isinstance(condition.value, bool):
        if text not in ("true", "false"):
            raise InvalidFact("say true or false", fact=name)
        return text
    known = _codes_of(holder, name)
    if text not in known and text != "other":
        raise InvalidFact(f"one of {', '.join(sorted(known))}, other", fact=name)
    return text


def conditions() -> tuple[facts.Condition, ...]:
    """Every condition that the classes of the rules ask for."""
    return tuple(dict.fromkeys(c.when for c in facts.load().fact_classes.values() if c.when is not None))


def stated(session: ReadSession, subjects: Collection[UUID]) -> dict[UUID, Known]:
    """What is stated now about records, case files or entities, by their ids; nothing, where nothing is."""
    ids = list(subjects)
    rows: list[Any] = []
    for start in range(0, len(ids), _AT_ONCE):
        query = select(StatedFact.subject, StatedFact.holder, StatedFact.name, StatedFact.value).where(
            StatedFact.subject.in_(ids[start : start + _AT_ONCE]), StatedFact.valid_to.is_(None)
        )
        rows += session.execute(query.order_by(StatedFact.name)).all()
    return read(rows)


def read(rows: Iterable[tuple[_Subject, str, str, str]]) -> dict[_Subject, Known]:
    """Rows of subject, holder, name and value, gathered by subject."""
    triggers: dict[_Subject, list[tuple[str, date | datetime]]] = {}
    answers: dict[_Subject, list[tuple[str, Fact]]] = {}
    subjects = set()
    for subject, holder, name, value in rows:
        subjects.add(subject)
        if holder == "record" and name in TRIGGERS:
            triggers.setdefault(subject, []).append((name, _parsed(value)))
        else:
            answers.setdefault(subject, []).append((name, _answer(value)))
    return {each: Known(tuple(triggers.get(each, ())), tuple(answers.get(each, ()))) for each in subjects}


def _entity_of(session: ReadSession, holder: Holder, subject: UUID, by: Principal, at: datetime) -> UUID:
    if holder == "case_file":
        return case_file.get_managed(session, subject, by, at).entity
    if holder == "entity":
        by.require(STATE, entity=subject)
        return subject
    row = session.get(Record, subject)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such record, or it is not yours to see")
    by.require(STATE, entity=row.entity)
    if row.case_file is not None and by.id is not None:
        about = session.scalar(select(CaseFile.about_person).where(CaseFile.id == row.case_file))
        if about == by.id:
            raise OwnFile("ask a colleague")
    return row.entity


def _codes_of(holder: Holder, name: str) -> set[str]:
    found: set[str] = set()
    for c in conditions():
        if (c.of, c.fact) == (holder, name):
            found |= {c.value} if isinstance(c.value, str) else set(c.value) if isinstance(c.value, tuple) else set()
    return found


def _day_or_instant(text: str) -> str:
    if "T" not in text:
        return _day(text).isoformat()
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidFact("write an instant as 2026-11-22T09:30:00Z") from None
    if instant.tzinfo is None:
        raise InvalidFact("an instant needs a time zone, such as Z")
    _within(instant.date())
    return instant.astimezone(UTC).replace(microsecond=0).isoformat()


def _day(text: str) -> date:
    try:
        if len(text) != 10:
            raise ValueError
        return _within(date.fromisoformat(text))
    except ValueError:
        raise InvalidFact("write a day as 2026-06-30") from None


def _within(day: date) -> date:
    if not _EARLIEST <= day <= _LATEST:
        raise InvalidFact("the day lies before 1800 or after 2300")
    return day


def _parsed(value: str) -> date | datetime:
    return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)


def _answer(value: str) -> Fact:
    if value in ("true", "false"):
        return value == "true"
    try:
        return date.fromisoformat(value)
    except ValueError:
        return value
