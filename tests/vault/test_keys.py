"""The key file refuses what would lose or leak keys, and says so."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.identifiers import new_id
from vault.keys import EpochKeyGone, KeyFile, KeysExposed, MasterKeyLost

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys"


def test_a_new_key_folder_is_for_its_owner_only(folder: Path) -> None:
    keys = KeyFile.establish(folder, has_epochs=False)
    keys.create(new_id())
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path.name
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o600


def test_an_existing_master_key_is_opened_not_replaced(folder: Path) -> None:
    KeyFile.establish(folder, has_epochs=False)
    before = (folder / "master.key").read_bytes()
    for has_epochs in (False, True):
        KeyFile.establish(folder, has_epochs=has_epochs)
    assert (folder / "master.key").read_bytes() == before


def _remove_all(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _remove_master(folder: Path) -> None:
    (folder / "master.key").unlink()


@pytest.mark.parametrize(
    ("lose", "has_epochs"),
    [
        pytest.param(_remove_master, False, id="epoch files are left"),
        pytest.param(_remove_master, True, id="epoch files and rows are left"),
        pytest.param(_remove_all, True, id="only rows are left"),
    ],
)
def test_a_lost_master_key_is_said_and_never_replaced(
    folder: Path, lose: Callable[[Path], None], has_epochs: bool
) -> None:
    KeyFile.establish(folder, has_epochs=False).create(new_id())
    lose(folder)
    with pytest.raises(MasterKeyLost):
        KeyFile.establish(folder, has_epochs=has_epochs)
    assert not (folder / "master.key").exists()


def test_opening_makes_nothing(folder: Path) -> None:
    with pytest.raises(MasterKeyLost):
        KeyFile(folder)
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"muniment-master-key/1 ", b"muniment-master-key/1 " + b"g" * 64 + b"\n"])
def test_a_damaged_master_key_is_said(folder: Path, content: bytes) -> None:
    KeyFile.establish(folder, has_epochs=False)
    (folder / "master.key").write_bytes(content)
    with pytest.raises(MasterKeyLost):
        KeyFile.establish(folder, has_epochs=False)
    assert (folder / "master.key").read_bytes() == content


@pytest.mark.parametrize(
    ("name", "mode"),
    [("master.key", 0o640), ("master.key", 0o604), ("master.key", 0o660), (".", 0o750), (".", 0o701)],
)
def test_keys_that_others_may_read_are_refused_until_that_is_mended(folder: Path, name: str, mode: int) -> None:
    KeyFile.establish(folder, has_epochs=False)
    (folder / name).chmod(mode)
    with pytest.raises(KeysExposed, match="chmod"):
        KeyFile(folder)
    (folder / name).chmod(0o700 if name == "." else 0o600)
    KeyFile(folder)


def test_an_epoch_key_put_in_place_of_another_does_not_open(folder: Path) -> None:
    keys, one, other = KeyFile.establish(folder, has_epochs=False), new_id(), new_id()
    keys.create(one)
    keys.create(other)
    (folder / "epochs" / f"{one.hex}.key").write_bytes((folder / "epochs" / f"{other.hex}.key").read_bytes())
    with pytest.raises(EpochKeyGone):
        keys.unwrap(one)


def test_every_changed_byte_of_an_epoch_key_is_found(folder: Path) -> None:
    keys, epoch = KeyFile.establish(folder, has_epochs=False), new_id()
    keys.create(epoch)
    path = folder / "epochs" / f"{epoch.hex}.key"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(EpochKeyGone):
            keys.unwrap(epoch)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(EpochKeyGone):
            keys.unwrap(epoch)


def test_destroying_overwrites_the_bytes_before_the_name_goes(folder: Path, tmp_path: Path) -> None:
    keys, epoch = KeyFile.establish(folder, has_epochs=False), new_id()
    keys.create(epoch)
    path = folder / "epochs" / f"{epoch.hex}.key"
    whole = path.read_bytes()
    # A second name of the same bytes, as an undelete tool would find them.
    os.link(path, tmp_path / "undeleted")
    keys.destroy(epoch)
    left = (tmp_path / "undeleted").read_bytes()
    assert not path.exists()
    assert len(left) == len(whole)
    assert left != whole
    assert whole[21:53] not in left


def test_processes_that_start_at_once_agree_on_one_master_key(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from vault.keys import KeyFile;"
        "print(KeyFile.establish(Path(sys.argv[1]), has_epochs=False).fingerprint_key().hex())"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({child.communicate(timeout=60)[0] for child in children}) == 1
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["master.key"]


def test_the_secrets_are_not_in_what_is_printed(folder: Path) -> None:
    keys = KeyFile.establish(folder, has_epochs=False)
    secret = (folder / "master.key").read_text().split()[1]
    assert secret not in repr(keys) + str(keys)
