"""The pages of one batch for one person: as it is worked through, as it was submitted, and what has become of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from accounts import entities
from accounts.principal import Principal
from api.errors import status_of
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import disposition_views as views
from api.pages import words
from api.pages.packages import state_of
from api.pages.show import fragment, page
from app import words_shown
from app.runtime import Runtime
from core.clock import civil_date
from core.errors import Invalid, MunimentError
from retention import approval, certificate, disposition, package
from retention import batch as batches
from retention.batch import Batch
from retention.disposition import MOST_ITEMS

PAGE = 500
"""Records of a batch on one page: hundreds are worked through without turning it."""
GROUPINGS = ("class", "year", "file", "none")
FILTERS = ("all", "open", "decided", "blocked")


class Look:
    """Makes the pages of one batch for one person."""

    def __init__(self, request: Request, by: Principal, run: Runtime, now: datetime, request_id: str) -> None:
        self._request, self._by, self._run, self._now, self._id = request, by, run, now, request_id

    def workbench(
        self,
        row: Batch,
        group: str,
        show: str,
        after: UUID | None,
        *,
        done: str = "",
        wrong: MunimentError | None = None,
    ) -> Response:
        """The batch as it is worked through."""
        group, show = group if group in GROUPINGS else "class", show if show in FILTERS else "all"
        state = {"open": batches.OPEN, "decided": batches.DECIDED}.get(show)
        with self._run.main.read() as session:
            found = batches.items(session, row.id, after=after, limit=PAGE + 1, state=state)
            batch = views.batch_views(session, [row], self._now)[0]
            zone = entities.get(session, row.entity).zone
        more = len(found) > PAGE
        reasons = words_shown.reasons(self._run, found[:PAGE], by=self._by, request=self._id)
        rows = views.item_views(self._run, found[:PAGE], reasons, self._by, self._now, self._id)
        if show == "blocked":
            rows = [each for each in rows if each.blockers or each.late]
        return page(
            self._request,
            "disposition.html",
            status=status_of(wrong) if wrong is not None else 200,
            batch=batch,
            groups=[_Group(text, each) for text, each in views.groups(rows, group)],
            more=f"/dispositions/{row.id}?group={group}&show={show}&after={found[PAGE - 1].record}" if more else "",
            group=group,
            show=show,
            groupings=list(_grouping_words().items()),
            filters=list(_filter_words().items()),
            may_prepare=self._by.may(disposition.PREPARE, entity=row.entity),
            wants_transfer=any(each.item.action == "transfer" for each in rows),
            tomorrow=civil_date(self._now, zone) + timedelta(days=1),
            classes=words.class_choices(),
            words_of_script=_script_words(),
            notices=[("blocked", said(wrong))] if wrong is not None else [],
            done=done,
        )

    def decided(self, batch_id: UUID, records: list[UUID], group: str) -> Response:
        """The rows that were decided about, and how far the batch is."""
        with self._run.main.read() as session:
            row = batches.get(session, batch_id, by=self._by)
            found = views.picked(session, batch_id, records)
            batch = views.batch_views(session, [row], self._now)[0]
        reasons = words_shown.reasons(self._run, found, by=self._by, request=self._id)
        rows = views.item_views(self._run, found, reasons, self._by, self._now, self._id)
        return HTMLResponse(
            fragment(self._request, "parts/disposition_decided.html", batch=batch, rows=rows, group=group)
        )

    def whole(self, row: Batch, *, done: str = "", wrong: MunimentError | None = None) -> Response:
        """The batch as it was submitted, and what has become of it."""
        run, by = self._run, self._by
        with run.main.read() as session:
            found = batches.items(session, row.id, limit=MOST_ITEMS)
            batch = views.batch_views(session, [row], self._now)[0]
            given = batches.approvals(session, row.id)
            issued = certificate.certificates(session, by=by, cause=row.id)
            packed = package.packages(session, by=by, batch=row.id)
            refusal = approval.why_not(session, row, by=by, at=self._now)
            zone = entities.get(session, row.entity).zone
        reasons = words_shown.reasons(run, found, by=by, request=self._id)
        rows = views.item_views(run, found, reasons, by, self._now, self._id)
        hands = {each.person for each in given} | {each for each in (row.proposed_by, row.submitted_by) if each}
        hands |= {each.decided_by for each in found if each.decided_by is not None}
        return page(
            self._request,
            "disposition_whole.html",
            status=status_of(wrong) if wrong is not None else 200,
            batch=batch,
            row=row,
            parts=views.by_outcome(rows),
            sums=views.sums(rows),
            names=views.names_for(run, hands, by, self._now, self._id),
            deciders=sorted({each.decided_by for each in found if each.decided_by is not None}),
            approvals=given,
            refusal=_refusal(refusal, row, by),
            may_approve=refusal is None,
            may_return=row.state == batches.SUBMITTED and by.may(approval.APPROVE, entity=row.entity),
            may_undo=row.state == batches.APPROVED
            and any(by.may(each, entity=row.entity) for each in (disposition.PREPARE, approval.APPROVE)),
            destroying=sum(each.item.decision == "destroy" for each in rows),
            transferring=sum(each.item.decision == "transfer" for each in rows),
            keeping=sum(each.item.decision == "permanent" for each in rows),
            packages=[(each, state_of(each)) for each in packed],
            waits_for_archive=any(
                each.kind == package.TRANSFER and each.state in (package.READY, package.STATED) for each in packed
            ),
            firm_zone=zone,
            certificates=issued,
            wrong=said(wrong) if wrong is not None else "",
            done=done,
        )


class _Group:
    """Records under one heading."""

    def __init__(self, text: str, rows: list[views.ItemView]) -> None:
        self.text, self.rows = text, rows


def said(error: MunimentError) -> str:
    """What went wrong, as a sentence."""
    detail, title = error.detail or "", error.title()
    text = f"{title}: {detail}" if title and detail and not isinstance(error, Invalid) else detail or title
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _refusal(code: str | None, row: Batch, by: Principal) -> str:
    """Why the person cannot approve it, where they might think that they can."""
    return {
        "had_a_part": _("You proposed, decided or submitted some of this batch. Another person approves it."),
        "approved_already": _("You have approved it. One more person must."),
        "not_allowed": _("A compliance officer who had no part in it approves it.")
        if row.state == batches.SUBMITTED
        else "",
    }.get(code or "", "")


def _grouping_words() -> dict[str, str]:
    texts = (_("Class"), _("Year of the document"), _("Case file"), _("Nothing"))
    return dict(zip(GROUPINGS, texts, strict=True))


def _filter_words() -> dict[str, str]:
    texts = (_("All records"), _("Without a decision"), _("With a decision"), _("With something against it"))
    return dict(zip(FILTERS, texts, strict=True))


def _script_words() -> dict[str, Any]:
    return {
        "none": _("No record selected: what you decide is for the one you are at."),
        "one": _("One record selected"),
        "many": _("{0} records selected"),
        "nothing": _("Walk to a record first, or select some."),
        "saidOne": _("Decided for one record."),
        "saidMany": ngettext("Decided for {0} record.", "Decided for {0} records.", 2),
        "undo": _("Undo with u."),
        "undone": _("Undone."),
        "missing": _("“{0}” is needed."),
    }
