"""What kind of file this is, from its content and not from its name; and how much of it may be read.

A name decides only between kinds of plain text (Markdown, CSV), after the content was found to be
text. A name that claims another type than the content is said, never a reason to refuse.
"""

import codecs
import io
import re
import zipfile
from dataclasses import dataclass
from typing import Protocol

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one document may cost. Every limit ends in a trouble that names it."""

    read_bytes: int = 256 * MIB
    """Larger originals are kept, but not read (``too_large``)."""
    pages: int = 5_000
    """Pages read of one document (``too_many_pages``)."""
    characters: int = 50_000_000
    """Characters of text kept of one document (``text_too_long``)."""
    nesting: int = 3
    """Containers inside one another, counted by whoever files the parts (``too_deep``)."""
    members: int = 1_000
    """Attachments or members taken out of one container (``too_many_parts``)."""
    expansion_ratio: int = 100
    """How many times its packed size a container may unpack to, beyond the first 8 MiB (``expansion_too_large``)."""
    expansion_bytes: int = 512 * MIB
    """What a container may unpack to in all (``expansion_too_large``)."""
    image_pixels: int = 200_000_000
    """Pixels of one image (``image_too_large``)."""
    base_seconds: float = 60.0
    """From the start of a document to its first page or part (``time_limit``)."""
    page_seconds: float = 30.0
    """From one page or part to the next (``time_limit``)."""
    memory_bytes: int = 600 * MIB
    """Memory of an extraction child (``memory_limit``)."""
    folder_bytes: int = 256 * MIB
    """What a child may hold in its private folder (``memory_limit``)."""


class Content(Protocol):
    """Bytes that can be sliced and searched without being copied: ``bytes`` or ``mmap.mmap``."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...
    def find(self, sub: bytes, /) -> int: ...


PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
DOC, XLS, PPT = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"
MSG, EML, MBOX = "application/vnd.ms-outlook", "message/rfc822", "application/mbox"
OLE = "application/x-ole-storage"
ENCRYPTED_OFFICE = "application/x-encrypted-office"
PNG, JPEG, TIFF, GIF, BMP, WEBP = "image/png", "image/jpeg", "image/tiff", "image/gif", "image/bmp", "image/webp"
HEIC, JPEG2000 = "image/heic", "image/jp2"
ZIP, TAR, GZIP, SEVEN_ZIP = "application/zip", "application/x-tar", "application/gzip", "application/x-7z-compressed"
RAR, BZIP2, XZ = "application/vnd.rar", "application/x-bzip2", "application/x-xz"
XML, HTML, MARKDOWN, CSV, TEXT = "application/xml", "text/html", "text/markdown", "text/csv", "text/plain"
JSON, CALENDAR, VCARD = "application/json", "text/calendar", "text/vcard"
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"II*\x00", TIFF),
    (0, b"MM\x00*", TIFF),
    (0, b"II+\x00", TIFF),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (8, b"WEBP", WEBP),
    (4, b"ftypheic", HEIC),
    (4, b"ftypheix", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"jP  \r\n", JPEG2000),
    (0, b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (0, b"Rar!\x1a\x07", RAR),
    (0, b"\x1f\x8b\x08", GZIP),
    (0, b"BZh", BZIP2),
    (0, b"\xfd7zXZ\x00", XZ),
    (257, b"ustar", TAR),
    (0, b"{\\rtf", RTF),
)
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("__properties_version1.0", MSG),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
    ("Book", XLS),
)
_ODF = {
    "application/vnd.oasis.opendocument.text": ODT,
    "application/vnd.oasis.opendocument.text-template": ODT,
    "application/epub+zip": EPUB,
}
_HEADER = re.compile(rb"(?P<name>[A-Za-z][A-Za-z0-9-]{1,60}):[ \t]*[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*")
_MAIL_HEADERS = frozenset(
    b"from to cc subject date received return-path mime-version message-id delivered-to reply-to sender content-type "
    b"content-transfer-encoding x-mailer in-reply-to references envelope-to dkim-signature".split()
)
_ENVELOPE = re.compile(rb"From [^\r\n]{1,200}\r?\n")
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_HTML_TAGS = re.compile(rb"<(?:p|div|table|br|h[1-6]|span|ul|title|meta)\b[^>]*>", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml\b|!--|!DOCTYPE\b|[A-Za-z_][\w.:-]*[\s/>])")
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_EXTENSIONS = {
    "pdf": {PDF}, "docx": {DOCX}, "docm": {DOCX}, "dotx": {DOCX}, "xlsx": {XLSX}, "xlsm": {XLSX}, "pptx": {PPTX},
    "odt": {ODT}, "epub": {EPUB}, "rtf": {RTF}, "doc": {DOC}, "xls": {XLS}, "ppt": {PPT}, "msg": {MSG}, "eml": {EML},
    "png": {PNG}, "jpg": {JPEG}, "jpeg": {JPEG}, "tif": {TIFF}, "tiff": {TIFF}, "gif": {GIF}, "bmp": {BMP},
    "webp": {WEBP}, "zip": {ZIP}, "tar": {TAR}, "gz": {GZIP}, "7z": {SEVEN_ZIP},
    "xml": {XML, HTML}, "html": {HTML, XML}, "htm": {HTML, XML}, "md": {MARKDOWN}, "csv": {CSV}, "heic": {HEIC},
}  # fmt: skip
_TEXT_BY_NAME = {
    "md": MARKDOWN, "markdown": MARKDOWN, "csv": CSV, "tsv": CSV, "json": JSON, "ics": CALENDAR, "vcf": VCARD,
}  # fmt: skip


def extension(name: str) -> str:
    """The lower-case ending of a file's name without its dot, or ``""``."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem and len(ending) <= 10 else ""


def inspect(content: Content, name: str) -> str:
    """The media type of ``content``; ``application/octet-stream`` where nothing fits.

    The caller must not conclude that the content is well formed: only its beginning was looked at
    (for containers, the list of members).
    """
    head = content[:8192]
    if head[:1024].find(b"%PDF-") >= 0:
        return PDF
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset) and (media_type != WEBP or head.startswith(b"RIFF")):
            return media_type
    if head.startswith(b"BM") and len(head) > 30 and head[14:15] in (b"\x0c", b"\x28", b"\x6c", b"\x7c"):
        return BMP
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_type(content)
    if head.startswith(_OLE_SIGNATURE):
        return next((kind for stream, kind in _OLE_STREAMS if content.find(stream.encode("utf-16-le")) >= 0), OLE)
    return _text_type(content, head, extension(name)) if _is_text(content) else UNKNOWN


def name_says(name: str, media_type: str) -> str | None:
    """The ending of ``name`` if it claims another type than ``media_type``, else ``None``."""
    ending = extension(name)
    claimed = _EXTENSIONS.get(ending)
    if claimed is None or media_type in claimed or (media_type == TEXT and claimed & {MARKDOWN, CSV}):
        return None
    return ending


def _zip_type(content: Content) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content[: len(content)])) as archive:
            names = [entry.filename for entry in archive.infolist()[:20_000]]
            declared = b""
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                declared = archive.read("mimetype")
    except Exception:  # a damaged directory raises whatever it likes; the archive reader says so
        # A ZIP cut off has no list, but its members stand in it by name.
        office = ((b"word/document.xml", DOCX), (b"xl/workbook.xml", XLSX), (b"ppt/presentation.xml", PPTX))
        return next((media_type for name, media_type in office if content.find(name) >= 0), ZIP)
    if "[Content_Types].xml" in names:
        for folder, media_type in (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX)):
            if any(entry.startswith(folder) for entry in names):
                return media_type
    text = declared.decode("ascii", "replace").strip()
    return _ODF.get(text, text if text.startswith("application/vnd.oasis.") else ZIP)


def _is_text(content: Content) -> bool:
    """Whether the content is text in some encoding, by its first 64 KiB: few control characters, no zeros."""
    sample = content[:65536]
    if sample.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or is_utf16(sample):
        return True
    if not sample.strip() or b"\x00" in sample:
        return False
    strange = sum(sample.count(bytes([code])) for code in range(32) if code not in (7, 8, 9, 10, 11, 12, 13, 26, 27))
    return strange * 50 < len(sample)


def is_utf16(sample: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` if every other byte of a text without a byte order mark is mostly zero."""
    pairs = len(sample) // 2
    if pairs < 4:
        return None
    even, odd = sample[0 : pairs * 2 : 2].count(0), sample[1 : pairs * 2 : 2].count(0)
    if odd * 10 > pairs * 7 and even * 20 < pairs:
        return "utf-16-le"
    if even * 10 > pairs * 7 and odd * 20 < pairs:
        return "utf-16-be"
    return None


def _text_type(content: Content, head: bytes, ending: str) -> str:
    plain = _without_marks(head)
    envelope = _ENVELOPE.match(plain)
    if _looks_like_mail(plain[envelope.end() :] if envelope else plain, envelope is not None):
        return MBOX if envelope and content.find(b"\n\nFrom ") >= 0 else EML
    if _HTML.match(plain):
        return HTML
    if _XML.match(plain):
        root = _XML_ROOT.search(
            re.sub(rb"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>", b"", plain, flags=re.DOTALL)
        )
        if root and root[1].lower() == b"html":
            return HTML
        if plain.lstrip().startswith(b"<?xml") or (root and ending == "xml"):
            return XML
    if ending in ("html", "htm") and _HTML_TAGS.search(plain):
        return HTML
    return _TEXT_BY_NAME.get(ending, TEXT)


def _without_marks(head: bytes) -> bytes:
    """The beginning as single bytes, whatever the encoding, so that signatures of ASCII text can be found."""
    if head.startswith(codecs.BOM_UTF8):
        return head[3:]
    if head.startswith(codecs.BOM_UTF16_LE) or is_utf16(head) == "utf-16-le":
        return head.decode("utf-16-le", "replace").lstrip("\ufeff").encode("utf-8", "replace")
    if head.startswith(codecs.BOM_UTF16_BE) or is_utf16(head) == "utf-16-be":
        return head.decode("utf-16-be", "replace").lstrip("\ufeff").encode("utf-8", "replace")
    return head


def _looks_like_mail(head: bytes, enveloped: bool) -> bool:
    """Whether a block of header lines begins the text, with at least two (one after an mbox line) that mails have."""
    known: set[bytes] = set()
    position = len(head) - len(head.lstrip(b"\r\n"))
    while found := _HEADER.match(head, position):
        position = found.end()
        known.add(found["name"].lower())
    if not known & {b"from", b"received", b"return-path", b"message-id", b"mime-version", b"date", b"subject"}:
        return False
    return len(known & _MAIL_HEADERS) >= (1 if enveloped else 2)
