"""The definition of the order store, the work queue and the payments port: every adapter passes this suite."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra import Cassandra
from store_kit.clock import ManualClock
from store_kit.problems import OutcomeUnknown
from store_kit.sqlite import Sqlite
from store_kit.testing import empty, fresh_keyspace, test_cluster
from store_order.adapters.cassandra_counts import CassandraCounts
from store_order.adapters.cassandra_order_index import CassandraOrderIndex
from store_order.adapters.cassandra_orders import CassandraOrderStore
from store_order.adapters.cassandra_payments import CassandraBooks
from store_order.adapters.cassandra_work import CassandraWorkQueue
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import SimulatedPayments
from store_order.adapters.sqlite_books import SqliteBooks
from store_order.adapters.sqlite_orders import SqliteOrderStore
from store_order.adapters.sqlite_work import SqliteWorkQueue
from store_order.adapters.stores import SCHEMA
from store_order.domain import (
    Change,
    Hint,
    Line,
    Mark,
    Order,
    Queue,
    Reason,
    Rules,
    Shortage,
    Status,
    Wanted,
    leasing,
    moving,
    order_id_of,
    parking,
    placing,
    pricing,
    shipped,
)
from store_order.ports import (
    ChargeDeclined,
    ChargeRefused,
    OrderFilter,
    OrderStore,
    Payments,
    Summary,
    WorkQueue,
)
from store_order.problems import StaleOrder

from services.order.tests.fakes import Disk, MemoryOrderStore, MemoryPayments, MemoryWorkQueue

pytestmark = pytest.mark.anyio
RULES = Rules()
T0 = 1_700_000_000_000
LINES = (Line("cup", 2), Line("plate", 1))
PRICED = (Line("cup", 2, "C-1", "Cup", 300), Line("plate", 1, None, "Plate", 1_000))


@dataclass
class Stores:
    orders: OrderStore
    work: WorkQueue
    payments: Payments
    signals: LocalSignals


ADAPTERS = ["memory", "sqlite", *(["cassandra"] if test_cluster() else [])]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for the module, so that its keyspace can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def keyspace() -> AsyncIterator[Cassandra | None]:
    if test_cluster() is None:
        yield None
        return
    async with fresh_keyspace("order", SCHEMA / "cassandra") as opened:
        yield opened


@pytest.fixture(params=ADAPTERS)
async def stores(request: Any, tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[Stores]:
    signals = LocalSignals()
    if request.param == "memory":
        disk = Disk()
        yield Stores(MemoryOrderStore(disk, signals), MemoryWorkQueue(disk), MemoryPayments(), signals)
        return
    if request.param == "cassandra":
        assert keyspace is not None
        await empty(keyspace)
        work = CassandraWorkQueue(keyspace, ManualClock())
        index, tally = CassandraOrderIndex(keyspace), CassandraCounts(keyspace)
        orders = CassandraOrderStore(keyspace, index, work, tally, signals)
        payments = SimulatedPayments(CassandraBooks(keyspace, ManualClock()))
        yield Stores(orders, work, payments, signals)
        return
    orders_db = Sqlite(tmp_path / "orders.db", SCHEMA / "sqlite")
    payments_db = Sqlite(tmp_path / "payments.db", SCHEMA / "payments")
    await orders_db.open()
    await payments_db.open()
    payments = SimulatedPayments(SqliteBooks(payments_db, ManualClock()))
    yield Stores(SqliteOrderStore(orders_db, signals), SqliteWorkQueue(orders_db), payments, signals)
    await payments_db.close()
    await orders_db.close()


def placed(key: str = "key", user_id: str = "alice", at_ms: int = T0) -> Change:
    return placing(order_id_of(user_id, key), user_id, Wanted(LINES), "driver", at_ms, RULES)


async def created(orders: OrderStore, key: str = "key", user_id: str = "alice", at_ms: int = T0) -> Order:
    change = placed(key, user_id, at_ms)
    assert await orders.insert(change)
    order = await orders.advance(pricing(change.after, PRICED, "GBP", at_ms, RULES))
    return await orders.advance(moving(order, Status.CREATED, at_ms, RULES))


async def test_a_new_order_is_found_with_its_lines(stores: Stores) -> None:
    """What is inserted is what is found, lines in the cart's order."""
    change = placed()
    assert await stores.orders.insert(change)
    assert await stores.orders.find(change.after.id) == change.after
    assert await stores.orders.lines(change.after.id) == LINES
    assert list(await stores.orders.timeline(change.after.id)) == [change.event]


async def test_an_unknown_order_is_none(stores: Stores) -> None:
    """There is nothing to find, no lines, no timeline."""
    assert await stores.orders.find("nobody") is None
    assert await stores.orders.lines("nobody") == ()
    assert list(await stores.orders.timeline("nobody")) == []
    assert await stores.orders.event("nobody", 1) is None


async def test_a_second_insert_changes_nothing(stores: Stores) -> None:
    """Insert-if-absent: the twin is told that it came second, and the first order stays."""
    first, twin = placed(), placed()
    assert await stores.orders.insert(first)
    assert not await stores.orders.insert(replace(twin, lines=(Line("bowl", 9),)))
    assert await stores.orders.lines(first.after.id) == LINES
    event = await stores.orders.event(first.after.id, 1)
    assert event is not None
    assert event.token == first.event.token


async def test_an_order_that_was_tried_twice_is_listed_once(stores: Stores) -> None:
    """A try that came second or went wrong leaves nothing in lists and sums, whenever it was."""
    order = await created(stores.orders)
    for at_ms in (T0 - 7, T0 + 7, T0 + 2 * 3_600_000):
        assert not await stores.orders.insert(placed(at_ms=at_ms))
    for wanted in (OrderFilter(user_id="alice"), OrderFilter()):
        assert list(await stores.orders.page(wanted, None, 10)) == [order]
    assert await stores.orders.summary("alice") == Summary(1, order.total_minor or 0)


async def test_every_kind_of_change_is_kept(stores: Stores) -> None:
    """Each step of the domain survives the store unchanged, with its timeline row."""
    change = placed()
    await stores.orders.insert(change)
    order, marks = change.after, [Mark.STATUS]
    steps: list[Callable[[Order], Change]] = [
        lambda o: leasing(o, "other", T0 + 1, RULES),
        lambda o: pricing(o, PRICED, "GBP", T0 + 2, RULES),
        lambda o: parking(o, T0 + 3, RULES),
        lambda o: moving(o, Status.CREATED, T0 + 4, RULES),
        lambda o: moving(o, Status.PROCESSING, T0 + 5, RULES),
        lambda o: moving(o, Status.SHIPPING, T0 + 6, RULES),
        lambda o: shipped(o, T0 + 7, RULES),
        lambda o: moving(o, Status.DELIVERED, T0 + 8, RULES),
    ]
    for step in steps:
        change = step(order)
        order = await stores.orders.advance(change)
        marks.append(change.event.mark)
        assert await stores.orders.find(order.id) == change.after == order
        assert await stores.orders.event(order.id, order.version) == change.event
    assert await stores.orders.lines(order.id) == PRICED
    timeline = await stores.orders.timeline(order.id)
    assert [e.mark for e in timeline] == marks
    assert [e.version for e in timeline] == list(range(1, 10))
    assert [e.version for e in await stores.orders.timeline(order.id, 7)] == [8, 9]


async def test_a_reason_is_kept(stores: Stores) -> None:
    """A rejection keeps why, with the shortages, for every repeat of the request."""
    change = placed()
    await stores.orders.insert(change)
    reason = Reason("insufficient-stock", "Two \N{SNOWMAN} are missing", (Shortage("cup", 2, 0),))
    await stores.orders.advance(moving(change.after, Status.REJECTING, T0, RULES, driver="d", reason=reason))
    found = await stores.orders.find(change.after.id)
    assert found is not None
    assert found.reason == reason


async def test_only_one_of_two_changes_of_a_version_wins(stores: Stores) -> None:
    """Compare-and-set: who read an old version is refused, and nothing of its change remains."""
    order = await created(stores.orders)
    cancelling = moving(order, Status.CANCELLING, T0 + 1, RULES, driver="d")
    await stores.orders.advance(moving(order, Status.PROCESSING, T0 + 1, RULES))
    with pytest.raises(StaleOrder):
        await stores.orders.advance(cancelling)
    found = await stores.orders.find(order.id)
    assert found is not None
    assert found.status is Status.PROCESSING
    event = await stores.orders.event(order.id, order.version + 1)
    assert event is not None
    assert event.token != cancelling.event.token


async def test_an_order_that_is_not_there_cannot_be_changed(stores: Stores) -> None:
    """Advancing an unknown order is stale, not a silent success."""
    with pytest.raises(StaleOrder):
        await stores.orders.advance(leasing(placed().after, "d", T0, RULES))


async def test_a_change_wakes_who_watches(stores: Stores) -> None:
    """News of an order reach its watcher in this process at once."""
    watching = stores.signals.watch(placed().after.id)
    await stores.orders.insert(placed())
    await watching.changed(60)
    watching.close()
    watching.close()


async def test_hints_come_with_their_change(stores: Stores) -> None:
    """The hints of a change are in the queue, due when they say, oldest first."""
    order = await created(stores.orders)
    assert not await stores.work.due(Queue.CLOCK, T0 + 4_999, 10)
    (due,) = await stores.work.due(Queue.CLOCK, T0 + 5_000, 10)
    assert due == Hint(Queue.CLOCK, T0 + 5_000, order.id, 3)
    (recovery,) = await stores.work.due(Queue.RECOVERY, T0 + RULES.lease_ms, 10)
    assert recovery == placed().hints[0]


async def test_hints_stay_until_they_are_done(stores: Stores) -> None:
    """A hint is shown again and again, to every worker, until it is done."""
    hints = [Hint(Queue.NOTIFY, T0 + i, f"order-{i}", 1) for i in range(5)]
    await stores.work.schedule(hints)
    await stores.work.schedule(hints[:2])
    assert list(await stores.work.due(Queue.NOTIFY, T0 + 3, 3)) == hints[:3]
    assert list(await stores.work.due(Queue.NOTIFY, T0 + 3, 10)) == hints[:4]
    await stores.work.done(hints[:3])
    assert list(await stores.work.due(Queue.NOTIFY, T0 + 9, 10)) == hints[3:]
    assert not await stores.work.due(Queue.CLOCK, T0 + 9, 10)


async def test_a_hint_counts_its_looks(stores: Stores) -> None:
    """How often a hint was looked at in vain is kept with it."""
    await stores.work.schedule((Hint(Queue.RECOVERY, T0, "order", 1, looks=1),))
    (hint,) = await stores.work.due(Queue.RECOVERY, T0, 1)
    assert hint.looks == 1


async def test_pages_run_from_new_to_old_without_gaps(stores: Stores) -> None:
    """Keyset pages of every filter show each order once, also where times are equal."""
    for number in range(12):
        await created(stores.orders, f"k{number}", "alice" if number % 3 else "bob", T0 + number // 4)
    for wanted, expected in [
        (OrderFilter(), 12),
        (OrderFilter(user_id="alice"), 8),
        (OrderFilter(user_id="bob", status=Status.CREATED), 4),
        (OrderFilter(status=Status.CREATED, from_ms=T0 + 1, to_ms=T0 + 2), 4),
        (OrderFilter(from_ms=T0 + 1), 8),
        (OrderFilter(status=Status.DELIVERED), 0),
    ]:
        seen: list[tuple[int, str]] = []
        while page := await stores.orders.page(wanted, seen[-1] if seen else None, 5):
            seen.extend((o.created_ms, o.id) for o in page)
        assert len(seen) == len(set(seen)) == expected
        assert seen == sorted(seen, reverse=True)


async def test_counts_and_totals_follow_every_change(stores: Stores) -> None:
    """Orders by status and what a user spent are right after every kind of end."""
    kept = await created(stores.orders, "kept")
    await stores.orders.insert(placed("pending"))
    cancelled = await created(stores.orders, "cancelled")
    going = await stores.orders.advance(moving(cancelled, Status.CANCELLING, T0, RULES, driver="d"))
    await stores.orders.advance(moving(going, Status.CANCELLED, T0, RULES))
    counts = await stores.orders.counts()
    assert {s: n for s, n in counts.items() if n} == {
        Status.CREATED: 1,
        Status.PENDING: 1,
        Status.CANCELLED: 1,
    }
    assert set(counts) == set(Status)
    assert await stores.orders.summary("alice") == Summary(2, kept.total_minor or 0)
    assert await stores.orders.summary("nobody") == Summary(0, 0)


async def test_a_charge_is_taken_once(stores: Stores) -> None:
    """Repeating a charge with its key answers yes and takes nothing more."""
    assert await stores.payments.find("order") is None
    for _ in range(3):
        await stores.payments.charge("order", 500, "GBP", "tok_approve")
    payment = await stores.payments.find("order")
    assert payment is not None
    assert payment.charged
    assert (payment.state, payment.amount_minor, payment.charges, payment.refunds) == ("CHARGED", 500, 1, 0)


async def test_a_key_has_one_amount(stores: Stores) -> None:
    """The same key with another amount or currency is an error, never a second charge."""
    await stores.payments.charge("order", 500, "GBP", "tok_approve")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge("order", 501, "GBP", "tok_approve")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge("order", 500, "EUR", "tok_approve")


async def test_a_declined_charge_stays_declined(stores: Stores) -> None:
    """No means no, also when asked again with a better card under the same key."""
    for token in ("tok_decline", "tok_approve"):
        with pytest.raises(ChargeDeclined):
            await stores.payments.charge("order", 500, "GBP", token)
    payment = await stores.payments.find("order")
    assert payment is not None
    assert not payment.charged


async def test_a_lost_answer_hides_a_charge_that_happened(stores: Stores) -> None:
    """After a time-out the books tell: here the money was taken."""
    with pytest.raises(OutcomeUnknown):
        await stores.payments.charge("order", 500, "GBP", "tok_timeout")
    payment = await stores.payments.find("order")
    assert payment is not None
    assert payment.charged


async def test_a_lost_request_leaves_nothing(stores: Stores) -> None:
    """After a time-out the books tell: here nothing has happened."""
    with pytest.raises(OutcomeUnknown):
        await stores.payments.charge("order", 500, "GBP", "tok_timeout_lost")
    assert await stores.payments.find("order") is None


async def test_a_refund_happens_once(stores: Stores) -> None:
    """Money goes back once, and the key cannot be charged again."""
    await stores.payments.charge("order", 500, "GBP", "tok_approve")
    await stores.payments.refund("order")
    await stores.payments.refund("order")
    payment = await stores.payments.find("order")
    assert payment is not None
    assert (payment.state, payment.charges, payment.refunds) == ("REFUNDED", 1, 1)
    with pytest.raises(ChargeRefused):
        await stores.payments.charge("order", 500, "GBP", "tok_approve")


@pytest.mark.parametrize("declined", [False, True])
async def test_a_refund_without_a_charge_voids_the_key(stores: Stores, *, declined: bool) -> None:
    """A charge that arrives after the refund finds the door shut."""
    if declined:
        with pytest.raises(ChargeDeclined):
            await stores.payments.charge("order", 500, "GBP", "tok_decline")
    await stores.payments.refund("order")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge("order", 500, "GBP", "tok_approve")
    payment = await stores.payments.find("order")
    assert payment is not None
    assert (payment.state, payment.charges, payment.refunds) == ("VOIDED", 0, 0)
