"""Styles, scripts and htmx, served from memory under a path that changes with their content.

``/static/<digest>/…`` may be kept by browsers for ever, because another content has another
path. htmx comes from its wheel; nothing of others is copied into this repository.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from core.errors import NotFound

STYLES: Final = (
    "tokens",
    "base",
    "frame",
    "forms",
    "hold",
    "state",
    "table",
    "record-row",
    "search",
    "upload",
    "record",
    "review",
    "audit",
    "verify",
    "disposition",
    "schedule",
    "palette",
    "print",
)
"""In this order: later files may refine what earlier ones say."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    data: bytes
    media_type: str


class Assets:
    """All files the pages load, by name."""

    def __init__(self, found: dict[str, Asset]) -> None:
        self._found = found
        digest = hashlib.sha256()
        for name in sorted(found):
            digest.update(name.encode() + b"\0" + found[name].data)
        self.digest = digest.hexdigest()[:16]

    def get(self, name: str) -> Asset:
        """The file of that name.

        Raises:
            NotFound: there is none.
        """
        try:
            return self._found[name]
        except KeyError:
            raise NotFound("there is no such file") from None

    def url(self, name: str) -> str:
        """The path a page names the file by."""
        self.get(name)
        return f"/static/{self.digest}/{name}"


@lru_cache(maxsize=1)
def load() -> Assets:
    """The assets of this program, read once."""
    ours = files("api") / "static"
    styles = b"\n".join((ours / "css" / f"{name}.css").read_bytes() for name in STYLES)
    found = {"muniment.css": Asset(styles, "text/css")}
    for each in sorted((ours / "js").iterdir(), key=lambda item: item.name):
        if each.name.endswith(".js"):
            found[f"js/{each.name}"] = _asset(each)
    for each in sorted(ours.iterdir(), key=lambda item: item.name):
        if each.is_file():
            found[each.name] = _asset(each)
    found["htmx.js"] = _asset(files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js")
    return Assets(found)


def _asset(file: Traversable) -> Asset:
    suffix = "." + file.name.rpartition(".")[2]
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Asset(file.read_bytes(), media_type)
