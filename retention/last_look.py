"""What is asked of a record right before it goes, whoever sends it: does anything hold it, is anybody at it?"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from core.database import ReadSession
from core.jobs import LEASED, READY, Job
from records.record import Record
from records.regime import RESTRICTED
from retention.hold import blockers_of

BEING_READ = "being_read"
"""The one reason that passes by itself: a worker reads the record at this moment, or is about to."""


def blocked_by(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The kind of what blocks each of the records, or anything that was found in it; those that are free are left out.

    A hold on an attachment keeps its mail too: without it nobody could tell where the attachment came from. A
    restriction by decision (GDPR Art. 18) does the same: what is only to be stored is not to be destroyed either.
    """
    inside: dict[UUID, set[UUID]] = {each: {each} for each in ids}
    layer = {each: {each} for each in ids}
    while layer:
        below: dict[UUID, set[UUID]] = {}
        rows = session.execute(select(Record.id, Record.parent).where(Record.parent.in_(list(layer))))
        for child, parent in rows:
            for top in layer[parent] if parent is not None else ():
                if child not in inside[top]:
                    inside[top].add(child)
                    below.setdefault(child, set()).add(top)
        layer = below
    everything = sorted({each for family in inside.values() for each in family})
    blockers = blockers_of(session, everything)
    closed = set(session.scalars(select(Record.id).where(Record.id.in_(everything), Record.regime == RESTRICTED)))
    found = {}
    for top, family in inside.items():
        kinds = [blockers[each][0].kind for each in sorted(family) if blockers.get(each)]
        if kinds or closed & family:
            found[top] = kinds[0] if kinds else RESTRICTED
    return found


def being_read(session: ReadSession, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the records that a worker reads now, or is promised to."""
    at_work = (Job.subject.in_(list(ids)), Job.name == "ingest.read", Job.state.in_((READY, LEASED)))
    return {found for found in session.scalars(select(Job.subject).where(*at_work)) if found is not None}
