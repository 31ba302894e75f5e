"""Samples as office files: DOCX and XLSX."""

import io
from datetime import UTC, datetime, time
from random import Random

import docx as word
import openpyxl  # type: ignore[import-untyped]
from openpyxl.styles import Font  # type: ignore[import-untyped]

from app.samples.sheet import lay_out
from ingest.training.drafts import Draft
from ingest.training.vocabulary import Vocabulary


def docx(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as a Word document."""
    sheet = lay_out(made, vocabulary, rng)
    document = word.Document()
    document.core_properties.title = made.title
    document.core_properties.author = made.author
    document.core_properties.created = datetime.combine(made.written_on, time(9), UTC).replace(tzinfo=None)
    for text in sheet.letterhead:
        document.add_paragraph(text)
    for text in sheet.address:
        document.add_paragraph(text)
    document.add_heading(sheet.title, level=1)
    for label, value in sheet.labelled:
        document.add_paragraph(f"{label}: {value}" if label else value)
    if sheet.header:
        table = document.add_table(rows=0, cols=len(sheet.header), style="Light List Accent 1")
        for row in (sheet.header, *sheet.rows):
            for cell, value in zip(table.add_row().cells, row, strict=True):
                cell.text = value
    for label, value in sheet.totals:
        document.add_paragraph(f"{label}: {value}")
    for text in filter(None, (sheet.opening, *sheet.paragraphs, *sheet.closing)):
        document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def xlsx(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as a workbook with one sheet: a title, the phrases, and rows of figures."""
    sheet = lay_out(made, vocabulary, rng)
    book = openpyxl.Workbook()
    book.properties.creator = made.author
    page = book.active
    assert page is not None
    page.title = made.title[:30].replace("/", "-").replace(":", "")
    page.append([made.title])
    page["A1"].font = Font(bold=True, size=14)
    for text in (*sheet.letterhead, *sheet.address):
        page.append([text])
    for text in sheet.paragraphs:
        page.append([text])
    page.append([])
    for day in range(1, 23):
        page.append(
            [f"{day:02}.{made.written_on:%m.%Y}", rng.randint(6, 10), rng.randint(0, 59), rng.randint(100, 9000)]
        )
    page.column_dimensions["A"].width = 60
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
