"""Load: shoppers who register, fill carts, order, cancel, and remember every word the shop gave them."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from store_order.domain.orders import PLACED, Status, order_id_of

from tests.chaos.books import Books
from tests.chaos.grounds import SETTLED_WITHIN_S
from tests.support.people import PASSWORD, Answer, Person
from tests.support.wait import PAUSE_S, until

_SUBTRACTED: Final = PLACED | {Status.CANCELLED}
_YES: Final = (200, 201)
_LONGEST_PAUSE_S: Final = 0.25
ORDERS_A_VISIT: Final = 3


@dataclass
class Traffic:
    """What all shoppers together have seen."""

    answered: int = 0
    cut_off: int = 0
    refused: int = 0
    visits: "list[Visit]" = field(default_factory=list)


@dataclass
class Visit:
    """One customer's visit: what was acknowledged, and which orders were begun."""

    customer: Person
    traffic: Traffic
    added: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    async def judge(self, books: Books) -> None:
        """Assert that everything acknowledged is there: orders, cancellations, every unit put into the cart."""
        orders = {oid: order for oid, order in books.orders.items() if order["user_id"] == self.customer.id}
        for order_id, answer in self.answers.items():
            self._judge_order(orders.get(order_id), answer, order_id)
        assert set(orders) <= set(self.answers), "an order that nobody placed"
        for product_id, quantity in (await self.cart()).items():
            assert quantity == self.expected(orders.values())[product_id], product_id

    async def cart(self) -> Counter[str]:
        """Return how many of what are in the cart, products that were added before included."""
        shown = (await self.insist("GET", "/api/cart")).expect(200)["items"]
        return Counter(dict.fromkeys(self.added, 0) | {x["product_id"]: x["quantity"] for x in shown})

    def expected(self, orders: Any) -> Counter[str]:
        """Return what the cart must hold: what was added without what was ordered, each once."""
        left = Counter(self.added)
        for order in orders:
            if order["status"] in _SUBTRACTED:
                left.subtract({line["product_id"]: line["quantity"] for line in order["lines"]})
        return left

    def _judge_order(self, order: Any, answer: Answer | None, order_id: str) -> None:
        if answer is None:
            return
        assert order is not None, f"{order_id} was answered {answer.status} and is lost"
        if answer.status not in _YES:
            assert order["status"] == Status.REJECTED, f"{order_id} was refused and is {order['status']}"
            return
        allowed = {Status.CANCELLED} if order_id in self.cancelled else _SUBTRACTED
        assert order["status"] in allowed, f"{order_id} was accepted and is {order['status']}"
        assert answer.json["lines"] == order["lines"], f"{order_id} has other lines"
        assert answer.json["total_minor"] == order["total_minor"], f"{order_id} has another total"

    async def insist(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask again and again, less and less often, with the same key, until the shop gives a final answer."""
        pause_s = PAUSE_S
        while True:
            answer = await self.attempt(method, path, body, key=key, form=form)
            if answer is not None and answer.status != 202 and answer.status < 500:
                return answer
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)

    async def attempt(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Ask once; None when the connection broke."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = await self.customer.ask(method, path, body, headers=headers, form=form)
        except (aiohttp.ClientError, TimeoutError):
            self.traffic.cut_off += 1
            return None
        self.traffic.answered += 1
        self.traffic.refused += answer.status == 503
        return answer


@dataclass
class Shopper:
    """Visits the shop again and again, as a new customer each time, until told to stop."""

    session: aiohttp.ClientSession
    url: Callable[[str], str]
    products: Sequence[str]
    traffic: Traffic
    rng: random.Random
    settled_within_s: float = SETTLED_WITHIN_S
    """How long the shop may take to finish behind the scenes what it has accepted."""

    async def shop_until(self, stop: asyncio.Event) -> None:
        """Make visits; the last one is finished, so that nothing is left unknown that a client may learn."""
        while not stop.is_set():
            visit = await self._enter()
            self.traffic.visits.append(visit)
            for _ in range(ORDERS_A_VISIT):
                if stop.is_set() or not await self._buy(visit):
                    break

    async def _enter(self) -> Visit:
        """Register and sign in, through whatever happens."""
        visit = Visit(Person(self.session, self.url), self.traffic)
        email = f"{uuid.uuid4().hex}@example.com"
        made = await visit.insist("POST", "/api/users", {"email": email, "password": PASSWORD})
        # Taken: by ourselves, when the answer to the first try was cut off.
        made.expect(201, 409)
        form = {"grant_type": "password", "username": email, "password": PASSWORD}
        visit.customer.signed_in(email, await visit.insist("POST", "/api/auth/token", form=form))
        visit.customer.id = (await visit.insist("GET", "/api/users/me")).expect(200)["id"]
        return visit

    async def _buy(self, visit: Visit) -> bool:
        """Fill the cart and order; return whether this customer goes on."""
        for product_id in self.rng.sample(self.products, self.rng.randint(1, 3)):
            await self._add(visit, product_id, self.rng.randint(1, 3))
        key = str(uuid.uuid4())
        token = "tok_decline" if self.rng.random() < 0.1 else "tok_approve"
        order_id = order_id_of(visit.customer.id, key)
        visit.answers[order_id] = None
        if self.rng.random() < 0.2:
            # This one leaves without waiting for the answer, and never comes back.
            await visit.attempt("POST", "/api/orders", {"payment_token": token}, key=key)
            return False
        answer = await visit.insist("POST", "/api/orders", {"payment_token": token}, key=key)
        assert answer.status in (*_YES, 402, 409), f"{answer.status}: {answer.body[:300]!r}"
        visit.answers[order_id] = answer
        if answer.status in _YES:
            await self._after(visit, order_id)
        return True

    async def _add(self, visit: Visit, product_id: str, quantity: int) -> None:
        body = {"product_id": product_id, "quantity": quantity}
        (await visit.insist("POST", "/api/cart/items", body, key=str(uuid.uuid4()))).expect(200, 201)
        visit.added[product_id] += quantity

    async def _after(self, visit: Visit, order_id: str) -> None:
        """Perhaps cancel; then wait until what was ordered has left the cart, as the next order takes what is in it."""
        if self.rng.random() < 0.3:
            cancelled = await visit.insist("POST", f"/api/orders/{order_id}/cancel")
            if cancelled.status == 200:
                visit.cancelled.add(order_id)
            else:
                assert cancelled.slug == "illegal-transition", cancelled.body
        accepted = [a.json for a in visit.answers.values() if a is not None and a.status in _YES]

        async def emptied() -> bool:
            return await visit.cart() == visit.expected(accepted)

        await until(emptied, f"{order_id} has left the cart", self.settled_within_s)
