"""Which reader reads which media type; imported only when it is needed."""

from collections.abc import Iterator
from importlib import import_module

from ingest import inspect as kinds
from ingest.inspect import Limits
from ingest.readers.base import Document, Found, Stop
from ingest.readers.ocr import Recognizer

_BY_RECOGNITION = {kinds.PDF: "pdf"} | dict.fromkeys(
    (kinds.PNG, kinds.JPEG, kinds.TIFF, kinds.GIF, kinds.BMP, kinds.WEBP, kinds.JPEG2000), "image"
)
_READERS = {
    kinds.TEXT: "text", kinds.JSON: "text", kinds.CALENDAR: "text", kinds.VCARD: "text", kinds.XML: "xml",
    kinds.EML: "mail", kinds.MSG: "mail", kinds.MBOX: "mail",
    kinds.DOCX: "office", kinds.XLSX: "office", kinds.PPTX: "office", kinds.ODT: "office", kinds.RTF: "office",
    kinds.HTML: "office", kinds.MARKDOWN: "office", kinds.CSV: "office", kinds.EPUB: "office",
    kinds.ZIP: "archive", kinds.TAR: "archive", kinds.GZIP: "archive",
}  # fmt: skip
_UNREADABLE = {
    kinds.DOC: "Word documents of before 2007 (.doc) cannot be read.",
    kinds.XLS: "Excel workbooks of before 2007 (.xls) cannot be read.",
    kinds.PPT: "PowerPoint presentations of before 2007 (.ppt) cannot be read.",
    kinds.OLE: "Files in this old Office container cannot be read.",
    kinds.HEIC: "HEIC photos cannot be read; a JPEG of it can.",
    kinds.SEVEN_ZIP: "7-Zip archives cannot be unpacked; a ZIP archive can.",
    kinds.RAR: "RAR archives cannot be unpacked; a ZIP archive can.",
    kinds.BZIP2: "Files packed by bzip2 cannot be unpacked; a ZIP archive can.",
    kinds.XZ: "Files packed by xz cannot be unpacked; a ZIP archive can.",
    kinds.UNKNOWN: "The content is of no kind that Muniment knows.",
}


def read(document: Document, limits: Limits, recognizer: Recognizer) -> Iterator[Found]:
    """What the reader of the document's media type finds in it.

    Raises:
        Stop: no reader reads this type, or the reading ended early.
    """
    media_type = document.media_type
    if media_type == kinds.ENCRYPTED_OFFICE:
        raise Stop("encrypted", "It opens with a password only.")
    if module := _BY_RECOGNITION.get(media_type):
        yield from import_module(f"ingest.readers.{module}").read(document, limits, recognizer)
    elif module := _READERS.get(media_type):
        yield from import_module(f"ingest.readers.{module}").read(document, limits)
    else:
        raise Stop("unreadable_type", _UNREADABLE.get(media_type, "This kind of office file cannot be read."))
