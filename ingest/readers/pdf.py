"""PDF by PDFium: the text layer where it is usable, recognition of the page's image where it is not.

Page by page, so that memory stays flat. Whatever fails on one page leaves the others. Filled form
fields and notes are flattened into the page first, so that they are read and shown as people see them.
"""

from collections.abc import Iterator

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.extraction import Page, Part
from ingest.inspect import Limits
from ingest.readers.base import Document, Fact, Found, Stop, Title
from ingest.readers.gray import Gray
from ingest.readers.ocr import MOST_PIXELS, Recognizer, check_fits
from ingest.readers.pdf_text import TextLayer, read_text_layer

_FEW = 25
"""Letters below which a text layer is no text, but a stamp or a page number."""
_SHORT = 250
"""Letters below which a page that is mostly image is taken for a scan with a stamp on it."""
_GARBAGE_SHARE = 0.2
_LEGIBLE_SHARE = 0.35
_IMAGE_SHARE = 0.5
_MANY_PATHS = 150
"""Drawn paths from which a page without text may show text as outlines."""
_LEAST_DPI, _MOST_DPI, _PLAIN_DPI = 150, 300, 200
_INVOICE_NAMES = frozenset(
    ("factur-x.xml", "facturx.xml", "zugferd-invoice.xml", "xrechnung.xml", "order-x.xml", "fatturapa.xml", "ubl.xml")
)


def open_pdf(data: bytes) -> pypdfium2.PdfDocument:
    """The document.

    Raises:
        Stop: it needs a password, or is damaged beyond PDFium's repair.
    """
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Stop("encrypted", "It opens with a password only.") from None
        raise Stop("damaged", "It is not a whole PDF: its structure cannot be followed.") from None
    if len(pdf) < 1:
        raise Stop("damaged", "No page can be found in it.")
    return pdf


def read(document: Document, limits: Limits, recognizer: Recognizer) -> Iterator[Found]:
    """Properties, then every page, then the embedded files.

    Raises:
        Stop: see :func:`open_pdf`; or some pages could not be opened.
    """
    pdf = open_pdf(document.data())
    try:
        yield from _properties(pdf)
        recognizer.begin(document.languages)
        broken = 0
        for index in range(len(pdf)):
            try:
                yield _read_page(pdf, index, recognizer)
            except pypdfium2.PdfiumError:
                broken += 1
                yield Page(index + 1, "", source="text_layer")
        yield from _embedded(pdf, limits)
        yield from recognizer.troubles()
        if broken:
            raise Stop("damaged", f"{broken} of its {len(pdf)} pages cannot be read.")
    finally:
        pdf.close()


def load_page(pdf: pypdfium2.PdfDocument, index: int) -> pypdfium2.PdfPage:
    """The page with its form fields and notes drawn into it.

    Raises:
        pypdfium2.PdfiumError: the page cannot be read.
    """
    page = pdf[index]
    if pdfium.FPDFPage_GetAnnotCount(page) and pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) == 1:
        page.close()
        page = pdf[index]
    return page


def _read_page(pdf: pypdfium2.PdfDocument, index: int, recognizer: Recognizer) -> Page:
    page = load_page(pdf, index)
    try:
        width, height = (max(1, min(round(size), 1 << 30)) for size in page.get_size())
        layer = read_text_layer(page)
        if not is_usable(page, layer):
            recognizer.expect_images()
            reading = recognizer.read(_draw(page))
            if reading is not None and (len(reading.text) > len(layer.text) or layer.garbage > _GARBAGE_SHARE):
                return Page(index + 1, reading.text, reading.words, width, height, "ocr", reading.model)
        return Page(index + 1, layer.text, layer.words, width, height, "text_layer")
    finally:
        page.close()


def is_usable(page: pypdfium2.PdfPage, layer: TextLayer) -> bool:
    """Whether the text layer says what the page shows.

    A page full of characters that mean nothing does not; nor does one with next to no text that
    shows an image over half of it, or a drawing rich enough to be text in outlines.
    """
    if layer.letters >= _FEW and (layer.garbage > _GARBAGE_SHARE or layer.legible < _LEGIBLE_SHARE):
        return False
    if layer.letters >= _SHORT:
        return True
    image, paths, _ = _shown(page)
    if image >= _IMAGE_SHARE:
        return False
    return layer.letters >= _FEW or (image < 0.1 and paths < _MANY_PATHS)


def _shown(page: pypdfium2.PdfPage) -> tuple[float, int, float]:
    """Share of the page its largest image covers, number of paths, that image's dots an inch (0: none)."""
    width, height = page.get_size()
    share, paths, dpi = 0.0, 0, 0.0
    for thing in page.get_objects(max_depth=3):
        if thing.type == pdfium.FPDF_PAGEOBJ_PATH:
            paths += 1
        elif thing.type == pdfium.FPDF_PAGEOBJ_IMAGE and isinstance(thing, pypdfium2.PdfImage):
            left, bottom, right, top = thing.get_bounds()
            across, up = max(0.0, right - left), max(0.0, top - bottom)
            covered = min(1.0, across * up / (width * height)) if width * height > 0 else 0.0
            if covered > share and across > 0:
                share = covered
                dots = max(thing.get_px_size())
                dpi = dots * 72 / max(across, up)
    return share, paths, dpi


def _draw(page: pypdfium2.PdfPage) -> Gray:
    """The page in shades of grey at the resolution it was scanned with, within what Tesseract reads well."""
    dpi = _shown(page)[2] or _PLAIN_DPI
    dpi = max(_LEAST_DPI, min(_MOST_DPI, dpi))
    width, height = (size / 72 for size in page.get_size())
    if width * height * dpi * dpi > MOST_PIXELS:
        dpi = (MOST_PIXELS / (width * height)) ** 0.5
    check_fits(round(width * height * dpi * dpi))
    bitmap = page.render(scale=dpi / 72, grayscale=True, may_draw_forms=False)
    try:
        return Gray(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, max(70, round(dpi)))
    finally:
        bitmap.close()


def _properties(pdf: pypdfium2.PdfDocument) -> Iterator[Found]:
    told = pdf.get_metadata_dict(skip_empty=True)
    if title := told.get("Title", "").strip():
        yield Title(title[:1000])
    for key, name in (("Author", "author"), ("CreationDate", "created"), ("ModDate", "modified")):
        if text := told.get(key, "").strip():
            yield Fact(name, text[:1000])


def _embedded(pdf: pypdfium2.PdfDocument, limits: Limits) -> Iterator[Found]:
    for index in range(min(pdf.count_attachments(), limits.members + 1)):
        try:
            attachment = pdf.get_attachment(index)
            name, data = attachment.get_name(), bytes(attachment.get_data())
        except (pypdfium2.PdfiumError, ValueError):
            continue
        if name.lower() in _INVOICE_NAMES:
            yield Part("component", "embedded_invoice", name, "application/xml", data)
        else:
            yield Part("attachment", "pdf_attachment", name, "application/octet-stream", data)
