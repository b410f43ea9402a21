"""Orders: what they are, how they may change, and what each change announces. Plain Python.

An order is a value; a change makes the next value, the timeline row that proves it, and the hints that announce
it. Stores apply a change by one compare-and-set on the version. No function here reads a clock.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from store_kit.ids import derived_id
from store_kit.principal import Principal

from store_order.problems import (
    CartChanged,
    IllegalTransition,
    InsufficientStock,
    OrderNotFound,
    OrderNotPlaced,
    OrderTooLarge,
    PaymentDeclined,
    PriceChanged,
    Rejected,
)

_NAMESPACE: Final = "product-store/orders"
DEFAULT_PAYMENT_TOKEN: Final = "tok_approve"  # noqa: S105 - a test token of the simulated provider


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
    def passing(self) -> bool:
        """Whether somebody must drive the order on: it may not stay here."""
        return self in _PASSING

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return not NEXT[self]

    @property
    def announced(self) -> bool:
        """Whether the customer is told about it."""
        return self not in _PASSING


_PASSING: Final = frozenset({Status.PENDING, Status.CANCELLING, Status.REJECTING})

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


class Mark(StrEnum):
    """What a timeline row records; only changes of status are shown to people."""

    STATUS = "status"
    LEASE = "lease"
    PRICED = "priced"
    SHIPPED = "shipped"


class Queue(StrEnum):
    """The kinds of work that are waiting somewhere."""

    RECOVERY = "recovery"
    CLOCK = "clock"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of one product; name and price (minor units) are None until they are frozen.

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
class Shortage:
    """A line that cannot be served: how many were asked for, how many there are."""

    product_id: str
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order was rejected: the slug of the problem that its buyer gets, now and on every repeat."""

    slug: str
    detail: str
    shortages: tuple[Shortage, ...] = ()

    def problem(self, order_id: str) -> Rejected:
        """Return the stored outcome as the problem it was."""
        kind = _REJECTIONS.get(self.slug, OrderNotPlaced)
        if kind is not InsufficientStock:
            return kind(self.detail, order_id=order_id)
        lines = [
            {"product_id": s.product_id, "requested": s.requested, "available": s.available}
            for s in self.shortages
        ]
        return InsufficientStock(self.detail, order_id=order_id, lines=lines)


_REJECTIONS: Final[Mapping[str, type[Rejected]]] = {
    kind.slug: kind
    for kind in (InsufficientStock, PaymentDeclined, OrderNotPlaced, OrderTooLarge, PriceChanged, CartChanged)
}


@dataclass(frozen=True, slots=True)
class Hint:
    """A note that an order may need work at `due_ms`; written before the change that it announces.

    Only a hint: a worker acts by what the order itself says. `version` is the one the change would give;
    `looks` counts how often a worker found nothing there yet.
    """

    queue: Queue
    due_ms: int
    order_id: str
    version: int
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A row of an order's timeline; `token` is unique, so that whoever wrote it knows it again."""

    version: int
    status: Status
    mark: Mark
    at_ms: int
    token: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The timings of an order's life, all in milliseconds."""

    lease_ms: int = 10_000
    processing_after_ms: int = 5_000
    shipping_after_ms: int = 5_000
    delivery_min_ms: int = 60_000
    delivery_max_ms: int = 300_000
    retry_ms: int = 2_000
    give_up_ms: int = 30_000
    """How long a charge of unknown outcome is asked about before the order goes back."""
    hold_within_ms: int = 60_000
    """How late a request to reserve may still take effect."""
    orphan_ms: int = 120_000
    """How long a hint is kept whose order has not appeared."""

    def due_ms(self, status: Status, now_ms: int) -> int | None:
        """Return when the clock moves an order on that has just reached `status`; None: never."""
        pauses = {
            Status.CREATED: self.processing_after_ms,
            Status.PROCESSING: self.shipping_after_ms,
            Status.SHIPPING: 0,
        }
        pause = pauses.get(status)
        return None if pause is None else now_ms + pause

    def delivery_ms(self, order_id: str) -> int:
        """Return how long the parcel of an order travels: spread evenly, and the same whoever asks."""
        span = max(0, self.delivery_max_ms - self.delivery_min_ms) + 1
        return self.delivery_min_ms + int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:6]) % span


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the buyer of an order agreed to, written with the order's first step; whoever drives it decides by this.

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
    """An order without its lines. Money in minor units; total and currency are None until prices are frozen.

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
    created_ms: int
    agreement: Agreement | None
    updated_ms: int
    total_minor: int | None = None
    currency: str | None = None
    next_due_ms: int | None = None
    shipped_ms: int | None = None
    driver: str = ""
    lease_until_ms: int = 0
    reason: Reason | None = None

    @property
    def frozen(self) -> bool:
        """Whether its prices are frozen, so that it may have been charged."""
        return self.total_minor is not None

    def leased(self, now_ms: int, lease_ms: int) -> bool:
        """Whether somebody drives it at this moment.

        A lease that ends far later than one taken now would was taken by a clock that went wrong: it counts as over.
        (Clocks of machines that work differ by less than a lease is long.) Who really holds it finds out at the next
        step, as anybody does whose lease was taken over.
        """
        return now_ms < self.lease_until_ms <= now_ms + 2 * lease_ms

    def overdue_ms(self, now_ms: int) -> int:
        """Return how long ago it should have moved on; 0 or less when it is in time.

        A passing status lasts no longer than a request, so it counts from the order's creation.
        """
        if self.status.passing:
            return now_ms - self.created_ms
        return 0 if self.next_due_ms is None else now_ms - self.next_due_ms

    def must_be_visible_to(self, who: Principal) -> None:
        """Pass its owner and administrators.

        Raises:
            OrderNotFound: it is someone else's; its existence is nobody's business.
        """
        if self.user_id != who.subject and not who.is_admin:
            raise OrderNotFound.of(self.id)

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
class Change:
    """One step of an order's life, applied by one compare-and-set on `before.version`.

    `before` is None for the first step; `lines` is None where a step leaves them as they are.
    """

    before: Order | None
    after: Order
    event: Event
    hints: tuple[Hint, ...] = ()
    lines: tuple[Line, ...] | None = None


def order_id_of(user_id: str, key: str) -> str:
    """Return the id of the order that this user places with this Idempotency-Key: always the same."""
    return derived_id(_NAMESPACE, f"{user_id}|{key}")


def fingerprint_of(payment_token: str, expected_total_minor: int | None = None) -> str:
    """Return what tells one request body from another under the same key."""
    expected = "" if expected_total_minor is None else f" {expected_total_minor}"
    return hashlib.sha256(f"{payment_token}{expected}".encode()).hexdigest()[:16]


def total_of(lines: Iterable[Line]) -> int:
    """Return the sum of frozen lines in minor units."""
    return sum([line.quantity * (line.unit_price_minor or 0) for line in lines])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order is to be: its lines, how it is paid, and what was agreed to."""

    lines: Sequence[Line]
    payment_token: str = DEFAULT_PAYMENT_TOKEN
    agreement: Agreement | None = None
    expected_total_minor: int | None = None


def placing(
    order_id: str,
    user_id: str,
    wanted: Wanted,
    driver: str,
    now_ms: int,
    rules: Rules,
) -> Change:
    """Return the first step: PENDING, driven by whoever places it."""
    order = Order(
        id=order_id,
        user_id=user_id,
        status=Status.PENDING,
        version=1,
        fingerprint=fingerprint_of(wanted.payment_token, wanted.expected_total_minor),
        payment_token=wanted.payment_token,
        line_count=len(wanted.lines),
        created_ms=now_ms,
        agreement=wanted.agreement,
        updated_ms=now_ms,
        driver=driver,
        lease_until_ms=now_ms + rules.lease_ms,
    )
    hint = Hint(Queue.RECOVERY, order.lease_until_ms, order_id, 1)
    return Change(None, order, _event(order, Mark.STATUS), (hint,), tuple(wanted.lines))


def leasing(order: Order, driver: str, now_ms: int, rules: Rules) -> Change:
    """Return the step that takes or renews the lease; nobody else's may still run.

    It needs no hint: the one that was written when the order began to pass stays until the order is settled.
    """
    after = replace(
        order,
        version=order.version + 1,
        updated_ms=now_ms,
        driver=driver,
        lease_until_ms=now_ms + rules.lease_ms,
    )
    return Change(order, after, _event(after, Mark.LEASE))


def parking(order: Order, now_ms: int, rules: Rules) -> Change:
    """Return the step that gives the lease back with work left, so that anybody may drive on at once.

    An order whose prices are not frozen yet gets no earlier recovery: its buyer was told to try again, and
    recovery would send it back.
    """
    after = replace(order, version=order.version + 1, updated_ms=now_ms, driver="", lease_until_ms=0)
    soon = Hint(Queue.RECOVERY, now_ms + rules.retry_ms, order.id, after.version)
    early = order.frozen or order.status is not Status.PENDING
    return Change(order, after, _event(after, Mark.LEASE), (soon,) if early else ())


def priced(ordered: Sequence[Line], held: Sequence[Line]) -> tuple[Line, ...]:
    """Return what is held, with its names and prices, as the lines of the cart that were ordered."""
    since = {line.product_id: line.since for line in ordered}
    return tuple(replace(line, since=since.get(line.product_id)) for line in held)


def pricing(order: Order, lines: Sequence[Line], currency: str, now_ms: int, rules: Rules) -> Change:
    """Return the step that freezes names, prices and total, before anything is charged; renews the lease."""
    after = replace(
        order,
        version=order.version + 1,
        updated_ms=now_ms,
        total_minor=total_of(lines),
        currency=currency,
        lease_until_ms=now_ms + rules.lease_ms,
    )
    return Change(order, after, _event(after, Mark.PRICED), (), tuple(lines))


def moving(
    order: Order, to: Status, now_ms: int, rules: Rules, *, driver: str = "", reason: Reason | None = None
) -> Change:
    """Return a step to another status, with what the clock, recovery and the customer need to hear of it.

    Raises:
        IllegalTransition: it cannot follow.
    """
    order.must_allow(to)
    after = replace(
        order,
        version=order.version + 1,
        updated_ms=now_ms,
        status=to,
        next_due_ms=rules.due_ms(to, now_ms),
        driver=driver if to.passing else "",
        lease_until_ms=now_ms + rules.lease_ms if to.passing else 0,
        reason=reason or order.reason,
    )
    return Change(order, after, _event(after, Mark.STATUS), _announcements(after, now_ms, rules))


def shipped(order: Order, now_ms: int, rules: Rules) -> Change:
    """Return the step that notes that the catalogue acknowledged the shipment: delivery may come now."""
    due_ms = now_ms + rules.delivery_ms(order.id)
    after = replace(
        order, version=order.version + 1, updated_ms=now_ms, shipped_ms=now_ms, next_due_ms=due_ms
    )
    hint = Hint(Queue.CLOCK, due_ms, order.id, after.version)
    return Change(order, after, _event(after, Mark.SHIPPED), (hint,))


def _event(after: Order, mark: Mark) -> Event:
    # Unique is enough, nobody needs to guess it; the system's own randomness costs twenty times as much.
    token = f"{random.getrandbits(64):016x}"
    return Event(after.version, after.status, mark, after.updated_ms, token)


def _announcements(after: Order, now_ms: int, rules: Rules) -> tuple[Hint, ...]:
    hints = []
    if after.status is Status.CANCELLING:
        hints.append(Hint(Queue.RECOVERY, after.lease_until_ms, after.id, after.version))
    if after.next_due_ms is not None:
        # Whoever moved it to SHIPPING ships at once; the clock looks only in case that failed.
        late_ms = rules.retry_ms if after.status is Status.SHIPPING else 0
        hints.append(Hint(Queue.CLOCK, after.next_due_ms + late_ms, after.id, after.version))
    if after.status.announced:
        hints.append(Hint(Queue.NOTIFY, now_ms, after.id, after.version))
    return tuple(hints)
