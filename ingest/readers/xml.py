"""XML as readable lines, ``label: value``. No entities, no network, no huge trees.

What an e-invoice says exactly is read from its structure elsewhere (``ingest.einvoice``); this is the
text that people find it by.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from ingest.extraction import Trouble
from ingest.inspect import Limits
from ingest.readers.base import Document, Found, Stop
from ingest.readers.text import decode, pages_of

_ENTITY = re.compile(rb"<!ENTITY\b", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{400,}\Z")
_MAX_VALUE = 20_000


def safe_parser() -> etree.XMLParser:
    """A parser that expands no entity, loads no file, opens no connection, and bounds depth and text."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip


def read(document: Document, limits: Limits) -> Iterator[Found]:
    """The text of the elements in order; a trouble if entities were defined, or if it is not well formed.

    XML that cannot be parsed is read as the plain text it is.
    """
    data = document.data()
    entities = bool(_ENTITY.search(data))
    if entities:
        yield Trouble("entities", "Its entities were not expanded.")
    try:
        root = etree.fromstring(data, safe_parser())
    except etree.XMLSyntaxError:
        yield from pages_of([decode(data)])
        if not entities:
            raise Stop("damaged", "It is not well-formed XML; it was read as plain text.") from None
        return
    yield from pages_of(["\n".join(_lines(root))])


def _lines(root: Any) -> Iterator[str]:
    """One line an element with text, labelled by its name; an empty line before each group."""
    yield _label(root.tag)
    for element in root.iterdescendants():
        if not isinstance(element.tag, str):
            continue  # an entity left standing
        value = " ".join((element.text or "").split())
        if value and not _BASE64.match(value):
            unit = next((element.get(name) for name in ("currencyID", "unitCode") if element.get(name)), "")
            yield f"{_label(element.tag)}: {value[:_MAX_VALUE]}{f' {unit}' if unit else ''}"
        elif len(element) and element.getparent() is root:
            yield ""
            yield _label(element.tag)
        tail = " ".join((element.tail or "").split())
        if tail:
            yield tail


def _label(tag: str) -> str:
    """``InvoiceTypeCode`` as ``Invoice Type Code``."""
    return _CAMEL.sub(" ", etree.QName(tag).localname.replace("_", " "))
