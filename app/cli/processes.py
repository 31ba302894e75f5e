"""The processes of the distributed shape, each by itself: web, worker, beat, keeper; and migrate, which goes first.

``muniment serve`` starts all of them on one machine; in containers each is started alone, any
number of web servers and workers. Keeper and beat may be started twice: one acts, the other waits.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from app import process
from app import settings as all_settings
from app.cli.options import options_of
from app.folders import folder_of
from app.settings import Settings
from core.errors import Conflict, NotFound

cli = typer.Typer()

STALE_SECONDS = 90.0


class NeedsDatabase(Conflict):
    """This command is for the distributed shape."""

    code = "needs_database_setting"


class NotAlive(NotFound):
    """No process of that kind has said within 90 seconds that it is alive."""

    code = "process_not_alive"


@cli.command()
def migrate(context: typer.Context) -> None:
    """Make or migrate tables, rights, bucket, keys and log of the distributed shape; run it before each new version."""
    from app.prepare import prepare

    chosen = _distributed(context)
    prepare(chosen)
    typer.echo("ready")


@cli.command()
def web(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """One web server of the distributed shape."""
    chosen = _distributed(context, host=host, port=port)
    # It becomes the web server, as the supervisor's child does: nothing below the web knows it.
    os.execve(sys.executable, [sys.executable, "-m", "api"], os.environ | chosen.to_environment())  # noqa: S606 (our own program)


@cli.command()
def worker(
    context: typer.Context,
    queue: Annotated[
        list[str] | None, typer.Option(help="interactive, extraction, ocr, maintenance; may be repeated. Default: all.")
    ] = None,
) -> None:
    """One worker of the distributed shape, for some kinds of work or for all."""
    from app.celery_app import WORKED_BY_WORKER
    from app.worker import run

    chosen = _distributed(context)
    queues = tuple(queue or WORKED_BY_WORKER)
    if unknown := set(queues) - set(WORKED_BY_WORKER):
        raise typer.BadParameter(f"there is no queue {', '.join(sorted(unknown))}", param_hint="--queue")

    def work(chosen: Settings, stopping: threading.Event) -> int:
        return run(chosen, stopping, queues)

    raise typer.Exit(process.be("worker", work, chosen))


@cli.command()
def beat(context: typer.Context) -> None:
    """The clock of scheduled work; a second one stands by."""
    raise typer.Exit(process.be("beat", process.beat, _distributed(context)))


@cli.command()
def keeper(context: typer.Context) -> None:
    """The keeper of index and log; a second one stands by."""
    raise typer.Exit(process.be("keeper", process.keeper, _distributed(context)))


@cli.command()
def alive(context: typer.Context, name: Annotated[str, typer.Argument(help="worker, beat or keeper.")]) -> None:
    """Whether a process of that kind in this container did its rounds within the last 90 seconds; exit 1 if not."""
    path = folder_of(all_settings.load(data=options_of(context).data)).sign_of_life(name)
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        raise NotAlive(f"there is no sign of life of {name} here") from None
    if age > STALE_SECONDS:
        raise NotAlive(f"{name} was last seen {age:.0f} seconds ago")
    typer.echo("alive")


def _distributed(context: typer.Context, host: str | None = None, port: int | None = None) -> Settings:
    data: Path | None = options_of(context).data
    chosen = all_settings.load(data=data, host=host, port=port)
    if not chosen.is_distributed:
        raise NeedsDatabase("set MUNIMENT_DATABASE, or use muniment serve, which starts everything on this machine")
    folder_of(chosen).make(chosen.keys_folder)
    return chosen
