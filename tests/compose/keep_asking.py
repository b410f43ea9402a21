"""Asks every service of a shop at a steady rate until it is told to end, and says which requests failed.

    python keep_asking.py BASE_URL PRODUCT_ID [--rate 100] [--writes]

Says `asking` once its customers have signed in. Ends at the end of its input; exit code 1 when any request failed.
Only requests that may be repeated, but for --writes.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=15)
WORST_SHOWN = 5
CUSTOMERS = 31
"""Not a multiple of the kinds of requests, so that each customer makes all of them."""


@dataclass
class Tally:
    """What came of it."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    def note(self, what: str, status: int, seconds: float, said: str) -> None:
        """Count one answer; anything but 2xx is a failure."""
        self.statuses[f"{what.partition(' ')[0]} {status}"] += 1
        self.slowest_s = max(self.slowest_s, seconds)
        if not 200 <= status < 300:
            self.failures.append(f"{what}: {status} after {seconds:.2f} s: {said[:200]}")


Request = tuple[str, str, dict[str, Any]]


def requests(product: str, *, writes: bool) -> Iterator[Request]:
    """Yield requests to all four services in turn, each answered by a service and none by a copy."""
    for n in itertools.count():
        yield "GET", f"/api/products?limit=1&min_price={n}", {}
        yield "GET", "/api/cart", {}
        yield "PUT", f"/api/cart/items/{product}", {"json": {"quantity": 1 + n % 5}}
        yield "GET", "/api/orders", {}
        yield "GET", "/api/users/me", {}
        if writes:
            key = {"Idempotency-Key": str(uuid.uuid4())}
            yield "POST", "/api/cart/items", {"json": {"product_id": product, "quantity": 1}, "headers": key}


async def customer(session: aiohttp.ClientSession) -> str:
    """Register somebody and return the header that says so."""
    who = {"email": f"asking-{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    async with session.post("/api/users", json=who) as answer:
        answer.raise_for_status()
    form = {"username": who["email"], "password": who["password"]}
    async with session.post("/api/auth/token", data=form) as answer:
        answer.raise_for_status()
        return f"Bearer {(await answer.json())['access_token']}"


async def ask(session: aiohttp.ClientSession, token: str, request: Request, tally: Tally) -> None:
    """Send one request and note what came."""
    method, path, more = request
    headers = {"Authorization": token, **more.pop("headers", {})}
    begun = time.monotonic()
    try:
        async with session.request(method, path, headers=headers, **more) as answer:
            said = await answer.text()
            tally.note(f"{method} {path}", answer.status, time.monotonic() - begun, said)
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.note(f"{method} {path}", 0, time.monotonic() - begun, repr(error))


def read_all(ended: threading.Event) -> None:
    """Wait for the end of the input."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    ended.set()


async def keep_asking(base: str, product: str, rate: float, *, writes: bool) -> Tally:
    """Ask at the rate, whatever the answers take, until the input ends."""
    tally = Tally()
    ended = threading.Event()
    # Not a thread of asyncio's: it would be waited for, and who fails early would not end before the input does.
    threading.Thread(target=read_all, args=(ended,), daemon=True).start()
    async with (
        aiohttp.ClientSession(base, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as asking,
    ):
        # One cart takes some tens of writes a second; nobody writes to his own that often.
        tokens = itertools.cycle([await customer(session) for _ in range(CUSTOMERS)])
        print("asking", flush=True)
        begun = time.monotonic()
        for n, request in enumerate(requests(product, writes=writes)):
            if ended.is_set():
                break
            await asyncio.sleep(max(0.0, begun + n / rate - time.monotonic()))
            asking.create_task(ask(session, next(tokens), request, tally))
    return tally


def main() -> int:
    """Ask, then say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("product_id")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--writes", action="store_true", help="also send what nginx may not repeat")
    options = parser.parse_args()
    tally = asyncio.run(
        keep_asking(options.base_url, options.product_id, options.rate, writes=options.writes)
    )
    said = {
        "answers": dict(tally.statuses),
        "failed": len(tally.failures),
        "slowest_s": round(tally.slowest_s, 2),
    }
    print(json.dumps(said))
    print(*tally.failures[:WORST_SHOWN], sep="\n", end="\n" if tally.failures else "")
    return int(bool(tally.failures) or not tally.statuses)


if __name__ == "__main__":
    sys.exit(main())
