"""One line of what ``doctor`` finds, and what an error says there."""

from dataclasses import dataclass

from core.errors import MunimentError


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    state: str
    ok: bool = True
    advice: str = ""
    """What to do, where it is not ``ok``."""


def wrong(what: str, error: MunimentError) -> Finding:
    """What an error says of ``what``."""
    title, detail = error.title(), error.detail
    return Finding(what, title.rstrip("."), ok=False, advice="" if detail == title else detail)
