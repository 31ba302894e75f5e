"""The OpenAPI description: FastAPI's own, with the errors that every route can answer.

Errors are one shape everywhere (``Problem``), and which of them a route has follows from what
it takes: so they are added here, in one place, and not at each route.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.deps import ANYBODY, permission_of
from api.errors import MEDIA_TYPE
from api.rest.parameters import PREFIX
from api.rest.uploads import StatedMetadata

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "What happened, in words for people."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do now."},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "Stable; for programs."},
        "request": {"type": "string", "description": "Id of the request, as in the header Muniment-Request."},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
                "required": ["where", "what"],
            },
        },
    },
}
_MEANINGS = {
    400: "The request is malformed or incomplete.",
    401: "Nobody is signed in, or the token is not valid.",
    403: "Your roles, or the scopes of your token, do not allow this.",
    404: "There is no such thing, or it is not yours to see.",
    409: "The state of things does not allow this now.",
    412: "It was changed since you read it.",
    413: "The body is larger than this address takes.",
    422: "The input cannot be used as it is.",
    428: "If-Match is missing.",
    503: "A part of the service cannot be reached; nothing was changed.",
    507: "The disk is full; nothing was changed.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of what programs use; pages are not in it."""
    known: dict[str, Any] | None = app.openapi_schema
    if known is not None:
        return known
    routes = [
        route
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith((PREFIX, "/healthz", "/readyz", "/metrics"))
    ]
    found = get_openapi(
        title="Muniment",
        version="1",
        summary="File, find and keep records as long as the law demands, and prove every access.",
        routes=routes,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    schemas["StatedMetadata"] = StatedMetadata.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token (mun_…)."}
    }
    for route in routes:
        for method in route.methods or ():
            operation = found["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                _complete(operation, route, method)
    app.openapi_schema = found
    return found


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    permission = permission_of(route) or ""
    operation["x-permission"] = permission
    if permission != ANYBODY:
        operation["security"] = [{"token": []}]
    answers = operation["responses"]
    for status in _errors_of(operation, permission, method):
        if status == 422 or str(status) not in answers:
            content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            answers[str(status)] = {"description": _MEANINGS[status]} | (
                {} if method == "HEAD" else {"content": content}
            )


def _errors_of(operation: dict[str, Any], permission: str, method: str) -> list[int]:
    parameters = operation.get("parameters", [])
    has_body = "requestBody" in operation
    headers = {each["name"].lower() for each in parameters if each["in"] == "header"}
    possible = {
        400: has_body,
        401: permission != ANYBODY,
        403: permission != ANYBODY or method not in ("GET", "HEAD"),
        404: True,
        409: True,
        412: "if-match" in headers,
        413: has_body,
        422: bool(parameters) or has_body,
        428: "if-match" in headers,
        503: True,
        507: True,
    }
    if permission == ANYBODY:
        possible |= {404: False, 409: False, 507: False}
    return [status for status, is_possible in possible.items() if is_possible]
