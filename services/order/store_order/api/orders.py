"""Orders of the signed-in customer."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from store_kit.access.tokens import CurrentUser
from store_kit.http import (
    ANY_TAG,
    PERSONAL,
    PUBLIC,
    BareRoute,
    JsonResponse,
    entity_tags,
    etag_of,
    not_modified,
    page_response,
)
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    OutcomeUnknown,
    PeerUnavailable,
    PreconditionFailed,
    Unauthenticated,
    problem_responses,
)

from store_order.api.parameters import (
    CartIfMatch,
    OrderCursor,
    OrderId,
    OrderIfMatch,
    OrderKey,
    OrderLimit,
    OrderRequest,
    api,
    versions_of,
)
from store_order.api.views import (
    OrderPageView,
    OrderView,
    StatusesView,
    order_response,
)
from store_order.domain import Checkout, Status
from store_order.ports import OrderFilter
from store_order.problems import (
    CartChanged,
    EmptyCart,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IllegalTransition,
    InsufficientStock,
    OrderNotFound,
    OrderNotPlaced,
    OrderTooLarge,
    PaymentDeclined,
    PriceChanged,
    QuantityLimit,
    TooManyLines,
)
from store_order.use_cases import Outcome

router: Final = APIRouter(tags=["orders"])
bare: Final = APIRouter(tags=["orders"], route_class=BareRoute)
_Responses = dict[int | str, dict[str, Any]]
_STATUS_OF: Final = {Outcome.CREATED: 201, Outcome.REPEATED: 200, Outcome.IN_PROGRESS: 202}
_ACCEPTED: Final[_Responses] = {
    202: {"model": OrderView, "description": "Still in progress; Location tells where to look."}
}
_OK: Final[_Responses] = {200: {"model": OrderView, "description": "This key has placed this order before."}}
_NOT_MODIFIED: Final[_Responses] = {304: {"description": "The order is still what If-None-Match names."}}


@bare.post(
    "/api/orders",
    operation_id="place_order",
    summary="Place an order from the cart",
    status_code=201,
    response_model=OrderView,
    responses=_OK
    | _ACCEPTED
    | problem_responses(
        BadRequest,
        IdempotencyKeyMissing,
        Unauthenticated,
        PaymentDeclined,
        Forbidden,
        EmptyCart,
        TooManyLines,
        QuantityLimit,
        InsufficientStock,
        OrderNotPlaced,
        OrderTooLarge,
        PriceChanged,
        CartChanged,
        PreconditionFailed,
        InvalidInput,
        IdempotencyKeyReused,
        PeerUnavailable,
        OutcomeUnknown,
    ),
)
async def place_order(
    request: Request,
    user: CurrentUser,
    body: OrderRequest | None = None,
    idempotency_key: OrderKey = None,
    if_match: CartIfMatch = None,
) -> Response:
    """Reserve the cart's products at their prices, take the cart, charge.

    You are charged what you agreed to: exactly `expected_total_minor`, or the total of the cart that `If-Match` names;
    without either never more than you were last shown. Otherwise the order is refused, nothing is charged, and the
    cart is as it was.

    The same Idempotency-Key and body give the same order however often they are sent: 201 the first time, 200
    after that, 202 while it is still in progress; a refusal is repeated too.
    """
    if idempotency_key is None:
        raise IdempotencyKeyMissing("Send an Idempotency-Key of 1 to 255 visible ASCII characters.")
    given = body or OrderRequest()
    checkout = Checkout(given.payment_token, given.expected_total_minor, _tags(if_match))
    placed = await api(request).use_cases.place_order(user.subject, idempotency_key, checkout)
    return order_response(placed, _STATUS_OF[placed.outcome])


@router.get(
    "/api/orders",
    operation_id="list_orders",
    summary="List your orders",
    response_model=OrderPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_orders(
    request: Request,
    user: CurrentUser,
    status: Annotated[Status | None, Query(description="Only orders in this status.")] = None,
    limit: OrderLimit = 20,
    cursor: OrderCursor = None,
) -> Response:
    """List the customer's own orders, newest first, without their lines."""
    query, cursors = f"orders|{user.subject}|{status or ''}", api(request).cursors
    wanted = OrderFilter(user_id=user.subject, status=status)
    page = await api(request).use_cases.list_orders(
        wanted, cursors.position(query, cursor, tuple[int, str]), limit
    )
    return page_response(request, OrderPageView.of(page, cursors.following(query, page)))


@bare.get(
    "/api/orders/{order_id}",
    operation_id="get_order",
    summary="Show an order",
    response_model=OrderView,
    responses=_NOT_MODIFIED | problem_responses(Unauthenticated, Forbidden, OrderNotFound, InvalidInput),
)
async def get_order(request: Request, user: CurrentUser, order_id: OrderId) -> Response:
    """Show one order with its lines. An order of somebody else is not found; administrators see all."""
    known = versions_of(request.headers.get("if-none-match"))
    found = await api(request).use_cases.view_order(order_id, user, known)
    return not_modified(request, etag_of(found.order.version), PERSONAL) or order_response(found)


@router.post(
    "/api/orders/{order_id}/cancel",
    operation_id="cancel_order",
    summary="Cancel an order",
    response_model=OrderView,
    responses=_ACCEPTED
    | problem_responses(
        Unauthenticated, Forbidden, OrderNotFound, IllegalTransition, PreconditionFailed, InvalidInput
    ),
)
async def cancel_order(
    request: Request,
    user: CurrentUser,
    order_id: OrderId,
    if_match: OrderIfMatch = None,
) -> Response:
    """Give back goods and money of an order that has not been shipped; safe to repeat.

    202 while giving back takes longer than this request may: it will be finished.
    """
    found = await api(request).use_cases.cancel_order(order_id, user, versions_of(if_match))
    return order_response(found, 200 if found.order.status is Status.CANCELLED else 202)


@router.get(
    "/api/order-statuses",
    operation_id="list_order_statuses",
    summary="List the statuses of orders",
    response_model=StatusesView,
)
async def list_order_statuses() -> Response:
    """List every status an order can have, and which ones may follow it."""
    return JsonResponse(StatusesView.of(Status), headers=PUBLIC)


def _tags(if_match: str | None) -> frozenset[str] | None:
    """Return the entity tags of an If-Match; None when any cart will do."""
    tags = None if if_match is None else entity_tags(if_match, weak=False)
    return None if tags is None or ANY_TAG in tags else tags
