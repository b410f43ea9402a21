"""Orders, their lines and statuses: values that never change. No function here reads a clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from store_kit.ids import derived_id
from store_kit.money import MAX_MINOR
from store_kit.principal import Principal
from store_kit.problems import PreconditionFailed

from store_order.domain.rejections import Reason, Refused, price_changed, too_large
from store_order.problems import IllegalTransition, OrderNotFound

_NAMESPACE: Final = "product-store/orders"


class Status(StrEnum):
    """Where an order stands."""

    PENDING = "PENDING"
    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    SHIPPING = "SHIPPING"
    DELIVERED = "DELIVERED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    REJECTING = "REJECTING"
    REJECTED = "REJECTED"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return not NEXT[self]


PASSING: Final = frozenset({Status.PENDING, Status.CANCELLING, Status.REJECTING})
"""The states in which an order may not stay: it must be driven on. Customers are told of all others."""


NEXT: Final[Mapping[Status, tuple[Status, ...]]] = {
    Status.PENDING: (Status.CREATED, Status.REJECTING),
    Status.CREATED: (Status.PROCESSING, Status.CANCELLING),
    Status.PROCESSING: (Status.SHIPPING, Status.CANCELLING),
    Status.SHIPPING: (Status.DELIVERED,),
    Status.DELIVERED: (),
    Status.CANCELLING: (Status.CANCELLED,),
    Status.CANCELLED: (),
    Status.REJECTING: (Status.REJECTED,),
    Status.REJECTED: (),
}
"""The legal transitions; there are no others."""


ON_THE_WAY: Final = (Status.CREATED, Status.PROCESSING, Status.SHIPPING)
"""The states that the delivery clock moves on."""


PLACED: Final = frozenset({*ON_THE_WAY, Status.DELIVERED})
"""The states of an order that was charged and keeps its goods."""


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of one product; name and price (minor units) are None until the order says what it costs.

    `since` is the cart's version at which the line was set there: only from that very line it is subtracted.
    """

    product_id: str
    quantity: int
    sku: str | None = None
    name: str | None = None
    unit_price_minor: int | None = None
    since: int | None = None

    @property
    def total_minor(self) -> int | None:
        """Quantity times price, in minor units."""
        return None if self.unit_price_minor is None else self.unit_price_minor * self.quantity


@dataclass(frozen=True, slots=True)
class Bill:
    """What an order costs by its reservation: the same for every driver, however often and whenever it asks.

    It is written with the change that the order stands or falls by, so that nothing is written in between.
    """

    lines: tuple[Line, ...]
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the buyer of an order agreed to, written with the order's first step; every driver decides by this.

    Args:
        cart_version: the cart as it was read: at this version only the order takes it.
        total_minor: the total that was agreed to, or last shown.
        exact: whether the buyer said so, so that no other total will do; otherwise a lower one is fine.
    """

    cart_version: int
    total_minor: int
    exact: bool = False

    def allows(self, total_minor: int) -> bool:
        """Whether the buyer may be charged this."""
        return total_minor == self.total_minor or (total_minor < self.total_minor and not self.exact)


@dataclass(frozen=True, slots=True)
class Order:
    """An order without its lines. Money in minor units; total and currency are None until its bill is written.

    `agreement` is None in orders from before it was asked for: they take nothing out of the cart, what they ordered is
    subtracted from it later.
    """

    id: str
    user_id: str
    status: Status
    version: int
    fingerprint: str
    payment_token: str
    line_count: int
    created_at_ms: int
    agreement: Agreement | None
    updated_at_ms: int
    total_minor: int | None = None
    currency: str | None = None
    next_due_at_ms: int | None = None
    shipped_at_ms: int | None = None
    driver: str = ""
    lease_ends_at_ms: int = 0
    reason: Reason | None = None

    @property
    def billed(self) -> bool:
        """Whether it says what it costs. One that does not may have been charged, by a driver that died."""
        return self.total_minor is not None

    def leased(self, now_ms: int, lease_ms: int) -> bool:
        """Whether it is being driven at this moment.

        A lease that ends far later than one taken now would was taken by a clock that went wrong: it counts as over.
        (Clocks of machines that work differ by less than a lease is long.) Its holder finds out at the next step, as
        every driver does whose lease was taken over.
        """
        return now_ms < self.lease_ends_at_ms <= now_ms + 2 * lease_ms

    def overdue_ms(self, now_ms: int) -> int:
        """Return how long ago it should have moved on; 0 or less when it is in time.

        A passing status lasts no longer than a request, so it counts from the order's creation.
        """
        if self.status in PASSING:
            return now_ms - self.created_at_ms
        return 0 if self.next_due_at_ms is None else now_ms - self.next_due_at_ms

    def must_be_visible_to(self, who: Principal) -> None:
        """Pass its owner and administrators.

        Raises:
            OrderNotFound: it is someone else's; the caller may not even know that it exists.
        """
        if self.user_id != who.subject and not who.is_admin:
            raise OrderNotFound.of(self.id)

    def must_be_at(self, versions: Collection[int] | None) -> None:
        """Pass an order that the caller has seen as it is; None: the caller takes it as it is.

        Raises:
            PreconditionFailed: it is at none of these versions.
        """
        if versions is not None and self.version not in versions:
            raise PreconditionFailed(f"The order is at version {self.version} now; read it again and decide.")

    def must_cost_what_was_agreed(self, bill: Bill) -> None:
        """Pass an order whose buyer may be charged this.

        Raises:
            Refused: the buyer agreed to another total.
        """
        agreement = self.agreement
        if agreement is not None and not agreement.allows(bill.total_minor):
            raise Refused(
                price_changed(
                    bill.total_minor, agreement.total_minor, bill.currency, expected=agreement.exact
                )
            )

    def must_allow(self, to: Status) -> None:
        """Pass legal transitions.

        Raises:
            IllegalTransition: `to` cannot follow the present status.
        """
        if to not in NEXT[self.status]:
            raise IllegalTransition(
                f"An order that is {self.status} cannot become {to}.",
                order_id=self.id,
                order_status=self.status,
            )


@dataclass(frozen=True, slots=True)
class OrderWithLines:
    """An order as it is shown."""

    order: Order
    lines: Sequence[Line]


def order_id_of(user_id: str, key: str) -> str:
    """Return the id of the order that this user places with this Idempotency-Key: always the same."""
    return derived_id(_NAMESPACE, f"{user_id}|{key}")


def bill_of(ordered: Sequence[Line], held: Sequence[Line], currency: str) -> Bill:
    """Return what is held, with its names and prices, as the lines of the cart that were ordered.

    Raises:
        Refused: the total is more than the shop can charge.
    """
    since = {line.product_id: line.since for line in ordered}
    lines = tuple([replace(line, since=since.get(line.product_id)) for line in held])
    total_minor = sum([line.total_minor or 0 for line in lines])
    if total_minor > MAX_MINOR:
        raise Refused(too_large(currency))
    return Bill(lines, total_minor, currency)
