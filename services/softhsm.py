"""SoftHSM2: a PKCS#11 module that keeps its tokens in files. No process, no port.

The library runs inside the process that uses it, as its user, and reads ``SOFTHSM2_CONF`` when it is
first loaded; tokens made later are seen by processes that load it later.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from . import packages, process
from .places import Missing
from .server import Command, NotAnswering, Server

_MODULES = ("/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib/softhsm/libsofthsm2.so")


@dataclass(frozen=True, slots=True)
class Token:
    """One initialised, empty token, and what a process needs to use it."""

    label: str
    pin: str
    module: Path
    """The PKCS#11 library."""
    configuration: Path
    """What the environment variable ``SOFTHSM2_CONF`` must name before the library is loaded."""


class SoftHSM(Server):
    """A folder of tokens; ``stop`` takes it away and ``start`` brings it back, as with a cable."""

    name: ClassVar[str] = "softhsm"
    port_names: ClassVar[tuple[str, ...]] = ()
    secret_names: ClassVar[tuple[str, ...]] = ("pin", "so_pin")
    folder_names: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def missing_packages(cls) -> list[str]:
        return [] if packages.find_program("softhsm2-util") and _module() else ["softhsm2"]

    @classmethod
    def version(cls) -> str:
        return packages.printed_version(packages.program("softhsm2-util", "softhsm2"), "--version")

    @property
    def configuration(self) -> Path:
        """The configuration file of the library."""
        return self.folder / "softhsm2.conf"

    @property
    def _away(self) -> Path:
        return self.folder / "data-away"

    def prepare(self) -> None:
        if self._away.exists():
            self._away.rename(self.data)
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.configuration.write_text(
            f"directories.tokendir = {self.data}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )

    def commands(self) -> list[Command]:
        return []

    def runs(self) -> bool:
        return self.data.exists()

    def ask(self) -> None:
        if "Slot" not in self._util("--show-slots"):
            raise NotAnswering("SoftHSM shows no slot")

    def settle(self) -> None:
        if "muniment" not in self._util("--show-slots"):
            self._make("muniment")

    def facts(self) -> dict[str, Any]:
        return {
            "module": str(_module()),
            "configuration": str(self.configuration),
            "token": "muniment",
            "pin": self.secrets["pin"],
        }

    def new_token(self) -> Token:
        """A fresh, empty token."""
        label = f"t-{secrets.token_hex(6)}"
        self._make(label)
        module = _module()
        if module is None:
            raise Missing("libsofthsm2.so is not installed: apt-get install --no-install-recommends softhsm2")
        return Token(label, self.secrets["pin"], module, self.configuration)

    def stop(self) -> None:
        """Take all tokens away. Processes that hold a session on one notice at their next call."""
        if self.data.exists():
            self.data.rename(self._away)

    def kill(self) -> None:
        """As :meth:`stop`: there is no process to kill."""
        self.stop()

    def pause(self) -> None:
        """Cannot be done: there is no process to pause."""
        raise NotImplementedError("a token in files cannot be paused")

    def resume(self) -> None:
        """Nothing to do."""

    def _make(self, label: str) -> None:
        self._util(
            "--init-token", "--free", "--label", label,
            "--pin", self.secrets["pin"], "--so-pin", self.secrets["so_pin"],
        )  # fmt: skip

    def _util(self, *words: str) -> str:
        try:
            return process.run(
                [packages.program("softhsm2-util", "softhsm2"), *words],
                folder=self.folder,
                environment={"SOFTHSM2_CONF": str(self.configuration)},
                as_server=False,
            )
        except RuntimeError as reason:
            raise NotAnswering(str(reason)) from reason


def _module() -> Path | None:
    for pattern in _MODULES:
        if found := sorted(Path("/").glob(pattern.lstrip("/"))):
            return found[0]
    return None
