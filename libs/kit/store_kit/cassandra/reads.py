"""Reading a keyspace: at LOCAL_QUORUM, or at LOCAL_SERIAL where compare-and-set rules."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from store_kit.cassandra.driver import READ, SERIAL
from store_kit.cassandra.errors import NO_ANSWER
from store_kit.cassandra.statements import Row, Statements
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable


class Reads(Statements):
    """The queries of a keyspace."""

    async def all(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, serial: bool = False
    ) -> list[Row]:
        """Return all rows of a bounded query; `serial` sees every conditional write, finished or not.

        Raises:
            DatabaseUnavailable: no answer; asking again is safe.
        """
        rows, _ = await self._read(operation, cql, params, SERIAL if serial else READ)
        return rows

    async def one(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, serial: bool = False
    ) -> Row | None:
        """Return the first row of a query, or None."""
        rows = await self.all(operation, cql, params, serial=serial)
        return rows[0] if rows else None

    async def pages(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, size: int = 1000
    ) -> AsyncIterator[list[Row]]:
        """Yield a long result in pages; the paging state stays in this process.

        Raises:
            DatabaseUnavailable: no answer; begin again.
        """
        state: bytes | None = None
        while True:
            rows, state = await self._read(operation, cql, params, READ, size=size, state=state)
            yield rows
            if state is None:
                return

    async def _read(
        self,
        operation: str,
        cql: str,
        params: Sequence[Any],
        profile: str,
        *,
        size: int | None = None,
        state: bytes | None = None,
    ) -> tuple[list[Row], bytes | None]:
        prepared = self._connection.prepared
        known = prepared.known.get(cql) or await self._prepare(prepared, cql)
        bound = known.bind(params, is_idempotent=True)
        try:
            return await self._execute(prepared.session, operation, (bound,), profile, size, state)
        except DatabaseOutcomeUnknown as error:
            raise DatabaseUnavailable(NO_ANSWER) from error
