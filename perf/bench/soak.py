"""Let a shop work at half of what it can do for half an hour: no error, no growing memory, no longer waits.

First the rate of 64 buyers is measured; then orders are due at half of it, whether the ones before were answered or
not, and what an order takes counts from the moment it was due. Afterwards the books are audited.

With --kill each process, the database's server too, is killed once in the middle and started again. Whoever was cut
off repeats the order with its key; the books are what is judged.
"""

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import uvloop

from perf.bench.counted import Counted
from perf.bench.lives import SECONDS, WARM_UP_S, all_delivered, buy, lives, new_key
from perf.bench.load import Connection, Result, connect
from perf.bench.loads import CUSTOMERS, TOKEN_LASTS_S, Stand, warm_up
from perf.bench.server import CLIENT_CORE
from perf.bench.setups import DATABASES, PROCESSES, Setup, setup
from perf.bench.shoppers import Account, Figure, show
from perf.bench.shops import Running

SHARE: Final = 0.5
"""Of what the shop can do."""
MEMORY_SLOPE: Final = 1.0
"""How many percent of it memory may grow in ten minutes."""
P99_GROWTH: Final = 1.25
"""How many times that of the first third the p99 of the last third may be."""
_LOOK_EVERY_S: Final = 5.0
_SAY_EVERY_S: Final = 60.0
_PAUSE_S: Final = 0.2
_CHANCE: Final = random.Random(12)  # noqa: S311 - which product is bought, no secret


@dataclass(slots=True)
class Soak:
    """What came of it: when each order was due and what it took, what went wrong, memory; moments since the start."""

    seconds: float
    waits: list[tuple[float, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def memory_slope(self) -> float:
        """By how many percent memory grows in ten minutes, by regression without the first third, in which it fills."""
        settled = [(at, mb) for at, mb in self.memory if at >= self.seconds / 3]
        if len({at for at, _ in settled}) < 2:  # noqa: PLR2004 - a line has two points
            return 0.0
        line = statistics.linear_regression(*zip(*settled, strict=True))
        return line.slope * 600 / settled[0][1] * 100

    def p99_ms(self, begins: float, ends: float) -> float:
        """Return the p99 of the orders that were due between two shares of the time."""
        waits = [took for due, took in self.waits if begins <= due / self.seconds < ends]
        return Result(latencies_s=waits).percentile_ms(0.99) if waits else 0.0

    def figures(self, rate: float) -> list[Figure]:
        """Return the figures next to what is wanted of them."""
        first, last = self.p99_ms(0, 1 / 3), self.p99_ms(2 / 3, 1)
        told = ", ".join(f"{count} x {what}" for what, count in sorted(self.errors.items()) if count)
        return [
            Figure("orders wanted", rate, "/s", ""),
            Figure("orders placed", len(self.waits) / self.seconds, "/s", ""),
            Figure("errors", self.errors.total(), "", "0", told),
            Figure("memory, growth in 10 minutes", self.memory_slope, "%", f"<= {MEMORY_SLOPE:g}"),
            Figure("memory, last (without files)", self.memory[-1][1] if self.memory else 0.0, "MB", ""),
            Figure("p99 in the first third", first, "ms", ""),
            Figure("p99 in the last third", last, "ms", f"<= {P99_GROWTH:g} times that"),
        ]

    def faults(self) -> list[str]:
        """Return what is not as wanted."""
        found = {
            "errors": self.errors.total() > 0,
            "memory grows": self.memory_slope > MEMORY_SLOPE,
            "waits grow": self.p99_ms(2 / 3, 1) > P99_GROWTH * self.p99_ms(0, 1 / 3),
        }
        return [what for what, is_so in found.items() if is_so]


class Mortal(Protocol):
    """A process that can be killed."""

    def killed_and_started(self) -> None:
        """Kill it, start it again, return when it can be used."""
        ...


class Pace:
    """Hands out the moments at which orders are due."""

    def __init__(self, rate: float, seconds: float) -> None:
        self._rate, self._seconds, self._given = rate, seconds, 0
        self.begun = time.perf_counter()

    async def due(self) -> float | None:
        """Wait for the next moment; return when it was since the start, None when there is none left."""
        at = self._given / self._rate
        if at >= self._seconds:
            return None
        self._given += 1
        await asyncio.sleep(max(0.0, at - self.since()))
        return at

    def since(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self.begun


async def buyer(stand: Stand, account: Account, pace: Pace, soak: Soak, lines: int) -> None:
    """Place orders when they are due, until none is."""
    token, connection = "", await connect(stand.run.port)
    signs_in_at = 0.0
    while True:
        if pace.since() >= signs_in_at:
            token = await _sign_in(stand.run, account)
            # Not all at once: each costs a hash.
            signs_in_at = pace.since() + TOKEN_LASTS_S * _CHANCE.uniform(0.5, 1)
        if (due := await pace.due()) is None:
            break
        products, key = _CHANCE.sample(stand.shop.ids, lines), new_key()
        connection = await _insist(stand.run, connection, token, products, key, soak)
        soak.waits.append((due, pace.since() - due))
    connection.close()


async def _sign_in(run: Running, account: Account) -> str:
    while True:
        try:
            return await account.sign_in(run.port)
        except (OSError, RuntimeError):  # it is down, or too many sign in at this moment
            await asyncio.sleep(_PAUSE_S)


async def _insist(
    run: Running, connection: Connection, token: str, products: Sequence[str], key: str, soak: Soak
) -> Connection:
    """Place one order, with the same key until the shop has answered; return a connection that works."""
    while True:
        try:
            soak.errors["told to try again"] += await buy(connection, token, products, key)
        except OSError:
            soak.errors["cut off"] += 1
            connection = await _reconnect(run)
            continue
        except RuntimeError as error:
            soak.errors[str(error)] += 1
        return connection


async def _reconnect(run: Running) -> Connection:
    while True:
        await asyncio.sleep(_PAUSE_S)
        with contextlib.suppress(OSError):
            return await connect(run.port)


async def watch(run: Running, pace: Pace, soak: Soak) -> None:
    """Note the memory of the shop now and then, and say how it goes."""
    said = 0.0
    while (now := pace.since()) < soak.seconds:
        soak.memory.append((now, run.own_mb()))
        if now - said >= _SAY_EVERY_S:
            said, minutes = now, now / 60
            p99 = soak.p99_ms((now - _SAY_EVERY_S) / soak.seconds, now / soak.seconds)
            print(
                f"{minutes:.0f} min: {len(soak.waits)} orders, p99 {p99:.0f} ms, {soak.memory[-1][1]:.0f} MB, "
                f"{soak.errors.total()} errors",
                file=sys.stderr,
                flush=True,
            )
        await asyncio.sleep(_LOOK_EVERY_S)


async def kill_each(run: Running, soak: Soak) -> None:
    """Kill one process after the other, spread over the time, and start each again at once."""
    victims: list[Mortal] = [*run.servers, *([run.node] if run.node else [])]
    for victim in victims:
        await asyncio.sleep(soak.seconds / (len(victims) + 1))
        await asyncio.to_thread(victim.killed_and_started)


async def audited(run: Running) -> tuple[bool, str]:
    """Run `store audit`; return whether the books are right, and what it said."""
    address = ("--base-url", f"http://127.0.0.1:{run.port}", "--data", str(run.data))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "store_cli", "audit", *address),
        env={**os.environ, **run.env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode == 0, said.decode()


async def measure(options: argparse.Namespace, on: Setup, folder: Path) -> bool:
    """Run everything in a folder of its own; return whether all is as wanted."""
    async with on.running(folder) as run:
        stand = await Stand.built(run, options.products)
        if on.node:
            await warm_up([stand], options.jvm_warm_up)
        tokens = await stand.tokens(CUSTOMERS)
        full = await lives(
            run, tokens, stand.shop.ids, lines=options.lines, warm_up_s=WARM_UP_S, seconds=SECONDS, seed=0
        )
        rate, soak = full.orders.per_second * SHARE, Soak(options.minutes * 60)
        before = await Counted.of([run.services["order"]])
        pace = Pace(rate, soak.seconds)
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(run, pace, soak))
            if options.kill:
                group.create_task(kill_each(run, soak))
            for account in stand.customers:
                group.create_task(buyer(stand, account, pace, soak, options.lines))
        behind = await all_delivered(run, 0 if options.kill else before.delivered + len(soak.waits))
        right, said = await audited(run)
        faults = ([] if options.kill else soak.faults()) + ([] if right else ["the books are wrong"])
        show([
            *soak.figures(rate),
            Figure("last order delivered after", behind, "s", ""),
            Figure("books are right", right, "", "1", said),
        ])  # fmt: skip
        print(f"verdict: {', '.join(faults) or 'good'}")
        return not faults


def main() -> None:
    """Run it, and end with 1 when something is not as wanted."""
    parser = argparse.ArgumentParser(
        prog="make bench-soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30.0, help="how long")
    add(
        "--database",
        choices=DATABASES,
        default="sqlite",
        help="cassandra: one node is started (needs Java 17)",
    )
    add("--processes", type=int, choices=PROCESSES, default=1, help="4: one for each service, behind nginx")
    add("--lines", type=int, default=1, help="how many lines an order has")
    add("--kill", action="store_true", help="kill each process once; errors and waits are not judged then")
    add("--jvm-warm-up", type=float, default=90.0, help="seconds of orders before all else on Cassandra")
    add("--products", type=int, default=20_000, help="how many the shop has")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store-soak-"))
    try:
        with setup(options.database, options.processes, folder) as on:
            if on.alone:
                os.sched_setaffinity(0, {CLIENT_CORE})
            good = uvloop.run(measure(options, on, folder))
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
