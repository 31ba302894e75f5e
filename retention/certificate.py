"""Certificates of destruction: what is gone, on what ground, by whom, how, and what may be left outside.

A certificate is canonical JSON (RFC 8785) with an Ed25519 signature over exactly those bytes, by the key of the audit
log. It holds ids, codes, days and digests, and never a title or a name. It is issued once index, store and key
service have confirmed that nothing is left; sealed bytes that a lock of the store keeps are named with its end, and
so are copies outside that nobody has settled. Every destroyed record stands in exactly one.

Whoever has the certificate, its signature and the log's public key checks it with ``verify``, or with OpenSSL::

    openssl pkeyutl -verify -pubin -inkey log.pem -rawin -in certificate.json -sigfile certificate.sig
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit.note import NotSigned, VerifierKey, parse_vkey
from audit.statement import verify_statement
from core.database import MainTable, ReadSession
from core.errors import IntegrityFailure, NotFound

FORMAT = "muniment/certificate-of-destruction/1"
MOST_RECORDS = 1_000
"""In one certificate; a bigger batch has several."""
METHODS = ("rows_deleted", "keys_destroyed", "objects_deleted", "index_rewritten")


class CertificateBroken(IntegrityFailure):
    """The certificate is not what was signed."""

    code = "certificate_broken"


class Certificate(MainTable):
    """One certificate. Rows are added, never changed."""

    __tablename__ = "certificates"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(12))
    cause: Mapped[UUID] = mapped_column(index=True)
    """The batch, or the withdrawal."""
    records: Mapped[int]
    locked: Mapped[int]
    """Sealed objects that a lock keeps."""
    outside: Mapped[int]
    """Copies outside that nobody has settled."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    vkey: Mapped[str] = mapped_column(String(200))
    """The log's verifier key that signed."""
    issued_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a certificate says, once its signature was found to be good."""

    content: dict[str, Any]
    key: VerifierKey


def certificates(
    session: ReadSession, *, by: Principal, cause: UUID | None = None, limit: int = 200
) -> list[Certificate]:
    """Certificates of the entities in which ``by`` sees retention, the newest first."""
    query = select(Certificate).where(Certificate.entity.in_(by.entities_for("retention.read")))
    if cause is not None:
        query = query.where(Certificate.cause == cause)
    return list(session.scalars(query.order_by(Certificate.issued_at.desc(), Certificate.id.desc()).limit(limit)))


def get(session: ReadSession, certificate_id: UUID, *, by: Principal) -> Certificate:
    """A certificate of an entity in which ``by`` sees retention.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = session.get(Certificate, certificate_id)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such certificate, or it is not yours to see")
    return row


def verify(body: bytes, signature: bytes, vkey: str) -> Verified:
    """Check a certificate against the log's verifier key, with nothing but these three.

    The caller must have the key from somewhere else than the certificate.

    Raises:
        CertificateBroken: the signature is not good, or the bytes are not a certificate.
    """
    key = parse_vkey(vkey)
    try:
        content = verify_statement(body, signature, key)
    except NotSigned as error:
        raise CertificateBroken("the signature is not that of this key over these bytes") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("signed_by") != vkey:
        raise CertificateBroken("what was signed is no certificate of destruction of this key")
    return Verified(content, key)
