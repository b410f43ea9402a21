import asyncio

import pytest
from store_catalog.domain.reservations import MAX_LINES

from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio
NOBODY = "01936c7e-0000-7000-8000-000000000000"


async def test_a_reservation_answers_names_and_prices(shop: Shop) -> None:
    """The order service freezes what it is told here."""
    product = await shop.product(sku="A")
    answer = await shop.reserve("o-1", (product["id"], 2))
    assert answer.status == 200
    assert answer.body == {
        "order_id": "o-1",
        "state": "HELD",
        "currency": "GBP",
        "lines": [
            {"product_id": product["id"], "sku": "A", "name": "Mug", "quantity": 2, "unit_price_minor": 250}
        ],
    }
    assert (await shop.reserve("o-1", (product["id"], 2))).body == answer.body
    assert (await shop.call("GET", f"/api/products/{product['id']}")).body["available"] == 3


async def test_a_short_order_learns_what_there_is(shop: Shop) -> None:
    """409 with every short line; unknown products have none; nothing is held."""
    product = await shop.product(stock=1)
    answer = await shop.reserve("o-1", (product["id"], 2), (NOBODY, 1))
    assert (answer.status, answer.slug) == (409, "insufficient-stock")
    assert answer.body["lines"] == [
        {"product_id": product["id"], "requested": 2, "available": 1},
        {"product_id": NOBODY, "requested": 1, "available": 0},
    ]
    assert (await shop.call("GET", f"/api/products/{product['id']}")).body["available"] == 1


async def shipped(shop: Shop, *order_ids: str) -> dict[str, str]:
    """Have orders shipped; return the state of each."""
    answer = await shop.call("POST", "/internal/shipments", {"order_ids": order_ids}, shop.service)
    assert answer.status == 200
    return {item["order_id"]: item["state"] for item in answer.body["items"]}


async def test_one_order_that_holds_nothing_does_not_keep_others_from_being_shipped(shop: Shop) -> None:
    """Each order of a shipment is answered for itself; odd ids and too many are refused."""
    product = await shop.product()
    await shop.reserve("o-1", (product["id"], 2))
    await shop.reserve("o-3", (product["id"], 1))
    assert await shipped(shop, "o-1", "o-2", "o-3") == {"o-1": "SHIPPED", "o-2": "RELEASED", "o-3": "SHIPPED"}
    for order_ids in ([], ["a b"], ["x" * 65], ["o"] * 129):
        answer = await shop.call("POST", "/internal/shipments", {"order_ids": order_ids}, shop.service)
        assert (answer.status, answer.slug) == (422, "invalid-input")


async def test_the_life_of_a_shipped_order(shop: Shop) -> None:
    """Held, shipped, shipped again; then it can neither be released nor held."""
    product = await shop.product()
    await shop.reserve("o-1", (product["id"], 2))
    for _ in range(2):
        assert await shipped(shop, "o-1") == {"o-1": "SHIPPED"}
    released = await shop.call("DELETE", "/internal/reservations/o-1", headers=shop.service)
    assert (released.status, released.slug) == (409, "reservation-shipped")
    assert (await shop.reserve("o-1", (product["id"], 2))).slug == "reservation-shipped"


async def test_the_life_of_a_cancelled_order(shop: Shop) -> None:
    """Held, released, released again; then it can neither be shipped nor held."""
    product = await shop.product()
    await shop.reserve("o-1", (product["id"], 2))
    for _ in range(2):
        released = await shop.call("DELETE", "/internal/reservations/o-1", headers=shop.service)
        assert (released.status, released.body) == (200, {"order_id": "o-1", "state": "RELEASED"})
    assert await shipped(shop, "o-1") == {"o-1": "RELEASED"}
    assert (await shop.reserve("o-1", (product["id"], 2))).slug == "reservation-released"


async def test_a_hold_that_nobody_waits_for_is_refused(shop: Shop) -> None:
    """Behind `not_after_ms` the answer is 409 and nothing is held."""
    product = await shop.product()
    answer = await shop.reserve("o-1", (product["id"], 1), not_after_ms=1)
    assert (answer.status, answer.slug) == (409, "reservation-expired")


MALFORMED: list[dict[str, object]] = [
    {"lines": [], "not_after_ms": 1},
    {"lines": [{"product_id": NOBODY, "quantity": 0}], "not_after_ms": 1},
    {"lines": [{"product_id": NOBODY, "quantity": 100_001}], "not_after_ms": 1},
    {"lines": [{"product_id": "x" * 65, "quantity": 1}], "not_after_ms": 1},
    {"lines": [{"product_id": NOBODY, "quantity": 1}] * 2, "not_after_ms": 1},
    {"lines": [{"product_id": f"p-{n}", "quantity": 1} for n in range(MAX_LINES + 1)], "not_after_ms": 1},
    {"lines": [{"product_id": NOBODY, "quantity": 1, "price": 1}], "not_after_ms": 1},
    {"lines": [{"product_id": NOBODY, "quantity": 1}]},
    {"lines": [{"product_id": NOBODY, "quantity": 1}], "not_after_ms": -1},
]


async def test_a_malformed_reservation_is_refused(shop: Shop) -> None:
    """Bounds, unknown fields and a product in two lines are 422."""
    for body in MALFORMED:
        answer = await shop.call("PUT", "/internal/reservations/o-1", body, shop.service)
        assert (answer.status, answer.slug) == (422, "invalid-input")


async def test_an_odd_order_id_is_refused(shop: Shop) -> None:
    """Order ids are short and plain."""
    for name in ("x" * 65, "a%20b", "%00"):
        assert (
            await shop.call("DELETE", f"/internal/reservations/{name}", headers=shop.service)
        ).status == 422


async def test_the_last_unit_goes_to_one_of_a_hundred(shop: Shop) -> None:
    """A hundred orders at once through HTTP: one holds, ninety-nine are refused cleanly, the metric says so."""
    product = await shop.product(stock=1)
    answers = await asyncio.gather(*(shop.reserve(f"o-{n}", (product["id"], 1)) for n in range(100)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 99
    assert {answer.slug for answer in answers if answer.status == 409} == {"insufficient-stock"}
    assert await shop.metric('store_stock_reservations_total{outcome="held"}') == 1
    assert await shop.metric('store_stock_reservations_total{outcome="insufficient"}') == 99


async def test_every_outcome_of_a_reservation_is_counted(shop: Shop) -> None:
    """Held, refused, released and shipped have their series."""
    product = await shop.product()
    await shop.reserve("o-1", (product["id"], 1))
    await shop.reserve("o-2", (product["id"], 1))
    await shop.call("DELETE", "/internal/reservations/o-1", headers=shop.service)
    await shipped(shop, "o-2")
    await shop.reserve("o-1", (product["id"], 1))
    counted = {
        outcome: await shop.metric(f'store_stock_reservations_total{{outcome="{outcome}"}}')
        for outcome in ("held", "refused", "released", "shipped")
    }
    assert counted == {"held": 2, "refused": 1, "released": 1, "shipped": 1}


async def test_services_find_products_by_id(shop: Shop) -> None:
    """Unknown and deleted ones are left out, repeated ones answered once."""
    here, gone = await shop.product(sku="A"), await shop.product()
    await shop.call("DELETE", f"/api/products/{gone['id']}", headers=shop.admin | {"If-Match": "*"})
    body = {"ids": [here["id"], NOBODY, gone["id"], here["id"]]}
    answer = await shop.call("POST", "/internal/products/lookup", body, shop.service)
    assert answer.status == 200
    assert answer.body == {
        "products": [
            {
                "id": here["id"],
                "sku": "A",
                "name": "Mug",
                "price_minor": 250,
                "currency": "GBP",
                "in_stock": True,
                "available": 5,
            }
        ]
    }


async def test_a_lookup_has_bounds(shop: Shop) -> None:
    """As many ids as an order has lines at most, each of them short."""
    for ids in ([NOBODY] * (MAX_LINES + 1), ["x" * 65], [1], "all"):
        answer = await shop.call("POST", "/internal/products/lookup", {"ids": ids}, shop.service)
        assert answer.status == 422
