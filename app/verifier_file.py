"""The single-file verifier as it lies in the program: to be downloaded, put into exports, handed to an auditor."""

from functools import lru_cache
from importlib.resources import files

NAME = "muniment_verify.py"


@lru_cache(maxsize=1)
def content() -> bytes:
    """Its bytes, the same wherever they are given out."""
    return (files("audit") / NAME).read_bytes()
