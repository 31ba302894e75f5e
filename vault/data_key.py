"""The data key: one random secret per version, party, case file or person."""

from typing import NoReturn
from uuid import UUID


class DataKey:
    """The unwrapped key of one subject. Nothing prints, copies or pickles its secret."""

    __slots__ = ("secret", "subject")

    def __init__(self, subject: UUID, secret: bytes) -> None:
        if len(secret) != 32:
            raise ValueError("a data key has 32 bytes")
        self.subject = subject
        self.secret = secret

    def __repr__(self) -> str:
        return f"DataKey({self.subject})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a data key is never written anywhere")
