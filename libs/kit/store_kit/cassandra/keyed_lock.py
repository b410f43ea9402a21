"""Many writers of one row: within a process they take turns, and whoever loses to another process pauses.

Sixteen writers of one partition make 118 changes a second by compare-and-set, one alone 499 (docs/protocols.md,
Unknown outcomes).
"""

import asyncio
from typing import Final
from weakref import WeakValueDictionary

from store_kit.backoff import Backoff
from store_kit.cassandra.keyspace import DatabaseUnavailable

_TRIES: Final = 24
_FIRST_PAUSE_S: Final = 0.004
_LONGEST_PAUSE_S: Final = 0.1


class KeyedLock:
    """One at a time for each key; different keys do not wait for each other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """Return what to hold while changing what the key names; it is forgotten once it is not held any more."""
        return self._locks.setdefault(key, asyncio.Lock())


class Contention(Backoff):
    """The pauses of one caller whose compare-and-set loses to other processes."""

    def __init__(self) -> None:
        super().__init__(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, tries=_TRIES, jitter=1.0)

    async def lost(self) -> None:
        """Wait a random moment, so that the others can finish first.

        Raises:
            DatabaseUnavailable: it was tried too often; nothing was written.
        """
        if not await self.pause():
            raise DatabaseUnavailable("Too many others change this at once; try again shortly.")
