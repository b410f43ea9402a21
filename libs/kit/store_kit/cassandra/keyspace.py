"""One keyspace of Apache Cassandra for a service; only this package of the kit knows the driver.

`reads` and `writes` say what can be asked of it; here is its life, from connecting to hanging up.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Self

from cassandra.query import SimpleStatement

from store_kit.cassandra.connection import Connection
from store_kit.cassandra.driver import Access
from store_kit.cassandra.errors import classify, translate_errors
from store_kit.cassandra.statements import Row, Statement
from store_kit.cassandra.writes import Proof, RowProof, Writes
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.stores.database import Cluster as Where
from store_kit.telemetry.metrics import Metrics

__all__ = [
    "Access",
    "Cassandra",
    "DatabaseOutcomeUnknown",
    "DatabaseUnavailable",
    "Proof",
    "Row",
    "RowProof",
    "Statement",
]

_SIGN_OF_LIFE: Final[Statement] = ("SELECT key FROM system.local", ())
_SCHEMA_TIMEOUT_S: Final = 60.0


class Cassandra(Writes):
    """One keyspace.

    Args:
        where: the cluster.
        service: whose keyspace is meant.
        metrics: where operations are counted.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer; never longer than the request's budget.
        ready: awaited once connected, before any other statement may be sent (the schema is looked at there).
        sign_of_life: what `check` asks; better something that a quorum of the nodes must answer.
    """

    def __init__(
        self,
        where: Where,
        service: str,
        *,
        metrics: Metrics,
        access: Access | None = None,
        timeout_s: float = 2.0,
        ready: Callable[["Cassandra"], Awaitable[None]] | None = None,
        sign_of_life: Statement = _SIGN_OF_LIFE,
    ) -> None:
        self.where = where
        self.service = service
        self.keyspace = where.keyspace(service)
        self._sign_of_life = sign_of_life
        self.also_check: Callable[[], Awaitable[None]] | None = None
        """What else must pass for it to be healthy."""

        async def on_connected() -> None:
            if ready is not None:
                await ready(self)

        super().__init__(
            Connection(where, self.keyspace, access or Access(), timeout_s, on_connected), metrics, timeout_s
        )

    async def open(self) -> None:
        """Begin to connect; returns when usable, or after a moment without: then it goes on by itself.

        Raises:
            SchemaError: the keyspace belongs to newer code.
        """
        await self._connection.open()

    async def close(self) -> None:
        """Hang up; what is in flight may fail."""
        await self._connection.close()

    @property
    def usable(self) -> bool:
        """Whether it has connected and its schema fits."""
        return self._connection.usable

    async def until_usable(self, timeout_s: float) -> Self:
        """Return itself once it has connected and its schema fits.

        Raises:
            SchemaError: the keyspace belongs to newer code.
            DatabaseUnavailable: that took longer than `timeout_s`.
        """
        await self._connection.until_usable(timeout_s)
        return self

    async def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: there is none.
            SchemaError: the keyspace belongs to newer code.
        """
        self._connection.check_schema()
        await self.all("database.check", *self._sign_of_life)
        if self.also_check is not None:
            await self.also_check()

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree on it; `{keyspace}` in it is ours.

        Raises:
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: it may have been changed.
        """
        session, text = self._connection.prepared.session, cql.replace("{keyspace}", self.keyspace)
        keyspace = None if "KEYSPACE" in text else self.keyspace
        statement = SimpleStatement(text, keyspace=keyspace)
        with translate_errors(classify):
            await self._connection.in_thread(lambda: session.execute(statement, timeout=_SCHEMA_TIMEOUT_S))

    async def has_table(self, name: str) -> bool:
        """Say whether the keyspace has a table of this name."""
        known = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        return await self.one("tables.get", known, (self.keyspace, name)) is not None
