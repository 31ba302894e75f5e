"""The settings in force, read from where an operator puts them.

A setting comes from a ``MUNIMENT_…`` variable, else from ``muniment.toml`` (in the data
folder, or the file that ``MUNIMENT_CONFIG`` names), else from its default. An unknown or
unreadable setting stops the start: a typing mistake must not quietly mean the default.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args

from app.settings_check import BadSetting, check
from app.settings_values import PREFIX, Settings

__all__ = ["PREFIX", "BadSetting", "Settings", "describe", "load", "secret"]

_NOT_SETTINGS = frozenset({"MUNIMENT_CONFIG", "MUNIMENT_TOKEN", "MUNIMENT_CORPUS", "MUNIMENT_SERVICES"})


def load(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings in force: what is ``given`` (not ``None``), else variables, else the file, else defaults.

    Raises:
        BadSetting: an unknown name, or a value of the wrong kind; says which.
    """
    env = os.environ if environment is None else environment
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    from_variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in env.items()
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS
    }
    chosen_data = given.get("data") or from_variables.get("data") or str(known["data"].default)
    for name, value in _from_file(Path(env.get("MUNIMENT_CONFIG", Path(str(chosen_data)) / "muniment.toml"))).items():
        if name == "test_clock":
            raise BadSetting("test_clock is for tests: it is taken from the variable only")
        values[name] = _read(known, name, value, "muniment.toml")
    for name, text in from_variables.items():
        values[name] = _read(known, name, text, PREFIX + name.upper())
    values |= {name: value for name, value in given.items() if value is not None}
    settings = Settings(**values)
    check(settings)
    return settings


def describe() -> list[tuple[str, str, str, str]]:
    """For the documentation: variable, kind, default, meaning of every setting."""
    rows = []
    for f in fields(Settings):
        default = "" if f.default in (None, MISSING, "") else str(f.default)
        rows.append((PREFIX + f.name.upper(), _kind(f), default, f.metadata["meaning"]))
    return rows


def secret(settings: Settings, name: str) -> str:
    """What the file holds that the setting ``name`` points to, without white space around it.

    Raises:
        BadSetting: the setting is empty, or the file cannot be read or is empty.
    """
    path: Path | None = getattr(settings, name)
    try:
        text = path.read_text("utf-8").strip() if path is not None else ""
    except (OSError, ValueError):
        text = ""
    if not text:
        raise BadSetting(f"{name} names a file that holds the secret; it is not set, missing, empty or unreadable")
    return text


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path.name} cannot be read: {error}") from error


def _read(known: Mapping[str, Field[Any]], name: str, value: Any, where: str) -> Any:
    if name not in known:
        raise BadSetting(f"{where}: there is no setting {name}")
    kind = _kind(known[name])
    text = str(value).strip()
    try:
        if kind == "bool":
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        if kind == "int":
            return int(text)
    except (KeyError, ValueError):
        raise BadSetting(f"{where}: {name} takes {'a number' if kind == 'int' else 'true or false'}") from None
    if kind == "path":
        return Path(text).expanduser() if text else None
    return text


def _kind(f: Field[Any]) -> str:
    types = get_args(f.type) or (f.type,)
    return "path" if Path in types else {bool: "bool", int: "int"}.get(types[0], "text")
