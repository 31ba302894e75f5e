"""Makes a golden data folder, once for each schema: ``python -m tests.golden.make_data NAME SEED``.

A few sample files go in by the command line, as anybody would send them; two of them are to be locked,
one under a legal hold and one through a day. Kept are what a backup holds: databases, objects, keys and
the last checkpoint, and beside them what was true of it. A name that is there is never made again.
"""

import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from app.build import build
from app.runtime import Runtime
from app.samples.make import make_samples
from app.settings import load
from audit.origin import started_as
from audit.tree import CompactRange
from records import object_lock
from records.object_lock import ObjectLock
from tests.support.cli import Cli

FOLDER = Path(__file__).parent / "data"
KEPT = ("db", "objects", "keys", "log")
COUNT = 6
PASSWORD = "walnut bridge evening\n"


def make(seed: int, base: Path) -> dict[str, Any]:
    """The folder ``base/data``, and what is true of it."""
    muniment, data = partial(Cli(), "--data", base / "data"), base / "data"

    def done(*words: object, stdin: str = "") -> Any:
        told = muniment(*words, stdin=stdin)
        assert told.code == 0, told.err
        return told

    for person, role in (("boss", "administrator"), ("anna", "records_manager")):
        done("user", "add", person, "--role", role, "--password-stdin", stdin=PASSWORD)
    records: list[dict[str, Any]] = []
    for sample in make_samples(seed, COUNT, own="Nordwind GmbH"):
        (base / sample.name).write_bytes(sample.data)
        # Of the second a person says the class: a lock for a minimum waits for that.
        stated = ("--class", sample.class_code) if len(records) == 1 else ()
        done("--as", "anna", "import", base / sample.name, "--department", "accounting", *stated)
        rows = done("--json", "--as", "anna", "search", sample.rare_word).rows
        row = next(each for each in rows if each["name"] == sample.name)
        records.append(
            {"name": sample.name, "sha256": sha256(sample.data).hexdigest(), "word": sample.rare_word}
            | {key: row[key] for key in ("id", "number", "class")}
        )
    _ask_for_locks(data, *(UUID(each["id"]) for each in records[:2]))
    done("reconcile")
    done("audit", "verify")
    runtime = build(load(data=data))
    told = true_of(runtime)
    runtime.close()
    return told | {"records": records}


def true_of(runtime: Runtime) -> dict[str, Any]:
    """What is true of a folder, whatever is in it."""
    tree = CompactRange()
    with runtime.log_database.read() as session:
        leaves = list(session.scalars(text("SELECT hash FROM audit_leaves ORDER BY seq")))
        key = started_as(session)
    with runtime.main.read() as session:
        locks = session.scalar(select(func.count()).select_from(ObjectLock))
    for leaf in leaves:
        tree.append(leaf, [])
    assert key is not None
    return {"verifier_key": key[1], "entries": len(leaves), "root": tree.root().hex(), "locks": locks}


def _ask_for_locks(data: Path, held: UUID, kept: UUID) -> None:
    runtime = build(load(data=data))
    now = runtime.clock.now()
    with runtime.main.write() as session:
        object_lock.ask_hold(session, held, True, now)
        object_lock.ask(session, kept, retain_through=date(2034, 12, 31), at=now)
    runtime.close()


def keep(name: str, make: Callable[[], dict[str, Any]], base: Path, parts: Sequence[str]) -> None:
    """Pack what ``make`` leaves in ``base/data``, with what it tells; a name that is there is never made again."""
    kept = FOLDER / f"{name}.tar.xz"
    if kept.exists():
        raise FileExistsError(kept)
    told = {"made_by": f"0.1.0, schema {name.partition('-')[0]}"} | make()
    with tarfile.open(kept, "w:xz") as archive:
        for part in parts:
            archive.add(base / "data" / part, f"data/{part}")
    kept.with_name(f"{name}.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def main(name: str, seed: int) -> None:
    """Make it and keep it."""
    with tempfile.TemporaryDirectory() as base:
        keep(name, lambda: make(seed, Path(base)), Path(base), KEPT)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
