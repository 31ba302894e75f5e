"""Releasing a hold: asked for by one person, confirmed by another; and holds that lapse by themselves.

A release destroys nothing and makes nothing eligible by itself: that is for the next run to find out.
"""

import json
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.principal import NotAllowed, Principal
from audit.intake import append
from core.clock import civil_date
from core.database import WriteSession
from core.errors import Conflict, Invalid
from retention import hold_events as events
from retention.held import ACTIVE, ASKED, OVER, Hold, opened_words
from retention.hold_order import ask_to_go_through, count_change, locked, not_about
from retention.hold_review import HoldOver
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

MOST_REASON = 2_000


class SameReleaser(NotAllowed):
    """Somebody else than who asked for the release has to confirm it."""

    code = "same_releaser"


class ReleaseAskedAlready(Conflict):
    """Its release was asked for already."""

    code = "release_asked_already"


class ReleaseNotAsked(Conflict):
    """Nobody has asked for its release, or that was decided already."""

    code = "release_not_asked"


def ask_release(
    session: WriteSession, hold_id: UUID, reason: str, *, by: Principal, at: datetime, keys: Keyring
) -> Hold:
    """Ask for the release of a hold. Until a second person confirms it, it blocks as before.

    Raises:
        NotFound: there is no such hold in the entities of ``by``.
        NotAllowed: ``by`` may not ask for that.
        HoldOver, ReleaseAskedAlready: it is over, or waits for its second person.
        Invalid: no reason was given.
    """
    row = locked(session, hold_id, by)
    by.require("hold.place", entity=row.entity)
    not_about(session, row, by)
    said = " ".join(reason.split())
    if not 1 <= len(said) <= MOST_REASON:
        raise Invalid(f"say why, in up to {MOST_REASON} characters")
    if row.state == OVER:
        raise HoldOver()
    if row.state == ASKED:
        raise ReleaseAskedAlready("it waits for a second person")
    key = keys.get(session, row.id)
    words = opened_words(open_text(key, row.id, None, "words", row.words_sealed)) | {"release": said}
    row.words_sealed = seal_text(key, row.id, None, "words", json.dumps(words))
    row.state, row.asked_by, row.asked_at = ASKED, by.person, at
    session.flush()
    event = events.ReleaseAsked(by=by.actor, entity=row.entity, hold=row.id, words={"release": said})
    append(session, event, at=at)
    return row


def decide_release(session: WriteSession, hold_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> Hold:
    """The second person's word on a release; who asked for it may only take it back.

    Raises:
        NotFound: there is no such hold in the entities of ``by``.
        NotAllowed: ``by`` may not confirm releases.
        SameReleaser: ``by`` asked for it.
        ReleaseNotAsked: nobody has, or it was decided already.
    """
    row = locked(session, hold_id, by)
    if row.asked_by != by.person or confirmed:
        by.require("hold.release", entity=row.entity)
    not_about(session, row, by)
    if row.state != ASKED:
        raise ReleaseNotAsked("load it again")
    if confirmed and row.asked_by == by.person:
        raise SameReleaser()
    asked_by = row.asked_by
    if confirmed:
        _end(session, row, by.person, at)
    else:
        row.state, row.asked_by, row.asked_at = ACTIVE, None, None
    session.flush()
    event = events.ReleaseDecided(
        by=by.actor,
        entity=row.entity,
        second=asked_by,
        outcome="done" if confirmed else "refused",
        hold=row.id,
    )
    append(session, event, at=at)
    return row


def lapse_due(session: WriteSession, *, by: Principal, at: datetime) -> list[UUID]:
    """End the holds whose years can no longer be assessed since yesterday; tells which.

    For the end of a run, so that nothing becomes eligible in the same one.
    """
    lapsed = []
    wanted = select(Hold.id, Hold.entity, Hold.open_until).where(Hold.state != OVER, Hold.open_until.is_not(None))
    for hold_id, entity, open_until in session.execute(wanted).all():
        if open_until is None or open_until >= civil_date(at, entities.get(session, entity).zone):
            continue
        count_change(session, entity)
        row = session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
        if row is None or row.state == OVER:
            continue
        _end(session, row, None, at, counted=True)
        session.flush()
        append(session, events.HoldLapsed(by=by.actor, entity=entity, hold=hold_id), at=at)
        lapsed.append(hold_id)
    return lapsed


def _end(session: WriteSession, row: Hold, person: UUID | None, at: datetime, *, counted: bool = False) -> None:
    if not counted:
        count_change(session, row.entity)
    row.state, row.ended_by, row.ended_at = OVER, person, at
    ask_to_go_through(session, row, at)
