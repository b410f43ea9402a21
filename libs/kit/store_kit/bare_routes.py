"""Routes for what is asked for most: served without FastAPI's stack around them.

FastAPI documents a bare route like any other, by its signature. It is called with the request and the path's
parameters as text and does the rest itself. What is left out (seven middlewares, two exit stacks, the search for
dependencies) costs more than reading a product does; errors, metrics, logs and limits are as everywhere.
"""

import re
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, request_response
from starlette.types import Receive, Scope, Send

from store_kit.http_metrics import Observe
from store_kit.problem_handlers import on_http_exception, problem_response
from store_kit.problems import Problem
from store_kit.queries import KnownParameters

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
Match = Callable[[str], re.Match[str] | None]


class BareRoute(APIRoute):
    """A route whose endpoint takes the request and the path's parameters as text, nothing else."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(self.get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves the route when the application itself is called, as tests do."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, **request.path_params)
            return response

        return handle


class BareRoutes:
    """Finds and serves the bare routes of an application before the application is asked."""

    def __init__(self, app: FastAPI, routes: Sequence[BaseRoute], observe: Observe) -> None:
        self._app = app
        self._observe = observe
        self._routes: dict[str, list[tuple[Match, str, Endpoint, KnownParameters]]] = {}
        for route in routes:
            if isinstance(route, BareRoute):
                served = (route.path_regex.match, route.path, route.endpoint, KnownParameters(route))
                for method in route.methods or ():
                    self._routes.setdefault(method, []).append(served)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve the request when it is for a bare route; say whether it was."""
        path = scope["path"]
        for match, template, endpoint, known in self._routes.get(scope["method"], ()):
            found = match(path)
            if found is not None:
                await self._call(endpoint, found.groupdict(), template, known, scope, receive, send)
                return True
        return False

    async def _call(
        self,
        endpoint: Endpoint,
        params: dict[str, str],
        template: str,
        known: KnownParameters,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        begun = time.perf_counter()
        scope["app"] = self._app
        request = Request(scope, receive)
        status = 500
        try:
            try:
                if scope["query_string"]:
                    known.refuse_others(scope["query_string"])
                response = await endpoint(request, **params)
            except Problem as problem:
                response = problem_response(problem)
            except HTTPException as error:
                response = await on_http_exception(request, error)
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._observe(scope["method"], template, str(status), time.perf_counter() - begun)
