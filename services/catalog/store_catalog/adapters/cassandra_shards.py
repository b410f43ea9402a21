"""Into how many partitions products are divided: decided once for a keyspace, and what lies in which."""

import re
from typing import Final
from zlib import crc32

from store_kit.cassandra import Cassandra, DatabaseUnavailable
from store_kit.ids import new_id
from store_kit.logs import get_logger

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

    async def settle(self, db: Cassandra) -> None:
        """Take over the number that the keyspace has; in a new one, decide it for good."""

        async def decide() -> bool:
            return await db.apply("constants.insert", (_DECIDE, (_NAME, self._wanted)))

        async def is_decided() -> bool:
            return await _decided(db) > 0

        if not await is_decided():
            await db.settle(decide, is_decided)
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
