"""Over HTTP: prices shown are kept, changes of products are seen, conditions are evaluated, guests are counted."""

from pathlib import Path

import pytest

from services.cart.tests.fakes import LAMP, MUG, product
from services.cart.tests.serving import CartShop, cart_shop

pytestmark = pytest.mark.anyio
CART, ITEMS = "/api/cart", "/api/cart/items"


async def shown(shop: CartShop) -> dict[str, int]:
    """Return which prices count as shown, as an order is told."""
    path = f"/internal/carts/{shop.user_id}"
    items = (await shop.call("GET", path, headers=shop.service)).body["items"]
    return {item["product_id"]: item["shown_minor"] for item in items}


async def test_answers_that_add_or_set_show_the_price_that_is_kept(shop: CartShop) -> None:
    """Adding, setting, replacing: the price in the answer is the one that binds."""
    assert (await shop.add(shop.user, MUG)).body["unit_price_minor"] == 250
    for method, path, body in (
        ("POST", ITEMS, {"product_id": MUG, "quantity": 1}),
        ("PUT", f"{ITEMS}/{MUG}", {"quantity": 3}),
        ("PUT", ITEMS, {"items": [{"product_id": MUG, "quantity": 1}]}),
    ):
        price_minor = (await shown(shop))[MUG] + 50
        shop.catalogue.products[MUG] = product(MUG, price_minor)
        shop.known.forget_products([MUG])
        answer = (await shop.call(method, path, body, shop.user)).body
        line = answer["items"][0] if "items" in answer else answer
        assert line["unit_price_minor"] == price_minor
        assert await shown(shop) == {MUG: price_minor}


async def test_looking_at_the_cart_keeps_what_it_showed(shop: CartShop) -> None:
    """The version and the tag stay those of the cart; the price when added stays too."""
    await shop.add(shop.user, MUG)
    shop.catalogue.products[MUG] = product(MUG, 300)
    first, second = [await shop.call("GET", CART, headers=shop.user) for _ in range(2)]
    assert await shown(shop) == {MUG: 300}
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.body["items"][0]["price_when_added_minor"] == 250


async def test_a_quantity_can_be_set_while_the_catalogue_is_away(shop: CartShop) -> None:
    """At the price that was shown before."""
    await shop.add(shop.user, MUG)
    shop.catalogue.away = True
    shop.known.forget_all_products()
    answer = await shop.call("PUT", f"{ITEMS}/{MUG}", {"quantity": 3}, shop.user)
    assert (answer.status, answer.body["unit_price_minor"]) == (200, 250)


async def test_a_product_that_is_gone_cannot_be_set(shop: CartShop) -> None:
    """Its line can be removed."""
    await shop.add(shop.user, MUG)
    del shop.catalogue.products[MUG]
    shop.known.forget_products([MUG])
    assert (await shop.call("PUT", f"{ITEMS}/{MUG}", {"quantity": 3}, shop.user)).slug == "unknown-product"
    assert (await shop.call("DELETE", f"{ITEMS}/{MUG}", headers=shop.user)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", CART, None),
        ("POST", ITEMS, {"product_id": LAMP, "quantity": 1}),
        ("PUT", ITEMS, {"items": []}),
        ("PUT", f"{ITEMS}/{MUG}", {"quantity": 9}),
        ("DELETE", f"{ITEMS}/{MUG}", None),
    ],
)
async def test_every_change_evaluates_if_match(shop: CartShop, method: str, path: str, body: object) -> None:
    """With a tag that is not the cart's nothing changes; with the one that was read it goes through."""
    await shop.add(shop.user, MUG)
    for stale in ('"0"', '"7-00000000"', 'W/"1"', "nonsense"):
        refused = await shop.call(method, path, body, {**shop.user, "If-Match": stale})
        assert refused.slug == "precondition-failed"
    assert await shop.quantities(shop.user) == {MUG: 1}
    tag = (await shop.call("GET", CART, headers=shop.user)).headers["ETag"]
    answer = await shop.call(method, path, body, {**shop.user, "If-Match": f'"9", {tag}'})
    assert answer.status in (200, 204)


async def test_a_strangers_empty_cart_has_a_tag_too(shop: CartShop) -> None:
    """Nothing to empty, and yet no other cart than the one that was read."""
    assert (await shop.call("DELETE", CART, headers={"If-Match": '"3"'})).slug == "precondition-failed"
    assert (await shop.call("DELETE", CART, headers={"If-Match": '"0"'})).status == 204


async def test_an_address_becomes_only_so_many_guests(tmp_path: Path) -> None:
    """429 for the one too many; who has a token goes on, and so does who is signed in."""
    async with cart_shop(tmp_path, cart_guest_limit_address="2/minute") as shop:
        guest = await shop.guest()
        await shop.guest()
        for path, body in (
            (ITEMS, {"product_id": MUG, "quantity": 1}),
            ("/api/recently-viewed", {"product_id": MUG}),
        ):
            refused = await shop.call("POST", path, body)
            assert (refused.status, refused.slug) == (429, "too-many-requests")
            assert int(refused.headers["Retry-After"]) >= 1
        assert (await shop.add(guest)).status == 200
        assert (await shop.add(shop.user)).status == 200


async def test_guests_behind_a_proxy_are_counted_by_their_own_address(tmp_path: Path) -> None:
    """Its word is believed only where it is named."""
    trusting = {"cart_trusted_proxies": ("127.0.0.0/8", "::1/128"), "cart_guest_limit_address": "1/minute"}
    async with cart_shop(tmp_path, **trusting) as shop:
        for address in ("198.51.100.1", "198.51.100.2"):
            forwarded = {"X-Forwarded-For": address}
            assert (await shop.add(forwarded)).status == 200
            assert (await shop.add(forwarded)).status == 429
