"""Arguments of the hottest routes, read from the request by hand instead of by FastAPI.

Placing and showing an order are bare routes (`store_kit.bare_routes`): their signatures still document them, and
the same model and pattern decide what is valid, but FastAPI's search for dependencies is left out.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast, get_args

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response
from store_kit.auth import CurrentUser
from store_kit.bodies import read_body
from store_kit.ids import UUID_PATTERN
from store_kit.media_types import require_json
from store_kit.principal import Principal
from store_kit.problems import FieldError, InvalidInput

from store_order.api.parts import KEY_PATTERN

Endpoint = Callable[..., Awaitable[Response]]
Arguments = Callable[..., Awaitable[Mapping[str, Any]]]

_KEY: Final = re.compile(KEY_PATTERN)
_ID: Final = re.compile(UUID_PATTERN)
_LONGEST_KEY: Final = 128
_user = cast("Callable[[Request], Awaitable[Principal]]", get_args(CurrentUser)[1].dependency)


def by_hand(arguments: Arguments) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator: the endpoint is given what `arguments` reads from the request and the path."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        async def bare(request: Request, **path: str) -> Response:
            return await endpoint(request, **await arguments(request, **path))

        return bare

    return decorate


def placing(model: type[BaseModel]) -> Arguments:
    """Return what reads the arguments of placing an order; `model` is its body, which may be left out."""

    async def read(request: Request) -> Mapping[str, Any]:
        user = await _user(request)
        key = request.headers.get("idempotency-key")
        if key is not None and (len(key) > _LONGEST_KEY or not _KEY.fullmatch(key)):
            raise _invalid("header.Idempotency-Key", f"1 to {_LONGEST_KEY} visible ASCII characters")
        return {
            "user": user,
            "body": await _body(request, model),
            "idempotency_key": key,
            "if_match": request.headers.get("if-match"),
        }

    return read


async def one_order(request: Request, order_id: str) -> Mapping[str, Any]:
    """Read the arguments of a route about one order."""
    user = await _user(request)
    if not _ID.fullmatch(order_id):
        raise _invalid("path.order_id", "a UUID")
    return {"user": user, "order_id": order_id.lower()}


async def _body(request: Request, model: type[BaseModel]) -> BaseModel | None:
    body = await request.body()
    if not body:
        return None
    require_json(request)
    if body.strip() == b"null":
        return None
    return read_body(model, body)


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"Not valid: {field}.", errors=[FieldError(field, message)])
