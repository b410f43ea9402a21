"""People who use a shop over HTTP: they register, sign in, fill carts and order.

Nothing is asked twice but where `final` says so.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.support.wait import until

PASSWORD = "correct horse battery"
COME_BACK_S = 0.5
"""Between two tries of somebody who was told to come back; all at once, again and again, would be an attack."""
SETTLED_WITHIN_S = 120.0
NOT_YET = (HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE)
"""Answers of a busy shop that leave open how it ends: begun and not known yet, or not now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)

    @property
    def slug(self) -> str:
        """Return which problem this is."""
        return str(self.json["type"]).rpartition("#")[2]

    def expect(self, *statuses: int) -> Any:
        """Return the decoded body of an answer that has one of these statuses; anything else fails the test."""
        assert self.status in statuses, f"expected {statuses}, got {self.status}: {self.body[:500]!r}"
        return self.json if self.body else None


@dataclass
class Person:
    """Somebody at the shop; anonymous until signed in.

    Args:
        session: whose connections to use.
        url: where a public path is served (EmbeddedShop.url or FourServices.url).
    """

    session: aiohttp.ClientSession
    url: Callable[[str], str]
    headers: dict[str, str] = field(default_factory=dict)
    id: str = ""
    email: str = ""

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return whatever comes back."""
        sent = {**self.headers, **(headers or {})}
        data: Any = form
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url(path), data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def sign_in(self, email: str, password: str = PASSWORD) -> "Person":
        """Get a token."""
        form = {"grant_type": "password", "username": email, "password": password}
        return self.signed_in(email, await self.ask("POST", "/api/auth/token", form=form))

    def signed_in(self, email: str, answer: Answer) -> "Person":
        """Use the token that was given."""
        self.email = email
        self.headers["Authorization"] = f"Bearer {answer.expect(HTTPStatus.OK)['access_token']}"
        return self

    async def add(self, product_id: str, quantity: int = 1, key: str | None = None) -> Answer:
        """Put something into the cart."""
        body = {"product_id": product_id, "quantity": quantity}
        return await self.ask(
            "POST", "/api/cart/items", body, headers={"Idempotency-Key": key} if key else {}
        )

    async def order(self, key: str | None = None, **body: object) -> Answer:
        """Order what is in the cart."""
        return await self.ask(
            "POST", "/api/orders", body, headers={"Idempotency-Key": key or str(uuid.uuid4())}
        )

    async def create_product(self, stock: int = 0, price_minor: int = 1000, **more: object) -> str:
        """Make a product (administrators only) and return its id."""
        body = {
            "name": f"Thing {uuid.uuid4()}",
            "category": "Things",
            "price_minor": price_minor,
            "stock": stock,
        }
        made = (await self.ask("POST", "/api/products", body | more)).expect(HTTPStatus.CREATED)
        return str(made["id"])

    async def product(self, product_id: str) -> Any:
        """Return a product."""
        return (await self.ask("GET", f"/api/products/{product_id}")).expect(HTTPStatus.OK)


async def final(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the first answer that says how it ended; `ask` has to send the same key each time."""
    answers: list[Answer] = []

    async def ended() -> bool:
        answers.append(await ask())
        return answers[-1].status not in NOT_YET

    await until(ended, "a final answer", SETTLED_WITHIN_S, COME_BACK_S)
    return answers[-1]


async def customer(session: aiohttp.ClientSession, url: Callable[[str], str]) -> Person:
    """Return a new customer, signed in."""
    person = Person(session, url)
    email = f"{uuid.uuid4().hex}@example.com"
    made = (await person.ask("POST", "/api/users", {"email": email, "password": PASSWORD})).expect(
        HTTPStatus.CREATED
    )
    person.id = made["id"]
    return await person.sign_in(email)


async def customers(
    session: aiohttp.ClientSession, url: Callable[[str], str], count: int
) -> Sequence[Person]:
    """Return many new customers, one after the other (hashing is the bottleneck anyhow)."""
    return [await customer(session, url) for _ in range(count)]


async def administrator(session: aiohttp.ClientSession, url: Callable[[str], str], data_dir: Path) -> Person:
    """Return the demo's administrator, signed in."""
    known = msgspec.json.decode((data_dir / "secrets" / "demo_admin.json").read_bytes())
    return await Person(session, url).sign_in(known["email"], known["password"])
