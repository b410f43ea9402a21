"""Facets and categories of a shop whose categories nobody bounds: right after every change, never long in the loop."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_catalog.adapters.read_model import writer
from store_catalog.adapters.read_model.facets import FacetCounts
from store_catalog.adapters.read_model.index import CELLS_AT_ONCE, ReadModel
from store_catalog.adapters.read_model.rows import incoming
from store_catalog.adapters.read_model.slow_reads import Read
from store_catalog.domain.listing import CategoryCount, Facets, ListQuery
from store_catalog.domain.products import Product

from services.catalog.tests.index_model import close_all, filled, make, read_model, with_index

SIDES = (None, True, False)
CATEGORIES = ("Zoo", "apples", "Ёлки", "Éclairs", "12 things")
_change = st.tuples(
    st.integers(1, 8),
    st.sampled_from(CATEGORIES),
    st.sampled_from((0, 499, 500, 100_000)),
    st.integers(0, 1),
    st.sampled_from((False, False, False, True)),
)


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    """Close what a test has opened."""
    yield
    await close_all()


def _version(number: int, change: tuple[int, str, int, int, bool]) -> Product:
    product, category, price_minor, available, deleted = change
    now: dict[str, Any] = {"category": category, "price_minor": price_minor, "available": available}
    return make(product, version=number, deleted=deleted, **now)


@settings(max_examples=80, deadline=None)
@given(st.lists(_change, min_size=1, max_size=12))
def test_what_is_kept_ready_is_what_adding_up_gives(changes: list[tuple[int, str, int, int, bool]]) -> None:
    """After each change and after a restart, facets and categories are those that all counts add up to, in order."""

    async def compare(index: ReadModel) -> None:
        for in_stock in SIDES:
            kept = await index.count_facets(ListQuery(in_stock=in_stock))
            assert kept == await index.count_facets(ListQuery(in_stock=in_stock, min_price=0))
        assert index.list_categories() == (await index.count_facets(ListQuery(min_price=0))).categories

    async def check(index: ReadModel) -> None:
        for number, change in enumerate(changes, 1):
            await index.apply_products([_version(number, change)])
            await compare(index)
        await index.close()
        again = read_model(Path(folder))
        await again.open()
        await compare(again)

    with tempfile.TemporaryDirectory() as folder:
        with_index(Path(folder), check)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_many_categories_are_never_added_up_in_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked, and after each change, the loop's own thread adds up a few counts at most."""
    many = CELLS_AT_ONCE + 50
    index = await filled(tmp_path, [make(n, name="gift", category=f"Category {n:04}") for n in range(many)])
    in_loop: list[int] = []
    divide = FacetCounts.divide

    def watched(self: FacetCounts, cells: Iterable[Any], *, capped: bool) -> Facets:
        listed = list(cells)
        if threading.current_thread() is threading.main_thread():
            in_loop.append(len(listed))
        return divide(self, listed, capped=capped)

    monkeypatch.setattr(FacetCounts, "divide", watched)
    for sold_out in (False, True):
        if sold_out:
            await index.apply_products(
                [make(7, name="gift", category="Category 0007", available=0, stock_version=2)]
            )
        expected = [CategoryCount(f"Category {n:04}", 1, int(not (sold_out and n == 7))) for n in range(many)]
        for query in (ListQuery(), ListQuery(min_price=1), ListQuery(search="gift")):
            assert (await index.count_facets(query)).categories == expected
        assert index.list_categories() == expected
        buyable = await index.count_facets(ListQuery(in_stock=True))
        assert len(buyable.categories) == buyable.availability.in_stock == many - sold_out
        assert (await index.count_facets(ListQuery(category="Category 0007"))).categories == [expected[7]]
    assert max(in_loop) <= 2


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_a_change_brings_its_own_categories_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sold-out product does not have the event loop go through all categories there are."""
    index = await filled(tmp_path, [make(n, category=f"Category {n}") for n in range(50)])
    brought: list[list[writer.Category]] = []
    change = FacetCounts.change

    def watched(self: FacetCounts, applied: writer.Applied) -> None:
        brought.append(applied.categories)
        change(self, applied)

    monkeypatch.setattr(FacetCounts, "change", watched)
    await index.apply_products([make(3, category="Category 3", available=0, stock_version=2)])
    await index.apply_products([make(99, category="New")])
    await index.apply_products([make(4, category="Category 4", deleted=True, version=2)])
    assert [[category.name for category in some] for some in brought] == [["Category 3"], ["New"], []]
    assert len(index.list_categories()) == 50


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_a_category_may_be_in_the_file_before_it_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that meets it there waits for the counts, which come next; it does not fail."""
    index = await filled(tmp_path, [make(1)])
    run, has_read = index._slow_reads.run, asyncio.Event()

    async def watched(work: Callable[[Read], Any]) -> Any:
        cells = await run(work)
        has_read.set()
        return cells

    monkeypatch.setattr(index._slow_reads, "run", watched)
    rows = [incoming(make(2, name="rare", category="New"), "GBP")]
    async with index._lock:
        applied = await index._db.write("products.apply", partial(writer.apply, rows=rows, now_ms=0))
        asking = asyncio.ensure_future(index.count_facets(ListQuery(search="rare")))
        await has_read.wait()
        index._counts.change(applied)
    assert (await asking).categories == [CategoryCount("New", 1, 1)]
