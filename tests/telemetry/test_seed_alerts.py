"""The seed's three alerts, made to fire in earnest, to reach whoever is told, and to clear."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.people import Person
from tests.support.shop import FourServices
from tests.support.wait import until
from tests.telemetry.shopping import Shopping, in_the_background
from tests.telemetry.stack import Stack

pytestmark = pytest.mark.anyio

FIRES_WITHIN_S = CLEARS_WITHIN_S = 90.0
IDLE_OPERATIONS = 50
"""Below this the database stays when nobody shops (half of what DatabaseHighRPS allows)."""


async def fires(stack: Stack, alert: str, service: str, receiver: str) -> None:
    """Wait until Prometheus fires an alert and Alertmanager has told the receiver whose it is."""

    async def firing() -> bool:
        return await stack.prometheus.firing(alert, service=service)

    await until(firing, f"{alert} of {service} fires", FIRES_WITHIN_S)
    await until(
        lambda: stack.receiver.has("firing", alert, service=service), f"{alert} is told", CLEARS_WITHIN_S
    )
    told = next(one for one in stack.receiver.heard if one.labels["alertname"] == alert)
    assert told.receiver == receiver
    assert told.annotations["runbook_url"].endswith(f"/docs/reproduce_alerts/#{alert.lower()}")


async def clears(stack: Stack, alert: str, service: str) -> None:
    """Wait until Prometheus has ended an alert and Alertmanager has said so."""

    async def quiet() -> bool:
        return not await stack.prometheus.firing(alert, service=service)

    await until(quiet, f"{alert} of {service} ends", CLEARS_WITHIN_S)
    await until(lambda: stack.receiver.has("resolved", alert, service=service), f"the end of {alert} is told")
    stack.receiver.forget()


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

    async def orders() -> None:
        while True:
            await person.add(shopping.plenty)
            await person.order()  # whatever becomes of it: it is slow

    ordering = asyncio.create_task(orders())
    try:
        async with halting(stack.shop, "catalog"):
            await fires(stack, "HighP99Latency", "order", "shop")
    finally:
        ordering.cancel()
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


async def test_a_service_that_died_makes_service_availability_fire(stack: Stack) -> None:
    """A process that ends is missed, and found again when it is back; its target never left."""
    stack.shop.processes["cart"].kill()
    await fires(stack, "ServiceAvailability", "cart", "on-call")
    assert await stack.prometheus.total('up{service="cart"}') == 0
    await stack.shop.restart("cart")
    await clears(stack, "ServiceAvailability", "cart")


async def test_a_target_that_disappears_makes_service_availability_fire(stack: Stack) -> None:
    """A container that was stopped is no target any more: there is no `up` that could be 0, and yet it is missed."""
    stack.vanish("cart")
    await fires(stack, "ServiceAvailability", "cart", "on-call")
    assert await stack.prometheus.query('up{service="cart"}') == []
    stack.appear("cart")
    await clears(stack, "ServiceAvailability", "cart")


async def test_only_the_watchdog_barks_when_all_is_well(stack: Stack) -> None:
    """When nothing is wrong nothing fires but Watchdog, and that is told again and again."""

    async def only_watchdog() -> bool:
        firing = await stack.prometheus.query('ALERTS{alertstate="firing"}')
        return {one.labels["alertname"] for one in firing} == {"Watchdog"}

    await until(only_watchdog, "only Watchdog fires", CLEARS_WITHIN_S)
    stack.receiver.forget()
    await until(lambda: stack.receiver.has("firing", "Watchdog"), "Watchdog is told again", CLEARS_WITHIN_S)
    assert {one.receiver for one in stack.receiver.heard if one.labels["alertname"] == "Watchdog"} == {
        "watchdog"
    }
