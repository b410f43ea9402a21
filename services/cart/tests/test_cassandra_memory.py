"""What a process remembers of carts in Cassandra saves reads, and is never believed where others came between."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.problems import CartChanged, QuantityLimit
from store_kit.cassandra.keyspace import Cassandra, Row, Statement

from services.cart.tests.fakes import GUEST, LAMP, MUG, USER, line
from services.cart.tests.stores import LIMITS, Carts
from tests.support.services import empty

pytestmark = pytest.mark.anyio


class Counted:
    """A keyspace that counts what is asked of it."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self.asked: Counter[str] = Counter()
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    one = Cassandra.one
    apply_and_resolve = Cassandra.apply_and_resolve

    async def apply(self, operation: str, *statements: Statement) -> bool:
        applied = await self._db.apply(operation, *statements)
        self.lost += not applied
        return applied

    async def all(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, serial: bool = False
    ) -> list[Row]:
        self.asked[operation] += 1
        return await self._db.all(operation, cql, params, serial=serial)


@pytest.fixture
async def db(keyspace: Cassandra | None) -> Counted:
    assert keyspace is not None
    await empty(keyspace)
    return Counted(keyspace)


def carts_on(db: Counted) -> Carts:
    return Carts(CassandraCartStore(cast("Cassandra", db), LIMITS, 3600))


@pytest.mark.parametrize("owner", [USER, GUEST])
async def test_a_process_changes_a_cart_that_it_wrote_without_reading_it(db: Counted, owner: Any) -> None:
    """Adding, with a key too, setting and removing."""
    carts = carts_on(db)
    await carts.add(owner, line(MUG, 1))
    db.asked.clear()
    await carts.add(owner, line(MUG, 2))
    await carts.add(owner, line(MUG, 4), "key")
    await carts.put(owner, line(LAMP, 1))
    await carts.remove(owner, LAMP, 2)
    assert db.asked == {}
    assert (await carts.read(owner)).lines == [line(MUG, 7, since=1)]


async def test_an_order_takes_a_cart_that_was_read_before_without_reading_it_again(db: Counted) -> None:
    """The one read is that of the order's lines; a second order of that version is refused all the same."""
    await carts_on(db).put(USER, line(MUG, 2))
    carts = carts_on(db)
    version = (await carts.read(USER)).version
    db.asked.clear()
    assert await carts.take(USER, "order-1", version, 2) == version + 1
    assert db.asked == {}
    with pytest.raises(CartChanged):
        await carts.take(USER, "order-2", version, 2)


async def test_changes_of_two_processes_all_count(db: Counted) -> None:
    """Each remembers a cart that the other has changed since."""
    one, another = carts_on(db), carts_on(db)
    for _ in range(3):
        await one.add(USER, line(MUG, 1))
        await another.add(USER, line(MUG, 10))
    assert (await one.read(USER)).lines == [line(MUG, 33, since=1)]


async def test_processes_that_take_turns_at_a_cart_read_it(db: Counted) -> None:
    """Each finds out once that it is not alone, and tries no more in vain; once it is alone again it stops reading."""
    one, another = carts_on(db), carts_on(db)
    for _ in range(2):
        await one.add(USER, line(MUG, 1))
        await another.add(USER, line(MUG, 1))
    db.asked.clear()
    db.lost = 0
    for _ in range(3):
        await one.add(USER, line(MUG, 1))
        await another.add(USER, line(MUG, 1))
    assert (db.asked, db.lost) == ({"carts.look": 6}, 0)
    for _ in range(2):
        await one.add(USER, line(MUG, 1))
    db.asked.clear()
    await one.add(USER, line(MUG, 1))
    assert db.asked == {}


async def test_a_key_that_was_counted_by_another_process_does_not_count_again(db: Counted) -> None:
    """Nobody looked for it, but its row is there."""
    one, another = carts_on(db), carts_on(db)
    await one.add(USER, line(MUG, 1))
    assert (await another.add(USER, line(MUG, 2), "key")).applied
    await one.read(USER)
    assert not (await one.add(USER, line(MUG, 2), "key")).applied
    assert (await one.read(USER)).lines == [line(MUG, 3, since=1)]


async def test_a_refusal_rests_on_the_cart_as_it_is_now(db: Counted) -> None:
    """What was full, as far as is remembered, has been emptied by another process."""
    one, another = carts_on(db), carts_on(db)
    await one.put(USER, line(MUG, LIMITS.max_quantity))
    await another.put(USER, line(MUG, 1))
    assert (await one.add(USER, line(MUG, 1))).quantity == 2
    await another.put(USER, line(MUG, LIMITS.max_quantity))
    with pytest.raises(QuantityLimit):
        await one.add(USER, line(MUG, 1))


async def test_what_seems_to_change_nothing_is_looked_at_again(db: Counted) -> None:
    """A line that is not there, as far as is remembered, was added by another process."""
    one, another = carts_on(db), carts_on(db)
    await one.put(USER, line(MUG, 1))
    await another.put(USER, line(LAMP, 1))
    assert (await one.remove(USER, LAMP, 2)).applied
    assert [found.product_id for found in (await one.read(USER)).lines] == [MUG]


async def test_an_order_that_gave_its_lines_back_elsewhere_takes_nothing(db: Counted) -> None:
    """Though its process has just read the cart, and looks for no earlier claim."""
    one, another = carts_on(db), carts_on(db)
    await one.put(USER, line(MUG, 1))
    await another.give_back(USER, "order-1", 2)
    version = (await one.read(USER)).version
    with pytest.raises(CartChanged):
        await one.take(USER, "order-1", version, 3)
    assert (await one.read(USER)).lines == [line(MUG, 1, since=1)]
