"""The SQL of every list: text only, so that a test can look at each plan.

A list without a search walks an index from where the last page ended. The index begins with availability; when
that is free, two walks are merged. "Behind a product" is said twice, as equal keys with a greater `n` and as
greater keys, because SQLite seeks to a rowid only behind equal columns.

Parameters have the same numbers everywhere: ?1 category, ?2 lowest price, ?3 highest price, ?4 ?5 keys and ?6 `n`
of the last product seen, ?7 the FTS5 query, ?8 how many rows, or how far to count.

A search that finds few products is asked for once: ?7 is then the JSON list of their numbers.
"""

# ruff: noqa: S608 - the SQL is put together from constants; every value is a parameter

from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Final

from store_catalog.adapters.read_model.writer import STOCK_BIT
from store_catalog.domain import Sort

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
def found(shape: Shape, *, few: bool = False) -> str:
    """Return a page of a search: `n` in the order of age is FTS5's own, other orders sort all matches.

    What is filtered and sorted by is read from the narrow table where it is there, and the rest for the page alone.
    """
    if shape.order in (Sort.PRICE, Sort.PRICE_DESC):
        best = (
            f"SELECT facts.price_minor, facts.n FROM {_matches(few)} CROSS JOIN facts ON facts.n = found.n "
            f"WHERE {_all(_fact_filters(shape), _after_found(shape, 'facts'))} "
            f"ORDER BY facts.price_minor {shape.direction}, facts.n {shape.direction} LIMIT ?8"
        )
        return (
            f"SELECT best.price_minor, best.n, item FROM ({best}) AS best CROSS JOIN product ON product.n = best.n "
            f"ORDER BY best.price_minor {shape.direction}, best.n {shape.direction}"
        )
    number = "product.n" if shape.keys or few else "words.rowid"
    source = _matches(few) if few or shape.keys else "words"
    filters = _fact_filters(shape)
    joined = f" CROSS JOIN facts ON facts.n = {_number(source)}" if filters else ""
    matching = ["words MATCH ?7"] if source == "words" else []
    order = ", ".join(f"{key} {shape.direction}" for key in (*_own_keys(shape), number))
    return (
        f"SELECT {', '.join((*_own_keys(shape), 'product.n', 'item'))} FROM {source}{joined} "
        f"CROSS JOIN product ON product.n = {_number(source)} "
        f"WHERE {_all(matching, filters, _after_found(shape, 'product', number))} ORDER BY {order} LIMIT ?8"
    )


RANKED_FEW: Final = """
SELECT tier, ranked.n, item FROM (
    SELECT facts.n AS n, cell, facts.price_minor AS price_minor, CASE
        WHEN EXISTS (SELECT 1 FROM json_each(?9) AS word WHERE instr(' ' || name || ' ', ' ' || word.value || ' ') = 0)
            THEN ?12
        WHEN instr(' ' || name || ' ', ' ' || ?10 || ' ') THEN 0
        WHEN ?11 AND instr(' ' || name, ' ' || ?10) THEN 1
        ELSE ?12
    END AS tier
    FROM json_each(?7) AS found CROSS JOIN words ON words.rowid = found.value
    CROSS JOIN facts ON facts.n = found.value
) AS ranked CROSS JOIN product ON product.n = ranked.n
"""


@cache
def ranked_few(shape: Shape) -> str:
    """Return a page of the few matches of a search by relevance; what tier each is in is read from its name.

    ?4 is the tier of the last product seen, ?9 the JSON list of the whole words, ?10 the last word, ?11 whether that
    may go on, ?12 the last tier.
    """
    behind = ["(tier > ?4 OR tier = ?4 AND ranked.n < ?6)"] if shape.behind else []
    where = _all(_fact_filters(shape, "ranked"), behind)
    return f"{RANKED_FEW} WHERE {where} ORDER BY tier, ranked.n DESC LIMIT ?8"


FIRST_FOUND: Final = "SELECT rowid FROM words WHERE words MATCH ?7 LIMIT ?8"
"""The numbers of the first products that a search matches."""
COUNT_FOUND: Final = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ?7 LIMIT ?8)"
"""How many products a search matches, other filters left aside, counted no further than the cap."""
WORDS_BEGUN: Final = "SELECT word FROM vocabulary WHERE word >= ?1 AND word < ?2 LIMIT ?3"
"""The first words of the vocabulary between two."""


@cache
def count_filtered(shape: Shape, *, few: bool = False, far: bool = False) -> str:
    """Return how many matches of a search pass the other filters.

    The first ?8 matches are looked at; with `far` as many as it takes until ?8 of them have passed.
    """
    return f"SELECT count(*) FROM {_passing(shape, few, far)}"


@cache
def divide(shape: Shape, *, few: bool = False, far: bool = False) -> str:
    """Return cells and counts of the same matches."""
    return f"SELECT cell, count(*) FROM {_passing(shape, few, far)} GROUP BY cell"


CENSUS: Final = "SELECT category, in_stock, price_minor, count(*) FROM product GROUP BY 1, 2, 3"
"""How many products there are of each price: what the counts kept in memory begin with."""


def _matches(few: bool) -> str:  # noqa: FBT001 - one of two sources
    """Return the numbers of all matches as a table."""
    if few:
        return "(SELECT value AS n FROM json_each(?7)) AS found"
    return "(SELECT rowid AS n FROM words WHERE words MATCH ?7) AS found"


def _passing(shape: Shape, few: bool, far: bool) -> str:  # noqa: FBT001 - one of two sources, one of two bounds
    """Return the cells of matches that pass the other filters."""
    matches = _matches(few) if far else f"(SELECT n FROM {_matches(few)} LIMIT ?8) AS found"
    rows = f"{matches} CROSS JOIN facts ON facts.n = found.n WHERE {_all(_fact_filters(shape))}"
    return f"(SELECT cell FROM {rows}{' LIMIT ?8' if far else ''})"


def _number(source: str) -> str:
    return "words.rowid" if source == "words" else "found.n"


def _own_keys(shape: Shape) -> list[str]:
    return [f"product.{key}" for key in shape.keys]


def _all(*conditions: list[str]) -> str:
    return " AND ".join(chain.from_iterable(conditions)) or "TRUE"


def _fact_filters(shape: Shape, table: str = "facts") -> list[str]:
    """Return the filters of a search but the category, which restricts it by its words."""
    wanted = {
        f"({table}.cell & {STOCK_BIT}) = {STOCK_BIT * bool(shape.in_stock)}": shape.in_stock is not None,
        f"{table}.price_minor >= ?2": shape.lowest,
        f"{table}.price_minor <= ?3": shape.highest,
    }
    return [condition for condition, is_set in wanted.items() if is_set]


def _after_found(shape: Shape, table: str, number: str | None = None) -> list[str]:
    """Return what lies behind the last product, by the columns of a table."""
    if not shape.behind:
        return []
    than = "<" if shape.direction == "DESC" else ">"
    columns = (*(f"{table}.{key}" for key in shape.keys), number or f"{table}.n")
    seen = (*(f"?{4 + i}" for i in range(len(shape.keys))), "?6")
    return [f"({', '.join(columns)}) {than} ({', '.join(seen)})"]


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


def _after(shape: Shape) -> list[str]:
    """Return the same as one condition, for lists that are sorted anyway."""
    return _after_found(shape, "product")
