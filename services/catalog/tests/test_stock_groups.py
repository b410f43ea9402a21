"""What a group of operations on one shard comes to, without any database."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_catalog.adapters.cassandra.committer import ShardCache
from store_catalog.adapters.cassandra.operations import Adjust, ChangeSet, End, Hold, Short, Step, Taken
from store_catalog.adapters.cassandra.shard_rows import (
    HOLD,
    MARKER,
    OPERATION,
    PRODUCT,
    HoldRow,
    Key,
    ProductRow,
    Snapshot,
    statements_of,
)
from store_catalog.domain.reservations import (
    ReservationRecord,
    ReservationState,
    ReservedLine,
    begin,
    begin_end,
    begin_refusal,
    transition,
)
from store_catalog.domain.stock import Adjustment, HoldState, Stock
from store_catalog.problems import ReservationExpired, ReservationReleased, ReservationShipped
from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.problems import Problem

MUG = ProductRow("M", "Mug", 250, 1, deleted=False, stock=Stock(5, 5, 0, 1))
NOW_MS, FAR_MS = 1_000, 9_999
SHARD = 7_777_777
Row = tuple[int, str, str]


def changes_to(**products: ProductRow) -> ChangeSet:
    """Return a changes_to on products of which nothing is held."""
    return ChangeSet(Snapshot(products=dict(products)), NOW_MS)


def batch(changes: ChangeSet) -> list[Statement]:
    """Return the batch that writes the changes."""
    return statements_of(SHARD, changes.found, changes, changes.changed)


def rows(changes: ChangeSet) -> list[Row]:
    """Return the key of each statement of a batch, by where the schema has it."""
    found = []
    for cql, params in batch(changes):
        names = cql.split("WHERE")[1] if "WHERE" in cql else cql
        kind = next(
            number for number in range(6) if f"kind = {number}" in names or f"(?, {number}, ?" in names
        )
        about = params[params.index(SHARD) + 1]
        found.append(
            (kind, about, params[params.index(SHARD) + 2] if kind in (HOLD, MARKER, OPERATION) else "")
        )
    return found


def decided(changes: ChangeSet, operation: Hold | End | Adjust | Step) -> Any:
    try:
        return operation.decide(changes)
    except Problem as refusal:
        return type(refusal)


def test_the_last_unit_goes_to_the_first_of_a_group() -> None:
    """Operations of a group see what those before them did; all of it is one change of the product."""
    changes = changes_to(mug=replace(MUG, stock=Stock(1, 1, 0, 1)))
    first = Hold("a/1", {"mug": 1}, FAR_MS, 0).decide(changes)
    assert first == Taken((ReservedLine("mug", "M", "Mug", 1, 250),), ("mug",))
    assert Hold("b/1", {"mug": 1}, FAR_MS, 0).decide(changes) == Short({"mug": 0})
    assert rows(changes) == [(PRODUCT, "mug", ""), (HOLD, "mug", "a/1")]
    assert changes.announcements() == [("mug", 0, 2)]


def test_a_hold_of_which_one_line_is_short_changes_nothing() -> None:
    """All of it or nothing; what there is of each is told."""
    changes = changes_to(mug=MUG, gone=replace(MUG, deleted=True))
    assert Hold("a/1", {"mug": 5, "gone": 1, "none": 1}, FAR_MS, 0).decide(changes) == Short(
        {"mug": 5, "gone": 0, "none": 0}
    )
    assert batch(changes) == []


def test_held_and_given_back_in_one_group_leaves_a_marker() -> None:
    """No row is both written and deleted in one batch: they would not come in an order."""
    changes = changes_to(mug=MUG)
    Hold("a/1", {"mug": 2}, FAR_MS, 0).decide(changes)
    assert End("a/1", ("mug",), HoldState.RELEASED).decide(changes) == ()
    assert rows(changes) == [(PRODUCT, "mug", ""), (MARKER, "mug", "a/1")]
    assert changes.products["mug"].stock == Stock(5, 5, 0, 3)
    assert changes.announcements() == []


@pytest.mark.parametrize(
    ("claim", "refusal"), [(HoldState.RELEASED, ReservationReleased), (HoldState.SHIPPED, ReservationShipped)]
)
def test_a_marker_refuses_a_hold(claim: HoldState, refusal: type[Problem]) -> None:
    """Whatever is available."""
    changes = ChangeSet(Snapshot(products={"mug": MUG}, holds={("mug", "a/1"): HoldRow(claim)}), NOW_MS)
    assert decided(changes, Hold("a/1", {"mug": 1}, FAR_MS, 0)) is refusal
    assert batch(changes) == []


def test_a_hold_that_is_there_is_not_late() -> None:
    """Only a new one can be; the time is that after the rows were read."""
    changes = ChangeSet(
        Snapshot(products={"mug": MUG}, holds={("mug", "a/1"): HoldRow(HoldState.HELD, 1)}), NOW_MS
    )
    assert isinstance(Hold("a/1", {"mug": 1}, NOW_MS - 1, 0).decide(changes), Taken)
    assert decided(changes, Hold("b/1", {"mug": 1}, NOW_MS - 1, 0)) is ReservationExpired
    assert isinstance(Hold("b/1", {"mug": 1}, NOW_MS, 0).decide(changes), Taken)


def test_shipping_what_is_no_longer_held_changes_nothing() -> None:
    """It was sold so long ago that its marker is gone; releasing leaves a marker all the same."""
    changes = changes_to(mug=MUG)
    assert End("a/1", ("mug", "none"), HoldState.SHIPPED).decide(changes) == ()
    assert batch(changes) == []
    End("a/1", ("mug", "none"), HoldState.RELEASED).decide(changes)
    assert rows(changes) == [(PRODUCT, "mug", ""), (MARKER, "mug", "a/1")]
    assert changes.products["mug"].stock == Stock(5, 5, 0, 2)


def test_one_adjustment_twice_in_a_group_counts_once() -> None:
    """The second one is answered like the first."""
    changes = changes_to(mug=MUG)
    delivery = Adjustment("mug", 10, "delivery", "op-1")
    first, second = Adjust(delivery).decide(changes), Adjust(delivery).decide(changes)
    assert first.stock == second.stock == Stock(15, 15, 0, 2)
    assert rows(changes) == [(PRODUCT, "mug", ""), (OPERATION, "mug", "op-1")]


def test_a_reservation_takes_its_steps_one_after_the_other() -> None:
    """Each from the state before it; a step that finds another one changes nothing."""
    changes = ChangeSet(Snapshot(), NOW_MS)
    lines = (ReservedLine("mug", "M", "Mug", 1, 250),)
    opened, was_opened = Step("a", begin("a", lines, FAR_MS)).decide(changes)
    assert was_opened
    assert opened == ReservationRecord("a", ReservationState.HOLDING, 1, 1, NOW_MS, lines)
    assert Step("a", begin("a", lines, FAR_MS)).decide(changes) == (opened, False)
    assert Step("a", transition(2, ReservationState.HOLDING, ReservationState.HELD)).decide(changes) == (
        opened,
        False,
    )
    held, _ = Step("a", transition(1, ReservationState.HOLDING, ReservationState.HELD)).decide(changes)
    assert held == ReservationRecord("a", ReservationState.HELD, 1, 2, NOW_MS, lines)
    assert Step("a", begin_refusal("a")).decide(changes) == (held, False)
    assert decided(changes, Step("b", begin_end(ReservationState.SHIPPED))) == (None, False)
    shipping, _ = Step("a", begin_end(ReservationState.SHIPPED)).decide(changes)
    assert shipping == ReservationRecord("a", ReservationState.SHIPPING, 1, 3, NOW_MS, lines)
    assert decided(changes, Step("a", begin_end(ReservationState.RELEASED))) is ReservationShipped
    shipped, _ = Step("a", transition(1, ReservationState.SHIPPING, ReservationState.SHIPPED)).decide(changes)
    assert shipped == ReservationRecord("a", ReservationState.SHIPPED, 1, 4, NOW_MS)
    assert len(batch(changes)) == 1


def test_a_withdrawn_attempt_is_followed_by_another() -> None:
    """With a number of its own, unless it would come too late."""
    withdrawn = ReservationRecord("a", ReservationState.WITHDRAWN, 1, 3, 0)
    changes = ChangeSet(Snapshot(reservations={"a": withdrawn}), NOW_MS)
    assert decided(changes, Step("a", begin("a", (), NOW_MS - 1))) is ReservationExpired
    again, _ = Step("a", begin("a", (), FAR_MS)).decide(changes)
    assert (again and again.attempt, again and again.version) == (2, 4)


ORDERS, PRODUCTS = st.sampled_from(["a/1", "b/1", "c/1"]), st.sampled_from(["mug", "cup", "none"])
OPERATIONS = st.one_of(
    st.builds(
        Hold, ORDERS, st.dictionaries(PRODUCTS, st.integers(1, 4), min_size=1), st.just(FAR_MS), st.just(0)
    ),
    st.builds(
        End, ORDERS, st.lists(PRODUCTS, min_size=1, unique=True), st.sampled_from([HoldState.RELEASED])
    ),
    st.builds(End, ORDERS, st.lists(PRODUCTS, min_size=1, unique=True), st.sampled_from([HoldState.SHIPPED])),
    st.builds(
        Adjust,
        st.builds(
            Adjustment, PRODUCTS, st.integers(-3, 3), st.just("count"), st.sampled_from(["op-1", "op-2"])
        ),
    ),
)


@given(st.lists(OPERATIONS, max_size=12))
def test_no_group_breaks_the_books(operations: Sequence[Hold | End | Adjust]) -> None:
    """Whatever a group does: every row is named once, units are conserved, and only read products are changed."""
    held = {("mug", "b/1"): HoldRow(HoldState.HELD, 2), ("cup", "c/1"): HoldRow(HoldState.RELEASED)}
    goods = {"mug": replace(MUG, stock=Stock(5, 3, 0, 1)), "cup": MUG}
    changes = ChangeSet(Snapshot(products=goods, holds=held), NOW_MS)
    for operation in operations:
        decided(changes, operation)
    named: Counter[Key] = Counter(rows(changes))
    assert not [row for row, times in named.items() if times > 1]
    for product_id, now in changes.products.items():
        active = sum(h.quantity for (about, _), h in changes.holds.items() if about == product_id)
        assert now.stock.received == now.stock.available + active + now.stock.sold
        assert min(now.stock.received, now.stock.available, now.stock.sold) >= 0
        touched = any(row[1] == product_id for row in named)
        assert touched == ((PRODUCT, product_id, "") in named)


class Asked:
    """A keyspace that has nothing, and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    async def all(self, *_args: object, **_how: object) -> list[Any]:
        self.times += 1
        return []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("state", "lines", "asked"),
    [
        (ReservationState.HOLDING, 2, 0),
        (ReservationState.HELD, 2, 0),
        (ReservationState.HELD, 3, 1),
        (ReservationState.SHIPPED, 1, 1),
    ],
)
async def test_reservations_that_hold_goods_are_remembered_up_to_so_many_lines(
    state: ReservationState, lines: int, asked: int
) -> None:
    """One that is larger than the memory, or that has ended, is read when somebody asks for it."""
    db = Asked()
    cache = ShardCache(cast("Cassandra", db), SHARD, itertools.count(1), 3)
    changes = changes_to()
    line = ReservedLine("mug", "M", "Mug", 1, 250)
    changes.set_reservation(ReservationRecord("o-1", state, 1, 1, NOW_MS, (line,) * lines))
    cache.remember(changes)
    snapshot = await cache.snapshot([Step("o-1", begin_end(ReservationState.SHIPPED))])
    assert ("o-1" in snapshot.reservations, db.times) == (not asked, asked)
