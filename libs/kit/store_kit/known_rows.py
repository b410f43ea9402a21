"""Rows that many writers write alike, such as those of time buckets: once by each process is enough."""

from collections.abc import Hashable
from typing import Final

from store_kit.cassandra import Cassandra, Statement

_REMEMBERED: Final = 10_000


class KnownRows:
    """The rows that this process has written.

    Args:
        db: the keyspace.
    """

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self._known: set[Hashable] = set()

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
        known = (operation, tuple(statement[1]) if key is None else key)
        if known in self._known:
            return
        await self._db.write(operation, statement)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known.add(known)
