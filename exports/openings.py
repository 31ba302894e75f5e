"""Opened commitments: those values that somebody who oversees may see, with what proves them.

A log commits to values that may be personal: what was typed into a search, a name nobody bears.
Those are not for whoever checks the log, and come with no export. What is opened here was written to be
checked later: how the machine was set, and the reasons given for an act.
"""

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from audit.entries import AuditLeaf
from audit.opening import AuditOpening
from audit.seal import OpeningSeal, opening_context
from core.database import Database, ReadSession

OPENED = ("reason", "settings")
"""Fields whose values are given to those who oversee. What is not named here stays closed."""
_AT_ONCE = 500


def lines(database: Database, seal: OpeningSeal, positions: Sequence[int]) -> Iterator[bytes]:
    """``{"field","id","nonce","seq","value"}`` for each value among the entries at these positions, one a line.

    Raises:
        IntegrityFailure: a sealed value was altered.
    """
    for start in range(0, len(positions), _AT_ONCE):
        with database.read() as session:
            found = list(_of(session, seal, positions[start : start + _AT_ONCE]))
        yield from found


def _of(session: ReadSession, seal: OpeningSeal, positions: Sequence[int]) -> Iterator[bytes]:
    rows = session.execute(
        select(AuditLeaf.seq, AuditOpening.event_id, AuditOpening.field, AuditOpening.nonce, AuditOpening.sealed)
        .join(AuditOpening, AuditOpening.event_id == AuditLeaf.event_id)
        .where(
            AuditLeaf.seq >= positions[0],
            AuditLeaf.seq <= positions[-1],
            AuditOpening.field.in_(OPENED),
        )
        .order_by(AuditLeaf.seq, AuditOpening.field)
    )
    wanted = frozenset(positions)
    for seq, event_id, field, nonce, sealed in rows:
        if seq in wanted:
            value = seal.unseal(sealed, opening_context(event_id, field)).decode()
            told = {"field": field, "id": event_id.hex(), "nonce": nonce.hex(), "seq": seq, "value": value}
            yield (json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n").encode()
