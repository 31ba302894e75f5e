"""A document of headings, paragraphs, lists and tables, and the same as Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``widths`` are the shares of its columns."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    empty: str = "None."
    """What is said where there is no row."""


Block = Text | Points | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered chapter."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole document."""

    code: str
    """Names its file."""
    title: str
    about: tuple[str, ...]
    """Lines under the title: whose it is, as of when, by which schedule."""
    sections: tuple[Section, ...]


def points(items: Sequence[str]) -> Points:
    """A list of these."""
    return Points(tuple(items))


def to_markdown(paper: Paper) -> str:
    """The document as Markdown (CommonMark with tables)."""
    lines = [f"# {escape(paper.title)}", ""]
    lines += [f"{escape(line)}  " for line in paper.about]
    for number, section in enumerate(paper.sections, 1):
        lines += ["", f"## {number} {escape(section.heading)}"]
        for block in section.blocks:
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that stands in Markdown as it is; on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block) -> list[str]:
    if isinstance(block, Text):
        return [escape(block.text)]
    if isinstance(block, Points):
        return [f"- {escape(item)}" for item in block.items]
    if not block.rows:
        return [escape(block.empty)]
    rows = [block.head, tuple("---" for _ in block.head), *block.rows]
    return ["| " + " | ".join(cell if row is rows[1] else escape(cell) or " " for cell in row) + " |" for row in rows]
