"""Into the intermediate archive by itself: the records of a case file whose active use has ended some time ago.

Active use ends with the contract, the employment, the relationship or the case, as stated of the case file
(``records.case_file.state_trigger``); where several of these days are stated, with the last one. How many months later
its records come under the regime *intermediate* is one of the entity's terms (``retention.disposition_terms``), and
unless an entity sets it none does by itself. From then on only people who are named read them, with a reason,
as the French data protection authority asks of the *archivage intermédiaire*.

It only narrows. A record that two persons have opened again since then stays open; an end that is withdrawn (a
rehire) opens nothing by itself, since that takes two persons. What waits for its destruction is left alone.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities
from accounts.principal import Principal
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from records.case_file import CaseFile, TriggerFact
from records.record import WITHDRAWN, Record
from records.regime import ACTIVE, INTERMEDIATE
from retention import batch as batches
from retention import disposition_terms, regime
from retention.batch import Batch, Item
from retention.period import BeyondCalendar, Period, add, day_after
from retention.regime import DONE, RegimeChange

ENDS: tuple[str, ...] = (
    "contract_end",
    "employment_end",
    "business_relationship_end",
    "procedure_closed",
    "proceeding_closed",
    "case_closed",
)
"""Events that end the active use of a case file."""
BASIS = "active_use_ended"
AT_ONCE = 25
"""Records of one transaction: each takes several statements."""
_GOING = (batches.SUBMITTED, batches.APPROVED, batches.EXECUTING, batches.PARTLY_FAILED)


def closes_on(ended_on: date, months: int) -> date | None:
    """First day on which the records of a file come into the intermediate archive; ``None`` beyond the calendar.

    The day of the event is not counted, as in every other period.
    """
    try:
        return day_after(add(ended_on, Period(months=months)))
    except BeyondCalendar:
        return None


def due_files(session: ReadSession, entity: UUID, *, at: datetime, only: UUID | None = None) -> dict[UUID, date]:
    """The case files of an entity with active records that go by now, each with the day since when; or ``only`` one."""
    months = disposition_terms.of(session, entity).intermediate_months
    if months is None:
        return {}
    today = civil_date(at, entities.get(session, entity).zone)
    last = func.max(TriggerFact.happened_on)
    ended = (
        select(TriggerFact.case_file, last)
        .join(CaseFile, CaseFile.id == TriggerFact.case_file)
        .where(CaseFile.entity == entity, TriggerFact.valid_to.is_(None), TriggerFact.trigger.in_(ENDS))
        .group_by(TriggerFact.case_file)
        .having(last < today)
    )
    active = select(Record.id).where(Record.case_file == CaseFile.id, Record.regime == ACTIVE)
    ended = ended.where(active.exists() if only is None else CaseFile.id == only)
    days = {file: closes_on(day, months) for file, day in session.execute(ended)}
    return {file: day for file, day in days.items() if day is not None and day <= today}


def due_records(session: ReadSession, case_file: UUID, since: date, *, zone: str, limit: int = AT_ONCE) -> list[UUID]:
    """Records of a case file that are active still, and that nobody has opened again since that day."""
    going = select(Item.id).join(Batch, Batch.id == Item.batch)
    going = going.where(Item.record == Record.id, Item.state == batches.DECIDED, Batch.state.in_(_GOING))
    wanted = (
        select(Record.id)
        .where(Record.case_file == case_file, Record.regime == ACTIVE, Record.state != WITHDRAWN)
        .where(~going.exists())
        .order_by(Record.id)
    )
    found: list[UUID] = []
    after: UUID | None = None
    while len(found) < limit:
        some = list(session.scalars((wanted if after is None else wanted.where(Record.id > after)).limit(500)))
        if not some:
            break
        after = some[-1]
        opened = session.execute(
            select(RegimeChange.record, RegimeChange.decided_at).where(
                RegimeChange.record.in_(some), RegimeChange.state == DONE, RegimeChange.after == ACTIVE
            )
        )
        again = {record for record, at in opened if at is not None and civil_date(at, zone) >= since}
        found += [each for each in some if each not in again]
    return found[:limit]


def count_due(session: ReadSession, entity: UUID, *, at: datetime) -> int:
    """How many records would go now."""
    zone = entities.get(session, entity).zone
    files = due_files(session, entity, at=at)
    return sum(len(due_records(session, file, day, zone=zone, limit=1_000_000)) for file, day in files.items())


def close_some(
    session: WriteSession, case_file: UUID, since: date, *, by: Principal, at: datetime, limit: int = AT_ONCE
) -> int:
    """Bring some records of a case file under the regime; tells how many, 0 at the end.

    The caller found the file by ``due_files``; whoever states another end meanwhile comes too late for these.
    """
    file = session.get(CaseFile, case_file)
    if file is None:
        return 0
    zone = entities.get(session, file.entity).zone
    ids = due_records(session, case_file, since, zone=zone, limit=limit)
    for each in ids:
        regime.change_by_itself(session, each, INTERMEDIATE, BASIS, by=by, at=at)
    return len(ids)
