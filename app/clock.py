"""Which clock an installation goes by.

The machine's, always, but for an archive that was made to be tested: its clock may be moved on, so that a story of
years is told in a minute. That stands in the archive from its first start and cannot be added later. Otherwise
whoever starts the program could let every retention period end today.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from app.folders import folder_of
from app.settings import BadSetting, Settings
from core.clock import Clock, SystemClock


class MovedClock:
    """The machine's clock, ahead by as many seconds as a file says at this moment; it never goes back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = -1
        self._ahead = timedelta(0)
        self._machine = SystemClock()

    def now(self) -> datetime:
        """The present instant of the archive."""
        changed = self._file.stat().st_mtime_ns
        if changed != self._seen:
            text = self._file.read_text("ascii").strip()
            # A file that is being written is read again at the next call.
            if text.isdigit():
                self._seen, self._ahead = changed, max(self._ahead, timedelta(seconds=int(text)))
        return self._machine.now() + self._ahead


def permit(settings: Settings, has_begun: Callable[[Settings], bool]) -> None:
    """Mark an archive that has not begun yet as one for tests, where the settings say so."""
    if settings.test_clock and not (file := _file_of(settings)).exists() and not has_begun(settings):
        file.write_text("0\n", "ascii")


def clock_of(settings: Settings) -> Clock:
    """The clock to go by.

    Raises:
        BadSetting: a clock is to be moved in an archive that was not made for tests.
    """
    if not settings.test_clock:
        return SystemClock()
    file = _file_of(settings)
    if not file.exists():
        raise BadSetting("test_clock is set, and this archive was not made for tests: its clock cannot be moved")
    return MovedClock(file)


def _file_of(settings: Settings) -> Path:
    """Each process of the distributed shape has a data folder of its own: the folder of the keys is one for all."""
    return settings.keys_folder / "test-clock" if settings.is_distributed else folder_of(settings).test_clock
