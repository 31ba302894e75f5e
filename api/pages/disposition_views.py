"""What the pages of disposition show of a batch and of its records: rows turned into words, and nothing decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from accounts import directory, entities, people
from accounts.principal import Principal
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown, words
from api.pages.words import StateWords
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from records import case_file
from records.record import Record
from records.stub import RecordStub
from retention import batch as batches
from retention import blocker, ceiling, why_words
from retention.batch import Batch, Counts, Item
from retention.blocker import Blocker
from retention.record_date import RecordDate, dates_of
from retention.rule import Rule
from retention.schedule import RetentionRule

NEAR_CEILING = timedelta(days=90)
"""How long before a ceiling a record is called near it."""
OVERDUE_AFTER = timedelta(days=30)
"""A batch that has waited this long for review or approval stands first, and says so."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch in a list and above its records."""

    row: Batch
    name: str
    state: StateWords
    total: int
    open: int
    """Records nobody has decided about."""
    tally: tuple[tuple[str, int, str], ...]
    """Words, number and meaning of what was decided and what became of it."""
    proposed_text: str
    waits_since: datetime | None
    is_overdue: bool
    grace_until: datetime | None

    @property
    def id(self) -> UUID:
        """The batch's id."""
        return self.row.id

    @property
    def many(self) -> dict[str, int]:
        """Numbers by the words of the tally."""
        return {text: many for text, many, _meaning in self.tally}


@dataclass(frozen=True, slots=True)
class ItemView:
    """One record of a batch."""

    item: Item
    title: str
    """Empty where the reader may not open the record."""
    class_text: str
    document_date: date | None
    file: str
    """Number of the case file, where the reader may see it."""
    why: str
    blockers: tuple[str, ...]
    reason: str
    said: StateWords
    late: str
    """What a ceiling demands; empty where none is near."""
    is_gone: bool
    """Whether the record is destroyed. What failed is not: of a package that could not be made the records stay."""

    @property
    def record(self) -> UUID:
        """The record's id."""
        return self.item.record

    @property
    def number(self) -> str:
        """The record's number."""
        return self.item.number

    @property
    def decision(self) -> str:
        """The code of the decision; empty where there is none."""
        return self.item.decision or ""

    @property
    def to_class(self) -> str:
        """Code of the class it is to come into; empty where none is decided."""
        return (self.item.to_class or "") if self.item.decision == "reclassify" else ""

    @property
    def authority(self) -> str:
        """What a transfer or permanent keeping rests on; empty where its rule says it."""
        return self.item.authority or ""

    @property
    def until(self) -> date | None:
        """Last day of an extension."""
        return self.item.until_on

    @property
    def is_open(self) -> bool:
        """Whether a decision can be made or changed."""
        return self.item.state in (batches.OPEN, batches.DECIDED)

    @property
    def is_late(self) -> bool:
        """Whether a ceiling is near or over."""
        return bool(self.late)


def state_of(row: Batch) -> StateWords:
    """The state of a batch in words."""
    return {
        batches.PROPOSED: StateWords(_("To be reviewed"), "waiting", "review"),
        batches.IN_REVIEW: StateWords(_("In review"), "waiting", "review"),
        batches.SUBMITTED: StateWords(_("Waits for approval"), "waiting", "clock"),
        batches.APPROVED: StateWords(_("Approved, can still be undone"), "info", "clock"),
        batches.EXECUTING: StateWords(_("Being carried out"), "info", "turn"),
        batches.DONE: StateWords(_("Carried out"), "done", "check"),
        batches.PARTLY_FAILED: StateWords(_("Partly failed"), "blocked", "attention"),
        batches.UNDONE: StateWords(_("Undone"), "info", "undo"),
    }.get(row.state, StateWords(row.state, "info", "info"))


def batch_views(session: ReadSession, rows: Sequence[Batch], at: datetime) -> list[BatchView]:
    """The batches in words, in the order given."""
    counted = batches.counts(session, [row.id for row in rows])
    firms = {row.id: row for row in entities.everything(session)}
    return [_batch_view(row, counted[row.id], firms, at) for row in rows]


def picked(session: ReadSession, batch_id: UUID, records: Sequence[UUID]) -> list[Item]:
    """Those of the records that are in the batch, in the order of their ids."""
    query = select(Item).where(Item.batch == batch_id, Item.record.in_(records)).order_by(Item.record)
    return list(session.scalars(query))


def item_views(
    run: Runtime, rows: Sequence[Item], reasons: Mapping[UUID, str], by: Principal, at: datetime, request_id: str
) -> list[ItemView]:
    """The records of a batch in words; titles only of those that ``by`` may open, and the log says so first."""
    ids = [row.record for row in rows]
    titles: dict[UUID, str] = {}
    if by.may("record.read") and ids:
        found, _receipt = run.content.reveal(ids, ("title", "name"), by=by, where="disposition", request=request_id)
        titles = {each.record.id: each.title or each.name for each in found}
    with run.main.read() as session:
        known = {row.id: row for row in session.scalars(select(Record).where(Record.id.in_(ids)))}
        wanted = {row.case_file for row in known.values() if row.case_file is not None}
        files = {row.id: row.number for row in case_file.find_visible(session, wanted, by, at)} if wanted else {}
        blocked = blocker.blockers_of(session, ids)
        dates = dates_of(session, ids)
        zones = {row.id: row.zone for row in entities.everything(session)}
        rules = rules_of(session, {row.rule for row in rows})
        stubs = {row.record: row for row in session.scalars(select(RecordStub).where(RecordStub.record.in_(ids)))}
    return [
        ItemView(
            item=row,
            title=titles.get(row.record, ""),
            class_text=words.record_class(row.record_class),
            document_date=_document_date(known.get(row.record) or stubs.get(row.record)),
            file=files.get(known[row.record].case_file or row.id, "") if row.record in known else "",
            why=why_line(row, rules.get(row.rule)),
            blockers=tuple(blocker_line(each) for each in blocked.get(row.record, ())),
            reason=reasons.get(row.record, ""),
            said=said_of(row),
            late="" if row.decision == "extend" else late_line(dates.get(row.record), rules.get(row.rule), at, zones),
            is_gone=row.record not in known,
        )
        for row in rows
    ]


def rules_of(session: ReadSession, versions: Iterable[UUID]) -> dict[UUID, Rule]:
    """The rules of the schedule by the id of their version."""
    rows = session.scalars(select(RetentionRule).where(RetentionRule.id.in_(list(versions))))
    return {row.id: row.value() for row in rows}


def why_line(row: Item, rule: Rule | None) -> str:
    """By which provision and until when the record was to be kept, in one line."""
    until = shown.day(row.retain_through)
    if rule is None:
        return _("kept until %(day)s") % {"day": until} if until else _("its period is over")
    language = why_words.Language(gettext=_, ngettext=ngettext, day=shown.day)
    told = {"basis": rule.legal_basis, "period": why_words.period(rule.period, language), "day": until}
    return (_("%(basis)s: %(period)s, until %(day)s") if until else _("%(basis)s: %(period)s")) % told


def blocker_line(each: Blocker) -> str:
    """What stands against destruction, in one line."""
    kind = {
        "legal_hold": _("Legal hold"),
        "tax_audit": _("Tax audit"),
        "restriction": _("Restriction of processing (Art. 18)"),
        "open_request": _("Open request of a person"),
    }.get(each.kind, each.kind)
    line = _("%(kind)s: nothing is destroyed while it lasts. Next review on %(day)s.")
    if each.undecided:
        line = _("%(kind)s: it is being looked at whether it reaches this record. Next review on %(day)s.")
    return line % {"kind": kind, "day": shown.day(each.review_on)}


def late_line(row: RecordDate | None, rule: Rule | None, at: datetime, zones: Mapping[UUID, str]) -> str:
    """That a ceiling is near, or a statute's maximum over; empty where neither is.

    A term for review that has passed is the batch's matter: it says how long it has waited.
    """
    if row is None or row.ceiling_through is None:
        return ""
    left = row.ceiling_through - civil_date(at, zones[row.entity])
    if left > NEAR_CEILING:
        return ""
    if left < timedelta(0):
        if not ceiling.is_statutory(row.ceiling_through, row.retain_through, rule):
            return ""
        return _("overdue since %(day)s") % {"day": shown.day(row.ceiling_through)}
    return _("to be gone by %(day)s") % {"day": shown.day_with_weekday(row.ceiling_through)}


def said_of(row: Item) -> StateWords:
    """What was decided about a record, or what became of it."""
    if row.state == batches.DESTROYED:
        text = _("Transferred, and destroyed here") if row.decision == "transfer" else _("Destroyed")
        return StateWords(text, "done", "check")
    if row.state == batches.ITEM_EXECUTING:
        return StateWords(_("Being destroyed"), "info", "turn")
    if row.state == batches.PACKAGED:
        return StateWords(_("Packed; waits for the archive"), "waiting", "clock")
    if row.state == batches.SKIPPED:
        return StateWords(_("Passed over: %(reason)s") % {"reason": code_text(row.code)}, "waiting", "attention")
    if row.state == batches.FAILED:
        return StateWords(_("Failed: %(reason)s") % {"reason": code_text(row.code)}, "blocked", "attention")
    if row.state == batches.KEPT and row.code in ("permanent", "transfer_called_off"):
        text = _("Kept permanently") if row.code == "permanent" else _("Kept: the transfer was called off")
        return StateWords(text, "info", "lock")
    if row.state == batches.KEPT:
        return StateWords(_("In another class") if row.decision == "reclassify" else _("Kept"), "info", "check")
    if row.decision is None:
        text = _("Open again: %(reason)s") % {"reason": code_text(row.code)} if row.code else _("No decision")
        return StateWords(text, "waiting", "clock")
    return decision_words(row.decision)


def decision_words(code: str) -> StateWords:
    """A decision in words."""
    return {
        "destroy": StateWords(_("Destroy"), "blocked", "close"),
        "extend": StateWords(_("Keep longer"), "info", "clock"),
        "reclassify": StateWords(_("Another class"), "info", "edit"),
        "transfer": StateWords(_("Transfer to an archive"), "blocked", "right"),
        "permanent": StateWords(_("Keep permanently"), "info", "lock"),
    }.get(code, StateWords(code, "info", "info"))


def code_text(code: str | None) -> str:
    """Why a record was passed over, reopened or has failed; a code without words says itself."""
    return {
        "legal_hold": _("a legal hold"),
        "tax_audit": _("a tax audit"),
        "restriction": _("its processing is restricted"),
        "open_request": _("an open request of a person"),
        "changed": _("it or its date has changed since it was shown"),
        "changed_since": _("it or its date has changed since it was submitted"),
        "not_eligible": _("its period is not over any more"),
        "reclassified": _("it has another class now"),
        "decided_anew": _("it was decided anew"),
        "unsafe_file": _("the malware scanner did not pass a file of it"),
        "beyond_maximum": _("a statutory maximum says until when it may be kept"),
        "kept_in_parent": _("its bytes lie in the mail or archive it was found in"),
    }.get(code or "", (code or _("no reason noted")).replace("_", " "))


def _document_date(row: Record | RecordStub | None) -> date | None:
    return row.document_date if row is not None else None


def groups(rows: Sequence[ItemView], by: str) -> list[tuple[str, list[ItemView]]]:
    """The records under headings: by class, year of the document, case file, or all under one."""
    found: dict[str, list[ItemView]] = {}
    for row in rows:
        if by == "year":
            text = str(row.document_date.year) if row.document_date else _("Without a date")
        elif by == "file":
            text = _("Case file %(number)s") % {"number": row.file} if row.file else _("Without a case file")
        elif by == "none":
            text = _("All records")
        else:
            text = row.class_text
        found.setdefault(text, []).append(row)
    return sorted(found.items())


def by_outcome(rows: Sequence[ItemView]) -> list[tuple[StateWords, list[ItemView]]]:
    """The records by what was decided about them or became of them; those to be destroyed first."""
    found: dict[str, tuple[StateWords, list[ItemView]]] = {}
    for row in rows:
        found.setdefault(row.said.text, (row.said, []))[1].append(row)
    first = {"blocked": 0, "waiting": 2, "info": 1, "done": 3}
    return sorted(found.values(), key=lambda each: (first[each[0].meaning], each[0].text))


def sums(rows: Sequence[ItemView]) -> list[tuple[str, list[tuple[str, int]], int]]:
    """How many are to be destroyed: by class, and within it by year of the document."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row.item.decision == "destroy":
            year = str(row.document_date.year) if row.document_date else _("no date")
            years = found.setdefault(row.class_text, {})
            years[year] = years.get(year, 0) + 1
    return [(text, sorted(years.items()), sum(years.values())) for text, years in sorted(found.items())]


def names_for(
    run: Runtime, ids: Iterable[UUID], by: Principal, at: datetime, request_id: str, *, as_you: bool = True
) -> dict[UUID, str]:
    """Names of people for those who may know them, ``a colleague`` for the others; oneself ``as_you`` or by name."""
    wanted = set(ids)
    others = sorted(wanted - {by.id})
    names = dict.fromkeys(wanted, _("a colleague"))
    if others and by.may("person.read"):
        with run.main.read() as session:
            names |= dict.fromkeys(others, _("an erased person")) | people.reveal_names(session, others, run.keys)
        directory.note_shown(run.log, others, by=by, at=at, request=request_id)
    if by.id is not None and by.id in wanted:
        with run.main.read() as session:
            names[by.id] = _("you") if as_you else people.reveal_names(session, [by.id], run.keys).get(by.id, "")
    return names


def _batch_view(row: Batch, counts: Counts, firms: Mapping[UUID, entities.LegalEntity], at: datetime) -> BatchView:
    firm = firms[row.entity]
    name = _("Batch of %(day)s") % {"day": shown.day(civil_date(row.proposed_at, firm.zone))}
    if len(firms) > 1:
        name = f"{name} · {firm.name}"
    left = counts.states.get(batches.OPEN, 0)
    since = {
        batches.PROPOSED: row.proposed_at,
        batches.IN_REVIEW: row.proposed_at,
        batches.SUBMITTED: row.submitted_at,
    }.get(row.state)
    grace = (
        row.approved_at + timedelta(days=row.grace_days) if row.approved_at and row.state == batches.APPROVED else None
    )
    source = _("Proposed by the nightly run.") if row.proposed_by is None else _("Proposed by a person.")
    return BatchView(
        row=row,
        name=name,
        state=state_of(row),
        total=counts.total,
        open=left,
        tally=tuple(_tally(row, counts, left)),
        proposed_text=source,
        waits_since=since,
        is_overdue=since is not None and at - since > OVERDUE_AFTER,
        grace_until=grace,
    )


def _tally(row: Batch, counts: Counts, left: int) -> list[tuple[str, int, str]]:
    states = {
        batches.DESTROYED: (_("destroyed"), "done"),
        batches.ITEM_EXECUTING: (_("being destroyed"), "info"),
        batches.PACKAGED: (_("packed, waiting for an archive"), "waiting"),
        batches.SKIPPED: (_("passed over"), "waiting"),
        batches.FAILED: (_("failed"), "blocked"),
        batches.KEPT: (_("kept"), ""),
    }
    found = [
        (text, counts.states[code], meaning) for code, (text, meaning) in states.items() if counts.states.get(code)
    ]
    if row.state in (*batches.REVIEWED, batches.SUBMITTED, batches.APPROVED):
        said = {
            "destroy": _("to destroy"),
            "extend": _("to keep longer"),
            "reclassify": _("in another class"),
            "transfer": _("to transfer"),
            "permanent": _("to keep permanently"),
        }
        found += [(text, counts.decisions[code], "") for code, text in said.items() if counts.decisions.get(code)]
        found.append((_("without a decision"), left, "waiting" if left and row.state in batches.REVIEWED else ""))
    return found


def waiting_text(view: BatchView, at: datetime) -> str:
    """How long a batch has waited."""
    if view.waits_since is None:
        return ""
    days = (at - view.waits_since).days
    return (
        ngettext("for one day", "for %(shown)s days", days) % {"shown": shown.count(days)} if days else _("since today")
    )
