"""Orders that live their whole lives: placed for a while, with the deliveries of earlier ones going on beside.

Placing alone is easier than what a shop does: each order is paid, picked, shipped and delivered, and its buyer told of
each step, by the same processes. So the delivery clock is set to seconds, nothing is measured until the first orders
have been delivered, and from then on as many are delivered as are placed.

A buyer of one line adds it to the cart and places the order. A buyer of more sends the whole cart in one request, as
who orders from a list does, and places it; adding line by line is measured by the load "add to cart". Both requests
count in the time that an order took.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from perf.bench.counted import Counted
from perf.bench.load import Connection, Result, connect, request_bytes
from perf.bench.shoppers import ask
from perf.bench.shops import Running

DELIVERY: Final = {
    "STORE_ORDER_PROCESSING_AFTER_S": "1",
    "STORE_ORDER_SHIPPING_AFTER_S": "1",
    "STORE_ORDER_DELIVERY_MIN_S": "3",
    "STORE_ORDER_DELIVERY_MAX_S": "6",
}
"""Settings of a shop whose orders are delivered after 5 to 8 seconds."""
WARM_UP_S: Final = 10.0
SECONDS: Final = 30.0
BUYERS: Final = (1, 16, 64)
LINES: Final = (1, 3, 27)
DELIVERED_WITHIN_S: Final = 90.0
"""How long a turn waits for the last deliveries, so that they are no part of the next one."""
CLIENT: Final = "client"
_LOOK_EVERY_S: Final = 0.005
_DONE: Final = (HTTPStatus.OK, HTTPStatus.CREATED)
_TRY_AGAIN: Final = (HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE)
_TAKEN_BACK: Final = b"#order-not-placed"
_MOST_TRIES: Final = 300
_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lives:
    """What was done by the shop after the warm-up; a latency is that of filling the cart and placing together."""

    orders: Result
    tried_again: int
    """How often the shop said to try again later, which the buyers did."""
    cpu_s: Mapping[str, float]
    """Processor time by who used it; `CLIENT` is what asked."""
    pause_s: float
    """The longest that a page which costs nothing waited: how long the event loop was busy with other things."""
    counted: Counted
    behind_s: float
    """How long after the last order was placed the last one was delivered."""
    complaints: Mapping[str, float]
    """What a Cassandra node says of all of it: warnings in its log, tombstones that one read passed over at most."""

    @property
    def placed(self) -> Result:
        """The orders, of which there are some.

        Raises:
            RuntimeError: none was placed in time, and of nothing there are no figures.
        """
        if not self.orders.count:
            raise RuntimeError(f"no order was placed in {self.orders.seconds:g} s")
        return self.orders

    def cpu_ms(self, who: str) -> float:
        """Return milliseconds of processor per order, its delivery included."""
        return self.cpu_s[who] / self.orders.count * 1000


async def lives(
    run: Running,
    tokens: Sequence[str],
    products: Sequence[str],
    *,
    lines: int,
    warm_up_s: float,
    seconds: float,
    seed: int,
) -> Lives:
    """Let one buyer for each token place one order after the other; return when all of them are delivered.

    Args:
        run: the shop, started with the settings `DELIVERY`.
        tokens: who buys.
        products: the ids that are drawn from.
        lines: how many products an order has, one of each.
        warm_up_s: how long orders are placed before anything is measured.
        seconds: how long it is measured.
        seed: of what is drawn.

    Raises:
        RuntimeError: an order was not placed.
    """
    chance = random.Random(seed)  # noqa: S311 - which product is bought, no secret
    orders, placed, tried_again = Result(), 0, 0
    services = run.services.values()
    for token in tokens:
        await ask(run.port, request_bytes("PUT", "/api/cart/items", body=b'{"items":[]}', token=token))
    logged = run.node.logged() if run.node else 0
    at_first = await Counted.of(services)
    begins = time.perf_counter() + warm_up_s
    ends = begins + seconds

    async def buyer(token: str) -> None:
        nonlocal placed, tried_again
        connection = await connect(run.port)
        while (begun := time.perf_counter()) < ends:
            again = await buy(connection, token, Purchase(chance.sample(products, lines)))
            placed += 1
            if begins <= (now := time.perf_counter()) < ends:
                orders.latencies_s.append(now - begun)
                tried_again += again
        connection.close()

    async def watcher() -> tuple[Mapping[str, float], float, Counted]:
        await asyncio.sleep(begins - time.perf_counter())
        before, cpu_before = await Counted.of(services), _cpu(run)
        pauses = await asyncio.gather(*(_longest_pause(port, ends) for port in run.loops))
        cpu, counted = _cpu(run), await Counted.of(services)
        used = {who: cpu[who] - cpu_before[who] for who in cpu}
        return used, max(pauses, default=0.0), counted.since(before)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watcher())
        for token in tokens:
            group.create_task(buyer(token))
    orders.seconds = seconds
    behind = await all_delivered(run, at_first.delivered + placed) if run.services else 0.0
    complaints: dict[str, float] = {}
    if run.node:
        complaints = {
            "warnings of the node": run.node.warnings_since(logged),
            "tombstones one read passed over": await run.node.tombstones(),
        }
    return Lives(orders, tried_again, *watching.result(), behind, complaints)


@dataclass(slots=True)
class Purchase:
    """An order that a buyer means to place, and how far that has come; after a loss of the connection it goes on.

    Args:
        products: one of each is bought.
        key: the order's, never of a seed, or the next load would find the orders of this one.
        filling: it was begun to fill the cart.
        filled: the cart has them.
    """

    products: Sequence[str]
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    filling: bool = False
    filled: bool = False

    def request(self, token: str) -> bytes:
        """Return what is to be sent now."""
        if self.filled:
            key = [f"Idempotency-Key: {self.key}"]
            return request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=key)
        wanted = [{"product_id": product, "quantity": 1} for product in self.products]
        # To add once more would make two of it.
        adds = len(wanted) == 1 and not self.filling
        method, cart = ("POST", wanted[0]) if adds else ("PUT", {"items": wanted})
        return request_bytes(method, "/api/cart/items", body=json.dumps(cart).encode(), token=token)


async def buy(connection: Connection, token: str, purchase: Purchase) -> int:
    """Fill the cart, which is empty, and place the order; return how often the shop said to try again.

    Raises:
        RuntimeError: it was refused, or never taken.
        OSError: the connection was lost; the purchase can be gone on with.
    """
    again = 0
    while True:
        request, placing = purchase.request(token), purchase.filled
        purchase.filling = True
        status, body = await connection.ask(request)
        if status in _DONE and placing:
            return again
        if status in _DONE:
            purchase.filled = True
            continue
        if _TAKEN_BACK in body:
            purchase.key = str(uuid.uuid4())
        elif status not in _TRY_AGAIN:
            raise RuntimeError(f"answered with {status}: {body[:300]!r}")
        again += 1
        if again > _MOST_TRIES:
            raise RuntimeError(f"tried {again} times; answered with {status}: {body[:300]!r}")
        await asyncio.sleep(_PAUSE_S)


def _cpu(run: Running) -> Mapping[str, float]:
    return {**run.cpu_by_user(), CLIENT: time.process_time()}


async def _longest_pause(port: int, until: float) -> float:
    """Return the longest that a service's page of liveness took, asked again and again."""
    connection = await connect(port)
    request, longest = request_bytes("GET", "/health/live"), 0.0
    while (begun := time.perf_counter()) < until:
        status, _ = await connection.ask(request)
        if status != HTTPStatus.OK:
            raise RuntimeError(f"/health/live of port {port} was answered with {status}")
        longest = max(longest, time.perf_counter() - begun)
        await asyncio.sleep(_LOOK_EVERY_S)
    connection.close()
    return longest


async def all_delivered(run: Running, count: int) -> float:
    """Wait until so many orders have been delivered since the start; return the seconds it took.

    `DELIVERED_WITHIN_S` or more: they were not delivered in that time.
    """
    begun = time.perf_counter()
    while (waited := time.perf_counter() - begun) < DELIVERED_WITHIN_S:
        if (await Counted.of([run.services["order"]])).delivered >= count:
            break
        await asyncio.sleep(0.2)
    return waited
