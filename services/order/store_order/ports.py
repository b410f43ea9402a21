"""What the use cases need from the outside world; each port's test suite is its definition."""

from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from store_kit.clock import Clock

from store_order.domain import (
    CART_CHANGED,
    DECLINED,
    Cart,
    Change,
    Event,
    Hint,
    Line,
    Order,
    PricedCart,
    Queue,
    Refused,
    Shortage,
    Status,
    out_of_stock,
)

__all__ = [
    "Background",
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
    "Reservations",
    "Signals",
    "StillRunning",
    "Summary",
    "Telemetry",
    "Watching",
    "WorkQueue",
]

T = TypeVar("T")
Position = tuple[int, str]
"""Where a page of orders ends: created_ms and id of its last order; lists run from new to old."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows; None means any. `to_at_ms` is exclusive."""

    user_id: str | None = None
    status: Status | None = None
    from_at_ms: int | None = None
    to_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A user's orders: how many were placed, and what those that were not cancelled cost in minor units."""

    orders: int
    total_spent_minor: int


class OrderStore(Protocol):
    """Orders, their lines and timelines. Every change is one compare-and-set on one order's version.

    An adapter writes the hints of a change before the change itself, or with it, never after. It resolves an
    unknown outcome of its own by reading the timeline row back: the event's token tells whose change won.
    """

    async def insert_order(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""

    async def advance_order(self, change: Change) -> Order:
        """Replace the order when its version is still that of `change.before`; return what it is now.

        Raises:
            StaleOrder: it was changed since it was read.
        """

    async def find_order(self, order_id: str) -> Order | None:
        """Return an order, or None."""

    async def find_orders(self, order_ids: Collection[str]) -> Mapping[str, Order]:
        """Return those of some hundred orders that exist, by id."""

    async def recall_orders(self, versions: Mapping[str, int]) -> Mapping[str, Order]:
        """Return those of some hundred orders that exist, by id, perhaps as they were a while ago.

        None is older than the version that is asked for, unless there is no such version yet. This is for work that
        begins with a compare-and-set, which tells that an order was changed since.
        """

    async def list_lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""

    async def list_events(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""

    async def find_event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version."""

    async def list_orders(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first."""

    async def summarise_orders(self, user_id: str) -> Summary:
        """Return what a user has ordered, without looking at each order."""

    async def count_orders(self) -> Mapping[Status, int]:
        """Return how many orders are in each status, every status named, without looking at each order."""


class WorkQueue(Protocol):
    """The hints that wait, by the time they are due. Several workers may be given the same ones."""

    async def list_due_hints(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        """Return up to `limit` hints whose time has come, oldest first; they stay until `done`."""

    async def schedule_hints(self, hints: Sequence[Hint]) -> None:
        """Write hints; durable when this returns."""

    async def finish_hints(self, hints: Sequence[Hint]) -> None:
        """Note hints as finished, in memory: that never fails. After a crash some are looked at again, without harm."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the catalogue holds for an order: its lines with names and prices, and their currency."""

    lines: tuple[Line, ...]
    currency: str


class OutOfStock(Refused):
    """The catalogue cannot serve some of the lines that were asked for; it holds nothing for the order."""

    def __init__(self, shortages: Sequence[Shortage], asked: int) -> None:
        super().__init__(out_of_stock(shortages, asked))


class HoldRefused(Refused):
    """The catalogue holds nothing for this order any more: it was released, or asked too late."""


class Reservations(Protocol):
    """Goods held for orders, at the catalogue. All operations are repeatable by order id."""

    async def reserve_goods(self, order_id: str, lines: Sequence[Line], not_after_ms: int) -> Held:
        """Hold all lines or none; nothing is held anew after `not_after_ms`.

        What is held is answered at any time, at the names and prices of the moment when it was held.

        Raises:
            OutOfStock: some line asks for more than there is; nothing is held.
            HoldRefused: it was released, or nothing is held and the request came too late.
            StaleOrder: it was shipped, so another driver has taken the order on.
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """

    async def release_goods(self, order_id: str) -> None:
        """Give everything back and let no later hold pass.

        Raises:
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """

    async def ship_goods(self, order_id: str) -> None:
        """Turn the held goods into sold ones.

        Raises:
            PeerUnavailable: the catalogue was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """


class CartTaken(Refused):
    """The cart is not as the order read it: it was changed, or another order has it."""

    def __init__(self) -> None:
        super().__init__(CART_CHANGED)


class Carts(Protocol):
    """Customers' carts, at the cart service."""

    async def read_cart(self, user_id: str) -> Cart:
        """Return a user's cart; an empty one when there is none.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer.
        """

    async def price_cart(self, user_id: str) -> PricedCart:
        """Return a user's cart at live prices; its owner is shown nothing by this.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer.
        """

    async def take_cart(self, user_id: str, order_id: str, version: int) -> None:
        """Take all lines out of the cart for an order, if the cart is at this version; repeatable by order id.

        Raises:
            CartTaken: it is not, or the order has given its lines back.
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating tells.
        """

    async def give_back_cart(self, user_id: str, order_id: str) -> None:
        """Put back what an order took, once, and let it take nothing any more; repeatable.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """

    async def subtract_order(self, user_id: str, order_id: str, lines: Sequence[Line]) -> int:
        """Take what an older order bought out of the cart, once by order id; what was added since stays.

        Returns the cart's version afterwards; a repeat leaves it as it is.

        Raises:
            PeerUnavailable: the cart service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """


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


class ChargeDeclined(Refused):
    """The provider said no, and will say so again."""

    def __init__(self) -> None:
        super().__init__(DECLINED)


class ChargeRefused(Refused):
    """The key has another amount, or was voided or refunded; or the provider has known nothing of it for too long."""


class Payments(Protocol):
    """The payment provider; the order's id is the key that makes everything repeatable."""

    async def charge_order(self, order_id: str, amount_minor: int, currency: str, token: str) -> None:
        """Take the money, once by order id.

        Raises:
            ChargeDeclined: the provider said no, and will say so again.
            ChargeRefused: the key has another amount, or was voided or refunded.
            PeerUnavailable: the provider was not reached.
            OutcomeUnknown: no answer; `find_payment` tells what happened.
        """

    async def find_payment(self, order_id: str) -> Payment | None:
        """Return what is known under an order's id; None when nothing is."""

    async def refund_order(self, order_id: str) -> None:
        """Give back what was taken, once; without a charge the key is voided, so that none can follow.

        Raises:
            PeerUnavailable: the provider was not reached.
            OutcomeUnknown: no answer; repeating is safe.
        """


@dataclass(frozen=True, slots=True)
class Notification:
    """Tells a customer that an order changed; `id` is the same however often it is sent."""

    id: str
    user_id: str
    order_id: str
    status: Status
    at_ms: int


class Notifications(Protocol):
    """The inboxes of customers, at the user service."""

    async def send_notifications(self, batch: Sequence[Notification]) -> None:
        """Deliver up to 500 at once; repeated ones count once.

        Raises:
            PeerUnavailable: the user service was not reached.
            OutcomeUnknown: it did not answer; repeating is safe.
        """


class StillRunning(Exception):
    """The work goes on, but the time to wait for it is over."""


class Background(Protocol):
    """Work that goes on when the request that began it is over."""

    async def run(self, work: Coroutine[Any, Any, T], within_s: float) -> T:
        """Begin work and return its result.

        Raises:
            StillRunning: it takes longer than `within_s` seconds; it goes on.
        """


class Watching(Protocol):
    """A subscription to the changes of one order in this process."""

    async def wait_for_change(self, within_s: float) -> None:
        """Return once the order was changed since the last call, or after `within_s` seconds."""

    def close(self) -> None:
        """Stop watching."""


class Signals(Protocol):
    """Tells, inside one process, that an order was changed; a hint only: changes by other replicas are not told."""

    def announce_change(self, order_id: str) -> None:
        """Wake the watchers of an order."""

    def watch_order(self, order_id: str) -> Watching:
        """Begin to watch an order; read it after this, not before."""


class Telemetry(Protocol):
    """What the shop counts about orders."""

    def count_checkout(self, outcome: str) -> None:
        """Count a request to place an order by how it ended."""

    def count_move(self, order: Order) -> None:
        """Count an order that has just reached a status."""

    def count_recovery(self, step: str) -> None:
        """Count an order that recovery found at `step` and drove on."""

    def note_overdue(self, seconds: float) -> None:
        """Take note of how late an order is that a worker is looking at; 0 or less: it is in time."""

    def show_statuses(self, counts: Mapping[Status, int]) -> None:
        """Show how many orders are in each status."""
