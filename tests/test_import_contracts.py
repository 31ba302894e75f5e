"""The import contracts catch what they forbid: one line too many for each, all of them told."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
WRONG = {
    "Imports point downwards": ("core/jobs.py", "import records.record"),
    "No circle of imports within a package": ("retention/period.py", "import retention.verdict"),
    "Plaintext leaves by one door: only records.content imports the vault's reader": (
        "app/sweep.py",
        "import vault.reader",
    ),
    "The verifier can be handed out alone": ("audit/tree.py", "import sqlalchemy"),
    "FastAPI enters in api only": ("app/runtime.py", "import fastapi"),
    "Celery and Typer enter in app only": ("ingest/read.py", "from celery import Celery"),
    "tantivy and Elasticsearch enter in search only": ("app/doctor.py", "from elasticsearch import Elasticsearch"),
    "unstructured enters in ingest only": ("search/indexer.py", "import unstructured.partition.auto"),
    "MinIO and PKCS#11 enter in vault only": ("records/object_lock.py", "from minio import Minio"),
    "Cryptography enters in vault and audit only": ("records/record.py", "import cryptography"),
}


@pytest.mark.slow
def test_each_contract_is_broken_by_one_import_too_many(tmp_path: Path) -> None:
    for package in RULES["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for where, line in WRONG.values():
        with (tmp_path / where).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    lint = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([lint, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    kept = [name for name in WRONG if f"{name} BROKEN" not in told.stdout]
    assert kept == [], told.stdout


def test_each_contract_is_tried() -> None:
    assert {contract["name"] for contract in RULES["contracts"]} == set(WRONG)
