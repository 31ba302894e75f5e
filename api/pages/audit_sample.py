"""Audit: a sample drawn by a printed seed. Who accessed a file: about me, or about somebody without an account."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from api.deps import AuditReader, FileReporter, RequestId, Run, SignedIn
from api.i18n import gettext as _
from api.pages import audit_words, words
from api.pages.audit_trail import Text, zone_of
from api.pages.show import page, page_router, to_id
from api.rest.trail import oversight_of
from core.clock import civil_date
from core.errors import Invalid, NotFound
from records import own_file, sample

router = page_router()


@router.get("/audit/sample")
def show_sample(
    request: Request,
    by: AuditReader,
    run: Run,
    request_id: RequestId,
    entity: Text = "",
    class_: Annotated[str, Query(alias="class", max_length=60)] = "",
    year: Annotated[str, Query(max_length=4)] = "",
    count: Annotated[str, Query(max_length=4)] = "",
    seed: Text = "",
) -> Response:
    """The form, and what it drew; the address with the seed draws the same again."""
    with run.main.read() as session:
        firms = [(row.id, row.name) for row in entities.everything(session) if by.may("audit.read", entity=row.id)]
        last_year = civil_date(run.clock.now(), zone_of(session, run, by)).year - 1
    drawn, wrong = None, ""
    chosen = seed.strip() or sample.new_seed()
    values = {"class": class_, "year": year or str(last_year), "count": count or "50", "seed": seed.strip()}
    if class_:
        try:
            if not (values["year"].isdecimal() and values["count"].isdecimal()):
                raise Invalid(_("year and number are whole numbers"))
            firm = to_id(entity) or (firms[0][0] if firms else None)
            if firm not in {one for one, _name in firms} or firm is None:
                raise NotFound(_("there is no such legal entity among those you oversee"))
            drawn = oversight_of(run).sample(
                firm, class_, int(values["year"]), int(values["count"]), chosen, by=by, request=request_id
            )
        except (Invalid, NotFound) as error:
            wrong = error.detail
    again = urlencode({"entity": entity, **values, "seed": chosen})
    return page(
        request,
        "audit_sample.html",
        status=422 if wrong else 200,
        firms=firms,
        entity=entity,
        values=values,
        classes=words.class_choices(),
        drawn=drawn,
        again=f"/audit/sample?{again}",
        exported=f"{class_}/{values['year']}/{values['count']}/{chosen}" + (f"/{entity}" if to_id(entity) else ""),
        wrong=wrong,
    )


@router.get("/profile/file")
def show_own_file(request: Request, by: SignedIn, run: Run, request_id: RequestId) -> Response:
    """Who accessed the case files about the person, without names."""
    found = own_file.report(run.main, run.log, run.clock, by=by, request=request_id)
    return page(request, "own_file.html", files=found, way=audit_words.way)


@router.get("/audit/file-report")
def show_file_report(
    request: Request, by: FileReporter, run: Run, request_id: RequestId, case_file: Text = ""
) -> Response:
    """Who accessed a case file, on a page to be printed and handed to the person it is about."""
    found, wrong = None, ""
    if case_file.strip():
        try:
            found = own_file.report_for_subject(run.main, run.log, run.clock, case_file, by=by, request=request_id)
        except NotFound as error:
            wrong = error.detail
    return page(
        request,
        "file_report.html",
        status=404 if wrong else 200,
        case_file=case_file.strip(),
        file=found,
        way=audit_words.way,
        oversees=by.may("audit.read"),
        made_at=run.clock.now(),
        wrong=wrong,
    )
