"""Runs the web application: uvicorn in this process, stopped by an event, with its address written down.

``run/address.json`` holds ``{"url", "pid"}`` from the moment the server listens until it
stops: the command line and the tests find the server by it. Standard output gets the address,
and the one-time set-up link while nobody has an account.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import threading
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import uvicorn

from accounts import setup
from api.app import create_app
from api.wire import Wire
from app.build import build
from app.celery_app import Waker, make
from app.folders import folder_of
from app.process import keep_what_is_loaded
from app.runtime import Runtime
from app.settings import Settings
from core.errors import Unavailable

log = logging.getLogger("muniment.server")

STOP_SECONDS = 8
"""For requests under way when the server is told to stop."""


class AddressInUse(Unavailable):
    """Something else uses the address of the web server."""

    code = "address_in_use"


def serve(settings: Settings, stopping: threading.Event) -> int:
    """Serve until ``stopping`` is set; returns the exit code, 1 where the address is taken."""
    folder = folder_of(settings)
    runtime = build(settings, wake=Waker(make(settings)))
    written = folder.run / "address.json"
    try:
        listener = listen(settings)
    except Unavailable as error:
        sys.stderr.write(f"{error.title()}: {error.detail}\n")
        runtime.close()
        return 1
    try:
        url = url_of(settings, listener)
        _write(written, {"url": url, "pid": os.getpid()})
        _greet(runtime, url)
        _keep_what_is_freed()
        server = server_for(runtime)
        keep_what_is_loaded()
        asyncio.run(_run(server, listener, stopping))
    finally:
        written.unlink(missing_ok=True)
        listener.close()
        runtime.close()
    return 0


def server_for(runtime: Runtime) -> uvicorn.Server:
    """The web server on ``runtime``, not yet running."""
    settings = runtime.settings
    return uvicorn.Server(
        uvicorn.Config(
            create_app(runtime),
            http=Wire,
            loop="asyncio",
            ws="none",
            lifespan="on",
            # Ours, in api.edge, holds no address and no query.
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            proxy_headers=settings.behind_proxy,
            forwarded_allow_ips="*" if settings.behind_proxy else None,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def listen(settings: Settings) -> socket.socket:
    """A socket that listens on the address of the settings.

    Raises:
        AddressInUse: something else does, or there is no such address here.
    """
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    try:
        family = socket.AF_INET6 if isinstance(ip_address(host), IPv6Address) else socket.AF_INET
    except ValueError:
        family = socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only where it reads TCP here: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise AddressInUse(f"free port {settings.port} of {settings.host}, or choose another --port") from error
    listener.set_inheritable(False)
    return listener


def url_of(settings: Settings, listener: socket.socket) -> str:
    """How the server is reached from this machine, or as the settings say that people reach it."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    scheme = "https" if settings.tls_certificate is not None else "http"
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"


async def _run(server: uvicorn.Server, listener: socket.socket, stopping: threading.Event) -> None:
    def wait() -> None:
        stopping.wait()
        server.should_exit = True

    threading.Thread(target=wait, name="stop", daemon=True).start()
    # In the main thread uvicorn takes SIGTERM, stops, and raises it again for the caller's own handler.
    await server.serve([listener])


def _greet(runtime: Runtime, url: str) -> None:
    lines = [f"Muniment is at {url}"]
    now = runtime.clock.now()
    with runtime.main.read() as session:
        is_new = setup.needs_first_account(session) and setup.is_open(session, now)
    if is_new:
        with runtime.main.write() as session:
            secret = setup.new_link_token(session, at=now)
        lines.append(f"Make the first account at {url}/setup?token={secret}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _keep_what_is_freed() -> None:
    """Have glibc keep freed memory for the next piece of a large upload: it does once a larger block was freed.

    Until then it gives the memory back, and the system clears fresh pages for every piece.
    """
    bytearray(8 * 1024 * 1024)


def _write(path: Path, value: dict[str, object]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value))
    draft.replace(path)
