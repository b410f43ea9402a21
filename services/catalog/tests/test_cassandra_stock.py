"""What only a cluster does to stock: lost answers, processes that die midway, and others that work at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from store_catalog.adapters.cassandra.operations import End, Hold
from store_catalog.domain.products import Product
from store_catalog.domain.reservations import ReservationRecord, ReservationState
from store_catalog.domain.stock import Adjustment, HoldState, Stock
from store_catalog.problems import InsufficientStock, ReservationReleased, ReservationShipped
from store_kit.cassandra.keyspace import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.problems import OutcomeUnknown

from services.catalog.tests.cassandra_faults import CutOff, Forgetful, Read, Watched
from services.catalog.tests.clusters import Cluster
from services.catalog.tests.stores import (
    FAR_MS,
    Stores,
    assert_equation,
    cassandra_stores,
    line,
)

pytestmark = pytest.mark.anyio
HELD, RELEASED, SHIPPED = ReservationState.HELD, ReservationState.RELEASED, ReservationState.SHIPPED
Act = Callable[[Stores, Product, Product], Awaitable[object]]


async def shelved(stores: Stores, units: int = 5) -> tuple[Product, Product]:
    """Return two products of different shards."""
    return await stores.product(units, "A"), await stores.product(units, "C")


async def reserving(stores: Stores, mug: Product, cup: Product) -> object:
    return await stores.stock.reserve_stock("o-1", [line(mug, 2), line(cup)], FAR_MS)


async def releasing(stores: Stores, _mug: Product, _cup: Product) -> object:
    return await stores.stock.release_stock("o-1")


async def shipping(stores: Stores, _mug: Product, _cup: Product) -> object:
    return await stores.stock.ship_stock("o-1")


async def adjusting(stores: Stores, mug: Product, _cup: Product) -> object:
    return (await stores.stock.adjust_stock(Adjustment(mug.id, 10, "delivery", "op-1"))).stock


async def being_short(stores: Stores, mug: Product, cup: Product) -> object:
    with pytest.raises(InsufficientStock):
        await reserving(stores, mug, cup)
    return None


@dataclass(frozen=True)
class Scene:
    """A call, whether its order holds before it, and what the two products are after it (but for their versions)."""

    act: Act
    mug: Stock
    cup: Stock
    holds: bool = False
    surprised: bool = False
    """Whether the process remembers units that another one has taken since."""

    async def prepare(self, first: Stores, process: Stores, mug: Product, cup: Product) -> None:
        """Do what comes before."""
        if self.holds:
            await reserving(first, mug, cup)
        if self.surprised:
            committer = process.stock._committer  # type: ignore[attr-defined]  # it only has a look
            for product in (mug, cup):
                await committer.cache(committer.shards.of(product.id)).read_products([product.id])
            await first.stock.reserve_stock("other", [line(cup, 5)], FAR_MS)

    @property
    def after(self) -> tuple[Stock, Stock]:
        return (self.mug, self.cup)


SCENES = {
    "reserve": Scene(reserving, Stock(5, 3, 0, 0), Stock(5, 4, 0, 0)),
    "release": Scene(releasing, Stock(5, 5, 0, 0), Stock(5, 5, 0, 0), holds=True),
    "release nothing": Scene(releasing, Stock(5, 5, 0, 0), Stock(5, 5, 0, 0)),
    "ship": Scene(shipping, Stock(5, 3, 2, 0), Stock(5, 4, 1, 0), holds=True),
    "adjust": Scene(adjusting, Stock(15, 15, 0, 0), Stock(5, 5, 0, 0)),
    "be short": Scene(being_short, Stock(5, 5, 0, 0), Stock(5, 0, 0, 0), surprised=True),
}


async def found(stores: Stores, *products: Product) -> tuple[Stock, ...]:
    """Return quantities without versions, the books being straight."""
    rows = await stores.rows()
    assert_equation(list(rows.values()))
    stocks = [rows[product.id].stock for product in products]
    return tuple(Stock(s.received, s.available, s.sold, 0) for s in stocks)


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
@pytest.mark.parametrize("name", sorted(SCENES))
async def test_every_lost_answer_is_settled(cluster: Cluster, name: str, *, made: bool) -> None:
    """Whichever write of a call stays without answer, made or not: it counts once, in this call or its repetition."""
    scene, number, writes = SCENES[name], 0, 1
    while number < writes:
        number += 1
        await cassandra_stores(cluster.keyspace)
        mug, cup = await shelved(cluster.first)
        db = Forgetful(cluster.keyspace, number, made=made)
        process = cluster.process(db)
        await scene.prepare(cluster.first, process, mug, cup)
        try:
            await scene.act(process, mug, cup)
        except OutcomeUnknown:
            await scene.act(process, mug, cup)
        assert await found(cluster.first, mug, cup) == scene.after
        writes = db.writes
    assert number > 1 or name == "adjust"


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_whoever_dies_half_way_is_finished(cluster: Cluster, name: str) -> None:
    """A process that stops before any of its writes leaves what a sweeper, or a repetition, brings to an end."""
    scene, writes, cut = SCENES[name], -1, True
    while cut:
        writes += 1
        await cassandra_stores(cluster.keyspace)
        cluster.first.clock.advance(60)
        mug, cup = await shelved(cluster.first)
        process = cluster.process(db := CutOff(cluster.keyspace, writes))
        await scene.prepare(cluster.first, process, mug, cup)
        before = await found(cluster.first, mug, cup)
        try:
            await scene.act(process, mug, cup)
        except (DatabaseUnavailable, DatabaseOutcomeUnknown):
            while await cluster.sweep():
                pass
            assert await found(cluster.first, mug, cup) in (before, scene.after)
            assert await cluster.left_over() == set()
            await finish(scene, cluster.process(), mug, cup)
        cut = db.cut
        assert cut or await found(cluster.first, mug, cup) == scene.after
    assert writes > 0


async def finish(scene: Scene, process: Stores, mug: Product, cup: Product) -> None:
    """Repeat a call after the sweeper; what that has given back is so for good."""
    try:
        await scene.act(process, mug, cup)
    except ReservationReleased:
        assert scene.act in (reserving, being_short)
    else:
        assert await found(process, mug, cup) == scene.after


async def test_two_processes_never_sell_a_unit_twice(cluster: Cluster) -> None:
    """Of 100 orders for 40 units, placed with two processes that remember the same product, 40 are served."""
    mug, cup = await shelved(cluster.first, 40)
    processes = [cluster.process(), cluster.process()]
    for number, process in enumerate(processes):
        await process.stock.reserve_stock(f"warm-{number}", [line(mug), line(cup)], FAR_MS)
        await process.stock.release_stock(f"warm-{number}")
    answers = await asyncio.gather(
        *(processes[n % 2].stock.reserve_stock(f"o-{n}", [line(mug), line(cup)], FAR_MS) for n in range(100)),
        return_exceptions=True,
    )
    served = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert all(isinstance(a, InsufficientStock) for a in answers if isinstance(a, BaseException))
    rows = await cluster.first.rows()
    assert_equation(list(rows.values()))
    # Racing for the last units, some may have been refused that would have fitted; none was half served.
    assert len(served) == 40 - rows[mug.id].stock.available == len(rows[cup.id].holds)


async def test_what_is_remembered_is_never_believed(cluster: Cluster) -> None:
    """Prices, deletions and units that another process changed are those that count."""
    mug, cup = await shelved(cluster.first)
    other = cluster.process()
    await other.stock.reserve_stock("before", [line(mug), line(cup)], FAR_MS)
    await cluster.first.products.update_product(mug.patched({"price_minor": 999}, 0), 1)
    await cluster.first.products.update_product(cup.tombstone(0), 1)
    await cluster.first.stock.adjust_stock(Adjustment(mug.id, -4, "lost", "op-1"))
    with pytest.raises(InsufficientStock) as refusal:
        await other.stock.reserve_stock("o-1", [line(mug), line(cup)], FAR_MS)
    assert [short["available"] for short in refusal.value.members["lines"]] == [0, 0]
    await cluster.first.stock.adjust_stock(Adjustment(mug.id, 4, "found", "op-2"))
    assert (await other.stock.reserve_stock("o-2", [line(mug)], FAR_MS)).lines[0].unit_price_minor == 999


async def test_what_a_process_has_held_it_ships_without_reading(cluster: Cluster) -> None:
    """Though the products have been held for others since, by the same process."""
    mug, cup = await shelved(cluster.first)
    process = cluster.process(db := Read(cluster.keyspace))
    for order_id in ("o-1", "o-2"):
        await process.stock.reserve_stock(order_id, [line(mug), line(cup)], FAR_MS)
    db.read.clear()
    await process.stock.ship_stock("o-1")
    assert "shelves.get" not in db.read
    await process.stock.release_stock("o-2")
    assert "shelves.get" not in db.read
    assert await found(cluster.first, mug, cup) == (Stock(5, 4, 1, 0), Stock(5, 4, 1, 0))


async def test_a_hold_that_another_process_has_ended_is_not_ended_again(cluster: Cluster) -> None:
    """What this process remembers of it is found to be out of date: by the reservation, and by each hold."""
    mug, cup = await shelved(cluster.first)
    process = cluster.process()
    for order_id in ("o-1", "o-2"):
        await process.stock.reserve_stock(order_id, [line(mug), line(cup)], FAR_MS)
    await cluster.first.stock.release_stock("o-1")
    await cluster.first.stock.release_stock("o-2")
    committer = process.stock._committer  # type: ignore[attr-defined]  # as if its step had not been refused
    with pytest.raises(ReservationReleased):
        await committer.submit(cluster.shards.of(mug.id), End("o-2/1", [mug.id], HoldState.SHIPPED))
    with pytest.raises(ReservationReleased):
        await process.stock.ship_stock("o-1")
    assert await found(cluster.first, mug, cup) == (Stock(5, 5, 0, 0), Stock(5, 5, 0, 0))


async def test_a_late_hold_finds_the_marker(cluster: Cluster) -> None:
    """A driver that slept while its order was cancelled holds nothing, though all that it remembers was true."""
    mug, cup = await shelved(cluster.first)
    sleeper = cluster.process()
    await sleeper.stock.reserve_stock("warm", [line(mug)], FAR_MS)
    committer = sleeper.stock._committer  # type: ignore[attr-defined]  # held by hand, as the sleeper would
    opened_at = committer.now()
    await cluster.first.stock.reserve_stock("o-1", [line(mug), line(cup)], FAR_MS)
    await cluster.first.stock.release_stock("o-1")
    with pytest.raises(ReservationReleased):
        await committer.submit(cluster.shards.of(mug.id), Hold("o-1/1", {mug.id: 1}, FAR_MS, opened_at))
    assert (await cluster.first.stock_of(mug)).held == 1


async def test_an_attempt_that_was_short_may_be_made_again(cluster: Cluster) -> None:
    """Markers of the first attempt do not stand in the way of the second one, but of late holds of the first."""
    mug, cup = await shelved(cluster.first, 1)
    await cluster.first.stock.reserve_stock("other", [line(cup)], FAR_MS)
    process = cluster.process(db := Watched(cluster.keyspace))
    await process.stock.reserve_stock("warm", [line(mug)], FAR_MS)
    await process.stock.release_stock("warm")
    # It is held of one shard before the other one is found to be short.
    committer = process.stock._committer  # type: ignore[attr-defined]  # as if it did not know the second product
    committer.cache(cluster.shards.of(cup.id)).forget([(0, cup.id, "")])
    for _ in range(2):
        with pytest.raises(InsufficientStock):
            await process.stock.reserve_stock("o-1", [line(mug), line(cup)], FAR_MS)
    await cluster.first.stock.release_stock("other")
    assert (await process.stock.reserve_stock("o-1", [line(mug), line(cup)], FAR_MS)).state is HELD
    assert await found(cluster.first, mug, cup) == (Stock(1, 0, 0, 0), Stock(1, 0, 0, 0))
    # What the first attempt left would have expired; the second one never does.
    ttls = await cluster.rows(5, "claim, TTL(claim), TTL(attempt), TTL(version), TTL(at_ms), TTL(lines)")
    assert ("HELD", None, None, None, None, None) in ttls
    assert db.writes


async def test_holds_never_expire_and_what_is_left_of_them_does(cluster: Cluster) -> None:
    """Active holds and reservations have no TTL; markers, ended reservations and noted operations have one."""
    mug, cup = await shelved(cluster.first)
    await cluster.first.stock.reserve_stock("held", [line(mug), line(cup)], FAR_MS)
    await cluster.first.stock.reserve_stock("shipped", [line(mug)], FAR_MS)
    await cluster.first.stock.ship_stock("shipped")
    await cluster.first.stock.adjust_stock(Adjustment(mug.id, 1, "found", "op-1"))
    await cluster.first.stock.release_stock("never held")
    assert [ttl for (ttl,) in await cluster.rows(1, "TTL(quantity)")] == [None, None]
    kept = dict(await cluster.rows(5, "claim, TTL(claim)"))
    assert kept["HELD"] is None
    assert 3 * 3600 < kept["RELEASED"] <= 4 * 3600
    assert [ttl for _, ttl in await cluster.rows(5, "claim, TTL(version)")].count(None) == 1
    markers, notes = await cluster.rows(2, "TTL(claim)"), await cluster.rows(3, "TTL(delta)")
    assert 2 * 3600 < markers[0][0] <= 3 * 3600 < kept["SHIPPED"] <= 4 * 3600
    assert 23 * 3600 < notes[0][0] <= 24 * 3600
    assert [ttl for (ttl,) in await cluster.rows(0, "TTL(available)")] == [None, None]


async def test_an_end_is_known_long_after_it_left_its_shelf(cluster: Cluster) -> None:
    """When markers and reservation have expired, a late hold is refused, and the end cannot turn into the other one."""
    mug, _ = await shelved(cluster.first)
    for order_id, end in (
        ("released", cluster.first.stock.release_stock),
        ("shipped", cluster.first.stock.ship_stock),
    ):
        await cluster.first.stock.reserve_stock(order_id, [line(mug)], FAR_MS)
        await end(order_id)
        await cluster.forget(2, mug.id, f"{order_id}/1")
        await cluster.forget(5, order_id, "")
    late = cluster.process()
    for order_id, refusal in (("released", ReservationReleased), ("shipped", ReservationShipped)):
        with pytest.raises(refusal):
            await late.stock.reserve_stock(order_id, [line(mug)], FAR_MS)
    assert (await late.stock.release_stock("released")).state is RELEASED
    await cluster.forget(5, "shipped", "")
    assert (await late.stock.ship_stock("shipped")).state is SHIPPED
    with pytest.raises(ReservationShipped):
        await late.stock.release_stock("shipped")
    await cluster.forget(5, "released", "")
    with pytest.raises(ReservationReleased):
        await late.stock.ship_stock("released")
    assert await cluster.first.stock_of(mug) == Stock(5, 4, 1, 5)


async def test_a_shipment_goes_on_after_its_first_markers_are_gone(cluster: Cluster) -> None:
    """Resumed days later, it sells what is still held, and not again what was sold."""
    mug, cup = await shelved(cluster.first)
    await reserving(cluster.first, mug, cup)
    hint, begin, shard = 1, 1, 1
    with pytest.raises(DatabaseOutcomeUnknown):
        await shipping(cluster.process(CutOff(cluster.keyspace, hint + begin + shard)), mug, cup)
    for product_id, ref in await cluster.rows(2, "id, ref"):
        await cluster.forget(2, product_id, ref)
    assert (await shipping(cluster.process(), mug, cup)).state is SHIPPED  # type: ignore[attr-defined]  # a reservation
    assert await found(cluster.first, mug, cup) == (Stock(5, 3, 2, 0), Stock(5, 4, 1, 0))


async def test_the_sweeper_leaves_what_is_young_or_done(cluster: Cluster) -> None:
    """Only reservations that stopped half way, and long enough ago, are found; by any process, not by one alone."""
    mug, cup = await shelved(cluster.first)
    await cluster.first.stock.reserve_stock("held", [line(mug)], FAR_MS)
    with pytest.raises(DatabaseOutcomeUnknown):
        await reserving(cluster.process(CutOff(cluster.keyspace, 2)), mug, cup)
    for process in (cluster.first, cluster.process()):
        assert await process.stock.list_unfinished(process.clock.now_ms() - 10_000, 10) == []
    cluster.first.clock.advance(11)
    for process in (cluster.first, cluster.process()):
        (left,) = await process.stock.list_unfinished(process.clock.now_ms() - 10_000, 10)
        assert (left.order_id, left.state) == ("o-1", ReservationState.HOLDING)


async def test_who_was_slow_keeps_what_is_held(cluster: Cluster) -> None:
    """Found on its way, held whole before the sweeper came to it: it stays held. Given up first: it is refused."""
    mug, cup = await shelved(cluster.first)
    await cluster.first.stock.reserve_stock("held", [line(mug)], FAR_MS)
    hinted_and_opened = 2
    with pytest.raises(DatabaseOutcomeUnknown):
        await reserving(cluster.process(CutOff(cluster.keyspace, hinted_and_opened)), mug, cup)
    cluster.first.clock.advance(11)
    long_ago_ms, sweeper = cluster.first.clock.now_ms() - 10_000, cluster.process()
    (left,) = await sweeper.stock.list_unfinished(long_ago_ms, 10)
    await reserving(cluster.process(), mug, cup)
    assert await sweeper.stock.finish_reservation(left.order_id, long_ago_ms) is None
    assert [len((await cluster.first.rows())[product.id].holds) for product in (mug, cup)] == [2, 1]
    process = cluster.process(CutOff(cluster.keyspace, hinted_and_opened))
    with pytest.raises(DatabaseOutcomeUnknown):
        await process.stock.reserve_stock("o-2", [line(mug)], FAR_MS)
    cluster.first.clock.advance(11)
    ended = await sweeper.stock.finish_reservation("o-2", cluster.first.clock.now_ms() - 10_000)
    assert ended is not None
    assert ended.state is RELEASED
    with pytest.raises(ReservationReleased):
        await cluster.process().stock.reserve_stock("o-2", [line(mug)], FAR_MS)


async def test_a_product_that_changes_while_it_is_listed_is_read_again(cluster: Cluster) -> None:
    """A row of the books is of one moment; if there is no such moment, that is said."""
    mug, cup = await shelved(cluster.first, 100)
    times = 1

    class Selling(Watched):
        async def pages(self, *query: Any) -> Any:
            nonlocal times
            if times:
                times -= 1
                await cluster.first.stock.reserve_stock(f"o-{times}", [line(mug)], FAR_MS)
            async for page in self._db.pages(*query):
                yield page

    process = cluster.process(Selling(cluster.keyspace))
    rows = await process.rows()
    assert_equation(list(rows.values()))
    assert (len(rows[mug.id].holds), len(rows[cup.id].holds)) == (1, 0)
    times = 99
    with pytest.raises(DatabaseUnavailable):
        await process.rows()


def test_a_reservation_is_named_by_its_attempt() -> None:
    """Holds of one attempt never pass for those of another."""
    first = ReservationRecord("o-1", ReservationState.HOLDING, 1, 1, 0)
    assert first.ref == "o-1/1"
    assert first.moved(ReservationState.WITHDRAWN, 5) == ReservationRecord(
        "o-1", ReservationState.WITHDRAWN, 1, 2, 5
    )
