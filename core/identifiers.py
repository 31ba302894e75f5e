"""Keys for machines and numbers for people.

Keys are UUIDv7 (RFC 9562, 5.7): sortable by time, unique without a counter. People see a
record number of eight random characters and a check character, so that no number tells
how many records there are and a mistyped one is noticed.
"""

import os
import secrets
import threading
import time
from uuid import UUID

# Digits and capitals without 0, I, L, O and U: 31 of them, a prime, so that the check
# character of the same alphabet catches every wrong character and every swap of neighbours.
ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 8
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", " ": None, "-": None})
_RANDOM_BITS = 74
_last = 0
_lock = threading.Lock()
_PLAIN = str.maketrans("-_", "0A")


def new_id() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, 74 random bits.

    Within a process each is greater than the one before (RFC 9562, 6.2, method 2), also in one
    millisecond and when the clock is set back: rows made in one go keep their order.
    """
    global _last
    random = int.from_bytes(os.urandom(10), "big") >> 80 - _RANDOM_BITS
    with _lock:
        milliseconds = time.time_ns() // 1_000_000
        # Where the last one is not behind us, a random step on: others cannot guess the next.
        _last = max(milliseconds << _RANDOM_BITS | random, _last + 1 + (random >> 34))
        value = _last
    random = value & (1 << _RANDOM_BITS) - 1
    return UUID(
        int=(value >> _RANDOM_BITS & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )


def new_request_id() -> str:
    """Eleven letters and digits of some 63 random bits: one of a kind, and short, since entries of the log name it."""
    return secrets.token_urlsafe(8).translate(_PLAIN)


def new_record_number() -> str:
    """Eight random characters and a check character, e.g. ``7K2M9QXT4``; shown as ``7K2M-9QXT-4``."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(NUMBER_LENGTH))
    return body + _check_character(body)


def parse_record_number(text: str) -> str | None:
    """The stored form of a number as a person typed it, or ``None`` if it is not one.

    Case, spaces, hyphens and the look-alikes I and L are forgiven; a wrong check character
    is not. The caller must not conclude that the record exists.
    """
    cleaned = text.strip().upper().translate(_LOOKALIKES)
    if len(cleaned) != NUMBER_LENGTH + 1 or any(character not in ALPHABET for character in cleaned):
        return None
    return cleaned if _check_character(cleaned[:-1]) == cleaned[-1] else None


def show_record_number(number: str) -> str:
    """The number as people read it: ``7K2M-9QXT-4``."""
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def _check_character(body: str) -> str:
    # 3 is a primitive root of 31: no two positions have the same weight.
    total = sum(ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(body, start=1))
    return ALPHABET[total % 31]
