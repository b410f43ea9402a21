"""Into how many partitions products are divided: decided once for a keyspace, and what lies in which."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar
from zlib import crc32

from store_kit.cassandra.keyspace import Cassandra, DatabaseUnavailable
from store_kit.ids import new_id
from store_kit.telemetry.logs import get_logger

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE: Final = 64
"""The most statements that one call has under way."""
_NAME: Final = "shards"
_DECIDE: Final = "INSERT INTO constants (name, value) VALUES (?, ?) IF NOT EXISTS"
_DECIDED: Final = "SELECT value FROM constants WHERE name = ?"
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_TAIL: Final = 8
"""The last digits of an id: the random ones."""
_TAILS: Final = 16**_TAIL
_log = get_logger("catalog")


class Shards:
    """How many shards there are, and which one something is in.

    Args:
        wanted: how many a new keyspace gets.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._count = 0

    async def load(self, db: Cassandra) -> None:
        """Take over the number that the keyspace has; in a new one, decide it for good."""

        async def decided() -> bool:
            return await _decided(db) > 0

        if not await decided():
            decide = (_DECIDE, (_NAME, self._wanted))
            await db.apply_and_resolve("constants.insert", decide, proof=decided)
        self._count = await _decided(db)
        if self._count != self._wanted:
            _log.warning("shards.kept", keyspace=db.keyspace, count=self._count, wanted=self._wanted)

    @property
    def count(self) -> int:
        """How many there are.

        Raises:
            DatabaseUnavailable: the database has not been reached yet.
        """
        if not self._count:
            raise DatabaseUnavailable("The database is not ready yet; try again shortly.")
        return self._count

    def of(self, key: str) -> int:
        """Return the shard of a product's id or of a SKU."""
        # The end of an id is random, and can be chosen (`id_in`) without trying out.
        number = int(key[-_TAIL:], 16) if _UUID.fullmatch(key) else crc32(key.encode())
        return number % self.count

    def divide(self, keys: Iterable[str]) -> dict[int, list[str]]:
        """Return ids or SKUs by their shards."""
        divided: dict[int, list[str]] = {}
        for key in keys:
            divided.setdefault(self.of(key), []).append(key)
        return divided

    def id_in(self, shard: int) -> str:
        """Return a new id that falls into a shard."""
        made = new_id()
        tail = int(made[-_TAIL:], 16)
        tail += shard - tail % self.count
        if tail >= _TAILS:
            tail -= self.count
        return f"{made[:-_TAIL]}{tail:0{_TAIL}x}"


async def _decided(db: Cassandra) -> int:
    row = await db.one("constants.get", _DECIDED, (_NAME,), serial=True)
    return int(row[0]) if row else 0


async def each(work: Callable[[T], Awaitable[R]], things: Sequence[T]) -> list[R]:
    """Do the same for many items, dozens at a time; return the results in their order.

    An error is raised when nothing is under way any more.
    """
    results: list[R] = []
    for at in range(0, len(things), AT_ONCE):
        some = await asyncio.gather(*map(work, things[at : at + AT_ONCE]), return_exceptions=True)
        for result in some:
            if isinstance(result, BaseException):
                raise result
            results.append(result)
    return results
