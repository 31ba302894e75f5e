"""Makes the pages of the documentation that say what the code says: ``make docs``.

``docs/settings.md``, ``docs/errors.md``, ``docs/roles.md``, ``docs/audit-events.md`` and
``docs/file-plan.md``. A test holds the stored pages against what this module makes now.
"""

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import accounts
import api
import app as app_package
import audit
import core
import exports
import ingest
import records
import retention
import search
import vault
from accounts.permissions import PERMISSIONS, ROLE_MEANINGS, ROLE_PERMISSIONS, ROLES
from app import schema, settings
from audit.events import catalogue
from core.errors import Conflict, Forbidden, IntegrityFailure, Invalid, MunimentError, NotFound, Unavailable
from records import file_plan

FOLDER = Path(__file__).parent
_BRANCHES: tuple[tuple[type[MunimentError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Invalid, 422),
    (Conflict, 409),
    (Unavailable, 503),
    (IntegrityFailure, 500),
)
_NOT_IMPORTED = ("app.migrations", "ingest.child", "api.__main__", "app.process")
_MADE = "<!-- Made by `make docs` from the code: change it there. -->\n\n"


def pages() -> dict[str, str]:
    """The text of each page by file name."""
    return {
        "settings.md": _settings(),
        "errors.md": _errors(),
        "roles.md": _roles(),
        "audit-events.md": _events(),
        "file-plan.md": _file_plan(),
    }


def changed() -> dict[str, str]:
    """The pages that are not as stored, by file name."""
    stored = {name: FOLDER / name for name in pages()}
    return {
        name: text
        for name, text in pages().items()
        if not stored[name].exists() or stored[name].read_text("utf-8") != text
    }


def write() -> list[str]:
    """Write the pages that are not as stored; tells which."""
    found = changed()
    for name, text in found.items():
        (FOLDER / name).write_text(text, "utf-8")
    return sorted(found)


def load_everything() -> None:
    """Import every module, so that every error and event is known."""
    for package in (core, vault, audit, accounts, records, ingest, search, retention, exports, app_package, api):
        for module in walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.startswith(_NOT_IMPORTED):
                import_module(module.name)


def _settings() -> str:
    rows = [
        f"| `{name}` | {kind} | {f'`{default}`' if default else ''} | {meaning} |"
        for name, kind, default, meaning in settings.describe()
    ]
    return (
        "# Settings\n\n"
        + _MADE
        + "A setting is a variable of the environment, or a line in `muniment.toml` in the data folder under the\n"
        "same name in lower case without `MUNIMENT_`. An unknown name or a value of the wrong kind stops the start.\n\n"
        "| variable | kind | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _errors() -> str:
    load_everything()
    text = (
        "# Error codes\n\n"
        + _MADE
        + "`code` in a problem document (RFC 9457) is stable; the sentence beside it may be reworded.\n"
    )
    for branch, status in _BRANCHES:
        text += f"\n## {branch.title()} ({status})\n\n| code | title |\n|---|---|\n"
        found = {each.code: each.title() for each in _below(branch) if "code" in each.__dict__}
        text += "\n".join(f"| `{code}` | {title} |" for code, title in sorted(found.items())) + "\n"
    return text


def _below(cls: type[MunimentError]) -> list[type[MunimentError]]:
    return [cls, *(leaf for child in cls.__subclasses__() for leaf in _below(child))]


def _roles() -> str:
    head = "| permission | meaning | " + " | ".join(role.replace("_", " ") for role in ROLES) + " |"
    rows = []
    for permission, (scope, meaning) in PERMISSIONS.items():
        marks = " | ".join("yes" if permission in ROLE_PERMISSIONS[role] else "" for role in ROLES)
        rows.append(f"| `{permission}` ({scope}) | {meaning} | {marks} |")
    meanings = "\n".join(f"- **{role.replace('_', ' ')}**: {ROLE_MEANINGS[role]}." for role in ROLES)
    return (
        "# Roles and permissions\n\n"
        + _MADE
        + "What no row gives, nobody has. In brackets: the scope an API token needs.\n\n"
        + meanings
        + "\n\n"
        + head
        + "\n|"
        + "---|" * (2 + len(ROLES))
        + "\n"
        + "\n".join(rows)
        + "\n"
    )


def _events() -> str:
    assert schema.MAIN.tables
    text = (
        "# Audit events\n\n"
        + _MADE
        + "Every action of the log with its details. The bytes are described in `audit-format.md`.\n"
    )
    for entry in catalogue():
        text += f"\n## `{entry['action']}`\n\n{entry['description']} ({entry['use']})\n"
        if entry["details"]:
            text += "\n" + "\n".join(f"- `{d['key']}` ({d['type']}): {d['meaning']}" for d in entry["details"]) + "\n"
    return text


def _file_plan() -> str:
    text = (
        "# The starter file plan\n\n"
        + _MADE
        + "| class | title | sensitivity | read by | a machine may file it |\n|---|---|---|---|---|\n"
    )
    plan = file_plan.load()
    for each in plan:
        depth = len(plan.ancestors(each.code))
        readers = (", ".join(sorted(each.readers)) or "nobody by default") + (
            " (named clerks)" if each.named_readers else ""
        )
        machine = "yes" if each.machine_files else ""
        indent = "&emsp;" * depth
        text += f"| {indent}`{each.code}` | {each.title} | {each.sensitivity} | {readers} | {machine} |\n"
    return text


if __name__ == "__main__":
    checking = sys.argv[1:] == ["--check"]
    different = sorted(changed()) if checking else write()
    sys.stdout.writelines(f"docs/{name}\n" for name in different)
    sys.exit(bool(different) and checking)
