"""Two persons withdraw entries of the log that are older than its own retention: one asks, another confirms.

Who may do so must be able to in every legal entity, for a bundle holds entries of all of them. The ground is the
retention itself, a setting; nobody gives a reason. What was shown is what is confirmed: the position below
which entries go. That it happens is on the log first; see ``audit.withdrawal`` for what then goes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.grant_requests import SamePerson
from accounts.principal import Principal
from audit.entries import AuditHead
from audit.log import Log
from audit.tiles import WIDTH
from audit.trail_search import first_from
from audit.withdrawal import (
    LogWithdrawn,
    Range,
    WithdrawalAsked,
    WithdrawalRefused,
    WithdrawalRequest,
    due,
    newest_in,
)
from core.database import Database, ReadSession
from core.errors import Conflict, Forbidden, NotFound
from core.identifiers import new_id

BASIS = "log_retention"
MOST_SHOWN = 50


class WithdrawalOff(Forbidden):
    """Entries of this log are never withdrawn."""

    code = "log_withdrawal_off"


class NothingToWithdraw(Conflict):
    """No whole bundle of entries is older than the log's own retention."""

    code = "log_nothing_to_withdraw"


class WithdrawalWaits(Conflict):
    """A withdrawal waits for a second person already."""

    code = "log_withdrawal_waits"


class WithdrawalHeld(Conflict):
    """A hold is in force: who saw or changed what it keeps must stay answerable."""

    code = "log_withdrawal_held"


class UnknownWithdrawal(NotFound):
    """There is no such withdrawal."""

    code = "unknown_log_withdrawal"


class WithdrawalDecided(Conflict):
    """The withdrawal was decided already."""

    code = "log_withdrawal_decided"


@dataclass(frozen=True, slots=True)
class Due:
    """What could be withdrawn now."""

    ranges: tuple[Range, ...]
    below: int
    """Entries from here on are younger than the retention."""
    newest: datetime | None
    """When the newest of those that could go was taken."""

    @property
    def entries(self) -> int:
        """How many they are."""
        return sum(each.past - each.first for each in self.ranges)


class LogWithdrawals:
    """Withdrawals from one log."""

    def __init__(self, main: Database, log: Log, *, years: int, is_held: Callable[[ReadSession], bool]) -> None:
        """``years``: the log's own retention, 0 for ever; ``is_held``: whether a hold is in force."""
        self._main, self._log, self.years, self._is_held = main, log, years, is_held

    def due(self, *, at: datetime) -> Due:
        """What is older than the retention, in whole bundles that the verifier does not need."""
        with self._log.database.read() as session:
            return self._due(session, at)

    def requests(self, *, by: Principal) -> list[WithdrawalRequest]:
        """The withdrawals that were asked for, the newest first.

        Raises:
            NotAllowed: ``by`` neither asks nor confirms.
        """
        self._require(by, "withdrawal.ask")
        with self._log.database.read() as session:
            newest = select(WithdrawalRequest).order_by(WithdrawalRequest.asked_at.desc(), WithdrawalRequest.id.desc())
            return list(session.scalars(newest.limit(MOST_SHOWN)))

    def ask(self, *, by: Principal, at: datetime, request: str | None) -> WithdrawalRequest:
        """Ask that everything older than the retention be withdrawn; nothing goes before another person confirms.

        Raises:
            NotAllowed: ``by`` may not, in some legal entity.
            WithdrawalOff, WithdrawalHeld, NothingToWithdraw, WithdrawalWaits: as they say.
        """
        self._require(by, "withdrawal.ask")
        self._check_free()
        found = self.due(at=at)
        if not found.ranges:
            raise NothingToWithdraw(f"they are kept for {self.years} years")
        row = WithdrawalRequest(
            id=new_id(),
            below=found.ranges[-1].past,
            entries=found.entries,
            years=self.years,
            asked_by=by.person,
            asked_at=at,
            state="pending",
        )
        event = WithdrawalAsked(
            by=by.actor,
            request=request,
            basis=BASIS,
            withdrawal=row.id,
            below=row.below,
            entries=row.entries,
            years=row.years,
        )
        with self._log.database.write() as session:
            if session.scalar(select(WithdrawalRequest.id).where(WithdrawalRequest.state == "pending")) is not None:
                raise WithdrawalWaits()
            session.add(row)
            session.flush()
            session.expunge(row)
        # After the row, which alone changes nothing: an entry without one could be taken for a withdrawal.
        self._log.record([event], at=at)
        return row

    def confirm(self, request_id: UUID, *, by: Principal, at: datetime, request: str | None) -> WithdrawalRequest:
        """Confirm what another person asked for. The keeper takes the entries away once a checkpoint says so.

        Raises:
            NotAllowed: ``by`` may not, in some legal entity.
            UnknownWithdrawal, WithdrawalDecided, WithdrawalOff, WithdrawalHeld: as they say.
            SamePerson: ``by`` asked for it.
        """
        row = self._pending(request_id, by, "withdrawal.decide")
        if by.person == row.asked_by:
            raise SamePerson()
        self._check_free()
        with self._log.database.read() as session:
            # The retention may have been prolonged since it was asked for.
            below = min(row.below, self._due(session, at).below)
            found = [(each, newest_in(session, each)) for each in due(session, below)]
        events = [
            LogWithdrawn(
                by=by.actor,
                second=row.asked_by,
                request=request,
                basis=BASIS,
                withdrawal=row.id,
                range=each,
                newest=newest,
                years=self.years,
            )
            for each, newest in found
        ]
        if not events:
            raise NothingToWithdraw(f"they are kept for {self.years} years")
        # First: where it ends in between, what was said is done, and can be confirmed again to no effect.
        self._log.record(events, at=at)
        return self._decided(row.id, "confirmed", by, at)

    def refuse(self, request_id: UUID, *, by: Principal, at: datetime, request: str | None) -> WithdrawalRequest:
        """Refuse what was asked for, or take back what one asked for oneself.

        Raises:
            NotAllowed, UnknownWithdrawal, WithdrawalDecided: as for ``confirm``.
        """
        row = self._pending(request_id, by, "withdrawal.ask")
        own = by.person == row.asked_by
        if not own:
            self._require(by, "withdrawal.decide")
        state = "withdrawn" if own else "refused"
        second = None if own else row.asked_by
        event = WithdrawalRefused(by=by.actor, second=second, request=request, basis=state, withdrawal=row.id)
        self._log.record([event], at=at)
        return self._decided(row.id, state, by, at)

    def _check_free(self) -> None:
        if not self.years:
            raise WithdrawalOff("log_retention_years is 0")
        with self._main.read() as session:
            if self._is_held(session):
                raise WithdrawalHeld("release the holds first, or wait until they are over")

    def _due(self, session: ReadSession, at: datetime) -> Due:
        head = session.get(AuditHead, 1)
        if head is None or not self.years:
            return Due((), 0, None)
        # Never the newest bundle, however old it is.
        below = min(first_from(session, _years_before(at, self.years), head.size), (head.size - 1) // WIDTH * WIDTH)
        found = tuple(due(session, below))
        return Due(found, below, newest_in(session, found[-1]) if found else None)

    def _pending(self, request_id: UUID, by: Principal, permission: str) -> WithdrawalRequest:
        self._require(by, permission)
        with self._log.database.read() as session:
            row = session.get(WithdrawalRequest, request_id)
            if row is None:
                raise UnknownWithdrawal()
            if row.state != "pending":
                raise WithdrawalDecided(f"it was {row.state}")
            session.expunge(row)
            return row

    def _decided(self, request_id: UUID, state: str, by: Principal, at: datetime) -> WithdrawalRequest:
        with self._log.database.write() as session:
            row = session.get_one(WithdrawalRequest, request_id)
            if row.state == "pending":
                row.state, row.decided_by, row.decided_at = state, by.person, at
            session.flush()
            session.expunge(row)
            return row

    def _require(self, by: Principal, permission: str) -> None:
        by.require(permission)
        with self._main.read() as session:
            for entity in entities.everything(session):
                by.require(permission, entity=entity.id)


def _years_before(at: datetime, years: int) -> datetime:
    """The same day so many years ago; of 29 February the 28th."""
    year = max(at.year - years, 1970)
    try:
        return at.replace(year=year)
    except ValueError:
        return at.replace(year=year, day=28)
