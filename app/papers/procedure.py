"""The procedure documentation that the German principles for digital books ask for (GoBD, "Verfahrensdokumentation").

In the four parts that are usual: what it is for, how it is used, how it is built, how it is run. What only the
organisation knows (how post is opened, who scans) is left for it to add, and the document says so.
"""

from accounts.permissions import PERMISSIONS, ROLE_PERMISSIONS
from app import settings
from app.papers import parts
from app.papers.paper import Block, Paper, Section, Table, Text, points
from app.papers.sources import Sources, class_title

_TOLD = (
    "largest_upload_bytes", "largest_read_bytes", "time_zone", "object_lock_full_length", "log_tiles_public",
    "witness_seconds", "destroy_percent", "destroy_free", "fixity_days", "ceiling_alarm_days", "review_days",
    "person_reports_until",
)  # fmt: skip
"""Settings whose values can stand in a document: no address, no path, nothing of a person."""


def procedure(sources: Sources) -> Paper:
    """How records are taken in, kept, found, made available to an audit, and destroyed, by this installation."""
    return Paper("procedure", "Procedure documentation (GoBD)", parts.about(sources), tuple(_sections(sources)))


def _sections(sources: Sources) -> list[Section]:
    return [
        Section("General description", _general(sources)),
        Section("What is kept", (_kept(sources),)),
        Section("For users: from receipt to destruction", (_flow(sources),)),
        Section("Access of the tax authority", (_audit_access(),)),
        Section("How it is built", _built(sources)),
        Section("Unchangeability and evidence", (_evidence(sources),)),
        Section("Roles and permissions", (parts.roles(sources), _permissions())),
        Section("Internal control", (parts.two_persons(sources), _controls(sources))),
        Section("Retention periods", (_rules(sources),)),
        Section("Operation", (Text("These jobs run without anybody:"), parts.jobs(sources), _settings(sources))),
        Section("What this installation does not do", (parts.not_there(sources),)),
        Section(
            "For the organisation to add",
            (
                points(
                    (
                        "How documents reach the archive: post, scanning instructions, mail, the systems before it.",
                        "Whether paper is destroyed after scanning, who decided so and by which procedure.",
                        "Who holds which role by name, and who stands in for whom.",
                        "Backups: what is backed up, where, how long it is kept, when a restore was last tried.",
                        "The contracts with whoever runs the machines.",
                    )
                ),
            ),
        ),
        Section("Open points", (parts.open_points(sources),)),
    ]


def _general(sources: Sources) -> tuple[Block, ...]:
    shape = (
        "in several processes on servers: PostgreSQL, an object store, a search server and a message broker"
        if sources.distributed
        else "in one data folder on one machine, with embedded database, object store and search index"
    )
    return (
        Text(
            f"{sources.entity.name} keeps business records in Muniment {sources.program}, {shape}. A record is content "
            "and metadata kept as evidence: once captured, its content is never changed; a correction is a "
            "further version, and the one before stays."
        ),
        Text(
            f"The fiscal year starts on {_fiscal_year(sources.entity.fiscal_year_start)}. Legal days are those of "
            f"{sources.entity.zone}."
        ),
    )


def _fiscal_year(text: str) -> str:
    first, *moves = text.split("/")
    words = f"{first} (month and day)"
    return words + "".join(f", from {each} on with {each[5:]}" for each in moves)


def _kept(sources: Sources) -> Table:
    rows = tuple((class_title(code), code, str(count)) for code, count in sorted(sources.classes.items()))
    return Table(("Record class", "Code", "Records now"), rows, (50, 35, 15), "Nothing is kept yet.")


def _flow(sources: Sources) -> Block:
    scanned = "scanned for malware, " if sources.settings.clamd else ""
    return points(
        (
            "Receipt: files come by the page, by REST, by the command line, or out of a mail or archive. They are "
            "sealed and stored before anything is done with them; nothing received is lost when a process ends.",
            f"Reading: the type is told from the content; the file is {scanned}read in a confined process, by text "
            "recognition where it is an image. The data of electronic invoices are read from their XML.",
            "Classification: a machine proposes class, case file and fields with a probability. Until a person "
            "confirms, a machine's choice can only narrow who reads the record. What cannot be read or classed waits "
            "visibly, with an alarm after 90 days.",
            "Indexing: every record has a number, class, dates, case file and full text, and is found by them.",
            "Use: whoever opens, downloads or is shown a record stands in the audit log before the first byte leaves.",
            "Retention: the schedule dates the record; *Why this date?* shows the sum. Events that periods start with "
            "are stated by people.",
            "Disposition: proposed by the nightly job, decided by one person, approved by another, destroyed after the "
            "days of grace, certified.",
        )
    )


def _audit_access() -> Block:
    return points(
        (
            "An auditor is given access to named classes and years, for a time, by two persons (immediate access). "
            "What is read so stands in the log.",
            "The records of such a scope can be handed over as an archive with a machine-readable index and a "
            "description of its fields (data carrier).",
            "The original format stays: an electronic invoice is kept as the file that came, with its XML.",
        )
    )


def _built(sources: Sources) -> tuple[Block, ...]:
    lock = (
        "Originals are locked in the object store for as long as a minimum period runs."
        if sources.can_lock
        else "The object store of this installation cannot lock objects; write protection is the program's."
    )
    return (
        points(
            (
                "Each version of a record is sealed under a key of its own (AES-256-GCM). Titles, names and texts are "
                "sealed in the database as well. Destroying a key makes every copy sealed under it unreadable.",
                lock,
                "Later work is a row of the same transaction as the change that needs it, so that no failure loses it.",
                "All changes of the program's tables are migrations with a number; a test compares a migrated database "
                "with a fresh one.",
            )
        ),
    )


def _evidence(sources: Sources) -> Block:
    watched = (
        f"{sources.witnesses} witnesses outside are asked to cosign the log."
        if sources.witnesses
        else "No witness outside cosigns the log."
    )
    stamped = (
        "A time stamping service (RFC 3161) stamps it daily."
        if sources.settings.timestamp_url
        else "No time stamping service stamps it."
    )
    return points(
        (
            "The audit log is an append-only Merkle tree with signed checkpoints. Whoever changes, removes or reorders "
            "an entry is found by anybody with an earlier checkpoint, without this program.",
            f"{watched} {stamped}",
            f"Every stored object is read and compared with its digest within {sources.settings.fixity_days} days.",
        )
    )


def _permissions() -> Table:
    rows = tuple(
        (meaning, ", ".join(parts.role_name(role) for role, given in ROLE_PERMISSIONS.items() if code in given))
        for code, (_, meaning) in PERMISSIONS.items()
    )
    return Table(("Permission", "Roles"), rows, (60, 40))


def _controls(sources: Sources) -> Block:
    return points(
        (
            "Whoever looks after machines and people reads no content and no log; whoever oversees changes nothing.",
            f"A run that would destroy more than {sources.destroy_percent} % of a class stops and says so.",
            "A clock that is more than a day from the log or its anchors stops all destruction.",
            f"People are reminded of reviews and approvals after {sources.settings.review_days} days, and the matter "
            "is escalated a week later.",
        )
    )


def _rules(sources: Sources) -> Table:
    rows = tuple(
        (
            class_title(rule.value.record_class),
            parts.name(rule),
            f"{parts.length(rule)} from {parts.start(rule)}",
            rule.value.legal_basis,
            parts.in_force(rule),
        )
        for rule in sources.rules
    )
    return Table(("Record class", "Rule", "Kept for", "Legal basis", "In force"), rows, (20, 15, 30, 23, 12), "None.")


def _settings(sources: Sources) -> Table:
    known = {name.removeprefix(settings.PREFIX).lower(): meaning for name, _, _, meaning in settings.describe()}
    rows = tuple((name, str(getattr(sources.settings, name)), known[name].replace("`", "")) for name in _TOLD)
    return Table(("Setting", "Value", "Meaning"), rows, (24, 16, 60))
