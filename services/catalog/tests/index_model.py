"""A naive model of the lists, and products that are hard on an index: equal names, equal prices, accents."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from store_catalog.adapters.read_model.index import ReadModel
from store_catalog.adapters.read_model.rows import age_key
from store_catalog.adapters.read_model.text import name_key, words
from store_catalog.domain.listing import PRICE_STEPS_MINOR, ListQuery, Sort
from store_catalog.domain.products import Product
from store_kit.clock import Clock

from tests.support.clock import ManualClock

START_MS = 1_700_000_000_000
_made: list[ReadModel] = []


def make(number: int, **changes: Any) -> Product:
    """Return a product whose id and age follow from its number."""
    plain = Product(
        id=f"01936c7e-5b7a-7c3e-9f20-{number:012d}",
        sku=f"SKU-{number}",
        name=f"Product {number}",
        description="",
        category="Kitchen",
        price_minor=100,
        version=1,
        created_at_ms=START_MS + number,
        updated_at_ms=START_MS + number,
        available=1,
        stock_version=1,
    )
    return replace(plain, **changes)


def read_model(folder: Path, *, currency: str = "GBP", clock: Clock | None = None) -> ReadModel:
    """Return a read model that is not open yet."""
    index = ReadModel(folder / "catalog-index.db", currency=currency, clock=clock or ManualClock())
    _made.append(index)
    return index


async def close_all() -> None:
    """Close every read model that was made; a test that fails half way must not leave threads behind."""
    while _made:
        await _made.pop().close()


async def filled(folder: Path, products: Iterable[Product] = ()) -> ReadModel:
    """Return an open read model that is ready and has these products."""
    index = read_model(folder)
    await index.open()
    await index.start_over()
    await index.finish(0)
    await index.apply_products(list(products))
    return index


def with_index(folder: Path, test: Callable[[ReadModel], Awaitable[None]]) -> None:
    """Run a test against an empty read model, in an event loop of its own (for hypothesis)."""

    async def run() -> None:
        try:
            await test(await filled(folder))
        finally:
            await close_all()

    asyncio.run(run())


async def all_pages(index: ReadModel, query: ListQuery, limit: int = 100) -> list[str]:
    """Return the ids of all pages, one after the other."""
    ids: list[str] = []
    behind = None
    while True:
        page = await index.list_products(query, behind, limit)
        assert len(page.items) <= limit
        ids += [json.loads(item)["id"] for item in page.items]
        if page.next_position is None:
            return ids
        assert len(page.items) == limit
        behind = page.next_position


class NaiveLists:
    """What the read model promises, by looking at every product every time."""

    def __init__(self, products: Iterable[Product]) -> None:
        self.products = {product.id: product for product in products if not product.deleted}

    def matches(self, query: ListQuery) -> list[Product]:
        """Return all products that match, in order."""
        found = [product for product in self.products.values() if _passes(product, query)]
        key, descending = _KEYS[query.order]
        if query.order is Sort.RELEVANCE:
            return sorted(found, key=lambda p: (_tier(p, query.search), -_age(p)))
        return sorted(found, key=lambda p: (*key(p), _age(p)), reverse=descending)

    def categories(self, query: ListQuery) -> dict[str, int]:
        """Return how many matches each category has."""
        return Counter(product.category for product in self.matches(query))

    def prices(self, query: ListQuery) -> dict[int, int]:
        """Return how many matches each price range has, by where it starts."""
        starts = (0, *PRICE_STEPS_MINOR)
        return Counter(max(s for s in starts if s <= product.price_minor) for product in self.matches(query))


def _age(product: Product) -> int:
    return age_key(product.created_at_ms, product.id)


_KEYS: dict[Sort, tuple[Callable[[Product], tuple[Any, ...]], bool]] = {
    Sort.NAME: (lambda p: (name_key(p.name), p.price_minor), False),
    Sort.NAME_DESC: (lambda p: (name_key(p.name), p.price_minor), True),
    Sort.PRICE: (lambda p: (p.price_minor,), False),
    Sort.PRICE_DESC: (lambda p: (p.price_minor,), True),
    Sort.NEWEST: (lambda _: (), True),
    Sort.RELEVANCE: (lambda _: (), True),
}


def _passes(product: Product, query: ListQuery) -> bool:
    return (
        query.category in (None, product.category)
        and query.in_stock in (None, product.in_stock)
        and (query.min_price is None or product.price_minor >= query.min_price)
        and (query.max_price is None or product.price_minor <= query.max_price)
        and (not query.search or _tier(product, query.search) is not None)
    )


def _tier(product: Product, search: str) -> int | None:
    """Return 0: whole words in name or SKU, 1: the last one begun there, 2: elsewhere, None: no match."""
    wanted = words(search)
    if not wanted:
        return None
    in_name = words(f"{product.name} {product.sku or ''}")
    anywhere = [*in_name, *words(f"{product.category} {product.description}")]
    if _has(in_name, wanted, begun=False):
        return 0
    if _has(in_name, wanted, begun=True):
        return 1
    return 2 if _has(anywhere, wanted, begun=True) else None


def _has(present: list[str], wanted: list[str], *, begun: bool) -> bool:
    # A word that is asked for again as the last one counts where it was asked for first.
    distinct = list(dict.fromkeys(wanted))
    last = distinct[-1]
    whole = all(word in present for word in distinct[:-1])
    if begun and len(last) > 1:
        return whole and any(word.startswith(last) for word in present)
    return whole and last in present
