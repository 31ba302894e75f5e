"""docs/deploy.md, "Without containers": every line of it, in the order in which it stands, in one shell."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from services.places import free_port, state_folder
from tests.support.compose import ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next of its level."""
    return re.split(r"(?m)^## ", PAGE.split(f"\n## {title}\n", 1)[1], maxsplit=1)[0]


def lines() -> str:
    """What the section has an administrator type."""
    return "\n".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", section("Without containers")))


def test_every_command_of_the_section_can_be_read() -> None:
    assert len(lines().splitlines()) > 40
    subprocess.run(["bash", "-n"], input=lines(), text=True, check=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home and servers of one's own; what is installed for the shared ones is used again."""
    folder = Path(mkdtemp(prefix="muniment-by-hand-", dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "services").mkdir()
    (folder / "services" / "installed").symlink_to(state_folder() / "installed")
    yield folder
    subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-m", "services", "down"],
        cwd=ROOT,
        env=os.environ | {"MUNIMENT_SERVICES": str(folder / "services")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.services
def test_followed_word_for_word(home: Path) -> None:
    typed = lines()
    for port in ("8471", "8472"):
        # Of the whole section only these may be another's here.
        typed = typed.replace(port, str(free_port()))
    ended = "trap '[ ! -f ~/muniment/pids ] || kill $(cat ~/muniment/pids); wait' EXIT\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", ended + typed],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "MUNIMENT_SERVICES": str(home / "services")},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    words = "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in (home / "muniment").glob("*.log"))
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{words}"
    assert "\nready\n" in done.stdout
    assert "WRONG" not in done.stdout
    assert '"ready":true' in done.stdout
    assert "letter" in done.stdout
    assert re.search(r"\d+ entries verified", done.stdout)
    assert re.search(r"(?m)^keeper +acts on ", done.stdout)
    assert not (home / "muniment" / "pids").exists()
