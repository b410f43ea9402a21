"""What the use cases need from the outside world; each port's test suite is its definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from store_kit.clock import Clock

from store_order.domain import Change, Event, Hint, Line, Order, Queue, Shortage, Status

__all__ = [
    "Cart",
    "CartTaken",
    "Carts",
    "ChargeDeclined",
    "ChargeRefused",
    "Clock",
    "Held",
    "HoldRefused",
    "Notification",
    "Notifications",
    "OrderFilter",
    "OrderStore",
    "OutOfStock",
    "Payment",
    "Payments",
    "Position",
    "PricedCart",
    "Reservations",
    "Signals",
    "Summary",
    "Telemetry",
    "Watching",
    "WorkQueue",
]

Position = tuple[int, str]
"""Where a page of orders ends: created_ms and id of its last order; lists run from new to old."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows; None means any. `to_ms` is exclusive."""

    user_id: str | None = None
    status: Status | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A user's orders: how many were placed, and what those that were not cancelled cost in minor units."""

    orders: int
    total_spent_minor: int


class OrderStore(Protocol):
    """Orders, their lines and timelines. Every change is one compare-and-set on one order's version.

    An adapter writes the hints of a change before the change itself, or with it, never after. It settles an
    unknown outcome of its own by reading the timeline row back: the event's token tells whose change won.
    """

    async def insert(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""
        ...

    async def advance(self, change: Change) -> Order:
        """Replace the order when its version is still that of `change.before`; return what it is now.

        Raises:
            StaleOrder: somebody else changed it first.
        """
        ...

    async def find(self, order_id: str) -> Order | None:
        """Return an order, or None."""
        ...

    async def lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""
        ...

    async def timeline(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""
        ...

    async def event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version."""
        ...

    async def page(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first."""
        ...

    async def summary(self, user_id: str) -> Summary:
        """Return what a user has ordered, without looking at each order."""
        ...

    async def counts(self) -> Mapping[Status, int]:
        """Return how many orders are in each status, every status named, without looking at each order."""
        ...


class WorkQueue(Protocol):
    """The hints that wait, by the time they are due. Several workers may be given the same ones."""

    async def due(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        """Return up to `limit` hints whose time has come, oldest first; they stay until `done`."""
        ...

    async def schedule(self, hints: Sequence[Hint]) -> None:
        """Write hints; durable when this returns."""
        ...

    async def done(self, hints: Sequence[Hint]) -> None:
        """Forget hints. May be lazy: after a crash some may be looked at again, which is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """What the catalogue holds for an order: its lines with names and prices, and their currency."""

    lines: tuple[Line, ...]
    currency: str


class OutOfStock(Exception):
    """The catalogue cannot serve some lines; it holds nothing for the order."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        super().__init__("not enough stock")
        self.shortages = tuple(shortages)


class HoldRefused(Exception):
    """The catalogue holds nothing for this order any more: it was released, or asked too late."""


class Reservations(Protocol):
    """Goods held for orders, at the catalogue. All operations are repeatable by order id."""

    async def reserve(self, order_id: str, lines: Sequence[Line], not_after_ms: int) -> Held:
        """Hold all lines or none; has no effect when it arrives after `not_after_ms`.

        Raises:
            OutOfStock: some line asks for more than there is; nothing is held.
            HoldRefused: it was released, or the request came too late.
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """
        ...

    async def release(self, order_id: str) -> None:
        """Give everything back and let no later hold pass.

        Raises:
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """
        ...

    async def ship(self, order_id: str) -> None:
        """Turn the held goods into sold ones.

        Raises:
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """
        ...


@dataclass(frozen=True, slots=True)
class Cart:
    """A user's cart as it was read; `shown_minor` is what it costs at the prices that its owner was shown last."""

    version: int
    lines: tuple[Line, ...]
    shown_minor: int = 0


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart with what its owner would be shown of it at this moment.

    Args:
        cart: as it was read.
        tag: the opaque part of the entity tag of what would be shown, without its quotes.
        total_minor: at live prices; None while the catalogue does not answer.
        shown: the document that would be shown.
    """

    cart: Cart
    tag: str
    total_minor: int | None
    shown: Mapping[str, object]


class CartTaken(Exception):
    """The cart is not as the order read it: it was changed, or another order has it."""


class Carts(Protocol):
    """Customers' carts, at the cart service."""

    async def read(self, user_id: str) -> Cart:
        """Return a user's cart; an empty one when there is none.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer.
        """
        ...

    async def priced(self, user_id: str) -> PricedCart:
        """Return a user's cart at live prices; its owner is shown nothing by this.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer.
        """
        ...

    async def take(self, user_id: str, order_id: str, version: int) -> None:
        """Take all lines out of the cart for an order, if the cart is at this version; repeatable by order id.

        Raises:
            CartTaken: it is not, or the order has given its lines back.
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """
        ...

    async def give_back(self, user_id: str, order_id: str) -> None:
        """Put back what an order took, once, and let it take nothing any more; repeatable.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """
        ...

    async def subtract(self, user_id: str, order_id: str, lines: Sequence[Line]) -> int:
        """Take what an older order bought out of the cart, once by order id; what was added since stays.

        Returns the cart's version afterwards; a repeat leaves it as it is.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """
        ...


@dataclass(frozen=True, slots=True)
class Payment:
    """What the provider knows under an order's id. `charges` and `refunds` count movements of money."""

    state: str
    amount_minor: int
    currency: str
    charges: int
    refunds: int

    @property
    def charged(self) -> bool:
        """Whether money was taken and not given back."""
        return self.charges > self.refunds


class ChargeDeclined(Exception):
    """The provider said no, and will say so again."""


class ChargeRefused(Exception):
    """The provider knows the key with another amount, or the key was voided or refunded."""


class Payments(Protocol):
    """The payment provider; the order's id is the key that makes everything repeatable."""

    async def charge(self, order_id: str, amount_minor: int, currency: str, token: str) -> None:
        """Take the money, once by order id.

        Raises:
            ChargeDeclined: the provider said no, and will say so again.
            ChargeRefused: the key has another amount, or was voided or refunded.
            PeerUnavailable: the provider was not reached.
            OutcomeUnknown: no answer; `find` tells.
        """
        ...

    async def find(self, order_id: str) -> Payment | None:
        """Return what is known under an order's id; None when nothing is."""
        ...

    async def refund(self, order_id: str) -> None:
        """Give back what was taken, once; without a charge the key is voided, so that none can follow.

        Raises:
            PeerUnavailable: the provider was not reached.
            OutcomeUnknown: no answer; repeating is safe.
        """
        ...


@dataclass(frozen=True, slots=True)
class Notification:
    """News of an order for its customer; `id` is the same however often it is sent."""

    id: str
    user_id: str
    order_id: str
    status: Status
    at_ms: int


class Notifications(Protocol):
    """The user service's inbox of news."""

    async def send(self, batch: Sequence[Notification]) -> None:
        """Deliver up to 500 at once; repeated ones count once.

        Raises:
            PeerUnavailable: the user service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """
        ...


class Watching(Protocol):
    """A subscription to the changes of one order in this process."""

    async def changed(self, within_s: float) -> None:
        """Return once the order was changed since the last call, or after `within_s` seconds."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Signals(Protocol):
    """News inside one process that an order was changed; a hint only, other replicas' changes give none."""

    def announce(self, order_id: str) -> None:
        """Wake whoever watches an order."""
        ...

    def watch(self, order_id: str) -> Watching:
        """Begin to watch an order; read it after this, not before."""
        ...


class Telemetry(Protocol):
    """What the shop counts about orders."""

    def checkout(self, outcome: str) -> None:
        """Count a request to place an order by how it ended."""
        ...

    def moved(self, order: Order) -> None:
        """Count an order that has just reached a status."""
        ...

    def recovered(self, step: str) -> None:
        """Count an order that recovery found at `step` and drove on."""
        ...

    def overdue(self, seconds: float) -> None:
        """Take note of how late an order is that a worker is looking at; 0 or less: it is in time."""
        ...

    def in_status(self, counts: Mapping[Status, int]) -> None:
        """Show how many orders are in each status."""
        ...
