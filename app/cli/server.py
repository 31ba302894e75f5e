"""Commands for whoever runs the machine: serve, doctor."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app import settings as all_settings
from app.cli.options import options_of
from app.folders import folder_of
from app.settings import Settings

cli = typer.Typer()


@cli.command()
def serve(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Serve Muniment until told to stop (Ctrl C)."""
    _serve(all_settings.load(data=data or options_of(context).data, host=host, port=port))


@cli.command()
def demo(port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None) -> None:
    """Serve a throw-away archive with sample people and sixty made-up documents."""
    from app.demo import fill, forget, introduce, new_folder

    folder = new_folder()
    try:
        chosen = all_settings.load({}, data=folder, demo=True, port=port)
        typer.echo("Making the sample documents …")
        fill(chosen)
        introduce()
        _serve(chosen)
    finally:
        forget(folder)


def _serve(chosen: Settings) -> None:
    from app import logs
    from app.supervisor import NotPrepared, Supervisor

    logs.set_up(chosen.log_level, "supervisor")
    folder = folder_of(chosen)
    folder.make(chosen.keys_folder)
    with folder.served():
        supervisor = Supervisor(chosen, folder, os.environ)
        try:
            supervisor.prepare()
        except NotPrepared:
            raise typer.Exit(1) from None
        supervisor.run()


@cli.command()
def doctor(context: typer.Context) -> None:
    """What is in force and what is missing, on this machine and its servers; exit 1 when something is wrong."""
    from app.doctor import examine

    options = options_of(context)
    is_well = True
    for found in examine(all_settings.load(data=options.data)):
        is_well = is_well and found.ok
        if options.as_json:
            typer.echo(json.dumps(asdict(found), ensure_ascii=False))
            continue
        typer.echo(f"{found.what:28} {found.state if found.ok else f'WRONG: {found.state}'}")
        if found.advice:
            typer.echo(f"{'':28} {found.advice}")
    if not is_well:
        raise typer.Exit(1)
