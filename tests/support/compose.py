"""docker-compose.yml and what is laid over it, read as Docker Compose reads them as far as these files go."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "docker-compose.yml"
OVERLAYS = sorted((ROOT / "deploy").glob("*.yml"))
OWN_IMAGE = "muniment:"
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?([-?])([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """YAML with Compose's two tags: what they mark is kept as it is."""


_Loader.add_constructor("!reset", lambda loader, node: None)
_Loader.add_constructor("!override", lambda loader, node: loader.construct_mapping(node, deep=True))


def read(path: Path) -> dict[str, Any]:
    """The file, anchors and merges resolved, variables as written."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)
    return loaded


def services(path: Path = BASE) -> dict[str, dict[str, Any]]:
    """The services of a file by name; those that an overlay takes away are left out."""
    return {name: service for name, service in read(path)["services"].items() if service is not None}


def own(path: Path = BASE) -> dict[str, dict[str, Any]]:
    """The services of a file that run Muniment's image."""
    return {name: each for name, each in services(path).items() if each.get("image", "").startswith(OWN_IMAGE)}


def environment(service: dict[str, Any]) -> dict[str, str]:
    """The variables of a service, with every ``${NAME:-default}`` as it is where nobody set ``NAME``."""
    return {name: with_defaults(str(value)) for name, value in service.get("environment", {}).items()}


def with_defaults(text: str) -> str:
    """``text`` where no variable is set."""
    return _VARIABLE.sub(lambda found: found[3] or "" if found[2] == "-" else "", text).replace("$$", "$")


def variables(path: Path) -> list[tuple[str, str | None]]:
    """Each variable that a file asks for, with ``-`` (has a default), ``?`` (has to be set) or ``None``."""
    return [(found[1], found[2]) for found in _VARIABLE.finditer(path.read_text("utf-8"))]
