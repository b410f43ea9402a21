"""What other services of the shop ask of carts; the gateway does not show these routes."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import MayForgetCarts, MayOrderCarts, MayReadCarts
from store_kit.http import BareRoute, JsonResponse
from store_kit.problems import BadRequest, Forbidden, InvalidInput, Unauthenticated, problem_responses

from store_cart.api.parameters import IdInPath, OrderedLines, Taken, api
from store_cart.api.views import KeptView, PlainCartView, PricedCartView, VersionView
from store_cart.domain import Owner
from store_cart.problems import CartChanged

bare = APIRouter(prefix="/internal/carts", tags=["internal"], route_class=BareRoute)

_SERVICE = (Unauthenticated, Forbidden, InvalidInput)


@bare.get(
    "/{user_id}",
    operation_id="read_cart",
    summary="Read a user's cart",
    response_model=PlainCartView,
    responses=problem_responses(*_SERVICE),
)
async def read_cart(request: Request, user_id: IdInPath, _service: MayReadCarts) -> Response:
    """Return the lines of a user's cart and its version; an empty cart for a user without."""
    return JsonResponse(PlainCartView.of(await api(request).use_cases.read_cart(user_id)))


@bare.get(
    "/{user_id}/priced",
    operation_id="price_cart",
    summary="Read a user's cart at live prices",
    response_model=PricedCartView,
    responses=problem_responses(*_SERVICE),
)
async def price_cart(request: Request, user_id: IdInPath, _service: MayReadCarts) -> Response:
    """Return a user's cart, what its shopper would be shown, and the tag of that; nothing counts as shown."""
    owner = Owner("user", user_id)
    return JsonResponse(PricedCartView.of(owner, await api(request).use_cases.price_cart(owner)))


@bare.put(
    "/{user_id}/taken/{order_id}",
    operation_id="take_cart",
    summary="Take a cart for an order",
    response_model=VersionView,
    responses=problem_responses(BadRequest, *_SERVICE, CartChanged),
)
async def take_cart(
    request: Request, user_id: IdInPath, order_id: IdInPath, body: Taken, _service: MayOrderCarts
) -> Response:
    """Take all lines out at the version that the order read; 409 when the cart is at another. Safe to repeat."""
    return JsonResponse(VersionView(await api(request).use_cases.take_cart(user_id, order_id, body.version)))


@bare.delete(
    "/{user_id}/taken/{order_id}",
    operation_id="give_back_cart",
    summary="Give an order's lines back to the cart",
    response_model=VersionView,
    responses=problem_responses(*_SERVICE),
)
async def give_back_cart(
    request: Request, user_id: IdInPath, order_id: IdInPath, _service: MayOrderCarts
) -> Response:
    """Give back once what the order took, beside what was added meanwhile; from then on it takes nothing."""
    return JsonResponse(VersionView(await api(request).use_cases.give_back(user_id, order_id)))


@bare.put(
    "/{user_id}/orders/{order_id}",
    operation_id="subtract_order",
    summary="Take an order's lines out of the cart",
    response_model=VersionView,
    responses=problem_responses(BadRequest, *_SERVICE),
)
async def subtract_order(
    request: Request, user_id: IdInPath, order_id: IdInPath, body: OrderedLines, _service: MayOrderCarts
) -> Response:
    """Subtract once for each order; what was added or set anew meanwhile stays."""
    version = await api(request).use_cases.subtract_order(user_id, order_id, body.ordered())
    return JsonResponse(VersionView(version))


@bare.get(
    "/{user_id}/kept",
    operation_id="export_shopper",
    summary="Hand out what is kept of a user",
    response_model=KeptView,
    responses=problem_responses(*_SERVICE),
)
async def export_shopper(request: Request, user_id: IdInPath, _service: MayForgetCarts) -> Response:
    """Return the cart and the recently viewed products of an account as they are kept, for its export."""
    return JsonResponse(KeptView.of(*await api(request).use_cases.export_shopper(user_id)))


@bare.delete(
    "/{user_id}",
    operation_id="forget_shopper",
    summary="Forget a user",
    status_code=204,
    responses=problem_responses(*_SERVICE),
)
async def forget_shopper(request: Request, user_id: IdInPath, _service: MayForgetCarts) -> Response:
    """Empty the cart of an account that was deleted and forget what it looked at; safe to repeat."""
    await api(request).use_cases.forget_shopper(user_id)
    return Response(status_code=204)
