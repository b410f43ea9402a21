"""Arguments of the hottest routes, read from the request by hand instead of by FastAPI.

Adding to a cart, and what the order service asks for each order, cost more in FastAPI's search for dependencies
than in everything else (measured: 300 us of CPU for an add with it, 175 without). These routes are bare
(`store_kit.bare_routes`): their signatures still document them, and the same models and patterns decide what is
valid.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast, get_args

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response
from store_kit.auth import MayForgetCarts, MayOrderCarts, MayReadCarts, OptionalUser, caller_of
from store_kit.bodies import read_body
from store_kit.media_types import require_json
from store_kit.principal import Principal
from store_kit.problems import FieldError, InvalidInput

from store_cart.api.parameters import OPAQUE, Item, Items, OrderedLines, Shopper, Taken, writing_shopper

Endpoint = Callable[..., Awaitable[Response]]
Arguments = Callable[..., Awaitable[Mapping[str, Any]]]
B = TypeVar("B", bound=BaseModel)

_KEY: Final = re.compile(r"[!-~]{1,255}")
_ID: Final = re.compile(OPAQUE)
_who = cast("Callable[[Request], Awaitable[Principal | None]]", get_args(OptionalUser)[1].dependency)
_reader, _orderer, _forgetter = map(caller_of, (MayReadCarts, MayOrderCarts, MayForgetCarts))


def by_hand(arguments: Arguments) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator: the endpoint is given what `arguments` reads from the request and the path."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        async def bare(request: Request, **path: str) -> Response:
            return await endpoint(request, **await arguments(request, **path))

        return bare

    return decorate


async def adding(request: Request) -> Mapping[str, Any]:
    """Read what adding an item needs."""
    user = await _who(request)
    body = await _body(request, Item)
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise _invalid("header.Idempotency-Key", "1 to 255 visible ASCII characters without spaces")
    # The shopper last: a refused request makes nobody a guest.
    shopper = await _shopper(request, user)
    if_match = request.headers.get("if-match")
    return {"body": body, "shopper": shopper, "idempotency_key": key, "if_match": if_match}


async def replacing(request: Request) -> Mapping[str, Any]:
    """Read what replacing all items needs."""
    user = await _who(request)
    body = await _body(request, Items)
    return {
        "body": body,
        "shopper": await _shopper(request, user),
        "if_match": request.headers.get("if-match"),
    }


async def reading(request: Request, user_id: str) -> Mapping[str, Any]:
    """Read what reading a user's cart needs."""
    return {"_service": await _reader(request), "user_id": _opaque("user_id", user_id)}


async def forgetting(request: Request, user_id: str) -> Mapping[str, Any]:
    """Read what forgetting a user needs."""
    return {"_service": await _forgetter(request), "user_id": _opaque("user_id", user_id)}


async def taking(request: Request, user_id: str, order_id: str) -> Mapping[str, Any]:
    """Read what letting an order take a cart needs."""
    return {**await giving_back(request, user_id, order_id), "body": await _body(request, Taken)}


async def giving_back(request: Request, user_id: str, order_id: str) -> Mapping[str, Any]:
    """Read what giving an order's lines back needs."""
    caller = await _orderer(request)
    return {
        "_service": caller,
        "user_id": _opaque("user_id", user_id),
        "order_id": _opaque("order_id", order_id),
    }


async def subtracting(request: Request, user_id: str, order_id: str) -> Mapping[str, Any]:
    """Read what subtracting an order needs."""
    return {**await giving_back(request, user_id, order_id), "body": await _body(request, OrderedLines)}


async def _shopper(request: Request, user: Principal | None) -> Shopper:
    return await writing_shopper(request, user, request.headers.get("cart-token"))


async def _body(request: Request, model: type[B]) -> B:
    body = await request.body()
    if body:
        require_json(request)
    return read_body(model, body or b"null")


def _opaque(name: str, value: str) -> str:
    if not _ID.fullmatch(value):
        raise _invalid(f"path.{name}", "1 to 64 letters, digits, '-' or '_'")
    return value


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"Not valid: {field}.", errors=[FieldError(field, message)])
