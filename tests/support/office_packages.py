"""Packages and permanent keepings in an office, for requests over HTTP: made as the job makes them, of a few bytes."""

from typing import Any
from uuid import UUID

from core.database import ReadSession
from core.identifiers import new_id
from records.content import PACKAGE
from retention import batch, keeping, package
from retention.batch import Batch, Item
from retention.kept import IN_FORCE, PermanentKeeping
from retention.package import Acknowledgement, Package
from tests.support import office_disposing
from tests.support.app import Office
from vault.envelope import context
from vault.store import derived_key
from vault.writer import seal_into

V1 = "/api/v1"
BYTES = b"a package of records"


def packed(office: Office) -> Package:
    """A package of one record that waits to be handed over."""
    made, record = office_disposing.batch(office)
    run, now, by = office.runtime, office.runtime.clock.now(), office.principal("manager")
    with run.main.write() as session:
        row = package.begin(session, UUID(made), office.entity, package.TRANSFER, by=by, at=now, keys=run.keys)
        with run.keys.tally.sealing():
            key = run.keys.get(session, row.id)
        bound, place = context(row.id, None, PACKAGE), derived_key(row.id, PACKAGE)
        sealed = seal_into(run.store, place, key, bound, [BYTES])
        package.note_made(row, sealed, name="muniment-transfer", records=1, at=now)
        session.get_one(Batch, UUID(made)).state = batch.EXECUTING
        item = _item(session, made, record)
        item.state, item.decision, item.package = batch.PACKAGED, "transfer", row.id
    return row


def taken(office: Office) -> Package:
    """The same, taken away."""
    row, by, now = packed(office), office.principal("manager"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        package.note_taken(session, row.id, by=by, at=now)
    return row


def stated(office: Office) -> Package:
    """The same, with what the archive acknowledged."""
    row, by, now = taken(office), office.principal("manager"), office.runtime.clock.now()
    assert row.sha256 is not None
    said = Acknowledgement("City archive", "Acc. 1", now.date(), row.sha256)
    with office.runtime.main.write() as session:
        package.state_acknowledgement(session, row.id, said, by=by, at=now)
    return row


def kept(office: Office) -> str:
    """A record that is kept permanently by decision."""
    made, record = office_disposing.batch(office)
    now, keeping_id = office.runtime.clock.now(), new_id()
    with office.runtime.main.write() as session:
        item = _item(session, made, record)
        session.get_one(Batch, UUID(made)).state = batch.DONE
        item.state, item.code, item.decision = batch.KEPT, "permanent", "permanent"
        session.add(
            PermanentKeeping(
                id=keeping_id,
                record=record,
                entity=office.entity,
                number=item.number,
                record_class=item.record_class,
                batch=UUID(made),
                package=new_id(),
                authority="Decision of the board",
                kept_at=now,
                decided_by=office.people["manager"],
                state=IN_FORCE,
            )
        )
    return str(keeping_id)


def end_asked(office: Office) -> str:
    """The same, and somebody asked to end it."""
    made, run, by = kept(office), office.runtime, office.principal("manager")
    now = run.clock.now()
    with run.main.write() as session:
        keeping.ask_end(session, UUID(made), "not of value", by=by, at=now, keys=run.keys)
    return made


def _item(session: ReadSession, made: str, record: UUID) -> Item:
    return next(item for item in batch.items(session, UUID(made)) if item.record == record)


def acknowledgement_of(row: Package) -> dict[str, Any]:
    assert row.sha256 is not None
    assert row.made_at is not None
    return {
        "archive": "City archive",
        "reference": "Acc. 1",
        "acknowledged_on": row.made_at.date().isoformat(),
        "sha256": row.sha256.hex(),
    }


def requests() -> dict[tuple[str, str], tuple[str, Any]]:
    """A request for each route of packages and keepings, and who may send it."""
    one, keepings = f"{V1}/packages/{{package_id}}", f"{V1}/keepings"

    def listed(office: Office) -> tuple[str, dict[str, Any]]:
        return f"{V1}/packages?batch={packed(office).batch}", {}

    def acknowledgement(office: Office) -> tuple[str, dict[str, Any]]:
        row = taken(office)
        return f"{V1}/packages/{row.id}/acknowledgement", {"json": acknowledgement_of(row)}

    def decision(office: Office) -> tuple[str, dict[str, Any]]:
        row = stated(office)
        assert row.sha256 is not None
        word = {"confirmed": True, "sha256": row.sha256.hex()}
        return f"{V1}/packages/{row.id}/acknowledgement/decision", {"json": word}

    def of_package(suffix: str = "") -> Any:
        return lambda office: (f"{V1}/packages/{packed(office).id}{suffix}", {})

    return {
        ("GET", f"{V1}/packages"): ("auditor", listed),
        ("GET", one): ("dpo", of_package()),
        ("GET", f"{one}/content"): ("manager", of_package("/content")),
        ("POST", f"{one}/acknowledgement"): ("manager", acknowledgement),
        ("POST", f"{one}/acknowledgement/decision"): ("officer", decision),
        ("POST", f"{one}/end"): ("manager", of_package("/end")),
        ("GET", keepings): ("auditor", lambda office: (end_asked(office), (keepings, {}))[1]),
        ("POST", f"{keepings}/{{keeping_id}}/end"): (
            "manager",
            lambda office: (f"{keepings}/{kept(office)}/end", {"json": {"reason": "not of value"}}),
        ),
        ("POST", f"{keepings}/{{keeping_id}}/end/decision"): (
            "officer",
            lambda office: (f"{keepings}/{end_asked(office)}/end/decision", {"json": {"confirmed": True}}),
        ),
    }
