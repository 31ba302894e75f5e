"""The generated documents, to be saved as PDF or Markdown."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from accounts import entities
from api.deps import RetentionReader, Run
from api.i18n import gettext as _
from api.pages.show import page, page_router
from api.rest.retention_documents import Code, Form, answer_of
from app.papers.all import PAPERS

router = page_router()


@router.get("/retention/documents")
def list_documents(request: Request, by: RetentionReader, run: Run) -> Response:
    """The documents there are, for each legal entity whose retention one sees."""
    with run.main.read() as session:
        firms = [(row.id, row.name) for row in entities.everything(session) if by.may("retention.read", entity=row.id)]
    told = {
        "deletion-concept": (
            _("Deletion concept"),
            _("Data kinds, deletion classes, periods with their statutes, steps and duties, laid out as in DIN 66398."),
        ),
        "procedure": (
            _("Procedure documentation"),
            _("How records are taken in, kept, found, shown to an audit and destroyed (GoBD)."),
        ),
        "time-limits": (
            _("Time limits for erasure"),
            _("For the record of processing activities (GDPR Art. 30(1)(f)): by category, with legal basis."),
        ),
    }
    return page(request, "retention_documents.html", firms=firms, papers=[(code, *told[code]) for code in PAPERS])


@router.get("/retention/documents/{entity}/{code}.{form}")
def save_document(by: RetentionReader, run: Run, entity: UUID, code: Code, form: Form) -> Response:
    """One document."""
    return answer_of(run, entity, code, form, by=by)
