"""The stores of both databases and the fakes, as every suite of a port opens them."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, Statement
from store_kit.sqlite.database import Sqlite
from store_user.adapters.stores import SCHEMA

from tests.support.services import empty, test_cluster

S = TypeVar("S")
SWEEPING: Final = ("sqlite", "memory")
"""Where expired rows stay until they are swept; elsewhere they vanish by themselves."""
LOSING: Final = "cassandra, losing answers"
STORES: Final = (*SWEEPING, *(["cassandra"] if test_cluster() else []))
STORES_AND_LOSING: Final = (*STORES, *([LOSING] if test_cluster() else []))


@dataclass(frozen=True)
class Makers(Generic[S]):
    """How a store is made of each kind."""

    memory: Callable[[], S]
    sqlite: Callable[[Sqlite], S]
    cassandra: Callable[[Cassandra], S]


@asynccontextmanager
async def opened(kind: str, make: Makers[S], tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[S]:
    """Open an empty store of this kind."""
    if kind == "memory":
        yield make.memory()
        return
    if kind == "sqlite":
        db = Sqlite(tmp_path / "user.db", SCHEMA / "sqlite")
        await db.open()
        yield make.sqlite(db)
        await db.close()
        return
    assert keyspace is not None
    await empty(keyspace)
    yield make.cassandra(Losing.answers_of(keyspace) if kind == LOSING else keyspace)


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

    apply_and_resolve = Cassandra.apply_and_resolve

    async def apply(self, operation: str, *statements: Statement) -> bool:
        key = repr(statements)
        self._tries[key] += 1
        if self._tries[key] == 1:
            raise DatabaseOutcomeUnknown("lost on the way there")
        applied = await self._db.apply(operation, *statements)
        if self._tries[key] == 2:
            raise DatabaseOutcomeUnknown("lost on the way back")
        return applied
