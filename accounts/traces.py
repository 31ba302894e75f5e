"""Where this package keeps data of persons."""

from core.trace import TableTrace, register

register(
    TableTrace("people", "person", ("id",)),
    TableTrace("passwords", "person", ("person",)),
    TableTrace("sessions", "person", ("person",)),
    TableTrace("api_tokens", "person", ("person",)),
    TableTrace(
        "sign_in_throttles", "person", end="expires", why="keyed fingerprints of names and addresses, for a day"
    ),
    TableTrace(
        "grants",
        "person",
        ("person", "requested_by", "confirmed_by", "ended_by"),
        end="kept",
        why="who could see what on a day; the name is gone with the key",
    ),
    TableTrace(
        "grant_requests",
        "person",
        ("person", "requested_by", "decided_by"),
        end="kept",
        why="who gave which right; the name is gone with the key",
    ),
    TableTrace("suspensions", "person", ("person", "begun_by", "ended_by"), end="kept", why="history of rights"),
    TableTrace("single_operator", "person", ("begun_by", "ended_by"), end="kept", why="history of rights"),
    TableTrace(
        "person_reports",
        "person",
        ("person", "asked_by"),
        end="kept",
        why="who had whose reading looked at; the name is gone with the key",
    ),
    TableTrace("recertifications", "person", ("signed_by",), end="kept", why="who signed for which right"),
    TableTrace("person_report_decisions", "person", ("decided_by",), end="kept", why="who confirmed it"),
    TableTrace("legal_entities", None, why="names of firms; of a sole trader, their own name"),
    TableTrace("departments", None, why="names of departments"),
    TableTrace("setup", None, why="state of the set-up"),
)
