"""Recently viewed products over HTTP."""

import pytest
from store_cart.domain.views import RECENT_LIMIT

from services.cart.tests.fakes import LAMP, MISSING, MUG, product
from services.cart.tests.serving import Answer, CartShop

pytestmark = pytest.mark.anyio

PATH = "/api/recently-viewed"


async def look(shop: CartShop, headers: dict[str, str], product_id: str) -> Answer:
    shop.clock.advance(1)
    return await shop.call("POST", PATH, {"product_id": product_id}, headers)


async def test_views_come_newest_first_and_each_product_once(shop: CartShop) -> None:
    """With the product as it is now."""
    for product_id in (MUG, LAMP, MUG):
        assert (await look(shop, shop.user, product_id)).status == 200
    items = (await shop.call("GET", PATH, headers=shop.user)).body["items"]
    assert [item["product_id"] for item in items] == [MUG, LAMP]
    assert items[0] == {
        "product_id": MUG,
        "viewed_at": "2023-11-14T22:13:23.000Z",
        "sku": "SKU01",
        "name": "Product 01",
        "price_minor": 250,
        "currency": "GBP",
        "in_stock": True,
    }


async def test_guests_have_their_own_views(shop: CartShop) -> None:
    """By the same token as their cart."""
    token = (await look(shop, {}, MUG)).body["cart_token"]
    items = (await shop.call("GET", PATH, headers={"Cart-Token": token})).body["items"]
    assert [item["product_id"] for item in items] == [MUG]
    assert (await shop.call("GET", PATH)).body == {"items": []}


async def test_only_the_latest_fifty_are_kept(shop: CartShop) -> None:
    """The first one goes when the fifty-first arrives."""
    ids = [f"01936c7e-5b7a-7c3e-9f20-0000000001{n:02x}" for n in range(RECENT_LIMIT + 1)]
    shop.catalogue.products |= {product_id: product(product_id) for product_id in ids}
    for product_id in ids:
        await look(shop, shop.user, product_id)
    items = (await shop.call("GET", PATH, headers=shop.user)).body["items"]
    assert [item["product_id"] for item in items] == ids[:0:-1]
    assert len((await shop.call("GET", f"{PATH}?limit=7", headers=shop.user)).body["items"]) == 7


async def test_a_vanished_product_is_left_out(shop: CartShop) -> None:
    """It cannot be looked at again."""
    await look(shop, shop.user, MUG)
    await look(shop, shop.user, LAMP)
    del shop.catalogue.products[LAMP]
    items = (await shop.call("GET", PATH, headers=shop.user)).body["items"]
    assert [item["product_id"] for item in items] == [MUG]


async def test_without_the_catalogue_the_ids_still_show(shop: CartShop) -> None:
    """What is not known is null."""
    await look(shop, shop.user, MUG)
    shop.catalogue.away = True
    (item,) = (await shop.call("GET", PATH, headers=shop.user)).body["items"]
    assert (item["product_id"], item["name"], item["price_minor"]) == (MUG, None, None)


async def test_bad_input_is_refused(shop: CartShop) -> None:
    """Unknown products, garbage, limits out of bounds."""
    assert (await look(shop, shop.user, MISSING)).slug == "unknown-product"
    assert (await look(shop, shop.user, "garbage")).status == 422
    for limit in ("0", "51", "x", "%C2%A04", "%204", "%2B4", "%D9%A4"):
        assert (await shop.call("GET", f"{PATH}?limit={limit}", headers=shop.user)).status == 422
    assert (await shop.call("GET", PATH, headers={"Cart-Token": "x"})).slug == "invalid-cart-token"
