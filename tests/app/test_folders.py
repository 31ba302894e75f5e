import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.folders import DataFolder, DataFolderInUse, DataFolderUnwritable

ROOT = Path(__file__).parent.parent.parent


def test_everything_is_made_for_the_owner_only(tmp_path: Path):
    folder = DataFolder(tmp_path / "deep" / "data")
    folder.make(folder.root / "keys")
    made = [folder.root, *(path for path in folder.root.rglob("*") if path.is_dir())]
    assert {path.name for path in folder.root.iterdir()} == {"db", "objects", "index", "keys", "log", "run", "tmp"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)
    folder.make(folder.root / "keys")


def test_a_folder_has_one_server(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.make(tmp_path / "keys")
    assert not folder.is_served()
    with folder.served():
        assert folder.is_served()
        with pytest.raises(DataFolderInUse), DataFolder(tmp_path).served():
            pass
    assert not folder.is_served()


def test_a_server_in_another_process_is_seen_and_a_killed_one_leaves_nothing(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.make(tmp_path / "keys")
    program = (
        "import sys\nfrom pathlib import Path\nfrom app.folders import DataFolder\n"
        "with DataFolder(Path(sys.argv[1])).served():\n    print('held', flush=True)\n    sys.stdin.readline()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    assert folder.is_served()
    other.kill()
    other.wait(60)
    assert not folder.is_served()


@pytest.mark.parametrize("place", ["/proc/muniment", "/dev/null/muniment"])
def test_a_place_that_cannot_be_written_is_said(place: str):
    folder = DataFolder(Path(place))
    with pytest.raises(DataFolderUnwritable):
        folder.make(folder.root / "keys")
    with pytest.raises(DataFolderUnwritable), folder.served():
        pass


@pytest.mark.parametrize("part", ["", "db", "run"])
def test_a_read_only_data_folder_is_said_and_no_crash(part: str):
    with tempfile.TemporaryDirectory() as outer:
        folder = DataFolder(Path(outer) / "data")
        folder.make(folder.root / "keys")
        for path in (Path(outer), folder.root, *folder.root.rglob("*")):
            path.chmod(0o777)
        (folder.root / part).chmod(0o555)
        child = os.fork()
        if child == 0:
            # Root may write everywhere: be somebody else, in a process that ends here.
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setgid(65534)
                    os.setuid(65534)
                folder.make(folder.root / "keys")
            except DataFolderUnwritable:
                code = 7
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        (folder.root / part).chmod(0o777)
    assert os.waitstatus_to_exitcode(status) == 7
