"""The font that converted pages are typeset in: the one Muniment depends on, else a usual one of this machine."""

import sys
import sysconfig
from pathlib import Path

FONT_FOLDERS: tuple[Path, ...] = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path(sys.prefix) / "share" / "fonts",
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
)
_OWN = "font_source_sans_pro/files/SourceSansPro-Regular.ttf"
_WANTED = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "FreeSans.ttf", "Arial Unicode.ttf")


def find_font() -> Path | None:
    """A sans-serif font with the letters of all European languages; ``None`` if there is none."""
    own = Path(sysconfig.get_path("purelib")) / _OWN
    if own.is_file():
        return own
    for name in _WANTED:
        for folder in FONT_FOLDERS:
            for path in sorted(folder.rglob(name)):
                return path
    return None
