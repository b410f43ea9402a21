"""Whose authority ended has none within ten seconds, on every service: embedded and as processes of their own.

The routes are those of the access table that need a person's token; all of them, by an administrator's token that was
good a moment before.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.contract.access import ACCESS
from tests.support.people import PASSWORD, Person, administrator, customer
from tests.support.shop import EmbeddedShop, FourServices
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Shop = EmbeddedShop | FourServices
WITHIN_S: Final = 10.0
AN_ID: Final = str(uuid.UUID(int=1))
PERSONAL: Final = [
    route for route, who in ACCESS.items() if who["nobody"] == 401 and "/internal/" not in route
]
CART: Final = ["GET /api/cart", "POST /api/cart/items", "GET /api/recently-viewed"]
"""A guest may ask these; a token that has ended is refused all the same."""
ASKED: Final = [*PERSONAL, *CART]
READABLE: Final = ["GET /api/users/me", "GET /api/orders", "GET /api/cart", "GET /api/admin/stock"]
"""One of each service."""


@pytest.fixture(scope="module", params=["embedded", "four processes"])
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    async with EmbeddedShop(folder) if request.param == "embedded" else FourServices(folder) as shop:
        yield shop


@pytest.fixture(scope="module")
async def root(running: Shop, session: aiohttp.ClientSession) -> Person:
    """Return an administrator who stays one."""
    if isinstance(running, EmbeddedShop):
        return await administrator(session, running.url, running.data_dir)
    person = await customer(session, running.url)
    await running.promote(person.email)
    return await person.sign_in(person.email)


@pytest.fixture
async def mallory(root: Person) -> Person:
    """Return another administrator, whose authority is about to end."""
    person = await customer(root.session, root.url)
    roles = {"roles": ["customer", "admin"]}
    (await root.ask("PUT", f"/api/admin/users/{person.id}/roles", roles)).expect(200)
    return await person.sign_in(person.email)


async def demoted(root: Person, mallory: Person) -> None:
    (await root.ask("PUT", f"/api/admin/users/{mallory.id}/roles", {"roles": ["customer"]})).expect(200)


async def disabled(root: Person, mallory: Person) -> None:
    (await root.ask("POST", f"/api/admin/users/{mallory.id}/disable")).expect(200)


async def signed_out_everywhere(_root: Person, mallory: Person) -> None:
    (await mallory.ask("DELETE", "/api/users/me/sessions")).expect(204)


async def ended_by_an_administrator(root: Person, mallory: Person) -> None:
    (await root.ask("DELETE", f"/api/admin/users/{mallory.id}/sessions")).expect(204)


async def password_changed(_root: Person, mallory: Person) -> None:
    change = {"current_password": PASSWORD, "new_password": "four red kettles"}
    (await mallory.ask("PUT", "/api/users/me/password", change)).expect(204)


async def deleted(_root: Person, mallory: Person) -> None:
    (await mallory.ask("POST", "/api/users/me/deletion", {"current_password": PASSWORD})).expect(204)


async def status(person: Person, route: str) -> int:
    """Ask for a route with things that do not exist."""
    method, _, path = route.partition(" ")
    headers = {"If-Match": "*", "Idempotency-Key": str(uuid.uuid4())}
    return (await person.ask(method, re.sub("{[a-z_]+}", AN_ID, path), headers=headers)).status


@pytest.mark.parametrize(
    "end",
    [demoted, disabled, signed_out_everywhere, ended_by_an_administrator, password_changed, deleted],
    ids=lambda end: end.__name__,
)
async def test_no_route_obeys_a_token_that_has_ended(
    end: Callable[[Person, Person], Awaitable[None]], root: Person, mallory: Person
) -> None:
    """Within ten seconds every admin and personal route of every service answers 401 to the token of before."""
    for route in READABLE:
        assert await status(mallory, route) == 200, route
    await end(root, mallory)
    assert await status(mallory, "GET /api/users/me") == 401, "where the accounts are it takes effect at once"

    async def refused() -> bool:
        return all([await status(mallory, route) == 401 for route in READABLE])

    await until(refused, "every service has heard of it", WITHIN_S)
    answers = await asyncio.gather(*(status(mallory, route) for route in ASKED))
    assert {route: got for route, got in zip(ASKED, answers, strict=True) if got != 401} == {}
    assert await status(root, "GET /api/admin/stock") == 200, "nobody else is touched"


async def test_a_refresh_token_goes_on_with_what_is_left(root: Person, mallory: Person) -> None:
    """After a demotion the session gives a token that every service takes, for a customer."""
    form = {"grant_type": "password", "username": mallory.email, "password": PASSWORD}
    refresh = (await mallory.ask("POST", "/api/auth/token", form=form)).expect(200)["refresh_token"]
    await demoted(root, mallory)
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    mallory.signed_in(mallory.email, await mallory.ask("POST", "/api/auth/token", form=form))
    assert [await status(mallory, route) for route in READABLE] == [200, 200, 200, 403]


async def test_who_left_leaves_orders_without_a_person(root: Person) -> None:
    """Orders stay, cart and address are freed; somebody who registers with the address sees none of it."""
    ann = await customer(root.session, root.url)
    product = await root.create_product(stock=5)
    (await ann.add(product)).expect(200)
    order = (await ann.order()).expect(201)
    (await ann.add(product)).expect(200)
    (await ann.ask("POST", "/api/recently-viewed", {"product_id": product})).expect(200)
    export = (await ann.ask("GET", "/api/users/me/export")).expect(200)
    assert (export["orders"][0]["id"], export["cart"][0]["quantity"], export["incomplete"]) == (
        order["id"],
        1,
        [],
    )
    assert export["orders"][0]["lines"]
    assert export["recently_viewed"][0]["product_id"] == product
    await deleted(root, ann)
    kept = (await root.ask("GET", f"/api/orders/{order['id']}")).expect(200)
    assert kept["total_minor"] == order["total_minor"]
    registration = {"email": ann.email, "password": PASSWORD}
    again = (await ann.ask("POST", "/api/users", registration)).expect(201)
    assert again["id"] != ann.id
    await ann.sign_in(ann.email)
    assert (await ann.ask("GET", "/api/orders")).expect(200)["items"] == []
    assert (await ann.ask("GET", "/api/cart")).expect(200)["items"] == []
