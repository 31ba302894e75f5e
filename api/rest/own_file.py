"""Who accessed a case file, for the person it is about: by department, purpose and day, nobody named."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import Field

from api.deps import FileReporter, RequestId, Run, SignedIn
from api.rest.parameters import PREFIX, View
from api.routing import Router
from records import own_file
from records.own_file import OwnFile

router = Router(prefix=PREFIX, tags=["audit"])


class OwnAccessView(View):
    """What one department did with records of the file on one day."""

    day: date
    department: str | None
    by_operator: bool
    purpose: str
    times: int


class OwnFileView(View):
    """A case file, and who accessed it."""

    number: str
    records: int
    complete: bool = Field(description="False where the file has more entries than one report looks at.")
    accesses: list[OwnAccessView]


class OwnFilesView(View):
    """The case files about you."""

    items: list[OwnFileView]


@router.get("/me/file-accesses")
def read_own_file(run: Run, by: SignedIn, request_id: RequestId) -> OwnFilesView:
    """Who accessed the case files about you: by department, purpose and day, without names."""
    found = own_file.report(run.main, run.log, run.clock, by=by, request=request_id)
    return OwnFilesView(items=[_told(file) for file in found])


@router.get("/audit/file-report")
def read_file_report(
    run: Run,
    by: FileReporter,
    request_id: RequestId,
    case_file: Annotated[str, Query(min_length=1, max_length=40, description="Number or id of a case file.")],
) -> OwnFileView:
    """Who accessed a case file, for a person it is about who has no account. That it was made is on the log."""
    return _told(own_file.report_for_subject(run.main, run.log, run.clock, case_file, by=by, request=request_id))


def _told(file: OwnFile) -> OwnFileView:
    return OwnFileView(
        number=file.number,
        records=file.records,
        complete=file.complete,
        accesses=[
            OwnAccessView(
                day=each.day,
                department=each.department,
                by_operator=each.by_operator,
                purpose=each.purpose,
                times=each.times,
            )
            for each in file.accesses
        ],
    )
