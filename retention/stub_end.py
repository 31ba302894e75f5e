"""The end of stubs: what is left of a destroyed record goes on a day of its own, and only what is confirmed goes."""

from datetime import date, datetime

from sqlalchemy import delete, select

from accounts.principal import Principal
from audit import intake
from core.database import WriteSession
from records.stub import RecordStub
from retention.batch import Item
from retention.destruction import Destruction
from retention.disclosure import SETTLED, Disclosure
from retention.disposition_events import StubsPurged
from vault.keyring import Keyring

PURGED_AT_ONCE = 200


def purge(session: WriteSession, *, today: date, by: Principal, at: datetime, keys: Keyring) -> int:
    """Remove up to 200 stubs whose own end has come, with what was kept to carry the destruction out.

    Only those with a certificate: what is not confirmed is not forgotten. Copies outside that nobody has settled stay
    in their register.
    """
    rows = session.scalars(
        select(RecordStub)
        .where(RecordStub.keep_through < today, RecordStub.certificate.is_not(None))
        .order_by(RecordStub.keep_through, RecordStub.record)
        .limit(PURGED_AT_ONCE)
    ).all()
    if not rows:
        return 0
    ids = [row.record for row in rows]
    settled = delete(Disclosure).where(Disclosure.record.in_(ids), Disclosure.state == SETTLED)
    keys.shred(session, list(session.scalars(settled.returning(Disclosure.id))), at=at)
    session.execute(delete(Item).where(Item.record.in_(ids)))
    session.execute(delete(Destruction).where(Destruction.record.in_(ids)))
    session.execute(delete(RecordStub).where(RecordStub.record.in_(ids)))
    intake.append(session, StubsPurged(by=by.actor, records=tuple(ids)), at=at)
    return len(ids)
