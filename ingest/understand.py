"""From what was extracted to what is entered: class, language, fields, parties, state."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest import language as languages
from ingest.extraction import Extraction
from records.field import FieldValue
from records.placement import Reading


@dataclass(frozen=True, slots=True)
class Understood:
    """All that the machine enters about one version."""

    reading: Reading
    fields: tuple[FieldValue, ...]
    parties: tuple[tuple[str, str], ...]
    """Name and role."""


def understand(extraction: Extraction, *, name: str, own_names: Sequence[str]) -> Understood:
    """What the machine makes of an extraction."""
    text = "\n".join(page.text for page in extraction.pages)
    language = languages.detect(text)
    trouble = extraction.trouble
    return Understood(
        Reading(
            record_class=None,
            probability=0.0,
            by_rule=False,
            certain=False,
            reasons=(),
            language=language.code,
            media_type=extraction.media_type,
            page_count=len(extraction.pages),
            document_date=None,
            total_minor=None,
            currency=None,
            direction=None,
            title=extraction.title,
            trouble_code=trouble.code if trouble else None,
            trouble_detail=trouble.detail if trouble else None,
        ),
        (),
        (),
    )
