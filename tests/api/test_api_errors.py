"""Each branch of the error tree has its status, and the words of an error reach whoever asked."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from accounts.principal import NotAllowed
from api.errors import problem_of, status_of
from core import errors
from core.errors import Conflict, Forbidden, IntegrityFailure, Invalid, MunimentError, NotFound, Unavailable
from core.sqlite import DiskTrouble
from ingest.receive import TooLarge
from tests.support.app import Office

_TREE = (NotFound, Forbidden, Invalid, Conflict, Unavailable, IntegrityFailure)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound(), 404),
        (Forbidden(), 403),
        (Invalid(), 422),
        (Conflict(), 409),
        (Unavailable(), 503),
        (IntegrityFailure(), 500),
        (MunimentError(), 500),
        (TooLarge(), 413),
        (DiskTrouble(), 507),
        (NotAllowed(), 403),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_the_branch_of_an_error_decides_its_status(error: MunimentError, status: int) -> None:
    assert status_of(error) == status


def test_every_error_of_the_program_has_a_title_a_code_and_a_fitting_status() -> None:
    for package in ("core", "vault", "audit", "accounts", "records", "ingest", "search", "retention", "api"):
        folder = Path(str(import_module(package).__file__)).parent
        for module in iter_modules([str(folder)]):
            if module.name not in ("__main__", "child"):
                import_module(f"{package}.{module.name}")
    found = _below(errors.MunimentError)
    assert len(found) > 30
    for kind in found:
        assert kind.code.replace("_", "a").isalnum(), kind
        assert kind.__doc__, kind
        assert not kind.title().endswith("."), kind
        assert 400 <= status_of(kind("detail")) <= 507, kind


def test_an_error_that_is_not_ours_says_nothing_of_itself() -> None:
    problem = problem_of(ValueError("Geheimnis"), "r1")
    assert (problem.status, problem.code, problem.request) == (500, "unexpected", "r1")
    assert "Geheimnis" not in str(problem.to_json())


def test_a_problem_holds_code_title_advice_and_ids() -> None:
    found = problem_of(TooLarge("split it", limit_bytes=5), "r1").to_json()
    assert found == {
        "limit_bytes": 5,
        "type": "urn:muniment:error:file_too_large",
        "title": "The file is larger than this archive takes",
        "status": 413,
        "detail": "split it",
        "code": "file_too_large",
        "request": "r1",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "no_such_address"),
        ("DELETE", "/api/v1/search", 405, "method_not_allowed"),
        ("GET", "/api/v1/records/not-an-id", 422, "invalid_request"),
        ("GET", "/api/v1/search?limit=0", 422, "invalid_request"),
        ("GET", "/api/v1/search?cursor=abc", 422, "bad_cursor"),
        ("PATCH", "/api/v1/records/01890000-0000-7000-8000-000000000000", 422, "invalid_request"),
    ],
)
def test_every_refusal_is_a_problem(shared_office: Office, method: str, path: str, status: int, code: str) -> None:
    answer = shared_office.client("clerk").request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request"] == answer.headers["muniment-request"]


def test_a_change_names_the_state_it_was_made_on(shared_office: Office) -> None:
    clerk, record = shared_office.client("clerk"), shared_office.upload(b"state", class_="minutes")["id"]
    path = f"/api/v1/records/{record}"
    tag = clerk.get(path).headers["etag"]
    assert clerk.patch(path, json={}).status_code == 428
    changed = clerk.patch(path, json={"class": "receipt"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["class"]) == (200, "receipt")
    stale = clerk.patch(path, json={"class": "minutes"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_revision")
    assert clerk.patch(path, json={}, headers={"If-Match": changed.headers["etag"]}).status_code == 200


def _below(kind: type[MunimentError]) -> list[type[MunimentError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _below(below))]
