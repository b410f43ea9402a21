"""Everybody's orders, for administrators."""

import re
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response
from store_kit.auth import Admin
from store_kit.cursors import page_link
from store_kit.openapi import REQUIRED
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    OutcomeUnknown,
    PeerUnavailable,
    PreconditionFailed,
    PreconditionRequired,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import PERSONAL, JsonResponse, etag_of, require_match

from store_order.api.parts import Cursor, Limit, OrderId, cursor_of, position_of, use_cases
from store_order.api.views import AdminOrderPageView, OrderView, admin_view, order_view
from store_order.domain import Status
from store_order.ports import OrderFilter
from store_order.problems import IllegalTransition, OrderNotFound

router: Final = APIRouter(prefix="/api/admin/orders", tags=["admin"])
_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
_FULL_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _full_date(value: object) -> object:
    """Take the `full-date` of RFC 3339 only: by itself the type also reads `0` and a time of day."""
    if isinstance(value, str) and not _FULL_DATE.fullmatch(value):
        raise ValueError("must be a date like 2026-01-31")
    return value


class StatusRequest(BaseModel):
    """The status that an order shall have."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "PROCESSING"}]})

    status: Status = Field(description="PROCESSING, SHIPPING, DELIVERED or CANCELLED, if it may follow.")


@router.get(
    "",
    operation_id="list_all_orders",
    summary="List everybody's orders",
    response_model=AdminOrderPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_all_orders(
    request: Request,
    _admin: Admin,
    status: Annotated[Status | None, Query(description="Only orders in this status.")] = None,
    day: Annotated[
        date | None,
        BeforeValidator(_full_date),
        Query(description="Only orders placed on this day, UTC.", examples=["2026-01-31"]),
    ] = None,
    expand: Annotated[
        str | None,
        Query(
            max_length=32,
            pattern=r"^(lines|payment)(,(lines|payment))*$",
            description="What to show besides: `lines`, `payment`, or both with a comma.",
        ),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """List orders of all customers, newest first. A page with lines may be shorter than `limit`."""
    shown = (expand or "").split(",")
    query = f"admin-orders|{status or ''}|{day or ''}"
    page = await use_cases(request).list_orders(
        _filter(status, day),
        position_of(request, query, cursor),
        limit,
        with_lines="lines" in shown,
        with_payment="payment" in shown,
    )
    following = cursor_of(request, query, page.next_position)
    items = [admin_view(item, with_payment="payment" in shown) for item in page.items]
    return JsonResponse(AdminOrderPageView(items, following), headers=page_link(request, following))


@router.put(
    "/{order_id}/status",
    operation_id="change_order_status",
    summary="Change an order's status",
    response_model=OrderView,
    responses=problem_responses(
        BadRequest,
        Unauthenticated,
        Forbidden,
        OrderNotFound,
        IllegalTransition,
        PreconditionFailed,
        InvalidInput,
        PreconditionRequired,
        PeerUnavailable,
        OutcomeUnknown,
    ),
)
async def change_order_status(
    request: Request,
    admin: Admin,
    order_id: OrderId,
    body: StatusRequest,
    _if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            json_schema_extra=REQUIRED,
            description="Required: the ETag of the order that you have seen.",
        ),
    ] = None,
) -> Response:
    """Do now what the delivery clock would do later, or cancel. Only legal transitions are possible."""
    cases = use_cases(request)
    order = await cases.view_order(order_id, admin)
    require_match(request, etag_of(order.version))
    changed = await cases.change_status(order, body.status)
    view = order_view(changed, await cases.view_order.lines(changed))
    return JsonResponse(view, headers={"ETag": etag_of(changed.version), **PERSONAL})


def _filter(status: Status | None, day: date | None) -> OrderFilter:
    if day is None:
        return OrderFilter(status=status)
    start_ms = (day - _EPOCH).days * _DAY_MS
    return OrderFilter(status=status, from_ms=start_ms, to_ms=start_ms + _DAY_MS)
