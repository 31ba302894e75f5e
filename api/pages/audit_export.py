"""Audit: a form that exports evidence from the log, as an archive that is checked elsewhere."""

from fastapi import Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import AuditReader, RequestId, Run
from api.errors import status_of
from api.pages.audit_trail import vkey_of
from api.pages.show import Form, page, page_router
from api.rest.exports import evidence_answer
from app.runtime import Runtime
from audit.served import signed_size
from core.errors import Forbidden, Invalid, MunimentError, NotFound

router = page_router()
KINDS = ("record", "request", "person", "range", "sample")


@router.get("/audit/export")
def form(request: Request, by: AuditReader, run: Run, record: str = "", asked: str = "") -> Response:
    """What can be exported; ``record`` and ``asked`` (a request) are filled in from other pages."""
    return _form(request, run, by, {"record": record[:40], "request": asked[:64]})


@router.post("/audit/export")
def export(request: Request, by: AuditReader, run: Run, request_id: RequestId, given: Form) -> Response:
    """The archive, or the form again with what is wrong."""
    values = {name: given.text(name) for name in KINDS if given.text(name)}
    try:
        return evidence_answer(run, by, request_id, values)
    except (NotFound, Invalid, Forbidden) as error:
        return _form(request, run, by, values, error)


def _in_words(error: MunimentError) -> str:
    return ": ".join(filter(None, (error.title(), error.detail)))


def _form(
    request: Request, run: Runtime, by: Principal, values: dict[str, str], error: MunimentError | None = None
) -> Response:
    with run.main.read() as session:
        whole = all(by.may("audit.read", entity=row.id) for row in entities.everything(session))
    with run.log_database.read() as session:
        size = signed_size(session)
    return page(
        request,
        "audit_export.html",
        status=200 if error is None else status_of(error),
        values=values,
        wrong="" if error is None else _in_words(error),
        wrong_kind=next((name for name in KINDS if error is not None and values.get(name)), ""),
        may_range=whole,
        size=size,
        vkey=vkey_of(run),
    )
