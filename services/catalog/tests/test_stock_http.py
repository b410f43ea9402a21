import pytest

from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio


def _path(product_id: str) -> str:
    return f"/api/products/{product_id}/stock-adjustments"


async def test_a_delivery_is_received(shop: Shop) -> None:
    """Received and available grow together; an empty shelf is in stock again in the lists."""
    product = await shop.product(stock=0)
    answer = await shop.call(
        "POST", _path(product["id"]), {"delta": 7, "reason": "delivery 4711"}, shop.admin
    )
    assert answer.status == 200
    assert answer.body == {
        "product_id": product["id"],
        "received": 7,
        "available": 7,
        "sold": 0,
        "version": 2,
    }
    listed = await shop.call("GET", "/api/products", params={"in_stock": "true"})
    assert [item["id"] for item in listed.body["items"]] == [product["id"]]


async def test_an_adjustment_with_a_key_counts_once(shop: Shop) -> None:
    """The same key and body are answered alike; another body under the key is refused."""
    product = await shop.product(stock=1)
    headers = shop.admin | {"Idempotency-Key": "k-1"}
    body = {"delta": 2, "reason": "found"}
    answers = [await shop.call("POST", _path(product["id"]), body, headers) for _ in range(3)]
    assert {(answer.status, answer.body["received"]) for answer in answers} == {(200, 3)}
    other = await shop.call("POST", _path(product["id"]), body | {"delta": 3}, headers)
    assert (other.status, other.slug) == (422, "idempotency-key-reused")


async def test_stock_does_not_fall_below_zero(shop: Shop) -> None:
    """The refusal says what is available."""
    product = await shop.product(stock=2)
    answer = await shop.call("POST", _path(product["id"]), {"delta": -3, "reason": "broken"}, shop.admin)
    assert (answer.status, answer.slug, answer.body["available"]) == (409, "stock-below-zero", 2)


BAD_ADJUSTMENTS: list[dict[str, object]] = [
    {"delta": 1},
    {"reason": "x"},
    {"delta": 10**10, "reason": "x"},
    {"delta": 1.5, "reason": "x"},
    {"delta": 1, "reason": ""},
    {"delta": 1, "reason": "x" * 201},
    {"delta": 1, "reason": "two\nlines"},
    {"delta": 1, "reason": None},
]


async def test_an_adjustment_needs_units_and_a_reason(shop: Shop) -> None:
    """Anything else is 422."""
    product = await shop.product()
    for body in BAD_ADJUSTMENTS:
        answer = await shop.call("POST", _path(product["id"]), body, shop.admin)
        assert (answer.status, answer.slug) == (422, "invalid-input")


async def test_more_than_the_shop_counts_is_refused(shop: Shop) -> None:
    """The sum of deliveries is bounded too."""
    product = await shop.product(stock=10**9)
    answer = await shop.call("POST", _path(product["id"]), {"delta": 1, "reason": "more"}, shop.admin)
    assert (answer.status, answer.slug) == (409, "stock-above-limit")


async def test_the_books_are_paged(shop: Shop) -> None:
    """Every product comes once, with its holds; the Link header leads on."""
    made = [await shop.product(sku=f"S-{n}") for n in range(5)]
    await shop.reserve("o-1", (made[1]["id"], 2))
    rows = []
    path: str | None = "/api/admin/stock?limit=2"
    while path:
        page = await shop.call("GET", path, headers=shop.admin)
        rows += page.body["items"]
        link = page.headers.get("Link")
        assert (link is None) == (page.body["next_cursor"] is None)
        path = link.partition(">")[0].removeprefix("<") if link else None
    assert sorted(row["product_id"] for row in rows) == sorted(product["id"] for product in made)
    held = next(row for row in rows if row["product_id"] == made[1]["id"])
    assert held == {
        "product_id": made[1]["id"],
        "sku": "S-1",
        "received": 5,
        "available": 3,
        "sold": 0,
        "version": 2,
        "holds": [{"order_id": "o-1", "quantity": 2}],
    }


async def test_a_made_up_cursor_is_refused(shop: Shop) -> None:
    """Cursors are signed: what we did not make is 400."""
    for cursor in ("x", "A" * 100, "%00", "é"):
        answer = await shop.call("GET", f"/api/admin/stock?cursor={cursor}", headers=shop.admin)
        assert (answer.status, answer.slug) == (400, "invalid-cursor")


async def test_a_page_has_bounds(shop: Shop) -> None:
    """One to a hundred rows."""
    for limit in ("0", "101", "x", "-1"):
        assert (await shop.call("GET", f"/api/admin/stock?limit={limit}", headers=shop.admin)).status == 422
