"""Time stamps (RFC 3161): somebody outside says that a checkpoint existed at an instant.

The message is the checkpoint's note exactly as first signed, the log's own signature lines included and
cosignatures not. What is kept is the whole answer (``TimeStampResp``, DER), which
``openssl ts -verify`` reads; it is verified against the given authorities before it is kept.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.entries import guard
from audit.exchange import OutsideAway, post
from core.database import LogTable, ReadSession, WriteSession
from core.errors import IntegrityFailure, Invalid

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse, VerifierBuilder

# The library is imported where it is used: only the keeper stamps, and every process knows the table.
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
PLACE = "timestamp"


class NotStamped(IntegrityFailure):
    """The time stamp does not hold for this checkpoint and this authority."""

    code = "audit_timestamp"


class BadAuthority(Invalid):
    """The file of the time stamping authority's certificates cannot be used."""

    code = "audit_timestamp_ca"


class AuditTimestamp(LogTable):
    """One time stamp of one checkpoint; never changed."""

    __tablename__ = "audit_timestamps"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    """By the authority's clock, as signed."""
    token: Mapped[bytes] = mapped_column(LargeBinary)
    """The answer as it came: ``TimeStampResp``, DER."""


guard(AuditTimestamp.__table__)


def authorities(path: Path) -> "list[Certificate]":
    """The certificates in a PEM file.

    Raises:
        BadAuthority: there are none.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadAuthority("it is a PEM file with the certificate of the authority") from error


def stamp(url: str, note: str, trusted: "list[Certificate]") -> tuple[datetime, bytes]:
    """Have a note stamped: the authority's time, and its answer, verified.

    Raises:
        OutsideAway: nobody stamps it now.
        NotStamped: the answer is not what was asked for, or nobody vouches for it.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    answer = post(url, request.as_bytes(), kind=QUERY)
    if answer.status != 200 or answer.kind != REPLY:
        raise OutsideAway("the service gave no time stamp")
    return verify_stamp(answer.body, note, trusted, nonce=request.nonce), answer.body


def verify_stamp(token: bytes, note: str, trusted: "list[Certificate]", *, nonce: int | None = None) -> datetime:
    """The authority's time, once the time stamp is known to be of this note.

    Raises:
        NotStamped: it is not, or is not signed under one of the ``trusted`` certificates.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

    builder = VerifierBuilder()
    for certificate in trusted:
        builder = _trusting(builder, certificate)
    if nonce is not None:
        builder = builder.nonce(nonce)
    try:
        response = _decoded(token)
        builder.build().verify_message(response, note.encode())
        return _time_of(response)
    except (VerificationError, ValueError) as error:
        raise NotStamped("ask the service again, and check timestamp_ca") from error


def keep(session: WriteSession, size: int, at: datetime, token: bytes) -> None:
    """Keep a verified time stamp of the checkpoint of ``size`` entries."""
    if session.get(AuditTimestamp, (size, at)) is None:
        session.add(AuditTimestamp(size=size, at=at, token=token))


def token_of(session: ReadSession, size: int) -> bytes | None:
    """The first time stamp of the checkpoint of ``size`` entries; ``None`` if it has none."""
    statement = select(AuditTimestamp.token).where(AuditTimestamp.size == size).order_by(AuditTimestamp.at)
    return session.scalar(statement.limit(1))


def last_stamp(session: ReadSession) -> AuditTimestamp | None:
    """The newest time stamp; ``None`` if there is none."""
    statement = select(AuditTimestamp).order_by(AuditTimestamp.at.desc()).limit(1)
    return session.scalars(statement).one_or_none()


def _decoded(token: bytes) -> "TimeStampResponse":
    """The answer, read strictly; authorities that run openssl do not sort their certificates, which is let pass.

    Raises:
        ValueError: it cannot be read.
    """
    from rfc3161_client import decode_timestamp_response

    try:
        return decode_timestamp_response(token)
    except ValueError:
        return decode_timestamp_response(_sorted(token))


def _sorted(token: bytes) -> bytes:
    """The same answer with its certificates in DER's order; no signature covers that."""
    from asn1crypto.tsp import TimeStampResp  # type: ignore[import-untyped]

    try:
        answer = TimeStampResp.load(token, strict=True)
        signed = answer["time_stamp_token"]["content"]
        signed["certificates"] = sorted(signed["certificates"], key=lambda item: bytes(item.dump()))
        return bytes(answer.dump())
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no time stamp") from error


def _trusting(builder: "VerifierBuilder", certificate: "Certificate") -> "VerifierBuilder":
    own = certificate.issuer == certificate.subject
    return builder.add_root_certificate(certificate) if own else builder.add_intermediate_certificate(certificate)


def _time_of(response: "TimeStampResponse") -> datetime:
    at = response.tst_info.gen_time
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
