"""What staff wrote about batches, withdrawals, copies outside and notices, for REST, pages and commands.

It stands sealed in the database. Whoever shows it asks here: the log has an entry that names each batch, withdrawal,
copy or hold whose words were opened, before the caller gets a single one of them.
"""

from collections.abc import Sequence
from uuid import UUID

from accounts.principal import Principal
from app.runtime import Runtime
from audit.events import Event
from retention import custodian, disclosure, disposition, keeping, withdrawal
from retention.batch import Item
from retention.disclosure import Disclosure
from retention.disposition_events import WordsShown
from retention.hold_events import NoticesShown
from retention.kept import PermanentKeeping
from retention.withdrawal import Withdrawal


def reasons(runtime: Runtime, items: Sequence[Item], *, by: Principal, request: str | None = None) -> dict[UUID, str]:
    """The reasons that were written about items of batches that ``by`` sees, by record.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    with runtime.main.read() as session:
        found = disposition.reasons_of(session, items, runtime.keys)
    opened = {item.batch for item in items if item.record in found}
    _note(runtime, WordsShown(by=by.actor, request=request, kind="disposition", subjects=tuple(sorted(opened))), opened)
    return found


def ends_of_keeping(
    runtime: Runtime, rows: Sequence[PermanentKeeping], *, by: Principal, request: str | None = None
) -> dict[UUID, str]:
    """Why the end of permanent keepings was asked for that ``by`` sees, by the id of the keeping.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    with runtime.main.read() as session:
        found = keeping.reasons_of_end(session, rows, runtime.keys)
    opened = {row.batch for row in rows if row.id in found}
    _note(runtime, WordsShown(by=by.actor, request=request, kind="disposition", subjects=tuple(sorted(opened))), opened)
    return found


def withdrawals(
    runtime: Runtime, rows: Sequence[Withdrawal], *, by: Principal, request: str | None = None
) -> dict[UUID, str]:
    """Why captures are withdrawn that ``by`` knows of, by the id of the withdrawal; empty once it is carried out.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    with runtime.main.read() as session:
        found = withdrawal.reasons_of(session, rows, runtime.keys)
    _note(runtime, WordsShown(by=by.actor, request=request, kind="withdrawal", subjects=tuple(found)), found)
    return {row.id: found.get(row.id, "") for row in rows}


def recipients(
    runtime: Runtime, rows: Sequence[Disclosure], *, by: Principal, request: str | None = None
) -> dict[UUID, str]:
    """Who has the copies outside that ``by`` sees, by the id of the entry; empty where its key is gone.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    with runtime.main.read() as session:
        found = disclosure.recipients_of(session, rows, runtime.keys)
    _note(runtime, WordsShown(by=by.actor, request=request, kind="disclosure", subjects=tuple(found)), found)
    return {row.id: found.get(row.id, "") for row in rows}


def notices(
    runtime: Runtime, rows: Sequence[custodian.Told], *, by: Principal, request: str | None = None
) -> dict[UUID, str]:
    """The words of notices to ``by``, by the id of the notice.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    with runtime.main.read() as session:
        found = {row.notice: custodian.text_of(session, row.notice, runtime.keys) for row in rows}
    holds = tuple(sorted({row.hold for row in rows}))
    _note(runtime, NoticesShown(by=by.actor, request=request, holds=holds), holds)
    return found


def _note(runtime: Runtime, event: Event, opened: Sequence[UUID] | set[UUID] | dict[UUID, str]) -> None:
    if opened:
        runtime.log.record([event], at=runtime.clock.now())
