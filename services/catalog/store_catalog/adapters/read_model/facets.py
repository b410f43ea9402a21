"""The catalogue's counts, kept up to date instead of counted."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from store_catalog.adapters.read_model.prices import PriceCounts
from store_catalog.adapters.read_model.rows import category_key
from store_catalog.adapters.read_model.text import name_key
from store_catalog.adapters.read_model.writer import CATEGORY_STEP, STOCK_BIT, Applied, Category
from store_catalog.domain import PRICE_STEPS_MINOR, Availability, CategoryCount, Facets, PriceRange

_STARTS: Final = (0, *PRICE_STEPS_MINOR)
_ENDS: Final = (*(step - 1 for step in PRICE_STEPS_MINOR), None)
"""The lowest and the highest price of each range."""

Cell = tuple[int, bool, int]
"""Category, whether in stock, number of the price range."""


class FacetCounts:
    """How many products there are per category, availability and price."""

    def __init__(self) -> None:
        self._cells: Counter[Cell] = Counter()
        self._prices: defaultdict[tuple[int | None, bool], PriceCounts] = defaultdict(PriceCounts)
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._categories: list[CategoryCount] | None = None
        self.total = 0
        """How many products there are."""

    def load(self, cells: Iterable[tuple[int, int, int, int]], categories: Iterable[Category]) -> None:
        """Start from what was counted: rows of category, in_stock, price, count."""
        self._know(categories)
        for category, in_stock, price_minor, count in cells:
            self._add(category, bool(in_stock), price_minor, count)

    def change(self, applied: Applied) -> None:
        """Follow what a chunk changed."""
        self._know(applied.categories)
        for delta in applied.deltas:
            self._add(delta.category, delta.in_stock, delta.price_minor, delta.count)

    def category(self, name: str) -> int | None:
        """Return the number of a category in any of its spellings, None when no product ever had it."""
        return self._numbers.get(category_key(name))

    def count(
        self,
        category: int | None,
        *,
        in_stock: bool | None,
        prices: tuple[int | None, int | None],
    ) -> int:
        """Return how many products there are under these filters; prices from and to, both inclusive."""
        sides = (False, True) if in_stock is None else (in_stock,)
        counts = (self._prices.get((category, side)) for side in sides)
        return sum(found.within(*prices) for found in counts if found is not None)

    def facets(
        self,
        category: int | None = None,
        *,
        in_stock: bool | None = None,
        prices: tuple[int | None, int | None] = (None, None),
    ) -> Facets:
        """Return how the products under these filters divide; exact, whatever their number."""
        return self.divide(self._under(category, *prices, in_stock=in_stock), capped=False)

    @property
    def cells(self) -> int:
        """How many counts there are of category, availability and price range."""
        return len(self._cells)

    def categories(self) -> list[CategoryCount]:
        """Return every category that has products, in alphabetical order."""
        if self._categories is None:
            self._categories = self.facets().categories
        return self._categories

    def divide_stored(self, cells: Iterable[tuple[int, int]], *, capped: bool) -> Facets:
        """Return the facets that these cells add up to, which are numbers as the file has them."""
        return self.divide(((_cell(number), count) for number, count in cells), capped=capped)

    def divide(self, cells: Iterable[tuple[Cell, int]], *, capped: bool) -> Facets:
        """Return the facets that these cells add up to."""
        total: Counter[int] = Counter()
        buyable: Counter[int] = Counter()
        prices: Counter[int] = Counter()
        for (category, in_stock, price_range), count in cells:
            total[category] += count
            buyable[category] += count if in_stock else 0
            prices[price_range] += count
        found = [CategoryCount(self._names[number], n, buyable[number]) for number, n in total.items() if n]
        return Facets(
            categories=sorted(found, key=lambda c: (name_key(c.category), c.category)),
            prices=list(_price_ranges(prices)),
            availability=Availability(buyable.total(), total.total() - buyable.total()),
            capped=capped,
        )

    def _know(self, categories: Iterable[Category]) -> None:
        for number, key, name in categories:
            self._numbers[key], self._names[number] = number, name

    def _add(self, category: int, in_stock: bool, price_minor: int, count: int) -> None:  # noqa: FBT001 - a row
        self._categories = None
        self.total += count
        self._cells[category, in_stock, bisect_right(PRICE_STEPS_MINOR, price_minor)] += count
        for under in (category, None):
            self._prices[under, in_stock].add(price_minor, count)

    def _under(
        self, category: int | None, lowest: int | None, highest: int | None, *, in_stock: bool | None
    ) -> Iterator[tuple[Cell, int]]:
        """Yield the cells under these filters; of a price range that the bounds cut, what lies within them."""
        for cell, count in list(self._cells.items()):
            if category in (None, cell[0]) and in_stock in (None, cell[1]):
                start, end = _STARTS[cell[2]], _ENDS[cell[2]]
                low, high = max(start, lowest or 0), _lower(highest, end)
                if (low, high) == (start, end):
                    yield cell, count
                elif high is None or low <= high:
                    yield cell, self._prices[cell[:2]].within(low, high)


def _cell(number: int) -> Cell:
    category, rest = divmod(number, CATEGORY_STEP)
    in_stock, price_range = divmod(rest, STOCK_BIT)
    return category, bool(in_stock), price_range


def _lower(one: int | None, other: int | None) -> int | None:
    """Return the lower of two upper bounds, of which None is none."""
    return min((bound for bound in (one, other) if bound is not None), default=None)


def _price_ranges(counts: Counter[int]) -> Iterator[PriceRange]:
    """Yield the ranges that have products, the cheapest first."""
    for number, (start, end) in enumerate(zip(_STARTS, (*PRICE_STEPS_MINOR, None), strict=True)):
        if counts[number]:
            yield PriceRange(start, end, counts[number])
