"""Guests: carts without an account, and what becomes of them at login."""

import asyncio
from pathlib import Path

import pytest

from services.cart.tests.fakes import CARD, CLOCK, GUEST, LAMP, MUG
from services.cart.tests.serving import CartShop, cart_shop

pytestmark = pytest.mark.anyio

MERGE = "/api/cart/merge"


async def test_a_guest_gets_a_token_with_the_first_write_and_no_other(shop: CartShop) -> None:
    """In the header and in the body, the same."""
    first = await shop.add({})
    token = first.headers["Cart-Token"]
    assert first.body["cart_token"] == token
    second = await shop.add({"Cart-Token": token})
    assert "Cart-Token" not in second.headers
    assert (second.body["cart_token"], second.body["quantity"]) == (None, 2)


async def test_guests_do_not_see_each_others_carts(shop: CartShop) -> None:
    """A token names one cart."""
    one, two = await shop.guest(MUG), await shop.guest(LAMP, 3)
    assert await shop.quantities(one) == {MUG: 1}
    assert await shop.quantities(two) == {LAMP: 3}


async def test_every_write_makes_a_stranger_a_guest(shop: CartShop) -> None:
    """Setting, replacing and looking at a product too."""
    answers = [
        await shop.call("PUT", f"/api/cart/items/{MUG}", {"quantity": 1}),
        await shop.call("PUT", "/api/cart/items", {"items": []}),
        await shop.call("POST", "/api/recently-viewed", {"product_id": MUG}),
    ]
    tokens = {answer.headers["Cart-Token"] for answer in answers}
    assert len(tokens) == 3
    assert tokens == {answer.body["cart_token"] for answer in answers}


async def test_an_altered_token_is_refused(shop: CartShop) -> None:
    """For reading and for writing, in the header and in the body."""
    token = (await shop.guest())["Cart-Token"]
    for altered in (GUEST.id + token[36:], token + "x", GUEST.id, "."):
        headers = {"Cart-Token": altered}
        answers = [
            await shop.call("GET", "/api/cart", headers=headers),
            await shop.call("DELETE", "/api/cart", headers=headers),
            await shop.add(headers),
            await shop.call("POST", MERGE, {"cart_token": altered}, shop.user),
        ]
        assert {(answer.status, answer.slug) for answer in answers} == {(400, "invalid-cart-token")}


async def test_a_signed_in_shopper_uses_the_accounts_cart(shop: CartShop) -> None:
    """The guest's token that comes with it is ignored until it is merged."""
    guest = await shop.guest(MUG, 2)
    await shop.add(guest | shop.user, LAMP)
    assert await shop.quantities(shop.user) == {LAMP: 1}
    assert await shop.quantities(guest) == {MUG: 2}


async def test_merging_brings_the_guests_cart_along_once(shop: CartShop) -> None:
    """Ten clicks at once add the guest's lines once."""
    await shop.add(shop.user, MUG, 1)
    token = (await shop.guest(MUG, 2))["Cart-Token"]
    answers = await asyncio.gather(
        *(shop.call("POST", MERGE, {"cart_token": token}, shop.user) for _ in range(10))
    )
    assert [answer.body["merged"] for answer in answers].count(True) == 1
    assert {answer.body["item_count"] for answer in answers} == {3}
    assert await shop.quantities({"Cart-Token": token}) == {}


async def test_merging_says_what_did_not_fit(shop: CartShop) -> None:
    """Capped quantities and lines without room are named."""
    lines = [{"product_id": MUG, "quantity": 999}, {"product_id": LAMP, "quantity": 1}]
    await shop.call("PUT", "/api/cart/items", {"items": lines}, shop.user)
    guest = await shop.guest(MUG, 2)
    await shop.add(guest, CLOCK)
    shop.clock.advance(1)
    await shop.add(guest, CARD)
    answer = await shop.call("POST", MERGE, {"cart_token": guest["Cart-Token"]}, shop.user)
    assert answer.body == {
        "version": 2,
        "line_count": 3,
        "item_count": 1_002,
        "merged": True,
        "capped": [MUG],
        "left_out": [CARD],
    }


async def test_after_a_merge_an_old_token_starts_a_new_cart(shop: CartShop) -> None:
    """What is added after logging out comes along at the next login."""
    guest = await shop.guest(MUG, 2)
    await shop.call("POST", MERGE, {"cart_token": guest["Cart-Token"]}, shop.user)
    fresh = (await shop.add(guest, LAMP)).headers["Cart-Token"]
    assert fresh != guest["Cart-Token"]
    assert (await shop.call("DELETE", "/api/cart", headers=guest)).slug == "cart-merged"
    await shop.call("POST", MERGE, {"cart_token": fresh}, shop.user)
    assert await shop.quantities(shop.user) == {MUG: 2, LAMP: 1}


async def test_merging_needs_an_account_and_a_token(shop: CartShop) -> None:
    """Anonymous 401, services 403, an empty body 422."""
    token = (await shop.guest())["Cart-Token"]
    body = {"cart_token": token}
    assert (await shop.call("POST", MERGE, body)).status == 401
    assert (await shop.call("POST", MERGE, body, shop.service)).status == 403
    assert (await shop.call("POST", MERGE, {}, shop.user)).status == 422


async def test_an_idle_guests_cart_is_swept_by_the_worker(tmp_path: Path) -> None:
    """Guests who come back in time keep theirs; an account keeps its cart for good."""
    async with cart_shop(tmp_path, cart_guest_idle_s=100, cart_sweep_s=10) as shop:
        idle, busy = await shop.guest(MUG), await shop.guest(MUG)
        await shop.add(shop.user, MUG)
        await shop.call("POST", "/api/recently-viewed", {"product_id": LAMP}, idle)
        shop.clock.advance(60)
        await shop.add(busy, LAMP)
        shop.clock.advance(60)
        # The worker may have fallen asleep before or after the last step of the clock; a little more wakes it.
        while await shop.quantities(idle):
            shop.clock.advance(0.1)
        assert await shop.quantities(busy) == {MUG: 1, LAMP: 1}
        assert await shop.quantities(shop.user) == {MUG: 1}
        while (await shop.call("GET", "/api/recently-viewed", headers=idle)).body["items"]:
            shop.clock.advance(0.1)
