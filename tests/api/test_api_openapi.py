"""The description of the API is complete, and the API keeps to it."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.app import Office

V1 = "/api/v1"


def _operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation) for path, found in description["paths"].items() for method, operation in found.items()
    ]


def test_every_operation_states_its_permission_and_its_errors(shared_office: Office) -> None:
    description = shared_office.client().get(f"{V1}/openapi.json").json()
    for method, path, operation in _operations(description):
        assert operation["x-permission"], path
        assert operation["description"], path
        if operation["x-permission"] != "public":
            assert {"401", "403"} <= operation["responses"].keys(), path
            assert operation["security"] == [{"token": []}], path
        if method != "head" and "422" in operation["responses"]:
            assert "application/problem+json" in operation["responses"]["422"]["content"], path


def test_every_answer_has_a_described_shape(shared_office: Office) -> None:
    description = shared_office.client().get(f"{V1}/openapi.json").json()
    for method, path, operation in _operations(description):
        good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert good, path
        for status, answer in good.items():
            if status != "204" and method != "head":
                schemas = [content.get("schema") for content in answer["content"].values()]
                assert all(schemas), (path, status)


def test_references_lead_somewhere(shared_office: Office) -> None:
    description = shared_office.client().get(f"{V1}/openapi.json").json()
    schemas = description["components"]["schemas"]
    text = json.dumps(description)
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= schemas.keys()


SELF_ENDING = {("DELETE", f"{V1}/people/{{person_id}}/suspension"), ("GET", "/readyz")}
"""Not for random input: the first needs somebody suspended, the second answers by the installation's state."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clerk", "admin", "auditor"])
def test_schemathesis_finds_nothing_that_was_not_described(office: Office, name: str) -> None:
    clerk = office.client("clerk")
    file = {"entity": str(office.entity), "kind": "matter", "number": "M", "name": "N", "opened_on": "2026-01-01"}
    real = {
        "record_id": office.upload(b"a record to be found", "a.txt")["id"],
        "case_file_id": clerk.post(f"{V1}/case-files", json=file).json()["id"],
    }
    office.settle()
    schema = schemathesis.openapi.from_asgi(f"{V1}/openapi.json", office.app)
    headers = {"Authorization": f"Bearer {office.token(name)}"}
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    tried = 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if (operation.method.upper(), operation.path) in SELF_ENDING:
            continue

        @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), exists=st.booleans())
        def probe(case: Any, exists: bool) -> None:
            if exists:
                case.path_parameters |= {name: real[name] for name in case.path_parameters if name in real}
            case.call_and_validate(headers=headers, checks=checks)

        probe()
        tried += 1
    assert tried > 30
