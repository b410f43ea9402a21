"""Orders of the signed-in customer."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response
from store_kit.auth import CurrentUser
from store_kit.bare_routes import BareRoute
from store_kit.cursors import page_link
from store_kit.header_fields import entity_tags
from store_kit.money import MAX_MINOR
from store_kit.openapi import REQUIRED
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
from store_kit.responses import ANY_TAG, PERSONAL, PUBLIC, JsonResponse, etag_of, not_modified, seen_versions

from store_order.api.by_hand import by_hand, one_order, placing
from store_order.api.parts import KEY_PATTERN, Cursor, Limit, OrderId, cursor_of, position_of, use_cases
from store_order.api.views import (
    OrderPageView,
    OrderView,
    StatusesView,
    order_view,
    statuses_view,
    summary_view,
)
from store_order.domain import Line, Order, Status
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
from store_order.use_cases.place_order import Outcome
from store_order.use_cases.place_order import Request as BuyersRequest

router: Final = APIRouter(tags=["orders"])
hot: Final = APIRouter(tags=["orders"], route_class=BareRoute)
_Responses = dict[int | str, dict[str, Any]]
_STATUS_OF: Final = {Outcome.CREATED: 201, Outcome.REPEATED: 200, Outcome.IN_PROGRESS: 202}
_ACCEPTED: Final[_Responses] = {
    202: {"model": OrderView, "description": "Still in progress; Location tells where to look."}
}
_VERSION: Final = re.compile(r"([0-9]{1,9})")
_OK: Final[_Responses] = {200: {"model": OrderView, "description": "This key has placed this order before."}}
_NOT_MODIFIED: Final[_Responses] = {304: {"description": "The order is still what If-None-Match names."}}


def _whole(value: object) -> object:
    """Take 2.0 for 2: to JSON Schema both are integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class OrderRequest(BaseModel):
    """How an order is paid; what is ordered is the cart, prices are the catalogue's."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{}]})

    payment_token: Literal["tok_approve", "tok_decline", "tok_timeout", "tok_timeout_lost"] = Field(
        default="tok_approve",
        description="A token of the simulated provider: it approves, declines, approves without answering, "
        "or never hears of the charge.",
    )
    # The bounds are the number's: around the choice they would be held against null too, which fails (TypeError).
    expected_total_minor: Annotated[
        Annotated[int, Field(ge=0, le=MAX_MINOR), BeforeValidator(_whole)] | None,
        Field(
            examples=[1795],
            description="The total that you agreed to, in minor units: the order is refused if it is another. Without "
            "it (and without If-Match) the order may not be dearer than what you were last shown.",
        ),
    ] = None


@hot.post(
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
@by_hand(placing(OrderRequest))
async def place_order(
    request: Request,
    user: CurrentUser,
    body: OrderRequest | None = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=128,
            pattern=KEY_PATTERN,
            json_schema_extra=REQUIRED,
            description="Required. Repeating a request with the same key and body gives the same order.",
            examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
        ),
    ] = None,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the cart that you read: 412 when the cart or a price is another now.",
        ),
    ] = None,
) -> Response:
    """Reserve the cart's products, freeze their prices, take the cart, charge.

    You are charged what you agreed to: exactly `expected_total_minor`, or the total of the cart that `If-Match` names;
    without either never more than you were last shown. Otherwise the order is refused, nothing is charged, and the
    cart is as it was.

    The same Idempotency-Key and body give the same order however often they are sent: 201 the first time, 200
    after that, 202 while it is still in progress; a refusal is repeated too.
    """
    if idempotency_key is None:
        raise IdempotencyKeyMissing("Send an Idempotency-Key of 1 to 128 visible ASCII characters.")
    given = body or OrderRequest()
    wanted = BuyersRequest(given.payment_token, given.expected_total_minor, _tags(if_match))
    placed = await use_cases(request).place_order(user.subject, idempotency_key, wanted)
    return await _shown(request, placed.order, _STATUS_OF[placed.outcome], placed.lines)


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
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """List the customer's own orders, newest first, without their lines."""
    query = f"orders|{user.subject}|{status or ''}"
    wanted = OrderFilter(user_id=user.subject, status=status)
    page = await use_cases(request).list_orders(wanted, position_of(request, query, cursor), limit)
    following = cursor_of(request, query, page.next_position)
    view = OrderPageView([summary_view(item.order) for item in page.items], following)
    return JsonResponse(view, headers=page_link(request, following))


@hot.get(
    "/api/orders/{order_id}",
    operation_id="get_order",
    summary="Show an order",
    response_model=OrderView,
    responses=_NOT_MODIFIED | problem_responses(Unauthenticated, Forbidden, OrderNotFound, InvalidInput),
)
@by_hand(one_order)
async def get_order(request: Request, user: CurrentUser, order_id: OrderId) -> Response:
    """Show one order with its lines. An order of somebody else is not found; administrators see all."""
    order = await use_cases(request).view_order(order_id, user)
    unchanged = not_modified(request, etag_of(order.version), PERSONAL)
    return unchanged or await _shown(request, order, 200)


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
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="The ETag of the order that you have seen; 412 at another."),
    ] = None,
) -> Response:
    """Give back goods and money of an order that has not been shipped; safe to repeat.

    202 while giving back takes longer than this request may: it will be finished.
    """
    order = await use_cases(request).cancel_order(order_id, user, seen_versions(if_match, _VERSION))
    return await _shown(request, order, 200 if order.status is Status.CANCELLED else 202)


@router.get(
    "/api/order-statuses",
    operation_id="list_order_statuses",
    summary="List the statuses of orders",
    response_model=StatusesView,
)
async def list_order_statuses() -> Response:
    """List every status an order can have, and which ones may follow it."""
    return JsonResponse(statuses_view(), headers=PUBLIC)


def _tags(if_match: str | None) -> frozenset[str] | None:
    """Return the entity tags of an If-Match; None when any cart will do."""
    tags = None if if_match is None else entity_tags(if_match, weak=False)
    return None if tags is None or ANY_TAG in tags else tags


async def _shown(
    request: Request, order: Order, status_code: int, lines: Sequence[Line] | None = None
) -> Response:
    if lines is None:
        lines = await use_cases(request).view_order.lines(order)
    headers = {"ETag": etag_of(order.version), **PERSONAL, **_whereabouts(order, status_code)}
    return JsonResponse(order_view(order, lines), status_code, headers)


def _whereabouts(order: Order, status_code: int) -> dict[str, str]:
    location = {"Location": f"/api/orders/{order.id}"}
    match status_code:
        case HTTPStatus.CREATED:
            return location
        case HTTPStatus.ACCEPTED:
            return {**location, "Retry-After": "1"}
    return {}
