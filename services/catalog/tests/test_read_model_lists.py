import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_catalog.adapters.read_model import index as read_model_index
from store_catalog.adapters.read_model import pages
from store_catalog.adapters.read_model.index import ReadModel
from store_catalog.domain.listing import ListQuery, Sort
from store_catalog.domain.products import Product

from services.catalog.tests.index_model import NaiveLists, all_pages, close_all, filled, make, with_index

WORDS = (
    "mug",
    "Mugs",
    "tea",
    "teapot",
    "Crème",
    "creme",
    "ёлка",
    "Елка",
    "чай",
    "чайник",
    "a",
    "т",
    "12",
    "T-Light",
)
CATEGORIES = ("Kitchen", "Home Décor", "Чай и кофе")
_text = st.lists(st.sampled_from(WORDS), min_size=0, max_size=3).map(" ".join)
_change = st.fixed_dictionaries(
    {
        "name": _text.filter(bool),
        "description": _text,
        "category": st.sampled_from(CATEGORIES),
        "price_minor": st.sampled_from((0, 1, 499, 500, 999, 2500, 100_000)),
        "available": st.sampled_from((0, 1, 7)),
        "deleted": st.sampled_from((False, False, False, False, True)),
    }
)
_history = st.lists(st.tuples(st.integers(1, 25), _change), max_size=60)
_query = st.builds(
    ListQuery,
    category=st.sampled_from((None, *CATEGORIES, "Nothing")),
    search=st.one_of(
        st.just(""), _text, st.sampled_from(("te", "mu", "cre", "е", "ча", "!", "tea mug tea", "sku 1"))
    ),
    min_price=st.sampled_from((None, 0, 1, 500)),
    max_price=st.sampled_from((None, 0, 499, 2500)),
    in_stock=st.sampled_from((None, True, False)),
    sort=st.sampled_from((None, *Sort)),
)


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    """Close what a test has opened."""
    yield
    await close_all()


def _played(history: list[tuple[int, dict[str, Any]]]) -> list[Product]:
    """Return every version of every product, one after the other; what is deleted stays deleted."""
    versions: dict[int, Product] = {}
    played = []
    for number, change in history:
        before = versions.get(number, make(number, created_at_ms=1_700_000_000_000 + number % 3, version=0))
        if not before.deleted:
            versions[number] = replace(before, **change, version=before.version + 1)
            played.append(versions[number])
    return played


@settings(max_examples=160, deadline=None)
@given(
    _history,
    st.lists(_query, min_size=1, max_size=8),
    st.integers(1, 7),
    st.sampled_from((0, 3, pages.FEW)),
    st.sampled_from((0, 2, pages.MOST_FORMS)),
    st.randoms(),
)
def test_every_list_is_what_looking_at_every_product_gives(
    history: list[tuple[int, dict[str, Any]]],
    queries: list[ListQuery],
    limit: int,
    few: int,
    most_forms: int,
    random: Any,
) -> None:
    """Whatever order versions come in: pages, counts and facets equal those of a naive model, found in any way."""
    played = _played(history)
    last = {product.id: product for product in played}
    arriving = [*played, *random.sample(played, len(played) // 2)]
    random.shuffle(arriving)

    async def check(index: ReadModel) -> None:
        for start in range(0, len(arriving), 5):
            await index.apply_products(arriving[start : start + 5])
        naive = NaiveLists(last.values())
        for query in queries:
            expected = naive.matches(query)
            assert await all_pages(index, query, limit) == [product.id for product in expected]
            assert (await index.list_products(query, None, limit)).count == len(expected)
            facets = await index.count_facets(query)
            assert {c.category: c.count for c in facets.categories} == naive.categories(query)
            assert {p.from_minor: p.count for p in facets.prices} == naive.prices(query)
            assert facets.availability.in_stock == sum(product.in_stock for product in expected)
            assert facets.availability.out_of_stock == sum(not product.in_stock for product in expected)

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FEW", few)
        patch.setattr(pages, "FEW_OF_SMALL", few)
        patch.setattr(pages, "MOST_FORMS", most_forms)
        with_index(Path(folder), check)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_of_equal_products_miss_none(tmp_path: Path, sort: Sort) -> None:
    """A thousand products of one name, price and millisecond are each shown once, in every order."""
    products = [make(n, name="Same", created_at_ms=1_700_000_000_000, available=n % 2) for n in range(1000)]
    index = await filled(tmp_path, products)
    for query in (
        ListQuery(sort=sort),
        ListQuery(sort=sort, category="Kitchen"),
        ListQuery(sort=sort, search="same"),
    ):
        ids = await all_pages(index, query, limit=37)
        assert sorted(ids) == sorted(product.id for product in products)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
@pytest.mark.parametrize("sort", [Sort.NAME, Sort.PRICE_DESC, Sort.NEWEST, Sort.RELEVANCE])
async def test_changes_between_pages_leave_the_other_products_alone(tmp_path: Path, sort: Sort) -> None:
    """While products come and go between pages, each that stays is shown exactly once."""
    products = [make(n, name=f"thing {n % 7}", price_minor=n % 5) for n in range(0, 200, 2)]
    index = await filled(tmp_path, products)
    query = ListQuery(search="thing", sort=sort)
    shown: list[str] = []
    behind, step = None, 0
    while True:
        page = await index.list_products(query, behind, 9)
        shown += [item.decode().split('"')[3] for item in page.items]
        if page.next_position is None:
            break
        behind, step = page.next_position, step + 1
        gone = replace(products[step * 7 % 100], deleted=True, version=9)
        await index.apply_products([gone, make(step * 2 + 1, name=f"thing {step % 7}", price_minor=step % 5)])
        await index.apply_products([replace(gone, deleted=False, version=8)])
    stayed = {product.id for product in products} - {products[s * 7 % 100].id for s in range(1, step + 1)}
    assert len(shown) == len(set(shown))
    assert stayed <= set(shown)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_a_common_word_among_many_products_pages_to_the_end(tmp_path: Path) -> None:
    """More matches than the loop sorts at once are sorted aside, exactly; only counts of a search are capped."""
    products = [make(n, name=f"mug {n % 17}", price_minor=n % 1009, available=n % 3) for n in range(12_000)]
    index = await filled(tmp_path, products)
    naive = NaiveLists(products)
    for query in (
        ListQuery(search="mu", sort=Sort.PRICE, in_stock=True),
        ListQuery(sort=Sort.NAME, min_price=3, max_price=4),
        ListQuery(sort=Sort.NAME, min_price=5, max_price=400, in_stock=False),
    ):
        expected = [product.id for product in naive.matches(query)]
        assert await all_pages(index, query) == expected
    page = await index.list_products(ListQuery(search="mug"), None, 20)
    assert (page.count, page.count_capped) == (10_001, True)
    page = await index.list_products(ListQuery(min_price=1), None, 20)
    assert (page.count, page.count_capped) == (sum(p.price_minor >= 1 for p in products), False)
    page = await index.list_products(ListQuery(), None, 20)
    assert (page.count, page.count_capped) == (12_000, False)
    assert (await index.count_facets(ListQuery(search="mug"))).capped
    assert not (await index.count_facets(ListQuery())).capped


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from((5, 700))), max_size=16),
    st.builds(
        ListQuery,
        search=st.just("gift"),
        in_stock=st.sampled_from((None, True, False)),
        min_price=st.sampled_from((None, 6)),
        sort=st.sampled_from(list(Sort)),
    ),
    st.integers(1, 3),
    st.sampled_from((4, 6)),
    st.sampled_from((0, pages.FEW)),
)
def test_no_capped_count_denies_what_pages_show(
    products: list[tuple[bool, int]], query: ListQuery, limit: int, cap: int, few: int
) -> None:
    """Whichever matches pass the filters, old or new, pages have all; a count that is not exact exceeds any page."""
    made = [
        make(n, name=f"gift {n % 3}", available=int(s), price_minor=p) for n, (s, p) in enumerate(products)
    ]
    expected = [product.id for product in NaiveLists(made).matches(query)]

    def holds(count: int, *, capped: bool) -> bool:
        return limit < count <= len(expected) if capped else count == len(expected)

    async def check(index: ReadModel) -> None:
        await index.apply_products(made)
        assert await all_pages(index, query, limit) == expected
        behind = None
        while True:
            page = await index.list_products(query, behind, limit)
            assert holds(page.count, capped=page.count_capped)
            behind = page.next_position
            if behind is None:
                break
        facets = await index.count_facets(query)
        assert holds(sum(c.count for c in facets.categories), capped=facets.capped)
        assert holds(sum(p.count for p in facets.prices), capped=facets.capped)
        stock = facets.availability
        assert holds(stock.in_stock + stock.out_of_stock, capped=facets.capped)

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MAX_COUNTED", cap)
        patch.setattr(pages, "_CAP", cap + 1)
        patch.setattr(pages, "ENOUGH_PASS", 4)
        patch.setattr(pages, "FEW_OF_SMALL", few)
        with_index(Path(folder), check)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_of_very_many_matches_the_newest_alone_may_pass(tmp_path: Path) -> None:
    """Of 10 200 products that match, all but the newest hundred are sold out: in every order those are the list."""
    products = [make(n, name="gift", price_minor=n % 7, available=int(n >= 10_100)) for n in range(10_200)]
    index = await filled(tmp_path, products)
    naive = NaiveLists(products)
    for sort in Sort:
        query = ListQuery(search="gift", in_stock=True, sort=sort)
        assert await all_pages(index, query, 30) == [product.id for product in naive.matches(query)]
        page = await index.list_products(query, None, 30)
        assert (len(page.items), page.count, page.count_capped) == (30, 100, False)
    facets = await index.count_facets(ListQuery(search="gift", in_stock=True))
    assert (facets.availability.in_stock, facets.capped) == (100, False)
    facets = await index.count_facets(ListQuery(search="gift", in_stock=False))
    assert (facets.availability.out_of_stock, facets.capped) == (10_001, True)
    page = await index.list_products(ListQuery(search="gift", min_price=7), None, 30)
    assert (page.items, page.count, page.count_capped) == ([], 0, False)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
@pytest.mark.parametrize("at_once", [0, 500])
async def test_facets_of_a_price_range_are_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """They are kept, not counted, so all of 12 000 products are in them, wherever that is added up."""
    monkeypatch.setattr(read_model_index, "CELLS_AT_ONCE", at_once)
    products = [make(n, price_minor=n % 7_000, available=n % 3) for n in range(12_000)]
    index = await filled(tmp_path, products)
    naive = NaiveLists(products)
    for query in (
        ListQuery(min_price=1),
        ListQuery(min_price=700, max_price=5_200),
        ListQuery(min_price=510, max_price=520, in_stock=True),
        ListQuery(max_price=999, category="Kitchen"),
        ListQuery(min_price=9, max_price=8),
    ):
        facets = await index.count_facets(query)
        assert not facets.capped
        assert {p.from_minor: p.count for p in facets.prices} == naive.prices(query)
        assert {c.category: c.count for c in facets.categories} == naive.categories(query)


@pytest.mark.anyio
@pytest.mark.usefixtures("closing")
async def test_a_word_that_came_or_went_lately_is_found_or_not(tmp_path: Path) -> None:
    """A search's last word goes on to any word that there is now, numbers too; those that have gone find nothing."""
    index = await filled(tmp_path, [make(1, name="teapot"), make(2, name="7seas", sku=None)])

    async def found(search: str) -> list[str]:
        return [one[-1:] for one in await all_pages(index, ListQuery(search=search))]

    assert (await found("tea"), await found("7s")) == (["1"], ["2"])
    assert await found("teak") == []
    await index.apply_products([make(3, name="teak"), make(1, name="mug", version=2)])
    assert (await found("tea"), await found("teak"), await found("teapot")) == (["3"], ["3"], [])
    await index.apply_products([make(n, name=f"tea{n}") for n in range(4, 10 + pages.MOST_FORMS)])
    assert len(await found("tea")) == 7 + pages.MOST_FORMS
