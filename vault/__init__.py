"""Bytes at rest: where they lie (store), how they are sealed (envelope), under which keys (keyring).

Import the module that holds the noun: ``vault.store``, ``vault.envelope``, ``vault.keyring``.
``vault.reader`` is for ``records.content`` alone. The bytes are described in ``docs/envelope.md``.
"""

__all__ = [
    "data_key",
    "directory",
    "envelope",
    "fixity",
    "keyring",
    "keys",
    "reader",
    "sealed",
    "store",
    "wrapping",
    "writer",
]
