"""The embedded gateway: one entry point that does what nginx does for containers, by a table of paths."""

import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from store_kit.http.cross_origin import cross_origin
from store_kit.http.middleware import ServiceMiddleware
from store_kit.http.openapi import public_openapi
from store_kit.http.problem_handlers import problem_response
from store_kit.http.responses import JsonResponse, json_bytes
from store_kit.problems import MethodNotAllowed, NotFound, Problem
from store_kit.running.service import VERSION, Service
from store_kit.settings import StoreSettings
from store_kit.wire.exchange import IN_EVERY_HEAD, field_lines

from store_cli.up.page_security import API_POLICY, HEADERS, PAGES, page_policy

ROUTES: Final[Mapping[str, str]] = {
    "/api/products": "catalog",
    "/api/categories": "catalog",
    "/api/system": "catalog",
    "/api/admin/stock": "catalog",
    "/api/cart": "cart",
    "/api/recently-viewed": "cart",
    "/api/admin/carts": "cart",
    "/api/orders": "order",
    "/api/order-statuses": "order",
    "/api/admin/orders": "order",
    "/api/users": "user",
    "/api/auth": "user",
    "/api/admin/users": "user",
    "/.well-known/jwks.json": "user",
}
"""Path prefix (two or three whole segments) -> the service that answers for it; nothing else is public."""

SITE: Final = Path(str(files("store_cli"))) / "site"
_SWAGGER_FILES: Final = Path(str(files("fastapi_offline"))) / "static"
_NO_SUCH_RANGE: Final = frozenset({400, 416})
_SWAGGER_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Product Store API</title>
<link rel="stylesheet" href="swagger-ui.css"><link rel="icon" href="favicon.png">
</head>
<body><div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script><script src="start.js"></script>
</body>
</html>
"""
_SWAGGER_START: Final = """window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true,
  validatorUrl: null, tryItOutEnabled: true
});
"""


def openapi_document(services: Sequence[Service]) -> dict[str, Any]:
    """Return the API of the whole shop as one OpenAPI document."""
    return public_openapi(
        [service.app for service in services],
        title="Product Store",
        version=VERSION,
        description="A shop of four services behind one gateway. Money is in minor units (pence).",
    )


def write_static_pages(services: Sequence[Service], folder: Path) -> None:
    """Write what the gateway answers by itself as files, so that another web server can.

    Raises:
        FileExistsError: the folder exists.
    """
    shutil.copytree(_SWAGGER_FILES, folder / "swagger")
    (folder / "swagger" / "index.html").write_text(_SWAGGER_PAGE)
    (folder / "swagger" / "start.js").write_text(_SWAGGER_START)
    (folder / "openapi.json").write_bytes(json_bytes(openapi_document(services)))
    shutil.copytree(SITE, folder / "docs")


def gateway(services: Sequence[Service], settings: StoreSettings) -> ASGIApp:
    """Return the application of the gateway port: services by `ROUTES`, else Swagger and the docs."""
    apps = {service.name: service.asgi for service in services}
    table = {prefix: apps[name] for prefix, name in ROUTES.items()}
    pages = cross_origin(ServiceMiddleware(_pages(services), None, settings), settings.cors_origins)
    for_api, for_pages = _security(API_POLICY), _security(page_policy(SITE))

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        parts = path.split("/", 4)
        app = table.get("/".join(parts[:3])) or table.get("/".join(parts[:4])) or pages
        scope[IN_EVERY_HEAD] = for_pages if path.startswith(PAGES) else for_api
        await app(scope, receive, send)

    return route


def _security(policy: str) -> bytes:
    headers = {**HEADERS, "Content-Security-Policy": policy}
    return field_lines((name.lower().encode(), value.encode()) for name, value in headers.items())


class _Files(StaticFiles):
    """Files; a range that is in another unit, malformed or not there is ignored (RFC 9110, 14.2)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, or the part of it that is asked for."""
        if not any(name == b"range" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return
        refused = False

        async def unless_refused(message: Message) -> None:
            nonlocal refused
            refused = refused or message.get("status") in _NO_SUCH_RANGE
            if not refused:
                await send(message)

        await super().__call__(scope, receive, unless_refused)
        if refused:
            headers = [field for field in scope["headers"] if field[0] != b"range"]
            await super().__call__({**scope, "headers": headers}, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Find a folder without its slash too, and lead there by a path: never by the Host of the request."""
        response = await super().get_response(path, scope)
        return RedirectResponse(f"{scope['path']}/") if isinstance(response, RedirectResponse) else response


def _pages(services: Sequence[Service]) -> Starlette:
    openapi = json_bytes(openapi_document(services))

    async def home(_request: Request) -> Response:
        return RedirectResponse("/docs/")

    async def document(_request: Request) -> Response:
        return JsonResponse(openapi)

    async def swagger(_request: Request) -> Response:
        return Response(_SWAGGER_PAGE, media_type="text/html")

    async def start(_request: Request) -> Response:
        return Response(_SWAGGER_START, media_type="text/javascript")

    routes = [
        Route("/", home),
        Route("/openapi.json", document),
        Route("/swagger", lambda _: RedirectResponse("/swagger/")),
        Route("/swagger/", swagger),
        Route("/swagger/start.js", start),
        Mount("/swagger", _Files(directory=_SWAGGER_FILES)),
        Route("/docs", lambda _: RedirectResponse("/docs/")),
        Mount("/docs", _Files(directory=SITE, html=True, check_dir=False)),
    ]
    pages = Starlette(routes=routes, exception_handlers={HTTPException: _on_http_exception})
    pages.router.redirect_slashes = False
    return pages


async def _on_http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else NotFound.status
    problem: Problem = (
        MethodNotAllowed(headers={"Allow": "GET, HEAD"})
        if status == MethodNotAllowed.status
        else NotFound(f"There is no {request.url.path} here.")
    )
    return problem_response(problem)
