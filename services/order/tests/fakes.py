"""Written fakes of everything the order service's use cases work with; what must survive a crash is in Disk."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from store_kit.clock import Clock
from store_kit.problems import OutcomeUnknown, PeerUnavailable
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import DECLINE, TIMEOUT, TIMEOUT_LOST
from store_order.domain.checkout import Cart, PricedCart
from store_order.domain.orders import Line, Order, Status
from store_order.domain.rejections import Shortage
from store_order.domain.steps import Change, Event, Hint, Queue
from store_order.ports import (
    CartTaken,
    ChargeDeclined,
    ChargeRefused,
    Held,
    HoldRefused,
    Notification,
    OrderFilter,
    OutOfStock,
    Payment,
    Position,
    Summary,
)
from store_order.problems import StaleOrder

PRICE_MINOR = 250


@dataclass
class Disk:
    """What is durable in the order service's own database."""

    orders: dict[str, Order] = field(default_factory=dict)
    lines: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    work: dict[tuple[Queue, int, str, int], Hint] = field(default_factory=dict)

    def put(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            self.work.setdefault(_key(hint), hint)


class MemoryOrderStore:
    def __init__(self, disk: Disk, signals: LocalSignals) -> None:
        self._disk = disk
        self._signals = signals

    async def insert_order(self, change: Change) -> bool:
        self._disk.put(change.hints)
        if change.after.id in self._disk.orders:
            return False
        self._apply(change)
        return True

    async def advance_order(self, change: Change) -> Order:
        self._disk.put(change.hints)
        present = self._disk.orders.get(change.after.id)
        if present is None or present.version != change.after.version - 1:
            raise StaleOrder("changed by somebody else")
        self._apply(change)
        return change.after

    def _apply(self, change: Change) -> None:
        after = change.after
        self._disk.orders[after.id] = after
        self._disk.events.setdefault(after.id, []).append(change.event)
        if change.lines is not None:
            self._disk.lines[after.id] = change.lines
        self._signals.announce_change(after.id)

    async def find_order(self, order_id: str) -> Order | None:
        return self._disk.orders.get(order_id)

    async def find_orders(self, order_ids: Collection[str]) -> Mapping[str, Order]:
        return {id_: self._disk.orders[id_] for id_ in order_ids if id_ in self._disk.orders}

    async def recall_orders(self, versions: Mapping[str, int]) -> Mapping[str, Order]:
        return await self.find_orders(versions)

    async def list_lines(self, order_id: str) -> tuple[Line, ...]:
        return self._disk.lines.get(order_id, ())

    async def list_events(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        return [e for e in self._disk.events.get(order_id, []) if e.version > after_version]

    async def find_event(self, order_id: str, version: int) -> Event | None:
        return next((e for e in self._disk.events.get(order_id, []) if e.version == version), None)

    async def list_orders(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        found = [o for o in self._disk.orders.values() if _wanted(o, wanted)]
        found.sort(key=lambda o: (o.created_at_ms, o.id), reverse=True)
        return [o for o in found if after is None or (o.created_at_ms, o.id) < after][:limit]

    async def summarise_orders(self, user_id: str) -> Summary:
        mine = [o for o in self._disk.orders.values() if o.user_id == user_id]
        placed = [o for o in mine if any(e.status is Status.CREATED for e in self._disk.events[o.id])]
        spent = sum(o.total_minor or 0 for o in placed if o.status is not Status.CANCELLED)
        return Summary(len(placed), spent)

    async def count_orders(self) -> Mapping[Status, int]:
        counted = Counter(o.status for o in self._disk.orders.values())
        return {status: counted[status] for status in Status}


def _wanted(order: Order, wanted: OrderFilter) -> bool:
    return (
        (wanted.user_id is None or order.user_id == wanted.user_id)
        and (wanted.status is None or order.status is wanted.status)
        and (wanted.from_at_ms is None or order.created_at_ms >= wanted.from_at_ms)
        and (wanted.to_at_ms is None or order.created_at_ms < wanted.to_at_ms)
    )


class MemoryWorkQueue:
    """Forgets lazily, as the real one: what was done since the last look is lost in a crash."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._finished: list[Hint] = []

    async def list_due_hints(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        for hint in self._finished:
            self._disk.work.pop(_key(hint), None)
        self._finished.clear()
        due = [h for h in self._disk.work.values() if h.queue is queue and h.due_at_ms <= now_ms]
        return sorted(due, key=lambda h: h.due_at_ms)[:limit]

    async def schedule_hints(self, hints: Sequence[Hint]) -> None:
        self._disk.put(hints)

    async def finish_hints(self, hints: Sequence[Hint]) -> None:
        self._finished.extend(hints)


def _key(hint: Hint) -> tuple[Queue, int, str, int]:
    return (hint.queue, hint.due_at_ms, hint.order_id, hint.version)


class MemoryPayments:
    def __init__(self) -> None:
        self.books: dict[str, Payment] = {}

    async def charge_order(self, order_id: str, amount_minor: int, currency: str, token: str) -> None:
        if token == TIMEOUT_LOST:
            raise OutcomeUnknown("no answer")
        state = "DECLINED" if token == DECLINE else "CHARGED"
        new = Payment(state, amount_minor, currency, int(state == "CHARGED"), 0)
        known = self.books.setdefault(order_id, new)
        if token == TIMEOUT:
            raise OutcomeUnknown("the answer was lost")
        if known.state in ("VOIDED", "REFUNDED"):
            raise ChargeRefused
        if (known.amount_minor, known.currency) != (amount_minor, currency):
            raise ChargeRefused
        if known.state == "DECLINED":
            raise ChargeDeclined

    async def find_payment(self, order_id: str) -> Payment | None:
        return self.books.get(order_id)

    async def refund_order(self, order_id: str) -> None:
        known = self.books.get(order_id, Payment("VOIDED", 0, "", 0, 0))
        if known.state == "CHARGED":
            known = replace(known, state="REFUNDED", refunds=known.refunds + 1)
        elif known.state == "DECLINED":
            known = replace(known, state="VOIDED")
        self.books[order_id] = known


class FakeReservations:
    """The catalogue's side (docs/protocols.md, Reservations): holds, markers, and what it sold."""

    def __init__(self, clock: Clock, received: Mapping[str, int]) -> None:
        self._clock = clock
        self.received = dict(received)
        self.available = dict(received)
        self.sold: Counter[str] = Counter()
        self.holds: dict[str, dict[str, int]] = {}
        self.held: dict[str, Held] = {}
        self.markers: dict[str, str] = {}
        self.away = False
        self.prices: dict[str, int] = {}
        """Product -> what it costs now, where that is not PRICE_MINOR."""

    async def reserve_goods(self, order_id: str, lines: Sequence[Line], not_after_ms: int) -> Held:
        if self.away:
            raise PeerUnavailable("The catalogue is away.")
        if self.markers.get(order_id) == "SHIPPED":
            raise StaleOrder.of(order_id)
        if order_id in self.markers:
            raise HoldRefused
        if order_id not in self.holds:
            if self._clock.now_ms() > not_after_ms:
                raise HoldRefused
            self._hold(order_id, lines)
        return self.held[order_id]

    def price_of(self, product_id: str) -> int:
        return self.prices.get(product_id, PRICE_MINOR)

    def _hold(self, order_id: str, lines: Sequence[Line]) -> None:
        short = [
            Shortage(x.product_id, x.quantity, self.available.get(x.product_id, 0))
            for x in lines
            if x.quantity > self.available.get(x.product_id, 0)
        ]
        if short:
            raise OutOfStock(short, len(lines))
        for line in lines:
            self.available[line.product_id] -= line.quantity
        self.holds[order_id] = {x.product_id: x.quantity for x in lines}
        priced = [
            Line(x.product_id, x.quantity, None, f"Name of {x.product_id}", self.price_of(x.product_id))
            for x in lines
        ]
        self.held[order_id] = Held(tuple(priced), "GBP")

    async def release_goods(self, order_id: str) -> None:
        assert self.markers.get(order_id) != "SHIPPED", "released after it was shipped"
        self.markers[order_id] = "RELEASED"
        for product_id, quantity in self.holds.pop(order_id, {}).items():
            self.available[product_id] += quantity

    async def ship_goods(self, order_id: str) -> None:
        if self.away:
            raise PeerUnavailable("The catalogue is away.")
        assert self.markers.get(order_id) != "RELEASED", "shipped after it was released"
        self.markers[order_id] = "SHIPPED"
        self.sold.update(self.holds.pop(order_id, {}))


class FakeCarts:
    """The cart service's side (docs/protocols.md, Carts).

    It keeps versions, and what orders have of carts (None: they gave it back).
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, int]] = {}
        self.since: dict[tuple[str, str], int] = {}
        self.subtracted: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.claims: dict[str, dict[str, int] | None] = {}
        self.shown: dict[str, int] = {}
        """Product -> the unit price that was shown last."""
        self.live: dict[str, int] = {}
        """Product -> what it costs now."""

    def put(self, user_id: str, product_id: str, quantity: int) -> None:
        self.items.setdefault(user_id, {})[product_id] = quantity
        self.versions[user_id] += 1
        self.since[user_id, product_id] = self.versions[user_id]

    async def read_cart(self, user_id: str) -> Cart:
        found = self.items.get(user_id, {})
        lines = [Line(p, q, since=self.since[user_id, p]) for p, q in found.items()]
        shown_minor = sum(q * self.shown.get(p, PRICE_MINOR) for p, q in found.items())
        return Cart(self.versions[user_id], tuple(lines), shown_minor)

    async def price_cart(self, user_id: str) -> PricedCart:
        cart = await self.read_cart(user_id)
        total = sum(x.quantity * self.live.get(x.product_id, PRICE_MINOR) for x in cart.lines)
        shown = {"version": cart.version, "total_minor": total}
        return PricedCart(cart, f"{cart.version}-{total:08x}", total, shown)

    async def take_cart(self, user_id: str, order_id: str, version: int) -> None:
        if order_id in self.claims:
            if self.claims[order_id] is None:
                raise CartTaken
            return
        if self.versions[user_id] != version:
            raise CartTaken
        self.claims[order_id] = self.items.pop(user_id, {})
        self.versions[user_id] += 1

    async def give_back_cart(self, user_id: str, order_id: str) -> None:
        back = self.claims.get(order_id)
        self.claims[order_id] = None
        if back:
            items = self.items.setdefault(user_id, {})
            self.versions[user_id] += 1
            for product_id, quantity in back.items():
                items[product_id] = items.get(product_id, 0) + quantity

    async def subtract_order(self, user_id: str, order_id: str, lines: Sequence[Line]) -> int:
        if self.subtracted[order_id]:
            return self.versions[user_id]
        self.subtracted[order_id] += 1
        self.versions[user_id] += 1
        items = self.items.setdefault(user_id, {})
        for line in lines:
            if line.since not in (None, self.since.get((user_id, line.product_id))):
                continue
            left = items.pop(line.product_id, 0) - line.quantity
            if left > 0:
                items[line.product_id] = left
        return self.versions[user_id]


class FakeNotifications:
    def __init__(self) -> None:
        self.received: dict[str, Notification] = {}
        self.batches: list[int] = []

    async def send_notifications(self, batch: Sequence[Notification]) -> None:
        self.batches.append(len(batch))
        self.received.update({n.id: n for n in batch})


class RecordingTelemetry:
    def __init__(self) -> None:
        self.checkouts: Counter[str] = Counter()
        self.reached: Counter[Status] = Counter()
        self.recoveries: Counter[str] = Counter()
        self.counts: dict[Status, int] = {}
        self.worst_s = 0.0

    def count_checkout(self, outcome: str) -> None:
        self.checkouts[outcome] += 1

    def count_move(self, order: Order) -> None:
        self.reached[order.status] += 1

    def count_recovery(self, step: str) -> None:
        self.recoveries[step] += 1

    def note_overdue(self, seconds: float) -> None:
        self.worst_s = max(self.worst_s, seconds)

    def show_statuses(self, counts: Mapping[Status, int]) -> None:
        self.counts = dict(counts)
