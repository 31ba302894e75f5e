"""Commands for whoever runs the machine: serve, doctor."""

import os
import platform
import shutil
from pathlib import Path
from typing import Annotated

import typer

from app import settings as all_settings
from app.cli.options import options_of
from app.folders import folder_of
from app.settings import Settings
from core.errors import MunimentError

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
    """What is in force and what is missing on this machine."""
    from ingest import cage, ocr_models

    options = options_of(context)
    chosen = all_settings.load(data=options.data)
    folder = folder_of(chosen)
    lines = [("python", platform.python_version()), ("data folder", str(folder.root))]
    if folder.root.exists():
        free = shutil.disk_usage(folder.root).free
        lines.append(("free space", f"{free // 1024**2} MiB"))
        try:
            lines.append(("server", "running" if folder.is_served() else "not running"))
        except (OSError, MunimentError):
            lines.append(("server", "unknown: the data folder cannot be read"))
    lines += [(f"cage: {name}", state) for name, state in cage.in_force().items()]
    lines.append(
        ("text recognition", ", ".join(sorted(ocr_models.find_models(ocr_models.default_folders()))) or "no models")
    )
    for name, value in lines:
        if options.as_json:
            import json

            typer.echo(json.dumps({"what": name, "state": value}))
        else:
            typer.echo(f"{name:28} {value}")
