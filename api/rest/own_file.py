"""Who accessed the case files about the caller: by department, purpose and day, nobody named."""

from datetime import date

from pydantic import Field

from api.deps import RequestId, Run, SignedIn
from api.rest.parameters import PREFIX, View
from api.routing import Router
from records import own_file

router = Router(prefix=PREFIX, tags=["audit"])


class OwnAccessView(View):
    """What one department did with records of the file on one day."""

    day: date
    department: str | None
    by_operator: bool
    purpose: str
    times: int


class OwnFileView(View):
    """A case file about you."""

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
    return OwnFilesView(
        items=[
            OwnFileView(
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
            for file in found
        ]
    )
