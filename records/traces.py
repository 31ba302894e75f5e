"""Where this package keeps data of records, parties and persons."""

from core.trace import TableTrace, register

register(
    TableTrace("records", "record", ("id",)),
    TableTrace("records", "person", ("captured_by",), end="kept", why="an id; the name is gone with the key"),
    TableTrace("record_versions", "record", ("record",)),
    TableTrace("components", "record", ("record",)),
    TableTrace("derived_objects", "record", ("record",)),
    TableTrace("placements", "record", ("record",)),
    TableTrace("record_fields", "record", ("record",)),
    TableTrace("record_parties", "record", ("record",)),
    TableTrace("record_versions", "version", ("id",)),
    TableTrace("components", "version", ("version",)),
    TableTrace("derived_objects", "version", ("version",)),
    TableTrace("record_fields", "version", ("version",)),
    TableTrace("record_parties", "party", ("party",)),
    TableTrace("parties", "party", ("id",)),
    TableTrace("case_files", "case_file", ("id",)),
    TableTrace(
        "case_files", "person", ("owner", "about_person"), end="kept", why="ids; the names are gone with their keys"
    ),
    TableTrace("case_file_access", "case_file", ("case_file",)),
    TableTrace("case_file_access", "person", ("person", "granted_by"), end="kept", why="history of rights"),
    TableTrace("trigger_facts", "case_file", ("case_file",)),
    TableTrace("access_sets", "case_file", ("case_file",), end="kept", why="ids only"),
    TableTrace("access_sets", "person", ("uploader",), end="kept", why="ids only"),
    TableTrace("placements", "person", ("placed_by",), end="kept", why="an id; the name is gone with the key"),
    TableTrace("record_versions", "person", ("added_by",), end="kept", why="an id; the name is gone with the key"),
    TableTrace(
        "object_locks",
        "record",
        ("record",),
        end="kept",
        why="ids and days: until when the store keeps the sealed bytes, also once their key is gone",
    ),
    TableTrace("object_locks", "version", ("version",), end="kept", why="ids and days, as for the record"),
    TableTrace(
        "regime_readers",
        "person",
        ("person", "asked_by", "decided_by", "ended_by"),
        end="kept",
        why="history of rights; the name is gone with the key, and the reason is sealed",
    ),
    TableTrace("trigger_facts", "person", ("recorded_by",), end="kept", why="an id; the name is gone with the key"),
    TableTrace(
        "auditor_scopes",
        "person",
        ("person", "asked_by", "decided_by", "ended_by"),
        end="kept",
        why="who could see what on a day; the name is gone with the key",
    ),
    TableTrace("fixity_troubles", "record", ("record",)),
    TableTrace("fixity_walks", None, why="how far the fixity check has come"),
)
