"""The catalogue's counts, kept up to date instead of counted."""

from bisect import bisect_right, insort
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
Prices = tuple[int | None, int | None]
"""The lowest and the highest price, both inclusive; None leaves an end open."""
_ANY: Final = (None, None)
_Rank = tuple[str, str, int]
"""A category's place in the alphabet, its name, its number."""


class FacetCounts:
    """How many products there are per category, availability and price.

    What divides the whole catalogue is kept ready and follows each change, for nothing bounds the number of categories:
    of 10 000, to add up all cells takes 100 ms. What divides one category takes its own few cells.
    """

    def __init__(self) -> None:
        self._cells: defaultdict[int, Counter[tuple[bool, int]]] = defaultdict(Counter)
        """Of each category, by availability and price range."""
        self._number_of_cells = 0
        self._all: Counter[tuple[bool, int]] = Counter()
        """The same of all categories together."""
        self._prices: defaultdict[tuple[int | None, bool], PriceCounts] = defaultdict(PriceCounts)
        self._numbers: dict[str, int] = {}
        self._ranks: dict[int, _Rank] = {}
        self._order: list[_Rank] = []
        """All categories in alphabetical order."""
        self._shown: dict[bool | None, dict[int, CategoryCount]] = {None: {}, True: {}, False: {}}
        """What is shown of each category that has products, with any filter on availability alone."""
        self._sorted: dict[bool | None, list[CategoryCount]] = {}
        """The same in order, until it changes."""
        self.total = 0
        """How many products there are."""

    def load(self, cells: Iterable[tuple[int, int, int, int]], categories: Iterable[Category]) -> None:
        """Start from what was counted: rows of category, in_stock, price, count."""
        self._know(categories)
        changed = set()
        for category, in_stock, price_minor, count in cells:
            self._add(category, bool(in_stock), price_minor, count)
            changed.add(category)
        self._show(changed)

    def change(self, applied: Applied) -> None:
        """Follow what a chunk changed."""
        self._know(applied.categories)
        for delta in applied.deltas:
            self._add(delta.category, delta.in_stock, delta.price_minor, delta.count)
        self._show({delta.category for delta in applied.deltas})

    def category(self, name: str) -> int | None:
        """Return the number of a category in any of its spellings, None when no product ever had it."""
        return self._numbers.get(category_key(name))

    def count(
        self,
        category: int | None,
        *,
        in_stock: bool | None,
        prices: Prices,
    ) -> int:
        """Return how many products there are under these filters."""
        sides = (False, True) if in_stock is None else (in_stock,)
        counts = (self._prices.get((category, side)) for side in sides)
        return sum(found.within(*prices) for found in counts if found is not None)

    def facets(
        self,
        category: int | None = None,
        *,
        in_stock: bool | None = None,
        prices: Prices = _ANY,
    ) -> Facets:
        """Return how the products under these filters divide; exact, whatever their number."""
        if category is None and prices == _ANY:
            return self._ready(in_stock)
        return self.divide(self._under(category, *prices, in_stock=in_stock), capped=False)

    def to_add_up(self, category: int | None, prices: Prices) -> int:
        """Return how many counts the facets under these filters are added up from, none if they are kept ready."""
        if category is not None:
            return len(self._cells.get(category, ()))
        return 0 if prices == _ANY else self._number_of_cells

    def categories(self, *, in_stock: bool | None = None) -> list[CategoryCount]:
        """Return every category that has products (in stock, out of stock), in alphabetical order."""
        if in_stock not in self._sorted:
            shown = self._shown[in_stock]
            self._sorted[in_stock] = [shown[number] for _, _, number in self._order if number in shown]
        return self._sorted[in_stock]

    def knows(self, cells: Iterable[tuple[int, int]]) -> bool:
        """Return whether all categories of these cells are known; a category may be in the file a moment before."""
        return all(number // CATEGORY_STEP in self._ranks for number, _ in cells)

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
        ranks = sorted(self._ranks[number] for number, n in total.items() if n)
        return Facets(
            categories=[CategoryCount(name, total[number], buyable[number]) for _, name, number in ranks],
            prices=list(_price_ranges(prices)),
            availability=Availability(buyable.total(), total.total() - buyable.total()),
            capped=capped,
        )

    def _know(self, categories: Iterable[Category]) -> None:
        for number, key, name in categories:
            if number not in self._ranks:
                self._numbers[key] = number
                self._ranks[number] = rank = (name_key(name), name, number)
                insort(self._order, rank)

    def _add(self, category: int, in_stock: bool, price_minor: int, count: int) -> None:  # noqa: FBT001 - a row
        self.total += count
        cell = in_stock, bisect_right(PRICE_STEPS_MINOR, price_minor)
        cells = self._cells[category]
        self._number_of_cells += cell not in cells
        cells[cell] += count
        self._all[cell] += count
        for under in (category, None):
            self._prices[under, in_stock].add(price_minor, count)

    def _show(self, changed: Iterable[int]) -> None:
        """Bring what is shown of these categories up to date."""
        for category in changed:
            name = self._ranks[category][1]
            out, buyable = (self.count(category, in_stock=side, prices=_ANY) for side in (False, True))
            self._put(None, category, CategoryCount(name, out + buyable, buyable))
            self._put(True, category, CategoryCount(name, buyable, buyable))
            self._put(False, category, CategoryCount(name, out, 0))

    def _put(self, in_stock: bool | None, category: int, now: CategoryCount) -> None:  # noqa: FBT001 - a filter
        shown = self._shown[in_stock]
        before = shown.pop(category, None)
        if now.count:
            shown[category] = now
        if before != shown.get(category):
            self._sorted.pop(in_stock, None)

    def _ready(self, in_stock: bool | None) -> Facets:  # noqa: FBT001 - a filter
        """Return how all products divide, or those on one side of availability."""
        prices: Counter[int] = Counter()
        sides: Counter[bool] = Counter()
        for (side, price_range), count in self._all.items():
            if in_stock in (None, side):
                prices[price_range] += count
                sides[side] += count
        return Facets(
            categories=self.categories(in_stock=in_stock),
            prices=list(_price_ranges(prices)),
            availability=Availability(sides[True], sides[False]),
            capped=False,
        )

    def _under(
        self, category: int | None, lowest: int | None, highest: int | None, *, in_stock: bool | None
    ) -> Iterator[tuple[Cell, int]]:
        """Yield the cells under these filters; of a price range that the bounds cut, what lies within them."""
        for cell, count in self._cells_of(category):
            if in_stock in (None, cell[1]):
                start, end = _STARTS[cell[2]], _ENDS[cell[2]]
                low, high = max(start, lowest or 0), _lower(highest, end)
                if (low, high) == (start, end):
                    yield cell, count
                elif high is None or low <= high:
                    yield cell, self._prices[cell[:2]].within(low, high)

    def _cells_of(self, category: int | None) -> Iterator[tuple[Cell, int]]:
        """Yield the cells of a category, of all without one."""
        for number in list(self._cells) if category is None else [category]:
            for cell, count in list(self._cells.get(number, Counter()).items()):
                yield (number, *cell), count


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
