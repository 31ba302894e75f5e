"""What python-docx passes over in a Word document, put where it reads: insertions, controls, text boxes.

Tracked insertions and moves are read as accepted, deletions as gone: that is the text Word shows last.
Content controls (``w:sdt``) and smart tags are unwrapped; paragraphs of text boxes follow the one they
float beside (ECMA-376, part 1, 17.13.5, 17.5.2).
"""

import copy
import io
import zipfile
from typing import Any

from lxml import etree

from ingest.readers.xml import safe_parser

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MAIN = "word/document.xml"
_SIGNS = (b"<w:ins ", b"<w:moveTo ", b"<w:sdt>", b"<w:sdt ", b"<w:smartTag", b"<w:txbxContent", b"<w:customXml ")
_UNWRAPPED = ("ins", "moveTo", "smartTag", "customXml")


def reveal(data: bytes) -> bytes:
    """The same document with all its text where python-docx finds it; ``data`` itself if nothing is hidden.

    Raises:
        zipfile.BadZipFile, KeyError, lxml.etree.XMLSyntaxError: the package is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        if _MAIN not in package.namelist():
            return data
        body = package.read(_MAIN)
        if not any(sign in body for sign in _SIGNS):
            return data
        tree = etree.fromstring(body, safe_parser())
        _move_text_boxes(tree)
        for control in list(tree.iter(f"{_W}sdt")):
            content = control.find(f"{_W}sdtContent")
            _replace(control, list(content) if content is not None else [])
        for name in _UNWRAPPED:
            for wrapper in list(tree.iter(f"{_W}{name}")):
                _replace(wrapper, [child for child in wrapper if child.tag != f"{_W}customXmlPr"])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
            for entry in package.infolist():
                written.writestr(
                    entry.filename, etree.tostring(tree) if entry.filename == _MAIN else package.read(entry)
                )
        return out.getvalue()


def _move_text_boxes(tree: Any) -> None:
    for box in list(tree.iter(f"{_W}txbxContent")):
        above = list(box.iterancestors())
        if any(element.tag == _FALLBACK for element in above):
            continue  # the same text again, for programs that cannot draw it
        host = next((element for element in reversed(above) if element.tag == f"{_W}p"), None)
        if host is None or host.getparent() is None:
            continue
        for paragraph in reversed(box.findall(f"{_W}p")):
            host.addnext(copy.deepcopy(paragraph))


def _replace(element: Any, children: list[Any]) -> None:
    parent = element.getparent()
    if parent is None:
        return
    place = parent.index(element)
    parent.remove(element)
    for child in reversed(children):
        parent.insert(place, child)
