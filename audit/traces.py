"""Where this package keeps data of records and persons. Its entries name nobody directly."""

from core.trace import FolderTrace, TableTrace, register

register(
    TableTrace("audit_intake", "record", end="expires", why="moved into the log within seconds"),
    TableTrace("audit_intake_openings", "person", end="expires", why="moved beside the log within seconds"),
    TableTrace("audit_leaves", None, why="evidence: random aliases, ids, digests of sealed bytes, commitments"),
    TableTrace("audit_trail", None, why="positions by alias or id"),
    TableTrace("audit_nodes", None, why="hashes"),
    TableTrace("audit_head", None, why="hashes"),
    TableTrace("audit_checkpoints", None, why="signed hashes"),
    TableTrace("audit_catalogues", None, why="names of actions"),
    TableTrace("audit_intake_mark", None, why="counts"),
    TableTrace("audit_cosignatures", None, why="signatures of witnesses over hashes"),
    TableTrace("audit_anchor_tries", None, why="names of witnesses and codes of errors"),
    TableTrace("audit_timestamps", None, why="signatures of a time stamping service over hashes"),
    TableTrace("audit_seals", None, why="signed hashes and positions by day"),
    TableTrace("audit_withdrawals", None, why="positions"),
    TableTrace(
        "audit_withdrawal_requests",
        "person",
        ("asked_by", "decided_by"),
        end="kept",
        why="who withdrew entries of the log; the name is gone with the key",
    ),
    TableTrace("audit_aliases", "person", why="the mapping from a random alias to a person; erased by audit.alias"),
    TableTrace("audit_openings", "person", why="sealed values behind commitments; erased by audit.opening"),
    FolderTrace("log", "checkpoint, hashes, and the entries as in audit_leaves", "evidence, as audit_leaves"),
)
