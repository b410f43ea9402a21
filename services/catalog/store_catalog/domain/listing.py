"""What can be asked of the list of products, and what it answers. Pure values, shared by all layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store_kit.texts import same_text

MAX_COUNTED: Final = 10_000
"""Matches that have to be counted one by one are counted up to here; behind it the answer is "more"."""
PRICE_STEPS_MINOR: Final = (500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""Where one price range of the facets ends and the next begins, in minor units."""

Position = Sequence[str | int | float | None]
"""Behind which product a page begins; made by the read model, carried by a cursor."""


class Sort(StrEnum):
    """The orders a list may have; `-` is descending. The order of equal ones is the same on every replica."""

    NAME = "name"
    NAME_DESC = "-name"
    PRICE = "price"
    PRICE_DESC = "-price"
    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which products, in which order. `None` and `""` mean no filter; prices are inclusive, in minor units."""

    category: str | None = None
    search: str = ""
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    sort: Sort | None = None

    @property
    def order(self) -> Sort:
        """The order asked for; otherwise the best matches first when searching, else the newest.

        Relevance without a search is the newest first, too.
        """
        if not self.search:
            return Sort.NEWEST if self.sort in (None, Sort.RELEVANCE) else self.sort
        return self.sort or Sort.RELEVANCE

    @property
    def priced(self) -> bool:
        """Whether a bound on the price is set."""
        return self.min_price is not None or self.max_price is not None

    @property
    def canonical(self) -> str:
        """One text per query, which its cursors are bound to (the page's size is free)."""
        prices = (self.min_price, self.max_price)
        category = None if self.category is None else same_text(self.category)
        return repr(("products", category, self.search, prices, self.in_stock, str(self.order)))


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Products as ready JSON objects; `next_position` is None on the last page.

    `count` is exact unless `count_capped`: then there are at least that many.
    """

    items: list[bytes]
    next_position: Position | None
    count: int
    count_capped: bool


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many products a category has."""

    category: str
    count: int
    in_stock: int


@dataclass(frozen=True, slots=True)
class PriceRange:
    """How many products cost from `from_minor` to below `below_minor` (None: no upper end)."""

    from_minor: int
    below_minor: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Availability:
    """How many products can be bought now, and how many cannot."""

    in_stock: int
    out_of_stock: int


@dataclass(frozen=True, slots=True)
class Facets:
    """How the matches of a query divide; `capped` when there may be more of them than were counted."""

    categories: list[CategoryCount]
    prices: list[PriceRange]
    availability: Availability
    capped: bool
