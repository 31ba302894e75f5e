"""Parts that several documents share: the rules in words, jobs, roles, what is not there."""

from accounts.permissions import ROLE_MEANINGS
from app.papers.paper import Points, Table, points
from app.papers.sources import Published, Sources, class_title
from retention import why_words
from retention.why_words import Language

ENGLISH = Language(gettext=str)
BOUNDS = {
    "minimum": "must be kept (floor)",
    "maximum": "must be gone (ceiling)",
    "limitation": "may be kept: limitation of claims",
    "guidance": "may be kept: guidance or practice",
}
ACTIONS = {
    "destroy": "destroyed after review and approval",
    "review": "a person decides each time",
    "transfer": "handed over, then destroyed",
    "permanent": "kept permanently",
}


def about(sources: Sources) -> tuple[str, ...]:
    """The lines under a title."""
    return (
        f"{sources.entity.name} ({sources.entity.jurisdiction}), time zone {sources.entity.zone}",
        f"As of {why_words.english_day(sources.today)}; retention schedule no. {sources.revision}; "
        f"Muniment {sources.program}",
        "Made by the installation from its own configuration. It describes what is set, and is no legal advice.",
    )


def start(rule: Published) -> str:
    """Where a rule counts from, in words; with the alternatives of which the latest end counts."""
    ways = [f"{why_words.anchor(way.anchor, str)} ({why_words.event(way.trigger, str)})" for way in rule.value.ways]
    return ways[0] if len(ways) == 1 else "the latest of: " + "; ".join(ways)


def length(rule: Published) -> str:
    """The period in words, with its rounding."""
    periods = [why_words.period(way.period, ENGLISH) for way in rule.value.ways]
    text = " / ".join(dict.fromkeys(periods))
    if rule.value.period.is_zero and len(rule.value.ways) == 1:
        text = "until the event"
    return text + (", up to 31 December" if rule.value.rounding == "calendar_year_end" else "")


def afterwards(rule: Published) -> str:
    """What becomes of the data at the end, and by when: a maximum leaves no time after it."""
    if rule.value.action not in ("destroy", "review"):
        return ACTIONS[rule.value.action]
    if rule.value.bound == "maximum":
        return f"{ACTIONS[rule.value.action]}, by the end of the period"
    return f"{ACTIONS[rule.value.action]}, within {why_words.period(rule.value.room, ENGLISH)}"


def name(rule: Published) -> str:
    """Code and version."""
    return f"{rule.value.code} v{rule.value.version}"


def in_force(rule: Published) -> str:
    """For which events, or from when."""
    parts = []
    if rule.value.valid_from is not None:
        parts.append(f"from {rule.value.valid_from}")
    if rule.value.valid_to is not None:
        parts.append(f"through {rule.value.valid_to}")
    return "events " + " ".join(parts) if parts else f"since {rule.in_force_on}"


def fresh(rule: Published) -> str:
    """How well the rule is looked after."""
    seen = rule.fresh
    parts: list[str] = [rule.value.confidence]
    parts += [rule.stated.marking] if rule.stated.marking else []
    parts.append(f"reviewed {seen.last_reviewed}" if seen.last_reviewed else "never reviewed")
    parts += [f"next {seen.review_due}"] if seen.review_due else []
    parts.append(f"owner: {seen.owner}" if seen.owner else "no owner")
    return "; ".join(parts)


def jobs(sources: Sources) -> Table:
    """The jobs that run by themselves, with the newest report of each."""
    rows = []
    for step in sources.jobs.steps:
        newest = sources.jobs.newest.get(step.name)
        last = "not run yet" if newest is None else f"{newest.started_at:%Y-%m-%d %H:%M} UTC: {newest.state}"
        when = "nightly, and every few minutes" if step.often else "nightly"
        rows.append((step.name, step.meaning, when, last))
    return Table(("Job", "What it does", "When", "Newest run"), tuple(rows), (12, 52, 16, 20))


def roles(sources: Sources) -> Table:
    """The roles, what they are for, and how many people hold each; nobody is named."""
    rows = tuple((role_name(role), ROLE_MEANINGS[role], str(sources.roles[role])) for role in ROLE_MEANINGS)
    return Table(("Role", "What it is for", "People"), rows, (25, 60, 15))


def role_name(role: str) -> str:
    """A role in words."""
    return "data protection officer" if role == "dpo" else role.replace("_", " ")


def two_persons(sources: Sources) -> Points:
    """What takes a second person here."""
    terms = sources.terms
    approvers = "one person" if terms.quorum == 1 else f"{terms.quorum} persons"
    return points(
        (
            "A retention rule is drafted by one person and published by another.",
            f"What is to be destroyed is prepared by one person and approved by {approvers} who had no part in it; "
            f"the approval is of exactly what was shown, and any change makes it void.",
            f"After approval, {terms.grace_days} days of grace pass in which it can be undone. Only days count on "
            "which the system ran.",
            "A hold is placed by one person at once and released by two. Its release destroys nothing by itself.",
            "The operator of the command line is never a second person.",
        )
    )


def not_there(sources: Sources) -> Points:
    """What this installation does not do, so that nobody relies on it."""
    found = [
        "Backups: Muniment makes none by itself and knows of none. Whoever runs the machines makes them and decides "
        "how long they live. What was destroyed here stays in older backups until those are overwritten; because each "
        "record has a key of its own that is destroyed with it, sealed content in a copy of the object store or of a "
        "later database cannot be opened, but a backup of database and keys from before can. The organisation "
        "has to write down for how long its backups are kept.",
        "Copies that left the archive (downloads, exports, prints) are not reached by destruction.",
    ]
    if not sources.witnesses:
        found.append("No witness cosigns the audit log: nobody outside has seen it.")
    if not sources.settings.timestamp_url:
        found.append("No time stamping service is set: the times in the log rest on this machine's clock.")
    if not sources.can_lock:
        found.append("The object store cannot lock objects: write protection is that of the program.")
    if not sources.settings.clamd:
        found.append("No malware scanner is set.")
    return points(found)


def open_points(sources: Sources) -> Points:
    """What somebody has to look at, read off the live data."""
    found = []
    if not sources.rules:
        found.append("No retention rule is published: nothing has a date, and nothing is ever proposed.")
    stale = [name(rule) for rule in sources.rules if "overdue" in rule.fresh.warnings]
    unverified = [name(rule) for rule in sources.rules if "unverified" in rule.fresh.warnings]
    starter = [name(rule) for rule in sources.rules if "starter" in rule.fresh.warnings]
    for text, which in (
        ("Rules whose review is overdue", stale),
        ("Rules taken from a starter pack that no counsel has looked at", starter),
        ("Rules whose period or citation nobody has verified", unverified),
    ):
        if which:
            found.append(f"{text}: {', '.join(which)}.")
    for code, count in sorted(sources.undated.items()):
        found.append(f"No rule is for “{class_title(code)}”: {count} records have no date.")
    if sources.unclassified:
        found.append(f"{sources.unclassified} records have no class yet.")
    if waiting := sources.states.get("awaiting_trigger"):
        found.append(f"{waiting} records wait for the event that their period starts with.")
    if conflicts := sources.states.get("conflict"):
        found.append(f"{conflicts} records must be kept longer than they may be: a person has to decide.")
    if sources.jobs.overdue:
        found.append(f"Jobs that have not run for too long: {', '.join(sources.jobs.overdue)}.")
    return points(found or ["None that the program can see."])
