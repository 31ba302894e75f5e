"""The services beside the archive: key service and malware scanner. Whether they answer, asked with little patience.

Nothing that they answer is kept or told.
"""

import threading
from collections.abc import Callable, Iterator

from app.settings import Settings
from core.errors import MunimentError, Unavailable
from ingest.clamd import Scanner
from vault.keyring import Keyring

PATIENCE_SECONDS = 2.0


class ServiceSilent(Unavailable):
    """The service gave no answer within two seconds."""

    code = "service_silent"


class Service:
    """One of them. A call that never returns is waited for once, and keeps one thread and no more."""

    def __init__(self, name: str, ask: Callable[[], object]) -> None:
        """``name`` as readiness tells it; ``ask`` raises what is wrong."""
        self.name = name
        self._ask = ask
        self._asking: threading.Thread | None = None

    def check(self) -> None:
        """Pass, or tell what is wrong.

        Raises:
            MunimentError: as ``ask`` does.
            ServiceSilent: it does not answer in time, or still has not answered the last question.
        """
        if self._asking is not None and self._asking.is_alive():
            raise ServiceSilent
        wrong: list[Exception] = []

        def ask() -> None:
            try:
                self._ask()
            except Exception as error:
                wrong.append(error)

        self._asking = threading.Thread(target=ask, name=f"ask-{self.name}", daemon=True)
        self._asking.start()
        self._asking.join(PATIENCE_SECONDS)
        if self._asking.is_alive():
            raise ServiceSilent
        for error in wrong:
            raise error if isinstance(error, MunimentError) else Unavailable(type(error).__name__)


def services(settings: Settings, keys: Callable[[], Keyring]) -> Iterator[Service]:
    """Those of the settings; a key file is no service. ``keys`` is called in time, too."""
    if settings.pkcs11_module is not None:
        yield Service("keys", lambda: keys().fingerprint("readiness", b""))
    if settings.clamd:
        yield Service("scanner", lambda: Scanner(settings.clamd).ping())
