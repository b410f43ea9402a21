"""A route without dependency injection, for what is asked for most."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response


class BareRoute(APIRoute):
    """Calls its endpoint with the request and the path's parameters as text, nothing else.

    FastAPI still documents it by its signature; what it leaves out is solving dependencies and two exit stacks
    for each request, which cost more than reading a product. The endpoint validates and answers by itself.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(self.get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what Starlette calls."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, **request.path_params)
            return response

        return handle
