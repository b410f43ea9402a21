"""A flood of wrong sign-ins from many addresses on many accounts, and what the catalogue's visitors notice of it.

Attempts come at a pace, whether the ones before were answered or not; so do the visitors. First without the flood, then
with it, on the same shop with its usual limits, on one core; the clients have the other.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import uvloop

from perf.bench.load import Address, Connection, Result, connect, request_bytes, timed
from perf.bench.server import CLIENT_CORE
from perf.bench.shoppers import (
    CHANCE,
    Figure,
    Shop,
    administrator,
    at_most,
    detail_requests,
    fill,
    register,
    show,
)
from perf.bench.shops import Running, running

ADDRESSES: Final = 200
ACCOUNTS: Final = 10_000
REAL: Final = 50
"""Accounts that exist; the others are guessed too."""
USUAL: Final = {
    "STORE_USER_LOGIN_LIMIT_ACCOUNT": "20/minute",
    "STORE_USER_LOGIN_SLOW_ACCOUNT": "60/minute",
    "STORE_USER_LOGIN_LIMIT_ADDRESS": "600/minute",
    "STORE_USER_TRUSTED_PROXIES": '["127.0.0.1/32"]',
}
"""The limits of the settings; the clients play a proxy that says for whom it asks."""
VISITS_PER_SECOND: Final = 100


def attempt(email: str, address: int) -> bytes:
    """Return a wrong guess from one of the addresses."""
    form = f"username={quote(email)}&password=guess{CHANCE.getrandbits(32)}".encode()
    head = (
        f"POST /api/auth/token HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 198.51.100.{address}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    return head.encode() + form


async def paced(port: Address, requests: Sequence[bytes], *, per_second: float, seconds: float) -> Result:
    """Send requests at a pace, each on a connection that is free, or on a new one."""
    result, free, asked = Result(), list[Connection](), list[asyncio.Task[None]]()
    begun = time.perf_counter()

    async def one(request: bytes) -> None:
        try:
            connection = free.pop() if free else await connect(port)
            await timed(connection, request, result)
            free.append(connection)
        except OSError:
            result.statuses[0] += 1  # not even an answer

    for number in range(round(per_second * seconds)):
        await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
        asked.append(asyncio.create_task(one(requests[number % len(requests)])))
    await asyncio.gather(*asked)
    result.seconds = time.perf_counter() - begun
    for connection in free:
        connection.close()
    return result


async def measure(run: Running, *, flood_per_second: int, seconds: float) -> list[Figure]:
    """Measure visitors without and with the flood."""
    shop = Shop(run.port, await administrator(run.port, run.data))
    await fill(shop, 2_000)
    real = [(await register(run.port)).email for _ in range(REAL)]
    emails = [*real, *(f"guessed{number}@example.com" for number in range(ACCOUNTS - REAL))]
    guesses = [attempt(email, number % ADDRESSES) for number, email in enumerate(emails)]
    lists = [
        request_bytes("GET", f"/api/products?limit=20&search={word}") for word in ("red", "box", "light")
    ]
    visits = [request for pair in zip(detail_requests(shop), lists * 700, strict=False) for request in pair]

    async def visitors() -> Result:
        return await paced(run.port, visits, per_second=VISITS_PER_SECOND, seconds=seconds)

    quiet, used = await visitors(), run.server.cpu_seconds()
    noisy, flood = await asyncio.gather(
        visitors(), paced(run.port, guesses, per_second=flood_per_second, seconds=seconds)
    )
    busy = (run.server.cpu_seconds() - used) / noisy.seconds * 100
    return _figures(quiet, noisy, flood, busy)


def _figures(quiet: Result, noisy: Result, flood: Result, busy: float) -> list[Figure]:
    failed = sum(count for status, count in noisy.statuses.items() if status != 200)  # noqa: PLR2004
    return [
        Figure("catalogue p50, p99 without the flood", quiet.percentile_ms(0.99), "ms p99", "",
               f"p50 {quiet.percentile_ms(.5):.1f}"),
        Figure("catalogue p99 in the flood", noisy.percentile_ms(0.99), "ms", at_most(50),
               f"p50 {noisy.percentile_ms(.5):.1f}"),
        Figure("catalogue requests that failed", failed, "", at_most(0), _told(noisy.statuses)),
        Figure("sign-ins answered", flood.per_second, "/s", "", _told(flood.statuses)),
        Figure("sign-ins p99", flood.percentile_ms(0.99), "ms", ""),
        Figure("processor of the shop in the flood", busy, "% of a core", ""),
    ]  # fmt: skip


def _told(statuses: Mapping[int, int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


def main() -> None:
    """Run the flood and show the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-second", type=int, default=400, help="attempts a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory() as folder, running(USUAL, Path(folder)) as run:
        show(uvloop.run(measure(run, flood_per_second=asked.per_second, seconds=asked.seconds)))


if __name__ == "__main__":
    main()
