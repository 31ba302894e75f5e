"""The retention schedule: the rules of a legal entity, in versions that nobody ever changes.

A version is drafted by one person and published by another, by person and not by role or account. What is
published stays as it was said: a later version takes its place by what it states itself
(``retention.schedule_versions``), and taking a rule out of the schedule takes two persons as well. Every change of
what holds counts the entity's schedule up by one, so that a date can name the schedule it was reckoned by.

While the set-up is open one hand is enough, as for roles: a starter pack is published at once then, and the log
says on what basis.
"""

from retention.rule_draft import InvalidDraft
from retention.schedule_decisions import (
    ContradictoryRules,
    NotInForce,
    RuleDecided,
    SameDrafter,
    ask_retirement,
    publish,
    publish_batch,
    refuse,
    retire,
    turn,
)
from retention.schedule_drafts import (
    COUNSEL_WITHIN,
    SET_UP,
    DraftOpen,
    NoChange,
    draft,
    take_file,
    take_pack,
    takes_by_one_hand,
)
from retention.schedule_rows import (
    DRAFT,
    PUBLISHED,
    REFUSED,
    RETIRED,
    STATES,
    RetentionRule,
    ScheduleRevision,
    UnknownRule,
    drafts_of,
    get,
    has_records,
    listed,
    newest_of,
    published,
    revision,
    version_before,
    versions_of,
)

__all__ = [
    "COUNSEL_WITHIN",
    "DRAFT",
    "PUBLISHED",
    "REFUSED",
    "RETIRED",
    "SET_UP",
    "STATES",
    "ContradictoryRules",
    "DraftOpen",
    "InvalidDraft",
    "NoChange",
    "NotInForce",
    "RetentionRule",
    "RuleDecided",
    "SameDrafter",
    "ScheduleRevision",
    "UnknownRule",
    "ask_retirement",
    "draft",
    "drafts_of",
    "get",
    "has_records",
    "listed",
    "newest_of",
    "publish",
    "publish_batch",
    "published",
    "refuse",
    "retire",
    "revision",
    "take_file",
    "take_pack",
    "takes_by_one_hand",
    "turn",
    "version_before",
    "versions_of",
]
