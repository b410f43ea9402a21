"""Waiting for a condition, never for a time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PAUSE_S = 0.02


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str,
    within_s: float = 60.0,
    pause_s: float = PAUSE_S,
) -> None:
    """Return once `condition` holds; fail with `what` when it does not in time."""
    assert await within(condition, within_s, pause_s), f"not within {within_s} s: {what}"


async def within(
    condition: Callable[[], bool | Awaitable[bool]], within_s: float, pause_s: float = PAUSE_S
) -> bool:
    """Return True once `condition` holds; False when it does not in time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        held = condition()
        if await held if inspect.isawaitable(held) else held:
            return True
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(pause_s)
