"""Every route of every service x nobody, the owner, another customer, an administrator, a service."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from store_cli.up.serving import SERVICES, create_service

from tests.contract.access import ACCESS, CALLERS
from tests.contract.document import FORM
from tests.contract.problems import must_be_problem
from tests.support.people import PASSWORD, Answer, Person, customer
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
IN_TURN: Final = ("nobody", "service", "other", "owner", "admin")
"""Those who are refused come first: what they must not touch is still there for those who may."""
_ORDER_NEEDS: Final = """
PUT /internal/reservations/{order_id}
DELETE /internal/reservations/{order_id}
POST /internal/shipments
POST /internal/products/lookup
GET /internal/products/changes
GET /internal/carts/{user_id}
GET /internal/carts/{user_id}/priced
PUT /internal/carts/{user_id}/taken/{order_id}
DELETE /internal/carts/{user_id}/taken/{order_id}
PUT /internal/carts/{user_id}/orders/{order_id}
POST /internal/notifications
GET /internal/revocations
"""
MAY: Final[Mapping[str, Sequence[str]]] = {
    "catalog": ["GET /internal/revocations"],
    "cart": [
        "POST /internal/products/lookup",
        "GET /internal/products/changes",
        "GET /internal/revocations",
    ],
    "order": _ORDER_NEEDS.split("\n"),
    "user": [
        "GET /internal/carts/{user_id}",
        "GET /internal/carts/{user_id}/priced",
        "GET /internal/carts/{user_id}/kept",
        "DELETE /internal/carts/{user_id}",
        "GET /internal/users/{user_id}/summary",
        "GET /internal/users/{user_id}/orders",
    ],
}
"""What each service may ask of the others."""
FAR_MS: Final = 4_000_000_000_000
NOT_PUBLIC: Final = ("/internal/", "/health/", "/metrics")


def _product() -> dict[str, object]:
    return {"name": "Thing", "category": "Things", "price_minor": 100}


def _line(ids: Mapping[str, str]) -> dict[str, object]:
    return {"product_id": ids["product_id"], "quantity": 1}


BODIES: Final[Mapping[str, Callable[[Mapping[str, str]], object]]] = {
    "POST /api/products": lambda _: _product(),
    "PUT /api/products/{product_id}": lambda _: _product(),
    "PATCH /api/products/{product_id}": lambda _: {"name": "Other"},
    "POST /api/products/batch": lambda _: {"products": [_product()]},
    "PUT /api/products/imports/{name}": lambda _: {"state": "BEGUN"},
    "POST /api/products/{product_id}/stock-adjustments": lambda _: {"delta": 1, "reason": "found"},
    "PUT /internal/reservations/{order_id}": lambda ids: {"lines": [_line(ids)], "not_after_ms": FAR_MS},
    "POST /internal/shipments": lambda ids: {"order_ids": [ids["order_id"]]},
    "POST /internal/products/lookup": lambda ids: {"ids": [ids["product_id"]]},
    "POST /api/cart/items": _line,
    "PUT /api/cart/items": lambda ids: {"items": [_line(ids)]},
    "PUT /api/cart/items/{product_id}": lambda _: {"quantity": 2},
    "POST /api/cart/merge": lambda ids: {"cart_token": ids["cart_token"]},
    "POST /api/recently-viewed": lambda ids: {"product_id": ids["product_id"]},
    "PUT /internal/carts/{user_id}/orders/{order_id}": lambda ids: {"lines": [_line(ids)]},
    "PUT /internal/carts/{user_id}/taken/{order_id}": lambda _: {"version": 2**50},
    "POST /api/orders": lambda _: {},
    "PUT /api/admin/orders/{order_id}/status": lambda _: {"status": "CANCELLED"},
    "POST /api/users": lambda _: {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD},
    "POST /api/auth/password-reset": lambda _: {"token": "x", "new_password": PASSWORD},
    "POST /api/users/me/deletion": lambda _: {"current_password": PASSWORD},
    "POST /api/auth/logout": lambda _: {"refresh_token": "x"},
    "PATCH /api/users/me": lambda _: {"name": "Ann"},
    "PUT /api/users/me/password": lambda _: {"current_password": PASSWORD, "new_password": PASSWORD},
    "PUT /api/admin/users/{account_id}/roles": lambda _: {"roles": ["customer"]},
    "POST /internal/notifications": lambda _: {"notifications": []},
}
"""A fair body for each route that takes one."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays, with A's things to play with."""

    people: Mapping[str, Person]
    email: str
    ids: Mapping[str, str]


@pytest.fixture(scope="module")
async def services(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Mapping[str, Person]:
    """Return each service, with a token it got by its own secret."""
    return {name: await _service(session, shop, name) for name in SERVICES}


async def _service(session: aiohttp.ClientSession, shop: EmbeddedShop, name: str) -> Person:
    secret = (shop.data_dir / "secrets" / f"service_secret_{name}").read_text().strip()
    person = Person(session, shop.url)
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    token = (await person.ask("POST", "/api/auth/token", form=form)).expect(200)["access_token"]
    person.headers["Authorization"] = f"Bearer {token}"
    return person


@pytest.fixture
async def second_admin(admin: Person) -> Person:
    """Return a customer who was made an administrator, with a password that tests know."""
    person = await customer(admin.session, admin.url)
    roles = {"roles": ["customer", "admin"]}
    (await admin.ask("PUT", f"/api/admin/users/{person.id}/roles", roles)).expect(200)
    return await person.sign_in(person.email)


@pytest.fixture
async def cast(nobody: Person, admin: Person, second_admin: Person, services: Mapping[str, Person]) -> Cast:
    """Return everybody; A is new, has something in the cart and has an order."""
    ann, bob = [await customer(nobody.session, nobody.url) for _ in range(2)]
    product = await admin.create_product(stock=10)
    (await ann.add(product)).expect(200)
    order = (await ann.order()).expect(201)
    (await ann.add(product)).expect(200)
    for person in (bob, second_admin):
        (await person.ask("DELETE", "/api/cart")).expect(204)
    guest = (await nobody.add(product)).expect(200)
    ids = {"product_id": product, "order_id": order["id"], "account_id": ann.id, "user_id": ann.id}
    sessions = (await ann.ask("GET", "/api/users/me/sessions")).expect(200)["items"]
    ids |= {
        "cart_token": guest["cart_token"],
        "session_id": sessions[0]["id"],
        "name": "anything",
    }
    people = {"nobody": nobody, "owner": ann, "other": bob, "admin": second_admin, **services}
    return Cast(people, ann.email, ids)


def routes(folder: Path) -> list[tuple[str, str]]:
    """Return service and route of everything that the services' applications can be asked."""
    found = []
    for name in SERVICES:
        for route in create_service(name, {"data_dir": folder}).app.router.routes:
            found += [(name, f"{method} {route.path}") for method in route.methods]  # type: ignore[attr-defined]  # all are API routes
    return found


def test_every_route_has_a_row(tmp_path: Path) -> None:
    """The table names exactly the routes of the applications: a new one needs its row."""
    assert sorted(ACCESS) == sorted({route for _, route in routes(tmp_path)})


@pytest.mark.parametrize("route", ACCESS)
async def test_who_may(route: str, cast: Cast, shop: EmbeddedShop, tmp_path: Path) -> None:
    """Each caller gets the status of the table, refusals are problems, and nobody reads what is A's."""
    is_public = not route.partition(" ")[2].startswith(NOT_PUBLIC)
    for name in [name for name, known in routes(tmp_path) if known == route]:
        url = shop.url if is_public else lambda path, name=name: shop.service_url(name) + path
        for caller in IN_TURN:
            answer = await asked(cast, caller, route, url)
            assert answer.status == ACCESS[route][caller], f"{caller}: {answer}"
            if answer.status >= 400:
                must_be_problem(answer, f"{route} by {caller}")
            if caller in ("nobody", "other"):
                told = answer.body.decode()
                assert cast.email not in told, f"{caller} reads A's e-mail"
                assert cast.ids["user_id"] not in told, f"{caller} reads A's id"


@pytest.mark.parametrize("route", [r for r in ACCESS if r.partition(" ")[2].startswith(NOT_PUBLIC)])
async def test_what_is_internal_is_not_at_the_gateway(route: str, cast: Cast, shop: EmbeddedShop) -> None:
    """The gateway answers 404 for it to everybody, services too."""
    for caller in CALLERS:
        answer = await asked(cast, caller, route, shop.url)
        assert answer.status == 404, f"{caller}: {answer}"
        must_be_problem(answer, f"{route} by {caller}")


async def asked(cast: Cast, caller: str, route: str, url: Callable[[str], str]) -> Answer:
    """Ask as somebody for a route about A's things."""
    method, _, template = route.partition(" ")
    person = cast.people[_who_may(route) if caller == "service" else caller]
    headers = {"If-Match": "*", "Idempotency-Key": str(uuid.uuid4())}
    form, body = None, None
    if route == "POST /api/auth/token":
        form = {"grant_type": "password", "username": cast.email, "password": PASSWORD}
        headers["Content-Type"] = FORM
    elif route in BODIES:
        body = BODIES[route](cast.ids)
    caller_there = Person(person.session, url, dict(person.headers))
    return await caller_there.ask(
        method, template.format_map(ids_for(route, cast)), body, headers=headers, form=form
    )


def ids_for(route: str, cast: Cast) -> dict[str, Any]:
    """Return what to put in a path: what is held or taken is for an order that nobody knows yet."""
    if (
        route.startswith(("PUT /internal/reservations", "DELETE /internal/reservations"))
        or "/taken/" in route
    ):
        return {**cast.ids, "order_id": str(uuid.uuid4())}
    return dict(cast.ids)


def _who_may(route: str) -> str:
    """Return a service that may ask for a route, if any may."""
    return next((name for name in SERVICES if route in MAY[name]), "order")


@pytest.mark.parametrize("route", [r for r in ACCESS if "/internal/" in r and r != "POST /internal/token"])
async def test_a_service_may_what_it_needs_and_no_more(
    route: str, cast: Cast, shop: EmbeddedShop, tmp_path: Path
) -> None:
    """Least privilege: each internal route x each service is refused with 403 unless the service needs it."""
    (name,) = [name for name, known in routes(tmp_path) if known == route]
    for caller in SERVICES:
        answer = await asked(cast, caller, route, lambda path: shop.service_url(name) + path)
        assert (answer.status != 403) == (route in MAY[caller]), f"{caller}: {answer}"
        if answer.status == 403:
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_a_foreign_order_is_not_there(cast: Cast) -> None:
    """To another customer A's order is exactly as an order that never was."""
    for method, ending in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        seen = []
        for order in (cast.ids["order_id"], str(uuid.uuid4())):
            answer = await cast.people["other"].ask(method, f"/api/orders/{order}{ending}")
            told = answer.json
            seen.append(
                (answer.status, {**told, "trace_id": "", "detail": told["detail"].replace(order, "")})
            )
        assert seen[0] == seen[1]
        assert seen[0][0] == 404


async def test_lists_hold_only_ones_own(cast: Cast) -> None:
    """Another customer's lists have nothing of A in them."""
    for path in ("/api/orders", "/api/users/me/notifications", "/api/cart", "/api/recently-viewed"):
        body = (await cast.people["other"].ask("GET", path)).body.decode()
        assert cast.ids["order_id"] not in body
