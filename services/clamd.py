"""clamd with one signature: the EICAR test file. Nothing is downloaded, so it finds nothing else.

Speaks the protocol of clamd(8) over TCP: ``zPING``, ``zINSTREAM`` with chunks led by their length.
"""

import socket
import struct
from typing import Any, ClassVar

from . import packages, places
from .places import LOOPBACK
from .server import Command, NotAnswering, Server

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file that every scanner reports; in two pieces here, so that none reports this module."""
SIGNATURE = "Eicar-Test-Signature"


class Clamd(Server):
    """One clamd on TCP."""

    name: ClassVar[str] = "clamd"

    @classmethod
    def missing_packages(cls) -> list[str]:
        return [] if packages.find_program("clamd") else ["clamav-daemon"]

    @classmethod
    def version(cls) -> str:
        return packages.printed_version(packages.program("clamd", "clamav-daemon"), "--version")

    def prepare(self) -> None:
        # Extended signatures: name, type of file (0 is any), offset (* is anywhere), bytes in hexadecimal.
        places.write_for_server(self.data / "eicar.ndb", f"{SIGNATURE}:0:*:{EICAR.hex()}\n")
        places.write_for_server(
            self.folder / "config" / "clamd.conf",
            f"DatabaseDirectory {self.data}\nTemporaryDirectory {self.folder / 'tmp'}\n"
            f"TCPAddr {LOOPBACK}\nTCPSocket {self.port}\nForeground yes\nMaxThreads 4\n",
        )

    def commands(self) -> list[Command]:
        configuration = self.folder / "config" / "clamd.conf"
        return [Command([packages.program("clamd", "clamav-daemon"), "--config-file", configuration])]

    def ask(self) -> None:
        if (answer := self._talk(b"zPING\0")) != b"PONG\0":
            raise NotAnswering(f"clamd says {answer!r}")

    def facts(self) -> dict[str, Any]:
        return {"host": LOOPBACK, "port": self.port, "signature": SIGNATURE}

    def scan(self, content: bytes) -> str:
        """clamd's verdict on ``content``: ``stream: OK`` or ``stream: <signature>… FOUND``."""
        chunk = struct.pack(">I", len(content)) + content + struct.pack(">I", 0)
        return self._talk(b"zINSTREAM\0" + chunk).rstrip(b"\0").decode()

    def _talk(self, question: bytes) -> bytes:
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(question)
            answer = b""
            while not answer.endswith(b"\0") and (more := connection.recv(4096)):
                answer += more
        return answer
