"""The shopper's cart over HTTP."""

import asyncio
from typing import Any

import pytest
from store_kit.shop import MOST_ORDER_LINES

from services.cart.tests.fakes import CARD, CLOCK, LAMP, MISSING, MUG, product
from services.cart.tests.serving import CartShop

pytestmark = pytest.mark.anyio

ITEMS = "/api/cart/items"


async def test_a_stranger_has_an_empty_cart_and_gets_no_token(shop: CartShop) -> None:
    """Looking makes no guest."""
    answer = await shop.call("GET", "/api/cart")
    assert answer.body == {
        "version": 0,
        "items": [],
        "line_count": 0,
        "item_count": 0,
        "total_minor": 0,
        "currency": "GBP",
        "prices": "live",
    }
    assert "Cart-Token" not in answer.headers
    assert shop.catalogue.calls == []


async def test_adding_answers_the_line_and_the_cart_in_numbers(shop: CartShop) -> None:
    """Small, whatever the size of the cart."""
    await shop.add(shop.user, LAMP, 4)
    answer = await shop.add(shop.user, MUG, 2)
    assert answer.status == 200
    assert answer.body == {
        "product_id": MUG,
        "quantity": 2,
        "unit_price_minor": 250,
        "version": 2,
        "line_count": 2,
        "item_count": 6,
        "cart_token": None,
    }


async def test_the_cart_shows_live_prices_and_flags_those_that_changed(shop: CartShop) -> None:
    """The catalogue decides what it costs; the cart remembers what it cost."""
    await shop.add(shop.user, MUG, 2)
    await shop.add(shop.user, LAMP, 1)
    shop.catalogue.products[MUG] = product(MUG, 300, in_stock=False)
    cart = (await shop.call("GET", "/api/cart", headers=shop.user)).body
    assert cart["total_minor"] == 2 * 300 + 250
    assert cart["prices"] == "live"
    assert cart["items"][0] == {
        "product_id": MUG,
        "sku": "SKU01",
        "name": "Product 01",
        "quantity": 2,
        "unit_price_minor": 300,
        "price_when_added_minor": 250,
        "price_changed": True,
        "in_stock": False,
        "unavailable": False,
        "line_total_minor": 600,
    }
    assert cart["items"][1]["price_changed"] is False


async def test_the_cart_is_priced_by_one_call(shop: CartShop) -> None:
    """However many lines it has."""
    lines = [{"product_id": product_id, "quantity": 1} for product_id in (MUG, LAMP, CLOCK)]
    await shop.call("PUT", ITEMS, {"items": lines}, shop.user)
    shop.catalogue.calls.clear()
    await shop.call("GET", "/api/cart", headers=shop.user)
    assert shop.catalogue.calls == [{MUG, LAMP, CLOCK}]


async def test_a_vanished_product_stays_in_the_cart_and_costs_nothing(shop: CartShop) -> None:
    """The shopper sees what it was and that it cannot be bought."""
    await shop.add(shop.user, MUG, 2)
    await shop.add(shop.user, LAMP, 1)
    del shop.catalogue.products[MUG]
    cart = (await shop.call("GET", "/api/cart", headers=shop.user)).body
    gone = cart["items"][0]
    assert (gone["name"], gone["unavailable"], gone["in_stock"]) == ("Product 01", True, False)
    assert (gone["unit_price_minor"], gone["line_total_minor"]) == (None, None)
    assert cart["total_minor"] == 250


async def test_without_the_catalogue_the_cart_shows_what_it_remembers(shop: CartShop) -> None:
    """Names, quantities and the prices when added; what is not known is null, not guessed."""
    await shop.add(shop.user, MUG, 2)
    shop.catalogue.away = True
    answer = await shop.call("GET", "/api/cart", headers=shop.user)
    assert answer.status == 200
    assert (answer.body["prices"], answer.body["total_minor"]) == ("unknown", None)
    line = answer.body["items"][0]
    assert (line["name"], line["quantity"], line["price_when_added_minor"]) == ("Product 01", 2, 250)
    assert (line["unit_price_minor"], line["in_stock"], line["unavailable"]) == (None, None, False)


async def test_without_the_catalogue_known_products_can_still_be_added(shop: CartShop) -> None:
    """An unknown one is a clean 503 that says when to try again."""
    await shop.add(shop.user, MUG)
    shop.catalogue.away = True
    assert (await shop.add(shop.user, MUG)).status == 200
    refused = await shop.add(shop.user, LAMP)
    assert (refused.status, refused.slug, refused.headers["Retry-After"]) == (503, "peer-unavailable", "1")


async def test_without_the_catalogue_lines_in_the_cart_can_be_changed(shop: CartShop) -> None:
    """Even when the product is forgotten: the cart itself knows it."""
    guest = await shop.guest(MUG)
    shop.clock.advance(3600)
    shop.catalogue.away = True
    assert (await shop.call("PUT", f"{ITEMS}/{MUG}", {"quantity": 7}, guest)).body["quantity"] == 7
    assert (await shop.call("PUT", f"{ITEMS}/{LAMP}", {"quantity": 7}, guest)).status == 503


async def test_adding_twice_asks_the_catalogue_once(shop: CartShop) -> None:
    """A known product costs no call."""
    for _ in range(3):
        await shop.add(shop.user, MUG)
    assert shop.catalogue.calls == [{MUG}]


async def test_an_unknown_product_is_refused(shop: CartShop) -> None:
    """By every way into the cart, and named."""
    answers = [
        await shop.add(shop.user, MISSING),
        await shop.call("PUT", f"{ITEMS}/{MISSING}", {"quantity": 1}, shop.user),
        await shop.call("PUT", ITEMS, {"items": [{"product_id": MISSING, "quantity": 1}]}, shop.user),
    ]
    assert {(answer.status, answer.slug) for answer in answers} == {(404, "unknown-product")}
    assert all(answer.body["product_ids"] == [MISSING] for answer in answers)


async def test_a_hundred_parallel_adds_of_one_make_a_hundred(shop: CartShop) -> None:
    """Over HTTP too, nothing is lost."""
    answers = await asyncio.gather(*(shop.add(shop.user) for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert await shop.quantities(shop.user) == {MUG: 100}


async def test_one_key_fifty_times_counts_once(shop: CartShop) -> None:
    """All fifty get the same answer."""
    headers = shop.user | {"Idempotency-Key": "only-once"}
    answers = await asyncio.gather(*(shop.add(headers, MUG, 2) for _ in range(50)))
    assert {(answer.status, answer.body["quantity"], answer.body["version"]) for answer in answers} == {
        (200, 2, 1)
    }


async def test_one_key_with_another_body_is_refused(shop: CartShop) -> None:
    """A key names one request."""
    headers = shop.user | {"Idempotency-Key": "only-once"}
    await shop.add(headers, MUG, 2)
    for other in (await shop.add(headers, MUG, 3), await shop.add(headers, LAMP, 2)):
        assert (other.status, other.slug) == (422, "idempotency-key-reused")
    assert await shop.quantities(shop.user) == {MUG: 2}


async def test_a_whole_number_may_be_written_as_a_float(shop: CartShop) -> None:
    """To JSON Schema 2.0 is an integer, so it is to us; 2.5 is not."""
    body = {"product_id": MUG, "quantity": 2.0}
    assert (await shop.call("POST", ITEMS, body, shop.user)).body["quantity"] == 2
    assert (await shop.call("POST", ITEMS, body | {"quantity": 1e300}, shop.user)).status == 422


async def test_setting_and_removing_a_line(shop: CartShop) -> None:
    """Setting makes it exactly so large, removing takes it out, both may be repeated."""
    for _ in range(2):
        answer = await shop.call("PUT", f"{ITEMS}/{MUG}", {"quantity": 9}, shop.user)
        assert (answer.status, answer.body["quantity"], answer.body["item_count"]) == (200, 9, 9)
    for _ in range(2):
        answer = await shop.call("DELETE", f"{ITEMS}/{MUG}", headers=shop.user)
        assert (answer.status, answer.body["quantity"], answer.body["line_count"]) == (200, 0, 0)


async def test_replacing_adds_lines_of_one_product_together(shop: CartShop) -> None:
    """A ledger may list a product twice."""
    lines = [
        {"product_id": MUG, "quantity": 2},
        {"product_id": LAMP, "quantity": 1},
        {"product_id": MUG, "quantity": 3},
    ]
    answer = await shop.call("PUT", ITEMS, {"items": lines}, shop.user)
    items = [
        {"product_id": MUG, "quantity": 5, "unit_price_minor": 250},
        {"product_id": LAMP, "quantity": 1, "unit_price_minor": 250},
    ]
    assert answer.body == {
        "version": 1,
        "line_count": 2,
        "item_count": 6,
        "items": items,
        "cart_token": None,
    }
    assert await shop.quantities(shop.user) == {MUG: 5, LAMP: 1}


async def test_replacing_with_if_match_wants_the_version_that_was_read(shop: CartShop) -> None:
    """The tag of the shown cart fits until the cart changes, whatever prices do meanwhile."""
    await shop.add(shop.user, MUG)
    tag = (await shop.call("GET", "/api/cart", headers=shop.user)).headers["ETag"]
    shop.catalogue.products[MUG] = product(MUG, 999)
    body: dict[str, Any] = {"items": []}
    first = await shop.call("PUT", ITEMS, body, shop.user | {"If-Match": tag})
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    stale = await shop.call("PUT", ITEMS, body, shop.user | {"If-Match": tag})
    assert (stale.status, stale.slug) == (412, "precondition-failed")
    again = await shop.call("PUT", ITEMS, body, shop.user | {"If-Match": f'{tag}, "2"'})
    assert again.status == 200


@pytest.mark.parametrize(("tag", "status"), [("*", 200), ('W/"1"', 412), ("nonsense", 412), ('"99"', 412)])
async def test_if_match_takes_strong_tags_only(shop: CartShop, tag: str, status: int) -> None:
    """A tag of something else matches nothing."""
    await shop.add(shop.user, MUG)
    answer = await shop.call("PUT", ITEMS, {"items": []}, shop.user | {"If-Match": tag})
    assert answer.status == status


async def test_an_unchanged_cart_is_not_sent_again(shop: CartShop) -> None:
    """304 while neither the cart nor a price has changed."""
    await shop.add(shop.user, MUG)
    tag = (await shop.call("GET", "/api/cart", headers=shop.user)).headers["ETag"]
    same = await shop.call("GET", "/api/cart", headers=shop.user | {"If-None-Match": tag})
    assert (same.status, same.body) == (304, b"")
    shop.catalogue.products[MUG] = product(MUG, 999)
    assert (await shop.call("GET", "/api/cart", headers=shop.user | {"If-None-Match": tag})).status == 200


async def test_clearing_empties_the_cart(shop: CartShop) -> None:
    """For users, guests and strangers alike."""
    await shop.add(shop.user, MUG)
    guest = await shop.guest()
    for headers in (shop.user, guest, {}):
        assert (await shop.call("DELETE", "/api/cart", headers=headers)).status == 204
        assert await shop.quantities(headers) == {}


async def test_limits_are_conflicts_that_say_the_limit(shop: CartShop) -> None:
    """Too many units, too many lines."""
    await shop.add(shop.user, MUG, 999)
    many = await shop.add(shop.user, MUG, 2)
    assert (many.status, many.slug, many.body["max_quantity"]) == (409, "quantity-limit", 1_000)
    for product_id in (LAMP, CLOCK):
        await shop.add(shop.user, product_id)
    full = await shop.add(shop.user, CARD)
    assert (full.status, full.slug, full.body["max_lines"]) == (409, "cart-full", 3)


async def test_the_catalogue_of_everyday_bad_input_is_refused(shop: CartShop) -> None:
    """Each is 422 or 400, never 500, and changes nothing."""
    good = {"product_id": MUG, "quantity": 1}
    bodies: list[Any] = [
        good | {"price_minor": 1},
        good | {"quantity": 0},
        good | {"quantity": -1},
        good | {"quantity": 1.5},
        good | {"quantity": "1"},
        good | {"quantity": True},
        good | {"quantity": 2**70},
        good | {"product_id": "x"},
        good | {"product_id": MUG + "\n"},
        good | {"product_id": None},
        {"product_id": MUG},
        [],
        None,
    ]
    for body in bodies:
        answer = await shop.call("POST", ITEMS, body, shop.user)
        assert (answer.status, answer.slug) == (422, "invalid-input"), body
    broken = await shop.client.post(
        ITEMS, data=b"{", headers=shop.user | {"Content-Type": "application/json"}
    )
    assert broken.status == 400
    too_many = {"items": [good] * (MOST_ORDER_LINES + 1)}
    assert (await shop.call("PUT", ITEMS, too_many, shop.user)).status == 422
    assert (await shop.call("PUT", f"{ITEMS}/garbage", {"quantity": 1}, shop.user)).status == 422
    assert (await shop.add(shop.user | {"Idempotency-Key": "x" * 256})).status == 422
    assert (await shop.add(shop.user | {"Idempotency-Key": "with space"})).status == 422
    assert await shop.quantities(shop.user) == {}


async def test_a_bad_access_token_is_refused_everywhere(shop: CartShop) -> None:
    """A broken token does not make its sender a guest; a service has no cart."""
    for headers, status in (({"Authorization": "Bearer nonsense"}, 401), (shop.service, 403)):
        for method, path in (("GET", "/api/cart"), ("DELETE", "/api/cart"), ("GET", "/api/recently-viewed")):
            assert (await shop.call(method, path, headers=headers)).status == status
        assert (await shop.add(headers)).status == status


async def test_adds_are_counted(shop: CartShop) -> None:
    """A repeated add is not counted again."""
    headers = shop.user | {"Idempotency-Key": "only-once"}
    await shop.add(headers)
    await shop.add(headers)
    lines = [{"product_id": product_id, "quantity": 5} for product_id in (MUG, LAMP)]
    await shop.call("PUT", ITEMS, {"items": lines}, shop.user)
    metrics = (await shop.call("GET", "/metrics")).body.decode()
    assert "store_cart_items_added_total 3.0" in metrics


async def test_the_service_says_that_it_is_ready(shop: CartShop) -> None:
    """Its database answers."""
    ready = (await shop.call("GET", "/health/ready")).body
    assert (ready["status"], ready["dependencies"]["database"]["status"]) == ("up", "up")
