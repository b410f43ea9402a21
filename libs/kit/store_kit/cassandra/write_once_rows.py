"""Rows that many writers write alike, such as those of time buckets: once by each process is enough."""

from collections.abc import Hashable
from typing import Final

from cachetools import LRUCache

from store_kit.cassandra.keyspace import Cassandra, Statement

_REMEMBERED: Final = 10_000


class WriteOnceRows:
    """The rows that this process has written.

    Args:
        db: the keyspace.
    """

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self._written: LRUCache[Hashable, bool] = LRUCache(_REMEMBERED)

    async def ensure(self, operation: str, statement: Statement, key: Hashable = None) -> None:
        """Write a row unless that has been done; durable when this returns.

        Args:
            operation: what it is counted as.
            statement: writes the row.
            key: what makes two rows alike; the parameters when None.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it may have been written.
        """
        row = (operation, tuple(statement[1]) if key is None else key)
        if not self._written.get(row):
            await self._db.write(operation, statement)
            self._written[row] = True
