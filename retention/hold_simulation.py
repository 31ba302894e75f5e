"""What a hold would stop, or its release let go on, before anybody places or releases it: over the whole archive.

No date is another because of a hold: what changes is whether a record may be proposed. So each record that is
reached counts as moved; one that is due and that nothing else blocks ceases to be eligible under the hold, and
becomes eligible again by its release. What was found in a reached record is reached with it.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.principal import Principal
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from records.record import Record
from retention import hold_scope, record_facts, simulation
from retention.blocker import blockers_of, with_holders
from retention.dating import reckoner_of
from retention.held import OVER, Hold
from retention.hold_scope import QUERY, Scope, in_pieces
from retention.simulation import Difference, NothingToSimulate, Simulation, is_eligible
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

HOLD: Literal["hold"] = "hold"
RELEASE: Literal["release"] = "release"
KINDS = (HOLD, RELEASE)


def ask_hold(
    session: WriteSession, entity: UUID, scope: Scope, *, by: Principal, at: datetime, keys: Keyring,
    with_job: bool = True,
) -> Simulation:  # fmt: skip
    """Have it simulated what a hold of this scope would stop. The words of a query are sealed.

    Raises:
        NotAllowed: ``by`` may not place holds there, or does not see its retention.
        Invalid, UnknownRecordClass: the scope says not one thing.
    """
    by.require("hold.place", entity=entity)
    hold_scope.check(scope, civil_date(at, entities.get(session, entity).zone))
    row = simulation.begin(session, entity, HOLD, {}, by=by, at=at)
    told = {name: _plain(value) for name, value in asdict(scope).items() if value}
    if "query" in told:
        key = keys.create(session, row.id, kind="simulation", at=at)
        told["query"] = seal_text(key, row.id, None, "query", scope.query).hex()
    return simulation.stand(session, row, told, by=by, at=at, with_job=with_job)


def ask_release(
    session: WriteSession, hold_id: UUID, *, by: Principal, at: datetime, with_job: bool = True
) -> Simulation:
    """Have it simulated what the release of a hold would let go on.

    Raises:
        NothingToSimulate: there is no such hold for ``by``, or it is over.
    """
    hold = session.get(Hold, hold_id)
    if hold is None or hold.state == OVER or not by.may(simulation.READ, entity=hold.entity):
        raise NothingToSimulate("name a hold that is in force")
    row = simulation.begin(session, hold.entity, RELEASE, {}, by=by, at=at)
    return simulation.stand(session, row, {"hold": hold.id.hex}, by=by, at=at, with_job=with_job)


def scope_of(session: ReadSession, row: Simulation, keys: Keyring) -> Scope:
    """The scope that was simulated, with the words of its query; for whoever asks the index."""
    spec = dict(row.spec)
    if "query" in spec:
        spec["query"] = open_text(keys.get(session, row.id), row.id, None, "query", bytes.fromhex(spec["query"]))
    for name in ("records", "parties"):
        spec[name] = tuple(UUID(hex=each) for each in spec.get(name, ()))
    for name in ("case_file", "colleague"):
        spec[name] = UUID(hex=spec[name]) if name in spec else None
    spec["classes"] = tuple(spec.get("classes", ()))
    spec["open_until"] = date.fromisoformat(spec["open_until"]) if "open_until" in spec else None
    return Scope(**spec)


class HoldChange:
    """The holds of now, and those that would be."""

    def __init__(
        self, session: ReadSession, row: Simulation, at: datetime, scope: Scope | None, found: Collection[UUID] = ()
    ) -> None:
        """``found``: what the index finds, where the scope is a query."""
        self.at, self._entity, self._scope, self._found = at, row.entity, scope, found
        self._zone = entities.get(session, row.entity).zone
        self._today = civil_date(at, self._zone)
        self._now = reckoner_of(session, row.entity, at)
        self._hold = UUID(hex=row.spec["hold"]) if row.kind == RELEASE else None

    def differences(self, session: ReadSession, rows: Sequence[Any]) -> list[Difference]:
        """Those of the records that the hold reaches."""
        ids = [record_facts.as_id(row.id) for row in rows]
        reached = self._reached(session, ids) if self._hold is None else set(ids)
        blocked = blockers_of(session, sorted(reached))
        if self._hold is not None:
            reached = {each for each in blocked if any(one.hold == self._hold for one in blocked[each])}
        gathered = record_facts.gather(session, rows)
        found = []
        for each, row in zip(ids, rows, strict=True):
            if each not in reached:
                continue
            dates = self._now.dates(gathered.seen(row))
            others = [one for one in blocked.get(each, ()) if one.hold != self._hold]
            free = is_eligible(dates, self._today, self.at) and not others
            now, then = (free, False) if self._hold is None else (False, free)
            found.append(Difference(each, row.record_class, dates, dates, now, then))
        return found

    def _reached(self, session: ReadSession, ids: Sequence[UUID]) -> set[UUID]:
        assert self._scope is not None
        family = with_holders(session, ids)
        everything = sorted({each for line in family.values() for each in line})
        if self._scope.kind == QUERY:
            direct = {each for each in everything if each in self._found}
        else:
            where = hold_scope.condition(self._scope, self._entity, self._zone)
            assert where is not None
            direct = set()
            for piece in in_pieces(everything):
                direct.update(session.scalars(select(Record.id).where(Record.id.in_(piece), where)))
        return {each for each, line in family.items() if not direct.isdisjoint(line)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, UUID):
        return value.hex
    return value.isoformat() if isinstance(value, date) else value
