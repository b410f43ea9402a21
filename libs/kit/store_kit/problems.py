"""Errors that people and programs can act on: RFC 9457 problem documents.

Plain Python, so that domain and use cases may raise them; `store_kit.http.problem_handlers` puts them on the wire.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

CONTENT_TYPE = "application/problem+json"
DOCS_PAGE = "/docs/problems/"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; `field` is its path, e.g. `body.items.0.quantity`."""

    field: str
    message: str


class Problem(Exception):
    """An error with a status, a stable slug that documents it, and a sentence for whoever caused it.

    Args:
        detail: what was wrong, with which value, and what to do.
        errors: the fields at fault.
        headers: response headers that belong to the error, e.g. `Retry-After`.
        members: extension members of the problem document; the standard ones above win over their names.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    def document(self, trace_id: str) -> dict[str, Any]:
        """Return the problem document (RFC 9457) of this error."""
        document: dict[str, Any] = {
            "type": f"{DOCS_PAGE}#{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "trace_id": trace_id,
        }
        if self.errors:
            document["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        return self.members | document


class BadRequest(Problem):
    """The request cannot be read."""

    status, slug, title = 400, "bad-request", "The request cannot be read"


class InvalidCursor(BadRequest):
    """A page cursor was altered or belongs to another query."""

    slug, title = "invalid-cursor", "The cursor does not belong to this query"


class Unauthenticated(Problem):
    """No token, or one that is not valid."""

    status, slug, title = 401, "unauthenticated", "A valid access token is needed"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **members)


class InvalidToken(Unauthenticated):
    """An access token came along and is malformed, forged, expired or has ended (RFC 6750, 3.1)."""

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{self.detail}"'


class Forbidden(Problem):
    """The token is valid, its role is not enough."""

    status, slug, title = 403, "forbidden", "This is not allowed for your role"


class NotFound(Problem):
    """There is no such thing, or it is someone else's."""

    status, slug, title = 404, "not-found", "There is no such thing here"


class MethodNotAllowed(Problem):
    """The path exists, the method does not."""

    status, slug, title = 405, "method-not-allowed", "This method is not offered here"


class RequestTimeout(Problem):
    """The request did not arrive in the time that it has."""

    status, slug, title = 408, "request-timeout", "The request did not arrive in time"


class Conflict(Problem):
    """The request contradicts the present state."""

    status, slug, title = 409, "conflict", "The request contradicts the present state"


class PreconditionFailed(Problem):
    """The thing was changed since it was read."""

    status, slug, title = 412, "precondition-failed", "It was changed since you read it"


class PayloadTooLarge(Problem):
    """The body is larger than the shop accepts."""

    status, slug, title = 413, "payload-too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is not of a kind that is read here."""

    status, slug, title = 415, "unsupported-media-type", "The body is of a kind that is not read here"


class InvalidInput(Problem):
    """Fields are missing, unknown or out of bounds."""

    status, slug, title = 422, "invalid-input", "Some of the input is not valid"


class PreconditionRequired(Problem):
    """An edit must say which version it edits."""

    status, slug, title = 428, "precondition-required", "Say which version you edit"


class TooManyRequests(Problem):
    """The caller is asked to slow down."""

    status, slug, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, retry_after_s))}, **members)


class HeadTooLarge(Problem):
    """The request line and the header fields are more than is read, or the fields are too many."""

    status, slug, title = 431, "head-too-large", "The head of the request is too large"


class Internal(Problem):
    """A fault of ours; the trace id finds it in the logs."""


class Unavailable(Problem):
    """The shop cannot do this now; trying again later is safe."""

    status, slug, title = 503, "unavailable", "This is not available right now"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, retry_after_s))}, **members)


class PeerUnavailable(Unavailable):
    """A service this one needs was not reached; nothing was done there."""

    slug, title = "peer-unavailable", "A part of the shop is not reachable"


class OutcomeUnknown(Unavailable):
    """A service this one needs did not answer; whether it acted is not known. Repeat with the same key."""

    slug, title = "outcome-unknown", "The outcome is not known yet"


class DatabaseUnavailable(Unavailable):
    """The database was not reached, cannot be written, or too few of its nodes are up; nothing was changed."""

    slug, title = "database-unavailable", "The database cannot be used right now"


class DatabaseOutcomeUnknown(OutcomeUnknown):
    """The database did not say whether it made a change, or went away between the changes of one request."""


@contextlib.contextmanager
def in_doubt() -> Iterator[None]:
    """Raise DatabaseOutcomeUnknown where the database goes away behind a change of the same request.

    `DatabaseUnavailable` says that nothing was changed: true of the call that raises it, not of those before it.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        raise DatabaseOutcomeUnknown(
            "The database went away before all of this was done; some of it may be. Repeat it with the same key,"
            " or look before you repeat it.",
            retry_after_s=int(error.headers["Retry-After"]),
        ) from error


class Overloaded(Unavailable):
    """More requests are in hand than the shop can serve well; this one was not begun."""

    slug, title = "overloaded", "Too many requests are in hand"


class DeadlineExceeded(Problem):
    """The time the caller allows ran out before the work began."""

    status, slug, title = 504, "deadline-exceeded", "The time allowed for this request ran out"


_TEXT: dict[str, Any] = {"type": "string"}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong and what to do about it (RFC 9457).",
    "properties": {
        "type": _TEXT | {"examples": [f"{DOCS_PAGE}#{NotFound.slug}"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "trace_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": _TEXT, "message": _TEXT},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "trace_id"],
}
"""The JSON schema of a problem document; extension members are allowed."""


def problem_responses(*types: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Document the problems a route may answer, for FastAPI's `responses=`."""
    by_status: dict[int | str, list[type[Problem]]] = {}
    for kind in types:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _response(kinds) for status, kinds in by_status.items()}


def _response(kinds: Iterable[type[Problem]]) -> dict[str, Any]:
    examples = {
        kind.slug: {"value": kind(kind.title).document("0af7651916cd43dd8448eb211c80319c")} for kind in kinds
    }
    return {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
