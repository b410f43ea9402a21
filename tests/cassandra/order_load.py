"""A steady load of orders while nodes come and go: what became of each attempt, and whether any was wrong."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from tests.chaos.books import everything, shown_books
from tests.support.people import Answer, Person
from tests.support.wait import until

PACE_S: Final = 0.5
"""An order is begun this often, however long the ones before it take: a slow shop is not spared.

Not more often: three JVMs and the shop share two cores, and an overloaded cluster would be measured, not a broken one.
"""
_WARM: Final = 20
"""So many orders in a row must go through before anything happens to a node: JVMs that just started are slow."""
_WARM_WITHIN_S: Final = 90.0
STOCK: Final = 1_000_000
PRICE_MINOR: Final = 1000
_CLEAN: Final = frozenset({200, 201, 202, 503})
_ORDERED: Final = frozenset({200, 201})
_PASSING: Final = ("PENDING", "REJECTING", "CANCELLING")
_UNDONE: Final = ("REJECTED", "CANCELLED")
_SETTLED_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody put one thing into the cart and ordered; the answer is the last one they got."""

    buyer: Person
    began: float
    took_s: float
    answer: Answer

    @property
    def ordered(self) -> bool:
        """Whether the order was acknowledged."""
        return self.answer.status in _ORDERED

    def must_be_clean(self) -> None:
        """Pass if it was acknowledged, is in progress, or was refused as a problem that says when to come back."""
        answer = self.answer
        assert answer.status in _CLEAN, (answer.status, answer.body[:300])
        if answer.status == 503:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Retry-After" in answer.headers


@dataclass
class Load:
    """Buyers who order, one after the other at a steady pace.

    Args:
        buyers: each has at most one attempt under way; enough of them that somebody is always free.
        product: what they buy, one each time.
        admin: may read everything.
    """

    buyers: Sequence[Person]
    product: str
    admin: Person
    attempts: list[Attempt] = field(default_factory=list)
    nobody_free: int = 0
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    _group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._group.create_task(self._go_on())
        await until(self._is_warm, "orders go through", _WARM_WITHIN_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._enough.set()
        await self._group.__aexit__(kind, error, trace)

    async def _go_on(self) -> None:
        free = deque(self.buyers)
        due = time.monotonic()
        while not self._enough.is_set():
            if free:
                self._group.create_task(self._attempt(free.popleft(), free))
            else:
                self.nobody_free += 1
            due += PACE_S
            await asyncio.sleep(due - time.monotonic())

    async def _attempt(self, buyer: Person, free: deque[Person]) -> None:
        began = time.monotonic()
        answer = await buyer.add(self.product)
        if answer.status == 200:
            answer = await buyer.order()
        self.attempts.append(Attempt(buyer, began, time.monotonic() - began, answer))
        free.append(buyer)

    def _is_warm(self) -> bool:
        last = self.attempts[-_WARM:]
        return len(last) == _WARM and all(attempt.ordered for attempt in last)

    def between(self, start: float, end: float = float("inf")) -> list[Attempt]:
        """Return what was begun in a stretch of time (monotonic seconds)."""
        return [attempt for attempt in self.attempts if start <= attempt.began < end]

    async def must_be_right(self) -> None:
        """Pass when every order is as it was acknowledged, none is there twice, and the stock says the same."""
        for attempt in self.attempts:
            attempt.must_be_clean()
        await until(self._nothing_passes, "every order is finished", _SETTLED_WITHIN_S)
        for buyer in self.buyers:
            await self._must_be_right_for(buyer)
        books = await shown_books(self.admin)
        sold = sum(self._units(order) for order in books.orders.values() if self._mine(order))
        assert books.stock[self.product]["available"] == STOCK - sold

    async def _nothing_passes(self) -> bool:
        books = await shown_books(self.admin)
        return not any(order["status"] in _PASSING for order in books.orders.values())

    def _mine(self, order: Any) -> bool:
        return order["status"] not in _UNDONE and order["lines"][0]["product_id"] == self.product

    @staticmethod
    def _units(order: Any) -> int:
        return sum(line["quantity"] for line in order["lines"])

    async def _must_be_right_for(self, buyer: Person) -> None:
        """Each attempt is one order at most, and an order costs what its things cost."""
        tried = [attempt for attempt in self.attempts if attempt.buyer is buyer]
        promised = [attempt.answer.json["id"] for attempt in tried if attempt.ordered]
        orders = {order["id"]: order for order in await everything(buyer, "/api/orders?limit=100")}
        assert orders.keys() >= set(promised)
        assert len(set(promised)) == len(promised)
        assert len(orders) <= len(tried)
        for order_id in promised:
            order = (await buyer.ask("GET", f"/api/orders/{order_id}")).expect(200)
            assert order["status"] not in _UNDONE
            assert order["total_minor"] == PRICE_MINOR * self._units(order)


def figures(name: str, attempts: Sequence[Attempt]) -> None:
    """Print how many attempts there were, what was answered, and how long they took."""
    if not attempts:
        print(f"{name}: no attempts")  # noqa: T201 - the figures of the run
        return
    took = sorted(attempt.took_s for attempt in attempts)
    answers = Counter(attempt.answer.status for attempt in attempts)
    share = 100 * sum(attempt.ordered for attempt in attempts) / len(attempts)
    print(  # noqa: T201 - the figures of the run
        f"{name}: {len(attempts)} attempts, {share:.1f} % ordered, answers {dict(sorted(answers.items()))}, "
        f"p50 {_at(took, 0.5):.2f} s, p99 {_at(took, 0.99):.2f} s, slowest {took[-1]:.2f} s"
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
