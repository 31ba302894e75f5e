"""The deletion concept, laid out as DIN 66398 proposes: data kinds, deletion classes, periods, steps, duties."""

from app.papers import parts
from app.papers.paper import Paper, Section, Table, Text, points
from app.papers.sources import Published, Sources, class_title
from records import file_plan
from retention import facts, why_words

HOLDS = {
    "legal_hold": "legal hold",
    "tax_audit": "tax audit",
    "restriction": "restriction of processing (GDPR Art. 18)",
    "open_request": "open request of a data subject",
}


def deletion_concept(sources: Sources) -> Paper:
    """When which kind of record goes, on whose authority, by which steps, and who answers for it."""
    return Paper("deletion-concept", "Deletion concept", parts.about(sources), tuple(_sections(sources)))


def _sections(sources: Sources) -> list[Section]:
    return [
        Section(
            "Purpose and scope",
            (
                Text(
                    f"This concept says how {sources.entity.name} deletes what it keeps in its archive: "
                    "records are kept as long as the law demands and personal data no longer than their purpose "
                    "(GDPR Art. 5(1)(e), Art. 17). It covers the records of this legal entity in this installation, "
                    "all that is derived from them (text, page images, index entries), and their keys."
                ),
                Text(
                    "Data outside this installation, such as the systems that documents come from, need rules of "
                    "their own."
                ),
            ),
        ),
        Section("Responsibilities", (parts.roles(sources), parts.two_persons(sources))),
        Section("Data kinds", (_kinds(sources),)),
        Section(
            "Deletion classes",
            (
                Text(
                    "A deletion class joins a starting point and a period. Data kinds of the same class are deleted by "
                    "the same procedure."
                ),
                _classes(sources),
            ),
        ),
        Section(
            "Periods by data kind",
            (
                Text(
                    "The retention period is what must be kept. The regular deletion period adds the time that review "
                    "and destruction take. Of several rules that concern a record the longest floor decides; a floor "
                    "that lies beyond a ceiling goes to a person. Without its event a period does not begin, and the "
                    "record is listed as waiting; no date is ever guessed."
                ),
                _periods(sources),
            ),
        ),
        Section(
            "Implementation",
            (
                Text(
                    "Each night the dates are reckoned, what has become eligible is put into a batch, and people are "
                    "reminded of what waits. Nothing is destroyed that two persons have not agreed on. Before each "
                    "destruction holds, rule and facts are looked at once more, in the same transaction."
                ),
                parts.jobs(sources),
                points(
                    (
                        "Destroyed are: the sealed objects with all their versions, derived data, index entries, the "
                        "rows that concern the record, and its key. A certificate, signed by the log's key, names what "
                        "was destroyed and what a lock still keeps.",
                        "A stub stays: number, class, dates and the digest that the certificate cites, without a title "
                        "or name.",
                        f"One run destroys at most {sources.destroy_percent} % of a class (never fewer than "
                        f"{sources.settings.destroy_free} records); at more it stops until an officer lets it through.",
                        "Where the clock and the log are more than a day apart, nothing is destroyed until the date is "
                        "confirmed from outside or by an officer.",
                    )
                ),
            ),
        ),
        Section("Suspended deletion", (*_holds(sources),)),
        Section("What this installation does not do", (parts.not_there(sources),)),
        Section(
            "Evidence",
            (
                Text(
                    "Every step stands in an append-only audit log that can be verified without this program: drafting "
                    "and publication of rules, events that periods start with, proposals, decisions, approvals, "
                    "executions, certificates, holds and their release. Each job writes a report, also where nothing "
                    "happened."
                ),
            ),
        ),
        Section("Review", (_review(sources),)),
        Section("Open points", (parts.open_points(sources),)),
    ]


def _kinds(sources: Sources) -> Table:
    ruled = {code for rule in sources.rules for code in covered(rule)}
    codes = sorted(set(sources.classes) | ruled, key=class_title)
    rows = tuple(
        (
            class_title(code),
            code,
            str(sources.classes.get(code, 0)),
            ", ".join(parts.name(rule) for rule in sources.rules if code in covered(rule)) or "none",
        )
        for code in codes
    )
    return Table(("Data kind", "Code", "Records now", "Rules"), rows, (34, 24, 12, 30), "Nothing is kept yet.")


def covered(rule: Published) -> tuple[str, ...]:
    """The classes of the file plan that a rule is for, those below them included."""
    code, plan = rule.value.record_class, file_plan.load()
    tops = facts.load().fact_classes[code].classes if code in facts.load().fact_classes else (code,)
    return tuple(dict.fromkeys(each for top in tops if top in plan for each in (top, *plan.descendants(top))))


def _classes(sources: Sources) -> Table:
    groups: dict[tuple[str, str], list[Published]] = {}
    for rule in sources.rules:
        key = " / ".join(why_words.anchor(way.anchor, str) for way in rule.value.ways), parts.length(rule)
        groups.setdefault(key, []).append(rule)
    rows = tuple(
        (f"DC{number}", begin, period, ", ".join(parts.name(rule) for rule in rules))
        for number, ((begin, period), rules) in enumerate(sorted(groups.items()), 1)
    )
    return Table(("Class", "Starting point", "Period", "Rules"), rows, (8, 32, 20, 40), "No rule is published.")


def _periods(sources: Sources) -> Table:
    rows = tuple(
        (
            class_title(rule.value.record_class),
            parts.name(rule),
            parts.start(rule),
            parts.length(rule),
            parts.BOUNDS[rule.value.bound],
            parts.afterwards(rule),
            rule.value.legal_basis,
            parts.in_force(rule),
        )
        for rule in sources.rules
    )
    head = ("Data kind", "Rule", "Starts with", "Period", "Bound", "Then", "Legal basis", "In force")
    return Table(head, rows, (13, 13, 17, 9, 10, 13, 16, 9), "No rule is published.")


def _holds(sources: Sources) -> list[Text | Table]:
    rows = tuple((HOLDS.get(kind, kind), str(count)) for kind, count in sorted(sources.holds.items()))
    return [
        Text(
            "A hold stops destruction at once, for the records it names and for those filed later that it reaches. "
            "Each has a reason, an authority, an owner and a day of review."
        ),
        Table(("Kind", "In force now"), rows, (70, 30), "No hold is in force."),
    ]


def _review(sources: Sources) -> Table:
    rows = tuple((parts.name(rule), parts.fresh(rule), rule.value.source) for rule in sources.rules)
    return Table(("Rule", "State", "Source"), rows, (22, 44, 34), "No rule is published.")
