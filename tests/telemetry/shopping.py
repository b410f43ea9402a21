"""What customers do in these tests, and an exact account of it."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import aiohttp

from tests.support.people import Person, customer

PRICE_MINOR: Final = 1_250


@dataclass(slots=True)
class Account:
    """What was done: by whom it is counted -> how often."""

    registered: int = 0
    logins: Counter[str] = field(default_factory=Counter)
    added: int = 0
    checkouts: Counter[str] = field(default_factory=Counter)
    orders_by_http_status: Counter[str] = field(default_factory=Counter)
    money_minor: int = 0


@dataclass(slots=True)
class Shopping:
    """Customers with a plan.

    Args:
        url: where a public path is served.
        plenty: a product that does not run out.
        scarce: a product of which there is none.
    """

    session: aiohttp.ClientSession
    url: Callable[[str], str]
    plenty: str
    scarce: str
    done: Account = field(default_factory=Account)

    async def customer(self) -> Person:
        """Open an account and sign in; the wrong password is tried first."""
        person = await customer(self.session, self.url)
        wrong = {"grant_type": "password", "username": person.email, "password": "not the password"}
        (await person.ask("POST", "/api/auth/token", form=wrong)).expect(400)
        self.done.registered += 1
        self.done.logins.update(["ok", "wrong-credentials"])
        return person

    async def buys(self, person: Person) -> None:
        """Order one thing, ask again with the same key, and look at the order."""
        await self._adds(person, self.plenty)
        key = str(uuid.uuid4())
        placed = await self._orders(person, "created", 201, key=key)
        self.done.money_minor += placed["total_minor"]
        await self._orders(person, "repeated", 200, key=key)
        (await person.ask("GET", f"/api/orders/{placed['id']}")).expect(200)

    async def is_declined(self, person: Person) -> None:
        """Order with a card that has no money; then empty the cart."""
        await self._adds(person, self.plenty)
        await self._orders(person, "payment-declined", 402, payment_token="tok_decline")
        (await person.ask("DELETE", "/api/cart")).expect(204)

    async def finds_nothing_left(self, person: Person) -> None:
        """Order what there is none of; then empty the cart."""
        await self._adds(person, self.scarce)
        await self._orders(person, "insufficient-stock", 409)
        (await person.ask("DELETE", "/api/cart")).expect(204)

    async def _adds(self, person: Person, product: str) -> None:
        (await person.add(product)).expect(200, 201)
        self.done.added += 1

    async def _orders(
        self, person: Person, outcome: str, status: int, *, key: str | None = None, **body: str
    ) -> dict[str, int]:
        answer: dict[str, int] = (await person.order(key, **body)).expect(status)
        self.done.checkouts[outcome] += 1
        self.done.orders_by_http_status[str(status)] += 1
        return answer


async def open_shop(session: aiohttp.ClientSession, url: Callable[[str], str], admin: Person) -> Shopping:
    """Return customers-to-be of a shop with something on its shelves."""
    plenty = await admin.create_product(stock=1_000_000, price_minor=PRICE_MINOR)
    scarce = await admin.create_product(stock=0)
    return Shopping(session, url, plenty, scarce)


def plan(customers: int, orders: int) -> Account:
    """Return the account of `some_hundred_orders` before it happens."""
    bought, refused = customers * orders, customers * len(range(0, orders, 10))
    return Account(
        registered=customers,
        logins=Counter({"ok": customers, "wrong-credentials": customers}),
        added=bought + 2 * refused,
        checkouts=Counter({
            "created": bought, "repeated": bought, "payment-declined": refused, "insufficient-stock": refused,
        }),
        orders_by_http_status=Counter({"201": bought, "200": bought, "402": refused, "409": refused}),
        money_minor=bought * PRICE_MINOR,
    )  # fmt: skip


async def some_hundred_orders(shopping: Shopping, customers: int, orders: int) -> None:
    """Let so many customers, side by side, place so many orders each; every tenth is declined or finds nothing."""

    async def one() -> None:
        person = await shopping.customer()
        for number in range(orders):
            await shopping.buys(person)
            if number % 10 == 0:
                await shopping.is_declined(person)
                await shopping.finds_nothing_left(person)

    await asyncio.gather(*(one() for _ in range(customers)))


@asynccontextmanager
async def in_the_background(shopping: Shopping, people: Sequence[Person]) -> AsyncIterator[None]:
    """Let some people shop on while a test looks."""

    async def go_on(person: Person) -> None:
        for turn in count():
            await shopping.buys(person)
            await person.ask("GET", "/api/products?limit=5")
            await person.ask("GET", "/api/nowhere")
            if turn % 5 == 0:
                await shopping.customer()
                await shopping.is_declined(person)
                await shopping.finds_nothing_left(person)

    tasks = [asyncio.create_task(go_on(person)) for person in people]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None, task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
