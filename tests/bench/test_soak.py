import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from perf.bench import load
from perf.bench import soak as soaking
from perf.bench.lives import DELIVERED_WITHIN_S
from perf.bench.loads import Stand
from perf.bench.server import PinnedServer, memory_mb
from perf.bench.shoppers import Account, Shop
from perf.bench.shops import Running
from perf.bench.soak import Pace, Soak, all_ended, buyer, kill_each, watch
from tests.support.canned import NEVER, answering

MINUTES_30 = 1800.0
RATE = 0.2
ACCOUNT = Account("buyer@example.com", "secret")


def soak(*, growth_mb_per_s: float = 0.0, last_ms: float = 10.0) -> Soak:
    """Return half an hour in which memory grows after its first third, and waits change in the last one."""
    moments = [float(at) for at in range(0, 1800, 5)]
    memory = [(at, 100.0 + growth_mb_per_s * max(0.0, at - 600)) for at in moments]
    waits = [(at, (last_ms if at >= 1200 else 10.0) / 1000) for at in moments]
    return Soak(MINUTES_30, RATE, waits=waits, memory=memory)


def test_memory_that_fills_in_the_first_third_does_not_grow() -> None:
    """A shop that has just started fills its caches; what counts is what comes then."""
    filling = Soak(
        MINUTES_30, RATE, memory=[(float(at), min(100.0, 50 + at / 10)) for at in range(0, 1800, 5)]
    )
    assert filling.memory_slope == pytest.approx(0)


def test_growth_is_told_in_percent_of_ten_minutes() -> None:
    """Two MB in ten minutes of 100 MB are two percent."""
    assert soak(growth_mb_per_s=2 / 600).memory_slope == pytest.approx(2)


def test_a_run_too_short_for_a_slope_has_none() -> None:
    """One look at the memory is no line, and no proof that it does not grow."""
    short = soak()
    short.memory = [(1000.0, 100.0)]
    assert short.memory_slope is None
    assert short.faults() == ["memory seen too seldom"]


def test_thirds_are_those_in_which_orders_were_due() -> None:
    """Each has its own p99."""
    whole = soak(last_ms=30)
    assert whole.p99_ms(0, 1 / 3) == pytest.approx(10)
    assert whole.p99_ms(2 / 3, 1) == pytest.approx(30)


def test_a_good_run_has_no_faults() -> None:
    """Less than a percent of memory and a quarter of the waits are within what chance does."""
    assert soak(growth_mb_per_s=0.9 / 600, last_ms=12).faults() == []


def test_whatever_is_not_as_wanted_is_named() -> None:
    """Errors, memory, waits: each by itself."""
    bad = soak(growth_mb_per_s=1.1 / 600, last_ms=13)
    bad.errors["cut off"] += 1
    assert bad.faults() == ["errors", "memory grows", "waits grow"]


def test_a_shop_that_takes_no_order_is_not_good() -> None:
    """No wait grows where there is none."""
    none = soak()
    none.waits = []
    assert none.faults() == ["too few orders placed", "a third without orders"]


@pytest.mark.parametrize("third", [0, 1, 2])
def test_a_third_without_orders_is_named(third: int) -> None:
    """Whichever it was, and however many were placed in the others."""
    halted = soak()
    halted.waits = [wait for wait in halted.waits if wait[0] // 600 != third] * 2
    assert halted.faults() == ["a third without orders"]


def test_too_few_orders_are_named() -> None:
    """What is due is the rate times the time."""
    slow = soak()
    slow.rate = RATE / 0.96
    assert slow.faults() == []
    slow.rate = RATE / 0.94
    assert slow.faults() == ["too few orders placed"]


def test_an_order_that_is_not_delivered_is_named() -> None:
    """The audit accepts orders that are under way."""
    stuck = soak()
    stuck.behind_s = DELIVERED_WITHIN_S
    assert stuck.faults() == ["not delivered in time"]


def test_wrong_books_are_named() -> None:
    """They are what a soak is for."""
    wrong = soak()
    wrong.audit = (False, "one unit too many")
    assert wrong.faults() == ["the books are wrong"]


def test_of_killed_processes_the_rest_is_judged() -> None:
    """Whoever was cut off repeats the order, so that none is missing afterwards."""
    bad = soak(growth_mb_per_s=1.1 / 600, last_ms=13)
    bad.errors["cut off"] += 1
    assert bad.faults(killed=True) == []
    bad.waits, bad.behind_s, bad.audit = [], math.inf, (False, "")
    assert bad.faults(killed=True) == [
        "too few orders placed",
        "a third without orders",
        "not delivered in time",
        "the books are wrong",
    ]


@asynccontextmanager
async def shop(order: str) -> AsyncIterator[Stand]:
    """Run a shop that signs everybody in, fills every cart, and gives this answer to an order."""

    def answer(request: str) -> str:
        return order if "/api/orders" in request else '200 OK|{"access_token": "token"}'

    async with answering(answer) as port:
        sold = Shop(port, "")
        sold.ids = ["one"]
        yield Stand(Running((), port, {}, {}, Path()), sold, (), [ACCOUNT], ())


@pytest.mark.anyio
async def test_an_order_that_ended_in_an_error_was_not_placed() -> None:
    """It is an error, and none of the orders whose number and waits are shown."""
    for status, placed in (("201 Created|", 5), ("409 Conflict|", 0)):
        came = Soak(0.1, 50)
        async with shop(status) as stand:
            await buyer(stand, ACCOUNT, Pace(came.rate, came.seconds), came, 1)
        assert len(came.waits) == placed
        assert came.errors.total() == 5 - placed


@pytest.mark.anyio
async def test_a_shop_that_hangs_ends_the_soak_with_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders without an answer are given up, named, and repeated no longer than until a while after the end."""
    monkeypatch.setattr(load.Connection.__init__, "__defaults__", (0.1,))
    monkeypatch.setattr(soaking, "LATE_S", 2)
    came = Soak(0.1, 50)
    async with shop(NEVER) as stand, asyncio.timeout(30):
        await buyer(stand, ACCOUNT, Pace(came.rate, came.seconds), came, 1)
    assert came.waits == []
    assert came.errors["no answer in 0.1 s"] >= 1
    assert came.errors["given up 2 s after the end"] == 1
    assert {"errors", "too few orders placed"} <= set(came.faults())


class Victim:
    """A process whose memory can be looked at while it lives, and whose replacement takes a while."""

    def __init__(self) -> None:
        self.dead = False
        self.replaced = threading.Event()

    def own_mb(self) -> float:
        if self.dead:
            raise FileNotFoundError("/proc/1234/status")
        return 2.0 if self.replaced.is_set() else 1.0

    def killed_and_started(self) -> None:
        self.dead = True
        time.sleep(0.1)
        self.dead = False
        self.replaced.set()


class UntilSeen(Pace):
    """Ends when the memory of the new process has been looked at, however long that takes on a busy machine."""

    def __init__(self, came: Soak) -> None:
        super().__init__(came.rate, came.seconds)
        self._came = came

    def since(self) -> float:
        return self._came.seconds if self._came.memory and self._came.memory[-1][1] == 2.0 else 0.0


@pytest.mark.anyio
async def test_memory_is_not_looked_at_while_a_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is before and afterwards."""
    monkeypatch.setattr(soaking, "_LOOK_EVERY_S", 0.01)
    victim, came = Victim(), Soak(0.1, 1)
    run = Running([cast("PinnedServer", victim)], 1, {}, {}, Path())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(watch(run, UntilSeen(came), came))
        group.create_task(kill_each(run, came))
    assert victim.replaced.is_set()
    assert {mb for _, mb in came.memory} == {1.0, 2.0}


@pytest.mark.anyio
async def test_a_process_that_ended_by_itself_ends_the_soak() -> None:
    """Nobody replaces it."""
    victim, came = Victim(), Soak(60, 1)
    victim.dead = True
    run = Running([cast("PinnedServer", victim)], 1, {}, {}, Path())
    with pytest.raises(FileNotFoundError):
        await watch(run, Pace(came.rate, came.seconds), came)


def test_a_process_that_has_ended_has_no_memory() -> None:
    """That is said as long as nobody has waited for it, too."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(RuntimeError, match=f"process {process.pid} has ended"):
            memory_mb(process.pid, "RssAnon")


@pytest.mark.anyio
async def test_orders_on_every_page_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is under way on the last page of one customer is seen; it is asked for until it has ended."""
    last = iter(["SHIPPING", "SHIPPING", "DELIVERED"])

    async def ask(_: int, request: bytes) -> dict[str, object]:
        if b"cursor=next" in request:
            return {"items": [{"status": "CANCELLED"}, {"status": next(last)}], "next_cursor": None}
        return {"items": [{"status": "DELIVERED"}], "next_cursor": "next"}

    monkeypatch.setattr(soaking, "ask", ask)
    monkeypatch.setattr(soaking, "_PAUSE_S", 0.01)
    async with shop("201 Created|") as stand:
        assert 0.02 <= await all_ended(stand) < DELIVERED_WITHIN_S
        assert list(last) == []
        last = iter(["SHIPPING"] * 1000)
        monkeypatch.setattr(soaking, "DELIVERED_WITHIN_S", 0.1)
        assert await all_ended(stand) >= 0.1
