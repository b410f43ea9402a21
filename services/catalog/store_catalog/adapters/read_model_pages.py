"""One page of a list or search: which query answers it, and whether that is quick enough for the event loop."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from store_kit.problems import InvalidCursor

from store_catalog.adapters import read_model_queries as queries
from store_catalog.adapters.read_model_queries import Shape
from store_catalog.adapters.read_model_text import Search, parse_search, within
from store_catalog.listing import MAX_COUNTED, ListQuery, Page, Position, Sort

Read = Callable[[str, str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs `(operation, sql, parameters)` and returns all rows."""

SORTED_AT_ONCE: Final = 500
"""So many products are read and sorted in half a millisecond."""
SEARCHED_AT_ONCE: Final = 1_000
"""So many matches of a search are looked up in the table in about a millisecond."""
STEPS_PER_MATCH: Final = 100
"""So many index entries per product shown may be walked over in the event loop."""
SMALL_CATALOGUE: Final = 100_000
"""Up to here every search is quick: FTS5 collects all products of all words that begin as asked before it shows
the first, 40 ns each."""
_CAP: Final = MAX_COUNTED + 1
_PRICE_ORDERS: Final = (Sort.PRICE, Sort.PRICE_DESC)


@dataclass(frozen=True, slots=True)
class Ask:
    """A page somebody asks for.

    `category` is the filter's number; `under` the number of products under all filters but the search; `total` the
    number of products there are.
    """

    query: ListQuery
    category: int | None
    behind: Position | None
    limit: int
    under: int
    total: int


EMPTY: Final = Page([], None, 0, count_capped=False)


def quick(ask: Ask, read: Read) -> Page | None:
    """Return the page, None when it would keep the event loop for long."""
    if not ask.query.search:
        return _listed(ask, read, patient=False)
    return None if ask.total > SMALL_CATALOGUE else _searched(ask, read, patient=False)


def patient(ask: Ask, read: Read) -> Page:
    """Return the page, whatever it costs; for a thread."""
    page = _searched(ask, read, patient=True) if ask.query.search else _listed(ask, read, patient=True)
    return page or EMPTY


def division(ask: Ask, read: Read) -> tuple[list[tuple[tuple[int, bool, int], int]], bool]:
    """Return counts by category, availability and price range, and whether not all matches were looked at."""
    search = parse_search(ask.query.search)
    if ask.query.search and search is None:
        return [], False
    shape = _shape(ask, Sort.NEWEST)
    match = within(search.anywhere(), ask.category) if search else None
    rows = read(
        "products.facets", queries.divide(shape, search=search is not None), _parameters(ask, match, _CAP)
    )
    cells = [((category, bool(stock), prices), count) for category, stock, prices, count in rows]
    looked_at = sum(count for _, count in cells)
    if search is not None and _filtered(ask.query):
        looked_at = _count_found(ask, read, search)
    return cells, looked_at > MAX_COUNTED


def _listed(ask: Ask, read: Read, *, patient: bool) -> Page | None:
    order = ask.query.order
    shape = _shape(ask, order)
    sql = queries.walk(shape)
    if ask.query.priced and order not in _PRICE_ORDERS:
        if ask.under <= SORTED_AT_ONCE:
            sql = queries.gather(shape)
        elif not patient and ask.total > STEPS_PER_MATCH * ask.under:
            return None
    return _page(ask, read("products.list", sql, _parameters(ask)), ask.under, capped=False)


def _searched(ask: Ask, read: Read, *, patient: bool) -> Page | None:
    search = parse_search(ask.query.search)
    matches = _count_found(ask, read, search) if search else 0
    if search is None or matches == 0:
        return EMPTY
    filtered = _filtered(ask.query)
    ranked = ask.query.order in (Sort.RELEVANCE, Sort.NEWEST)
    if not patient and matches > SEARCHED_AT_ONCE and (filtered or not ranked):
        return None
    count = _count_filtered(ask, read, search) if filtered else matches
    rows = _ranked(ask, read, search) if ask.query.order is Sort.RELEVANCE else _sorted(ask, read, search)
    return _page(ask, rows, count, capped=matches > MAX_COUNTED)


def _sorted(ask: Ask, read: Read, search: Search) -> list[tuple[Any, ...]]:
    shape = _shape(ask, ask.query.order)
    return read(
        "products.search", queries.found(shape), _parameters(ask, within(search.anywhere(), ask.category))
    )


def _ranked(ask: Ask, read: Read, search: Search) -> list[tuple[Any, ...]]:
    """Return rows of (tier, n, item): tier after tier until the page is full."""
    rows: list[tuple[Any, ...]] = []
    tiers = search.tiers()
    first = _tier(ask.behind, len(tiers))
    for tier in range(first, len(tiers)):
        shape = _shape(ask, Sort.NEWEST, behind=tier == first and ask.behind is not None)
        wanted = ask.limit + 1 - len(rows)
        match = within(tiers[tier], ask.category)
        matches = read("products.search", queries.found(shape), _parameters(ask, match, wanted))
        rows += [(tier, *row) for row in matches]
        if len(rows) > ask.limit:
            break
    return rows


def _tier(behind: Position | None, tiers: int) -> int:
    if behind is None:
        return 0
    if len(behind) != 2 or not isinstance(behind[0], int) or not 0 <= behind[0] < tiers:  # noqa: PLR2004
        raise InvalidCursor("The cursor was made by another version of the shop; start again without it.")
    return behind[0]


def _page(ask: Ask, rows: list[tuple[Any, ...]], count: int, *, capped: bool) -> Page:
    shown = rows[: ask.limit]
    behind = shown[-1][:-1] if len(rows) > ask.limit else None
    return Page([row[-1] for row in shown], behind, count, count_capped=capped)


def _count_found(ask: Ask, read: Read, search: Search) -> int:
    parameters = _parameters(ask, within(search.anywhere(), ask.category), _CAP)
    return int(read("products.count", queries.COUNT_FOUND, parameters)[0][0])


def _count_filtered(ask: Ask, read: Read, search: Search) -> int:
    sql = queries.count_filtered(_shape(ask, Sort.NEWEST, behind=False))
    parameters = _parameters(ask, within(search.anywhere(), ask.category), _CAP)
    return int(read("products.count", sql, parameters)[0][0])


def _filtered(query: ListQuery) -> bool:
    """Whether matches of a search must be looked up in the table to see if they belong to the list."""
    return query.priced or query.in_stock is not None


def _shape(ask: Ask, order: Sort, *, behind: bool | None = None) -> Shape:
    """Return the SQL's shape. A category restricts a search by its words, and a list by its index.

    Behind a price, the bound on the side that was walked already would only mislead the planner.
    """
    follows = ask.behind is not None if behind is None else behind
    query = ask.query
    return Shape(
        order=order,
        category=ask.category is not None and not query.search,
        in_stock=query.in_stock,
        lowest=query.min_price is not None and not (follows and order is Sort.PRICE),
        highest=query.max_price is not None and not (follows and order is Sort.PRICE_DESC),
        behind=follows,
    )


def _parameters(ask: Ask, match: str | None = None, wanted: int | None = None) -> Sequence[Any]:
    keys, number = _last_seen(ask)
    rows = ask.limit + 1 if wanted is None else wanted
    return (ask.category, ask.query.min_price, ask.query.max_price, *keys, number, match, rows)


def _last_seen(ask: Ask) -> tuple[tuple[Any, Any], Any]:
    """Return both keys and `n` of the last product of the page before."""
    if ask.behind is None:
        return (None, None), None
    order = ask.query.order
    skipped = 1 if order is Sort.RELEVANCE else 0
    keys = ask.behind[skipped:-1]
    if len(ask.behind) - skipped != _length(order) or not isinstance(ask.behind[-1], int):
        raise InvalidCursor("The cursor was made by another version of the shop; start again without it.")
    return (*keys, *_nothing(2 - len(keys))), ask.behind[-1]  # type: ignore[return-value]


def _length(order: Sort) -> int:
    return 1 if order is Sort.RELEVANCE else len(Shape(order).keys) + 1


def _nothing(times: int) -> Iterable[None]:
    return (None,) * times
