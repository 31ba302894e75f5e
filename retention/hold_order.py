"""The order of what happens to the holds of an entity: whoever places, releases, approves or executes counts first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.principal import Principal
from core import jobs
from core.database import ReadSession, WriteSession, insert_for
from records.case_file import CaseFile, OwnFile
from retention.held import Hold, HoldCounter, get_visible


def lock_holds(session: WriteSession, entity: UUID) -> int:
    """Take the entity's place in the order of holds, until COMMIT; gives how often its holds have changed.

    Whoever approves or destroys takes it before asking ``blockers_of``: a hold placed at the same time
    then either is seen, or comes after.
    """
    once = insert_for(session, HoldCounter).values(entity=entity, changes=0)
    session.execute(once.on_conflict_do_nothing(index_elements=["entity"]))
    row = select(HoldCounter.changes).where(HoldCounter.entity == entity).with_for_update()
    return session.scalars(row).one()


def count_change(session: WriteSession, entity: UUID) -> int:
    """Count a change of the entity's holds, in its place of the order; gives the number."""
    counter = lock_holds(session, entity) + 1
    session.get_one(HoldCounter, entity, populate_existing=True).changes = counter
    return counter


def locked(session: WriteSession, hold_id: UUID, by: Principal) -> Hold:
    """A hold that ``by`` sees, in its place of the order and until COMMIT.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = get_visible(session, hold_id, by)
    # The counter first, as everybody does, and then the row as it stands by then.
    lock_holds(session, row.entity)
    return session.get_one(Hold, hold_id, with_for_update=True, populate_existing=True)


def not_about(session: ReadSession, row: Hold, by: Principal) -> None:
    """Refuse whom a hold, or the case file that it reaches, is about.

    Raises:
        OwnFile: it is about ``by``.
    """
    file = session.get(CaseFile, row.case_file) if row.case_file is not None else None
    if by.id is not None and by.id in (row.colleague, file.about_person if file is not None else None):
        raise OwnFile("ask a colleague")


def ask_to_go_through(session: WriteSession, row: Hold, at: datetime) -> None:
    """Leave the job that notes what a hold reaches, or that it is over, record by record."""
    jobs.add(
        session,
        "retention.hold",
        queue="maintenance",
        at=at,
        subject=row.id,
        key=f"retention.hold/{row.id.hex}",
        hold=row.id,
    )
