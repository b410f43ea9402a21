"""Pauses between tries: longer each time, of random length, and not for ever."""

import asyncio
import random
import time
from collections.abc import Callable


class Backoff:
    """The pauses of one call, from its first failure on.

    Args:
        first_s: the longest that the first pause can be; each one after it can be twice as long.
        longest_s: what no pause exceeds.
        within_s: how long all of them may take together.
        tries: how many tries there may be; None means as many as there is time for.
        jitter: how much of a pause is left to chance, so that those who failed together do not come back together.
        hopeless: whether no try can succeed as things are.
    """

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        *,
        within_s: float = float("inf"),
        tries: int | None = None,
        jitter: float = 0.5,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> None:
        self._next_s = first_s
        self._longest_s = longest_s
        self._until = time.monotonic() + within_s
        self._tries_left = tries
        self._jitter = jitter
        self._hopeless = hopeless

    async def pause(self, at_least_s: float = 0.0) -> bool:
        """Wait before the next try; False when there is no time left for one, or no sense in it."""
        if self._tries_left is not None:
            self._tries_left -= 1
        part = random.uniform(1 - self._jitter, 1)  # noqa: S311 - chance, not a secret
        pause_s = max(at_least_s, self._next_s * part)
        self._next_s = min(2 * self._next_s, self._longest_s)
        if self._tries_left == 0 or self._hopeless() or time.monotonic() + pause_s > self._until:
            return False
        await asyncio.sleep(pause_s)
        return True
