"""Mail: headers as facts, the readable body as pages, attachments as parts, which are not opened here.

``.eml`` by Python's own parser, whose policy survives what real mail does to its standard (RFC 5322);
``.msg`` by python-oxmsg, which unstructured brings.
"""

import codecs
import email
import email.policy
import io
import re
from collections.abc import Iterator
from email.message import EmailMessage, Message
from typing import Any

from ingest import inspect as kinds
from ingest.extraction import Part
from ingest.inspect import Limits
from ingest.readers.base import Document, Fact, Found, Stop, Title
from ingest.readers.office import decode_html, html_sheets
from ingest.readers.text import decode, normalize, pages_of

_HEADERS = ("from", "to", "cc", "subject", "date", "message_id")
_MBOX_LINE = re.compile(rb"(?:\A|\r?\n\r?\n)From [^\r\n]+\r?\n")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
_PID_HTML = 0x1013
_MAX_HEADER = 20_000
_MAX_DEPTH = 20
_POLICY = email.policy.default.clone(raise_on_defect=False)


def read(document: Document, limits: Limits) -> Iterator[Found]:
    """Headers, then the body, then the attachments.

    Raises:
        Stop: it is an Outlook message that cannot be followed, or an encrypted mail.
    """
    if document.media_type == kinds.MSG:
        yield from _outlook(document.data())
    elif document.media_type == kinds.MBOX:
        yield from _mailbox(document.data())
    else:
        yield from _message(document.data())


def _message(data: bytes) -> Iterator[Found]:
    data = data.lstrip(b"\r\n\xef\xbb\xbf")
    if line := _MBOX_LINE.match(data):
        data = data[line.end() :]
    message = email.message_from_bytes(data, policy=_POLICY)
    headers = {name: _header(message, name.replace("_", "-")) for name in _HEADERS}
    plain: list[str] = []
    rich: list[str] = []
    attachments: list[Part] = []
    for part in _leaves(message, 0):
        if _is_body(part):
            (rich if part.get_content_type() == "text/html" else plain).append(_text(part))
        else:
            attachments.append(_attachment(part, len(attachments) + 1))
    yield from _found(headers, plain, rich)
    yield from attachments
    if message.get_content_type() == "multipart/encrypted":
        raise Stop("encrypted", "The mail's body can be opened by its receiver only.")


def _found(headers: dict[str, str], plain: list[str], rich: list[str]) -> Iterator[Found]:
    """Facts, title, and the pages of a mail: its headers, then the plain body, or the HTML one without it."""
    for name, text in headers.items():
        if text:
            yield Fact(name, text)
    if headers["subject"]:
        yield Title(headers["subject"][:1000])
    bodies = [text for text in plain if text.strip()]
    if not bodies:
        bodies = ["\n\n".join(html_sheets(text)) for text in rich]
    shown = [f"{name.title()}: {headers[name]}" for name in ("from", "to", "cc", "date", "subject") if headers[name]]
    yield from pages_of(["\n\n".join(["\n".join(shown), *bodies])])


def _leaves(part: Message, depth: int) -> Iterator[Message]:
    """The parts that hold something, in order; a message inside the message counts as one part."""
    if part.is_multipart() and part.get_content_maintype() == "multipart" and depth < _MAX_DEPTH:
        for child in part.iter_parts() if isinstance(part, EmailMessage) else part.get_payload():
            if isinstance(child, Message):
                yield from _leaves(child, depth + 1)
    elif not part.is_multipart() or part.get_content_maintype() != "multipart":
        yield part


def _is_body(part: Message) -> bool:
    return (
        part.get_content_type() in ("text/plain", "text/html")
        and part.get_content_disposition() != "attachment"
        and not _file_name(part)
    )


def _text(part: Message) -> str:
    data = _payload(part)
    charset = part.get_content_charset("")
    if part.get_content_type() == "text/html" and not charset:
        return decode_html(data)
    if charset and charset not in ("us-ascii", "ascii"):
        try:
            return normalize(data.decode(charset))
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return decode(data)


def _attachment(part: Message, number: int) -> Part:
    media_type = part.get_content_type()
    if media_type == kinds.EML:
        inner = part.get_payload(0) if part.is_multipart() else part
        data = _flat(inner) if isinstance(inner, Message) else _payload(part)
        name = _file_name(part) or f"message-{number}.eml"
    else:
        data = _payload(part) if not part.is_multipart() else _flat(part)
        name = _file_name(part) or f"attachment-{number}"
    if media_type in _SIGNATURES:
        return Part("component", "signature", name, media_type, data)
    return Part("attachment", "mail_attachment", name, media_type, data)


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        data = None
    if isinstance(data, bytes):
        return data
    text = part.get_payload()
    return text.encode("utf-8", "replace") if isinstance(text, str) else b""


def _flat(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except (ValueError, LookupError, TypeError, AttributeError):
        return message.as_string(policy=email.policy.compat32).encode("utf-8", "replace")


def _header(message: Message, name: str) -> str:
    """The decoded text of a header on one line; ``""`` if it is missing or beyond repair."""
    try:
        value = message.get(name)
        return "" if value is None else _one_line(str(value))
    except Exception:  # the header parsers of the standard library fail in many ways on spam
        raw = next((str(text) for key, text in message.raw_items() if key.lower() == name.lower()), "")
        return _one_line(raw)


def _file_name(part: Message) -> str:
    try:
        return _one_line(part.get_filename("") or "")
    except Exception:  # as above
        return ""


def _one_line(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "").split())[:_MAX_HEADER]


def _mailbox(data: bytes) -> Iterator[Found]:
    """Each message of a mailbox as a part."""
    starts = list(_MBOX_LINE.finditer(data))
    ends = [*(start.start() for start in starts[1:]), len(data)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1):
        yield Part(
            "member", "archive_member", f"message-{number}.eml", kinds.EML, data[start.end() : end].strip() + b"\n"
        )


def _code_page(name: str) -> codecs.CodecInfo | None:
    """Python's ``cp950`` under the name that python-oxmsg asks for, ``windows-950``."""
    number = re.fullmatch(r"windows[-_](\d+)", name)
    return codecs.lookup(f"cp{number[1]}") if number else None


codecs.register(_code_page)


def _outlook(data: bytes) -> Iterator[Found]:
    from oxmsg import Message as OutlookMessage

    try:
        message: Any = OutlookMessage.load(io.BytesIO(data))
        headers = _outlook_headers(message)
        plain, rich = normalize(message.body or ""), _outlook_html(message)
        attachments = list(message.attachments)
    except MemoryError:
        raise
    except Exception as error:  # a damaged container fails anywhere
        raise Stop("damaged", f"The Outlook message cannot be followed ({type(error).__name__}).") from None
    yield from _found(headers, [plain], [rich])
    for number, attachment in enumerate(attachments, start=1):
        yield from _outlook_attachment(attachment, number)


def _outlook_html(message: Any) -> str:
    """The HTML body; decoded by us where the message names an encoding that Python has under another name."""
    try:
        return message.html_body or ""
    except (LookupError, UnicodeDecodeError):
        data = message.properties.binary_prop_value(_PID_HTML)
        return decode_html(data) if data else ""


def _outlook_headers(message: Any) -> dict[str, str]:
    told = {str(name).lower(): str(text) for name, text in (message.message_headers or {}).items()}
    receivers = ", ".join(f"{each.name} <{each.email_address}>" for each in message.recipients)
    sent = message.sent_date
    found = {
        "from": message.sender or told.get("from", ""),
        "to": told.get("to", "") or receivers,
        "cc": told.get("cc", ""),
        "subject": message.subject or told.get("subject", ""),
        "date": told.get("date", "") or (sent.isoformat() if sent else ""),
        "message_id": told.get("message-id", ""),
    }
    return {name: _one_line(str(text)) for name, text in found.items()}


def _outlook_attachment(attachment: Any, number: int) -> Iterator[Part]:
    try:
        content = attachment.file_bytes
        name = _one_line(attachment.file_name or "") or f"attachment-{number}"
        media_type = attachment.mime_type or "application/octet-stream"
    except Exception:  # one damaged attachment leaves the others
        return
    if content is not None:
        yield Part("attachment", "mail_attachment", name, media_type, bytes(content))
