"""Certificates of destruction: the list, each as it is read and printed, the files to check it by; and stubs."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import Now, RequestId, RetentionReader, Run
from api.disposition import disposition as file_named
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown, words
from api.pages.disposition_views import names_for
from api.pages.show import page, page_router
from app.runtime import Runtime
from audit import rotation
from audit.entries import AuditHead
from audit.note import parse_vkey
from audit.statement import pem_of
from core.clock import from_us
from core.errors import Invalid, NotFound
from core.identifiers import show_record_number
from records import stub
from retention import certificate, destruction, why_words
from retention.certificate import Certificate, CertificateBroken
from retention.period import Period

router = page_router()

FILES: dict[str, tuple[str, Callable[[Certificate], bytes]]] = {
    "certificate.json": ("application/json", lambda row: row.body),
    "certificate.sig": ("application/octet-stream", lambda row: row.signature),
    "log.pem": ("application/x-pem-file", lambda row: pem_of(parse_vkey(row.vkey))),
}
"""What somebody needs to check a certificate without this program; the key better comes from elsewhere."""


@router.get("/certificates")
def list_certificates(request: Request, by: RetentionReader, run: Run) -> Response:
    """All certificates one may see, the newest first."""
    with run.main.read() as session:
        rows = certificate.certificates(session, by=by)
        firms = {row.id: row.name for row in entities.everything(session)}
        unfinished = destruction.unfinished(session)
    return page(
        request,
        "certificates.html",
        rows=rows,
        firms=firms if len(firms) > 1 else {},
        unfinished=unfinished,
    )


@router.get("/certificates/{certificate_id}")
def show_certificate(
    request: Request, certificate_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId
) -> Response:
    """One certificate, read from the very bytes that were signed."""
    with run.main.read() as session:
        row = certificate.get(session, certificate_id, by=by)
        firm = entities.get(session, row.entity)
    try:
        content = certificate.verify(row.body, row.signature, row.vkey).content
    except CertificateBroken as error:
        return page(request, "certificate_broken.html", status=500, row=row, wrong=error.detail)
    return page(
        request,
        "certificate.html",
        row=row,
        firm=firm.name,
        firm_zone=firm.zone,
        told=_told(run, content, by, request_id),
        is_key_of_log=row.vkey in _keys_of_log(run),
        files=list(FILES),
        may_audit=by.may("audit.read"),
    )


@router.get("/certificates/{certificate_id}/{name}")
def download(
    certificate_id: UUID, name: Annotated[str, Path(max_length=40)], by: RetentionReader, run: Run
) -> Response:
    """The signed bytes, their signature, or the key."""
    if name not in FILES:
        raise NotFound(_("there is no such file"))
    with run.main.read() as session:
        row = certificate.get(session, certificate_id, by=by)
    media_type, data = FILES[name]
    headers = {"Content-Disposition": file_named(name)}
    return Response(data(row), media_type=media_type, headers=headers)


@router.get("/stubs/{stub_id}")
def show_stub(request: Request, stub_id: UUID, by: RetentionReader, run: Run) -> Response:
    """What is left of a destroyed record."""
    with run.main.read() as session:
        left = stub.get(session, stub_id, by=by)
    return page(request, "record_stub.html", stub=left)


def _keys_of_log(run: Runtime) -> set[str]:
    """Every key that the log was ever signed with, as its own entries say."""
    with run.log_database.read() as session:
        head = session.get(AuditHead, 1)
        return {change.vkey for change in rotation.history(session, 0 if head is None else head.size)}


def _told(run: Runtime, content: dict[str, Any], by: Principal, request_id: str) -> dict[str, Any]:
    """The content with its instants, people and rules in words."""
    cause = content["cause"]
    people = {UUID(each) for each in cause.get("prepared_by", [])}
    people |= {UUID(each["by"]) for each in cause.get("approved", []) if each.get("by")}
    names = names_for(run, people, by, run.clock.now(), request_id, as_you=False)
    return {
        "format": content["format"],
        "origin": content["origin"],
        "issued_at": from_us(content["issued_at"]),
        "kind": cause["kind"],
        "cause": UUID(cause["id"]),
        "digest": cause.get("digest") or "",
        "prepared": [(each, names[UUID(each)]) for each in cause.get("prepared_by", [])],
        "approved": [
            (each["by"], names[UUID(each["by"])], from_us(each["at"]) if each.get("at") else None)
            for each in cause.get("approved", [])
            if each.get("by")
        ],
        "grace_days": cause.get("grace_days"),
        "single_operator": bool(cause.get("single_operator")),
        "methods": [_method(code) for code in content["methods"]],
        "first": content["log"]["first"],
        "last": content["log"]["last"],
        "records": [_record(each) for each in content["records"]],
        "locked": [(show_record_number(each["number"]), one) for each in content["records"] for one in _locked(each)],
        "outside": [
            (show_record_number(each["number"]), outside(one["kind"]))
            for each in content["records"]
            for one in each.get("outside", [])
        ],
    }


def _record(each: dict[str, Any]) -> dict[str, Any]:
    rule = each.get("rule") or {}
    return {
        "number": show_record_number(each["number"]),
        "class": words.record_class(each["class"]) if each.get("class") else "",
        "basis": each.get("authority") or rule.get("legal_basis", ""),
        "rule": f"{rule['code']} · {_('version %(number)s') % {'number': rule['version']}}" if rule else "",
        "period": _period(rule.get("period", "")),
        "event": _event(rule),
        "retain_through": _day(each.get("retain_through")),
        "digests": [(one["sha256"], one["bytes"]) for one in each["versions"]],
        "gone_at": from_us(max(each[name] for name in ("begun_at", "index_at", "objects_at", "keys_at"))),
        "entry": each["entry"],
        "transferred": _transferred(each.get("transferred")),
    }


def _transferred(told: dict[str, Any] | None) -> dict[str, Any] | None:
    """Which archive has the record, and who said so."""
    if told is None:
        return None
    return {**told, "acknowledged_on": _day(told["acknowledged_on"]), "package": UUID(told["package"])}


def _period(text: str) -> str:
    try:
        return why_words.period(Period.parse(text), _language()) if text else ""
    except Invalid:
        return text


def _event(rule: dict[str, Any]) -> str:
    if not rule.get("trigger"):
        return ""
    name = why_words.event(rule["trigger"], _)
    return f"{name}: {_day(rule['event'])}" if rule.get("event") else name


def _day(text: str | None) -> str:
    return shown.day(date.fromisoformat(text)) if text else ""


def _locked(each: dict[str, Any]) -> list[str]:
    return [
        _("until %(day)s") % {"day": _day(one["until"])}
        if one.get("until")
        else _("until a hold of the store is lifted")
        for one in each.get("locked", [])
    ]


def outside(code: str) -> str:
    """What kind of copy outside it is."""
    return {
        "share": _("shared copy"),
        "export": _("export"),
        "processor": _("copy at a processor"),
        "authority": _("copy at an authority"),
        "paper": _("paper copy"),
    }.get(code, code)


def _method(code: str) -> str:
    return {
        "rows_deleted": _("rows deleted from the database and overwritten"),
        "keys_destroyed": _("keys destroyed, so that no copy of the sealed bytes can be read"),
        "objects_deleted": _("stored objects deleted, every version of them"),
        "index_rewritten": _("search index rewritten without them"),
    }.get(code, code.replace("_", " "))


def _language() -> why_words.Language:
    return why_words.Language(gettext=_, ngettext=ngettext, day=shown.day)
