"""Compare-and-set of one row by many: they lose to each other less, and go on after losing.

Sixteen writers of one partition make 118 changes a second, one alone 499 (PROTOCOLS 1): within a process they take
turns, and whoever lost to another process lets it finish first.
"""

import asyncio
import random
from typing import Final
from weakref import WeakValueDictionary

from store_kit.cassandra import DatabaseUnavailable

_TRIES: Final = 24
_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.1


class Turns:
    """One at a time for each key; different keys do not wait for each other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """Return what to hold while changing what the key names; it is forgotten when nobody holds it."""
        return self._locks.setdefault(key, asyncio.Lock())


async def pause_after_losing(tries: int) -> None:
    """Wait a random moment, longer after more tries.

    Raises:
        DatabaseUnavailable: it was tried too often; nothing was written.
    """
    if tries >= _TRIES:
        raise DatabaseUnavailable("Too many others change this at once; try again shortly.")
    longest_s = min(_PAUSE_S * 2**tries, _LONGEST_PAUSE_S)
    await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311 - so that not all come back at once
