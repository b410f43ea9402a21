"""Ask a shop for more than it can do: what it does meanwhile, who is refused, how fast it recovers.

Saturation is measured first, in the same run: buyers and readers who wait for each answer. Then the same mix comes
at a multiple of that rate, whether they are answered or not (an open loop): latency counts from the moment at which a
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
from typing import Final, cast

import uvloop

from perf.bench.load import connect, request_bytes
from perf.bench.server import CLIENT_CORE, PinnedServer
from perf.bench.shoppers import (
    CHANCE,
    UNLIMITED,
    Figure,
    Shop,
    administrator,
    at_least,
    at_most,
    detail_requests,
    fill,
    new_shopper,
    show,
)
from tests.support.services import free_port

SHOPPERS: Final = 1024
CLOSED_LOOP: Final = 48
READS_OF_FIVE: Final = 4
MOST_CONNECTIONS: Final = 2000
TIMED_OUT_S: Final = 3.0
SETTLING_S: Final = 5.0
_FULL_CARTS: Final = 0.75
"""The share of carts that are kept full, in addition to what is attempted: an order needs one."""
_TICK_S: Final = 0.002
_OVERLOADED: Final = 503
_FURTHER_IN: Final = 599
_OK: Final = 300
_CHEAP_PASSWORDS: Final = {"STORE_USER_ARGON2_TIME_COST": "1", "STORE_USER_ARGON2_MEMORY_KIB": "8"}


@dataclass(slots=True)
class Outcome:
    """What came of the attempts: latencies in seconds, by kind and status."""

    latencies: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    lost: int = 0
    late_s: float = 0.0
    """By how much the generator itself was late at most: beyond some 10 ms it is what was measured."""
    cpu_share: float = 0.0
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


@dataclass(slots=True)
class Sent:
    """A request under way, and when it was due."""

    kind: str
    request: bytes
    due: float
    token: str = ""


class Caller(asyncio.Protocol):
    """One connection; no task and no future for a request, so that a core of the generator outdoes one of the shop."""

    def __init__(self, crowd: "Crowd", first: Sent) -> None:
        self._crowd = crowd
        self.sent: Sent | None = first
        self.transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what it was opened for."""
        self.transport = cast("asyncio.Transport", transport)
        if self.sent is not None:
            self.transport.write(self.sent.request)

    def send(self, sent: Sent) -> None:
        """Send a request."""
        self.sent = sent
        assert self.transport is not None  # noqa: S101 - only connections that are open are idle
        self.transport.write(sent.request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; when it is whole, tell."""
        self._buffer += data
        answer = parse(self._buffer)
        if answer is not None and self.sent is not None:
            sent, self.sent, self._buffer = self.sent, None, b""
            self._crowd.answered(self, sent, answer)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell that there will be no answer."""
        self._crowd.hung_up(self)


def parse(buffer: bytes) -> int | None:
    """Return the status of an answer that is whole; 599 for a 503 that is not for overload: a failure further in."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    at = buffer.lower().find(b"content-length: ", 0, end)
    length = 0 if at < 0 else int(buffer[at + 16 : buffer.index(b"\r", at)])
    if len(buffer) < end + 4 + length:
        return None
    status = int(buffer[9:12])
    return _FURTHER_IN if status == _OVERLOADED and b"#overloaded" not in buffer else status


class Crowd:
    """Readers and buyers, and their connections: as few as are needed at a time."""

    def __init__(self, port: int, shop: Shop, tokens: list[str]) -> None:
        self._port = port
        self._ids = shop.ids
        self._reads = detail_requests(shop)
        self._idle: list[Caller] = []
        self._busy: dict[Caller, None] = {}
        self._ready: deque[str] = deque()
        self._empty: deque[str] = deque(tokens)
        self._turn = 0
        self._again = False
        self._opening: set[asyncio.Task[object]] = set()
        self.outcome = Outcome()

    async def fill_carts(self) -> None:
        """Put something into every cart."""
        while self._empty or self._busy:
            for _ in range(min(16 - len(self._busy), len(self._empty))):
                self._fill_one()
            await asyncio.sleep(_TICK_S)

    def attempt(self, due: float) -> None:
        """Read, or order, in turn: four of five read."""
        self._turn += 1
        if self._turn % (READS_OF_FIVE + 1) or not self._ready:
            self._send(Sent("read", self._reads[self._turn % len(self._reads)], due))
            return
        if self._empty and len(self._ready) < SHOPPERS * _FULL_CARTS:
            self._fill_one()
        token = self._ready.popleft()
        key = f"Idempotency-Key: {CHANCE.getrandbits(64):x}"
        order = request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=[key])
        self._send(Sent("order", order, due, token))

    def _fill_one(self) -> None:
        token = self._empty.popleft()
        body = json.dumps({"product_id": CHANCE.choice(self._ids), "quantity": 1}).encode()
        add = request_bytes("POST", "/api/cart/items", body=body, token=token)
        self._send(Sent("add", add, time.perf_counter(), token))

    def _send(self, sent: Sent) -> None:
        if self._idle:
            caller = self._idle.pop()
            caller.send(sent)
        elif len(self._busy) < MOST_CONNECTIONS:
            caller = Caller(self, sent)
            opening = asyncio.create_task(self._open(caller))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        else:
            self._lose(sent)
            return
        self._busy[caller] = None

    async def _open(self, caller: Caller) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", self._port)
        except OSError:
            self.hung_up(caller)

    def answered(self, caller: Caller, sent: Sent, status: int) -> None:
        """Note an answer, and do what follows from it."""
        del self._busy[caller]
        self._idle.append(caller)
        self.outcome.note(sent.kind, status, time.perf_counter() - sent.due)
        if sent.kind == "add":
            (self._ready if status < _OK else self._empty).append(sent.token)
            return
        if sent.kind == "order":
            (self._ready if status == _OVERLOADED else self._empty).append(sent.token)
        if self._again:
            self.attempt(time.perf_counter())

    def hung_up(self, caller: Caller) -> None:
        """Note what was lost with a connection."""
        self._busy.pop(caller, None)
        if caller in self._idle:
            self._idle.remove(caller)
        if caller.sent is not None:
            self._lose(caller.sent)

    def _lose(self, sent: Sent) -> None:
        self.outcome.lost += 1
        if sent.token:
            self._empty.append(sent.token)

    def give_up(self, now: float) -> None:
        """Count as lost who has waited for too long."""
        for caller in [
            caller for caller in self._busy if caller.sent and now - caller.sent.due > TIMED_OUT_S
        ]:
            if caller.transport is not None:
                caller.transport.abort()

    async def at_once(self, seconds: float) -> Outcome:
        """Let so many attempt one thing after another; return what came of it."""
        self.outcome, self._again = Outcome(), True
        begun = time.perf_counter()
        for _ in range(CLOSED_LOOP):
            self.attempt(begun)
        await asyncio.sleep(seconds)
        self._again, outcome = False, self.outcome
        outcome.seconds = time.perf_counter() - begun
        await self.done()
        return outcome

    async def done(self) -> None:
        """Return when nothing is under way."""
        while self._busy:
            self.give_up(time.perf_counter())
            await asyncio.sleep(_TICK_S)

    def close(self) -> None:
        """Hang up."""
        for caller in self._idle:
            if caller.transport is not None:
                caller.transport.close()


async def flood(crowd: Crowd, rate: float, seconds: float) -> Outcome:
    """Attempt `rate` things a second, whatever becomes of those before."""
    outcome = crowd.outcome = Outcome()
    begun, made = time.perf_counter(), 0
    while (now := time.perf_counter()) < begun + seconds:
        outcome.late_s = max(outcome.late_s, now - begun - made / rate)
        while made < (now - begun) * rate:
            crowd.attempt(begun + made / rate)
            made += 1
        crowd.give_up(now)
        await asyncio.sleep(_TICK_S)
    outcome.seconds = seconds
    await crowd.done()
    return outcome


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
    """Return what the flood came to, next to its aim."""
    done, refused = storm.of(good=True), storm.of(good=False)
    slowest = max([*done, *refused], default=0.0)
    return [
        Figure("saturation", calm.goodput, "/s", "", calm.told()),
        Figure(f"goodput at {times:g} times that", storm.goodput, "/s", "", storm.told()),
        Figure("share of saturation", storm.goodput / calm.goodput, "", at_least(0.7)),
        Figure(
            "the same by processor time",
            storm.goodput / storm.cpu_share / (calm.goodput / calm.cpu_share),
            "",
            "",
            f"server's core busy {calm.cpu_share:.0%}, then {storm.cpu_share:.0%}",
        ),
        Figure("slowest answer or refusal", slowest * 1000, "ms", at_most(1000)),
        Figure("done: p50", percentile_ms(done, 0.5), "ms", ""),
        Figure("done: p99", percentile_ms(done, 0.99), "ms", ""),
        Figure("refused: p50", percentile_ms(refused, 0.5), "ms", ""),
        Figure("refused: p99", percentile_ms(refused, 0.99), "ms", at_most(200)),
        Figure(
            "generator: latest", storm.late_s * 1000, "ms", "", f"server's core busy {storm.cpu_share:.0%}"
        ),
        Figure("lost or timed out", storm.lost, "", at_most(0)),
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
        crowd = Crowd(port, shop, [await new_shopper(port) for _ in range(SHOPPERS)])
        await crowd.fill_carts()
        await crowd.at_once(seconds / 10)
        spent = server.cpu_seconds()
        calm = await crowd.at_once(max(5.0, seconds / 3))
        calm.cpu_share = (server.cpu_seconds() - spent) / calm.seconds
        until, spent = time.perf_counter() + seconds, server.cpu_seconds()
        storm, asked, used = await asyncio.gather(
            flood(crowd, calm.goodput * times, seconds), health(port, until), memory(server, until)
        )
        storm.cpu_share = (server.cpu_seconds() - spent) / seconds
        recovered = await first_answer(port)
        crowd.close()
    slowest = max(took for _, took in asked)
    return [
        *judged(calm, storm, times),
        Figure("health: slowest", slowest * 1000, "ms", "", f"statuses {sorted({s for s, _ in asked})}"),
        Figure("memory: growth meanwhile (PSS)", used[-1] - used[0], "MB", "~0", f"from {used[0]:.0f} MB"),
        Figure("first answer after the flood", recovered * 1000, "ms", at_most(1000)),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m perf.bench.overload", description=__doc__)
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
