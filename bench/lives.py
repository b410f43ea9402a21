"""Orders that live their whole lives: placed for a while, with the deliveries of earlier ones going on beside.

Placing alone is easier than what a shop does: each order is picked, shipped and delivered later, by the same process.
So the delivery clock is set to seconds, nothing is measured until the first orders have been delivered, and from then
on as many are delivered as are placed.
"""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from bench.load import Connection, Result, connect, request_bytes
from bench.shoppers import ask
from bench.shops import Running

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
_LOOK_EVERY_S: Final = 0.005
_DELIVERED: Final = b'store_orders_status_total{status="DELIVERED"} '


@dataclass(frozen=True, slots=True)
class Lives:
    """What was done by the shop after the warm-up; a latency is that of adding to the cart and placing together."""

    orders: Result
    cpu_s: float
    """Processor time of the shop."""
    pause_s: float
    """The longest that a page which costs nothing waited: how long the event loop was busy with other things."""
    delivered: int

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor per order, its delivery included."""
        return self.cpu_s / self.orders.count * 1000


async def lives(
    run: Running,
    tokens: Sequence[str],
    products: Sequence[str],
    *,
    warm_up_s: float,
    seconds: float,
    seed: int,
) -> Lives:
    """Let one buyer for each token place one order after the other.

    Args:
        run: the shop, started with the settings `DELIVERY`.
        tokens: who buys.
        products: the ids that are drawn from.
        warm_up_s: how long orders are placed before anything is measured.
        seconds: how long it is measured.
        seed: of what is drawn.

    Raises:
        RuntimeError: an order was not placed.
    """
    chance = random.Random(seed)  # noqa: S311 - which product is bought, no secret
    orders = Result()
    begins = time.perf_counter() + warm_up_s
    ends = begins + seconds
    for token in tokens:
        await ask(run.port, request_bytes("PUT", "/api/cart/items", body=b'{"items":[]}', token=token))

    async def buyer(token: str) -> None:
        connection = await connect(run.port)
        while (begun := time.perf_counter()) < ends:
            await _buy(connection, token, chance.choice(products), f"{chance.getrandbits(64):x}")
            if begins <= (now := time.perf_counter()) < ends:
                orders.latencies_s.append(now - begun)
        connection.close()

    async def watcher() -> tuple[float, float, int]:
        await asyncio.sleep(begins - time.perf_counter())
        before, cpu = await _delivered(run), run.server.cpu_seconds()
        pause = await _longest_pause(run, ends)
        return run.server.cpu_seconds() - cpu, pause, await _delivered(run) - before

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watcher())
        for token in tokens:
            group.create_task(buyer(token))
    orders.seconds = seconds
    return Lives(orders, *watching.result())


async def _buy(connection: Connection, token: str, product: str, key: str) -> None:
    line = json.dumps({"product_id": product, "quantity": 1}).encode()
    add = request_bytes("POST", "/api/cart/items", body=line, token=token)
    place = request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=[f"Idempotency-Key: {key}"])
    for request in (add, place):
        status, body = await connection.ask(request)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RuntimeError(f"{request[:30]!r} was answered with {status}: {body[:300]!r}")


async def _longest_pause(run: Running, until: float) -> float:
    """Return the longest that a service's page of liveness took, asked again and again."""
    connection = await connect(run.services["catalog"])
    request, longest = request_bytes("GET", "/health/live"), 0.0
    while (begun := time.perf_counter()) < until:
        await connection.ask(request)
        longest = max(longest, time.perf_counter() - begun)
        await asyncio.sleep(_LOOK_EVERY_S)
    connection.close()
    return longest


async def _delivered(run: Running) -> int:
    connection = await connect(run.services["order"])
    _, metrics = await connection.ask(request_bytes("GET", "/metrics"))
    connection.close()
    return next(
        (int(float(line.split()[-1])) for line in metrics.splitlines() if line.startswith(_DELIVERED)), 0
    )
