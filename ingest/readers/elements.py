"""unstructured, loaded once a child and kept off the network, and its elements as the text of pages.

Its environment is set by ``ingest.cage`` before Python starts. The language model it would fetch at
first use only weighs whether a line is a title or prose: an empty one that splits sentences stands
in for it.
"""

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any

_NO_LANGUAGE = [""]
"""Tells unstructured to leave out its own language detection."""


@cache
def load() -> Callable[..., Any]:
    """A function that gives unstructured's partitioner of a kind by name: ``docx``, ``html``, ``msg`` …"""
    tokenize: Any = import_module("unstructured.nlp.tokenize")
    tokenize._load_spacy_model = _blank_model
    tokenize._get_nlp.cache_clear()

    @cache
    def partitioner(kind: str) -> Callable[..., list[Any]]:
        module = import_module(f"unstructured.partition.{kind}")
        found: Callable[..., list[Any]] = getattr(module, f"partition_{kind}")
        return found

    partitioner("html")
    return partitioner


def _blank_model() -> Any:
    import spacy

    model = spacy.blank("xx")
    model.add_pipe("sentencizer")
    return model


def partition(kind: str, **source: Any) -> list[Any]:
    """The elements of a document given as ``file=`` or ``text=``."""
    elements: list[Any] = load()(kind)(**source, languages=_NO_LANGUAGE)
    return elements


def sheets(elements: Iterable[Any]) -> list[str]:
    """The text of each page (slide, sheet): paragraphs parted by an empty line, table rows as lines of tabbed cells."""
    texts: list[list[str]] = []
    place: object = None
    for element in elements:
        page = getattr(element.metadata, "page_number", None)
        if not texts or (page is not None and page != place):
            texts.append([])
            place = page
        text = _text_of(element)
        if text:
            texts[-1].append(text)
    return ["\n".join(_spaced(lines)) for lines in texts]


def _text_of(element: Any) -> str:
    kind = type(element).__name__
    if kind == "Table" and (html := getattr(element.metadata, "text_as_html", None)):
        return _rows(html) or str(element.text)
    text = str(element.text or "").strip()
    return f"- {text}" if kind == "ListItem" and text else text


def _rows(html: str) -> str:
    from lxml import html as parser

    try:
        rows = parser.fragment_fromstring(html, create_parent="div").iter("tr")
    except (ValueError, parser.etree.ParserError):
        return ""
    lines = []
    for row in rows:
        cells = [" ".join(cell.text_content().split()) for cell in row.iterchildren("td", "th")]
        if any(cells):
            lines.append("\t".join(cells).rstrip())
    return "\n".join(lines)


def _spaced(texts: list[str]) -> list[str]:
    """Empty lines between paragraphs, but none between the items of a list."""
    spaced: list[str] = []
    for text in texts:
        if spaced and not (text.startswith("- ") and spaced[-1].startswith("- ")):
            spaced.append("")
        spaced.append(text)
    return spaced
