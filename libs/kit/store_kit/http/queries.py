"""Query parameters: what a route does not know is refused by name, on every route alike.

A misspelt filter would show everything, and nobody would notice. A request without a query string pays nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote_plus

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from store_kit.http.problem_handlers import MAX_ERRORS, invalid_fields
from store_kit.problems import FieldError

_MAX_NAME: Final = 64


class KnownParameters:
    """The query parameters of a route: those of its signature, and those that it documents and reads by itself."""

    def __init__(self, route: APIRoute) -> None:
        declared = set(_declared(route.dependant))
        extra = (route.openapi_extra or {}).get("parameters", ())
        self._names = sorted(declared | {one["name"] for one in extra if one["in"] == "query"})
        self._raw = frozenset(name.encode() for name in self._names)

    def refuse_others(self, query_string: bytes) -> None:
        """Pass a query string that has only known parameters.

        Raises:
            InvalidInput: it has others; they are named.
        """
        found = [pair.partition(b"=")[0] for pair in query_string.split(b"&") if pair]
        if self._raw.issuperset(found):
            return
        decoded = (unquote_plus(name.decode("latin-1")) for name in found)
        unknown = sorted(set(decoded).difference(self._names))
        if unknown:
            raise invalid_fields(
                [FieldError(f"query.{name[:_MAX_NAME]}", self._advice()) for name in unknown[:MAX_ERRORS]],
                more=max(0, len(unknown) - MAX_ERRORS),
            )

    def _advice(self) -> str:
        if not self._names:
            return "is not known: there are no query parameters here"
        return f"is not known here; known are {', '.join(self._names)}"


def refuse_unknown_parameters(routes: Sequence[BaseRoute]) -> None:
    """Make all routes of an application refuse query parameters that they do not know."""
    for route in _api_routes(routes):
        route.app = _guarded(route.app, KnownParameters(route))


def _declared(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _api_routes(routes: Iterable[BaseRoute]) -> Iterable[APIRoute]:
    return (route for route in routes if isinstance(route, APIRoute))


def _guarded(app: ASGIApp, known: KnownParameters) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            known.refuse_others(scope["query_string"])
        await app(scope, receive, send)

    return guarded
