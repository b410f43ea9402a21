import asyncio
import io

import pytest
from store_kit.http.responses import json_bytes

from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio
PATH = "/api/products/batch"
JSON_TYPE = {"Content-Type": "application/json"}


def _products(count: int, first: int = 0) -> list[dict[str, object]]:
    return [
        {"sku": f"S-{n}", "name": f"Gift {n}", "category": "Gifts", "price_minor": 100 + n, "stock": n}
        for n in range(first, first + count)
    ]


async def test_a_batch_adds_every_product(shop: Shop) -> None:
    """The answer has the products in their order; each can be read by its id."""
    answer = await shop.call("POST", PATH, {"products": _products(3)}, shop.admin)
    assert answer.status == 200
    assert (answer.body["created"], answer.body["existing"]) == (3, 0)
    assert [(item["sku"], item["status"]) for item in answer.body["items"]] == [
        (f"S-{n}", "created") for n in range(3)
    ]
    last = await shop.call("GET", f"/api/products/{answer.body['items'][2]['id']}")
    assert (last.body["name"], last.body["price_minor"], last.body["available"]) == ("Gift 2", 102, 2)


async def test_a_batch_may_be_sent_again(shop: Shop) -> None:
    """By SKU: what is there is reported with its id and stays as it is."""
    first = await shop.call("POST", PATH, {"products": _products(1_000)}, shop.admin)
    again = await shop.call("POST", PATH, {"products": _products(10, first=995)}, shop.admin)
    assert (again.body["created"], again.body["existing"]) == (5, 5)
    assert [item["id"] for item in again.body["items"][:5]] == [
        item["id"] for item in first.body["items"][995:]
    ]


async def test_one_batch_many_times_at_once_adds_once(shop: Shop) -> None:
    """Parallel repetitions agree on the ids."""
    answers = await asyncio.gather(
        *(shop.call("POST", PATH, {"products": _products(20)}, shop.admin) for _ in range(10))
    )
    assert sum(answer.body["created"] for answer in answers) == 20
    assert len({tuple(item["id"] for item in answer.body["items"]) for answer in answers}) == 1


BAD_BATCHES: list[tuple[object, str]] = [
    ({"products": []}, "body.products"),
    ({"products": _products(1_001)}, "body.products"),
    ({}, "body"),
    ([], "body"),
    ({"products": "all"}, "body.products"),
    ({"products": [], "extra": 1}, "body"),
]
NOT_JSON = (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"products": [{"name": "\\ud800"}]}')


async def test_a_batch_has_bounds(shop: Shop) -> None:
    """One to a thousand products, and nothing else."""
    for body, field in BAD_BATCHES:
        answer = await shop.call("POST", PATH, body, shop.admin)
        assert (answer.status, answer.slug) == (422, "invalid-input")
        assert answer.fields[0].startswith(field)


async def test_what_is_not_json_is_refused(shop: Shop) -> None:
    """Broken, deeply nested or badly encoded bodies are 400 or 422, never an error of ours."""
    for raw in NOT_JSON:
        answer = await shop.call("POST", PATH, headers=shop.admin | JSON_TYPE, data=raw)
        assert answer.status in (400, 422), raw[:20]
        assert answer.slug in ("bad-request", "invalid-input")


async def test_every_fault_of_a_batch_is_named(shop: Shop) -> None:
    """The answer names everything that is wrong with a batch, as with one product."""
    products = _products(3)
    products[0]["price_minor"] = 0
    products[2]["colour"] = "red"
    answer = await shop.call("POST", PATH, {"products": products}, shop.admin)
    assert answer.fields == ["body.products.0.price_minor", "body.products.2.colour"]


async def test_a_whole_number_may_have_a_point(shop: Shop) -> None:
    """100.0 is an integer to JSON Schema, so it is one here, for one product and for a batch."""
    product = _products(1)[0] | {"price_minor": 100.0, "stock": 2.0}
    batch = await shop.call("POST", PATH, {"products": [product]}, shop.admin)
    assert (batch.status, batch.body["created"]) == (200, 1)
    one = await shop.product(price_minor=100.0)
    body = {"delta": 1.0, "reason": "found"}
    adjusted = await shop.call("POST", f"/api/products/{one['id']}/stock-adjustments", body, shop.admin)
    assert (one["price_minor"], adjusted.body["received"]) == (100, 6)


async def test_a_batch_is_posted(shop: Shop) -> None:
    """Nothing else can be done to `batch`, whatever can be done to a product."""
    answer = await shop.call("OPTIONS", PATH)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_batch_that_is_too_large_is_refused(shop: Shop) -> None:
    """More than a mebibyte is 413, however few products it is."""
    products = [product | {"description": "x" * 5_000} for product in _products(300)]
    raw = io.BytesIO(json_bytes({"products": products}))
    answer = await shop.call("POST", PATH, headers=shop.admin, data=raw)
    assert (answer.status, answer.slug) == (413, "payload-too-large")
