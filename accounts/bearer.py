"""Random secrets that are handed out once: session tokens, API tokens, the set-up link.

256 random bits cannot be guessed, so one round of SHA-256 is enough to keep a stolen
database from being a bunch of keys; passwords, which can be guessed, get argon2id.
"""

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """``prefix`` and 43 characters of base64url: 256 random bits."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is stored of a secret: its SHA-256, 32 bytes. Looked up by equality.

    A lookup by digest leaks no useful time: whoever can choose the digest's prefix has
    already inverted SHA-256.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
