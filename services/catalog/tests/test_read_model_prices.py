"""Counts of prices: the same as counting."""

from hypothesis import given
from hypothesis import strategies as st
from store_catalog.adapters.read_model.prices import PriceCounts
from store_catalog.domain.products import MAX_PRICE_MINOR

PRICES = st.one_of(st.integers(0, 300), st.integers(0, MAX_PRICE_MINOR))
BOUND = st.none() | PRICES


@given(st.lists(PRICES, max_size=60), st.data(), BOUND, BOUND)
def test_a_range_of_prices_has_as_many_as_one_counts(
    prices: list[int], data: st.DataObject, lowest: int | None, highest: int | None
) -> None:
    """Whatever came and went, both ends belong to the range, an end that is left open has no bound."""
    counts = PriceCounts()
    for price in prices:
        counts.add(price, 1)
    gone = data.draw(st.lists(st.sampled_from(range(len(prices))), unique=True)) if prices else []
    for index in gone:
        counts.add(prices[index], -1)
    left = [price for index, price in enumerate(prices) if index not in gone]
    expected = [p for p in left if (lowest is None or p >= lowest) and (highest is None or p <= highest)]
    assert counts.within(lowest, highest) == len(expected)
    assert counts.total == len(left)


def test_what_is_gone_leaves_nothing_behind() -> None:
    """A price that comes and goes takes no memory in the end."""
    counts = PriceCounts()
    for price in (0, 1, 15, 16, MAX_PRICE_MINOR):
        counts.add(price, 2)
        counts.add(price, -2)
    assert not any(counts._levels)
