import time
from pathlib import Path
from typing import Any

import pytest
from store_catalog.api.product_lists import PARAMETERS, read_list_request
from store_catalog.api.views import ListedProductView, ProductPageView

from services.catalog.tests.serving import Answer, Shop, catalog_shop

pytestmark = pytest.mark.anyio
NAUGHTY = (
    "",
    " ",
    "!!!",
    "'",
    '"',
    '""',
    "*",
    "a*",
    "AND",
    "NOT OR NEAR",
    "name : x",
    "{name} : (",
    "^mug",
    "mug + tea",
    "-mug",
    "\0",
    "mug\0tea",
    "\ud7ff\uffff",
    "🎁",
    "م",
    "½",
    "'; DROP TABLE product; --",
    "%",
    "§1",
    "x" * 200,
    "a " * 100,
)


async def _list(shop: Shop, **query: Any) -> Answer:
    return await shop.call("GET", "/api/products", params=query)


def _names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["name"] for item in answer.body["items"]]


async def _stocked(shop: Shop) -> None:
    await shop.product(name="Red Mug", price_minor=500, sku="MUG-1")
    await shop.product(name="Ёлочный шар", category="Christmas", price_minor=150, stock=0)
    await shop.product(name="Crème brûlée set", description="A mug of cream", price_minor=2500)


def _unlink_index(folder: Path) -> None:
    for file in folder.glob("catalog-index.db*"):
        file.unlink()


async def test_filters_sorts_and_search_meet_in_one_list(shop: Shop) -> None:
    """Each parameter does what its name says; accents, ё and case do not matter."""
    await _stocked(shop)
    assert _names(await _list(shop)) == ["Crème brûlée set", "Ёлочный шар", "Red Mug"]
    assert _names(await _list(shop, sort="name")) == ["Crème brûlée set", "Red Mug", "Ёлочный шар"]
    assert _names(await _list(shop, sort="-price", category="Kitchen")) == ["Crème brûlée set", "Red Mug"]
    assert _names(await _list(shop, min_price=150, max_price=500, sort="price")) == ["Ёлочный шар", "Red Mug"]
    assert _names(await _list(shop, in_stock="false")) == ["Ёлочный шар"]
    assert _names(await _list(shop, search="CREME brul")) == ["Crème brûlée set"]
    assert _names(await _list(shop, search="елочн")) == ["Ёлочный шар"]
    assert _names(await _list(shop, search="mug")) == ["Red Mug", "Crème brûlée set"]
    assert _names(await _list(shop, search="mug-1")) == ["Red Mug"]
    assert _names(await _list(shop, category="Nothing")) == []


async def test_an_item_has_exactly_the_documented_fields(shop: Shop) -> None:
    """The ready bytes of the read model are what the API's documentation promises."""
    made = await shop.product(name="Mug", sku="M")
    (item,) = (await _list(shop)).body["items"]
    assert set(item) == set(ListedProductView.__dataclass_fields__)
    assert item == {field: made[field] for field in item}
    page = (await _list(shop, facets="true")).body
    assert set(page) == set(ProductPageView.__dataclass_fields__)


async def test_pages_are_linked_by_cursors(shop: Shop) -> None:
    """The Link header leads through all pages; `next_cursor` is null on the last one."""
    for number in range(5):
        await shop.product(name=f"Mug {number}")
    first = await _list(shop, limit=2, sort="name", category="Kitchen")
    assert first.body["count"] == 5
    link = first.headers["Link"]
    assert link.endswith('>; rel="next"')
    second = await shop.call("GET", link[1 : link.index(">")])
    third = await _list(shop, limit=2, sort="name", category="Kitchen", cursor=second.body["next_cursor"])
    assert [*_names(first), *_names(second), *_names(third)] == [f"Mug {n}" for n in range(5)]
    assert third.body["next_cursor"] is None
    assert "Link" not in third.headers


async def test_a_cursor_serves_its_own_query_only(shop: Shop) -> None:
    """Altered, or with other filters, it is a 400; the size of the page may change."""
    for number in range(3):
        await shop.product(name=f"Mug {number}")
    cursor = (await _list(shop, limit=1, sort="name")).body["next_cursor"]
    assert _names(await _list(shop, limit=2, sort="name", cursor=cursor)) == ["Mug 1", "Mug 2"]
    middle = len(cursor) // 2
    altered = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for query in (
        {"sort": "name", "cursor": altered},
        {"sort": "-name", "cursor": cursor},
        {"sort": "name", "cursor": cursor, "in_stock": "true"},
        {"sort": "name", "cursor": cursor, "search": "mug"},
        {"cursor": "x"},
        {"cursor": ""},
        {"cursor": "ü"},
        {"cursor": "A" * 3000},
    ):
        answer = await _list(shop, **query)
        assert (answer.status, answer.slug) == (400, "invalid-cursor"), query


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": "1.0"},
        {"limit": ""},
        {"limit": "٣"},
        {"limit": "9" * 5000},
        {"min_price": "-1"},
        {"max_price": "1e3"},
        {"max_price": "99999999999"},
        {"in_stock": "yes"},
        {"facets": "1"},
        {"sort": "id"},
        {"search": "x" * 201},
        {"category": "x" * 101},
    ],
)
async def test_what_is_out_of_bounds_is_named(shop: Shop, query: dict[str, str]) -> None:
    """A parameter that cannot be read is a 422 that names it."""
    answer = await _list(shop, **query)
    assert (answer.status, answer.slug) == (422, "invalid-input")
    assert answer.fields == [f"query.{name}" for name in query]


async def test_every_fault_is_named_at_once(shop: Shop) -> None:
    """All bad parameters are named at once; unknown ones before anything is read."""
    answer = await _list(shop, limit="0", sort="id")
    assert answer.fields == ["query.limit", "query.sort"]
    answer = await _list(shop, limit="0", size="9", colour="red")
    assert answer.fields == ["query.colour", "query.size"]


async def test_no_search_text_is_a_fault_of_ours(shop: Shop) -> None:
    """Quotes, operators, NUL, emoji and long texts find what they find, in every order."""
    await _stocked(shop)
    for text in NAUGHTY:
        for extra in ({}, {"sort": "name"}, {"in_stock": "true", "facets": "true"}, {"category": text[:100]}):
            answer = await _list(shop, search=text, **extra)
            assert answer.status == 200, (text, extra)
    for path in (
        "?search=%ff%fe",
        "?search=%00",
        "?search=%ed%a0%80",
        "?category=%ff",
        "?search",
        "?&&",
    ):
        assert (await shop.call("GET", f"/api/products{path}")).status == 200, path
    for path in ("?=&&=;", "?%", "?%ff=1"):
        assert (await shop.call("GET", f"/api/products{path}")).status == 422, path


async def test_an_unchanged_list_is_not_sent_again(shop: Shop) -> None:
    """If-None-Match with the ETag gives 304; a change gives a new list."""
    await _stocked(shop)
    for path in ("/api/products?search=mug", "/api/categories"):
        etag = (await shop.call("GET", path)).headers["ETag"]
        again = await shop.call("GET", path, headers={"If-None-Match": etag})
        assert (again.status, again.headers["ETag"], again.body) == (304, etag, b"")
        await shop.product(name="Another Mug")
        changed = await shop.call("GET", path, headers={"If-None-Match": etag})
        assert changed.status == 200
        assert changed.headers["ETag"] != etag


async def test_facets_divide_the_matches(shop: Shop) -> None:
    """Categories, price ranges and availability add up to the matches, with a search and without."""
    await _stocked(shop)
    assert "facets" not in (await _list(shop)).body
    facets = (await _list(shop, facets="true")).body["facets"]
    assert facets == {
        "categories": [
            {"category": "Christmas", "count": 1, "in_stock": 0},
            {"category": "Kitchen", "count": 2, "in_stock": 2},
        ],
        "prices": [
            {"from_minor": 0, "below_minor": 500, "count": 1},
            {"from_minor": 500, "below_minor": 1000, "count": 1},
            {"from_minor": 2500, "below_minor": 5000, "count": 1},
        ],
        "availability": {"in_stock": 2, "out_of_stock": 1},
        "capped": False,
    }
    found = (await _list(shop, facets="true", search="mug", max_price=500)).body["facets"]
    assert [c["count"] for c in found["categories"]] == [1]
    none = (await _list(shop, facets="true", category="Nothing")).body["facets"]
    assert none["categories"] == none["prices"] == []


async def test_categories_are_counted(shop: Shop) -> None:
    """Every category with products is there, in the order of the alphabet; empty ones are not."""
    await _stocked(shop)
    gone = await shop.product(category="Short-lived")
    path = f"/api/products/{gone['id']}"
    etag = (await shop.call("GET", path)).headers["ETag"]
    await shop.call("DELETE", path, headers={**shop.admin, "If-Match": etag})
    answer = await shop.call("GET", "/api/categories")
    assert answer.body["items"] == [
        {"category": "Christmas", "count": 1, "in_stock": 0},
        {"category": "Kitchen", "count": 2, "in_stock": 2},
    ]


async def test_what_was_written_is_listed_at_once(shop: Shop) -> None:
    """A product that was added, edited or deleted shows in the very next list."""
    made = await shop.product(name="Lamp")
    assert _names(await _list(shop, search="lamp")) == ["Lamp"]
    path = f"/api/products/{made['id']}"
    etag = (await shop.call("GET", path)).headers["ETag"]
    headers = {**shop.admin, "If-Match": etag}
    edited = await shop.call("PATCH", path, {"name": "Lantern"}, headers)
    assert _names(await _list(shop, search="lamp")) == []
    assert _names(await _list(shop, search="lantern")) == ["Lantern"]
    headers = {**shop.admin, "If-Match": edited.headers["ETag"]}
    assert (await shop.call("DELETE", path, headers=headers)).status == 204
    assert _names(await _list(shop, search="lantern")) == []


async def test_the_last_unit_that_is_sold_is_seen_in_the_list(shop: Shop) -> None:
    """A product that goes out of stock by an order is listed as such at once."""
    made = await shop.product(stock=1)
    await shop.reserve("0b1f3f0e-6b1c-5a57-9a3a-2b0c5d7e9f10", (made["id"], 1))
    assert _names(await _list(shop, in_stock="true")) == []
    assert _names(await _list(shop, in_stock="false")) == ["Mug"]


async def test_a_deleted_index_comes_back(tmp_path: Path) -> None:
    """The index is a copy: without its file, the next start shows the same lists."""
    async with catalog_shop(tmp_path) as shop:
        await _stocked(shop)
        before = (await _list(shop, sort="name")).body
    _unlink_index(tmp_path)
    async with catalog_shop(tmp_path) as shop:
        assert (await _list(shop, sort="name")).body == before
        assert await shop.metric("store_catalog_index_lag_seconds") < 60


async def test_a_batch_is_found_a_moment_later(shop: Shop) -> None:
    """A thousand products of one batch are searchable without anyone waiting for a poll."""
    batch = [{"name": f"Mug {n}", "category": "Kitchen", "price_minor": n} for n in range(1, 1001)]
    answer = await shop.call("POST", "/api/products/batch", {"products": batch}, shop.admin)
    assert answer.status < 300, answer.body
    deadline = time.monotonic() + 10
    while (await _list(shop, search="mug")).body["count"] < 1000:
        assert time.monotonic() < deadline


async def test_parameters_are_documented_once() -> None:
    """Every parameter that is read is documented, with the bounds that are enforced."""
    documented = {name: parameter.document(name)["schema"] for name, parameter in PARAMETERS.items()}
    assert documented["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    everything = (
        "category=a&search=b&min_price=1&max_price=2&in_stock=true&sort=name&limit=3&cursor=c&facets=true"
    )
    asked = read_list_request(everything.encode())
    assert (asked.limit, asked.cursor, asked.facets, asked.query.sort) == (3, "c", True, "name")
    assert set(documented) == {pair.partition("=")[0] for pair in everything.split("&")}
