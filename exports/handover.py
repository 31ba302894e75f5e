"""What a tax auditor takes away (GoBD: access of the third kind): the files of a scope, an index, what its fields mean.

    records/<number>.<ending>   the file of each record as it was captured, byte for byte
    records.csv                 the index: one line a record
    index.xml                   what the columns of the index are, in the shape of the description
                                standard that audit programs read (GDPdU)
    README.txt                  the same in words
    SHA256SUMS                  of all of them, for ``sha256sum -c``

The event that names every record is durable before the first byte is given. Files come in the order of capture.
The document type definition that ``index.xml`` names is not in it: audit programs bring their own.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal
from uuid import UUID
from xml.sax.saxutils import escape

from accounts import entities
from accounts.principal import Principal
from core.clock import Clock
from core.database import Database
from exports.archive import Archive
from records import file_plan
from records.auditor_scope import AuditorScope
from records.content import Content
from records.shown import HandedOver

MEDIA_TYPE = "application/zip"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}").fullmatch
_DTD = "gdpdu-01-09-2004.dtd"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the index."""

    name: str
    kind: Literal["text", "number", "date"]
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("number", "text", "Number of the record; no two have the same."),
    Column("class", "text", "Code of the record class in the file plan."),
    Column("class_title", "text", "Title of the record class."),
    Column("document_date", "date", "Date of the document; empty where none is known."),
    Column("captured_at", "text", "When the record was taken in: ISO 8601, UTC."),
    Column("direction", "text", "incoming, outgoing or internal; empty where it is not known."),
    Column("title", "text", "Title of the record."),
    Column("parties", "text", "Who is named as a party, separated by a bar."),
    Column("total_minor", "number", "Total with tax in the smallest unit of the currency; empty where none is known."),
    Column("currency", "text", "Currency of the total, ISO 4217."),
    Column("file", "text", "Path of the file in this archive; empty where the malware scanner did not pass it."),
    Column("file_name", "text", "Name the file had when it was taken in."),
    Column("media_type", "text", "Kind of the file."),
    Column("bytes", "number", "Size of the file in bytes."),
    Column("sha256", "text", "SHA-256 of the file in hex; empty without a file."),
)


@dataclass(frozen=True, slots=True)
class HandOver:
    """An archive that is on its way."""

    name: str
    pieces: Iterator[bytes]
    """Its bytes, once."""


@dataclass(frozen=True, slots=True)
class _About:
    firm: str
    country: str
    scope: AuditorScope
    made_at: datetime


def hand_over(
    main: Database, content: Content, clock: Clock, scope: UUID, *, by: Principal, request: str | None
) -> HandOver:
    """All records of a scope that ``by`` holds; raises as ``Content.hand_over``."""
    records, _receipt = content.hand_over(scope, by=by, request=request)
    now = clock.now()
    with main.read() as session:
        row = session.get_one(AuditorScope, scope)
        firm = entities.get(session, row.entity)
        about = _About(firm.name, firm.jurisdiction, row, now)
    return HandOver(f"muniment-records-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip", _pieces(records, about))


def _pieces(records: Iterator[HandedOver], about: _About) -> Iterator[bytes]:
    archive, index = Archive(about.made_at), io.StringIO()
    lines = csv.writer(index, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writerow([column.name for column in COLUMNS])
    for each in records:
        path = ""
        if each.chunks is not None:
            path = f"records/{each.shown.record.number}{_ending(each.shown.name)}"
            yield from archive.stream(path, each.chunks)
        lines.writerow(_line(each, path, archive.digests.get(path, "")))
    yield archive.put("records.csv", index.getvalue().encode())
    yield archive.put("index.xml", description(about.firm, about.country, about.made_at).encode())
    yield archive.put("README.txt", _words(about).encode())
    sums = "".join(f"{digest}  {path}\n" for path, digest in archive.digests.items())
    yield archive.put("SHA256SUMS", sums.encode())
    yield archive.close()


def _line(each: HandedOver, path: str, digest: str) -> Sequence[str]:
    row = each.shown.record
    code = row.record_class or ""
    plan = file_plan.load()
    return (
        row.number,
        code,
        plan.get(code).title if code in plan else "",
        row.document_date.isoformat() if row.document_date else "",
        row.captured_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        row.direction or "",
        _plain(each.shown.title),
        _plain(" | ".join(each.shown.parties)),
        str(row.total_minor) if row.total_minor is not None else "",
        row.currency or "",
        path,
        _plain(each.shown.name),
        each.media_type,
        str(each.size_bytes),
        digest,
    )


def _plain(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula."""
    line = " ".join(text.split())
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix
    return ending.lower() if _ENDING(ending) else ""


def description(firm: str, country: str, made_at: datetime) -> str:
    """What the columns of the index are, in the shape audit programs read."""
    kinds = {
        "text": "<AlphaNumeric/>",
        "number": "<Numeric/>",
        "date": "<Date><Format>YYYY-MM-DD</Format></Date>",
    }
    columns = []
    for position, column in enumerate(COLUMNS):
        tag = "VariablePrimaryKey" if position == 0 else "VariableColumn"
        columns.append(
            f"        <{tag}><Name>{column.name}</Name><Description>{escape(column.meaning)}</Description>"
            f"{kinds[column.kind]}</{tag}>"
        )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<!DOCTYPE DataSet SYSTEM "{_DTD}">',
            "<DataSet>",
            "  <Version>1.0</Version>",
            f"  <DataSupplier><Name>{escape(firm)}</Name><Location>{escape(country)}</Location>"
            f"<Comment>Muniment, {made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC</Comment></DataSupplier>",
            "  <Media>",
            "    <Name>Records</Name>",
            "    <Table>",
            "      <URL>records.csv</URL>",
            "      <Name>records</Name>",
            "      <Description>One line for each record; its file lies in the folder records</Description>",
            "      <UTF8/>",
            "      <DecimalSymbol>.</DecimalSymbol>",
            "      <DigitGroupingSymbol>,</DigitGroupingSymbol>",
            "      <Range><From>2</From></Range>",
            "      <VariableLength>",
            "        <ColumnDelimiter>;</ColumnDelimiter>",
            "        <RecordDelimiter>&#13;&#10;</RecordDelimiter>",
            "        <TextEncapsulator>&quot;</TextEncapsulator>",
            *columns,
            "      </VariableLength>",
            "    </Table>",
            "  </Media>",
            "</DataSet>",
            "",
        ]
    )


def _words(about: _About) -> str:
    scope = about.scope
    width = max(len(column.name) for column in COLUMNS)
    fields = "\n".join(f"  {column.name:<{width}}  {column.kind:<6}  {column.meaning}" for column in COLUMNS)
    return f"""Records of {about.firm}, handed over for an audit

Reference  {scope.reference}
Classes    {", ".join(scope.classes)} (with those below them)
Years      {scope.first_year} to {scope.last_year}, by document date; where there is none, by the day of capture
Made       {about.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC

The folder records holds the files as they were captured, byte for byte. records.csv is the index: UTF-8,
semicolons, every value in double quotes, the first line names the columns. index.xml describes it for audit
programs; they bring the document type definition it names. Text that a spreadsheet would take for a formula
has an apostrophe before it. Titles are on one line.

{fields}

Not in here: records of personnel classes or raised sensitivity, of case files with an access list, of personnel
files and files about colleagues; and records for which no person has confirmed where they belong.

To check that nothing changed on the way:  sha256sum -c SHA256SUMS
"""
