"""Routes for what is asked for most: served without FastAPI's stack around them.

FastAPI documents a bare route like any other, by its signature, and by the same signature it is called (`arguments`).
What is left out (seven middlewares, two exit stacks, the search for dependencies) costs more than reading a product
does; errors, metrics, logs and limits are as everywhere.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope

from store_kit.http.arguments import ArgumentReader
from store_kit.http.problem_handlers import on_http_exception, problem_response
from store_kit.http.queries import KnownParameters
from store_kit.problems import Problem

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
Answer = Callable[[Request], Coroutine[Any, Any, Response]]
Match = Callable[[str], re.Match[str] | None]


class BareRoute(APIRoute):
    """A route whose endpoint is called with what `ArgumentReader` reads, and answers with a response that is ready."""

    def get_route_handler(self) -> Answer:
        """Return what serves the route; FastAPI asks for it once, while it makes the route."""
        reader = ArgumentReader(self.dependant)
        endpoint: Endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            return await endpoint(**await reader.read(request))

        def answer_at_once(request: Request) -> Coroutine[Any, Any, Response]:
            return endpoint(**reader.read_sent(request))

        self.answer: Answer = answer if reader.waits else answer_at_once
        # FastAPI calls what is no coroutine function in a thread.
        return answer


class BareRoutes:
    """Finds and answers requests for bare routes of an application before the application is asked."""

    def __init__(self, app: FastAPI, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes: dict[str, list[tuple[Match, BareRoute, KnownParameters]]] = {}
        for route in routes:
            if isinstance(route, BareRoute):
                served = (route.path_regex.match, route, KnownParameters(route))
                for method in route.methods or ():
                    self._routes.setdefault(method, []).append(served)

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to a request for a bare route, None when it is for none."""
        path = scope["path"]
        for match, route, known in self._routes.get(scope["method"], ()):
            found = match(path)
            if found is not None:
                scope["app"], scope["route"], scope["path_params"] = self._app, route, found.groupdict()
                request = Request(scope, receive)
                try:
                    if scope["query_string"]:
                        known.refuse_others(scope["query_string"])
                    return await route.answer(request)
                except Problem as problem:
                    return problem_response(problem)
                except HTTPException as error:
                    return await on_http_exception(request, error)
        return None
