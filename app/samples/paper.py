"""Samples as pages: PDF with a text layer, and a scan of one."""

import importlib.util
import io
from datetime import UTC, datetime, time
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from random import Random

import numpy as np
import pypdfium2  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from PIL import Image

from app.samples.sheet import Sheet, lay_out
from core.errors import Unavailable
from ingest.fonts import find_font
from ingest.training.drafts import Draft
from ingest.training.vocabulary import Vocabulary

_CORE, _FULL = "Helvetica", "Full"
_INK, _FAINT, _ACCENT = (30, 34, 38), (120, 126, 132), (31, 84, 64)
_SCAN_SCALE = 200 / 72


def pdf(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as PDF pages of A4."""
    return bytes(typeset(made, vocabulary, rng).output())


def typeset(made: Draft, vocabulary: Vocabulary, rng: Random) -> FPDF:
    """The draft as a PDF to which files may still be attached."""
    sheet = lay_out(made, vocabulary, rng)
    page = FPDF(format="A4")
    page.set_creation_date(datetime.combine(made.written_on, time(9), UTC))
    page.set_title(made.title)
    page.set_lang(made.language)
    _choose_font(page, sheet)
    page.set_margins(22, 18, 20)
    page.set_auto_page_break(True, 24)
    page.add_page()
    _head(page, sheet)
    _table(page, sheet)
    for text in filter(None, (sheet.opening, *sheet.paragraphs)):
        _line(page, text, 10.5, gap=2.2)
    page.ln(6)
    for text in sheet.closing:
        _line(page, text, 10.5)
    if sheet.footer:
        page.set_auto_page_break(False)
        page.set_y(-18)
        _line(page, sheet.footer, 7.5, colour=_FAINT)
    return page


def scan(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The first page as a scanner at 200 dpi would give it: grey, slightly noisy, a little askew. PNG."""
    with pypdfium2.PdfDocument(pdf(made, vocabulary, rng)) as document:
        image = document[0].render(scale=_SCAN_SCALE).to_pil().convert("L")
    image = image.rotate(rng.uniform(-0.4, 0.4), fillcolor=252, resample=Image.Resampling.BICUBIC)
    noise = np.random.default_rng(rng.randrange(1 << 32)).normal(0, 3, (image.height, image.width))
    dirty = np.clip(np.asarray(image, np.float32) * 0.96 + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    # Sixteen greys keep the file small, as scanners do.
    Image.fromarray(dirty).quantize(16).save(out, "PNG", dpi=(200, 200), optimize=True)
    return out.getvalue()


def _choose_font(page: FPDF, sheet: Sheet) -> None:
    """Helvetica where Latin-1 has every letter, since it need not be embedded; else a font with all of Europe's."""
    try:
        "\n".join(sheet.lines()).encode("latin-1")
        page.set_font(_CORE)
    except UnicodeEncodeError:
        regular, bold = _font_files()
        page.add_font(_FULL, "", regular)
        page.add_font(_FULL, "B", bold)
        page.set_font(_FULL)


@lru_cache(maxsize=1)
def _font_files() -> tuple[Path, Path]:
    """Regular and bold: Source Sans from its package, else what the machine has.

    Raises:
        Unavailable: there is neither.
    """
    if importlib.util.find_spec("font_source_sans_pro"):
        folder = Path(str(files("font_source_sans_pro"))) / "files"
        return folder / "SourceSansPro-Regular.ttf", folder / "SourceSansPro-Semibold.ttf"
    found = find_font()
    if found is None:
        raise Unavailable("install the Python package font-source-sans-pro, or a DejaVu font")
    return found, found


def _head(page: FPDF, sheet: Sheet) -> None:
    if sheet.letterhead:
        _line(page, sheet.letterhead[0], 15, bold=True, colour=_ACCENT)
        for text in sheet.letterhead[1:]:
            _line(page, text, 8.5, colour=_FAINT)
        page.set_draw_color(*_ACCENT)
        page.line(page.l_margin, page.get_y() + 2, page.w - page.r_margin, page.get_y() + 2)
        page.ln(10)
    for text in sheet.address:
        _line(page, text, 10.5)
    page.ln(8)
    _line(page, sheet.title, 17, bold=True, gap=3)
    for label, value in sheet.labelled:
        _line(page, f"{label}: {value}" if label else value, 10)
    page.ln(5)


def _table(page: FPDF, sheet: Sheet) -> None:
    if not sheet.header:
        return
    widths = (82, 20, 33, 33)[: len(sheet.header)]
    page.set_font(page.font_family, "", 10)
    page.set_text_color(*_INK)
    page.set_draw_color(210, 214, 217)
    aligns = ("LEFT", "RIGHT", "RIGHT", "RIGHT")[: len(sheet.header)]
    with page.table(
        col_widths=widths,
        text_align=aligns,
        borders_layout="HORIZONTAL_LINES",
        width=sum(widths),
        align="LEFT",
        line_height=6.5,
    ) as table:
        for row in (sheet.header, *sheet.rows):
            table.row(row)
    for index, (label, value) in enumerate(sheet.totals):
        page.set_font(page.font_family, "B" if index == len(sheet.totals) - 1 else "", 10.5)
        page.cell(sum(widths) - 33, 7, label, align="R")
        page.cell(33, 7, value, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(8)


def _line(
    page: FPDF, text: str, size: float, *, bold: bool = False, gap: float = 0.4, colour: tuple[int, int, int] = _INK
) -> None:
    page.set_font(page.font_family, "B" if bold else "", size)
    page.set_text_color(*colour)
    page.multi_cell(0, size * 0.46, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(gap)
