"""Everybody's orders, for administrators."""

import re
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import page_response
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

from store_order.api.parameters import (
    OrderCursor,
    OrderId,
    OrderLimit,
    RequiredIfMatch,
    StatusRequest,
    api,
    required_versions,
)
from store_order.api.views import AdminOrderPageView, OrderView, order_response
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
    limit: OrderLimit = 20,
    cursor: OrderCursor = None,
) -> Response:
    """List orders of all customers, newest first. A page with lines may be shorter than `limit`."""
    shown = (expand or "").split(",")
    query, cursors = f"admin-orders|{status or ''}|{day or ''}", api(request).cursors
    page = await api(request).use_cases.list_orders(
        _filter(status, day),
        cursors.position(query, cursor, tuple[int, str]),
        limit,
        with_lines="lines" in shown,
        with_payment="payment" in shown,
    )
    return page_response(request, AdminOrderPageView.of(page, cursors.following(query, page)))


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
    if_match: RequiredIfMatch = None,
) -> Response:
    """Do now what the delivery clock would do later, or cancel. Only legal transitions are possible."""
    versions = required_versions(if_match)
    changed = await api(request).use_cases.change_status(order_id, admin, body.status, versions)
    return order_response(changed)


def _filter(status: Status | None, day: date | None) -> OrderFilter:
    if day is None:
        return OrderFilter(status=status)
    start_at_ms = (day - _EPOCH).days * _DAY_MS
    return OrderFilter(status=status, from_at_ms=start_at_ms, to_at_ms=start_at_ms + _DAY_MS)
