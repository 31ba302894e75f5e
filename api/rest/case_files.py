"""Case files: what belongs together, who works on it, and the days that date it."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Response
from pydantic import Field

from accounts import directory, people
from api.deps import CaseFileManager, CaseFileReader, Now, RequestId, Run, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from records import case_file
from records.case_file import CaseFile, NewCaseFile

router = Router(prefix=PREFIX, tags=["case files"])

Kind = Literal["contract", "personnel", "supplier", "customer", "matter", "other"]
Section = Annotated[str | None, Query(max_length=40, description="A sealed section; the file itself by default.")]


class CaseFileView(View):
    """A case file in a list."""

    id: UUID
    entity: UUID
    kind: str
    number: str
    name: str
    owner: UUID
    listed_only: bool = Field(description="Only people on its access list read it.")
    opened_on: date
    closed_on: date | None


class CaseFilePage(View):
    """A page of the case files you may see, by number."""

    items: list[CaseFileView]
    next: UUID | None


class AccessView(View):
    """A person on the access list of a file, or of a sealed section of it."""

    person: UUID
    name: str | None
    section: str | None


class TriggerView(View):
    """A day that starts periods of retention."""

    trigger: str
    happened_on: date


class CaseFileDetail(CaseFileView):
    """A case file with its access list and trigger facts."""

    sections: list[str]
    access: list[AccessView]
    triggers: list[TriggerView]


class CaseFileOpening(Change):
    """What a person states to open a case file."""

    entity: UUID
    kind: Kind
    number: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    opened_on: date
    listed_only: bool = False
    about_person: UUID | None = Field(None, description="The colleague the file is about.")


class TriggerChange(Change):
    """The day something happened; ``null`` withdraws it."""

    happened_on: date | None


class OpenedView(View):
    """A case file that was opened."""

    id: UUID
    number: str


@router.get("/case-files")
def read_list(
    run: Run,
    by: CaseFileReader,
    request_id: RequestId,
    now: Now,
    entity: UUID | None = None,
    kind: Kind | None = None,
    number: Annotated[str | None, Query(max_length=40)] = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> CaseFilePage:
    """The case files you may see, by number."""
    with run.main.read() as session:
        files = [
            file
            for file in case_file.visible_files(session, by, now)
            if entity in (None, file.entity) and kind in (None, file.kind) and number in (None, file.number)
        ]
    start = next((place + 1 for place, file in enumerate(files) if file.id == cursor), 0)
    shown = files[start : start + limit]
    names = run.content.name_files(shown, by=by, request=request_id)
    following = shown[-1].id if len(files) > start + limit else None
    return CaseFilePage(items=[CaseFileView(**_values(file, names)) for file in shown], next=following)


@router.post("/case-files", status_code=201)
def open_file(
    run: Run, session: WriteSession, response: Response, new: CaseFileOpening, by: CaseFileManager, now: Now
) -> OpenedView:
    """Open a case file. You own it and stand on its access list."""
    wanted = NewCaseFile(
        entity=new.entity,
        kind=new.kind,
        number=new.number,
        name=new.name,
        opened_on=new.opened_on,
        listed_only=new.listed_only,
        about_person=new.about_person,
    )
    file = case_file.open_case_file(session, wanted, by=by, at=now, keys=run.keys)
    response.headers["Location"] = f"{PREFIX}/case-files/{file.id}"
    return OpenedView(id=file.id, number=file.number)


@router.get("/case-files/{case_file_id}")
def read_one(run: Run, case_file_id: UUID, by: CaseFileReader, request_id: RequestId, now: Now) -> CaseFileDetail:
    """One case file, with its access list and trigger facts."""
    with run.main.read() as session:
        file = case_file.get_visible(session, case_file_id, by, now)
        listed = case_file.access_list(session, file.id, now)
        colleagues = people.reveal_names(session, (person for person, _ in listed), run.keys)
        triggers = case_file.triggers_of(session, file.id)
    if others := sorted({person for person, _ in listed} - {by.id}):
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    names = run.content.name_files([file], by=by, request=request_id)
    return CaseFileDetail(
        **_values(file, names),
        sections=list(case_file.SECTIONS.get(file.kind, ())),
        access=[AccessView(person=p, name=colleagues.get(p), section=section) for p, section in listed],
        triggers=[TriggerView(trigger=name, happened_on=day) for name, day in sorted(triggers.items())],
    )


@router.put("/case-files/{case_file_id}/access/{person_id}", status_code=204)
def allow(
    session: WriteSession,
    case_file_id: UUID,
    person_id: UUID,
    by: CaseFileManager,
    now: Now,
    section: Section = None,
) -> None:
    """Put a colleague on the access list."""
    people.get(session, person_id)
    case_file.allow(session, case_file_id, person_id, section=section, by=by, at=now)


@router.delete("/case-files/{case_file_id}/access/{person_id}", status_code=204)
def disallow(
    session: WriteSession,
    case_file_id: UUID,
    person_id: UUID,
    by: CaseFileManager,
    now: Now,
    section: Section = None,
) -> None:
    """Take a colleague off the access list; at once, also in search."""
    case_file.disallow(session, case_file_id, person_id, section=section, by=by, at=now)


@router.put("/case-files/{case_file_id}/triggers/{trigger}", status_code=204)
def state_trigger(
    session: WriteSession,
    case_file_id: UUID,
    trigger: Annotated[str, Path(max_length=60, description="An event that starts a period.")],
    wanted: TriggerChange,
    by: CaseFileManager,
    now: Now,
) -> None:
    """State, correct or withdraw the day of a trigger event."""
    case_file.state_trigger(session, case_file_id, trigger, wanted.happened_on, by=by, at=now)


def _values(file: CaseFile, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "id": file.id,
        "entity": file.entity,
        "kind": file.kind,
        "number": file.number,
        "name": names.get(file.id, ""),
        "owner": file.owner,
        "listed_only": file.listed_only,
        "opened_on": file.opened_on,
        "closed_on": file.closed_on,
    }
