"""docker-compose.yml and its overlays against the Compose specification's own schema.

The schema comes with the package check-jsonschema, so that nothing of others' lies in this repository.
"""

import json
import os
from copy import deepcopy
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support import compose

if find_spec("check_jsonschema") is None and not os.environ.get("CI"):
    pytest.skip("the package check-jsonschema is not here (make test installs it)", allow_module_level=True)

FILES = [compose.BASE, *compose.OVERLAYS]


@pytest.fixture(scope="module")
def validator() -> Any:
    from jsonschema.validators import validator_for

    place = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(place.read_text("utf-8"))
    return validator_for(schema)(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_is_what_compose_understands(path: Path, validator: Any) -> None:
    file = compose.read(path)
    # An overlay takes a service away by a tag; the schema knows only what is left.
    file["services"] = compose.services(path)
    assert [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(file)
    ] == []


def test_the_schema_notices_a_mistake(validator: Any) -> None:
    file = deepcopy(compose.read(compose.BASE))
    file["services"]["web"]["helthcheck"] = {}
    assert not validator.is_valid(file)
