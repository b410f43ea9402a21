"""Waiting for alerts: to fire, to be told, to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.support.people import Person
from tests.support.wait import until
from tests.telemetry.stack import Stack

FIRES_WITHIN_S: Final = 90.0
CLEARS_WITHIN_S: Final = 90.0


async def fires(stack: Stack, alert: str, service: str, receiver: str) -> None:
    """Wait until Prometheus fires an alert and Alertmanager has told the receiver whose it is, with its runbook."""

    async def firing() -> bool:
        return await stack.prometheus.firing(alert, service=service)

    await until(firing, f"{alert} of {service} fires", FIRES_WITHIN_S)
    await until(
        lambda: stack.receiver.has("firing", alert, service=service), f"{alert} is told", CLEARS_WITHIN_S
    )
    told = next(one for one in stack.receiver.heard if one.is_about(alert, service))
    assert told.receiver == receiver
    assert told.annotations["runbook_url"].endswith(f"/docs/reproduce_alerts/#{alert.lower()}")


async def clears(stack: Stack, alert: str, service: str) -> None:
    """Wait until an alert has ended and that was told; then forget what was told so far."""
    await ends(stack, alert, service)
    stack.receiver.forget()


async def ends(stack: Stack, alert: str, service: str) -> None:
    """Wait until Prometheus has ended an alert and Alertmanager has said so."""

    async def quiet() -> bool:
        return not await stack.prometheus.firing(alert, service=service)

    await until(quiet, f"{alert} of {service} ends", CLEARS_WITHIN_S)
    await until(lambda: stack.receiver.has("resolved", alert, service=service), f"the end of {alert} is told")


@asynccontextmanager
async def ordering(person: Person, product: str) -> AsyncIterator[None]:
    """Let somebody order again and again, whatever becomes of it."""

    async def orders() -> None:
        while True:
            await person.add(product)
            await person.order()

    task = asyncio.create_task(orders())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
