"""What was once published opens for ever: the golden vectors, by both implementations."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault import second_envelope
from vault import envelope, wrapping
from vault.keys import KeyFile

GOLDEN = Path(__file__).parents[1] / "golden" / "envelope" / "vectors.json"
VECTORS: dict[str, Any] = json.loads(GOLDEN.read_text())
KEYS: dict[str, str] = VECTORS["keys"]
SUBJECT = UUID(VECTORS["subject"])

# The file itself is published: a vector may be added in a new file, never changed in this one.
GOLDEN_SHA256 = "3f7debd70a4ac6eb52319d5c9408111e051bc3751ac14938c640de11897fdaae"

sealed_vectors = pytest.mark.parametrize(
    "vector", [pytest.param(v, id=f"{v['part']}, {v['plain_bytes']} bytes") for v in VECTORS["sealed"]]
)


def _sealed(vector: dict[str, Any]) -> bytes:
    """The whole sealed stream of a vector, which gives its digest and its ends."""
    sealed = second_envelope.seal(
        bytes.fromhex(vector["key"]),
        bytes.fromhex(vector["salt"]),
        bytes.fromhex(vector["context"]),
        second_envelope.pattern(vector["plain_bytes"]),
    )
    assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
    return sealed


def test_the_golden_file_was_not_written_again() -> None:
    assert hashlib.sha256(GOLDEN.read_bytes()).hexdigest() == GOLDEN_SHA256


@sealed_vectors
def test_the_second_implementation_still_makes_the_published_bytes(vector: dict[str, Any]) -> None:
    sealed = _sealed(vector)
    assert len(sealed) == vector["sealed_bytes"]
    assert sealed[:96].hex() == vector["first_96"]
    assert sealed[-32:].hex() == vector["last_32"]


@sealed_vectors
def test_the_vault_opens_the_published_bytes_whole_and_in_ranges(vector: dict[str, Any]) -> None:
    sealed, size = _sealed(vector), vector["plain_bytes"]
    key, plain = bytes.fromhex(vector["key"]), second_envelope.pattern(size)
    version = UUID(vector["version"]) if vector["version"] else None
    context = envelope.context(SUBJECT, version, vector["part"])
    assert context.hex() == vector["context"]
    assert envelope.open_bytes(key, context, sealed) == plain
    for start, end in ((0, size), (0, min(size, 1)), (size // 2, size), (size // 3, size // 2)):
        pieces = envelope.open_range(key, context, lambda a, b: [sealed[a:b]], len(sealed), start, end)
        assert b"".join(pieces) == plain[start:end]


def test_the_vault_unwraps_the_published_keys(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    (folder / "epochs").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "master.key").write_bytes(bytes.fromhex(KEYS["master_file"]))
    (folder / "master.key").chmod(0o600)
    (folder / "epochs" / f"{KEYS['epoch']}.key").write_bytes(bytes.fromhex(KEYS["epoch_file"]))

    keys, epoch = KeyFile(folder), UUID(KEYS["epoch"])
    epoch_key = keys.unwrap(epoch)
    assert epoch_key.hex() == KEYS["epoch_key"]
    data_key = wrapping.unwrap(AESGCM(epoch_key), SUBJECT, epoch, bytes.fromhex(KEYS["wrapped_key"]))
    assert data_key.secret.hex() == KEYS["data_key"]
    value = bytes.fromhex(KEYS["fingerprint_value"])
    assert wrapping.fingerprint(keys.fingerprint_key(), KEYS["fingerprint_purpose"], value).hex() == KEYS["fingerprint"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_a_vector_can_be_checked_by_hand_with_openssl() -> None:
    """The commands of ``docs/envelope.md``, section "By hand"."""
    vector = next(v for v in VECTORS["sealed"] if v["part"] == "original" and v["plain_bytes"] == 1)
    sealed = bytes.fromhex(vector["first_96"])
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + sealed[:24] + bytes.fromhex(vector["context"])
    options = ("digest:SHA512", "mode:EXPAND_ONLY", f"hexkey:{vector['key']}", f"hexinfo:{info.hex()}")
    command = ["openssl", "kdf", "-keylen", "76", "-binary"]
    for option in options:
        command += ["-kdfopt", option]
    derived = subprocess.run([*command, "HKDF"], capture_output=True, check=True).stdout
    assert derived[44:] == sealed[24:56]
    counter = derived[32:44].hex() + "00000002"
    decrypt = ["openssl", "enc", "-d", "-aes-256-ctr", "-K", derived[:32].hex(), "-iv", counter]
    assert subprocess.run(decrypt, input=sealed[56:57], capture_output=True, check=True).stdout == b"\x00"
