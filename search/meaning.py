"""What the leaves of a query mean before any engine is asked: rows of words, stems, spans, weights.

Both engines look a word up in the same forms and weigh it alike, so that they give the same answers.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import Invalid
from search.analysis import stems, tokens
from search.folding import spellings
from search.schema import to_seconds
from search.tree import Days

HEAD_WEIGHT: Final = 4.0
"""Title, parties and numbers against the body."""
KEY_WEIGHT: Final = 8.0
"""A record's own number, a document's number or a case-file number, typed whole."""
STEM_WEIGHT: Final = 0.6
"""Another form of the word against the very form typed."""


def rows(text: str) -> list[tuple[str, ...]]:
    """``text`` as folded words in a row, in each of its spellings; a row may be empty."""
    other = (token for word in text.split() for token in tokens(spellings(word)[-1]))
    return list(dict.fromkeys((tokens(text), tuple(other))))


def forms(text: str) -> list[tuple[str, str]]:
    """Language and stem of a typed word in all languages and spellings; none where it is no single word."""
    if len(tokens(text)) != 1:
        return []
    return sorted({form for spelling in spellings(text) for token in tokens(spelling) for form in stems(token)})


def seconds_of(days: Days, zone: str) -> tuple[int | None, int | None]:
    """First and last second of a span of days in an IANA zone, since 1970 in UTC.

    Raises:
        Invalid: no such zone.
    """
    first = None if days.first is None else _start_of(days.first, zone)
    if days.last is None or days.last == date.max:
        return first, None
    return first, _start_of(days.last + timedelta(days=1), zone) - 1


def _start_of(day: date, zone: str) -> int:
    try:
        return to_seconds(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid("there is no such time zone") from error
    except OverflowError:  # the first day there is, east of Greenwich
        return to_seconds(datetime.combine(day, time(), UTC))
