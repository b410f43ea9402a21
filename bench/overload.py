"""Ask a shop for more than it can do: what it does meanwhile, who is refused, how fast it recovers.

Saturation is measured first, in the same run: buyers and readers who wait for each answer. Then the same mix comes
at a multiple of that rate, whoever is answered or not (an open loop): latency counts from the moment at which a
request was due. The shop runs on one core, the generator on another.
"""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop
from store_kit.testing import free_port

from bench.load import Connection, connect, request_bytes
from bench.server import CLIENT_CORE, PinnedServer
from bench.shoppers import (
    CHANCE,
    UNLIMITED,
    Figure,
    Shop,
    administrator,
    detail_requests,
    fill,
    new_shopper,
    show,
)

SHOPPERS: Final = 512
CLOSED_LOOP: Final = 64
READS_OF_FIVE: Final = 4
MOST_CONNECTIONS: Final = 2000
TIMED_OUT_S: Final = 3.0
SETTLING_S: Final = 5.0
_TICK_S: Final = 0.002
_OVERLOADED: Final = 503
_OK: Final = 300
_CHEAP_PASSWORDS: Final = {"STORE_USER_ARGON2_TIME_COST": "1", "STORE_USER_ARGON2_MEMORY_KIB": "8"}


@dataclass(slots=True)
class Outcome:
    """What came of the attempts: latencies in seconds, by kind and status."""

    latencies: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    lost: int = 0
    seconds: float = 0.0

    def note(self, kind: str, status: int, latency_s: float) -> None:
        """Note one answer."""
        self.latencies.setdefault((kind, status), []).append(latency_s)

    def of(self, *, good: bool) -> list[float]:
        """Return the latencies of what was done, or of what was refused."""
        chosen = [values for (_, status), values in self.latencies.items() if (status < _OK) is good]
        return sorted(value for values in chosen for value in values)

    @property
    def goodput(self) -> float:
        """What was done, per second."""
        return len(self.of(good=True)) / self.seconds

    def told(self) -> str:
        """Return counts by kind and status."""
        return ", ".join(f"{kind} {status}: {len(v)}" for (kind, status), v in sorted(self.latencies.items()))


class Crowd:
    """Readers and buyers, and their connections: as few as are needed at a time."""

    def __init__(self, shop: Shop, tokens: list[str]) -> None:
        self._port = shop.port
        self._ids = shop.ids
        self._reads = detail_requests(shop)
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._ready: deque[str] = deque()
        self._empty: deque[str] = deque(tokens)
        self._turn = 0
        self.outcome = Outcome()

    async def fill_carts(self) -> None:
        """Put something into every cart."""
        while self._empty:
            await asyncio.gather(*(self._fill_one() for _ in range(min(16, len(self._empty)))))

    async def attempt(self, due: float) -> None:
        """Read, or order, in turn: four of five read."""
        self._turn += 1
        if self._turn % (READS_OF_FIVE + 1) or not self._ready:
            await self._timed("read", self._reads[self._turn % len(self._reads)], due)
            return
        token = self._ready.popleft()
        key = f"Idempotency-Key: {CHANCE.getrandbits(64):x}"
        order = request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=[key])
        status = await self._timed("order", order, due)
        if status == _OVERLOADED:
            self._ready.append(token)
        else:
            self._empty.append(token)
            await self._fill_one()

    async def _fill_one(self) -> None:
        token = self._empty.popleft()
        body = json.dumps({"product_id": CHANCE.choice(self._ids), "quantity": 1}).encode()
        add = request_bytes("POST", "/api/cart/items", body=body, token=token)
        status = await self._timed("add", add, time.perf_counter())
        (self._ready if 0 < status < _OK else self._empty).append(token)

    async def _timed(self, kind: str, request: bytes, due: float) -> int:
        try:
            async with asyncio.timeout(TIMED_OUT_S):
                status = await self._ask(request)
        except (TimeoutError, OSError):
            self.outcome.lost += 1
            return 0
        self.outcome.note(kind, status, time.perf_counter() - due)
        return status

    async def _ask(self, request: bytes) -> int:
        if self._idle:
            connection = self._idle.pop()
        elif self._open < MOST_CONNECTIONS:
            self._open += 1
            connection = await connect(self._port)
        else:
            raise ConnectionError("every connection waits")
        try:
            status, _ = await connection.ask(request)
        except BaseException:
            connection.close()
            self._open -= 1
            raise
        self._idle.append(connection)
        return status

    def begin(self) -> None:
        """Count from here."""
        self.outcome = Outcome()

    def close(self) -> None:
        """Hang up."""
        for connection in self._idle:
            connection.close()


async def saturate(crowd: Crowd, seconds: float) -> Outcome:
    """Let so many attempt one thing after another."""
    crowd.begin()
    begun = time.perf_counter()

    async def one() -> None:
        while (now := time.perf_counter()) < begun + seconds:
            await crowd.attempt(now)

    await asyncio.gather(*(one() for _ in range(CLOSED_LOOP)))
    crowd.outcome.seconds = time.perf_counter() - begun
    return crowd.outcome


async def flood(crowd: Crowd, rate: float, seconds: float) -> Outcome:
    """Attempt `rate` things a second, whatever becomes of those before."""
    crowd.begin()
    begun, made = time.perf_counter(), 0
    running: set[asyncio.Task[None]] = set()
    while (now := time.perf_counter()) < begun + seconds:
        while made < (now - begun) * rate:
            task = asyncio.create_task(crowd.attempt(begun + made / rate))
            running.add(task)
            task.add_done_callback(running.discard)
            made += 1
        await asyncio.sleep(_TICK_S)
    crowd.outcome.seconds = seconds
    ended = crowd.outcome
    while running:
        await asyncio.wait(running)
    return ended


async def health(port: int, until: float) -> list[tuple[int, float]]:
    """Ask how the shop is, twice a second; return statuses and seconds."""
    answers = []
    while time.perf_counter() < until:
        begun = time.perf_counter()
        connection = await connect(port)
        status, _ = await connection.ask(request_bytes("GET", "/api/system/health"))
        connection.close()
        answers.append((status, time.perf_counter() - begun))
        await asyncio.sleep(0.5)
    return answers


async def memory(server: PinnedServer, until: float) -> list[float]:
    """Look at the server's memory once a second, once the flood has settled."""
    seen = []
    await asyncio.sleep(SETTLING_S)
    while time.perf_counter() < until:
        seen.append(server.pss_mb())
        await asyncio.sleep(1)
    return seen or [server.pss_mb()]


async def first_answer(port: int) -> float:
    """Return the seconds until a newcomer is served."""
    begun = time.perf_counter()
    status = 0
    while status != 200:  # noqa: PLR2004 - OK
        connection = await connect(port)
        status, _ = await connection.ask(request_bytes("GET", "/api/products?limit=1"))
        connection.close()
    return time.perf_counter() - begun


def percentile_ms(values: list[float], share: float) -> float:
    """Return the value in milliseconds that this share does not exceed; values are sorted."""
    return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


def judged(calm: Outcome, storm: Outcome, times: float) -> list[Figure]:
    """Return what the flood came to, beside what is asked of it."""
    done, refused = storm.of(good=True), storm.of(good=False)
    slowest = max([*done, *refused], default=0.0)
    return [
        Figure("saturation", calm.goodput, "/s", "", calm.told()),
        Figure(f"goodput at {times:g} times that", storm.goodput, "/s", "", storm.told()),
        Figure("share of saturation", storm.goodput / calm.goodput, "", ">= .70"),
        Figure("slowest answer or refusal", slowest * 1000, "ms", "<= 1000"),
        Figure("done: p50", percentile_ms(done, 0.5), "ms", ""),
        Figure("done: p99", percentile_ms(done, 0.99), "ms", ""),
        Figure("refused: p50", percentile_ms(refused, 0.5), "ms", ""),
        Figure("refused: p99", percentile_ms(refused, 0.99), "ms", "<= 200"),
        Figure("lost or timed out", storm.lost, "", "0"),
    ]


async def measure(folder: Path, *, seconds: float, times: float) -> list[Figure]:
    """Run everything in a folder of its own."""
    ports = [free_port() for _ in range(5)]
    names = ("CATALOG", "CART", "ORDER", "USER")
    urls = {f"STORE_{name}_URL": f"http://127.0.0.1:{ports[n]}" for n, name in enumerate(names)}
    port = ports[4]
    up = ("store_cli", "up", "--no-catalogue", "--port", str(port), "--data", str(folder / "shop"))
    ready = f"http://127.0.0.1:{port}/api/system/health"
    env = {**UNLIMITED, **_CHEAP_PASSWORDS, **urls}
    with PinnedServer(up, ready, folder / "shop.log", env) as server:
        shop = Shop(port, await administrator(port, folder / "shop"))
        await fill(shop)
        crowd = Crowd(shop, [await new_shopper(port, n) for n in range(SHOPPERS)])
        await crowd.fill_carts()
        await saturate(crowd, seconds / 10)
        calm = await saturate(crowd, max(5.0, seconds / 3))
        until = time.perf_counter() + seconds
        storm, asked, used = await asyncio.gather(
            flood(crowd, calm.goodput * times, seconds), health(port, until), memory(server, until)
        )
        recovered = await first_answer(port)
        crowd.close()
    slowest = max(took for _, took in asked)
    return [
        *judged(calm, storm, times),
        Figure("health: slowest", slowest * 1000, "ms", "", f"statuses {sorted({s for s, _ in asked})}"),
        Figure("memory: growth meanwhile (PSS)", used[-1] - used[0], "MB", "~0", f"from {used[0]:.0f} MB"),
        Figure("first answer after the flood", recovered * 1000, "ms", "<= 1000"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the flood")
    parser.add_argument("--times", type=float, default=3.0, help="how many times saturation is asked for")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    folder = Path(tempfile.mkdtemp(prefix="store-overload-"))
    try:
        figures = uvloop.run(measure(folder, seconds=options.seconds, times=options.times))
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps({figure.name: figure.value for figure in figures}))
    else:
        show(figures)


if __name__ == "__main__":
    main()
