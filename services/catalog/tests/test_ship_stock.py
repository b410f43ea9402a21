"""Orders that are shipped together do not share their troubles."""

import pytest
from store_catalog.domain import OrderId, Reservation, ReservationState
from store_catalog.problems import ReservationReleased
from store_catalog.use_cases import ShipStock
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable

pytestmark = pytest.mark.anyio
TROUBLES = {
    "away": DatabaseUnavailable(),
    "broken": ValueError("a fault of ours"),
    "gone": ReservationReleased(),
    "in doubt": DatabaseOutcomeUnknown(),
}


async def ship(order_id: OrderId) -> Reservation:
    """Ship an order, unless it is one of those in trouble."""
    if order_id in TROUBLES:
        raise TROUBLES[order_id]
    return Reservation(order_id, ReservationState.SHIPPED)


async def test_each_order_is_answered_for_itself() -> None:
    """What could not be told of one is under way; the others are sold, and said to be."""
    ends = await ShipStock(ship)(["o-1", "away", "o-2", "broken", "gone"])
    assert [end.state for end in ends] == ["SHIPPED", "SHIPPING", "SHIPPED", "SHIPPING", "RELEASED"]


async def test_when_none_could_be_shipped_that_is_the_answer() -> None:
    """A database that is away looks like one: the caller's circuit and its pauses are for that."""
    with pytest.raises(DatabaseUnavailable):
        await ShipStock(ship)(["away", "broken"])


async def test_a_fault_of_ours_is_logged_whatever_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """The answer names one trouble only."""
    with pytest.raises(DatabaseOutcomeUnknown):
        await ShipStock(ship)(["broken", "in doubt"])
    assert "a fault of ours" in caplog.text


async def test_when_one_of_them_may_be_shipped_nobody_hears_that_none_was() -> None:
    """That nothing was changed would be true of the first order only."""
    with pytest.raises(DatabaseOutcomeUnknown):
        await ShipStock(ship)(["away", "in doubt"])
