"""The font that converted pages are typeset in: whatever of the usual ones this machine has."""

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
_WANTED = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "FreeSans.ttf", "Arial Unicode.ttf")
_IN_PACKAGES = ("**/DejaVuSans.ttf", "**/NotoSans-Regular.ttf")


def find_font() -> Path | None:
    """A sans-serif font with the letters of all European languages; ``None`` if there is none."""
    for name in _WANTED:
        for folder in FONT_FOLDERS:
            for path in sorted(folder.rglob(name)):
                return path
    for pattern in _IN_PACKAGES:
        for path in sorted(Path(sysconfig.get_path("purelib")).glob(pattern)):
            return path
    return None
