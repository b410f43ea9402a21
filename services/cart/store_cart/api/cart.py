"""The shopper's cart."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import CurrentUser
from store_kit.http import PERSONAL, BareRoute, JsonResponse, etag_of, json_bytes, not_modified, up_to
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    PeerUnavailable,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    problem_responses,
)

from store_cart.api.parameters import (
    MAX_ITEMS_BYTES,
    GuestCart,
    IdempotencyKey,
    IfMatch,
    Item,
    Items,
    NewQuantity,
    ProductIdInPath,
    ReadingOwner,
    WritingShopper,
    api,
    quantities_of,
    user_owner,
    versions_of,
)
from store_cart.api.views import CartView, LineChangeView, MergeView, ReplacedView, tag_of
from store_cart.problems import (
    CartFull,
    CartMerged,
    InvalidCartToken,
    KeyReused,
    QuantityLimit,
    UnknownProduct,
)

router = APIRouter(tags=["cart"])
bare = APIRouter(tags=["cart"], route_class=BareRoute)

_SHOPPER = (InvalidCartToken, Unauthenticated, Forbidden, InvalidInput)
_WRITING = (
    BadRequest,
    *_SHOPPER,
    QuantityLimit,
    CartFull,
    CartMerged,
    UnknownProduct,
    PreconditionFailed,
    TooManyRequests,
    PeerUnavailable,
)


@router.get(
    "/api/cart",
    operation_id="show_cart",
    summary="Show the cart at live prices",
    response_model=CartView,
    responses={
        304: {"description": "The cart is still what If-None-Match names."},
        **problem_responses(*_SHOPPER),
    },
)
async def show_cart(request: Request, owner: ReadingOwner) -> Response:
    """Return the cart of the signed-in user or of the guest behind `Cart-Token`.

    Prices are live: `price_changed` flags items whose price has changed since they were added. While the
    catalogue does not answer the cart still shows what it remembers, with `prices: unknown`.
    """
    shown = CartView.of(await api(request).use_cases.show_cart(owner))
    body = json_bytes(shown)
    headers = {"ETag": tag_of(owner, shown, body), **PERSONAL}
    return not_modified(request, headers["ETag"], PERSONAL) or JsonResponse(body, headers=headers)


@router.delete(
    "/api/cart",
    operation_id="clear_cart",
    summary="Empty the cart",
    status_code=204,
    responses=problem_responses(*_SHOPPER, CartMerged, PreconditionFailed),
)
async def clear_cart(request: Request, owner: ReadingOwner, if_match: IfMatch = None) -> Response:
    """Take everything out of the cart; an empty one is fine too. With `If-Match`, only if it is as you read it."""
    await api(request).use_cases.clear_cart(owner, versions_of(if_match))
    return Response(status_code=204)


@bare.post(
    "/api/cart/items",
    operation_id="add_cart_item",
    summary="Add units of a product",
    response_model=LineChangeView,
    responses=problem_responses(*_WRITING, KeyReused),
)
async def add_cart_item(
    request: Request,
    body: Item,
    shopper: WritingShopper,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Add units to what the cart holds of a product.

    Parallel adds all count; one repeated with the same `Idempotency-Key` counts once. A guest's first write
    answers with a `Cart-Token`. The answer says what a unit costs: that is then the price shown.
    """
    change = await api(request).use_cases.add_item(
        shopper.owner, body.product_id, body.quantity, idempotency_key, versions_of(if_match)
    )
    return JsonResponse(LineChangeView.of(change, shopper.new_token), headers=shopper.headers)


@bare.put(
    "/api/cart/items",
    operation_id="replace_cart_items",
    summary="Replace everything in the cart",
    response_model=ReplacedView,
    responses=problem_responses(*_WRITING),
    openapi_extra=up_to(MAX_ITEMS_BYTES),
)
async def replace_cart_items(
    request: Request, body: Items, shopper: WritingShopper, if_match: IfMatch = None
) -> Response:
    """Make these the cart's only lines. With `If-Match`, only if the cart is as you read it."""
    quantities = quantities_of(body.items)
    size, lines = await api(request).use_cases.replace_items(shopper.owner, quantities, versions_of(if_match))
    headers = {"ETag": etag_of(size.version), **PERSONAL, **shopper.headers}
    return JsonResponse(ReplacedView.of(size, lines, shopper.new_token), headers=headers)


@router.put(
    "/api/cart/items/{product_id}",
    operation_id="set_cart_item",
    summary="Set the quantity of a product",
    response_model=LineChangeView,
    responses=problem_responses(*_WRITING),
)
async def set_cart_item(
    request: Request,
    product_id: ProductIdInPath,
    body: NewQuantity,
    shopper: WritingShopper,
    if_match: IfMatch = None,
) -> Response:
    """Make the cart hold exactly this many units of a product. The answer says what a unit costs."""
    change = await api(request).use_cases.set_item(
        shopper.owner, product_id, body.quantity, versions_of(if_match)
    )
    return JsonResponse(LineChangeView.of(change, shopper.new_token), headers=shopper.headers)


@router.delete(
    "/api/cart/items/{product_id}",
    operation_id="remove_cart_item",
    summary="Remove a product",
    response_model=LineChangeView,
    responses=problem_responses(*_SHOPPER, CartMerged, PreconditionFailed, TooManyRequests),
)
async def remove_cart_item(
    request: Request, product_id: ProductIdInPath, shopper: WritingShopper, if_match: IfMatch = None
) -> Response:
    """Take a product out of the cart; one that is not in it is removed already."""
    change = await api(request).use_cases.remove_item(shopper.owner, product_id, versions_of(if_match))
    return JsonResponse(LineChangeView.of(change, shopper.new_token), headers=shopper.headers)


@router.post(
    "/api/cart/merge",
    operation_id="merge_cart",
    summary="Bring a guest's cart along after signing in",
    response_model=MergeView,
    responses=problem_responses(BadRequest, InvalidCartToken, Unauthenticated, Forbidden, InvalidInput),
)
async def merge_cart(request: Request, body: GuestCart, user: CurrentUser) -> Response:
    """Move the guest's lines into the account's cart: quantities add up to the limit.

    Merging the same guest cart again changes nothing, so it is safe to repeat.
    """
    report = await api(request).use_cases.merge_carts(user_owner(user), body.cart_token)
    return JsonResponse(MergeView.of(report))
