"""How errors leave a service: every one as a problem document, never as a stack trace."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from store_kit.http.media_types import require_json
from store_kit.http.responses import json_bytes
from store_kit.problems import (
    CONTENT_TYPE,
    BadRequest,
    FieldError,
    Forbidden,
    Internal,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    UnsupportedMediaType,
)
from store_kit.telemetry.logs import trace_id_var

MAX_ERRORS: Final = 20
"""How many errors of one request are listed: enough to mend it, whatever was sent."""
_NAMED: Final = 5
"""How many fields the sentence names; the list has them all."""
_MAX_NAME: Final = 32
_MAX_DEPTH: Final = 6
_NOT_DECODED: Final = "model_attributes_type"
"""What FastAPI says of a body that is not JSON by its media type: it hands on the bytes."""
_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (BadRequest, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, PayloadTooLarge)
}


def problem_response(problem: Problem) -> Response:
    """Return a problem as a response."""
    body = json_bytes(problem.document(trace_id_var.get()))
    return Response(body, problem.status, problem.headers, media_type=CONTENT_TYPE)


def unexpected() -> Problem:
    """Return the problem for a fault of ours."""
    return Internal("Something went wrong; quote the trace_id when you report it.")


def install_problem_handlers(app: FastAPI) -> None:
    """Answer problems, framework errors and validation errors as problem documents."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(HTTPException)(on_http_exception)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(Exception)(_on_unexpected)


async def _on_problem(_request: Request, error: Problem) -> Response:
    return problem_response(error)


async def on_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer an error of the framework as a problem document."""
    kind = _BY_STATUS.get(error.status_code, Internal)
    detail = f"There is no {request.url.path} here." if kind is NotFound else ""
    problem = kind(error.detail if kind is PayloadTooLarge else detail)
    problem.headers.update(error.headers or {})
    if kind is MethodNotAllowed:
        problem.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem_response(problem)


def _methods(request: Request) -> set[str]:
    """Return every method of a path: the framework names those of its first route only (RFC 9110, 10.2.1).

    A path of its own (`/products/batch`) is none of the things that a template (`/products/{id}`) stands for.
    """
    routes = [
        route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE
    ]
    own = [route for route in routes if getattr(route, "path", None) == request.url.path]
    offered = {method for route in own or routes for method in getattr(route, "methods", None) or ()}
    return offered | {"HEAD"} if "GET" in offered else offered


async def _on_unexpected(_request: Request, _error: Exception) -> Response:
    return problem_response(unexpected())


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    try:
        if any(item["type"] == _NOT_DECODED for item in found[:MAX_ERRORS]):
            require_json(request)
    except UnsupportedMediaType as problem:
        return problem_response(problem)
    return problem_response(invalid_input(found))


def invalid_input(found: Sequence[Any]) -> Problem:
    """Return the problem of pydantic's errors whose `loc` begins with where they are: body, query, header ..."""
    errors = field_errors(found)
    if any(item["type"] == "json_invalid" for item in found[:MAX_ERRORS]):
        return BadRequest("The body is not valid JSON.", errors=errors)
    return invalid_fields(errors, more=len(found) - len(errors))


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """Return pydantic's errors as ours, as many as are listed."""
    return [_field_error(item) for item in found[:MAX_ERRORS]]


def invalid_fields(errors: Sequence[FieldError], *, more: int = 0) -> InvalidInput:
    """Return the problem of fields that are not valid, `more` of them besides those that are listed."""
    fields = sorted({error.field for error in errors})
    rest = more + max(0, len(fields) - _NAMED)
    named = ", ".join(fields[:_NAMED]) + (f" and {rest} more" if rest else "")
    return InvalidInput(f"Not valid: {named}.", errors=errors)


def _field_error(item: Any) -> FieldError:
    return FieldError(".".join(_short(str(part)) for part in item["loc"][:_MAX_DEPTH]), item["msg"])


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}..."
