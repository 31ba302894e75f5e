"""The commands on retention, gathered: each module adds its own."""

import typer

from app.cli import dispositions, outside, packages, retention_dates, retention_rules, retention_runs, retention_terms

cli = typer.Typer(no_args_is_help=True, help="Retention: the jobs and their reports.")
cli.add_typer(retention_runs.cli)
cli.add_typer(retention_dates.cli)
cli.add_typer(dispositions.cli, name="dispositions")
cli.add_typer(dispositions.certificates, name="certificates")
cli.add_typer(packages.cli, name="packages")
cli.add_typer(packages.keepings, name="keepings")
cli.add_typer(outside.copies, name="copies")
cli.add_typer(outside.wrong_uploads, name="wrong-uploads")
cli.add_typer(retention_rules.cli, name="rules")
cli.add_typer(retention_terms.cli, name="terms")
