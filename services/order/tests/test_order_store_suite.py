"""The definition of the order store, the work queue and the payments port: every adapter passes this suite."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from store_kit.problems import OutcomeUnknown
from store_order.domain.checkout import Wanted
from store_order.domain.orders import Bill, Line, Order, Status, order_id_of
from store_order.domain.rejections import Reason, Shortage
from store_order.domain.steps import (
    Change,
    Hint,
    Mark,
    Moment,
    Queue,
    Rules,
    begin,
    lease,
    note_shipment,
    park,
    transition,
)
from store_order.ports import (
    ChargeDeclined,
    ChargeRefused,
    OrderFilter,
    OrderStore,
    Summary,
)
from store_order.problems import StaleOrder

from services.order.tests.stores import Stores

pytestmark = pytest.mark.anyio
RULES = Rules()
T0 = 1_700_000_000_000
LINES = (Line("cup", 2), Line("plate", 1))
PRICED = (Line("cup", 2, "C-1", "Cup", 300), Line("plate", 1, None, "Plate", 1_000))
BILL = Bill(PRICED, 1_600, "GBP")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for the module, so that its keyspace can be shared."""
    return "asyncio"


def at(now_ms: int) -> Moment:
    return Moment(now_ms, RULES)


def placed(key: str = "key", user_id: str = "alice", at_ms: int = T0) -> Change:
    return begin(at(at_ms), order_id_of(user_id, key), user_id, Wanted(LINES), "driver")


async def created(orders: OrderStore, key: str = "key", user_id: str = "alice", at_ms: int = T0) -> Order:
    change = placed(key, user_id, at_ms)
    assert await orders.insert_order(change)
    return await orders.advance_order(transition(at(at_ms), change.after, Status.CREATED, bill=BILL))


async def test_a_new_order_is_found_with_its_lines(stores: Stores) -> None:
    """What is inserted is what is found, lines in the cart's order."""
    change = placed()
    assert await stores.orders.insert_order(change)
    assert await stores.orders.find_order(change.after.id) == change.after
    assert await stores.orders.list_lines(change.after.id) == LINES
    assert list(await stores.orders.list_events(change.after.id)) == [change.event]


async def test_an_unknown_order_is_none(stores: Stores) -> None:
    """There is nothing to find, no lines, no timeline."""
    assert await stores.orders.find_order("nobody") is None
    assert await stores.orders.list_lines("nobody") == ()
    assert list(await stores.orders.list_events("nobody")) == []
    assert await stores.orders.find_event("nobody", 1) is None


async def test_many_orders_are_found_at_once(stores: Stores) -> None:
    """Those that exist, by id, as each of them is found alone."""
    orders = [await created(stores.orders, f"k{number}") for number in range(3)]
    wanted = {*(order.id for order in orders[:2]), "nobody"}
    assert await stores.orders.find_orders(wanted) == {order.id: order for order in orders[:2]}
    assert await stores.orders.find_orders(()) == {}


async def test_orders_are_recalled_at_the_version_that_is_asked_for(stores: Stores) -> None:
    """Or at a later one, whoever made it; only what has no such version yet is recalled at an earlier one."""
    order = await created(stores.orders)
    moved = await stores.rival.advance_order(transition(at(T0), order, Status.PROCESSING))
    assert await stores.orders.recall_orders({order.id: moved.version}) == {order.id: moved}
    assert await stores.orders.recall_orders({order.id: moved.version + 1}) == {order.id: moved}
    assert await stores.orders.recall_orders({"nobody": 1}) == {}
    assert await stores.orders.recall_orders({}) == {}


async def test_a_change_of_an_outdated_order_is_refused_and_it_is_recalled_as_it_is(stores: Stores) -> None:
    """Another process moved it on meanwhile: memory is not believed twice."""
    order = await created(stores.orders)
    moved = await stores.rival.advance_order(transition(at(T0), order, Status.PROCESSING))
    recalled = (await stores.orders.recall_orders({order.id: order.version}))[order.id]
    assert recalled in (order, moved)
    with pytest.raises(StaleOrder):
        await stores.orders.advance_order(transition(at(T0), order, Status.PROCESSING))
    assert await stores.orders.recall_orders({order.id: order.version}) == {order.id: moved}
    assert await stores.orders.find_event(order.id, moved.version) == await stores.rival.find_event(
        order.id, moved.version
    )


async def test_a_second_insert_changes_nothing(stores: Stores) -> None:
    """Insert-if-absent: the twin is told that it came second, and the first order stays."""
    first, twin = placed(), placed()
    assert await stores.orders.insert_order(first)
    assert not await stores.orders.insert_order(replace(twin, lines=(Line("bowl", 9),)))
    assert await stores.orders.list_lines(first.after.id) == LINES
    event = await stores.orders.find_event(first.after.id, 1)
    assert event is not None
    assert event.token == first.event.token


async def test_an_order_that_was_tried_twice_is_listed_once(stores: Stores) -> None:
    """A try that came second or went wrong leaves nothing in lists and sums, whenever it was."""
    order = await created(stores.orders)
    for at_ms in (T0 - 7, T0 + 7, T0 + 2 * 3_600_000):
        assert not await stores.orders.insert_order(placed(at_ms=at_ms))
    for wanted in (OrderFilter(user_id="alice"), OrderFilter()):
        assert list(await stores.orders.list_orders(wanted, None, 10)) == [order]
    assert await stores.orders.summarise_orders("alice") == Summary(1, order.total_minor or 0)


async def test_every_kind_of_change_is_kept(stores: Stores) -> None:
    """Each step of the domain survives the store unchanged, with its timeline row."""
    change = placed()
    await stores.orders.insert_order(change)
    order, marks = change.after, [Mark.STATUS]
    steps: list[Callable[[Order], Change]] = [
        lambda o: lease(at(T0 + 1), o, "other"),
        lambda o: park(at(T0 + 2), o),
        lambda o: lease(at(T0 + 3), o, "another"),
        lambda o: transition(at(T0 + 4), o, Status.CREATED, bill=BILL),
        lambda o: transition(at(T0 + 5), o, Status.PROCESSING),
        lambda o: transition(at(T0 + 6), o, Status.SHIPPING),
        lambda o: note_shipment(at(T0 + 7), o),
        lambda o: transition(at(T0 + 8), o, Status.DELIVERED),
    ]
    for step in steps:
        change = step(order)
        order = await stores.orders.advance_order(change)
        marks.append(change.event.mark)
        assert await stores.orders.find_order(order.id) == change.after == order
        assert await stores.orders.find_event(order.id, order.version) == change.event
    assert await stores.orders.list_lines(order.id) == PRICED
    timeline = await stores.orders.list_events(order.id)
    assert [e.mark for e in timeline] == marks
    assert [e.version for e in timeline] == list(range(1, 10))
    assert [e.version for e in await stores.orders.list_events(order.id, 7)] == [8, 9]


async def test_a_reason_is_kept(stores: Stores) -> None:
    """A rejection keeps why, with the shortages, for every repeat of the request."""
    change = placed()
    await stores.orders.insert_order(change)
    reason = Reason("insufficient-stock", "Two \N{SNOWMAN} are missing", (Shortage("cup", 2, 0),))
    await stores.orders.advance_order(
        transition(at(T0), change.after, Status.REJECTING, driver="d", reason=reason)
    )
    found = await stores.orders.find_order(change.after.id)
    assert found is not None
    assert found.reason == reason


async def test_only_one_of_two_changes_of_a_version_wins(stores: Stores) -> None:
    """Compare-and-set: who read an old version is refused, and nothing of its change remains."""
    order = await created(stores.orders)
    cancelling = transition(at(T0 + 1), order, Status.CANCELLING, driver="d")
    await stores.orders.advance_order(transition(at(T0 + 1), order, Status.PROCESSING))
    with pytest.raises(StaleOrder):
        await stores.orders.advance_order(cancelling)
    found = await stores.orders.find_order(order.id)
    assert found is not None
    assert found.status is Status.PROCESSING
    event = await stores.orders.find_event(order.id, order.version + 1)
    assert event is not None
    assert event.token != cancelling.event.token


async def test_an_order_that_is_not_there_cannot_be_changed(stores: Stores) -> None:
    """Advancing an unknown order is stale, not a silent success."""
    with pytest.raises(StaleOrder):
        await stores.orders.advance_order(lease(at(T0), placed().after, "d"))


async def test_a_change_wakes_who_watches(stores: Stores) -> None:
    """A change of an order reaches its watcher in this process at once."""
    watching = stores.signals.watch_order(placed().after.id)
    await stores.orders.insert_order(placed())
    await watching.wait_for_change(60)
    watching.close()
    watching.close()


async def test_hints_come_with_their_change(stores: Stores) -> None:
    """The hints of a change are in the queue, due when they say, oldest first."""
    order = await created(stores.orders)
    assert not await stores.work.list_due_hints(Queue.CLOCK, T0 + 4_999, 10)
    (due,) = await stores.work.list_due_hints(Queue.CLOCK, T0 + 5_000, 10)
    assert due == Hint(Queue.CLOCK, T0 + 5_000, order.id, 2)
    (recovery,) = await stores.work.list_due_hints(Queue.RECOVERY, T0 + RULES.lease_ms, 10)
    assert recovery == placed().hints[0]


async def test_hints_stay_until_they_are_done(stores: Stores) -> None:
    """A hint is shown again and again, to every worker, until it is done."""
    hints = [Hint(Queue.NOTIFY, T0 + i, f"order-{i}", 1) for i in range(5)]
    await stores.work.schedule_hints(hints)
    await stores.work.schedule_hints(hints[:2])
    assert list(await stores.work.list_due_hints(Queue.NOTIFY, T0 + 3, 3)) == hints[:3]
    assert list(await stores.work.list_due_hints(Queue.NOTIFY, T0 + 3, 10)) == hints[:4]
    await stores.work.finish_hints(hints[:3])
    assert list(await stores.work.list_due_hints(Queue.NOTIFY, T0 + 9, 10)) == hints[3:]
    assert not await stores.work.list_due_hints(Queue.CLOCK, T0 + 9, 10)


async def test_a_hint_counts_its_looks(stores: Stores) -> None:
    """How often a hint was looked at in vain is kept with it."""
    await stores.work.schedule_hints((Hint(Queue.RECOVERY, T0, "order", 1, looks=1),))
    (hint,) = await stores.work.list_due_hints(Queue.RECOVERY, T0, 1)
    assert hint.looks == 1


async def test_pages_run_from_new_to_old_without_gaps(stores: Stores) -> None:
    """Keyset pages of every filter show each order once, also where times are equal."""
    for number in range(12):
        await created(stores.orders, f"k{number}", "alice" if number % 3 else "bob", T0 + number // 4)
    for wanted, expected in [
        (OrderFilter(), 12),
        (OrderFilter(user_id="alice"), 8),
        (OrderFilter(user_id="bob", status=Status.CREATED), 4),
        (OrderFilter(status=Status.CREATED, from_at_ms=T0 + 1, to_at_ms=T0 + 2), 4),
        (OrderFilter(from_at_ms=T0 + 1), 8),
        (OrderFilter(status=Status.DELIVERED), 0),
    ]:
        seen: list[tuple[int, str]] = []
        while page := await stores.orders.list_orders(wanted, seen[-1] if seen else None, 5):
            seen.extend((o.created_at_ms, o.id) for o in page)
        assert len(seen) == len(set(seen)) == expected
        assert seen == sorted(seen, reverse=True)


async def test_counts_and_totals_follow_every_change(stores: Stores) -> None:
    """Orders by status and what a user spent are right after every kind of end."""
    kept = await created(stores.orders, "kept")
    await stores.orders.insert_order(placed("pending"))
    cancelled = await created(stores.orders, "cancelled")
    going = await stores.orders.advance_order(transition(at(T0), cancelled, Status.CANCELLING, driver="d"))
    await stores.orders.advance_order(transition(at(T0), going, Status.CANCELLED))
    counts = await stores.orders.count_orders()
    assert {s: n for s, n in counts.items() if n} == {
        Status.CREATED: 1,
        Status.PENDING: 1,
        Status.CANCELLED: 1,
    }
    assert set(counts) == set(Status)
    assert await stores.orders.summarise_orders("alice") == Summary(2, kept.total_minor or 0)
    assert await stores.orders.summarise_orders("nobody") == Summary(0, 0)


async def test_a_charge_is_taken_once(stores: Stores) -> None:
    """Repeating a charge with its key answers yes and takes nothing more."""
    assert await stores.payments.find_payment("order") is None
    for _ in range(3):
        await stores.payments.charge_order("order", 500, "GBP", "tok_approve")
    payment = await stores.payments.find_payment("order")
    assert payment is not None
    assert payment.charged
    assert (payment.state, payment.amount_minor, payment.charges, payment.refunds) == ("CHARGED", 500, 1, 0)


async def test_a_key_has_one_amount(stores: Stores) -> None:
    """The same key with another amount or currency is an error, never a second charge."""
    await stores.payments.charge_order("order", 500, "GBP", "tok_approve")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge_order("order", 501, "GBP", "tok_approve")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge_order("order", 500, "EUR", "tok_approve")


async def test_a_declined_charge_stays_declined(stores: Stores) -> None:
    """No means no, also when asked again with a better card under the same key."""
    for token in ("tok_decline", "tok_approve"):
        with pytest.raises(ChargeDeclined):
            await stores.payments.charge_order("order", 500, "GBP", token)
    payment = await stores.payments.find_payment("order")
    assert payment is not None
    assert not payment.charged


async def test_a_lost_answer_hides_a_charge_that_happened(stores: Stores) -> None:
    """After a time-out the books tell: here the money was taken."""
    with pytest.raises(OutcomeUnknown):
        await stores.payments.charge_order("order", 500, "GBP", "tok_timeout")
    payment = await stores.payments.find_payment("order")
    assert payment is not None
    assert payment.charged


async def test_a_lost_request_leaves_nothing(stores: Stores) -> None:
    """After a time-out the books tell: here nothing has happened."""
    with pytest.raises(OutcomeUnknown):
        await stores.payments.charge_order("order", 500, "GBP", "tok_timeout_lost")
    assert await stores.payments.find_payment("order") is None


async def test_a_refund_happens_once(stores: Stores) -> None:
    """Money goes back once, and the key cannot be charged again."""
    await stores.payments.charge_order("order", 500, "GBP", "tok_approve")
    await stores.payments.refund_order("order")
    await stores.payments.refund_order("order")
    payment = await stores.payments.find_payment("order")
    assert payment is not None
    assert (payment.state, payment.charges, payment.refunds) == ("REFUNDED", 1, 1)
    with pytest.raises(ChargeRefused):
        await stores.payments.charge_order("order", 500, "GBP", "tok_approve")


@pytest.mark.parametrize("declined", [False, True])
async def test_a_refund_without_a_charge_voids_the_key(stores: Stores, *, declined: bool) -> None:
    """A charge that arrives after the refund finds the door shut."""
    if declined:
        with pytest.raises(ChargeDeclined):
            await stores.payments.charge_order("order", 500, "GBP", "tok_decline")
    await stores.payments.refund_order("order")
    with pytest.raises(ChargeRefused):
        await stores.payments.charge_order("order", 500, "GBP", "tok_approve")
    payment = await stores.payments.find_payment("order")
    assert payment is not None
    assert (payment.state, payment.charges, payment.refunds) == ("VOIDED", 0, 0)
