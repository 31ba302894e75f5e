"""A throw-away archive for a first look: sample people of every role, sixty records, a banner.

Everything is made here and now from ``app.samples``; nobody in it exists. The data folder is
deleted when the server stops.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from uuid import UUID

from accounts import departments, first_account, grant_requests, passwords, people, setup
from accounts.entities import NewEntity
from accounts.first_account import FirstPerson
from accounts.permissions import Role
from accounts.principal import Grant, Principal
from accounts.principals import operator_for
from app.build import build
from app.prepare import prepare
from app.runtime import Runtime
from app.samples import make_samples
from app.settings import Settings
from core.clock import civil_date
from core.database import ReadSession
from ingest.receive import Metadata
from records import case_file, file_plan
from records.case_file import NewCaseFile
from retention import packs, schedule

PASSWORD = "green-marble-harbour"  # noqa: S105 (printed for everybody: the archive is thrown away)
RECORDS = 60
FIRM = "Birkenfeld Handel GmbH"
PEOPLE: tuple[tuple[str, Role, str | None, bool], ...] = (
    ("clara", "staff", "Accounting", False),
    ("henri", "staff", "Human resources", True),
    ("lena", "staff", "Legal", False),
    ("radu", "records_manager", None, False),
    ("olga", "compliance_officer", None, False),
    ("dario", "dpo", None, False),
    ("ana", "auditor", None, False),
)
"""Sign-in name, role, department, named clerk. ``adam`` is the administrator, and staff everywhere."""
ADMINISTRATOR = "adam"
_SEED = 20_261_122


def fill(settings: Settings) -> None:
    """Make people, case files and sample documents; reading the documents is left to the server."""
    prepare(settings)
    runtime = build(settings)
    try:
        by = _found(runtime, settings)
        _open_files(runtime, by, settings)
        _capture_samples(runtime, by)
    finally:
        runtime.close()


def new_folder() -> Path:
    """A folder of its own for this demonstration."""
    return Path(tempfile.mkdtemp(prefix="muniment-demo-"))


def forget(folder: Path) -> None:
    """Delete it."""
    shutil.rmtree(folder, ignore_errors=True)


def introduce() -> None:
    """Print who can sign in, and as what."""
    lines = [
        "",
        "A throw-away archive with made-up documents. Sign in with the password",
        f"    {PASSWORD}",
        "as one of:",
    ]
    lines.append(f"    {ADMINISTRATOR:8} administrator, and staff of every department")
    for name, role, department, clerk in PEOPLE:
        where = f" in {department}" if department else ""
        lines.append(f"    {name:8} {role.replace('_', ' ')}{where}{', named clerk' if clerk else ''}")
    sys.stdout.write("\n".join(lines) + "\nEverything is deleted when you stop it with Ctrl C.\n\n")
    sys.stdout.flush()


def _found(runtime: Runtime, settings: Settings) -> Principal:
    now, keys = runtime.clock.now(), runtime.keys
    hashed = passwords.hash_password(PASSWORD)
    with runtime.main.write() as session:
        by = setup.operator(session, now)
        entity = NewEntity(name=FIRM, jurisdiction="DE", zone=settings.time_zone)
        first = FirstPerson(sign_in_name=ADMINISTRATOR, name="Adam Birkenfeld", password=hashed)
        founded = first_account.found(session, entity, first, by=by, at=now, keys=keys)
        for country in packs.suited_to(entity.jurisdiction):
            schedule.take_pack(session, founded.entity, country, by=by, at=now)
        for name, role, department, clerk in PEOPLE:
            person = people.add(session, name, name=name.capitalize(), password=hashed, by=by, at=now, keys=keys)
            place = departments.find(session, founded.entity, department) if department else None
            grant = Grant(role, founded.entity, place.id if place else None, clerk)
            grant_requests.propose(session, person, grant, by=by, at=now)
    with runtime.main.read() as session:
        return operator_for(session, ADMINISTRATOR, at=now, keys=keys)


def _open_files(runtime: Runtime, by: Principal, settings: Settings) -> None:
    now = runtime.clock.now()
    today = civil_date(now, settings.time_zone)
    (entity,) = by.entities
    files = (
        ("contract", "V-2026-001", "Lease of the warehouse"),
        ("supplier", "L-70012", "Papierhaus Nord"),
        ("personnel", "P-0042", "Sample employee"),
    )
    with runtime.main.write() as session:
        for kind, number, name in files:
            new = NewCaseFile(entity=entity, kind=kind, number=number, name=name, opened_on=today)
            case_file.open_case_file(session, new, by=by, at=now, keys=runtime.keys)


def _capture_samples(runtime: Runtime, by: Principal) -> None:
    """Each document through the department that would receive it; every third with its class stated by a person."""
    with runtime.main.read() as session:
        homes = _homes(session, by)
    for number, sample in enumerate(make_samples(_SEED, RECORDS, own=FIRM)):
        stated = sample.class_code if number % 3 == 0 else None
        metadata = Metadata(department=homes[_kind_for(sample.class_code)], record_class=stated)
        runtime.receiver.receive([sample.data], name=sample.name, metadata=metadata, channel="api", by=by)


def _homes(session: ReadSession, by: Principal) -> dict[str, UUID]:
    (entity,) = by.entities
    return {row.kind: row.id for row in departments.of_entity(session, entity)}


def _kind_for(code: str) -> str:
    readers = file_plan.load().get(code).readers
    return next((kind for kind in ("accounting", "hr", "legal", "compliance") if kind in readers), "management")
