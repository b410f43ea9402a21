"""Routes for what is asked for most: served without FastAPI's stack around them.

FastAPI documents a bare route like any other, by its signature. It is called with the request and the path's
parameters as text and does the rest itself. What is left out (seven middlewares, two exit stacks, the search for
dependencies) costs more than reading a product does; errors, metrics, logs and limits are as everywhere.
"""

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, request_response
from starlette.types import Receive, Scope, Send

from store_kit.http_metrics import Observe
from store_kit.problem_handlers import problem_response
from store_kit.problems import Problem

Endpoint = Callable[..., Coroutine[Any, Any, Response]]


class BareRoute(APIRoute):
    """A route whose endpoint takes the request and the path's parameters as text, nothing else; GET only."""

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
        self._routes = [(r.path_regex.match, r.path, r.endpoint) for r in routes if isinstance(r, BareRoute)]

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve the request when it is for a bare route; say whether it was."""
        if scope["method"] != "GET":
            return False
        path = scope["path"]
        for match, template, endpoint in self._routes:
            found = match(path)
            if found is not None:
                await self._call(endpoint, found.groupdict(), template, scope, receive, send)
                return True
        return False

    async def _call(
        self,
        endpoint: Endpoint,
        params: dict[str, str],
        template: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        begun = time.perf_counter()
        scope["app"] = self._app
        status = 500
        try:
            try:
                response = await endpoint(Request(scope, receive), **params)
            except Problem as problem:
                response = problem_response(problem)
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._observe("GET", template, str(status), time.perf_counter() - begun)
