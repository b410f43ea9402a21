"""What a group of operations on one shard comes to, without any database."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_catalog.adapters.cassandra_kept import Kept, State, ending, moving, opening, refusing
from store_catalog.adapters.cassandra_operations import Adjust, Draft, End, Hold, Short, Step, Taken
from store_catalog.adapters.cassandra_shelf import HOLD, MARKER, OPERATION, PRODUCT, Facts, Goods, Held, Key
from store_catalog.domain import Adjustment, Claim, ReservedLine, Stock
from store_catalog.problems import ReservationExpired, ReservationReleased, ReservationShipped
from store_kit.problems import Problem

MUG = Goods("M", "Mug", 250, 1, deleted=False, stock=Stock(5, 5, 0, 1))
NOW_MS, FAR_MS = 1_000, 9_999
SHARD = 7_777_777
Row = tuple[int, str, str]


def draft(**goods: Goods) -> Draft:
    """Return a draft on products of which nothing is held."""
    return Draft(Facts(goods=dict(goods)), NOW_MS)


def rows(drafted: Draft) -> list[Row]:
    """Return the key of each statement of a batch, by where the schema has it."""
    found = []
    for cql, params in drafted.statements(SHARD):
        names = cql.split("WHERE")[1] if "WHERE" in cql else cql
        kind = next(
            number for number in range(6) if f"kind = {number}" in names or f"(?, {number}, ?" in names
        )
        about = params[params.index(SHARD) + 1]
        found.append(
            (kind, about, params[params.index(SHARD) + 2] if kind in (HOLD, MARKER, OPERATION) else "")
        )
    return found


def decided(drafted: Draft, operation: Hold | End | Adjust | Step) -> Any:
    try:
        return operation.decide(drafted)
    except Problem as refusal:
        return type(refusal)


def test_the_last_unit_goes_to_the_first_of_a_group() -> None:
    """Operations of a group see what those before them did; all of it is one change of the product."""
    drafted = draft(mug=replace(MUG, stock=Stock(1, 1, 0, 1)))
    first = Hold("a/1", {"mug": 1}, FAR_MS, 0).decide(drafted)
    assert first == Taken((ReservedLine("mug", "M", "Mug", 1, 250),), ("mug",))
    assert Hold("b/1", {"mug": 1}, FAR_MS, 0).decide(drafted) == Short({"mug": 0})
    assert rows(drafted) == [(PRODUCT, "mug", ""), (HOLD, "mug", "a/1")]
    assert drafted.announcements() == [("mug", 0, 2)]


def test_a_hold_of_which_one_line_is_short_changes_nothing() -> None:
    """All of it or nothing; what there is of each is told."""
    drafted = draft(mug=MUG, gone=replace(MUG, deleted=True))
    assert Hold("a/1", {"mug": 5, "gone": 1, "none": 1}, FAR_MS, 0).decide(drafted) == Short(
        {"mug": 5, "gone": 0, "none": 0}
    )
    assert drafted.statements(SHARD) == []


def test_held_and_given_back_in_one_group_leaves_a_marker() -> None:
    """No row is both written and deleted in one batch: they would not come in an order."""
    drafted = draft(mug=MUG)
    Hold("a/1", {"mug": 2}, FAR_MS, 0).decide(drafted)
    assert End("a/1", ("mug",), Claim.RELEASED).decide(drafted) == ()
    assert rows(drafted) == [(PRODUCT, "mug", ""), (MARKER, "mug", "a/1")]
    assert drafted.goods["mug"].stock == Stock(5, 5, 0, 3)
    assert drafted.announcements() == []


@pytest.mark.parametrize(
    ("claim", "refusal"), [(Claim.RELEASED, ReservationReleased), (Claim.SHIPPED, ReservationShipped)]
)
def test_a_marker_refuses_a_hold(claim: Claim, refusal: type[Problem]) -> None:
    """Whatever is available."""
    drafted = Draft(Facts(goods={"mug": MUG}, held={("mug", "a/1"): Held(claim)}), NOW_MS)
    assert decided(drafted, Hold("a/1", {"mug": 1}, FAR_MS, 0)) is refusal
    assert drafted.statements(SHARD) == []


def test_a_hold_that_is_there_is_not_late() -> None:
    """Only a new one can be; the time is that after the rows were read."""
    drafted = Draft(Facts(goods={"mug": MUG}, held={("mug", "a/1"): Held(Claim.HELD, 1)}), NOW_MS)
    assert isinstance(Hold("a/1", {"mug": 1}, NOW_MS - 1, 0).decide(drafted), Taken)
    assert decided(drafted, Hold("b/1", {"mug": 1}, NOW_MS - 1, 0)) is ReservationExpired
    assert isinstance(Hold("b/1", {"mug": 1}, NOW_MS, 0).decide(drafted), Taken)


def test_shipping_what_is_no_longer_held_changes_nothing() -> None:
    """It was sold so long ago that its marker is gone; releasing leaves a marker all the same."""
    drafted = draft(mug=MUG)
    assert End("a/1", ("mug", "none"), Claim.SHIPPED).decide(drafted) == ()
    assert drafted.statements(SHARD) == []
    End("a/1", ("mug", "none"), Claim.RELEASED).decide(drafted)
    assert rows(drafted) == [(PRODUCT, "mug", ""), (MARKER, "mug", "a/1")]
    assert drafted.goods["mug"].stock == Stock(5, 5, 0, 2)


def test_one_adjustment_twice_in_a_group_counts_once() -> None:
    """The second one is answered like the first."""
    drafted = draft(mug=MUG)
    delivery = Adjustment("mug", 10, "delivery", "op-1")
    first, second = Adjust(delivery).decide(drafted), Adjust(delivery).decide(drafted)
    assert first.stock == second.stock == Stock(15, 15, 0, 2)
    assert rows(drafted) == [(PRODUCT, "mug", ""), (OPERATION, "mug", "op-1")]


def test_a_reservation_takes_its_steps_one_after_the_other() -> None:
    """Each from the state before it; a step that finds another one changes nothing."""
    drafted = Draft(Facts(), NOW_MS)
    lines = (ReservedLine("mug", "M", "Mug", 1, 250),)
    opened, was_opened = Step("a", opening("a", lines, FAR_MS)).decide(drafted)
    assert was_opened
    assert opened == Kept("a", State.HOLDING, 1, 1, NOW_MS, lines)
    assert Step("a", opening("a", lines, FAR_MS)).decide(drafted) == (opened, False)
    assert Step("a", moving(2, (State.HOLDING, State.HELD))).decide(drafted) == (opened, False)
    held, _ = Step("a", moving(1, (State.HOLDING, State.HELD))).decide(drafted)
    assert held == Kept("a", State.HELD, 1, 2, NOW_MS, lines)
    assert Step("a", refusing("a")).decide(drafted) == (held, False)
    assert decided(drafted, Step("b", ending(State.SHIPPED))) == (None, False)
    shipping, _ = Step("a", ending(State.SHIPPED)).decide(drafted)
    assert shipping == Kept("a", State.SHIPPING, 1, 3, NOW_MS, lines)
    assert decided(drafted, Step("a", ending(State.RELEASED))) is ReservationShipped
    shipped, _ = Step("a", moving(1, (State.SHIPPING, State.SHIPPED))).decide(drafted)
    assert shipped == Kept("a", State.SHIPPED, 1, 4, NOW_MS)
    assert len(drafted.statements(SHARD)) == 1


def test_a_withdrawn_attempt_is_followed_by_another() -> None:
    """With a number of its own, unless it would come too late."""
    withdrawn = Kept("a", State.WITHDRAWN, 1, 3, 0)
    drafted = Draft(Facts(kept={"a": withdrawn}), NOW_MS)
    assert decided(drafted, Step("a", opening("a", (), NOW_MS - 1))) is ReservationExpired
    again, _ = Step("a", opening("a", (), FAR_MS)).decide(drafted)
    assert (again and again.attempt, again and again.version) == (2, 4)


ORDERS, PRODUCTS = st.sampled_from(["a/1", "b/1", "c/1"]), st.sampled_from(["mug", "cup", "none"])
OPERATIONS = st.one_of(
    st.builds(
        Hold, ORDERS, st.dictionaries(PRODUCTS, st.integers(1, 4), min_size=1), st.just(FAR_MS), st.just(0)
    ),
    st.builds(End, ORDERS, st.lists(PRODUCTS, min_size=1, unique=True), st.sampled_from([Claim.RELEASED])),
    st.builds(End, ORDERS, st.lists(PRODUCTS, min_size=1, unique=True), st.sampled_from([Claim.SHIPPED])),
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
    held = {("mug", "b/1"): Held(Claim.HELD, 2), ("cup", "c/1"): Held(Claim.RELEASED)}
    goods = {"mug": replace(MUG, stock=Stock(5, 3, 0, 1)), "cup": MUG}
    drafted = Draft(Facts(goods=goods, held=held), NOW_MS)
    for operation in operations:
        decided(drafted, operation)
    named: Counter[Key] = Counter(rows(drafted))
    assert not [row for row, times in named.items() if times > 1]
    for product_id, now in drafted.goods.items():
        active = sum(h.quantity for (about, _), h in drafted.held.items() if about == product_id)
        assert now.stock.received == now.stock.available + active + now.stock.sold
        assert min(now.stock.received, now.stock.available, now.stock.sold) >= 0
        touched = any(row[1] == product_id for row in named)
        assert touched == ((PRODUCT, product_id, "") in named)
