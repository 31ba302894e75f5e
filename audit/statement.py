"""Statements: canonical JSON signed by the log's key, beside the notes that it signs.

The signature is plain Ed25519 over exactly the bytes of the statement, so that OpenSSL checks it. A statement begins
with a brace and holds no line feed; the text of a note ends with one: neither can be taken for the other.
"""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.note import NotSigned, VerifierKey
from core.canonical import NotCanonical, parse_canonical


def sign_statement(data: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signature over ``data``, 64 bytes.

    Raises:
        NotCanonical: the bytes are no canonical JSON object, or hold a line feed.
    """
    _check(data)
    return key.sign(data)


def verify_statement(data: bytes, signature: bytes, key: VerifierKey) -> Any:
    """What the statement says, once its signature was found to be good.

    Raises:
        NotSigned: the signature is not that of this key over these bytes, or they are no statement.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, data)
        return _check(data)
    except (InvalidSignature, NotCanonical) as error:
        raise NotSigned("the signature is not that of this key over these bytes") from error


def pem_of(key: VerifierKey) -> bytes:
    """The public key as OpenSSL reads it (PEM, SubjectPublicKeyInfo)."""
    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _check(data: bytes) -> Any:
    if not data.startswith(b"{") or b"\n" in data:
        raise NotCanonical("a statement is one JSON object on one line")
    return parse_canonical(data)
