"""The verifier: a page that checks an export in the browser, and the same as one file to take away.

Needs no sign-in: an auditor may have no account. What is dropped on the page stays in the browser.
"""

import hashlib
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from api.deps import PUBLIC
from api.i18n import gettext as _
from api.pages.show import page, page_router
from app import verifier_file

router = page_router()


@router.get("/verify", dependencies=[PUBLIC])
def verifier_page(request: Request) -> Response:
    """The page."""
    return page(request, "verify.html", words=_words(), digest=hashlib.sha256(verifier_file.content()).hexdigest())


@router.get("/verify/muniment_verify.py", dependencies=[PUBLIC])
def verifier() -> Response:
    """The single-file verifier, as it lies in the program."""
    headers = {"Content-Disposition": f'attachment; filename="{verifier_file.NAME}"'}
    return Response(verifier_file.content(), media_type="text/x-python", headers=headers)


def _words() -> dict[str, Any]:
    """What the page may say; the script fills in numbers."""
    return {
        "verdict": {
            "good": _("Nothing is wrong with what was checked."),
            "wrong": _("This is not the log that was signed, or what goes with it is wrong."),
            "nothing": _("Nothing could be checked."),
        },
        "titles": {
            "faults": _("Wrong"),
            "checked": _("Checked"),
            "open": _("Not checked"),
            "known": _("To be known"),
        },
        "withdrawn": _("Two persons withdrew entries {0} to {1}, as entry {2} says; their hashes are there."),
        "log": _("log {0}, {1} entries"),
        "position": _("Position {0}"),
        "insecure": _("This browser checks nothing on a page without https. Use the verifier below."),
        "no_key": _("The verifier key cannot be read. It is one line: name, plus sign, id, plus sign, key."),
        "unknown": _("This is neither an export nor a proof of a log."),
        "kinds": _kinds(),
        "checked": {
            "files": _("Files with the SHA-256 that the export's list names: {0}"),
            "entries": _("Entries read for their form, position, chain and time: {0}"),
            "root": _("Entries whose hashes lead to the signed root: {0}"),
            "checkpoints": _("Signed checkpoints that the log grew out of: {0}"),
            "proofs": _("Proofs that lead from their entry to a signed checkpoint: {0}"),
            "openings": _("Opened values that are those committed to: {0}"),
        },
        "open": {
            "key": _("Whether the key is the log's: no key that you trust was given."),
            "earlier": _(
                "Whether the past was rewritten by somebody with the log's key: no earlier checkpoint was given."
            ),
            "signature": _("The signature: no key of the log is known."),
            "ed25519": _("Signatures: this browser does not know Ed25519. Use the verifier below."),
            "root": _("The signed root: not all hashes that lead to it are in the export."),
            "consistency": _("An earlier checkpoint: not all hashes that lead to it are in the export."),
            "opening": _("An opened value: its entry is not in the export."),
            "leaf": _("The entry: it was not dropped beside its proof."),
        },
    }


def _kinds() -> dict[str, str]:
    """Every kind of fault in words."""
    return {
        "altered": _("This entry is not the one that was signed."),
        "archive": _("The archive holds a name or a size that no export has; it was not read further."),
        "bundle": _("The file with these entries cannot be cut into entries."),
        "chain": _("This entry names another predecessor than it has."),
        "checkpoint": _("A checkpoint cannot be read, or is one of another log."),
        "fork": _("A checkpoint contradicts the log: its past was changed, here or further on."),
        "form": _("The bytes are not an entry in its only form."),
        "key": _("The key you trust was never a key of this log."),
        "manifest": _("A file of the export is not the one that its list names."),
        "missing": _("Entries are missing."),
        "opening": _("An opened value is not the one that was committed to."),
        "proof": _("A proof does not lead from its entry to its checkpoint."),
        "root": _("The entries do not have the root that the checkpoint signed."),
        "sequence": _("This entry says another position than it has."),
        "signature": _("A checkpoint lacks a valid signature of the log."),
        "start": _("Entry 0 does not start this log, or a later entry starts one."),
        "tile": _("A hash tile does not hold the hashes of the entries."),
        "time": _("This entry's time is before its predecessor's."),
        "truncated": _("Entries that a checkpoint covers are missing at the end."),
    }
