"""A witness of other people's logs: what an auditor runs on a machine of their own, without a data folder."""

import json
import secrets
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import options_of
from core.clock import SystemClock
from core.errors import Invalid

cli = typer.Typer()


class BadAddress(Invalid):
    """The address to listen on cannot be used."""

    code = "witness_address"


@cli.command()
def witness(
    context: typer.Context,
    state: Annotated[Path, typer.Option(help="File that remembers how far each log was seen; made with the key.")],
    key: Annotated[Path, typer.Option(help="File of the key that cosigns; made where there is none.")],
    log: Annotated[
        list[str], typer.Option(help="Verifier key of a log, as `muniment audit key` prints it; may be repeated.")
    ],
    listen: Annotated[str, typer.Option(help="Address and port; port 0 takes a free one.")] = "127.0.0.1:8471",
    name: Annotated[str, typer.Option(help="Name for a new key; default: a random one.")] = "",
) -> None:
    """Cosign what the named logs submit, as long as each of them only grows; C2SP tlog-witness."""
    # Here: no other command serves this.
    from audit.note import parse_vkey
    from audit.witness import Witness
    from audit.witness_server import WitnessServer

    options = options_of(context)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BadAddress("it reads like 127.0.0.1:8471")
    logs = [parse_vkey(line.strip()) for line in log]
    name = name or f"witness.local/{secrets.token_hex(8)}"
    opened = Witness.open(key, state, logs, SystemClock(), name=name)
    with WitnessServer((host.strip("[]"), int(port)), opened) as server:
        address = f"http://{host}:{server.server_address[1]}"
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        # The line that the log's policy file needs.
        line = f"witness {opened.vkey.name} {opened.vkey} {address}"
        if options.as_json:
            line = json.dumps({"address": address, "key": str(opened.vkey), "policy": line})
        typer.echo(line)
        server.serve_forever(poll_interval=0.2)
