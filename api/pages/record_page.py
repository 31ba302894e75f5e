"""The page of one record: its pages, its facts, who can see it, what happened to it; and what may be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import departments
from accounts.principal import Principal
from api.deps import Classifier, Now, Reader, RequestId, Reviewer, Run, WriteSession
from api.errors import StaleRevision
from api.i18n import gettext as _
from api.pages import access_words, disclosures, hold_words, retention_words, sentences, words
from api.pages.case_names import name_of, named
from api.pages.frame import departments_of
from api.pages.show import Form, Posted, fragment, go, page, page_router
from app.runtime import Runtime
from audit import trail
from core.database import ReadSession
from core.errors import Invalid, NotFound
from ingest import retry
from records import case_file, placement, record, stub
from records.case_file import CaseFile
from records.placement import Decision
from records.record import Record
from records.shown import Detail, Shown
from retention import disclosure, record_date, withdrawal

router = page_router()
HISTORY = 100
MOST_WORDS = 12
MOST_PRINTED = 100
"""Pages of a print view: each is an image of its own, that the browser wants at once."""
SHOWN_ABOVE = frozenset({"document_date", "total", "party", "currency"})
"""Fields that stand on the record itself, in the reader's form."""


@dataclass(frozen=True, slots=True)
class Around:
    """What belongs to a record without being in it."""

    file: CaseFile | None
    file_name: str
    department: str | None
    parent: Shown | None
    children: tuple[Shown, ...]
    readers: tuple[str, ...]
    departments: tuple[tuple[UUID, str], ...]
    """Those of its entity: where it may be put."""
    named: Mapping[UUID, str]
    """Departments that the reader is told by name."""
    can_change: bool
    can_add_version: bool
    can_review: bool
    can_withdraw: bool


@router.get("/records/{record_id}")
def show_record(
    request: Request,
    record_id: UUID,
    by: Reader,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Everything about one record."""
    try:
        detail = run.content.detail(record_id, by=by, request=request_id)
    except NotFound:
        return _destroyed(record_id, by, run)
    around = _around(run, detail.record, by, now, request_id)
    current, name, title = _current(detail)
    with run.main.read() as session:
        copies = len(disclosure.of_record(session, record_id, by=by))
        held = hold_words.badge(session, detail.record, by)
        dated = record_date.dates_of(session, [record_id]).get(record_id)
    return page(
        request,
        "record.html",
        held=held,
        copies=copies,
        copy_kinds=disclosures.kinds(),
        dated=dated,
        kept=None if dated is None else retention_words.kept(dated),
        regime_name=hold_words.regime,
        row=detail.record,
        detail=detail,
        current=current,
        name=name,
        title=title or name,
        around=around,
        located={value.name: value for value in reversed(detail.fields)},
        shown_above=SHOWN_ABOVE,
        pages=current.page_count or 0,
        reasons=sorted(detail.reasons, key=lambda reason: -abs(reason[1]))[:MOST_WORDS],
        trouble=words.trouble(current.trouble_code) if current.trouble_code else None,
        history=history_of(run, detail.record.id, by, around.named),
        classes=words.class_choices(),
        departments=around.departments,
        files=file_choices(run, detail.record, by, now, request_id) if around.can_change else [],
        done=done,
    )


def _destroyed(record_id: UUID, by: Principal, run: Runtime) -> Response:
    """On to what is left of a destroyed record, for those who see retention.

    Raises:
        NotFound: nothing is, or not for ``by``.
    """
    with run.main.read() as session:
        stub.get(session, record_id, by=by)
    return go(f"/stubs/{record_id}")


@router.get("/records/{record_id}/history")
def show_history(
    request: Request,
    session: ReadSession,
    record_id: UUID,
    by: Reader,
    run: Run,
    now: Now,
    request_id: RequestId,
    before: Annotated[int, Query(ge=0)],
) -> Response:
    """Older entries of the history."""
    record.get_visible(session, record_id, by, now)
    history = history_of(run, record_id, by, departments_of(session, by), before)
    run.content.history_shown(record_id, len(history), by=by, request=request_id)
    return HTMLResponse(fragment(request, "parts/history.html", history=history, record_id=record_id))


@router.get("/records/{record_id}/peek")
def peek(request: Request, record_id: UUID, by: Reader, run: Run, request_id: RequestId) -> Response:
    """The preview beside a list."""
    detail = run.content.detail(record_id, by=by, purpose="preview", request=request_id)
    current, name, title = _current(detail)
    return HTMLResponse(
        fragment(request, "parts/peek.html", row=detail.record, detail=detail, current=current, title=title or name)
    )


@router.get("/records/{record_id}/print")
def print_view(request: Request, record_id: UUID, by: Reader, run: Run, now: Now, request_id: RequestId) -> Response:
    """The record as it is printed: its facts and the images of its pages, and nothing around them."""
    detail = run.content.detail(record_id, by=by, purpose="print", request=request_id)
    current, name, title = _current(detail)
    pages = current.page_count or 0
    return page(
        request,
        "record_print.html",
        row=detail.record,
        detail=detail,
        current=current,
        name=name,
        title=title or name,
        pages=pages,
        shown=min(pages, MOST_PRINTED),
        now=now,
    )


@router.post("/records/{record_id}/placement")
def place(session: WriteSession, record_id: UUID, by: Classifier, now: Now, given: Form) -> Response:
    """Confirm or change where the record belongs."""
    row = record.get_visible(session, record_id, by, now)
    require_revision(given, row)
    placement.decide(session, record_id, decision(given, row, session), by=by, at=now)
    return go(f"/records/{record_id}", done="placed")


@router.post("/records/{record_id}/reading")
def read_again(session: WriteSession, record_id: UUID, by: Reviewer, now: Now, given: Form) -> Response:
    """Have it read once more."""
    retry.ask_again(session, record_id, by=by, at=now)
    if given.text("back") == "attention":
        return go("/attention", done="retried")
    return go(f"/records/{record_id}", done="retried")


def decision(given: Posted, row: Record, session: ReadSession) -> Decision:
    """What the form says about a record; what it leaves out stays as it is."""
    chosen = given.text("case_file")
    file, section = None, given.text("section") or None
    if chosen and chosen != "none":
        file = session.get(CaseFile, given.id("case_file"))
        if file is None:
            raise NotFound("there is no such case file, or it is not yours to see")
        if section not in case_file.SECTIONS.get(file.kind, ()):
            section = None
    return Decision(
        record_class=given.text("class") or None,
        department=given.id("department") if given.text("department") else None,
        case_file=file.id if file is not None else None,
        section=section,
        clear_case_file=chosen == "none" and row.case_file is not None,
        document_date=given.day("document_date"),
    )


def require_revision(given: Posted, row: Record) -> None:
    """Pass if the person saw this very state of the record.

    Raises:
        StaleRevision: it was changed since their page was loaded.
    """
    text = given.text("revision")
    if not text.isdecimal():
        raise Invalid("load the page again")
    if int(text) != row.revision:
        raise StaleRevision("load the record again and look at what it says now", revision=row.revision)


def history_of(
    run: Runtime, record_id: UUID, by: Principal, named: Mapping[UUID, str], before: int | None = None
) -> list[sentences.Sentence]:
    """The history of a record that the caller has found to be visible, the newest first.

    ``named``: the departments that ``by`` is told by name.
    """
    with run.log_database.read() as session:
        entries = trail.history(session, "record", record_id, before=before, limit=HISTORY)
    return sentences.tell(entries, sentences.Names(by.id, named))


def _current(detail: Detail) -> tuple[record.RecordVersion, str, str]:
    return next(each for each in detail.versions if each[0].id == detail.record.current_version)


def _around(run: Runtime, row: Record, by: Principal, now: datetime, request_id: str) -> Around:
    with run.main.read() as session:
        named_departments = departments_of(session, by)
        of_entity = departments.of_entity(session, row.entity)
        by_kind: dict[str, list[str]] = {}
        for each in of_entity:
            by_kind.setdefault(each.kind, []).append(each.name)
        file = _visible_file(session, row, by, now)
        below = [child.id for child in record.children_of(session, row.id, by, now)]
        listed = session.get(CaseFile, row.case_file) if row.case_file else None
    related = [*([row.parent] if row.parent else []), *below]
    found = {}
    if related:
        shown, _receipt = run.content.reveal(related, by=by, where="record", request=request_id)
        found = {each.record.id: each for each in shown}
    department = named_departments.get(row.department) if row.department else None
    placed = access_words.Placed(
        record_class=row.record_class,
        # By its bare name, as ``by_kind`` has it: with several firms ``department`` names the firm as well.
        department=next((each.name for each in of_entity if department and each.id == row.department), None)
        or (_("its department") if row.department else None),
        confirmed=row.confirmed,
        case_file=listed.number if listed is not None else None,
        listed_only=listed is not None and listed.listed_only,
        section=row.section,
        departments=by_kind,
        reader_is_uploader=row.captured_by is not None and row.captured_by == by.id,
    )
    here = {"entity": row.entity, "department": row.department}
    return Around(
        file=file,
        file_name=name_of(run, file, by, request_id) if file is not None else "",
        department=department,
        parent=found.get(row.parent) if row.parent else None,
        children=tuple(found[child] for child in below if child in found),
        readers=tuple(access_words.readers(placed)),
        departments=tuple((each.id, each.name) for each in of_entity),
        named=named_departments,
        can_change=by.may("record.classify", **here),
        can_add_version=by.may("version.add", **here),
        can_review=by.may("record.review", **here),
        can_withdraw=row.parent is None
        and now - row.captured_at <= withdrawal.WITHIN
        and by.may("capture.withdraw", **here),
    )


def _visible_file(session: ReadSession, row: Record, by: Principal, now: datetime) -> CaseFile | None:
    if row.case_file is None or not by.may("case_file.read"):
        return None
    return next(iter(case_file.find_visible(session, [row.case_file], by, now)), None)


def department_choices(run: Runtime, row: Record, by: Principal) -> list[tuple[UUID, str]]:
    with run.main.read() as session:
        return [(department, name) for department, name, _entity in departments.names_in(session, [row.entity])]


def file_choices(
    run: Runtime, row: Record, by: Principal, now: datetime, request_id: str
) -> list[tuple[CaseFile, str]]:
    """The case files the record may be put into, with their names."""
    if not by.may("case_file.read"):
        return []
    with run.main.read() as session:
        files = [file for file in case_file.visible_files(session, by, now) if file.entity == row.entity]
    return named(run, files, by, request_id)
