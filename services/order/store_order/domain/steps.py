"""How an order changes: a step makes the next value, the timeline row that proves it, and the hints that announce it.

Stores apply a change by one compare-and-set on the version. No function here reads a clock.
"""

import hashlib
import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from store_order.domain.checkout import Wanted
from store_order.domain.orders import PASSING, Bill, Line, Order, Status
from store_order.domain.rejections import Reason


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
    """How old an order may get while the provider knows nothing of its charge; an older one goes back."""
    hold_within_ms: int = 60_000
    """How late a request to reserve may still take effect."""
    orphan_ms: int = 120_000
    """How long a hint is kept whose order has not appeared.

    Not a setting: no write is under way for as long, whatever the other timings are. Tests have less patience.
    """

    def due_at_ms(self, status: Status, now_ms: int) -> int | None:
        """Return when the clock moves an order on that has just reached `status`; None: never."""
        pauses = {
            Status.CREATED: self.processing_after_ms,
            Status.PROCESSING: self.shipping_after_ms,
            Status.SHIPPING: 0,
        }
        pause = pauses.get(status)
        return None if pause is None else now_ms + pause

    def delivery_ms(self, order_id: str) -> int:
        """Return how long the parcel of an order travels: spread evenly, and always the same for one order."""
        span = max(0, self.delivery_max_ms - self.delivery_min_ms) + 1
        return self.delivery_min_ms + int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:6]) % span


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step is taken (milliseconds since the epoch), and by which timings."""

    now_ms: int
    rules: Rules

    @property
    def lease_ends_at_ms(self) -> int:
        """When a lease ends that is taken now."""
        return self.now_ms + self.rules.lease_ms


class Mark(StrEnum):
    """What a timeline row records; only changes of status are shown to people."""

    STATUS = "status"
    LEASE = "lease"
    PRICED = "priced"
    """Only in orders from before ADR 39, which wrote the bill in a step of its own."""
    SHIPPED = "shipped"


class Queue(StrEnum):
    """The kinds of work that are waiting somewhere."""

    RECOVERY = "drives"
    OLDER_RECOVERY = "recovery"
    """The queue of versions before ADR 39. They take an order without a total for one that was never charged, so they
    must not recover ours."""
    CLOCK = "clock"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class Hint:
    """A note that an order may need work at `due_at_ms`; written before the change that it announces.

    Only a hint: a worker acts by what the order itself says. `version` is the one the change would give;
    `looks` counts how often a worker found nothing there yet.
    """

    queue: Queue
    due_at_ms: int
    order_id: str
    version: int
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A row of an order's timeline; `token` is unique, so that its writer recognises it."""

    version: int
    status: Status
    mark: Mark
    at_ms: int
    token: str


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


def begin(at: Moment, order_id: str, user_id: str, wanted: Wanted, driver: str) -> Change:
    """Return the first step: PENDING, driven by the request that places it."""
    order = Order(
        id=order_id,
        user_id=user_id,
        status=Status.PENDING,
        version=1,
        fingerprint=wanted.fingerprint,
        payment_token=wanted.payment_token,
        line_count=len(wanted.lines),
        created_at_ms=at.now_ms,
        agreement=wanted.agreement,
        updated_at_ms=at.now_ms,
        driver=driver,
        lease_ends_at_ms=at.lease_ends_at_ms,
    )
    hint = Hint(Queue.RECOVERY, order.lease_ends_at_ms, order_id, 1)
    return Change(None, order, _event(order, Mark.STATUS), (hint,), tuple(wanted.lines))


def lease(at: Moment, order: Order, driver: str) -> Change:
    """Return the step that takes or renews the lease; no other driver may still have one.

    Renewed, it needs no hint: the one that was written when it was taken stays until the order may stay as it is.
    """
    after = _next(at, order, driver=driver, lease_ends_at_ms=at.lease_ends_at_ms)
    hint = Hint(Queue.RECOVERY, after.lease_ends_at_ms, order.id, after.version)
    return Change(order, after, _event(after, Mark.LEASE), () if driver == order.driver else (hint,))


def park(at: Moment, order: Order, bill: Bill | None = None) -> Change:
    """Return the step that gives the lease back with work left, so that any driver may go on at once.

    An order that is not known to have a reservation gets no earlier recovery: its buyer was told to try again, and
    recovery would send it back.
    """
    after = _next(at, order, bill, driver="", lease_ends_at_ms=0)
    soon = Hint(Queue.RECOVERY, at.now_ms + at.rules.retry_ms, order.id, after.version)
    early = after.billed or order.status is not Status.PENDING
    return Change(order, after, _event(after, Mark.LEASE), (soon,) if early else (), _lines_of(bill))


def transition(
    at: Moment,
    order: Order,
    to: Status,
    *,
    driver: str = "",
    reason: Reason | None = None,
    bill: Bill | None = None,
) -> Change:
    """Return a step to another status, with what the clock, recovery and the customer need to hear of it.

    A bill is written with it.

    Raises:
        IllegalTransition: it cannot follow.
    """
    order.must_allow(to)
    passing = to in PASSING
    after = _next(
        at,
        order,
        bill,
        status=to,
        next_due_at_ms=at.rules.due_at_ms(to, at.now_ms),
        driver=driver if passing else "",
        lease_ends_at_ms=at.lease_ends_at_ms if passing else 0,
        reason=reason or order.reason,
    )
    return Change(order, after, _event(after, Mark.STATUS), _announcements(at, after), _lines_of(bill))


def reject(at: Moment, order: Order, reason: Reason, bill: Bill | None = None) -> Change:
    """Return the step that turns an order back, for a reason that its buyer will get; its driver keeps the lease."""
    return transition(at, order, Status.REJECTING, driver=order.driver, reason=reason, bill=bill)


def note_shipment(at: Moment, order: Order) -> Change:
    """Return the step that notes that the catalogue acknowledged the shipment: delivery may come now."""
    due_at_ms = at.now_ms + at.rules.delivery_ms(order.id)
    after = _next(at, order, shipped_at_ms=at.now_ms, next_due_at_ms=due_at_ms)
    hint = Hint(Queue.CLOCK, due_at_ms, order.id, after.version)
    return Change(order, after, _event(after, Mark.SHIPPED), (hint,))


def _next(at: Moment, order: Order, bill: Bill | None = None, **changes: Any) -> Order:
    if bill is not None:
        changes |= {"total_minor": bill.total_minor, "currency": bill.currency}
    return replace(order, version=order.version + 1, updated_at_ms=at.now_ms, **changes)


def _lines_of(bill: Bill | None) -> tuple[Line, ...] | None:
    return None if bill is None else bill.lines


def _event(after: Order, mark: Mark) -> Event:
    # Unique is enough, it need not be secret; the system's own randomness costs twenty times as much.
    token = f"{random.getrandbits(64):016x}"
    return Event(after.version, after.status, mark, after.updated_at_ms, token)


def late_look(shipping: Order, rules: Rules) -> Hint:
    """Return the hint of an order that became SHIPPING: its driver ships at once, the clock looks if that failed."""
    due_at_ms = shipping.updated_at_ms + rules.retry_ms
    return Hint(Queue.CLOCK, due_at_ms, shipping.id, shipping.version)


def _announcements(at: Moment, after: Order) -> tuple[Hint, ...]:
    hints = []
    if after.status is Status.CANCELLING:
        hints.append(Hint(Queue.RECOVERY, after.lease_ends_at_ms, after.id, after.version))
    if after.status is Status.SHIPPING:
        hints.append(late_look(after, at.rules))
    elif after.next_due_at_ms is not None:
        hints.append(Hint(Queue.CLOCK, after.next_due_at_ms, after.id, after.version))
    if after.status not in PASSING:
        hints.append(Hint(Queue.NOTIFY, at.now_ms, after.id, after.version))
    return tuple(hints)
