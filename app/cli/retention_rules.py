"""Commands on the retention schedule: list, export, import, compare, take-pack, publish, refuse.

Drafting and publishing are two persons. The operator of the machine is never the second one, so that publishing
takes the token of an officer.
"""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from accounts import entities
from accounts.entities import LegalEntity
from accounts.principal import Principal
from app.cli.arguments import to_day, to_id
from app.cli.options import options_of
from app.cli.session import Session, opened
from core.clock import civil_date
from core.database import ReadSession
from core.errors import Invalid, NotFound
from retention import packs, schedule, schedule_compare, schedule_files
from retention.rule_object import rule_objects
from retention.schedule_compare import Comparison

cli = typer.Typer(no_args_is_help=True, help="The retention schedule: rules in versions, starter packs, files.")
Entity = Annotated[str, typer.Option(help="Name of the legal entity, where there are several.")]
On = Annotated[str, typer.Option(help="As it was on that day, such as 2026-12-31; today by default.")]
Simulation = Annotated[str, typer.Option(help="Id of the simulation that was looked at.")]


@cli.command("list")
def list_(
    context: typer.Context,
    entity: Entity = "",
    on: On = "",
    state: Annotated[str, typer.Option(help=f"One of {', '.join(schedule.STATES)}; what is in force by default.")] = "",
) -> None:
    """The rules in force on a day, or the versions in a state."""
    if state and state not in schedule.STATES:
        raise Invalid(f"a state is one of {', '.join(schedule.STATES)}")
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            home = _entity(reading, by, entity)
            today = civil_date(session.runtime.clock.now(), home.zone)
            rows = schedule.listed(reading, home.id, by=by, states=(state,) if state else schedule.STATES)
            if not state:
                held = {rule.id for rule in schedule.published(reading, home.id, to_day(on) if on else today)}
                rows = [row for row in rows if row.id in held]
            for told, row in zip(rule_objects(reading, home.id, rows, today), rows, strict=True):
                stated = row.draft
                words = (
                    f"{row.code:36} v{row.version:<3} {row.jurisdiction}  {stated.period.text:7} {stated.trigger:24} "
                    f"{stated.bound:11} {row.state:10} {', '.join(told['warnings'])}  {row.id}"
                )
                session.emit(_plain(told), words)


@cli.command()
def export(
    context: typer.Context,
    entity: Entity = "",
    on: On = "",
    form: Annotated[str, typer.Option("--format", help="yaml or csv; by the file's name otherwise.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; standard output otherwise.")] = None,
) -> None:
    """The rules in force on a day as YAML or CSV; import takes them back."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            home = _entity(reading, by, entity)
            rows = {row.id: row for row in schedule.listed(reading, home.id, by=by)}
            day = to_day(on) if on else civil_date(session.runtime.clock.now(), home.zone)
            held = sorted(schedule.published(reading, home.id, day), key=lambda rule: rule.version)
            newest = {rule.code: rows[rule.id].draft for rule in held}
        text = schedule_files.write(newest.values(), _format(form, out))
        if out is None:
            typer.echo(text, nl=False)
            return
        out.write_text(text, "utf-8", newline="")
        session.emit({"file": str(out), "rules": len(newest)}, f"{out}: {len(newest)} rules")


@cli.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or CSV, by its name.")],
    entity: Entity = "",
    form: Annotated[str, typer.Option("--format", help="yaml or csv, where the name does not say it.")] = "",
) -> None:
    """Take the rules of a file as drafts. What is there as stated is left alone; a bad row, and nothing is taken."""
    with opened(options_of(context)) as session:
        by = session.principal()
        stated = schedule_files.parse(file.read_bytes(), _format(form, file))
        with session.runtime.main.write() as writing:
            home = _entity(writing, by, entity)
            batch, known = schedule.take_file(writing, home.id, stated, by=by, at=session.runtime.clock.now())
        session.settle()
        _taken(session, batch, len(stated) - known, known)


@cli.command("take-pack")
def take_pack(
    context: typer.Context,
    country: Annotated[str, typer.Argument(help=f"One of {', '.join(packs.countries())}.")],
    entity: Entity = "",
) -> None:
    """Take a starter pack as drafts, for somebody else to publish; while the set-up is open it is in force at once."""
    with opened(options_of(context)) as session:
        by = session.operator()
        pack = packs.load(country.upper())
        with session.runtime.main.write() as writing:
            home, now = _entity(writing, by, entity), session.runtime.clock.now()
            at_once = schedule.takes_by_one_hand(writing, home.id, by=by, at=now)
            before = len(schedule.newest_of(writing, home.id))
            batch = schedule.take_pack(writing, home.id, pack.jurisdiction, by=by, at=now)
            drafts = len(schedule.newest_of(writing, home.id)) - before
        session.settle()
        _taken(session, batch, drafts, len(pack.rules) - drafts, at_once=at_once)


@cli.command()
def publish(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="Id of a draft, or of a batch of drafts.")],
    simulation: Simulation = "",
) -> None:
    """Publish a draft, or all drafts of a pack or file, that somebody else made."""
    with opened(options_of(context)) as session:
        by, wanted = session.principal(), to_id(version)
        looked_at = to_id(simulation) if simulation else None
        with session.runtime.main.write() as writing:
            now = session.runtime.clock.now()
            if schedule.drafts_of(writing, wanted, by=by):
                rows = schedule.publish_batch(writing, wanted, simulation=looked_at, by=by, at=now)
            else:
                rows = [schedule.publish(writing, wanted, simulation=looked_at, by=by, at=now)]
            home = entities.get(writing, rows[0].entity)
            told = rule_objects(writing, home.id, rows, civil_date(now, home.zone))
        session.settle()
        for each in told:
            session.emit(_plain(each), f"{each['code']}, version {each['version']}: in force on {each['in_force_on']}")


@cli.command()
def refuse(context: typer.Context, version: Annotated[str, typer.Argument(help="Id of a draft.")]) -> None:
    """Refuse a draft, or take one's own back."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.write() as writing:
            row = schedule.refuse(writing, to_id(version), by=by, at=session.runtime.clock.now())
            told = {"id": str(row.id), "code": row.code, "version": row.version, "state": row.state}
        session.settle()
        session.emit(told, f"{told['code']}, version {told['version']}: refused")


@cli.command()
def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="The earlier day, or the country of a starter pack.")],
    after: Annotated[str, typer.Argument(help="The later day; today by default.")] = "",
    entity: Entity = "",
) -> None:
    """What came, went and changed between two days, or beside a starter pack."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            home = _entity(reading, by, entity)
            later = to_day(after) if after else civil_date(session.runtime.clock.now(), home.zone)
            if before.upper() in packs.countries():
                found = schedule_compare.with_pack(reading, home.id, before.upper(), later, by=by)
            else:
                found = schedule_compare.days(reading, home.id, to_day(before) if before else later, later, by=by)
        session.emit(_comparison(found), "\n".join(_lines(found)))


def _taken(session: Session, batch: UUID | None, drafts: int, known: int, *, at_once: bool = False) -> None:
    told = {"batch": str(batch) if batch else None, "drafts": drafts, "known": known, "published": at_once}
    if batch is None:
        session.emit(told, f"nothing new: {known} rules are there as stated")
    elif at_once:
        session.emit(told, f"{drafts} rules in force; have counsel review them")
    else:
        session.emit(told, f"{drafts} drafts, {known} there as stated; another person publishes them: {batch}")


def _comparison(found: Comparison) -> dict[str, Any]:
    """As the REST resource has it."""
    told: dict[str, Any] = {"same": found.same}
    for name in ("added", "removed", "changed"):
        told[name] = [
            {
                "code": each.code,
                "before": each.before,
                "after": each.after,
                "loosens": list(each.loosens),
                "fields": [{"field": key, "before": one, "after": other} for key, one, other in each.fields],
            }
            for each in getattr(found, name)
        ]
    return told


def _lines(found: Comparison) -> list[str]:
    lines = [f"+ {each.code}" for each in found.added] + [f"- {each.code}" for each in found.removed]
    for each in found.changed:
        lines.append(f"~ {each.code}{' (keeps less)' if each.loosens else ''}")
        lines += [f"    {key}: {one or '–'} -> {other or '–'}" for key, one, other in each.fields]
    return [*lines, f"{found.same} the same"]


def _entity(reading: ReadSession, by: Principal, name: str) -> LegalEntity:
    known = entities.everything(reading)
    own = known if by.kind == "system" else [row for row in known if by.may("retention.read", entity=row.id)]
    found = [row for row in own if row.name == name] if name else own
    if len(found) != 1:
        raise NotFound(f"name one of your legal entities by --entity: {', '.join(row.name for row in own)}")
    return found[0]


def _format(text: str, file: Path | None) -> schedule_files.Format:
    wanted = text or (file.suffix.lstrip(".").lower() if file is not None else "yaml")
    if wanted in ("yaml", "yml"):
        return "yaml"
    if wanted == "csv":
        return "csv"
    raise Invalid("say --format yaml or --format csv")


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """For JSON, as REST writes it."""
    found: dict[str, Any] = json.loads(json.dumps(told, default=_written))
    return found


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)
