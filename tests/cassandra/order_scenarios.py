"""The conditional writes of the order service: a new order, a change of an order, the books of payments."""

from collections.abc import Sequence
from typing import Any, Final

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_kit.ids import new_id
from store_order.adapters.cassandra.counts import CassandraCounts
from store_order.adapters.cassandra.order_index import CassandraOrderIndex
from store_order.adapters.cassandra.orders import CassandraOrderStore
from store_order.adapters.cassandra.payments import CassandraPaymentStore
from store_order.adapters.cassandra.work import CassandraWorkQueue
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import APPROVE, SimulatedPayments
from store_order.domain.checkout import Wanted
from store_order.domain.orders import Bill, Line, Order, Status, order_id_of
from store_order.domain.steps import Change, Moment, Rules, begin, park, transition
from store_order.ports import ChargeRefused, OrderFilter
from store_order.problems import StaleOrder

from tests.cassandra.scenario import Rivalry, Scenario, Stage

RULES: Final = Rules()
LINES: Final = (Line("cup", 2), Line("plate", 1))
TWIN_LINES: Final = (Line("bowl", 7),)
PRICED: Final = (Line("cup", 2, "C-1", "Cup", 300), Line("plate", 1, None, "Plate", 1_000))
AMOUNT: Final = 1_600
_ORDERS: Final = "store_order.adapters.cassandra.orders."
_PAYMENTS: Final = "store_order.adapters.cassandra.payments."


def orders(db: Cassandra) -> CassandraOrderStore:
    """Return the store as a process that has just started has it."""
    writes = GatheredWrites(db, "announcements.insert")
    work, index = CassandraWorkQueue(db, SystemClock(), writes), CassandraOrderIndex(db, writes)
    return CassandraOrderStore(db, index, work, CassandraCounts(db), LocalSignals())


def payments(db: Cassandra) -> SimulatedPayments:
    """Return the payment provider on this keyspace."""
    return SimulatedPayments(CassandraPaymentStore(db, SystemClock()))


def order_id(key: str) -> str:
    """Return the order that belongs to a test."""
    return order_id_of(key, "key")


def now() -> Moment:
    """Return the moment of a step."""
    return Moment(SystemClock().now_ms(), RULES)


def _placing(key: str, lines: Sequence[Line] = LINES) -> Change:
    return begin(now(), order_id(key), key, Wanted(lines), new_id())


async def place(db: Cassandra, key: str) -> str:
    """Place an order as the use case does: it looks whether it is there, then inserts it."""
    store = orders(db)
    if await store.find_order(order_id(key)) is not None:
        return "found"
    return "inserted" if await store.insert_order(_placing(key)) else "twin"


async def place_twin(db: Cassandra, key: str) -> str:
    """Place the same order from a cart that has changed."""
    return "inserted" if await orders(db).insert_order(_placing(key, TWIN_LINES)) else "twin"


async def whose_lines(db: Cassandra, key: str) -> Sequence[Line]:
    """Say which cart became the order."""
    return await orders(db).list_lines(order_id(key))


async def placed(db: Cassandra, key: str) -> None:
    """Have an order that was just placed."""
    assert await orders(db).insert_order(_placing(key))


async def placed_and_priced(db: Cassandra, key: str) -> None:
    """Have an order that says what it costs."""
    await placed(db, key)
    await price(db, key)


async def _advanced(store: CassandraOrderStore, change: Change) -> str:
    try:
        await store.advance_order(change)
    except StaleOrder:
        return "stale"
    return "advanced"


async def _get(store: CassandraOrderStore, key: str) -> Order:
    order = await store.find_order(order_id(key))
    assert order is not None
    return order


async def price(db: Cassandra, key: str) -> str:
    """Write what the order costs, unless that is done."""
    store = orders(db)
    order = await _get(store, key)
    if order.billed:
        return "found"
    return await _advanced(store, park(now(), order, Bill(PRICED, AMOUNT, "GBP")))


async def accept(db: Cassandra, key: str) -> str:
    """Move to CREATED, unless the order went somewhere already."""
    return await _move(db, key, Status.CREATED)


async def send_back(db: Cassandra, key: str) -> str:
    """Move to REJECTING, unless the order went somewhere already."""
    return await _move(db, key, Status.REJECTING)


async def _move(db: Cassandra, key: str, to: Status) -> str:
    store = orders(db)
    order = await _get(store, key)
    if order.status is not Status.PENDING:
        return "found"
    return await _advanced(store, transition(now(), order, to, driver=new_id()))


async def where_to(db: Cassandra, key: str) -> Status:
    """Say where an order went."""
    return (await _get(orders(db), key)).status


async def an_order(db: Cassandra, key: str) -> dict[str, Any]:
    """Read all there is of an order."""
    store = orders(db)
    order = await _get(store, key)
    return {
        "order": (order.status, order.version, order.total_minor),
        "lines": await store.list_lines(order.id),
        "timeline": [(event.version, event.status) for event in await store.list_events(order.id)],
        "listed": [found.id for found in await store.list_orders(OrderFilter(user_id=key), None, 10)]
        == [order.id],
    }


def _is(status: Status, version: int, lines: Sequence[Line], total: int | None) -> dict[str, Any]:
    steps = [(at, Status.PENDING) for at in range(1, version)]
    return {
        "order": (status, version, total),
        "lines": lines,
        "timeline": [*steps, (version, status)],
        "listed": True,
    }


async def charge(db: Cassandra, key: str) -> str:
    """Take the money."""
    await payments(db).charge_order(key, AMOUNT, "GBP", APPROVE)
    return "charged"


async def charge_or_be_refused(db: Cassandra, key: str) -> str:
    """Take the money, if this may be."""
    try:
        return await charge(db, key)
    except ChargeRefused:
        return "refused"


async def charged(db: Cassandra, key: str) -> None:
    """Have taken the money."""
    await charge(db, key)


async def refund(db: Cassandra, key: str) -> str:
    """Give the money back, or void the key."""
    await payments(db).refund_order(key)
    return "refunded"


async def a_payment(db: Cassandra, key: str) -> tuple[Any, ...] | None:
    """Read the books."""
    found = await payments(db).find_payment(key)
    return None if found is None else (found.state, found.amount_minor, found.charges, found.refunds)


async def shut(db: Cassandra, key: str) -> tuple[int, bool]:
    """Say what money is left with us, and whether nothing can be charged any more."""
    found = await payments(db).find_payment(key)
    assert found is not None
    try:
        await charge(db, key)
    except ChargeRefused:
        return found.charges - found.refunds, True
    return found.charges - found.refunds, False


SCENARIOS: Final = (
    Scenario(
        _ORDERS + "_INSERT",
        "order",
        play=place,
        told=("inserted",),
        effect=an_order,
        ends=(_is(Status.PENDING, 1, LINES, None),),
    ),
    Scenario(
        _ORDERS + "_ADVANCE",
        "order",
        prepare=placed,
        play=price,
        told=("advanced",),
        effect=an_order,
        ends=(_is(Status.PENDING, 2, PRICED, AMOUNT),),
    ),
    Scenario(
        _ORDERS + "_ADVANCE",
        "order",
        story="recovery goes another way",
        prepare=placed_and_priced,
        play=accept,
        recover=send_back,
        told=("advanced",),
        effect=an_order,
        ends=(_is(Status.CREATED, 3, PRICED, AMOUNT), _is(Status.REJECTING, 3, PRICED, AMOUNT)),
        stages=frozenset({Stage.CRASH}),
    ),
    Scenario(
        _PAYMENTS + "_OPEN",
        "order",
        play=charge,
        told=("charged",),
        effect=a_payment,
        ends=(("CHARGED", AMOUNT, 1, 0),),
    ),
    Scenario(
        _PAYMENTS + "_OPEN",
        "order",
        story="void",
        play=refund,
        told=("refunded",),
        effect=shut,
        ends=((0, True),),
    ),
    Scenario(
        _PAYMENTS + "_OPEN",
        "order",
        story="recovery refunds",
        play=charge,
        recover=refund,
        told=("charged",),
        effect=shut,
        ends=((0, True),),
        stages=frozenset({Stage.CRASH}),
    ),
    Scenario(
        _PAYMENTS + "_CLOSE",
        "order",
        prepare=charged,
        play=refund,
        told=("refunded",),
        effect=a_payment,
        ends=(("REFUNDED", AMOUNT, 1, 1),),
    ),
)
RIVALRIES: Final = (
    Rivalry(
        _ORDERS + "_INSERT",
        "order",
        play=place,
        rival=place_twin,
        outcome=whose_lines,
        ends=(
            ("inserted", "twin", LINES),
            ("twin", "inserted", TWIN_LINES),
            ("found", "inserted", TWIN_LINES),
        ),
    ),
    Rivalry(
        _ORDERS + "_ADVANCE",
        "order",
        prepare=placed_and_priced,
        play=accept,
        rival=send_back,
        outcome=where_to,
        ends=(
            ("advanced", "found", Status.CREATED),
            ("stale", "advanced", Status.REJECTING),
            ("found", "advanced", Status.REJECTING),
        ),
    ),
    Rivalry(
        _PAYMENTS + "_OPEN",
        "order",
        play=charge_or_be_refused,
        rival=refund,
        outcome=a_payment,
        ends=(
            ("refused", "refunded", ("VOIDED", 0, 0, 0)),
            ("refused", "refunded", ("REFUNDED", AMOUNT, 1, 1)),
        ),
    ),
    Rivalry(
        _PAYMENTS + "_CLOSE",
        "order",
        prepare=charged,
        play=refund,
        rival=refund,
        outcome=a_payment,
        ends=(("refunded", "refunded", ("REFUNDED", AMOUNT, 1, 1)),),
    ),
)
