"""The seed's three alerts and some others, made to fire in earnest, to reach whoever is told, and to clear."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.cassandra import Node
from tests.support.people import Person
from tests.support.shop import FourServices
from tests.support.wait import until, within
from tests.telemetry.alerting import CLEARS_WITHIN_S, clears, ends, fires, ordering
from tests.telemetry.shopping import Shopping, in_the_background
from tests.telemetry.stack import Stack

pytestmark = pytest.mark.anyio

IDLE_OPERATIONS = 50
"""Below this the database stays when nobody shops (half of what DatabaseHighRPS allows)."""


@asynccontextmanager
async def halting(shop: FourServices, name: str) -> AsyncIterator[None]:
    """Let a service stand still for 0.8 s of every second."""

    async def stutter() -> None:
        while True:
            os.kill(shop.processes[name].pid, signal.SIGSTOP)
            await asyncio.sleep(0.8)
            os.kill(shop.processes[name].pid, signal.SIGCONT)
            await asyncio.sleep(0.2)

    stuttering = asyncio.create_task(stutter())
    try:
        yield
    finally:
        stuttering.cancel()
        os.kill(shop.processes[name].pid, signal.SIGCONT)


async def test_a_slow_dependency_makes_high_p99_latency_fire(stack: Stack, shopping: Shopping) -> None:
    """While the catalogue stands still most of the time, orders wait for it; when it works again the alert ends."""
    person = await shopping.customer()
    async with halting(stack.shop, "catalog"), ordering(person, shopping.plenty):
        await fires(stack, "HighP99Latency", "order", "shop")
    await clears(stack, "HighP99Latency", "order")


async def test_load_makes_database_high_rps_fire(
    stack: Stack, shopping: Shopping, people: list[Person]
) -> None:
    """Ten busy customers are more than 100 operations a second; at rest there are less than half of that."""
    async with in_the_background(shopping, people):
        await fires(stack, "DatabaseHighRPS", "database", "shop")
    await clears(stack, "DatabaseHighRPS", "database")

    async def idle() -> bool:
        return 0 < await stack.prometheus.total("shop:db_operations:rate1m") < IDLE_OPERATIONS

    await until(idle, "the shop is at rest", CLEARS_WITHIN_S)


async def test_a_service_that_died_makes_service_availability_fire(stack: Stack, shopping: Shopping) -> None:
    """A process that ends is missed, and found again when it is back; what it takes with it is told, too."""
    person = await shopping.customer()
    stack.shop.processes["cart"].kill()
    async with ordering(person, shopping.plenty):
        await fires(stack, "ServiceAvailability", "cart", "on-call")
        assert await stack.prometheus.total('up{service="cart"}') == 0
        await fires(stack, "BreakerOpen", "order", "shop")
        await fires(stack, "HighErrorRatio", "order", "on-call")
        await fires(stack, "GatewayErrors", "nginx", "on-call")
        # That its target is down is true, too, and nobody needs to hear it twice.
        assert await stack.prometheus.firing("TargetDown", service="cart")
        assert not stack.receiver.has("firing", "TargetDown", service="cart")
    await stack.shop.restart("cart")
    await ends(stack, "HighErrorRatio", "order")
    await ends(stack, "BreakerOpen", "order")  # though nobody orders any more
    await clears(stack, "ServiceAvailability", "cart")


async def test_a_database_that_hangs_makes_background_work_alerts_fire(stack: Stack, node: Node) -> None:
    """While Cassandra answers nobody, workers fail and product lists fall behind; both end when it answers again."""
    node.pause()
    try:
        await fires(stack, "BackgroundWorkFails", "order", "shop")
        await fires(stack, "CatalogIndexLag", "catalog", "shop")
    finally:
        node.go_on()
    await ends(stack, "BackgroundWorkFails", "order")
    await clears(stack, "CatalogIndexLag", "catalog")


async def test_a_target_that_disappears_makes_service_availability_fire(stack: Stack) -> None:
    """A container that was stopped is no target any more: there is no `up` that could be 0, and yet it is missed."""
    stack.vanish("cart")
    await fires(stack, "ServiceAvailability", "cart", "on-call")
    assert await stack.prometheus.query('up{service="cart"}') == []
    stack.appear("cart")
    await clears(stack, "ServiceAvailability", "cart")


async def test_only_the_watchdog_barks_when_all_is_well(stack: Stack) -> None:
    """When nothing is wrong nothing fires but Watchdog, and that is told again and again."""
    firing: set[str] = set()

    async def only_watchdog() -> bool:
        found = await stack.prometheus.query('ALERTS{alertstate="firing"}')
        firing.clear()
        firing.update(one.labels["alertname"] for one in found)
        return firing == {"Watchdog"}

    await within(only_watchdog, CLEARS_WITHIN_S)
    assert firing == {"Watchdog"}
    stack.receiver.forget()
    await until(lambda: stack.receiver.has("firing", "Watchdog"), "Watchdog is told again", CLEARS_WITHIN_S)
    assert {one.receiver for one in stack.receiver.heard if one.labels["alertname"] == "Watchdog"} == {
        "watchdog"
    }
