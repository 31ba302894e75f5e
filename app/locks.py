"""The locks of this installation: what keeps them, and what the clock has done about them."""

from app.runtime import Runtime
from records import lock_check
from records.object_locking import Locker


def locker_of(runtime: Runtime) -> Locker:
    """What lays and compares locks in this installation's store."""
    return Locker(
        runtime.main,
        runtime.log_database,
        runtime.store,
        runtime.clock,
        full_length=runtime.settings.object_lock_full_length,
    )


def keep_up(runtime: Runtime) -> None:
    """Ask for what is due, and compare once a night. Called every hour: a machine that was off at night catches up."""
    locker_of(runtime).ask_due()
    with runtime.main.write(beside=True) as session:
        lock_check.begin_when_due(session, zone=runtime.settings.time_zone, at=runtime.clock.now())
