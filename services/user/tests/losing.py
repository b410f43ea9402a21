"""A database whose answers get lost: what the stores must find out by themselves."""

from collections import Counter
from typing import Any, cast

from store_kit.cassandra import Cassandra, DatabaseOutcomeUnknown, Statement


class Losing:
    """A keyspace that loses each conditional write once on its way there and once on its way back."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self._tries: Counter[str] = Counter()

    @classmethod
    def answers_of(cls, db: Cassandra) -> Cassandra:
        """Return a keyspace that does what `db` does, and tells less."""
        return cast("Cassandra", cls(db))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def apply(self, operation: str, *statements: Statement) -> bool:
        key = repr(statements)
        self._tries[key] += 1
        if self._tries[key] == 1:
            raise DatabaseOutcomeUnknown("lost on the way there")
        applied = await self._db.apply(operation, *statements)
        if self._tries[key] == 2:
            raise DatabaseOutcomeUnknown("lost on the way back")
        return applied
