"""Many things at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def in_parallel(work: Callable[[T], Awaitable[None]], things: Iterable[T], at_once: int) -> None:
    """Do `work` for everything, so many at once; the first failure ends it all and is raised as it is."""
    waiting = iter(things)

    async def work_on() -> None:
        for thing in waiting:
            await work(thing)

    tasks = [asyncio.create_task(work_on()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
