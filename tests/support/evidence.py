"""Exports of evidence in tests: made from a real archive, and verified as a stranger does."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from app.build import signer_of
from app.evidence import evidence_of
from app.keeper import Keeper
from audit.origin import started_as
from core import leases
from exports.evidence import Export
from exports.scope import Wanted
from tests.support.archive import Archive

ROOT = Path(__file__).parent.parent.parent
VERIFIER = ROOT / "audit" / "muniment_verify.py"


def settle(archive: Archive) -> None:
    """Have the keeper move what waits, and sign a checkpoint."""
    keeper = Keeper(archive.runtime, leases.incarnation("keeper"), signer_of(archive.runtime))
    try:
        keeper.settle()
    finally:
        keeper.close()


def verified(source: Path, *more: object) -> tuple[int, dict[str, Any]]:
    """Exit code and report of the verifier, run as a stranger runs it: alone, isolated, elsewhere."""
    command = [sys.executable, "-I", str(VERIFIER), str(source), "--json", *map(str, more)]
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@dataclass(frozen=True)
class Seen:
    """An archive with a record that three people have read, and another that nobody has."""

    archive: Archive
    record: UUID
    other: UUID
    key: str
    """Verifier key of the log."""

    def export(self, by: str = "auditor", under: str | None = "req-export", **wanted: str) -> Export:
        """An export on its way."""
        acting = self.archive.principal(by)
        return evidence_of(self.archive.runtime).export(Wanted(**wanted), by=acting, request=under)


def key_of(archive: Archive) -> str:
    """The verifier key of an archive's log."""
    with archive.runtime.log_database.read() as session:
        started = started_as(session)
    assert started is not None
    return started[1]
