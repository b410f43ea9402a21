"""The SQL of every list: text only, so that a test can look at each plan.

A list without a search walks an index from where the last page ended. The index begins with availability; when
that is free, two walks are merged. "Behind a product" is said twice, as equal keys with a greater `n` and as
greater keys, because SQLite seeks to a rowid only behind equal columns.

Parameters have the same numbers everywhere: ?1 category, ?2 lowest price, ?3 highest price, ?4 ?5 keys and ?6 `n`
of the last product seen, ?7 the FTS5 query, ?8 how many rows, or how far to count.
"""

# ruff: noqa: S608 - the SQL is put together from constants; every value is a parameter

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from store_catalog.adapters.read_model_writer import PRICE_RANGE
from store_catalog.listing import Sort

_KEYS: Final = {
    Sort.NAME: ("name_key", "price_minor"),
    Sort.NAME_DESC: ("name_key", "price_minor"),
    Sort.PRICE: ("price_minor",),
    Sort.PRICE_DESC: ("price_minor",),
    Sort.NEWEST: (),
}
_INDEX: Final = {
    Sort.NAME: "name",
    Sort.NAME_DESC: "name",
    Sort.PRICE: "price",
    Sort.PRICE_DESC: "price",
    Sort.NEWEST: "age",
}
_DESCENDING: Final = (Sort.NAME_DESC, Sort.PRICE_DESC, Sort.NEWEST)


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides a list's SQL: which filters are set and whether the page begins behind a product."""

    order: Sort
    category: bool = False
    in_stock: bool | None = None
    lowest: bool = False
    highest: bool = False
    behind: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that decide the order; `n` always comes last."""
        return _KEYS[self.order]

    @property
    def index(self) -> str:
        """The index that has this order."""
        return f"product_category_{_INDEX[self.order]}" if self.category else f"product_{_INDEX[self.order]}"

    @property
    def direction(self) -> str:
        """How it is walked."""
        return "DESC" if self.order in _DESCENDING else "ASC"


@cache
def walk(shape: Shape) -> str:
    """Return the page of a list without a search, read in the order of an index."""
    branches = [
        f"SELECT {_columns(shape)} FROM product INDEXED BY {shape.index} WHERE {' AND '.join(conditions)}"
        for side in _sides(shape)
        for conditions in _stretches(shape, side)
    ]
    return f"{' UNION ALL '.join(branches)} {_order(shape)} LIMIT ?8"


@cache
def gather(shape: Shape) -> str:
    """Return the same page when few products are in the range of prices: read them all, sort them."""
    prices = "product_category_price" if shape.category else "product_price"
    branches = [
        f"SELECT {_columns(shape)} FROM product INDEXED BY {prices} WHERE {' AND '.join([*base, *_after(shape)])}"
        for base in _bases(shape)
    ]
    return f"SELECT * FROM ({' UNION ALL '.join(branches)}) {_order(shape)} LIMIT ?8"


@cache
def found(shape: Shape) -> str:
    """Return a page of a search: `n` in the order of age is FTS5's own, other orders sort all matches."""
    conditions = ["words MATCH ?7", *_filters(shape), *_after(shape, number="words.rowid")]
    number = "words.rowid" if not shape.keys else "product.n"
    order = ", ".join(f"{key} {shape.direction}" for key in (*shape.keys, number))
    return (
        f"SELECT {_columns(shape)} FROM words CROSS JOIN product ON product.n = words.rowid "
        f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?8"
    )


COUNT_FOUND: Final = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ?7 LIMIT ?8)"
"""How many products a search matches, other filters left aside, counted no further than the cap."""


@cache
def count_filtered(shape: Shape) -> str:
    """Return how many of the first matches of a search pass the other filters."""
    where = " AND ".join(_filters(shape)) or "TRUE"
    return f"SELECT count(*) FROM {_candidates()} WHERE {where}"


@cache
def divide(shape: Shape, *, search: bool) -> str:
    """Return category, availability, price range and count of the first products under the filters."""
    where = " AND ".join(_filters(shape)) or "TRUE"
    if search:
        source = f"{_candidates()} WHERE {where}"
    else:
        source = f"(SELECT * FROM product WHERE {where} LIMIT ?8) AS product"
    return f"SELECT product.category, in_stock, {PRICE_RANGE}, count(*) FROM {source} GROUP BY 1, 2, 3"


CENSUS: Final = "SELECT category, in_stock, price_minor, count(*) FROM product GROUP BY 1, 2, 3"
"""How many products there are of each price: what the counts kept in memory begin with."""


def _candidates() -> str:
    first = "(SELECT rowid AS n FROM words WHERE words MATCH ?7 LIMIT ?8)"
    return f"{first} AS candidate CROSS JOIN product ON product.n = candidate.n"


def _columns(shape: Shape) -> str:
    return ", ".join((*shape.keys, "product.n", "item"))


def _order(shape: Shape) -> str:
    return "ORDER BY " + ", ".join(f"{key} {shape.direction}" for key in (*shape.keys, "n"))


def _sides(shape: Shape) -> list[str]:
    """Return the availability of each walk: one, or one for what is in stock and one for what is not."""
    sides = (0, 1) if shape.in_stock is None else (int(shape.in_stock),)
    return [f"in_stock = {side}" for side in sides]


def _bases(shape: Shape) -> list[list[str]]:
    """Return all filters of each walk."""
    return [[side, *_filters(shape, stock=False)] for side in _sides(shape)]


def _filters(shape: Shape, *, stock: bool = True) -> list[str]:
    wanted = {
        f"in_stock = {int(bool(shape.in_stock))}": stock and shape.in_stock is not None,
        "product.category = ?1": shape.category,
        "price_minor >= ?2": shape.lowest,
        "price_minor <= ?3": shape.highest,
    }
    return [condition for condition, is_set in wanted.items() if is_set]


def _stretches(shape: Shape, side: str) -> list[list[str]]:
    """Return the filters of each stretch that lies behind the last product, every one a range of the index."""
    base = [side, *_filters(shape, stock=False)]
    if not shape.behind:
        return [base]
    than = "<" if shape.direction == "DESC" else ">"
    number = f"n {than} ?6"
    if not shape.keys:
        return [[*base, number]]
    keys, seen = ", ".join(shape.keys), ", ".join(f"?{4 + i}" for i in range(len(shape.keys)))
    equal = [f"{key} = ?{4 + i}" for i, key in enumerate(shape.keys)]
    # The last product's own price passes the bounds; said again, they would lead the planner to sort.
    unpriced = _filters(replace(shape, lowest=False, highest=False), stock=False)
    return [[side, *unpriced, *equal, number], [*base, f"({keys}) {than} ({seen})"]]


def _after(shape: Shape, number: str = "n") -> list[str]:
    """Return the same as one condition, for lists that are sorted anyway."""
    if not shape.behind:
        return []
    than = "<" if shape.direction == "DESC" else ">"
    columns = (*shape.keys, number if not shape.keys else "product.n")
    seen = (*(f"?{4 + i}" for i in range(len(shape.keys))), "?6")
    return [f"({', '.join(columns)}) {than} ({', '.join(seen)})"]
