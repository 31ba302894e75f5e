"""Time limits for the record of processing activities (GDPR Art. 30(1)(f)): by category of data, from the schedule."""

from app.papers import parts
from app.papers.deletion_concept import covered
from app.papers.paper import Paper, Section, Table, Text
from app.papers.sources import Sources, class_title


def time_limits(sources: Sources) -> Paper:
    """The envisaged time limits for erasure of the categories of data that are kept, or that a rule is for."""
    return Paper(
        "time-limits", "Time limits for erasure (GDPR Art. 30)", parts.about(sources), tuple(_sections(sources))
    )


def _sections(sources: Sources) -> list[Section]:
    controller = sources.entity.controller_name or sources.entity.name
    role = "controller" if sources.entity.controller == "own" else f"processor for {controller}"
    return [
        Section(
            "What this is",
            (
                Text(
                    f"{sources.entity.name} is {role} for the records described here. This is the part of its record "
                    "of processing that Art. 30(1)(f) asks for; purposes, categories of data subjects, recipients and "
                    "transfers are described by the organisation elsewhere."
                ),
            ),
        ),
        Section("Time limits by category", (_limits(sources),)),
        Section("Categories without a time limit", (_without(sources),)),
        Section(
            "How erasure is brought about",
            (
                Text(
                    "After the period a person reviews, another approves, and after "
                    f"{sources.terms.grace_days} days of grace the data are destroyed in the object store, the search "
                    "index, the database and the key store. Holds and restrictions of processing suspend this."
                ),
                parts.not_there(sources),
            ),
        ),
        Section("Open points", (parts.open_points(sources),)),
    ]


def _limits(sources: Sources) -> Table:
    rows = tuple(
        (
            class_title(rule.value.record_class),
            f"{parts.length(rule)} from {parts.start(rule)}",
            parts.BOUNDS[rule.value.bound],
            parts.afterwards(rule),
            rule.value.legal_basis,
            parts.name(rule),
        )
        for rule in sources.rules
    )
    head = ("Category of data", "Time limit", "Nature", "Then", "Legal basis", "Rule")
    return Table(head, rows, (18, 25, 12, 15, 18, 12), "No rule is published.")


def _without(sources: Sources) -> Table:
    ruled = {code for rule in sources.rules for code in covered(rule)}
    rows = tuple(
        (class_title(code), code, str(count)) for code, count in sorted(sources.classes.items()) if code not in ruled
    )
    return Table(
        ("Category", "Code", "Records"), rows, (50, 35, 15), "Every class in which records are kept has a rule."
    )
