from typing import Any

import pytest
from store_catalog.domain.products import MAX_PRICE_MINOR

from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio
NOBODY = "01936c7e-0000-7000-8000-000000000000"
DETAILS = {"name": "Cup", "category": "Kitchen", "price_minor": 300}


def _path(product: dict[str, Any]) -> str:
    return f"/api/products/{product['id']}"


async def test_an_added_product_is_shown_to_everybody(shop: Shop) -> None:
    """The answer to adding says where it is, and there it is, whole."""
    body = {
        "sku": "A-1",
        "name": "Кружка",
        "description": "Для\nчая",
        "category": "Kitchen",
        "price_minor": 250,
    }
    added = await shop.call("POST", "/api/products", body | {"stock": 3}, shop.admin)
    assert added.status == 201
    shown = await shop.call("GET", added.headers["Location"])
    assert shown.status == 200
    assert shown.body == added.body
    assert shown.headers["ETag"] == added.headers["ETag"] == '"1.1"'
    assert {key: shown.body[key] for key in body} == body
    assert (shown.body["available"], shown.body["in_stock"], shown.body["currency"]) == (3, True, "GBP")
    assert (shown.body["version"], shown.body["created_at"]) == (1, shown.body["updated_at"])


async def test_lists_show_a_product_at_once(shop: Shop) -> None:
    """The process that wrote reads its own writes: made, edited, sold out and deleted."""
    product = await shop.product(name="Pot for tea", stock=1)

    async def listed() -> list[tuple[str, bool]]:
        answer = await shop.call("GET", "/api/products", params={"search": "pot"})
        return [(item["name"], item["in_stock"]) for item in answer.body["items"]]

    assert await listed() == [("Pot for tea", True)]
    await shop.call("PATCH", _path(product), {"name": "Coffee pot"}, shop.admin | {"If-Match": "*"})
    assert await listed() == [("Coffee pot", True)]
    await shop.reserve("o-1", (product["id"], 1))
    assert await listed() == [("Coffee pot", False)]
    await shop.call("DELETE", _path(product), headers=shop.admin | {"If-Match": "*"})
    assert await listed() == []


async def test_a_reader_who_has_the_version_is_not_sent_it_again(shop: Shop) -> None:
    """If-None-Match is answered 304 until the product or its stock changes."""
    product = await shop.product()
    tag = {"If-None-Match": (await shop.call("GET", _path(product))).headers["ETag"]}
    again = await shop.call("GET", _path(product), headers=tag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag["If-None-Match"])
    await shop.reserve("o-1", (product["id"], 1))
    assert (await shop.call("GET", _path(product), headers=tag)).status == 200


async def test_an_edit_replaces_every_detail(shop: Shop) -> None:
    """PUT sets what it names and empties what it leaves out."""
    product = await shop.product(sku="A", description="old")
    edited = await shop.call("PUT", _path(product), DETAILS, shop.admin | {"If-Match": '"1.1"'})
    assert edited.status == 200
    assert (edited.body["name"], edited.body["sku"], edited.body["description"]) == ("Cup", None, "")
    assert (edited.body["version"], edited.headers["ETag"], edited.body["available"]) == (2, '"2.1"', 5)
    assert (await shop.call("GET", _path(product))).body == edited.body


async def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    """What is left out stays; `sku: null` takes the SKU away; nothing named is nothing done."""
    product = await shop.product(sku="A", description="old")
    match = shop.admin | {"If-Match": "*"}
    patched = await shop.call("PATCH", _path(product), {"price_minor": 1, "sku": None}, match)
    assert (patched.body["price_minor"], patched.body["sku"]) == (1, None)
    assert (patched.body["name"], patched.body["description"], patched.body["version"]) == ("Mug", "old", 2)
    assert (await shop.call("PATCH", _path(product), {}, match)).body == patched.body


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_an_edit_must_say_what_it_edits(shop: Shop, method: str) -> None:
    """Without If-Match 428; with a tag of an old version, or none of ours, 412; the product stays."""
    product = await shop.product()
    await shop.call("PATCH", _path(product), {"name": "Bowl"}, shop.admin | {"If-Match": "*"})
    body = None if method == "DELETE" else DETAILS
    missing = await shop.call(method, _path(product), body, shop.admin)
    assert (missing.status, missing.slug) == (428, "precondition-required")
    for tag in ('"1.1"', 'W/"2.1"', "nonsense", '"2"'):
        stale = await shop.call(method, _path(product), body, shop.admin | {"If-Match": tag})
        assert (stale.status, stale.slug) == (412, "product-changed")
    assert (await shop.call("GET", _path(product))).body["name"] == "Bowl"
    fresh = await shop.call(method, _path(product), body, shop.admin | {"If-Match": '"9.9", "2.1"'})
    assert fresh.status == (204 if method == "DELETE" else 200)


async def test_sales_do_not_get_in_an_editors_way(shop: Shop) -> None:
    """An edit of the version one has read passes although units were sold meanwhile."""
    product = await shop.product()
    await shop.reserve("o-1", (product["id"], 1))
    edited = await shop.call("PUT", _path(product), DETAILS, shop.admin | {"If-Match": '"1.1"'})
    assert (edited.status, edited.body["available"]) == (200, 4)


async def test_a_deleted_product_is_gone(shop: Shop) -> None:
    """It can no longer be read, edited, restocked or deleted; its stock stays in the books."""
    product = await shop.product()
    match = shop.admin | {"If-Match": "*"}
    assert (await shop.call("DELETE", _path(product), headers=match)).status == 204
    answers = [
        await shop.call("GET", _path(product)),
        await shop.call("PUT", _path(product), DETAILS, match),
        await shop.call("PATCH", _path(product), {"name": "Cup"}, match),
        await shop.call("DELETE", _path(product), headers=match),
        await shop.call(
            "POST", f"{_path(product)}/stock-adjustments", {"delta": 1, "reason": "x"}, shop.admin
        ),
    ]
    assert {(answer.status, answer.slug) for answer in answers} == {(404, "product-not-found")}
    books = await shop.call("GET", "/api/admin/stock", headers=shop.admin)
    assert [row["received"] for row in books.body["items"]] == [5]


async def test_a_taken_sku_is_a_conflict(shop: Shop) -> None:
    """The answer names the product that has it, for adding and for both ways of editing."""
    first, other = await shop.product(sku="A"), await shop.product(sku="B")
    match = shop.admin | {"If-Match": "*"}
    answers = [
        await shop.call("POST", "/api/products", DETAILS | {"sku": "A"}, shop.admin),
        await shop.call("PUT", _path(other), DETAILS | {"sku": "A"}, match),
        await shop.call("PATCH", _path(other), {"sku": "A"}, match),
    ]
    assert {(a.status, a.slug, a.body["product_id"]) for a in answers} == {(409, "sku-taken", first["id"])}


async def test_an_odd_id_is_a_product_that_is_not_there(shop: Shop) -> None:
    """Whatever is asked for by id, the answer is 404, never an error of ours."""
    for name in ("batch", "x" * 300, "%00", "%F0%9F%98%80", "..%2F..%2Fetc"):
        assert (await shop.call("GET", f"/api/products/{name}")).status == 404


OUT_OF_BOUNDS = [
    ("name", ""),
    ("name", "x" * 201),
    ("name", "two\nlines"),
    ("name", "ends\n"),
    ("name", "nul\0"),
    ("name", 5),
    ("name", None),
    ("category", ""),
    ("category", "x" * 101),
    ("sku", ""),
    ("sku", "x" * 65),
    ("description", "bell\a"),
    ("description", "x" * 5_001),
    ("price_minor", 0),
    ("price_minor", -1),
    ("price_minor", MAX_PRICE_MINOR + 1),
    ("price_minor", 2**70),
    ("price_minor", 1.5),
    ("price_minor", "1"),
    ("price_minor", True),
    ("stock", -1),
    ("stock", 10**10),
    ("colour", "red"),
]


async def test_what_is_out_of_bounds_is_named(shop: Shop) -> None:
    """One product and a batch refuse the same, with 422 and the field; nothing is added."""
    for field, value in OUT_OF_BOUNDS:
        bad = DETAILS | {field: value}
        one = await shop.call("POST", "/api/products", bad, shop.admin)
        batch = await shop.call("POST", "/api/products/batch", {"products": [DETAILS, bad]}, shop.admin)
        assert (one.status, one.slug, one.fields) == (422, "invalid-input", [f"body.{field}"])
        assert (batch.status, batch.slug) == (422, "invalid-input"), (field, value)
        assert batch.fields[0].startswith("body.products.1")
    assert (await shop.call("GET", "/api/admin/stock", headers=shop.admin)).body["items"] == []


ODD_TEXTS = (
    "Ω≈ç√∫˜µ≤≥÷",
    "表ポあA鷗Œéß㐀𠀀",
    "<script>alert(1)</script>",
    "'; DROP TABLE products; --",
    "🐱",
)


async def test_odd_but_honest_text_is_kept(shop: Shop) -> None:
    """What is allowed comes back as it was sent, from one product and from a batch."""
    for text in ODD_TEXTS:
        one = await shop.product(name=text, category=text, sku=text, description=text)
        assert (one["name"], one["category"], one["sku"], one["description"]) == (text,) * 4
        batch = {"products": [DETAILS | {"sku": text}]}
        again = await shop.call("POST", "/api/products/batch", batch, shop.admin)
        assert again.body["items"] == [{"id": one["id"], "sku": text, "status": "exists"}]


ADMIN_ROUTES: list[tuple[str, str, Any]] = [
    ("POST", "/api/products", DETAILS),
    ("POST", "/api/products/batch", {"products": [DETAILS]}),
    ("PUT", f"/api/products/{NOBODY}", DETAILS),
    ("PATCH", f"/api/products/{NOBODY}", {}),
    ("DELETE", f"/api/products/{NOBODY}", None),
    ("POST", f"/api/products/{NOBODY}/stock-adjustments", {"delta": 1, "reason": "x"}),
    ("GET", "/api/admin/stock", None),
]
SERVICE_ROUTES: list[tuple[str, str, Any]] = [
    (
        "PUT",
        "/internal/reservations/o-1",
        {"lines": [{"product_id": NOBODY, "quantity": 1}], "not_after_ms": 1},
    ),
    ("DELETE", "/internal/reservations/o-1", None),
    ("POST", "/internal/shipments", {"order_ids": ["o-1"]}),
    ("POST", "/internal/products/lookup", {"ids": []}),
]


async def test_only_administrators_write(shop: Shop) -> None:
    """Anonymous requests get 401, customers and services 403, administrators an answer."""
    for method, path, body in ADMIN_ROUTES:
        assert (await shop.call(method, path, body)).status == 401
        assert (await shop.call(method, path, body, shop.customer)).status == 403
        assert (await shop.call(method, path, body, shop.service)).status == 403
        assert (await shop.call(method, path, body, shop.admin)).status not in (401, 403)


async def test_only_services_reserve(shop: Shop) -> None:
    """Only the shop's own services may touch reservations, not even administrators."""
    for method, path, body in SERVICE_ROUTES:
        assert (await shop.call(method, path, body)).status == 401
        assert (await shop.call(method, path, body, shop.customer)).status == 403
        assert (await shop.call(method, path, body, shop.admin)).status == 403
        assert (await shop.call(method, path, body, shop.service)).status not in (401, 403)
