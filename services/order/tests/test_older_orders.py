"""Orders that a version began which wrote the prices by a step of its own go on, in every database."""

from dataclasses import dataclass

import pytest
from store_order.adapters.background import BackgroundTasks
from store_order.adapters.simulated_payments import APPROVE, DECLINE, TIMEOUT_LOST
from store_order.domain.checkout import Wanted
from store_order.domain.orders import Agreement, Line, Order, Status, bill_of, order_id_of
from store_order.domain.rejections import NOT_PLACED
from store_order.domain.steps import Change, Mark, Moment, Rules, begin, transition
from store_order.use_cases import UseCases
from store_order.wiring import Ports, use_cases_of

from services.order.tests.fakes import FakeCarts, FakeNotifications, FakeReservations, RecordingTelemetry
from services.order.tests.older import as_older, freeze
from services.order.tests.stores import Stores
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
USER, KEY = "alice", "key"
ID = order_id_of(USER, KEY)
TOTAL = 500
RULES = Rules(lease_ms=2_000, retry_ms=1_000, give_up_ms=5_000)
PENDING = [Status.PENDING]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for the module, so that its keyspace can be shared."""
    return "asyncio"


@dataclass
class Shop:
    """The order service of this version on stores that are real, its neighbours in memory."""

    stores: Stores
    clock: ManualClock
    reservations: FakeReservations
    carts: FakeCarts

    def use_cases(self) -> UseCases:
        """Return what a process of this version can do."""
        ports = Ports(
            orders=self.stores.orders,
            work=self.stores.work,
            payments=self.stores.payments,
            reservations=self.reservations,
            carts=self.carts,
            notifications=FakeNotifications(),
            signals=self.stores.signals,
            background=BackgroundTasks(),
            telemetry=RecordingTelemetry(),
            clock=self.clock,
        )
        return use_cases_of(ports, RULES, poll_s=0.01, heartbeat_s=0.05)

    def now(self) -> Moment:
        """Return the moment of a step."""
        return Moment(self.clock.now_ms(), RULES)

    async def begun(self, token: str = APPROVE) -> Order:
        """Have an order that was written and reserved by an older version, whose driver is dead."""
        self.carts.put(USER, "cup", 2)
        cart = await self.carts.read_cart(USER)
        wanted = Wanted(cart.lines, token, "f", Agreement(cart.version, cart.shown_minor))
        change = begin(self.now(), ID, USER, wanted, "older")
        assert await self.stores.orders.insert_order(as_older(change))
        await self.reservations.reserve_goods(ID, cart.lines, self.clock.now_ms())
        # It is shown at another price from now on; the order is what its reservation says.
        self.reservations.prices["cup"] = self.carts.live["cup"] = 999
        return change.after

    async def priced(self, token: str = APPROVE) -> Order:
        """Have an order into which an older version wrote its prices, whose driver is dead."""
        order = await self.begun(token)
        held = self.reservations.held[ID]
        bill = bill_of(await self.stores.orders.list_lines(ID), held.lines, held.currency)
        return await self.stores.orders.advance_order(freeze(self.now(), order, bill.lines, bill.currency))

    async def recovered(self) -> Order:
        """Let recovery of this version look once the lease is over; return the order."""
        self.clock.advance(RULES.lease_ms / 1000 + 1)
        use_cases = self.use_cases()
        await use_cases.recover_orders()
        await use_cases.recover_older_orders()
        return await self.order()

    async def order(self) -> Order:
        """Return the order as it is."""
        order = await self.stores.orders.find_order(ID)
        assert order is not None
        return order

    async def money(self) -> tuple[str, int, int, int]:
        """Return what the provider has in its books."""
        found = await self.stores.payments.find_payment(ID)
        assert found is not None
        return found.state, found.amount_minor, found.charges, found.refunds

    async def accepted(self) -> None:
        """Assert that the order was accepted and charged as its reservation says."""
        order, (line,) = await self.order(), await self.stores.orders.list_lines(ID)
        assert (order.status, order.total_minor, order.currency) == (Status.CREATED, TOTAL, "GBP")
        assert line == Line("cup", 2, None, "Name of cup", 250, 1)
        assert await self.money() == ("CHARGED", TOTAL, 1, 0)
        assert self.carts.claims == {ID: {"cup": 2}}
        assert ID in self.reservations.holds

    async def undone(self) -> None:
        """Assert that nothing is left of the order, and that nothing of it can be done late."""
        assert (await self.order()).status is Status.REJECTED
        state, _, charges, refunds = await self.money()
        assert (state in ("VOIDED", "REFUNDED"), charges) == (True, refunds)
        assert (self.carts.claims, self.carts.items) == ({ID: None}, {USER: {"cup": 2}})
        assert self.reservations.markers == {ID: "RELEASED"}


@pytest.fixture
def shop(stores: Stores) -> Shop:
    """Return a shop with goods, on each database."""
    clock = ManualClock()
    return Shop(stores, clock, FakeReservations(clock, {"cup": 5}), FakeCarts())


async def test_an_order_with_prices_goes_on(shop: Shop) -> None:
    """Its driver died before it took the cart: it is charged what was written, which its reservation says too."""
    await shop.priced()
    assert (await shop.recovered()).version == 4
    await shop.accepted()
    marks = [event.mark for event in await shop.stores.orders.list_events(ID)]
    assert marks == [Mark.STATUS, Mark.PRICED, Mark.LEASE, Mark.STATUS]


async def test_an_order_with_prices_that_was_charged_goes_on(shop: Shop) -> None:
    """Its driver died after the charge: there is no other."""
    order = await shop.priced()
    await shop.carts.take_cart(USER, ID, 1)
    await shop.stores.payments.charge_order(ID, TOTAL, "GBP", order.payment_token)
    await shop.recovered()
    await shop.accepted()


async def test_an_order_with_prices_that_is_declined_still_says_what_it_would_have_cost(shop: Shop) -> None:
    """A refusal leaves the total as it was, and gives everything back."""
    await shop.priced(DECLINE)
    order = await shop.recovered()
    assert (order.total_minor, order.reason and order.reason.slug) == (TOTAL, "payment-declined")
    await shop.undone()


async def test_a_reserved_order_without_prices_goes_on(shop: Shop) -> None:
    """Its driver died between the reservation and the prices."""
    await shop.begun()
    await shop.recovered()
    await shop.accepted()


@pytest.mark.parametrize("priced", [False, True])
async def test_an_order_whose_goods_were_released_is_turned_back(shop: Shop, *, priced: bool) -> None:
    """Whoever did that: nothing is reserved anew, nothing is charged."""
    await (shop.priced() if priced else shop.begun())
    await shop.reservations.release_goods(ID)
    order = await shop.recovered()
    assert order.reason == NOT_PLACED
    await shop.undone()


async def test_a_late_step_of_the_older_driver_is_stale(shop: Shop) -> None:
    """It writes the prices after this version took the order over, and stops there."""
    order = await shop.begun()
    late = freeze(shop.now(), order, shop.reservations.held[ID].lines, "GBP")
    await shop.recovered()
    with pytest.raises(Exception, match="changed by somebody else"):
        await shop.stores.orders.advance_order(late)
    await shop.accepted()


async def test_a_charge_that_an_older_version_did_not_expect_is_given_back(shop: Shop) -> None:
    """It turned back an order without prices, which this version had charged: recovery finds and undoes that."""
    order = await shop.begun(TIMEOUT_LOST)
    order = await shop.recovered()
    assert (order.status, order.billed) == (Status.PENDING, True)
    await _turned_back_unpaid(shop, order)
    await shop.stores.payments.charge_order(ID, TOTAL, "GBP", APPROVE)
    await shop.recovered()
    await shop.undone()


async def _turned_back_unpaid(shop: Shop, order: Order) -> None:
    """Turn an order back as an older version did that knows of no charge."""

    async def moved(change: Change) -> Order:
        return await shop.stores.orders.advance_order(as_older(change))

    rejecting = await moved(transition(shop.now(), order, Status.REJECTING, driver="o", reason=NOT_PLACED))
    await shop.carts.give_back_cart(USER, ID)
    await shop.reservations.release_goods(ID)
    await moved(transition(shop.now(), rejecting, Status.REJECTED))
