"""What other services of the shop ask of carts; the gateway does not show these routes."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.auth import MayForgetCarts, MayOrderCarts, MayReadCarts
from store_kit.bare_routes import BareRoute
from store_kit.problems import BadRequest, Forbidden, InvalidInput, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse

from store_cart.api.by_hand import by_hand, forgetting, giving_back, reading, subtracting, taking
from store_cart.api.parameters import OpaqueId, OrderedLines, Taken, use_cases
from store_cart.api.views import KeptView, PlainCartView, PricedCartView, VersionView
from store_cart.domain import CartChanged, Owner

router = APIRouter(prefix="/internal/carts", tags=["internal"], route_class=BareRoute)

_SERVICE = (Unauthenticated, Forbidden, InvalidInput)


@router.get(
    "/{user_id}",
    operation_id="read_cart",
    summary="Read a user's cart",
    response_model=PlainCartView,
    responses=problem_responses(*_SERVICE),
)
@by_hand(reading)
async def read_cart(request: Request, user_id: OpaqueId, _service: MayReadCarts) -> Response:
    """Return the lines of a user's cart and its version; an empty cart for a user without."""
    return JsonResponse(PlainCartView.of(await use_cases(request).read_cart(user_id)))


@router.get(
    "/{user_id}/priced",
    operation_id="price_cart",
    summary="Read a user's cart at live prices",
    response_model=PricedCartView,
    responses=problem_responses(*_SERVICE),
)
@by_hand(reading)
async def price_cart(request: Request, user_id: OpaqueId, _service: MayReadCarts) -> Response:
    """Return a user's cart, what its shopper would be shown, and the tag of that; nothing counts as shown."""
    owner = Owner("user", user_id)
    return JsonResponse(PricedCartView.of(owner, await use_cases(request).price_cart(owner)))


@router.put(
    "/{user_id}/taken/{order_id}",
    operation_id="take_cart",
    summary="Take a cart for an order",
    response_model=VersionView,
    responses=problem_responses(BadRequest, *_SERVICE, CartChanged),
)
@by_hand(taking)
async def take_cart(
    request: Request, user_id: OpaqueId, order_id: OpaqueId, body: Taken, _service: MayOrderCarts
) -> Response:
    """Take all lines out at the version that the order read; 409 when the cart is at another. Safe to repeat."""
    return JsonResponse(VersionView(await use_cases(request).take_cart(user_id, order_id, body.version)))


@router.delete(
    "/{user_id}/taken/{order_id}",
    operation_id="give_back_cart",
    summary="Give an order's lines back to the cart",
    response_model=VersionView,
    responses=problem_responses(*_SERVICE),
)
@by_hand(giving_back)
async def give_back_cart(
    request: Request, user_id: OpaqueId, order_id: OpaqueId, _service: MayOrderCarts
) -> Response:
    """Give back once what the order took, beside what was added meanwhile; from then on it takes nothing."""
    return JsonResponse(VersionView(await use_cases(request).give_back(user_id, order_id)))


@router.put(
    "/{user_id}/orders/{order_id}",
    operation_id="subtract_order",
    summary="Take an order's lines out of the cart",
    response_model=VersionView,
    responses=problem_responses(BadRequest, *_SERVICE),
)
@by_hand(subtracting)
async def subtract_order(
    request: Request, user_id: OpaqueId, order_id: OpaqueId, body: OrderedLines, _service: MayOrderCarts
) -> Response:
    """Subtract once for each order; what was added or set anew meanwhile stays."""
    version = await use_cases(request).subtract_order(user_id, order_id, body.ordered())
    return JsonResponse(VersionView(version))


@router.get(
    "/{user_id}/kept",
    operation_id="export_shopper",
    summary="Hand out what is kept of a user",
    response_model=KeptView,
    responses=problem_responses(*_SERVICE),
)
@by_hand(forgetting)
async def export_shopper(request: Request, user_id: OpaqueId, _service: MayForgetCarts) -> Response:
    """Return the cart and the recently viewed products of an account as they are kept, for its export."""
    return JsonResponse(KeptView.of(*await use_cases(request).export_shopper(user_id)))


@router.delete(
    "/{user_id}",
    operation_id="forget_shopper",
    summary="Forget a user",
    status_code=204,
    responses=problem_responses(*_SERVICE),
)
@by_hand(forgetting)
async def forget_shopper(request: Request, user_id: OpaqueId, _service: MayForgetCarts) -> Response:
    """Empty the cart of an account that was deleted and forget what it looked at; safe to repeat."""
    await use_cases(request).forget_shopper(user_id)
    return Response(status_code=204)
