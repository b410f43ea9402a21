"""What orders hold: the states of a reservation, and every step from one to the next.

A caller that finds a reservation in a passing state can go on from there. An attempt that was short is withdrawn, and
the order may try again: holds and markers belong to an attempt (`ref`), so that a late hold of the first attempt
cannot pass for one of the second.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from store_kit.shop import MOST_LINE_UNITS, MOST_ORDER_LINES

from store_catalog.domain.products import ProductId
from store_catalog.domain.stock import HoldState, OrderId
from store_catalog.problems import (
    InsufficientStock,
    ReservationExpired,
    ReservationReleased,
    ReservationShipped,
)

MAX_LINES: Final = MOST_ORDER_LINES
MAX_QUANTITY: Final = MOST_LINE_UNITS


class ReservationState(StrEnum):
    """Where a reservation is.

    An attempt that was short or came too late is WITHDRAWING, then WITHDRAWN: the order has no reservation, and may
    try again.
    """

    HOLDING = "HOLDING"
    HELD = "HELD"
    WITHDRAWING = "WITHDRAWING"
    WITHDRAWN = "WITHDRAWN"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    SHIPPING = "SHIPPING"
    SHIPPED = "SHIPPED"

    @property
    def hold_state(self) -> HoldState:
        """What it means for each of its products."""
        return _HOLD_STATES.get(self, HoldState.RELEASED)

    @property
    def passing(self) -> bool:
        """Whether it must be taken further; a sweeper does so when the caller did not."""
        return self in _NEXT

    @property
    def next(self) -> "ReservationState":
        """Where a passing state ends."""
        return _NEXT[self]

    @property
    def ended(self) -> bool:
        """Whether nothing is held any more."""
        return self in (State.WITHDRAWN, State.RELEASED, State.SHIPPED)


State = ReservationState
_HOLD_STATES: Final = {
    State.HOLDING: HoldState.HELD,
    State.HELD: HoldState.HELD,
    State.SHIPPING: HoldState.SHIPPED,
    State.SHIPPED: HoldState.SHIPPED,
}
_NEXT: Final = {
    State.HOLDING: State.HELD,
    State.WITHDRAWING: State.WITHDRAWN,
    State.RELEASING: State.RELEASED,
    State.SHIPPING: State.SHIPPED,
}
_BEGINNING: Final = {State.RELEASED: State.RELEASING, State.SHIPPED: State.SHIPPING}
_CAN_SHIP: Final = (State.HELD, State.SHIPPING, State.SHIPPED)


@dataclass(frozen=True, slots=True)
class Line:
    """Units of a product that an order wants."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """Units of a product that an order holds, at the name and price of the moment they were held."""

    product_id: ProductId
    sku: str | None
    name: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the catalogue keeps for an order; `crossed` names products that just went in or out of stock."""

    order_id: OrderId
    state: ReservationState
    lines: tuple[ReservedLine, ...] = ()
    crossed: tuple[ProductId, ...] = ()


@dataclass(frozen=True, slots=True)
class ReservationRecord:
    """A reservation as a store keeps it, at a version; names and prices of its lines are there from HELD on."""

    order_id: OrderId
    state: ReservationState
    attempt: int
    version: int
    updated_at_ms: int
    lines: tuple[ReservedLine, ...] = ()

    @property
    def ref(self) -> str:
        """The name of its holds and markers."""
        return f"{self.order_id}/{self.attempt}"

    def stopped_before(self, time_ms: int) -> bool:
        """Whether it has been on its way to an end since before a time."""
        return self.state in _BEGINNING.values() and self.updated_at_ms < time_ms

    def moved(
        self, to: ReservationState, now_ms: int, lines: tuple[ReservedLine, ...] | None = None
    ) -> "ReservationRecord":
        """Return it at its next version; what has ended has no lines."""
        after = () if to.ended else self.lines if lines is None else lines
        return replace(self, state=to, version=self.version + 1, updated_at_ms=now_ms, lines=after)


def order_of(ref: str) -> OrderId:
    """Return the order that a hold belongs to."""
    return ref.rpartition("/")[0]


# ----------------------------------------------------------------------------------------------- transitions

Transition = Callable[[ReservationRecord | None, int], ReservationRecord | None]
"""Given the record and the time, returns the record to write: the very same when nothing is to change."""
Beginning = Callable[[ReservationRecord | None, int], ReservationRecord]
"""A transition after which there is a record."""


def begin(order_id: OrderId, lines: tuple[ReservedLine, ...], until_ms: int) -> Beginning:
    """Begin an attempt, unless one stands; it raises ReservationExpired when that is too late."""

    def decide(found: ReservationRecord | None, now_ms: int) -> ReservationRecord:
        if found is not None and found.state is not State.WITHDRAWN:
            return found
        refuse_late(now_ms, until_ms)
        attempt, version = (0, 0) if found is None else (found.attempt, found.version)
        return ReservationRecord(order_id, State.HOLDING, attempt + 1, version + 1, now_ms, lines)

    return decide


def transition(
    attempt: int,
    before: ReservationState,
    after: ReservationState,
    lines: tuple[ReservedLine, ...] | None = None,
) -> Transition:
    """Take an attempt from one state to another; any other attempt or state stays."""

    def decide(found: ReservationRecord | None, now_ms: int) -> ReservationRecord | None:
        if found is None or (found.attempt, found.state) != (attempt, before):
            return found
        return found.moved(after, now_ms, lines)

    return decide


def begin_end(end: ReservationState) -> Transition:
    """Begin to release or to ship a reservation; it raises when that cannot be (see `refuse_end`)."""

    def decide(found: ReservationRecord | None, now_ms: int) -> ReservationRecord | None:
        if found is None or found.state in (_BEGINNING[end], end):
            return found
        refuse_end(found.state, end)
        return found.moved(_BEGINNING[end], now_ms)

    return decide


def abandon(older_than_ms: int) -> Transition:
    """Begin to release an attempt that has been in a passing state since before a time, unless it ships."""

    def decide(found: ReservationRecord | None, now_ms: int) -> ReservationRecord | None:
        if found is None or found.state not in (State.HOLDING, State.WITHDRAWING):
            return found
        return found.moved(State.RELEASING, now_ms) if found.updated_at_ms < older_than_ms else found

    return decide


def begin_refusal(order_id: OrderId) -> Beginning:
    """Begin to release an order that has no record, so that a late hold is refused."""

    def decide(found: ReservationRecord | None, now_ms: int) -> ReservationRecord:
        return found or ReservationRecord(order_id, State.RELEASING, 0, 1, now_ms)

    return decide


def no_change(found: ReservationRecord | None, _now_ms: int) -> ReservationRecord | None:
    """Only look."""
    return found


# -------------------------------------------------------------------------------------------------- refusals


def refuse_end(state: ReservationState | None, end: ReservationState) -> None:
    """Pass only an end (RELEASED or SHIPPED) that a reservation in `state` (None: there is none) can come to.

    Raises:
        ReservationShipped: it cannot be released any more.
        ReservationReleased: it holds nothing that could be shipped.
    """
    if end is State.RELEASED and state is not None and state.hold_state is HoldState.SHIPPED:
        raise ReservationShipped("This order was shipped; its stock cannot come back.")
    if end is State.SHIPPED and state not in _CAN_SHIP:
        raise ReservationReleased("This order holds no stock; it cannot be shipped.")


def refuse_late(now_ms: int, not_after_ms: int) -> None:
    """Pass only while the caller still wants the hold.

    Raises:
        ReservationExpired: `not_after_ms` has passed.
    """
    if now_ms > not_after_ms:
        raise ReservationExpired(
            "The hold was asked for until a time that has passed; place the order again."
        )


def short_of(wanted: Sequence[Line], available: Mapping[ProductId, int]) -> InsufficientStock:
    """Return the refusal of an order, naming every line that is short; unknown products have 0."""
    short = [
        {
            "product_id": line.product_id,
            "requested": line.quantity,
            "available": available.get(line.product_id, 0),
        }
        for line in wanted
        if line.quantity > available.get(line.product_id, 0)
    ]
    return InsufficientStock(
        f"{len(short)} of {len(wanted)} lines ask for more than is available.", lines=short
    )
