"""What happens to one customer while the shop is killed: an order, perhaps its cancelling, and what must be true."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import aiohttp
from store_order.domain.orders import NEXT, PASSING, PLACED, Status, order_id_of
from store_order.domain.steps import Queue

from tests.chaos.books import Books
from tests.chaos.grounds import SETTLED_WITHIN_S, Ground
from tests.support.insides import CannotLook
from tests.support.people import Answer, Person
from tests.support.wait import until

PRICE_MINOR = 1250
WANTED = 2
MORE = 3
_ANSWERED = (200, 201, 402, 409)
_LATER = (202, 503)
_QUICK = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.15",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.15",
    # Well behind the second look at a shipment (STORE_ORDER_RETRY_S), so that the two never meet.
    "STORE_ORDER_DELIVERY_MIN_S": "0.6",
    "STORE_ORDER_DELIVERY_MAX_S": "0.6",
}
_NEVER = {"STORE_ORDER_PROCESSING_AFTER_S": "3600"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way an order can go.

    `ends` are the statuses that it may rest in, whatever is killed on the way; a look by a worker's own clock may be
    killed while the order is only being placed, so that it is turned back.
    """

    name: str
    ends: frozenset[Status]
    env: Mapping[str, str] = field(default_factory=lambda: _NEVER)
    stock: int = WANTED
    token: str = "tok_approve"
    cancels: bool = False
    dearer_by_minor: int = 0
    """By how much the price rises after the customer has seen it."""
    goal: Status = Status.CREATED
    after: "Scenario | None" = None
    """The scenario that this one goes on from: its boundaries are proven there."""
    alone: bool = False
    """Whether no client takes part once the order is placed, so that none can come back."""


PLACING = Scenario("placing", frozenset({Status.CREATED, Status.REJECTED}))
DECLINED = Scenario("declined", frozenset({Status.REJECTED}), token="tok_decline", goal=Status.REJECTED)
UNANSWERED = Scenario(
    "unanswered", frozenset({Status.CREATED, Status.REJECTED}), token="tok_timeout", after=PLACING
)
LOST = Scenario(
    "lost",
    frozenset({Status.REJECTED}),
    env={**_NEVER, "STORE_ORDER_GIVE_UP_S": "0"},
    token="tok_timeout_lost",
    goal=Status.REJECTED,
    after=PLACING,
)
SHORT = Scenario("short", frozenset({Status.REJECTED}), stock=WANTED - 1, goal=Status.REJECTED)
DEARER = Scenario("dearer", frozenset({Status.REJECTED}), dearer_by_minor=1, goal=Status.REJECTED)
CANCELLING = Scenario(
    "cancelling",
    frozenset({Status.CREATED, Status.CANCELLED, Status.REJECTED}),
    cancels=True,
    goal=Status.CANCELLED,
    after=PLACING,
)
SHIPPING = Scenario(
    "shipping",
    frozenset({Status.DELIVERED, Status.REJECTED}),
    env=_QUICK,
    goal=Status.DELIVERED,
    after=PLACING,
    alone=True,
)
SCENARIOS = (PLACING, DECLINED, UNANSWERED, LOST, SHORT, DEARER, CANCELLING, SHIPPING)


@dataclass
class Story:
    """One customer, one product that nobody else buys, one order."""

    ground: Ground
    scenario: Scenario
    customer: Person
    product_id: str
    key: str
    added: int = 0
    answer: Answer | None = None
    cancelled: Answer | None = None

    @classmethod
    async def begin(cls, ground: Ground, scenario: Scenario) -> Self:
        """Return a customer with a full cart; stock is just enough, so that the order sells the product out."""
        await until(ground.serves, "every service knows who asks", SETTLED_WITHIN_S)
        product_id = await ground.admin.create_product(stock=scenario.stock, price_minor=PRICE_MINOR)
        story = cls(ground, scenario, await ground.newcomer(), product_id, str(uuid.uuid4()))
        await story.add(WANTED)
        if scenario.dearer_by_minor:
            changes, seen = {"price_minor": PRICE_MINOR + scenario.dearer_by_minor}, {"If-Match": "*"}
            path = f"/api/products/{product_id}"
            (await ground.admin.ask("PATCH", path, changes, headers=seen)).expect(200)
        return story

    @property
    def order_id(self) -> str:
        """Return the id that the order has or will have."""
        return order_id_of(self.customer.id, self.key)

    @property
    def marks(self) -> tuple[str, ...]:
        """Return the ids that tell this story's calls from all others."""
        return (self.order_id, self.customer.id, self.product_id)

    async def add(self, quantity: int) -> None:
        """Put more into the cart; the shop must acknowledge it, once."""
        body, key = {"product_id": self.product_id, "quantity": quantity}, str(uuid.uuid4())

        async def added() -> bool:
            answer = await self.customer.ask(
                "POST", "/api/cart/items", body, headers={"Idempotency-Key": key}
            )
            return answer.status != 503 and bool(answer.expect(200, 201))

        await until(added, f"{quantity} more are in the cart", SETTLED_WITHIN_S)
        self.added += quantity

    async def act(self) -> None:
        """Order, then cancel if that is the story; whatever gets no answer is left at that."""
        first = await self._attempt_order()
        if first is not None and first.status == 503 and "Nothing is reserved" in first.json["detail"]:
            assert not self.ground.insides.is_held(self.order_id), "told that nothing is reserved"
        self._learn(first)
        if self.scenario.cancels and self.answer is not None and self.answer.status in (200, 201):
            # The news of CREATED are not part of cancelling; whether they left before is a matter of luck.
            await until(lambda: not self.ground.insides.hints(Queue.NOTIFY), "the news are delivered")
            self.cancelled = await self._attempt("POST", f"/api/orders/{self.order_id}/cancel")

    async def come_back(self) -> None:
        """Repeat with the same key until there is a final answer; cancel again if that was wanted."""
        await until(self._repeated, f"{self.order_id} is answered", SETTLED_WITHIN_S)
        if self.scenario.cancels and self.answer is not None and self.answer.status in (200, 201):
            await until(self._cancelled, f"{self.order_id} is cancelled", SETTLED_WITHIN_S)

    async def settled(self) -> None:
        """Return once the order rests where it may; without the client's help."""
        await until(self._at_rest, f"{self.order_id} rests in {self.scenario.ends}", SETTLED_WITHIN_S)

    async def done(self) -> None:
        """Return once the order has reached what the scenario is about; asks nobody, so as not to be watched."""
        await until(
            lambda: self.ground.insides.status_of(self.order_id) == self.scenario.goal,
            f"{self.order_id} is {self.scenario.goal}",
            SETTLED_WITHIN_S,
        )

    def over(self) -> bool:
        """Whether the order rests where it may and nothing more will be done for it."""
        try:
            resting = self.ground.insides.status_of(self.order_id) in (None, *self.scenario.ends)
            return resting and self.order_id not in self.ground.insides.hints(Queue.RECOVERY, Queue.NOTIFY)
        except CannotLook:
            return False

    def went_its_way(self) -> bool:
        """Whether it reached its goal and the buyer was told at once: no service was away, or too slow for that."""
        return self.answer is not None and self.ground.insides.status_of(self.order_id) == self.scenario.goal

    def __str__(self) -> str:
        """Return where it stands, for a test that fails."""
        said = [answer and answer.status for answer in (self.answer, self.cancelled)]
        return f"{self.order_id} is {self.ground.insides.status_of(self.order_id)}, answered {said}"

    async def judge(self, books: Books) -> None:
        """Assert everything that was promised to this customer. The ground must be at rest."""
        order = books.orders.get(self.order_id)
        status = Status(order["status"]) if order else None
        self._judge_answers(order, status)
        self._judge_money(books, order, status)
        self._judge_stock(books, status)
        await self._judge_cart(status)
        if status is not None:
            await self._judge_timeline(status)
            await self._judge_repeat(status)

    async def _attempt(self, method: str, path: str, body: object = None, **headers: str) -> Answer | None:
        try:
            return await self.customer.ask(method, path, body, headers=headers)
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _attempt_order(self) -> Answer | None:
        body = {"payment_token": self.scenario.token}
        return await self._attempt("POST", "/api/orders", body, **{"Idempotency-Key": self.key})

    def _learn(self, answer: Answer | None) -> bool:
        """Keep a final answer; an earlier one must not be contradicted."""
        if answer is None or answer.status in _LATER:
            return False
        assert answer.status in _ANSWERED, f"{answer.status}: {answer.body[:300]!r}"
        if self.answer is not None:
            assert (answer.status in (200, 201)) == (self.answer.status in (200, 201)), "another outcome"
        self.answer = answer
        return True

    async def _repeated(self) -> bool:
        return self._learn(await self._attempt_order())

    async def _cancelled(self) -> bool:
        self.cancelled = await self._attempt("POST", f"/api/orders/{self.order_id}/cancel")
        if self.cancelled is None or self.cancelled.status == 503:
            return False
        return bool(self.cancelled.expect(200, 202)["status"] == "CANCELLED")

    async def _status(self) -> Status | None:
        found = await self._attempt("GET", f"/api/orders/{self.order_id}")
        if found is None or found.status == 404:
            return None
        return Status(found.expect(200)["status"])

    async def _at_rest(self) -> bool:
        status = await self._status()
        return status is None or status in self.scenario.ends

    def _judge_answers(self, order: Any, status: Status | None) -> None:
        """What the client was told is what is."""
        assert status is None or status in self.scenario.ends, f"rests in {status}"
        if self.answer is None:
            return
        assert order is not None, f"answered {self.answer.status}, but the order is lost"
        said = self.answer.json
        if self.answer.status in (200, 201):
            assert status in PLACED | {Status.CANCELLED}, f"promised {said['status']}, is {status}"
            assert (said["id"], said["total_minor"]) == (self.order_id, order["total_minor"])
            assert said["lines"] == order["lines"]
        else:
            assert status is Status.REJECTED, f"refused with {self.answer.slug}, is {status}"
            assert self.answer.slug in _refusals(self.scenario), self.answer.slug
        if self.cancelled is not None and self.cancelled.status == 200:
            assert status is Status.CANCELLED, f"told that it is cancelled, is {status}"

    def _judge_money(self, books: Books, order: Any, status: Status | None) -> None:
        """Charged exactly once iff it stands; nothing is left of any other charge."""
        own = books.payments.get(self.order_id)
        if order is None:
            assert own is None, f"{own} without an order"
            return
        shown = order["payment"]
        charges, refunds = (own[1], own[2]) if own else (0, 0)
        assert (shown["charges"], shown["refunds"]) == (charges, refunds)
        if status in PLACED:
            assert (charges, refunds) == (1, 0), f"{status}, charged {charges}, refunded {refunds}"
            assert shown["amount_minor"] == order["total_minor"] == WANTED * PRICE_MINOR
        else:
            assert charges == refunds <= 1, f"{status}, charged {charges}, refunded {refunds}"
        if status is Status.CANCELLED:
            assert charges == 1

    def _judge_stock(self, books: Books, status: Status | None) -> None:
        """The goods are held, sold or free as the order says; not one is lost."""
        row = books.stock[self.product_id]
        held = [{"order_id": self.order_id, "quantity": WANTED}]
        waits, left = status in (Status.CREATED, Status.PROCESSING), status is Status.DELIVERED
        taken = WANTED if waits or left else 0
        seen = (row["received"], row["available"], row["sold"], row["holds"])
        stock = self.scenario.stock
        assert seen == (stock, stock - taken, WANTED if left else 0, held if waits else []), f"{status}"

    async def _judge_cart(self, status: Status | None) -> None:
        """What was ordered left the cart once; what was added since is there."""
        ordered = WANTED if status in PLACED | {Status.CANCELLED} else 0
        cart = (await self.customer.ask("GET", "/api/cart")).expect(200)["items"]
        quantity = sum(item["quantity"] for item in cart if item["product_id"] == self.product_id)
        assert quantity == self.added - ordered, f"{status}, {self.added} added, {quantity} in the cart"

    async def _judge_timeline(self, status: Status) -> None:
        """Every step was legal, came once, and was told to the customer once."""
        events = (await self.customer.ask("GET", f"/api/orders/{self.order_id}/events")).expect(200)["items"]
        path = [Status(event["status"]) for event in events]
        assert path[0] is Status.PENDING
        assert path[-1] is status
        assert all(to in NEXT[was] for was, to in pairwise(path)), path
        page = (await self.customer.ask("GET", "/api/users/me/notifications?limit=100")).expect(200)
        told = Counter(n["status"] for n in page["items"] if n["order_id"] == self.order_id)
        assert told == Counter(str(step) for step in path if step not in PASSING)

    async def _judge_repeat(self, status: Status) -> None:
        """The same key gives the stored outcome, now and always."""
        again = await self._attempt_order()
        assert again is not None
        if status is Status.REJECTED:
            assert again.status in (402, 409), again.status
            assert again.json["order_id"] == self.order_id
        else:
            assert again.expect(200)["id"] == self.order_id
        self._learn(again)


def _refusals(scenario: Scenario) -> set[str]:
    """Return the slugs that are true: the scenario's own, or that the shop gave up an order it found halfway.

    So is that the cart was changed: more was put into it before an order that was left halfway had taken it.
    """
    own = {
        "declined": "payment-declined",
        "short": "insufficient-stock",
        "dearer": "price-changed",
    }
    return {"order-not-placed", "cart-changed", own.get(scenario.name, "order-not-placed")}
