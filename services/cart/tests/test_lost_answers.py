"""Carts and views on a Cassandra whose answers get lost; collected where STORE_TEST_DATABASE names one."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.cassandra.views import CassandraViewStore
from store_cart.domain.carts import Cart, Ordered
from store_cart.domain.views import View
from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, Statement

from services.cart.tests.fakes import GUEST, LAMP, MUG, USER, line
from services.cart.tests.stores import LIMITS, Carts
from tests.support.services import empty

pytestmark = pytest.mark.anyio

FATES = (["after"], ["before"], ["before", "after"], ["after", "before"], ["before", "before", "after"])


class Killed(Exception):
    """The process has died."""


class Unsure:
    """A keyspace whose conditional writes meet their fates, one after the other.

    `before` and `after` say when the answer is lost; `kill before` and `kill after` when the process dies.
    """

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self.fates: list[str] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    apply_and_resolve = Cassandra.apply_and_resolve

    async def apply(self, name: str, *statements: Statement) -> bool:
        fate = self.fates.pop(0) if self.fates else ""
        error = Killed() if fate.startswith("kill") else DatabaseOutcomeUnknown("lost")
        if fate.endswith("before"):
            raise error
        applied = await self._db.apply(name, *statements)
        if fate.endswith("after"):
            if self.meanwhile:
                await self.meanwhile()
            raise error
        return applied


@pytest.fixture
async def db(keyspace: Cassandra | None) -> Unsure:
    assert keyspace is not None
    await empty(keyspace)
    return Unsure(keyspace)


def carts_on(db: Unsure) -> Carts:
    return Carts(CassandraCartStore(cast("Cassandra", db), LIMITS, 3600))


@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize("fates", FATES, ids=" ".join)
async def test_an_add_counts_once_whatever_becomes_of_the_answers(
    db: Unsure, fates: list[str], key: str | None
) -> None:
    """Lost before or after the write: the shopper is told the truth, and it is in the cart once."""
    carts = carts_on(db)
    db.fates = list(fates)
    change = await carts.add(USER, line(MUG, 2), key)
    assert (change.applied, change.quantity, change.cart.version) == (True, 2, 1)
    assert await carts.read(USER) == Cart(1, [line(MUG, 2, since=1)])


async def test_a_change_is_found_behind_those_of_others(db: Unsure) -> None:
    """Others may write while the answer is missing; the change's own row still proves it."""
    carts, another = carts_on(db), carts_on(Unsure(db._db))
    db.fates = ["after"]

    async def two_more() -> None:
        for _ in range(2):
            await another.add(USER, line(MUG, 10))

    db.meanwhile = two_more
    change = await carts.add(USER, line(MUG, 2))
    assert (change.quantity, change.cart.version) == (2, 1)
    assert await carts.read(USER) == Cart(3, [line(MUG, 22, since=1)])


@pytest.mark.parametrize("fates", FATES, ids=" ".join)
async def test_an_order_is_subtracted_once_whatever_becomes_of_the_answers(
    db: Unsure, fates: list[str]
) -> None:
    """Neither not at all nor twice."""
    carts = carts_on(db)
    await carts.put(USER, line(MUG, 10))
    db.fates = list(fates)
    assert await carts.subtract(USER, "order-1", [Ordered(MUG, 3)], 2) == 2
    assert await carts.subtract(USER, "order-1", [Ordered(MUG, 3)], 2) == 2
    assert await carts.read(USER) == Cart(2, [line(MUG, 7, since=1)])


@pytest.mark.parametrize("fates", FATES, ids=" ".join)
async def test_a_view_is_recorded_whatever_becomes_of_the_answers(db: Unsure, fates: list[str]) -> None:
    """And it is there once."""
    views = CassandraViewStore(cast("Cassandra", db), 3600)
    db.fates = list(fates)
    await views.record_view(USER, View(MUG, 5))
    assert await views.list_views(USER, 10) == [View(MUG, 5)]


STEPS = [
    (writes, f"kill {when}")
    for writes in range(3)
    for when in ("before", "after")
    if (writes, when) != (0, "before")
]


@pytest.mark.parametrize(("writes", "fate"), STEPS)
async def test_a_merge_that_was_broken_off_is_finished_by_the_next_reader(
    db: Unsure, writes: int, fate: str
) -> None:
    """Wherever the process died once it had begun: nothing of the guest's is lost, nothing comes twice."""
    await carts_on(db).replace(GUEST, [line(MUG, 2), line(LAMP, 3)], 1)
    await carts_on(db).put(USER, line(MUG, 1))
    db.fates = ["" for _ in range(writes)] + [fate]
    with pytest.raises(Killed):
        await carts_on(db).merge(GUEST, USER, 2)
    survivor = carts_on(db)
    for _ in range(2):
        cart = await survivor.read(USER)
        assert {found.product_id: found.quantity for found in cart.lines} == {MUG: 3, LAMP: 3}
        assert await survivor.read(GUEST) == Cart(2)
        assert not (await survivor.merge(GUEST, USER, 3)).merged


async def test_a_merge_that_was_finished_late_is_known_as_long_as_the_closed_cart(db: Unsure) -> None:
    """Finished after weeks, when the note that began it is about to expire: it is written again."""
    await carts_on(db).replace(GUEST, [line(MUG, 2)], 1)
    db.fates = ["kill after"]
    with pytest.raises(Killed):
        await carts_on(db).merge(GUEST, USER, 2)
    expired = "DELETE FROM carts WHERE owner = ? AND id = ? IF EXISTS"
    assert await db.apply("carts.expire", (expired, (f"user:{USER.id}", f"merge:{GUEST.id}")))
    assert await carts_on(db).read(USER) == Cart(1, [line(MUG, 2, since=1)])
    assert not (await carts_on(db).merge(GUEST, USER, 3)).merged
    assert await carts_on(db).read(USER) == Cart(1, [line(MUG, 2, since=1)])


async def test_a_merge_that_was_never_begun_leaves_the_guest_alone(db: Unsure) -> None:
    """The guest goes on shopping, and may merge later."""
    await carts_on(db).replace(GUEST, [line(MUG, 2)], 1)
    db.fates = ["kill before"]
    with pytest.raises(Killed):
        await carts_on(db).merge(GUEST, USER, 2)
    assert await carts_on(db).read(USER) == Cart(0)
    await carts_on(db).put(GUEST, line(LAMP, 1))
    assert (await carts_on(db).merge(GUEST, USER, 3)).cart.item_count == 3


@pytest.mark.parametrize("fates", FATES, ids=" ".join)
@pytest.mark.parametrize("writes", range(3))
async def test_a_merge_counts_once_whatever_becomes_of_the_answers(
    db: Unsure, writes: int, fates: list[str]
) -> None:
    """In each of its three writes."""
    carts = carts_on(db)
    await carts.replace(GUEST, [line(MUG, 2)], 1)
    db.fates = ["" for _ in range(writes)] + fates
    report = await carts.merge(GUEST, USER, 2)
    assert (report.merged, report.cart.item_count) == (True, 2)
    assert await carts.read(USER) == Cart(1, [line(MUG, 2, since=1)])
