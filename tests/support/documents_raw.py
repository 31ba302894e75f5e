"""Small documents made in code: one of each format, and hostile ones. Nothing here comes from anywhere else."""

import io
import struct
import tempfile
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path

import pypandoc
from docx import Document as WordDocument
from fpdf import FPDF
from openpyxl import Workbook
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation

FACTURX = b'<?xml version="1.0"?><Invoice><ID>R-1</ID></Invoice>'


def pdf(*pages: str, title: str | None = None, attachments: dict[str, bytes] | None = None) -> bytes:
    """A PDF with a text layer, one page for each text, one line of it a line."""
    made = FPDF()
    if title:
        made.set_title(title)
    for text in pages:
        made.add_page()
        made.set_font("helvetica", size=12)
        for place, line in enumerate(text.split("\n")):
            made.text(20, 20 + 8 * place, line)
    for name, data in (attachments or {}).items():
        made.embed_file(basename=name, bytes=data)
    return bytes(made.output())


def encrypted_pdf(text: str, *, user_password: str) -> bytes:
    """The same, protected; an empty user password opens by itself."""
    made = FPDF()
    made.set_encryption(owner_password="owner", user_password=user_password)
    made.add_page()
    made.set_font("helvetica", size=12)
    made.text(20, 20, text)
    return bytes(made.output())


def drawn(text: str, *, size: tuple[int, int] = (1654, 1100)) -> Image.Image:
    """``text`` as a scan of 200 dots an inch would show it."""
    image = Image.new("L", size, 255)
    font = ImageFont.load_default(34)
    ImageDraw.Draw(image).multiline_text((100, 100), text, fill=0, font=font, spacing=18)
    return image


def image(made: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file."""
    out = io.BytesIO()
    made.save(out, kind, **options)
    return out.getvalue()


def scanned_pdf(*texts: str) -> bytes:
    """A PDF whose pages are images of ``texts`` and nothing else."""
    first, *rest = (drawn(text) for text in texts)
    return image(first, "PDF", resolution=200, save_all=True, append_images=rest)


def docx(*paragraphs: str, rows: tuple[tuple[str, ...], ...] = ()) -> bytes:
    made = WordDocument()
    made.core_properties.title = "A title"
    made.core_properties.author = "An author"
    for paragraph in paragraphs:
        made.add_paragraph(paragraph)
    if rows:
        table = made.add_table(rows=0, cols=len(rows[0]))
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    return _saved(made)


def with_member(package: bytes, name: str, change: bytes | tuple[bytes, bytes]) -> bytes:
    """The ZIP with member ``name`` added, or with one piece of it replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == name and isinstance(change, tuple):
                assert change[0] in data
                data = data.replace(*change)
            target.writestr(entry.filename, data)
        if isinstance(change, bytes):
            target.writestr(name, change)
    return out.getvalue()


def xlsx(sheets: dict[str, list[list[object]]]) -> bytes:
    made = Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return _saved(made)


def pptx(*slides: str) -> bytes:
    made = Presentation()
    for text in slides:
        slide = made.slides.add_slide(made.slide_layouts[5])
        slide.shapes.title.text = text
    return _saved(made)


def odt(text: str) -> bytes:
    """An OpenDocument text, by pandoc."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.odt"
        pypandoc.convert_text(text, "odt", format="markdown", outputfile=str(path))
        return path.read_bytes()


def zip_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def zip_bomb() -> bytes:
    """64 MiB of zeros in some 64 KiB."""
    return zip_of({"zeros.txt": bytes(64 * 1024 * 1024)})


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")


def mail(body: str, *, html: str | None = None, attachments: int = 0) -> bytes:
    message = EmailMessage()
    message["From"] = "Ana Pop <ana@example.org>"
    message["To"] = "office@example.org"
    message["Subject"] = "Grüße aus Iași"
    message["Date"] = "Tue, 04 Mar 2025 10:00:00 +0200"
    message["Message-ID"] = "<1@example.org>"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for number in range(attachments):
        message.add_attachment(b"content %d" % number, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    return message.as_bytes()


def billion_laughs() -> bytes:
    entities = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "lol">{entities}]><r><name>Kept</name>&a9;</r>'.encode()


def external_entity(path: str) -> bytes:
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file://{path}">]><r><name>Kept</name>&x;</r>'.encode()


def _saved(made: object) -> bytes:
    out = io.BytesIO()
    made.save(out)  # type: ignore[attr-defined]
    return out.getvalue()
