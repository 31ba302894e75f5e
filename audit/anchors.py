"""What ties the log to somebody outside, and what is not protected where nothing does: for people to read.

Everything here is read from the stored rows and verified as far as a few signatures go; the whole is for
``muniment audit verify`` and the verifier. One must not conclude from a recent anchor that
what was written is true: only that it has not changed since.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from audit.checkpoint import AuditCheckpoint
from audit.cosignature import cosignatures_in
from audit.cosignatures import AuditAnchorTry, AuditCosignature, cosignatures_of, with_cosignatures
from audit.entries import AuditHead
from audit.journal import last_seal
from audit.note import parse_note
from audit.policy import Policy
from audit.timestamp import PLACE as TIMESTAMP
from audit.timestamp import last_stamp
from core.clock import to_us
from core.database import ReadSession

_LOOK_BACK = 200
_LATE_WITNESS = timedelta(hours=1)
_LATE_STAMP = timedelta(hours=36)
_LATE_SEAL = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest thing of one kind that stands outside, or in the vault."""

    size: int
    """Entries that it covers."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place outside that does not do its part at present."""

    place: str
    """``witness:<name>``, ``timestamp`` or ``seal``."""
    code: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not protected, in plain words."""

    code: str
    """Stable: ``no_witness``, ``witness_late``, ``no_timestamp``, ``timestamp_late``, ``seal_late``, ``disagrees``."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Anchors:
    """How the log is tied to the outside now."""

    size: int
    """Entries in the log."""
    witnessed: Anchor | None
    """Newest checkpoint with the policy's quorum of cosignatures; without a policy, none."""
    stamped: Anchor | None
    """Newest time stamp."""
    sealed: Anchor | None
    """Newest journal seal."""
    troubles: tuple[Trouble, ...]
    gaps: tuple[Gap, ...]

    @property
    def outside(self) -> int:
        """Entries that somebody outside vouches for: what cannot be rewritten even with the log's key."""
        return max((each.size for each in (self.witnessed, self.stamped) if each is not None), default=0)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON prints it; instants in microseconds since 1970."""

        def of(anchor: Anchor | None) -> dict[str, int] | None:
            return None if anchor is None else {"size": anchor.size, "at_us": to_us(anchor.at)}

        return {
            "size": self.size,
            "outside": self.outside,
            "witnessed": of(self.witnessed),
            "stamped": of(self.stamped),
            "sealed": of(self.sealed),
            "troubles": [{"place": t.place, "code": t.code, "since_us": to_us(t.since)} for t in self.troubles],
            "gaps": [{"code": gap.code, "sentence": gap.sentence} for gap in self.gaps],
        }


def anchors(session: ReadSession, *, at: datetime, policy: Policy | None = None, stamps: bool = False) -> Anchors:
    """How the log is tied to the outside at ``at``.

    ``policy`` is the witness policy in force, ``stamps`` whether a time stamping service is set.
    """
    head = session.get(AuditHead, 1)
    witnessed = None if policy is None else last_witnessed(session, policy)
    stamp, seal = last_stamp(session), last_seal(session)
    stamped = None if stamp is None else Anchor(stamp.size, stamp.at)
    sealed = None if seal is None else Anchor(seal.size, seal.at)
    asked = {f"witness:{each.key.name}" for each in (() if policy is None else policy.witnesses)}
    asked |= {"seal", "seal_locks", *([TIMESTAMP] if stamps else ())}
    tries = session.scalars(select(AuditAnchorTry).order_by(AuditAnchorTry.place))
    troubles = tuple(
        Trouble(row.place, row.trouble, row.failing_since or row.tried_at)
        for row in tries
        if row.trouble is not None and row.place in asked
    )
    gaps = [
        *_of_disagreement(troubles),
        *_of_witnesses(policy, witnessed, at),
        *_of_stamps(stamps, stamped, at),
        *_of_seals(sealed, session, at),
    ]
    return Anchors(0 if head is None else head.size, witnessed, stamped, sealed, troubles, tuple(gaps))


def last_witnessed(session: ReadSession, policy: Policy) -> Anchor | None:
    """The newest checkpoint that meets the policy's quorum, verified now; ``None`` if none of late does.

    Its time is that of the earliest of its cosignatures.
    """
    if not policy.needs_witnesses:
        return None
    rows = session.execute(
        select(AuditCheckpoint.size, AuditCheckpoint.note)
        .where(AuditCheckpoint.size.in_(select(AuditCosignature.size)))
        .order_by(AuditCheckpoint.size.desc())
        .limit(_LOOK_BACK)
    ).all()
    keys = [witness.key for witness in policy.witnesses]
    for size, note in rows:
        found = cosignatures_in(parse_note(note).text, cosignatures_of(session, size), keys)
        if found and policy.is_met([item.key for item in found]):
            return Anchor(size, min(item.at for item in found))
    return None


def witnessed_note(session: ReadSession, policy: Policy) -> str | None:
    """The newest checkpoint that meets the policy's quorum, with its cosignatures; ``None`` if none of late does.

    The published one is often newer, and not cosigned yet: whoever checks a log against a policy wants this one, too.
    """
    found = last_witnessed(session, policy)
    if found is None:
        return None
    note = session.scalar(select(AuditCheckpoint.note).where(AuditCheckpoint.size == found.size))
    return None if note is None else with_cosignatures(session, found.size, note)


def _of_disagreement(troubles: tuple[Trouble, ...]) -> list[Gap]:
    sentence = (
        "A witness has seen another past of this log than the one stored here. Keep everything, and find out why."
    )
    return [Gap("disagrees", sentence)] if any(each.code == "witness_disagrees" for each in troubles) else []


def _of_witnesses(policy: Policy | None, witnessed: Anchor | None, at: datetime) -> list[Gap]:
    if policy is None or not policy.needs_witnesses:
        return [
            Gap(
                "no_witness",
                "No witness is set. Whoever has this machine and the log's key can write another past, and nobody "
                "outside would have seen the first one, unless an auditor keeps a checkpoint of their own.",
            )
        ]
    if witnessed is None or at - witnessed.at > _LATE_WITNESS:
        return [
            Gap(
                "witness_late",
                "For more than an hour too few witnesses have cosigned. What was written since the last cosigned "
                "checkpoint could be rewritten by whoever has this machine and the log's key.",
            )
        ]
    return []


def _of_stamps(stamps: bool, stamped: Anchor | None, at: datetime) -> list[Gap]:
    if not stamps:
        sentence = "No time stamping service is set. That entries are as old as they say rests on this machine's clock"
        return [Gap("no_timestamp", f"{sentence}, and on the clocks of the witnesses where there are any.")]
    if stamped is None or at - stamped.at > _LATE_STAMP:
        return [Gap("timestamp_late", "The last daily time stamp is missing: later entries have no time from outside.")]
    return []


def _of_seals(sealed: Anchor | None, session: ReadSession, at: datetime) -> list[Gap]:
    first = session.scalar(select(AuditCheckpoint.signed_at).order_by(AuditCheckpoint.size).limit(1))
    since = first if sealed is None else sealed.at
    if since is None or at - since <= _LATE_SEAL:
        return []
    return [Gap("seal_late", "The journal seal of the last day is missing in the vault.")]
