"""Programs of other people that read C2SP tiled logs, fetched and built where that is possible.

They lie in the folder of the test servers (``services.state_folder()``), each made once. Without Go or
without the package index a test is skipped and says so; under ``CI`` it fails instead. A Python that
is new enough for ``aics-tlog`` need not be there.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from services import places

TESSERA = "v1.0.4"
AICS_TLOG = "0.2.1"
AICS_WITNESS = "0.1.0"
_HERE = Path(__file__).parent
_PYTHONS = ("python3.14", "python3.13", "python3.12")


def fsck() -> Path:
    """Tessera's ``fsck``, which reads a whole tiled log."""
    return _built(f"fsck-{TESSERA}", ["install", f"github.com/transparency-dev/tessera/cmd/fsck@{TESSERA}"], "fsck")


def notecheck() -> Path:
    """Our few lines around ``golang.org/x/mod/sumdb``, as they are now."""
    folder = places.make_state_folder() / "verifiers"
    target = folder / "notecheck"
    _run([_go(), "build", "-o", target, "."], cwd=_HERE / "notecheck", folder=folder)
    return target


def python_with_aics() -> Path:
    """A Python that has ``aics-tlog``."""
    return _python_with("aics-tlog", AICS_TLOG, f"aics-{AICS_TLOG}")


def python_with_witness() -> Path:
    """A Python that has ``aics-witness``, and with it ``aics-tlog``."""
    return _python_with("aics-witness", AICS_WITNESS, f"aics-witness-{AICS_WITNESS}")


def _python_with(package: str, version: str, name: str) -> Path:
    folder = places.make_state_folder() / "verifiers" / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        found = next(filter(None, map(_working, _PYTHONS)), None)
        if found is None:
            unavailable(f"{package} needs Python 3.12 or newer")
        shutil.rmtree(folder, ignore_errors=True)
        _run([found, "-m", "venv", folder], cwd=_HERE, folder=folder.parent)
        _run([python, "-m", "pip", "install", "--quiet", f"{package}=={version}"], cwd=_HERE, folder=folder.parent)
        (folder / "ready").touch()
    return python


def unavailable(why: str) -> NoReturn:
    """Skip, or fail where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def _built(name: str, words: Sequence[str], program: str) -> Path:
    folder = places.make_state_folder() / "verifiers"
    target = folder / name
    if not target.exists():
        _run([_go(), *words], cwd=folder, folder=folder)
        (folder / "bin" / program).rename(target)
    return target


def _go() -> Path:
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists():
            return Path(found)
    unavailable("Go 1.24 or newer is not here (Debian 13: golang-go)")


def _working(name: str) -> str | None:
    """The newest interpreter of that name that starts; a version manager may have left one that does not."""
    patterns = [Path(found) for found in (shutil.which(name),) if found]
    patterns += sorted(Path.home().glob(f".pyenv/versions/{name.removeprefix('python')}*/bin/{name}"))
    for each in patterns:
        if subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(each)
    return None


def _run(words: Sequence[str | Path], *, cwd: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "GOBIN": str(folder / "bin"),
        "GOPATH": str(folder / "go"),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    cwd.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        unavailable(f"{Path(words[0]).name} {words[1]}: {done.stderr[-300:].strip()}")
