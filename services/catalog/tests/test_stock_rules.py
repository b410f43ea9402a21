from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_catalog.domain.reservations import Line, ReservationState, refuse_end, short_of
from store_catalog.domain.stock import MAX_UNITS, HoldState, Stock, adjust, crossed, hold, release, ship
from store_catalog.problems import ReservationReleased, ReservationShipped, StockAboveLimit, StockBelowZero

SHELF = Stock(received=10, available=7, sold=1, version=4)
UNITS = st.integers(0, 1_000)


def test_a_hold_takes_from_what_is_available() -> None:
    """Held units leave `available`, and the version grows."""
    assert hold(SHELF, None, 7) == Stock(10, 0, 1, 5)


def test_more_than_is_available_is_not_held() -> None:
    """A hold of one unit too many is refused."""
    assert hold(SHELF, None, 8) is None


def test_a_hold_that_exists_is_not_taken_twice() -> None:
    """A repeated hold changes nothing, whatever quantity it names."""
    assert hold(SHELF, HoldState.HELD, 99) == SHELF


@pytest.mark.parametrize(
    ("claim", "problem"), [(HoldState.RELEASED, ReservationReleased), (HoldState.SHIPPED, ReservationShipped)]
)
def test_a_marker_refuses_a_late_hold(claim: HoldState, problem: type[Exception]) -> None:
    """Nothing is held for an order that has ended."""
    with pytest.raises(problem):
        hold(SHELF, claim, 1)


def test_releasing_gives_back_and_shipping_sells() -> None:
    """A hold of two becomes available again, or sold."""
    assert release(SHELF, HoldState.HELD, 2) == Stock(10, 9, 1, 5)
    assert ship(SHELF, HoldState.HELD, 2) == Stock(10, 7, 3, 5)


def test_releasing_without_a_hold_still_grows_the_version() -> None:
    """A late hold that decided by the old version fails its compare-and-set and finds the marker."""
    assert release(SHELF, None, 2) == Stock(10, 7, 1, 5)


def test_a_repeated_end_changes_nothing() -> None:
    """Releasing a released and shipping a shipped order are answered without an effect."""
    assert release(SHELF, HoldState.RELEASED, 2) == SHELF
    assert ship(SHELF, HoldState.SHIPPED, 2) == SHELF


def test_ends_exclude_each_other() -> None:
    """A shipped order cannot be released, a released one or none at all cannot be shipped."""
    with pytest.raises(ReservationShipped):
        release(SHELF, HoldState.SHIPPED, 2)
    for claim in (HoldState.RELEASED, None):
        with pytest.raises(ReservationReleased):
            ship(SHELF, claim, 2)


def test_an_adjustment_moves_received_and_available_together() -> None:
    """Receiving and writing off change both, and nothing else."""
    assert adjust(SHELF, 5) == Stock(15, 12, 1, 5)
    assert adjust(SHELF, -7) == Stock(3, 0, 1, 5)


def test_an_adjustment_cannot_take_held_or_sold_units() -> None:
    """Available stock never falls below zero; the refusal says what there is."""
    with pytest.raises(StockBelowZero) as refusal:
        adjust(SHELF, -8)
    assert refusal.value.members == {"available": 7}


def test_an_adjustment_cannot_count_beyond_the_limit() -> None:
    """What was ever received stays within what the shop counts."""
    with pytest.raises(StockAboveLimit):
        adjust(SHELF, MAX_UNITS)


@given(UNITS, UNITS, UNITS, st.integers(1, 1_000), st.sampled_from([hold, release, ship]))
def test_every_rule_keeps_the_equation(
    available: int, held: int, sold: int, quantity: int, rule: Callable[..., Stock | None]
) -> None:
    """Whatever a rule does to an order's hold, received = available + holds + sold."""
    before = Stock(available + held + quantity + sold, available, sold, 1)
    after = rule(before, None if rule is hold else HoldState.HELD, quantity)
    if after is not None:
        assert after.held == before.held + (quantity if rule is hold else -quantity)
        assert min(after.available, after.sold, after.held) >= 0
        assert after.received == before.received


def test_only_the_step_to_or_from_zero_is_announced() -> None:
    """A product crosses when it goes in or out of stock, not when it sells."""
    assert [crossed(*step) for step in ((0, 3), (3, 0), (3, 2), (0, 0))] == [True, True, False, False]


@pytest.mark.parametrize(
    ("state", "can_release", "can_ship"),
    [
        (None, True, False),
        (ReservationState.HOLDING, True, False),
        (ReservationState.HELD, True, True),
        (ReservationState.RELEASING, True, False),
        (ReservationState.RELEASED, True, False),
        (ReservationState.SHIPPING, False, True),
        (ReservationState.SHIPPED, False, True),
    ],
)
def test_a_reservation_ends_one_way(
    state: ReservationState | None, *, can_release: bool, can_ship: bool
) -> None:
    """A passing state can only come to the end it is on its way to."""
    for end, allowed in ((ReservationState.RELEASED, can_release), (ReservationState.SHIPPED, can_ship)):
        if allowed:
            refuse_end(state, end)
        else:
            with pytest.raises((ReservationReleased, ReservationShipped)):
                refuse_end(state, end)


def test_a_refusal_names_the_lines_that_are_short() -> None:
    """The refusal of an order says how much there is; of an unknown product there is none."""
    refusal = short_of([Line("a", 5), Line("b", 2), Line("c", 1)], {"a": 4, "b": 2})
    assert refusal.members["lines"] == [
        {"product_id": "a", "requested": 5, "available": 4},
        {"product_id": "c", "requested": 1, "available": 0},
    ]
