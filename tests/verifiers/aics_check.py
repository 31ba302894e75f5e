"""Reads a log in a folder, or one proof, with ``aics-tlog``; run by a Python that has it. Exit 1 where it refuses.

aics_check.py log FOLDER VKEY
aics_check.py proof FILE ENTRY VKEY
"""

import base64
import sys
from pathlib import Path

import aics_tlog


def _open(text, key):
    note = aics_tlog.parse_note(text)
    verdict = aics_tlog.verify_checkpoint(note, key, expected_origin=key.name)
    if not verdict.ok:
        raise SystemExit(f"refused: {verdict.error}")
    return aics_tlog.parse_checkpoint(note.text)


def log(folder, vkey):
    signed = _open((Path(folder) / "checkpoint").read_text("utf-8"), aics_tlog.parse_vkey(vkey))
    reader = aics_tlog.FileSystemTileReader(folder)
    try:
        aics_tlog.audit_tiles(reader, signed.size, signed.root)
    except (aics_tlog.TileMissingError, aics_tlog.TileVerificationError) as error:
        raise SystemExit(f"refused: {error}") from error


def proof(file, entry, vkey):
    head, _, checkpoint = Path(file).read_text("utf-8").partition("\n\n")
    first, index, *hashes = head.split("\n")
    signed = _open(checkpoint, aics_tlog.parse_vkey(vkey))
    path = [base64.b64decode(each, validate=True) for each in hashes]
    data, position = Path(entry).read_bytes(), int(index.removeprefix("index "))
    if first != "c2sp.org/tlog-proof@v1" or not aics_tlog.verify_leaf_inclusion(
        data, position, signed.size, path, signed.root
    ):
        raise SystemExit("refused: the proof does not lead to the root")


if sys.argv[1] == "log":
    log(*sys.argv[2:])
else:
    proof(*sys.argv[2:])
