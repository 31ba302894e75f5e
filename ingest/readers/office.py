"""Office documents, web pages, Markdown, CSV and e-books, through unstructured's light partitioners.

None of them has pages that can be shown as they were: their text is cut into pages that Muniment
typesets. Macros are noted and never run.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from ingest import inspect as kinds
from ingest.inspect import Limits
from ingest.readers import elements
from ingest.readers.archive import check_expansion
from ingest.readers.base import Document, Fact, Found, Stop, Title
from ingest.readers.docx_text import reveal
from ingest.readers.text import decode, pages_of

_KINDS = {
    kinds.DOCX: "docx", kinds.XLSX: "xlsx", kinds.PPTX: "pptx", kinds.ODT: "odt", kinds.RTF: "rtf",
    kinds.HTML: "html", kinds.MARKDOWN: "md", kinds.CSV: "csv", kinds.EPUB: "epub",
}  # fmt: skip
_PACKED = (kinds.DOCX, kinds.XLSX, kinds.PPTX, kinds.ODT, kinds.EPUB)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_CORE = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"


def read(document: Document, limits: Limits) -> Iterator[Found]:
    """Properties, then the text of every page, slide or sheet.

    Raises:
        Stop: it is protected, damaged, or would unpack to far more than its size.
    """
    data = document.data()
    if document.media_type in _PACKED:
        yield from _package(data, limits)
    if document.media_type == kinds.HTML:
        html = decode_html(data)
        if (title := _TITLE.search(html)) and (text := " ".join(title[1].split())):
            yield Title(_unescape(text)[:1000])
        yield from pages_of(html_sheets(html))
        return
    if document.media_type in (kinds.MARKDOWN, kinds.CSV):
        yield from pages_of(_marked(document.media_type, decode(data)))
        return
    try:
        if document.media_type == kinds.DOCX:
            data = reveal(data)
        found = elements.partition(_KINDS[document.media_type], file=io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # each library has its own ways to say that a file is broken
        raise _reason(document.media_type, error) from None
    yield from pages_of(elements.sheets(found))


def decode_html(data: bytes) -> str:
    """The text of a web page by the encoding it declares, else as :func:`~ingest.readers.text.decode` finds it."""
    declared = _CHARSET.search(data[:4096])
    text = None
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            text = data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            text = None
    return _XML_DECLARATION.sub("", text if text is not None else decode(data)).replace("\x00", "")


def html_sheets(html: str) -> list[str]:
    """The readable text of a web page, without scripts and styles."""
    if not html.strip():
        return []
    try:
        found = elements.sheets(elements.partition("html", text=html))
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        found = []
    if any(text.strip() for text in found):
        return found
    return [_bare_text(html)]


def _bare_text(html: str) -> str:
    """The text between the tags, for pages whose structure gives unstructured nothing."""
    from lxml import html as parser

    try:
        tree: Any = parser.document_fromstring(html)
    except (ValueError, parser.etree.ParserError):
        return ""
    for hidden in tree.xpath("//script|//style|//template|//noscript|//head"):
        hidden.drop_tree()
    return "\n".join(line.strip() for line in tree.text_content().splitlines() if line.strip())


def _marked(media_type: str, text: str) -> list[str]:
    """Markdown or CSV by its structure, or as it stands where that gives nothing."""
    try:
        if media_type == kinds.MARKDOWN:
            found = elements.sheets(elements.partition("md", text=text))
        else:
            found = elements.sheets(elements.partition("csv", file=io.BytesIO(text.encode("utf-8", "replace"))))
    except MemoryError:
        raise
    except Exception:  # it is text all the same
        found = []
    return found if any(sheet.strip() for sheet in found) else [text]


def _package(data: bytes, limits: Limits) -> Iterator[Found]:
    """Checks the ZIP an office document is in, and tells its properties.

    Raises:
        Stop: it is damaged, protected, or a bomb.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            check_expansion(package, len(data), limits)
            names = package.namelist()
            if any(name.lower().endswith("vbaproject.bin") or name.startswith("Basic/") for name in names):
                yield Fact("macros", "yes")
            if "META-INF/manifest.xml" in names and b"encryption-data" in package.read("META-INF/manifest.xml"):
                raise Stop("encrypted", "It opens with a password only.")
            for name in ("docProps/core.xml", "meta.xml"):
                if name in names:
                    yield from _properties(package.read(name))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        raise Stop("damaged", "The package it consists of is damaged.") from None


def _properties(xml: bytes) -> Iterator[Found]:
    from lxml import etree

    from ingest.readers.xml import safe_parser

    try:
        tree = etree.fromstring(xml, safe_parser())
    except etree.XMLSyntaxError:
        return
    if (title := tree.findtext(f".//{_CORE}title")) and title.strip():
        yield Title(title.strip()[:1000])
    for name, tags in (
        ("author", (f"{_CORE}creator", f"{_META}initial-creator")),
        ("created", (f"{_TERMS}created", f"{_META}creation-date")),
        ("modified", (f"{_TERMS}modified", f"{_CORE}date")),
    ):
        text = next((found.strip() for tag in tags if (found := tree.findtext(f".//{tag}"))), "")
        if text:
            yield Fact(name, text[:1000])


def _reason(media_type: str, error: Exception) -> Stop:
    """Why unstructured gave up, as far as it says."""
    kind: Any = type(error).__name__
    if kind in ("UnsupportedFileFormatError",):
        return Stop("unreadable_type", "This kind of office file cannot be read.")
    return Stop("damaged", f"Its content is not what a whole file of this kind holds ({kind}).")


def _unescape(text: str) -> str:
    import html

    return html.unescape(text)
