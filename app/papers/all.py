"""The documents there are, by the code that addresses and files carry."""

from collections.abc import Callable

from app.papers.deletion_concept import deletion_concept
from app.papers.paper import Paper
from app.papers.procedure import procedure
from app.papers.sources import Sources
from app.papers.time_limits import time_limits
from core.errors import NotFound

PAPERS: dict[str, Callable[[Sources], Paper]] = {
    "deletion-concept": deletion_concept,
    "procedure": procedure,
    "time-limits": time_limits,
}


class NoSuchPaper(NotFound):
    """There is no such document."""

    code = "unknown_document"


def make(code: str, sources: Sources) -> Paper:
    """One of the documents.

    Raises:
        NoSuchPaper: there is none of that code.
    """
    if code not in PAPERS:
        raise NoSuchPaper(f"there are: {', '.join(PAPERS)}")
    return PAPERS[code](sources)
