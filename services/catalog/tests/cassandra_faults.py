"""Databases that fail where a test wants it, in front of a real one."""

from typing import Any

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable, Statement


class Watched:
    """A keyspace whose writes are counted; subclasses make them fail."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self.writes = 0
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.reached(name)
        return getattr(self._db, name)

    def reached(self, name: str) -> None:
        """Do something whenever the database is asked."""

    async def before(self, operation: str) -> None:
        """Do something before a write."""

    async def after(self, operation: str) -> None:
        """Do something after a write."""

    apply_and_resolve = Cassandra.apply_and_resolve

    async def apply(self, operation: str, *statements: Statement) -> bool:
        self.writes += 1
        await self.before(operation)
        applied = await self._db.apply(operation, *statements)
        self.done.append(operation)
        await self.after(operation)
        return applied

    async def write(self, operation: str, *statements: Statement) -> None:
        self.writes += 1
        await self.before(operation)
        await self._db.write(operation, *statements)
        self.done.append(operation)
        await self.after(operation)


class CutOff(Watched):
    """A process that loses its database, for good, once it has written so often."""

    def __init__(self, db: Cassandra, after_writes: int) -> None:
        super().__init__(db)
        self._most = after_writes

    @property
    def cut(self) -> bool:
        return self.writes > self._most

    def reached(self, name: str) -> None:
        if self.cut and name != "keyspace":
            raise DatabaseUnavailable("cut off")

    async def before(self, operation: str) -> None:
        if self.cut:
            raise DatabaseUnavailable(f"cut off before {operation}")


class Forgetful(Watched):
    """A database that does not answer one write; it was made, or it was not."""

    def __init__(self, db: Cassandra, number: int, *, made: bool) -> None:
        super().__init__(db)
        self._number = number
        self._made = made

    async def before(self, operation: str) -> None:
        if self.writes == self._number and not self._made:
            raise DatabaseOutcomeUnknown(f"no answer before {operation}")

    async def after(self, operation: str) -> None:
        if self.writes == self._number and self._made:
            raise DatabaseOutcomeUnknown(f"no answer after {operation}")


class Read(Watched):
    """Notes which operations have read something."""

    def __init__(self, db: Cassandra) -> None:
        super().__init__(db)
        self.read: list[str] = []

    async def all(self, operation: str, cql: str, params: Any = (), *, serial: bool = False) -> list[Any]:
        self.read.append(operation)
        return await self._db.all(operation, cql, params, serial=serial)


class Behind(Watched):
    """Asks copies that have not heard of any product yet, unless the read is one that compare-and-set rules."""

    async def all(self, operation: str, cql: str, params: Any = (), *, serial: bool = False) -> list[Any]:
        if operation == "products.get" and not serial:
            return []
        return await self._db.all(operation, cql, params, serial=serial)
