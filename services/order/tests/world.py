"""A whole shop around the order service, in memory, that can be broken anywhere and put up again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar, cast
from unittest.mock import patch

from store_kit.principal import Principal
from store_order.adapters.background import BackgroundTasks
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import APPROVE
from store_order.domain.checkout import Checkout, Wanted
from store_order.domain.orders import NEXT, PASSING, PLACED, Order, Status, bill_of, order_id_of
from store_order.domain.steps import Change, Event, Mark, Moment, Rules, begin
from store_order.use_cases import UseCases
from store_order.wiring import Ports, use_cases_of

from services.order.tests.fakes import (
    Disk,
    FakeCarts,
    FakeNotifications,
    FakeReservations,
    MemoryOrderStore,
    MemoryPayments,
    MemoryWorkQueue,
    RecordingTelemetry,
)
from services.order.tests.older import OlderDriveOrder, OlderRecoverOrders, as_older, freeze
from tests.support.clock import ManualClock
from tests.support.services import within_budget

P = TypeVar("P")
ALICE, BOB = "alice", "bob"
PRODUCTS = ("cup", "plate", "bowl")
STOCK = 50
PATIENCE_S = 0.26
RULES = Rules(
    lease_ms=2_000,
    retry_ms=1_000,
    give_up_ms=5_000,
    delivery_min_ms=6_000,
    delivery_max_ms=12_000,
    orphan_ms=8_000,
)


class Crash(BaseException):
    """The process is killed here; nothing in it may catch this."""


@dataclass
class Fuse:
    """Breaks the world at one boundary of its port calls: the `at`-th that is reached, with `error`.

    Args:
        at: which boundary; None never breaks.
        error: what is raised there.
        only: ports that break; all when empty.
        pauses: how often each boundary yields to other tasks, in turn; so tests own the interleaving.
    """

    at: int | None = None
    error: Callable[[], BaseException] = Crash
    only: Sequence[str] = ()
    pauses: Sequence[int] = (0,)
    reached: list[str] = field(default_factory=list)

    async def boundary(self, port: str, label: str) -> None:
        if self.only and port not in self.only:
            return
        self.reached.append(label)
        for _ in range(self.pauses[len(self.reached) % len(self.pauses)]):
            await asyncio.sleep(0)
        if self.at == len(self.reached) - 1:
            raise self.error()


class _Fused:
    """A port with a boundary before and after each of its calls."""

    def __init__(self, name: str, port: Any, fuse: Fuse, disk: Disk, *, older: bool) -> None:
        self._name, self._port, self._fuse, self._disk = name, port, fuse, disk
        self._older = older

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        real = getattr(self._port, method)
        label = f"{self._name}.{method}"

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._fuse.boundary(self._name, f"before {label}")
            if args and isinstance(args[0], Change) and args[0].hints:
                change = as_older(args[0]) if self._older else args[0]
                args = (await self._hinted(change, label),)
            result = await real(*args, **kwargs)
            await self._fuse.boundary(self._name, f"after {label}")
            return result

        return call

    async def _hinted(self, change: Change, label: str) -> Change:
        """Write the hints of a change; a store of two steps can die or sleep before the change itself."""
        self._disk.put(change.hints)
        await self._fuse.boundary(self._name, f"between hints and {label}")
        return replace(change, hints=())


class World:
    """Durable things live as long as the world; use cases only until the next `restart`.

    `patience_s` is how long a caller waits, in real time: short where a driver dies whose lease only the clock ends.
    """

    def __init__(self, rules: Rules = RULES, stock: int = STOCK) -> None:
        self.rules = rules
        self.patience_s = PATIENCE_S
        self.older = False
        self.clock = ManualClock()
        self.disk = Disk()
        self.payments = MemoryPayments()
        self.reservations = FakeReservations(self.clock, dict.fromkeys(PRODUCTS, stock))
        self.carts = FakeCarts()
        self.notifications = FakeNotifications()
        self.restart()

    def another_process(self, *, older: bool = False) -> "World":
        """Return a second replica of the service on the same durable things; it may be of an older version."""
        replica = copy(self)
        replica.older = older
        replica.restart()
        return replica

    def restart(self, fuse: Fuse | None = None) -> None:
        """Restart the service on what is durable, with `fuse` around every port."""
        self.fuse = fuse or Fuse()
        self.signals = LocalSignals()
        self.background = BackgroundTasks()
        self.telemetry = RecordingTelemetry()
        ports = Ports(
            orders=self._fused("orders", MemoryOrderStore(self.disk, self.signals)),
            work=self._fused("work", MemoryWorkQueue(self.disk)),
            payments=self._fused("payments", self.payments),
            reservations=self._fused("reservations", self.reservations),
            carts=self._fused("carts", self.carts),
            notifications=self._fused("notifications", self.notifications),
            signals=self.signals,
            background=self.background,
            telemetry=self.telemetry,
            clock=self.clock,
        )
        with contextlib.ExitStack() as version:
            if self.older:
                version.enter_context(patch("store_order.wiring.DriveOrder", OlderDriveOrder))
                version.enter_context(patch("store_order.wiring.RecoverOrders", OlderRecoverOrders))
            self.do: UseCases = use_cases_of(ports, self.rules, poll_s=0.01, heartbeat_s=0.05)

    def _fused(self, name: str, port: P) -> P:
        return cast("P", _Fused(name, port, self.fuse, self.disk, older=self.older))

    def fill(self, user_id: str = ALICE, quantity: int = 2, products: Sequence[str] = PRODUCTS[:2]) -> None:
        for product_id in products:
            self.carts.put(user_id, product_id, quantity)

    async def place(
        self, key: str = "key", token: str = APPROVE, user_id: str = ALICE, **conditions: Any
    ) -> Order:
        checkout = Checkout(token, **conditions)
        return (await within_budget(self.patience_s, self.do.place_order(user_id, key, checkout))).order

    async def begin_as_before(self, key: str = "key", user_id: str = ALICE) -> Order:
        """Have an order as older code left it when it died before charging: no buyer had agreed to anything."""
        cart = await self.carts.read_cart(user_id)
        order_id = order_id_of(user_id, key)
        now, store = Moment(self.clock.now_ms(), self.rules), MemoryOrderStore(self.disk, self.signals)
        change = begin(now, order_id, user_id, Wanted(cart.lines), "")
        assert await store.insert_order(as_older(change))
        held = await self.reservations.reserve_goods(order_id, cart.lines, now.now_ms)
        bill = bill_of(cart.lines, held.lines, held.currency)
        return await store.advance_order(freeze(now, change.after, bill.lines, bill.currency))

    def raise_price(self, product_id: str, by_minor: int) -> None:
        """Change what a product costs, without showing it to anyone."""
        price_minor = self.reservations.price_of(product_id) + by_minor
        self.reservations.prices[product_id] = self.carts.live[product_id] = price_minor

    async def cancel(self, order_id: str, user_id: str = ALICE) -> Order:
        cancelling = self.do.cancel_order(order_id, customer(user_id))
        return (await within_budget(self.patience_s, cancelling)).order

    async def work(self) -> None:
        """Let every worker look once."""
        await self.recover()
        await self.do.run_clock()
        await self.do.deliver_notifications()

    async def recover(self) -> None:
        """Let recovery look once."""
        await self.do.recover_orders()
        await self.do.recover_older_orders()

    async def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Move the clock on with the workers looking at every step."""
        passed = 0.0
        while passed < seconds:
            self.clock.advance(step_s)
            passed += step_s
            await self.work()

    async def come_to_rest(self) -> None:
        """Let time pass until every order is final and all notifications are delivered."""
        await self.background.close()
        for _ in range(30):
            await self.pass_time(3, step_s=3)
            if all(o.status.final for o in self.disk.orders.values()):
                break
        await self.pass_time(30, step_s=10)

    def only_order(self) -> Order:
        (order,) = self.disk.orders.values()
        return order

    def history(self, order_id: str) -> list[Status]:
        return [e.status for e in self.disk.events[order_id] if e.mark is Mark.STATUS]


ADMIN = Principal("root", frozenset({"admin"}))


def customer(user_id: str) -> Principal:
    return Principal(user_id, frozenset({"customer"}))


def assert_every_promise_kept(world: World, *, at_rest: bool = True) -> None:
    """Check what must hold for every order, and for the stock, whatever happened."""
    for order in world.disk.orders.values():
        _assert_history(world, order)
        if at_rest:
            assert order.status.final, f"{order.status} is not a place to stay"
            accepted = Status.CREATED in world.history(order.id)
            _assert_cart(world, order, accepted=accepted)
        if order.status in PLACED:
            _assert_paid_once(world, order)
        elif order.status.final:
            _assert_nothing_left(world, order)
        if order.billed:
            lines = world.disk.lines[order.id]
            assert order.total_minor == sum(x.quantity * (x.unit_price_minor or 0) for x in lines)
    _assert_stock(world.reservations)
    if at_rest:
        _assert_news(world)
        assert not world.disk.work, "work is left in the queue"


def _assert_cart(world: World, order: Order, *, accepted: bool) -> None:
    if order.agreement is None:
        assert world.carts.subtracted[order.id] == int(accepted), "the cart was not settled once"
        return
    assert world.carts.subtracted[order.id] == 0
    has = world.carts.claims.get(order.id)
    bought = {x.product_id: x.quantity for x in world.disk.lines[order.id]}
    assert has == (bought if accepted else None), "the order has of the cart what it may not"
    if accepted:
        assert order.agreement.allows(order.total_minor or 0), "charged what was not agreed to"


def _assert_history(world: World, order: Order) -> None:
    events: list[Event] = world.disk.events[order.id]
    assert [e.version for e in events] == list(range(1, order.version + 1))
    history = world.history(order.id)
    assert history[0] is Status.PENDING
    assert history[-1] is order.status
    assert all(after in NEXT[before] for before, after in pairwise(history))


def _assert_paid_once(world: World, order: Order) -> None:
    payment = world.payments.books[order.id]
    assert (payment.charges, payment.refunds, payment.amount_minor) == (1, 0, order.total_minor)
    if order.status is Status.DELIVERED:
        assert world.reservations.markers[order.id] == "SHIPPED"
    elif order.status is not Status.SHIPPING:
        assert order.id in world.reservations.holds


def _assert_nothing_left(world: World, order: Order) -> None:
    payment = world.payments.books.get(order.id)
    assert payment is None or payment.charges == payment.refunds
    assert order.id not in world.reservations.holds
    assert world.reservations.markers[order.id] == "RELEASED"


def _assert_stock(catalog: FakeReservations) -> None:
    for product_id, received in catalog.received.items():
        held = sum(hold.get(product_id, 0) for hold in catalog.holds.values())
        assert catalog.available[product_id] >= 0
        assert received == catalog.available[product_id] + held + catalog.sold[product_id]


def _assert_news(world: World) -> None:
    told = sorted((n.order_id, n.status) for n in world.notifications.received.values())
    happened = sorted(
        (order_id, e.status)
        for order_id, events in world.disk.events.items()
        for e in events
        if e.mark is Mark.STATUS and e.status not in PASSING
    )
    assert told == happened
