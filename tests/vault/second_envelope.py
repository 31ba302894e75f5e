"""A second implementation of ``docs/envelope.md``, written from the page and sharing no code with ``vault``.

Slow, whole values only, with the salt and nonces given. Run as a program it writes the golden vectors, once:
``python tests/vault/second_envelope.py tests/golden/envelope/vectors.json``.
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SIZES = (0, 1, 16383, 16384, 16385, 100000)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-512 (RFC 5869, 2.3)."""
    blocks, block = b"", b""
    while len(blocks) < length:
        block = hmac.new(key, block + info + bytes([len(blocks) // 64 + 1]), hashlib.sha512).digest()
        blocks += block
    return blocks[:length]


def gcm_seal(key: bytes, nonce: bytes, plain: bytes, bound: bytes = b"") -> bytes:
    sealer = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    sealer.authenticate_additional_data(bound)
    return sealer.update(plain) + sealer.finalize() + sealer.tag


def gcm_open(key: bytes, nonce: bytes, sealed: bytes, bound: bytes = b"") -> bytes:
    opener = Cipher(algorithms.AES(key), modes.GCM(nonce, sealed[-16:])).decryptor()
    opener.authenticate_additional_data(bound)
    return opener.update(sealed[:-16]) + opener.finalize()


def make_context(subject: bytes, version: bytes, part: str) -> bytes:
    assert len(subject) == len(version) == 16
    return b"muniment/1" + b"\0" + subject + version + part.encode("utf-8")


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes, bytes]:
    material = expand(key, b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\0" + salt + context, 76)
    return material[0:32], material[32:44], material[44:76]


def _nonce(base: bytes, number: int) -> bytes:
    counter = number.to_bytes(12, "big")
    return bytes(a ^ b for a, b in zip(base, counter, strict=True))


def seal(key: bytes, salt: bytes, context: bytes, plain: bytes) -> bytes:
    chunk_key, base, commitment = _derive(key, salt, context)
    out, number = [salt, commitment], 0
    while True:
        chunk = plain[number * 16384 : (number + 1) * 16384]
        out.append(gcm_seal(chunk_key, _nonce(base, number), chunk))
        if len(chunk) < 16384:
            return b"".join(out)
        number += 1


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The plaintext; ``ValueError`` or ``InvalidTag`` where it does not open."""
    chunk_key, base, commitment = _derive(key, sealed[:24], context)
    if sealed[24:56] != commitment:
        raise ValueError("another key, salt or context")
    out, number, rest = [], 0, sealed[56:]
    while True:
        chunk, rest = rest[:16400], rest[16400:]
        if len(chunk) < 16:
            raise ValueError("cut off")
        out.append(gcm_open(chunk_key, _nonce(base, number), chunk))
        if len(chunk) < 16400:
            return b"".join(out)
        number += 1


def wrap_key(epoch_key: bytes, nonce: bytes, subject: bytes, epoch: bytes, secret: bytes) -> bytes:
    return nonce + gcm_seal(epoch_key, nonce, secret, b"muniment/1\0key\0" + subject + epoch)


def epoch_file(master: bytes, nonce: bytes, epoch: bytes, epoch_key: bytes) -> bytes:
    wrapper = expand(master, b"muniment/1 epoch wrapping", 32)
    return b"muniment-epoch-key/1\n" + nonce + gcm_seal(wrapper, nonce, epoch_key, b"muniment/1\0epoch\0" + epoch)


def fingerprint(master: bytes, purpose: str, value: bytes) -> bytes:
    key = expand(master, b"muniment/1 fingerprint", 32)
    return hmac.new(key, purpose.encode() + b"\0" + value, hashlib.sha256).digest()


def pattern(size: int) -> bytes:
    """The plaintext of the vectors: byte ``i`` is ``(7 * i + i // 251) mod 256``."""
    return bytes((7 * i + i // 251) % 256 for i in range(size))


def vectors() -> dict[str, object]:
    """The golden vectors. Keys and salts are the start of SHA-512 of their names, so that nobody chose them."""

    def named(name: str, size: int) -> bytes:
        return hashlib.sha512(b"muniment test vector " + name.encode()).digest()[:size]

    subject, version, epoch = named("subject", 16), named("version", 16), named("epoch", 16)
    sealed = []
    for part, with_version in (("original", True), ("page/1.png", True), ("name é", False)):
        context = make_context(subject, version if with_version else bytes(16), part)
        for size in SIZES:
            key, salt = named(f"key {part} {size}", 32), named(f"salt {part} {size}", 24)
            data = seal(key, salt, context, pattern(size))
            sealed.append(
                {
                    "part": part,
                    "version": version.hex() if with_version else None,
                    "context": context.hex(),
                    "key": key.hex(),
                    "salt": salt.hex(),
                    "plain_bytes": size,
                    "sealed_bytes": len(data),
                    "sealed_sha256": hashlib.sha256(data).hexdigest(),
                    "first_96": data[:96].hex(),
                    "last_32": data[-32:].hex(),
                }
            )
    master, epoch_key, secret = named("master", 32), named("epoch key", 32), named("data key", 32)
    return {
        "format": "muniment envelope, docs/envelope.md",
        "plain": "byte i is (7 * i + i // 251) mod 256",
        "subject": subject.hex(),
        "sealed": sealed,
        "keys": {
            "master": master.hex(),
            "master_file": (b"muniment-master-key/1 " + master.hex().encode() + b"\n").hex(),
            "epoch": epoch.hex(),
            "epoch_key": epoch_key.hex(),
            "epoch_file": epoch_file(master, named("epoch nonce", 12), epoch, epoch_key).hex(),
            "data_key": secret.hex(),
            "wrapped_key": wrap_key(epoch_key, named("key nonce", 12), subject, epoch, secret).hex(),
            "fingerprint_purpose": "sign-in",
            "fingerprint_value": b"ana@example.org".hex(),
            "fingerprint": fingerprint(master, "sign-in", b"ana@example.org").hex(),
        },
    }


if __name__ == "__main__":
    # Never over an existing file: what was published is verified, not made again.
    with Path(sys.argv[1]).open("x") as file:
        json.dump(vectors(), file, indent=1, ensure_ascii=False)
        file.write("\n")
