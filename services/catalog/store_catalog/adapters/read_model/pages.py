"""One page of a list or search: which query answers it, and whether that is quick enough for the event loop."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from store_kit.http.responses import json_bytes
from store_kit.problems import InvalidCursor

from store_catalog.adapters.read_model import queries
from store_catalog.adapters.read_model.queries import Shape
from store_catalog.adapters.read_model.slow_reads import Read
from store_catalog.adapters.read_model.text import BEHIND_ALL, Search, is_listed, parse_search, within
from store_catalog.domain import MAX_COUNTED, ListQuery, Position, ProductPage, Sort

SORTED_AT_ONCE: Final = 500
"""So many products are read and sorted in half a millisecond."""
SEARCHED_AT_ONCE: Final = 1_000
"""So many matches of a search are looked up in the table in about a millisecond."""
STEPS_PER_MATCH: Final = 100
"""So many index entries per product shown may be walked over in the event loop."""
SMALL_CATALOGUE: Final = 100_000
"""Up to here every search is quick: FTS5 collects all products of all words that begin as asked before it shows
the first, 40 ns each."""
FEW: Final = 500
"""So many matches of a search are ranked by reading their names, in a millisecond or two."""
FEW_OF_SMALL: Final = 30
"""The same in a small catalogue, where FTS5 ranks the first page of more matches in less."""
MOST_FORMS: Final = 8
"""So many words that go on from a beginning are looked for one by one."""
ENOUGH_PASS: Final = 101
"""If fewer of the first matches than this pass the other filters, all matches are looked at (0.3 us each). It is more
than a page shows, so no count and no facets deny what a page shows."""
_CAP: Final = MAX_COUNTED + 1
_PRICE_ORDERS: Final = (Sort.PRICE, Sort.PRICE_DESC)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page is wanted of.

    `category` is the filter's number; `under` the number of products under all filters but the search; `total` the
    number of products there are.
    """

    query: ListQuery
    order: Sort
    category: int | None
    behind: Position | None
    limit: int
    under: int
    total: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a search finds: the FTS5 query, how many match it (no further than the cap), their numbers if few."""

    search: Search
    match: str
    count: int
    few: str | None

    @property
    def key(self) -> str:
        """What the queries of `queries` take for ?7."""
        return self.match if self.few is None else self.few


EMPTY: Final = ProductPage([], None, 0, count_capped=False)


def quick(asked: PageRequest, read: Read) -> ProductPage | None:
    """Return the page, None when it would keep the event loop for long."""
    if not asked.query.search:
        return _listed(asked, read, patient=False)
    return None if asked.total > SMALL_CATALOGUE else _searched(asked, read, patient=False)


def patient(asked: PageRequest, read: Read) -> ProductPage:
    """Return the page, whatever it costs; for a thread."""
    page = _searched(asked, read, patient=True) if asked.query.search else _listed(asked, read, patient=True)
    return page or EMPTY


def division(asked: PageRequest, read: Read) -> tuple[list[tuple[int, int]], bool]:
    """Return cells and counts of a search, and whether not all that match were counted."""
    found = _find(asked, read)
    if found is None:
        return [], False
    divide = partial(queries.divide, _shape(asked, Sort.NEWEST, behind=False), few=found.few is not None)
    parameters = _parameters(asked, found.key, _CAP)
    cells = read("products.facets", divide(), parameters)
    capped = found.count > MAX_COUNTED
    if capped and _sum(cells) < ENOUGH_PASS:
        cells = read("products.facets", divide(far=True), parameters)
        capped = _sum(cells) > MAX_COUNTED
    return [(cell, count) for cell, count in cells], capped


def _listed(asked: PageRequest, read: Read, *, patient: bool) -> ProductPage | None:
    shape = _shape(asked, asked.order)
    sql = queries.walk(shape)
    if asked.query.priced and asked.order not in _PRICE_ORDERS:
        if asked.under <= SORTED_AT_ONCE:
            sql = queries.gather(shape)
        elif not patient and asked.total > STEPS_PER_MATCH * asked.under:
            return None
    return _page(asked, read("products.list", sql, _parameters(asked)), asked.under, capped=False)


def _searched(asked: PageRequest, read: Read, *, patient: bool) -> ProductPage | None:
    found = _find(asked, read)
    if found is None:
        return EMPTY
    filtered = _filtered(asked.query)
    ranked = asked.order in (Sort.RELEVANCE, Sort.NEWEST)
    if not patient and found.count > SEARCHED_AT_ONCE and (filtered or not ranked):
        return None
    count, capped = found.count, found.count > MAX_COUNTED
    if filtered:
        count, capped = _count_filtered(asked, read, found)
    rows = _page_of(asked, read, found) if count else []
    return _page(asked, rows, count, capped=capped)


def _find(asked: PageRequest, read: Read) -> Found | None:
    """Return what the search finds before other filters, None when it is nothing."""
    search = parse_search(asked.query.search)
    if search is not None:
        search = _with_forms(search, read)
    if search is None or search.forms == ():
        return None
    match = within(search.anywhere(), asked.category)
    few = FEW if asked.total > SMALL_CATALOGUE else FEW_OF_SMALL
    first = read("products.search", queries.FIRST_FOUND, _parameters(asked, match, few + 1))
    if len(first) > few:
        counted = read("products.count", queries.COUNT_FOUND, _parameters(asked, match, _CAP))
        return Found(search, match, int(counted[0][0]), None)
    numbers = json_bytes([number for (number,) in first]).decode()
    return Found(search, match, len(first), numbers) if first else None


def _with_forms(search: Search, read: Read) -> Search:
    """Return the search with all words that its last one may be, if those are few."""
    if not search.is_begun or not is_listed(search.last):
        return search
    asked = (search.last, search.last + BEHIND_ALL, MOST_FORMS + 1)
    forms = tuple(word for (word,) in read("vocabulary.begun", queries.WORDS_BEGUN, asked))
    return search if len(forms) > MOST_FORMS else replace(search, forms=forms)


def _page_of(asked: PageRequest, read: Read, found: Found) -> list[tuple[Any, ...]]:
    few = found.few is not None
    if asked.order is not Sort.RELEVANCE:
        sql = queries.found(_shape(asked, asked.order), few=few)
        return read("products.search", sql, _parameters(asked, found.key))
    return _ranked_few(asked, read, found) if few else _ranked(asked, read, found.search)


def _ranked_few(asked: PageRequest, read: Read, found: Found) -> list[tuple[Any, ...]]:
    search, last = found.search, len(found.search.tiers()) - 1
    first = _tier(asked.behind, last + 1)
    category, lowest, highest, _, _, number, key, rows = _parameters(asked, found.few)
    words = (json_bytes(search.whole).decode(), search.last, search.is_begun, last)
    parameters = (category, lowest, highest, first, None, number, key, rows, *words)
    return read("products.search", queries.ranked_few(_shape(asked, Sort.NEWEST)), parameters)


def _ranked(asked: PageRequest, read: Read, search: Search) -> list[tuple[Any, ...]]:
    """Return rows of (tier, n, item): tier after tier until the page is full."""
    rows: list[tuple[Any, ...]] = []
    tiers = search.tiers()
    first = _tier(asked.behind, len(tiers))
    for tier, expression in enumerate(tiers[first:], first):
        if expression is None:
            continue
        shape = _shape(asked, Sort.NEWEST, behind=tier == first and asked.behind is not None)
        rest = asked.limit + 1 - len(rows)
        match = within(expression, asked.category)
        matches = read("products.search", queries.found(shape), _parameters(asked, match, rest))
        rows += [(tier, *row) for row in matches]
        if len(rows) > asked.limit:
            break
    return rows


def _tier(behind: Position | None, tiers: int) -> int:
    if behind is None:
        return 0
    if len(behind) != 2 or not isinstance(behind[0], int) or not 0 <= behind[0] < tiers:  # noqa: PLR2004
        raise InvalidCursor("The cursor was made by another version of the shop; start again without it.")
    return behind[0]


def _page(asked: PageRequest, rows: list[tuple[Any, ...]], count: int, *, capped: bool) -> ProductPage:
    shown = rows[: asked.limit]
    behind = shown[-1][:-1] if len(rows) > asked.limit else None
    return ProductPage([row[-1] for row in shown], behind, count, count_capped=capped)


def _count_filtered(asked: PageRequest, read: Read, found: Found) -> tuple[int, bool]:
    """Return how many matches pass the other filters, and whether there may be more; 0 only if there are none.

    The first matches are the oldest products, of which perhaps none is in stock while newer ones are. When hardly any
    passes, they say nothing of the rest.
    """
    few = found.few is not None
    count_filtered = partial(queries.count_filtered, _shape(asked, Sort.NEWEST, behind=False), few=few)
    parameters = _parameters(asked, found.key, _CAP)
    ((count,),) = read("products.count", count_filtered(), parameters)
    if found.count <= MAX_COUNTED:
        return count, False
    if count >= max(ENOUGH_PASS, asked.limit + 1):
        return count, True
    ((count,),) = read("products.count", count_filtered(far=True), parameters)
    return count, count > MAX_COUNTED


def _sum(cells: Iterable[Sequence[int]]) -> int:
    return sum(count for _, count in cells)


def _filtered(query: ListQuery) -> bool:
    """Whether matches of a search must be looked up in the table to see if they belong to the list."""
    return query.priced or query.in_stock is not None


def _shape(asked: PageRequest, order: Sort, *, behind: bool | None = None) -> Shape:
    """Return the SQL's shape. A category restricts a search by its words, and a list by its index.

    Behind a price, the bound on the side that was walked already would only mislead the planner.
    """
    follows = asked.behind is not None if behind is None else behind
    query = asked.query
    return Shape(
        order=order,
        category=asked.category is not None and not query.search,
        in_stock=query.in_stock,
        lowest=query.min_price is not None and not (follows and order is Sort.PRICE),
        highest=query.max_price is not None and not (follows and order is Sort.PRICE_DESC),
        behind=follows,
    )


def _parameters(asked: PageRequest, match: str | None = None, rows: int | None = None) -> Sequence[Any]:
    keys, number = _last_seen(asked)
    most = asked.limit + 1 if rows is None else rows
    return (asked.category, asked.query.min_price, asked.query.max_price, *keys, number, match, most)


def _last_seen(asked: PageRequest) -> tuple[tuple[Any, Any], Any]:
    """Return both keys and `n` of the last product of the page before."""
    if asked.behind is None:
        return (None, None), None
    skipped = 1 if asked.order is Sort.RELEVANCE else 0
    keys = asked.behind[skipped:-1]
    if len(asked.behind) - skipped != _length(asked.order) or not isinstance(asked.behind[-1], int):
        raise InvalidCursor("The cursor was made by another version of the shop; start again without it.")
    return (*keys, *_nothing(2 - len(keys))), asked.behind[-1]  # type: ignore[return-value]


def _length(order: Sort) -> int:
    return 1 if order is Sort.RELEVANCE else len(Shape(order).keys) + 1


def _nothing(times: int) -> Iterable[None]:
    return (None,) * times
