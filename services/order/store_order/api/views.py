"""Orders as the outside world sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Self

from pydantic import Field
from store_kit.clock import rfc3339
from store_kit.http import PERSONAL, JsonResponse, etag_of

from store_order.domain import NEXT, ON_THE_WAY, Event, Line, Order, OrderWithLines, Status
from store_order.ports import Payment, Summary
from store_order.use_cases import ListedOrder, OrderPage

_Minor = Annotated[int | None, Field(description="Minor units; null until they are known.", examples=[1795])]
_Time = Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of an order; name and price are those of the moment when it was reserved."""

    product_id: str
    sku: str | None
    name: str | None
    quantity: int
    unit_price_minor: _Minor
    line_total_minor: _Minor

    @classmethod
    def all_of(cls, lines: Sequence[Line]) -> list[Self]:
        """Return the views of an order's lines."""
        return [
            cls(x.product_id, x.sku, x.name, x.quantity, x.unit_price_minor, x.total_minor) for x in lines
        ]


@dataclass(frozen=True, slots=True)
class _Order:
    """What every view of an order begins with."""

    id: str
    status: Status
    line_count: int
    total_minor: _Minor
    currency: str | None
    version: int
    created_at: _Time
    updated_at: _Time
    next_status: Annotated[Status | None, Field(description="What the delivery clock makes of it next.")]
    next_status_at: _Time | None


@dataclass(frozen=True, slots=True)
class OrderSummaryView(_Order):
    """An order in a list."""

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the view of an order without its lines."""
        return cls(*_fields_of(order))


@dataclass(frozen=True, slots=True)
class OrderView(_Order):
    """An order with its lines."""

    lines: list[LineView]

    @classmethod
    def of(cls, found: OrderWithLines) -> Self:
        """Return the view of an order with its lines."""
        return cls(*_fields_of(found.order), LineView.all_of(found.lines))


@dataclass(frozen=True, slots=True)
class OrderPageView:
    """A page of orders, newest first."""

    items: list[OrderSummaryView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: OrderPage, next_cursor: str | None) -> Self:
        """Return the view of a page."""
        return cls([OrderSummaryView.of(listed.order) for listed in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What the payment provider's books say; NONE when it knows nothing of the order."""

    state: Annotated[str, Field(examples=["CHARGED"])]
    amount_minor: int
    charges: int
    refunds: int

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Return the view of a payment."""
        return cls(payment.state, payment.amount_minor, payment.charges, payment.refunds)


@dataclass(frozen=True, slots=True)
class AdminOrderView(_Order):
    """An order as administrators see it; lines and payment only when asked for."""

    user_id: str
    lines: list[LineView] | None
    payment: PaymentView | None

    @classmethod
    def of(cls, listed: ListedOrder) -> Self:
        """Return the view of an order in an administrator's list."""
        return cls(
            *_fields_of(listed.order),
            listed.order.user_id,
            None if listed.lines is None else LineView.all_of(listed.lines),
            None if listed.payment is None else PaymentView.of(listed.payment),
        )


@dataclass(frozen=True, slots=True)
class AdminOrderPageView:
    """A page of everybody's orders, newest first."""

    items: list[AdminOrderView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: OrderPage, next_cursor: str | None) -> Self:
        """Return the view of a page."""
        return cls([AdminOrderView.of(listed) for listed in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class EventView:
    """One change of an order's status; `id` grows with time and may have gaps."""

    id: int
    status: Status
    at: _Time

    @classmethod
    def of(cls, event: Event) -> Self:
        """Return the view of a change of status."""
        return cls(event.version, event.status, rfc3339(event.at_ms))


@dataclass(frozen=True, slots=True)
class TimelineView:
    """What happened to an order, oldest first."""

    items: list[EventView]

    @classmethod
    def of(cls, events: Sequence[Event]) -> Self:
        """Return the view of a timeline."""
        return cls([EventView.of(event) for event in events])


@dataclass(frozen=True, slots=True)
class StatusView:
    """A status and what may follow it."""

    status: Status
    final: bool
    next: list[Status]


@dataclass(frozen=True, slots=True)
class StatusesView:
    """All statuses."""

    items: list[StatusView]

    @classmethod
    def of(cls, statuses: type[Status]) -> Self:
        """Return the view of all statuses."""
        return cls([StatusView(status, status.final, list(NEXT[status])) for status in statuses])


@dataclass(frozen=True, slots=True)
class UserSummaryView:
    """A user's orders in figures."""

    orders: int
    total_spent_minor: int
    currency: str

    @classmethod
    def of(cls, summary: Summary, currency: str) -> Self:
        """Return the view of a summary."""
        return cls(summary.orders, summary.total_spent_minor, currency)


def order_response(found: OrderWithLines, status_code: int = HTTPStatus.OK) -> JsonResponse:
    """Return an order as the answer to a request about it."""
    order = found.order
    headers = {"ETag": etag_of(order.version), **PERSONAL}
    if status_code in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        headers["Location"] = f"/api/orders/{order.id}"
    if status_code == HTTPStatus.ACCEPTED:
        headers["Retry-After"] = "1"
    return JsonResponse(OrderView.of(found), status_code, headers)


_Fields = tuple[str, Status, int, int | None, str | None, int, str, str, Status | None, str | None]


def _fields_of(order: Order) -> _Fields:
    """Return the fields of `_Order`, in their order."""
    following, at_ms = _following(order)
    return (
        order.id,
        order.status,
        order.line_count,
        order.total_minor,
        order.currency,
        order.version,
        rfc3339(order.created_at_ms),
        rfc3339(order.updated_at_ms),
        following,
        None if at_ms is None else rfc3339(at_ms),
    )


def _following(order: Order) -> tuple[Status | None, int | None]:
    if order.status not in ON_THE_WAY:
        return None, None
    waits = order.status is Status.SHIPPING and order.shipped_at_ms is None
    return NEXT[order.status][0], None if waits else order.next_due_at_ms
