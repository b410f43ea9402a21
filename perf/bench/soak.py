"""Let a shop work at half of what it can do for half an hour: no error, no growing memory, no longer waits.

First the rate of 64 buyers is measured; then orders are due at half of it, whether the ones before were answered or
not, and what an order takes counts from the moment it was due. Afterwards the books are audited.

With --kill each process, the database's server too, is killed once in the middle and started again. Whoever was cut
off repeats the order with its key; errors, memory and waits are not judged then.
"""

import argparse
import asyncio
import contextlib
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import uvloop

from perf.bench.counted import Counted
from perf.bench.lives import DELIVERED_WITHIN_S, SECONDS, WARM_UP_S, Purchase, all_delivered, buy, lives
from perf.bench.load import Address, Connection, Result, connect, request_bytes
from perf.bench.loads import CUSTOMERS, TOKEN_LASTS_S, Stand, warm_up
from perf.bench.server import CLIENT_CORE
from perf.bench.setups import Setup, add_options, setup
from perf.bench.shoppers import Account, Figure, ask, at_least, at_most, show
from perf.bench.shops import Running

SHARE: Final = 0.5
"""Of what the shop can do."""
MEMORY_SLOPE: Final = 1.0
"""How many percent of it memory may grow in ten minutes."""
P99_GROWTH: Final = 1.25
"""How many times that of the first third the p99 of the last third may be."""
PLACED_SHARE: Final = 0.95
"""Of the orders that were due, how many must be placed."""
LATE_S: Final = 120.0
"""How long after the end buyers go on with orders that were due before it."""
_THIRDS: Final = ((0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1))
_ENDED: Final = frozenset({"DELIVERED", "CANCELLED", "REJECTED"})
_AUDITED_WITHIN_S: Final = 1800.0
_MOST_TOLD: Final = 10
_LOOK_EVERY_S: Final = 5.0
_SAY_EVERY_S: Final = 60.0
_PAUSE_S: Final = 0.2
_CHANCE: Final = random.Random(12)  # noqa: S311 - which product is bought, no secret


@dataclass(slots=True)
class Soak:
    """What came of it; moments are seconds since the start.

    Args:
        seconds: how long orders were due.
        rate: how many were due a second.
        waits: of each order that was placed, when it was due and what it took.
        errors: what went wrong, and how often.
        memory: when it was looked at, and MB.
        replacing: a process is being killed and started, so that there is no memory to look at.
        behind_s: how long after the last order was placed the last one was delivered.
        audit: whether the books are right, and what the audit said.
    """

    seconds: float
    rate: float
    waits: list[tuple[float, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    replacing: bool = False
    behind_s: float = 0.0
    audit: tuple[bool, str] = (True, "")

    @property
    def memory_slope(self) -> float | None:
        """By how many percent memory grows in ten minutes, by regression without the first third, in which it fills.

        None: it was looked at too seldom to tell.
        """
        settled = [(at, mb) for at, mb in self.memory if at >= self.seconds / 3]
        if len({at for at, _ in settled}) < 2:  # noqa: PLR2004 - a line has two points
            return None
        line = statistics.linear_regression(*zip(*settled, strict=True))
        return line.slope * 600 / settled[0][1] * 100

    def p99_ms(self, begins: float, ends: float) -> float:
        """Return the p99 of the placed orders that were due between two shares of the time; nan: there are none."""
        waits = [took for due, took in self.waits if begins <= due / self.seconds < ends]
        return Result(latencies_s=waits).percentile_ms(0.99) if waits else math.nan

    def figures(self) -> list[Figure]:
        """Return the figures next to what is wanted of them."""
        first, last = self.p99_ms(0, 1 / 3), self.p99_ms(2 / 3, 1)
        told = ", ".join(f"{count} x {what}" for what, count in self.errors.most_common(_MOST_TOLD) if count)
        slope, (right, said) = self.memory_slope, self.audit
        return [
            Figure("orders wanted", self.rate, "/s", ""),
            Figure("orders placed", len(self.waits) / self.seconds, "/s", at_least(PLACED_SHARE * self.rate)),
            Figure("errors", self.errors.total(), "", at_most(0), told),
            Figure(
                "memory, growth in 10 minutes",
                math.nan if slope is None else slope,
                "%",
                at_most(MEMORY_SLOPE),
            ),
            Figure("memory, last (without files)", self.memory[-1][1] if self.memory else 0.0, "MB", ""),
            Figure("p99 in the first third", first, "ms", ""),
            Figure("p99 in the last third", last, "ms", at_most(P99_GROWTH * first)),
            Figure("last order delivered after", self.behind_s, "s", at_most(DELIVERED_WITHIN_S)),
            Figure("books are right", right, "", at_least(1), said),
        ]

    def faults(self, *, killed: bool = False) -> list[str]:
        """Return what is not as wanted; of a shop whose processes were killed, errors, memory and waits may be so."""
        slope = self.memory_slope
        may_be = {
            "errors": self.errors.total() > 0,
            "memory seen too seldom": slope is None,
            "memory grows": slope is not None and slope > MEMORY_SLOPE,
            "waits grow": self.p99_ms(2 / 3, 1) > P99_GROWTH * self.p99_ms(0, 1 / 3),
        }
        found = {
            "too few orders placed": len(self.waits) < PLACED_SHARE * self.rate * self.seconds,
            "a third without orders": any(math.isnan(self.p99_ms(*third)) for third in _THIRDS),
            **({} if killed else may_be),
            "not delivered in time": self.behind_s >= DELIVERED_WITHIN_S,
            "the books are wrong": not self.audit[0],
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


class Line:
    """A connection to the shop that is made anew when it was cut off."""

    def __init__(self, run: Running) -> None:
        self._run = run
        self._connection: Connection | None = None

    async def connected(self) -> Connection:
        """Return a connection, once the shop listens."""
        while True:
            with contextlib.suppress(OSError):
                self._connection = await connect(self._run.port)
                return self._connection
            await asyncio.sleep(_PAUSE_S)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


async def buyer(stand: Stand, account: Account, pace: Pace, soak: Soak, lines: int) -> None:
    """Place orders when they are due, until none is; what is not placed long after the end is given up."""
    line = Line(stand.run)
    try:
        async with asyncio.timeout(soak.seconds - pace.since() + LATE_S):
            await _buy_when_due(stand, account, line, pace, soak, lines)
    except TimeoutError:
        soak.errors[f"given up {LATE_S:g} s after the end"] += 1
    finally:
        line.close()


async def _buy_when_due(
    stand: Stand, account: Account, line: Line, pace: Pace, soak: Soak, lines: int
) -> None:
    token, connection = "", await line.connected()
    signs_in_at = 0.0
    while True:
        if pace.since() >= signs_in_at:
            token = await _sign_in(stand.run, account, soak)
            # Not all at once: each costs a hash.
            signs_in_at = pace.since() + TOKEN_LASTS_S * _CHANCE.uniform(0.5, 1)
        if (due := await pace.due()) is None:
            break
        purchase = Purchase(_CHANCE.sample(stand.shop.ids, lines))
        while (placed := await _try(connection, token, purchase, soak)) is None:
            connection = await line.connected()
        if placed:
            soak.waits.append((due, pace.since() - due))


async def _sign_in(run: Running, account: Account, soak: Soak) -> str:
    while True:
        try:
            return await account.sign_in(run.port)
        except TimeoutError:
            soak.errors["sign-in without an answer"] += 1
        except (OSError, RuntimeError):  # it is down, or too many sign in at this moment
            await asyncio.sleep(_PAUSE_S)


async def _try(connection: Connection, token: str, purchase: Purchase, soak: Soak) -> bool | None:
    """Place one order; return whether it was placed, None when nobody knows: the connection is lost."""
    try:
        soak.errors["told to try again"] += await buy(connection, token, purchase)
    except OSError as error:
        soak.errors[str(error) if isinstance(error, TimeoutError) else "cut off"] += 1
        return None
    except RuntimeError as error:
        soak.errors[str(error)] += 1
        return False
    return True


async def watch(run: Running, pace: Pace, soak: Soak) -> None:
    """Note the memory of the shop now and then, and say how it goes."""
    said = 0.0
    while (now := pace.since()) < soak.seconds:
        if not soak.replacing:
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
        soak.replacing = True
        await asyncio.to_thread(victim.killed_and_started)
        soak.replacing = False


async def all_ended(stand: Stand) -> float:
    """Wait until no order of a customer is under way; return the seconds it took.

    `all_delivered` asks the order service for its count, which begins anew when its process is killed.
    """
    begun = time.perf_counter()
    waiting = await stand.tokens(CUSTOMERS)
    while (waited := time.perf_counter() - begun) < DELIVERED_WITHIN_S:
        waiting = [token for token in waiting if await _under_way(stand.run.port, token)]
        if not waiting:
            break
        await asyncio.sleep(_PAUSE_S)
    return waited


async def _under_way(port: Address, token: str) -> bool:
    """Return whether a customer has an order that has not ended."""
    query = "limit=100"
    while query:
        page = await ask(port, request_bytes("GET", f"/api/orders?{query}", token=token))
        if any(order["status"] not in _ENDED for order in page["items"]):
            return True
        query = page["next_cursor"] and f"limit=100&cursor={page['next_cursor']}"
    return False


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
    try:
        async with asyncio.timeout(_AUDITED_WITHIN_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return False, f"the audit did not end in {_AUDITED_WITHIN_S:g} s"
    return process.returncode == 0, said.decode()


async def soaked(options: argparse.Namespace, stand: Stand, rate: float) -> Soak:
    """Let the customers place orders at a rate, then wait for the deliveries and audit the books."""
    run, soak = stand.run, Soak(options.minutes * 60, rate)
    before = await Counted.of([run.services["order"]])
    pace = Pace(rate, soak.seconds)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(run, pace, soak))
        if options.kill:
            group.create_task(kill_each(run, soak))
        for account in stand.customers:
            group.create_task(buyer(stand, account, pace, soak, options.lines))
    try:
        soak.behind_s = await (
            all_ended(stand) if options.kill else all_delivered(run, before.delivered + len(soak.waits))
        )
    except (OSError, RuntimeError) as error:  # it does not answer, so nobody knows
        soak.behind_s = math.inf
        soak.errors[f"asked what was delivered: {error}"] += 1
    soak.audit = await audited(run)
    return soak


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
        soak = await soaked(options, stand, full.placed.per_second * SHARE)
        faults = soak.faults(killed=options.kill)
        show(soak.figures())
        print(f"verdict: {', '.join(faults) or 'good'}")
        return not faults


def main() -> None:
    """Run it, and end with 1 when something is not as wanted."""
    parser = argparse.ArgumentParser(
        prog="make bench-soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30.0, help="how long")
    add("--lines", type=int, default=1, help="how many lines an order has")
    add(
        "--kill",
        action="store_true",
        help="kill each process once; errors, memory and waits are not judged then",
    )
    add_options(parser)
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
