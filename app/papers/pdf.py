"""A document as PDF: A4 across, so that tables with a statute in each row can be read."""

from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from app.papers.paper import Paper, Points, Section, Table, Text
from ingest.fonts import find_font

_CORE, _FULL = "Helvetica", "Full"
_INK, _FAINT, _LINE, _WASH = (30, 34, 38), (110, 116, 122), (200, 204, 208), (238, 240, 241)
_BODY, _SMALL = 10.0, 8.0


def to_pdf(paper: Paper, made_at: datetime) -> bytes:
    """The document, typeset. Letters that the font lacks show as question marks where no full font is installed."""
    return bytes(_Typesetting(paper, made_at).output())


class _Typesetting(FPDF):
    def __init__(self, paper: Paper, made_at: datetime) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._paper = paper
        self.set_creation_date(made_at)
        self.set_title(paper.title)
        self.set_creator("Muniment")
        self.set_lang("en")
        self._family = self._fonts()
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, 18)
        self.alias_nb_pages()
        self.add_page()
        self._head()
        for number, section in enumerate(paper.sections, 1):
            self._section(number, section)

    def footer(self) -> None:
        self.set_y(-13)
        self._ink(_FAINT)
        self.set_font(self._family, size=_SMALL)
        self.cell(0, 5, self._known(self._paper.title))
        self.set_x(self.l_margin)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    def _fonts(self) -> str:
        regular = find_font()
        if regular is None:
            return _CORE
        self.add_font(_FULL, "", regular)
        bold = Path(str(regular).replace("Regular", "Bold").replace("DejaVuSans.", "DejaVuSans-Bold."))
        self.add_font(_FULL, "B", bold if bold.is_file() else regular)
        return _FULL

    def _head(self) -> None:
        self._line(self._paper.title, 20, style="B")
        self.ln(2)
        for line in self._paper.about:
            self._line(line, _BODY, colour=_FAINT)
        self.ln(4)

    def _section(self, number: int, section: Section) -> None:
        if self.will_page_break(30):
            self.add_page()
        self.start_section(f"{number} {section.heading}") if self._family == _FULL else None
        self.ln(3)
        self._line(f"{number}  {section.heading}", 13, style="B")
        self.ln(1)
        for block in section.blocks:
            if isinstance(block, Text):
                self._line(block.text, _BODY)
            elif isinstance(block, Points):
                for item in block.items:
                    self._line(f"\u2013 {item}" if self._family == _FULL else f"- {item}", _BODY)
            else:
                self._table(block)
            self.ln(2)

    def _table(self, block: Table) -> None:
        if not block.rows:
            self._line(block.empty, _BODY)
            return
        self._ink(_INK)
        self.set_draw_color(*_LINE)
        self.set_font(self._family, size=_SMALL)
        head = FontFace(emphasis="BOLD", fill_color=_WASH)
        with self.table(
            col_widths=block.widths,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=head,
            line_height=4.2,
            padding=1,
            text_align="LEFT",
        ) as table:
            for cells in (block.head, *block.rows):
                row = table.row()
                for cell in cells:
                    row.cell(self._known(cell))

    def _line(self, text: str, size: float, *, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
        self._ink(colour)
        self.set_font(self._family, style, size)
        self.multi_cell(0, size * 0.48, self._known(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _ink(self, colour: tuple[int, int, int]) -> None:
        self.set_text_color(*colour)

    def _known(self, text: str) -> str:
        return text if self._family == _FULL else text.encode("latin-1", "replace").decode("latin-1")
