"""Carts as administrators and other services see them."""

from typing import Any

import pytest

from services.cart.tests.fakes import LAMP, MUG, USER, product
from services.cart.tests.serving import CartShop

pytestmark = pytest.mark.anyio

ADMIN = "/api/admin/carts"
CART = f"/internal/carts/{USER.id}"
ORDER = f"{CART}/orders/01936c80-0000-7000-8000-0000000000a1"


async def test_an_administrator_pages_through_all_carts(shop: CartShop) -> None:
    """Every cart once, by cursors, with a Link to the next page."""
    for n in range(3):
        await shop.guest(MUG, n + 1)
    await shop.add(shop.user, LAMP, 9)
    found: list[dict[str, Any]] = []
    path = f"{ADMIN}?limit=3"
    for more in (True, False):
        page = await shop.call("GET", path, headers=shop.admin)
        found += page.body["items"]
        assert (page.body["next_cursor"] is not None) == more == ("Link" in page.headers)
        path = f"{ADMIN}?limit=3&cursor={page.body['next_cursor']}"
    assert [(cart["owner"], cart["item_count"]) for cart in found] == [
        *(("guest", n) for n in (1, 2, 3)),
        ("user", 9),
    ]
    assert found[-1] == {
        "owner": "user",
        "owner_id": USER.id,
        "version": 1,
        "line_count": 1,
        "item_count": 9,
        "updated_at": "2023-11-14T22:13:20.000Z",
    }


async def test_the_list_of_carts_is_for_administrators(shop: CartShop) -> None:
    """Anonymous 401, everybody else 403."""
    assert (await shop.call("GET", ADMIN)).status == 401
    for headers in (shop.user, shop.service):
        assert (await shop.call("GET", ADMIN, headers=headers)).status == 403


async def test_bad_pages_are_refused(shop: CartShop) -> None:
    """A cursor that was not given is 400, a limit out of bounds 422."""
    assert (await shop.call("GET", f"{ADMIN}?cursor=abcd", headers=shop.admin)).slug == "invalid-cursor"
    for limit in (0, 101):
        assert (await shop.call("GET", f"{ADMIN}?limit={limit}", headers=shop.admin)).status == 422


async def test_a_service_reads_a_users_cart(shop: CartShop) -> None:
    """Lines and version; an empty cart for a user without one."""
    assert (await shop.call("GET", CART, headers=shop.service)).body == {"version": 0, "items": []}
    await shop.add(shop.user, MUG, 2)
    cart = await shop.call("GET", CART, headers=shop.service)
    assert cart.body == {
        "version": 1,
        "items": [{"product_id": MUG, "quantity": 2, "since": 1, "shown_minor": 250}],
    }


async def test_a_service_subtracts_an_order_once(shop: CartShop) -> None:
    """What was added meanwhile stays."""
    await shop.add(shop.user, MUG, 5)
    await shop.add(shop.user, LAMP, 1)
    lines = {"lines": [{"product_id": MUG, "quantity": 3}, {"product_id": LAMP, "quantity": 1}]}
    answers = [await shop.call("PUT", ORDER, lines, shop.service) for _ in range(3)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, {"version": 3})] * 3
    assert await shop.quantities(shop.user) == {MUG: 2}


async def test_a_service_forgets_whose_account_was_deleted(shop: CartShop) -> None:
    """What is kept is handed out first; then neither cart nor recently viewed products are left, also when repeated."""
    await shop.add(shop.user, MUG, 5)
    viewed = await shop.call("POST", "/api/recently-viewed", {"product_id": MUG}, shop.user)
    assert viewed.status < 300
    kept = (await shop.call("GET", f"{CART}/kept", headers=shop.service)).body
    assert [(line["product_id"], line["quantity"]) for line in kept["cart"]] == [(MUG, 5)]
    assert [view["product_id"] for view in kept["recently_viewed"]] == [MUG]
    for _ in range(2):
        assert (await shop.call("DELETE", CART, headers=shop.service)).status == 204
        assert await shop.quantities(shop.user) == {}
        assert (await shop.call("GET", "/api/recently-viewed", headers=shop.user)).body["items"] == []


async def test_internal_routes_are_for_services(shop: CartShop) -> None:
    """Anonymous 401, people and administrators 403."""
    for method, path, body in (("GET", CART, None), ("PUT", ORDER, {"lines": []})):
        assert (await shop.call(method, path, body)).status == 401
        for headers in (shop.user, shop.admin):
            assert (await shop.call(method, path, body, headers)).status == 403


async def test_internal_routes_refuse_garbage(shop: CartShop) -> None:
    """As input, never as a fault."""
    for path in ("/internal/carts/a%20b", "/internal/carts/" + "x" * 65):
        assert (await shop.call("GET", path, headers=shop.service)).status == 422
    assert (await shop.call("PUT", ORDER, {"lines": [{}]}, shop.service)).status == 422


async def test_a_priced_cart_has_the_tag_that_its_shopper_is_given(shop: CartShop) -> None:
    """An order compares it with If-Match; pricing a cart does not count as showing it."""
    await shop.add(shop.user, MUG, 2)
    shop.catalogue.products[MUG] = product(MUG, 300)
    priced = (await shop.call("GET", f"{CART}/priced", headers=shop.service)).body
    assert (priced["shown"]["total_minor"], priced["plain"]["items"][0]["shown_minor"]) == (600, 250)
    seen = await shop.call("GET", "/api/cart", headers=shop.user)
    assert (seen.headers["ETag"], seen.body) == (priced["tag"], priced["shown"])
    assert (await shop.call("GET", CART, headers=shop.service)).body["items"][0]["shown_minor"] == 300


async def test_a_service_takes_a_cart_and_gives_it_back(shop: CartShop) -> None:
    """By its version and the order's id; at another version it is 409."""
    await shop.add(shop.user, MUG, 2)
    taken = f"{CART}/taken/order-9"
    assert (await shop.call("PUT", taken, {"version": 7}, shop.service)).slug == "cart-changed"
    assert (await shop.call("PUT", taken, {"version": 1}, shop.service)).body == {"version": 2}
    assert await shop.quantities(shop.user) == {}
    assert (await shop.call("DELETE", taken, headers=shop.service)).body == {"version": 3}
    assert await shop.quantities(shop.user) == {MUG: 2}
