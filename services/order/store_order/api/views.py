"""Orders as the outside world sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from store_kit.clock import rfc3339

from store_order.domain import NEXT, ON_THE_WAY, Event, Line, Order, Status
from store_order.ports import Payment
from store_order.use_cases.list_orders import ListedOrder

_Minor = Annotated[
    int | None, Field(description="Minor units; null until prices are frozen.", examples=[1795])
]
_Time = Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of an order; name and price are frozen when the order is placed."""

    product_id: str
    sku: str | None
    name: str | None
    quantity: int
    unit_price_minor: _Minor
    line_total_minor: _Minor


@dataclass(frozen=True, slots=True)
class OrderSummaryView:
    """An order in a list."""

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
class OrderView(OrderSummaryView):
    """An order with its lines."""

    lines: list[LineView]


@dataclass(frozen=True, slots=True)
class OrderPageView:
    """A page of orders, newest first."""

    items: list[OrderSummaryView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What the payment provider's books say; NONE when it knows nothing of the order."""

    state: Annotated[str, Field(examples=["CHARGED"])]
    amount_minor: int
    charges: int
    refunds: int


@dataclass(frozen=True, slots=True)
class AdminOrderView(OrderSummaryView):
    """An order as administrators see it; lines and payment only when asked for."""

    user_id: str
    lines: list[LineView] | None
    payment: PaymentView | None


@dataclass(frozen=True, slots=True)
class AdminOrderPageView:
    """A page of everybody's orders, newest first."""

    items: list[AdminOrderView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """One change of an order's status; `id` grows with time and may have gaps."""

    id: int
    status: Status
    at: _Time


@dataclass(frozen=True, slots=True)
class TimelineView:
    """What happened to an order, oldest first."""

    items: list[EventView]


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


@dataclass(frozen=True, slots=True)
class UserSummaryView:
    """A user's orders in figures."""

    orders: int
    total_spent_minor: int
    currency: str


def order_view(order: Order, lines: Sequence[Line]) -> OrderView:
    """Return an order with its lines."""
    return OrderView(*_summary(order), _lines(lines))


def summary_view(order: Order) -> OrderSummaryView:
    """Return an order for a list."""
    return OrderSummaryView(*_summary(order))


def admin_view(listed: ListedOrder, *, with_payment: bool) -> AdminOrderView:
    """Return an order for administrators."""
    lines = None if listed.lines is None else _lines(listed.lines)
    payment = _payment(listed.payment) if with_payment else None
    return AdminOrderView(*_summary(listed.order), listed.order.user_id, lines, payment)


def event_view(event: Event) -> EventView:
    """Return a change of status."""
    return EventView(event.version, event.status, rfc3339(event.at_ms))


def statuses_view() -> StatusesView:
    """Return all statuses and what may follow them."""
    return StatusesView([StatusView(s, s.final, list(NEXT[s])) for s in Status])


_Summary = tuple[str, Status, int, int | None, str | None, int, str, str, Status | None, str | None]


def _summary(order: Order) -> _Summary:
    following, at_ms = _following(order)
    return (
        order.id,
        order.status,
        order.line_count,
        order.total_minor,
        order.currency,
        order.version,
        rfc3339(order.created_ms),
        rfc3339(order.updated_ms),
        following,
        None if at_ms is None else rfc3339(at_ms),
    )


def _following(order: Order) -> tuple[Status | None, int | None]:
    if order.status not in ON_THE_WAY:
        return None, None
    waits = order.status is Status.SHIPPING and order.shipped_ms is None
    return NEXT[order.status][0], None if waits else order.next_due_ms


def _lines(lines: Sequence[Line]) -> list[LineView]:
    return [
        LineView(x.product_id, x.sku, x.name, x.quantity, x.unit_price_minor, x.total_minor) for x in lines
    ]


def _payment(payment: Payment | None) -> PaymentView:
    if payment is None:
        return PaymentView("NONE", 0, 0, 0)
    return PaymentView(payment.state, payment.amount_minor, payment.charges, payment.refunds)
