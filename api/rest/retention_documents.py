"""Documents that the installation writes about itself: deletion concept, procedure documentation, time limits."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import RetentionReader, Run
from api.disposition import disposition
from api.rest.parameters import BINARY, PREFIX
from api.routing import Router
from app.papers.all import make
from app.papers.paper import to_markdown
from app.papers.sources import gather
from app.runtime import Runtime

router = Router(prefix=PREFIX, tags=["retention"])
MARKDOWN, PDF = "text/markdown; charset=utf-8", "application/pdf"
Form = Literal["md", "pdf"]
Code = Literal["deletion-concept", "procedure", "time-limits"]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/markdown": {"schema": {"type": "string"}}, PDF: BINARY}, "description": "The document."}
}


@router.get("/retention/documents/{code}", response_class=Response, responses=_FILE)
def read_document(
    run: Run,
    by: RetentionReader,
    code: Code,
    entity: Annotated[UUID, Query(description="Legal entity that it is about.")],
    form: Annotated[Form, Query(description="Markdown or PDF.")] = "md",
) -> Response:
    """One document about a legal entity, made from the live configuration."""
    return answer_of(run, entity, code, form, by=by)


def answer_of(run: Runtime, entity: UUID, code: str, form: Form, *, by: Principal) -> Response:
    """The document on its way to be saved."""
    by.require("retention.read", entity=entity)
    with run.main.read() as session:
        home = entities.get(session, entity)
    sources = gather(run, home, by=by)
    paper = make(code, sources)
    headers = {"Content-Disposition": disposition(f"{paper.code}-{sources.today}.{form}")}
    if form == "md":
        return Response(to_markdown(paper), headers=headers, media_type=MARKDOWN)
    # Loaded when somebody asks: most processes never do.
    from app.papers.pdf import to_pdf

    return Response(to_pdf(paper, sources.at), headers=headers, media_type=PDF)
