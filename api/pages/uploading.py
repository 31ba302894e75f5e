"""The upload page: the drop field, the latest uploads, and the state of all rows in one answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import func, select

from accounts.departments import Department
from accounts.principal import Principal
from api.deps import Capturer, Now, RequestId, Run
from api.pages import words
from api.pages.frame import departments_of
from api.pages.show import fragment, page, page_router, to_id
from app.runtime import Runtime
from core.database import ReadSession
from core.errors import Invalid
from records import case_file, listing, record
from records.access import readable_sets
from records.record import Record, RecordVersion

router = page_router()
LATEST = 50
MOST_AT_ONCE = 100
UNSETTLED = frozenset({record.RECEIVED, record.PROCESSING})


@dataclass(frozen=True, slots=True)
class UploadRow:
    """How far one upload is."""

    id: UUID
    number: str
    name: str
    """Empty where the browser knows it already."""
    row: Record
    version: RecordVersion
    case_number: str | None
    children: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.row.state not in UNSETTLED

    @property
    def trouble(self) -> tuple[str, str]:
        """Why it needs attention, and what to do."""
        return words.trouble(self.version.trouble_code)


@router.get("/upload")
def upload(request: Request, by: Capturer, run: Run, now: Now, request_id: RequestId, welcome: str = "") -> Response:
    """The page to drop files on."""
    with run.main.read() as session:
        mine, _next = listing.list_records(session, by, now, captured_by=by.id, limit=LATEST)
        files = case_file.visible_files(session, by, now) if by.may("case_file.read") else []
    names = {}
    if mine:
        shown, _receipt = run.content.reveal(mine, ("name",), by=by, where="uploads", request=request_id)
        names = {each.record.id: each.name for each in shown}
    return page(
        request,
        "upload.html",
        welcome=bool(welcome),
        rows=_rows(run, mine, by, names),
        classes=words.class_choices(),
        departments=_departments(run, by),
        case_files=[file.number for file in files[:500]],
        largest=run.settings.largest_upload_bytes,
    )


@router.get("/upload/states")
def states(
    request: Request, by: Capturer, run: Run, ids: Annotated[str, Query(max_length=MOST_AT_ONCE * 37)] = ""
) -> Response:
    """How far the named records are: for each its state, and the words and actions to show in its row.

    Nothing sealed is opened for it; a record that is not the person's to see is left out.
    """
    wanted = [found for text in ids.split(",") if (found := to_id(text)) is not None]
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid(f"ask for up to {MOST_AT_ONCE} records at once")
    return JSONResponse(
        {
            str(each.id): {
                "settled": each.is_settled,
                "state": each.row.state,
                "html": fragment(request, "parts/upload_now.html", each=each),
            }
            for each in _rows(run, wanted, by, {})
        }
    )


def _rows(run: Runtime, ids: list[UUID], by: Principal, names: dict[UUID, str]) -> list[UploadRow]:
    if not ids:
        return []
    now = run.clock.now()
    with run.main.read() as session:
        found = record.find_visible(session, ids, by, now)
        current = [row.current_version for row in found.values()]
        versions = {row.id: row for row in session.scalars(select(RecordVersion).where(RecordVersion.id.in_(current)))}
        children = _children(session, list(found), by, now)
        numbers = _case_numbers(session, by, run, list(found.values()))
        return [
            UploadRow(
                id=row.id,
                number=row.number,
                name=names.get(row.id, ""),
                row=row,
                version=versions[row.current_version],
                case_number=numbers.get(row.case_file) if row.case_file else None,
                children=children.get(row.id, 0),
            )
            for row in (found[wanted] for wanted in ids if wanted in found)
        ]


def _children(session: ReadSession, ids: list[UUID], by: Principal, at: datetime) -> dict[UUID, int]:
    """How many records that ``by`` may see were found in each, in one query: rows are asked for every second."""
    query = (
        select(Record.parent, func.count().label("records"))
        .where(Record.parent.in_(ids), Record.access_set.in_(readable_sets(session, by, at)))
        .group_by(Record.parent)
    )
    return {row.parent: row.records for row in session.execute(query) if row.parent is not None}


def _case_numbers(session: ReadSession, by: Principal, run: Runtime, rows: list[Record]) -> dict[UUID, str]:
    if not any(row.case_file for row in rows):
        return {}
    return {file.id: file.number for file in case_file.visible_files(session, by, run.clock.now())}


def _departments(run: Runtime, by: Principal) -> list[tuple[UUID, str]]:
    """The departments ``by`` may file for."""
    with run.main.read() as session:
        named = departments_of(session, by)
        return [
            (found, name)
            for found, name in named.items()
            if by.may("record.capture", entity=session.get_one(Department, found).entity, department=found)
        ]
