"""Landlock: which files a process may still open (Linux ``Documentation/userspace-api/landlock.rst``).

By system call through ctypes, since there is no wrapper in the C library. Rights that an older
kernel does not know are left out; what is in force is told.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on x86-64 and arm64
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))  # remove, and make of every kind
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """The version of Landlock that the kernel offers; 0 when it offers none."""
    if not hasattr(ctypes.CDLL(None), "syscall"):
        return 0
    found: int = ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    return max(found, 0)


def confine(*, read: Iterable[Path], write: Iterable[Path], execute: Iterable[Path]) -> str | None:
    """Leave this process only these paths, for good; ``None``, or why it could not be done.

    ``read`` and ``write`` are folders with all that is in them, or single files; what can be
    written can be read. Paths that do not exist are passed over. Where the kernel can, TCP and
    signals to processes outside are refused as well. Open descriptors stay open.
    """
    offered = version()
    if offered == 0:
        return "the kernel has no Landlock"
    handled = _EXECUTE | _WRITE_FILE | _READ_FILE | _READ_DIR | _CHANGE_FOLDERS
    handled |= (_REFER if offered >= 2 else 0) | (_TRUNCATE if offered >= 3 else 0) | (_IOCTL if offered >= 5 else 0)
    attributes = struct.pack("=Q", handled)
    attributes += struct.pack("=Q", _TCP) if offered >= 4 else b""
    attributes += struct.pack("=Q", _ABSTRACT_SOCKETS_AND_SIGNALS) if offered >= 6 else b""

    library = ctypes.CDLL(None, use_errno=True)
    ruleset = library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return "the kernel refuses a Landlock ruleset"
    try:
        for paths, rights in (
            (read, _READ_FILE | _READ_DIR),
            (write, handled & ~_EXECUTE),
            (execute, _EXECUTE | _READ_FILE),
        ):
            for path in paths:
                _allow(library, ruleset, path, rights & handled)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if library.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
            return "the kernel refuses to restrict this process"
    finally:
        os.close(ruleset)
    return None


def _allow(library: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        library.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0)
    finally:
        os.close(descriptor)
