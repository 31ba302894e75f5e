"""The image, as far as it can be looked at without a container engine: what goes in, and that it installs and runs."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE)).splitlines()
    if line.strip()
]
FOLDERS = {words.split()[0] for kind, words in INSTRUCTIONS if kind == "COPY" and "--from" not in words} - {
    "pyproject.toml",
    "requirements/run.txt",
}
IGNORE = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.strip()]


def packages() -> set[str]:
    """The packages that the project is installed as."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    patterns = tools["setuptools"]["packages"]["find"]["include"]
    return {
        path.name
        for path in ROOT.iterdir()
        if (path / "__init__.py").is_file() and any(fnmatch(path.name, pattern) for pattern in patterns)
    }


def sent() -> Iterator[Path]:
    """What ``docker build`` sends to the engine: everything is held back but what .dockerignore lets through."""
    assert IGNORE[0] == "*"
    let_through = [line[1:] for line in IGNORE if line.startswith("!")]
    assert [line for line in IGNORE[1:] if not line.startswith("!")] == ["**/__pycache__"]
    for name in let_through:
        place = ROOT / name
        yield from [place] if place.is_file() else (path for path in place.rglob("*") if path.is_file())


def test_image_installs_and_ignores_the_same_packages() -> None:
    assert packages() == FOLDERS
    assert {line[1:] for line in IGNORE if line.startswith("!")} == packages() | {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "requirements/run.txt",
    }


def test_both_stages_begin_from_one_exact_image() -> None:
    bases = {words.split()[0] for kind, words in INSTRUCTIONS if kind == "FROM"}
    assert len(bases) == 1
    (base,) = bases
    found = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-\w+", base)
    assert found, "a tag that moves is another Python tomorrow"
    assert (3, 11) <= (int(found[1]), int(found[2])) < (3, 14), "as pyproject.toml has it"


def test_image_ends_as_a_user_without_rights() -> None:
    last = dict(INSTRUCTIONS)
    assert last["USER"] == "10001:10001"
    assert last["ENTRYPOINT"] == '["muniment"]'


def test_image_installs_by_hash_and_fetches_nothing_else() -> None:
    installs = [words for kind, words in INSTRUCTIONS if kind == "RUN" and "pip install" in words]
    assert len(installs) == 2
    assert "--require-hashes -r /build/requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation /build" in installs[1]
    assert not re.search(r"(?i)\bADD\b|curl|wget|https?://", "\n".join(words for _, words in INSTRUCTIONS))


def test_image_holds_no_secret() -> None:
    assert not re.search(r"(?i)password|secret|token|credential", "\n".join(" ".join(each) for each in INSTRUCTIONS))
    names = [str(path.relative_to(ROOT)) for path in sent()]
    assert not [name for name in names if re.search(r"(^|/)(secrets|data|keys)/|\.(env|key|pem)$", name)]


@pytest.mark.slow
def test_what_is_sent_installs_into_a_fresh_environment_and_runs(tmp_path: Path) -> None:
    source = tmp_path / "build"
    for path in sent():
        if "__pycache__" not in path.parts:
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    wheel = _wheel(source, tmp_path / "wheels")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(source)) for name in packages() for path in (source / name).rglob("*") if path.is_file()
    } - {"api/i18n/babel.cfg"}  # for whoever translates
    assert held == wanted, "templates, styles, models, samples and migrations are all in it, and nothing else"

    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    libraries = next(place.glob("lib/python*/site-packages"))
    _pip("install", "--no-deps", "--target", str(libraries), str(wheel))
    # The dependencies of the lock file are those of the environment that the tests run in.
    (libraries / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    program = [str(place / "bin" / "python"), "-c", "from app.cli import main; main()"]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*program, "--data", str(tmp_path / "data"), *words],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            input="walnut bridge evening\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [program[0], "-c", "import app, api; print(app.__file__, api.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.count(str(libraries)) == 2
    assert "migrate" in run("--help")
    # Makes and migrates a data folder: both lines of migrations are there.
    assert "ada: administrator" in run("user", "add", "ada", "--role", "administrator", "--password-stdin")
    assert " entries verified" in run("audit", "verify")


def _wheel(source: Path, into: Path) -> Path:
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(into), str(source))
    (wheel,) = into.glob("muniment-*.whl")
    return wheel


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words],
        env={"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
