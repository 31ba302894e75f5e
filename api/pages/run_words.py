"""The words of the retention jobs: jobs, states, counts, reasons, alarms."""

from api.i18n import gettext as _


def job(code: str) -> str:
    """A job."""
    return {
        "dates": _("Reckon dates"),
        "regimes": _("Close what is no longer in use"),
        "propose": _("Propose for disposition"),
        "remind": _("Remind of reviews and approvals"),
        "execute": _("Carry out what is approved"),
        "ceilings": _("Look ahead to ceilings"),
        "locks": _("Renew locks"),
        "fixity": _("Check stored objects"),
        "rules": _("Remind of rules to review"),
        "unclassified": _("Look for what waits unclassified"),
        "holds": _("Remind of holds, end lapsed ones"),
        "state": _("Look at the jobs themselves"),
    }.get(code, code.replace("_", " "))


def state(code: str) -> tuple[str, str, str]:
    """How a run stands: words, colour and icon."""
    return {
        "running": (_("Running"), "info", "turn"),
        "done": (_("Done"), "done", "check"),
        "stopped": (_("Stopped"), "waiting", "attention"),
        "failed": (_("Failed"), "blocked", "blocked"),
        "interrupted": (_("Interrupted"), "waiting", "attention"),
    }.get(code, (code, "", "info"))


def how(code: str) -> str:
    """What started it."""
    return {"night": _("at night"), "often": _("between nights"), "hand": _("by hand")}.get(code, code)


def kind(code: str) -> str:
    """What was counted."""
    name, _dash, part = code.rpartition("_")
    about = {
        "alarm": _("alarms"),
        "clock": _("alarms about the clock"),
        "stops": _("alarms about stopped runs"),
        "review_overdue": _("alarms about late reviews"),
        "approval_overdue": _("alarms about late approvals"),
        "transfers_late": _("late transfers"),
        "transfer_overdue": _("alarms about late transfers"),
        "ceiling_near": _("alarms about ceilings to come"),
        "ceiling_breached": _("alarms about ceilings passed"),
    }
    how = {"open": _("open"), "new": _("new"), "escalated": _("escalated"), "ended": _("ended")}
    if name in about and part in how:
        return f"{about[name]}, {how[part]}"
    return {
        "asked": _("locks asked for"),
        "checked": _("checked"),
        "sound": _("as they were stored"),
        "wrong": _("not as they were stored"),
        "mended": _("as they were again"),
        "left": _("left in this pass"),
        "waiting": _("waiting"),
        "due": _("due"),
        "reminded": _("reminded"),
        "lapsed": _("lapsed"),
        "proposed": _("proposed"),
        "destroyed": _("destroyed"),
        "begun": _("past the point of no return"),
        "locked": _("objects kept by a lock"),
        "batches": _("batches"),
        "reclassified": _("into another class"),
        "packed": _("packed"),
        "reviews_late": _("late reviews"),
        "approvals_late": _("late approvals"),
        "schedules_turned": _("schedules with a new rule in force"),
        "locks_asked": _("locks asked for"),
        "looked_at": _("looked at"),
        "marked": _("to be reckoned anew"),
        "dated": _("dated"),
        "awaiting_trigger": _("wait for their event"),
        "no_rule": _("without a rule"),
        "conflict": _("in conflict"),
        "permanent": _("kept permanently"),
        "moved": _("dates moved"),
        "overtaken": _("changed meanwhile"),
        "voided": _("batches not as approved"),
        "near": _("near their ceiling"),
        "breached": _("beyond their ceiling"),
        "closed": _("into the intermediate archive"),
    }.get(code, code.replace("_", " "))


def reason(code: str) -> str:
    """Why something was left out."""
    return {
        "clock_in_doubt": _("the clock is in doubt"),
        "too_much_at_once": _("more of a class than one run may touch"),
        "legal_hold": _("legal hold"),
        "tax_audit": _("tax audit"),
        "restriction": _("restriction of processing"),
        "open_request": _("open request"),
        "changed": _("changed since it was shown"),
        "not_eligible": _("not due any more"),
        "not_as_approved": _("not as it was approved"),
        "being_read": _("being read at that moment"),
    }.get(code, code.replace("_", " "))


def doubt(code: str | None) -> str:
    """Why the clock is not relied on."""
    return {
        "gap": _("For more than a day nothing was written into the log. The clock may have jumped."),
        "back": _("The clock stands more than a day before the newest entry of the log."),
        "outside": _("A witness or time stamp tells a time that is more than a day from this clock."),
    }.get(code or "", "")


def alarm(code: str) -> tuple[str, str]:
    """An alarm, and what to do about it."""
    return {
        "review_overdue": (_("A disposition waits for its review"), _("Decide about its records.")),
        "approval_overdue": (_("A disposition waits for approval"), _("Look at it as a second person.")),
        "transfer_overdue": (_("A transfer waits"), _("Hand it over, state what the archive says, or call it off.")),
        "ceiling_near": (_("Records reach the day beyond which they may not be kept"), _("Review them now.")),
        "ceiling_breached": (_("Records are kept longer than they may be"), _("Find out what stops them.")),
        "rule_review_due": (_("A retention rule is due for review"), _("Check it against the law of today.")),
        "hold_review_due": (_("A hold is due for review"), _("Confirm that it is still needed, or release it.")),
        "unclassified": (_("Records have waited for a class for 90 days"), _("Say what they are, under Review.")),
        "fixity_mismatch": (_("A stored object is not what was stored"), _("Restore it from a backup.")),
        "package_fixity_mismatch": (
            _("A stored package is not what was stored"),
            _("Call it off, have its records packed anew, or restore it from a backup."),
        ),
        "clock_in_doubt": (_("The clock is in doubt"), _("Confirm the date below.")),
        "run_stopped": (_("A run would have destroyed too much at once"), _("Look at what it names, below.")),
    }.get(code, (code.replace("_", " "), ""))


def address_of(code: str) -> str:
    """Where an alarm leads."""
    return {
        "review_overdue": "/dispositions/{subject}",
        "approval_overdue": "/dispositions/{subject}",
        "transfer_overdue": "/packages/{subject}",
        "rule_review_due": "/retention",
        "hold_review_due": "/holds/{subject}",
        "unclassified": "/review",
        "fixity_mismatch": "/records/{subject}",
        "package_fixity_mismatch": "/packages/{subject}",
        "clock_in_doubt": "#clock",
        "run_stopped": "#stopped",
    }.get(code, "")
