"""A version of a rule as the REST resource and the command line show it: one object, made in one place."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from core.database import ReadSession
from retention import freshness, schedule
from retention.freshness import Freshness
from retention.schedule import RetentionRule


def rule_objects(
    session: ReadSession, entity: UUID, rows: Sequence[RetentionRule], today: date
) -> list[dict[str, Any]]:
    """The objects of versions of one entity, in their order; values are plain, save days, instants and ids."""
    held = {rule.id for rule in schedule.published(session, entity, today)}
    fresh = freshness.of_rows(session, rows, today)
    return [_object(row, held, fresh[row.id]) for row in rows]


def _object(row: RetentionRule, held: Collection[UUID], fresh: Freshness) -> dict[str, Any]:
    stated = row.draft.to_json()
    stated["class"] = stated.pop("record_class")
    stated |= {"last_reviewed": fresh.last_reviewed, "review_due": fresh.review_due, "owner": fresh.owner}
    return stated | {
        "id": row.id,
        "rule": row.rule,
        "version": row.version,
        "entity": row.entity,
        "state": row.state,
        "in_force": row.id in held,
        "in_force_on": row.in_force_on,
        "retired_on": row.retired_on,
        "batch": row.batch,
        "drafted_by": row.drafted_by,
        "drafted_at": row.drafted_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "simulation": row.simulation,
        "retirement_asked": row.retirement_asked_by is not None,
        "warnings": list(fresh.warnings),
    }
