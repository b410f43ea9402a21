"""Apache Cassandra for a service; only the kit's `cassandra*.py` know the driver.

Every statement is prepared once and read at LOCAL_QUORUM, or at LOCAL_SERIAL where compare-and-set rules. The
driver never repeats a write: whether a conditional write happened is found out by reading (PROTOCOLS 1), here
told apart as `DatabaseUnavailable` (nothing happened) and `DatabaseOutcomeUnknown` (read it back).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Self, TypeVar

from cassandra.cluster import Session
from cassandra.query import (
    BatchStatement,
    BoundStatement,
    PreparedStatement,
    SimpleStatement,
)

from store_kit.cassandra_driver import (
    READ,
    SERIAL,
    WRITE,
    Access,
    batch_of,
)
from store_kit.cassandra_errors import (
    Patience,
    problem_of,
    still_unknown,
    told,
    unread,
)
from store_kit.cassandra_link import Link
from store_kit.cassandra_prepared import Prepared
from store_kit.database import Cluster as Where
from store_kit.deadline import remaining_s
from store_kit.metrics import Metrics
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable, Problem

__all__ = ["Access", "Cassandra", "DatabaseOutcomeUnknown", "DatabaseUnavailable", "Row", "Statement"]

T = TypeVar("T")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""CQL with `?` for its parameters, and the parameters."""

_SIGN_OF_LIFE: Final[Statement] = ("SELECT key FROM system.local", ())
_SCHEMA_TIMEOUT_S: Final = 60.0


class Cassandra:
    """One keyspace.

    Args:
        where: the cluster.
        service: whose keyspace is meant.
        metrics: where operations are counted.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer; never longer than the request's budget.
        ready: awaited once connected, before anybody else may ask (the schema is looked at there).
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
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._sign_of_life = sign_of_life
        self.also_check: Callable[[], Awaitable[None]] | None = None
        """What else must pass for it to be healthy."""

        async def fit() -> None:
            if ready is not None:
                await ready(self)

        self._link = Link(where, self.keyspace, access or Access(), timeout_s, fit)
        self._in_flight = metrics.gauge("store_cassandra_in_flight", "Statements that wait for their answer.")
        self._lost = metrics.counter(
            "store_cassandra_cas_lost_total", "Conditional writes that lost.", ("operation",)
        )
        self._unknown = metrics.counter(
            "store_cassandra_unknown_outcomes_total", "Writes whose answer never came.", ("operation",)
        )

    # ------------------------------------------------------------------------------------------- life

    async def open(self) -> None:
        """Begin to connect; returns when usable, or after a moment without: then it goes on by itself.

        Raises:
            SchemaError: the keyspace belongs to newer code.
        """
        await self._link.open()

    async def close(self) -> None:
        """Hang up; what is in flight may fail."""
        await self._link.close()

    @property
    def usable(self) -> bool:
        """Whether it has connected and its schema fits."""
        return self._link.usable

    async def until_usable(self, timeout_s: float) -> Self:
        """Return itself once it has connected and its schema fits.

        Raises:
            SchemaError: the keyspace belongs to newer code.
            DatabaseUnavailable: that took longer than `timeout_s`.
        """
        await self._link.until_usable(timeout_s)
        return self

    async def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: there is none.
            SchemaError: the keyspace belongs to newer code.
        """
        self._link.check_schema()
        await self.all("database.check", *self._sign_of_life)
        if self.also_check is not None:
            await self.also_check()

    # ------------------------------------------------------------------------------------------- reading

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
        prepared = self._link.prepared
        statement = (await self._prepare(prepared, cql)).bind(params)
        statement.is_idempotent = True
        if size is not None:
            statement.fetch_size = size
        with told(unread):
            return await self._execute(prepared.session, operation, statement, profile, state)

    # ------------------------------------------------------------------------------------------- writing

    async def write(self, operation: str, *statements: Statement) -> None:
        """Write rows of one partition that nobody else writes differently, and repeat it while unanswered.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it was tried several times and may have been written.
        """
        patience: Patience | None = None
        while True:
            try:
                await self._write_once(operation, statements)
            except DatabaseOutcomeUnknown:
                patience = patience or self.patience()
                if not await patience.pause():
                    raise
            except DatabaseUnavailable as error:
                if patience is None:
                    raise
                if not await patience.pause():
                    raise still_unknown() from error
            else:
                return

    async def write_once(self, operation: str, *statements: Statement) -> None:
        """Write what must not be repeated (a counter): an answer that is lost stays lost.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it may have been written.
        """
        await self._write_once(operation, statements)

    async def apply(self, operation: str, *statements: Statement) -> bool:
        """Write conditionally (IF ...), all statements (of one partition) or none; say whether it was applied.

        False may mean that an earlier try of ours was applied: read the token back before believing it.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it may or may not have been applied, or may be later.
        """
        # There before the first loss: a rate over a series that just appeared would miss its first step.
        lost = self._lost.labels(operation)
        rows = await self._write_once(operation, statements)
        applied = bool(rows[0][0])
        if not applied:
            lost.inc()
        return applied

    async def settle(self, apply: Callable[[], Awaitable[bool]], ours: Callable[[], Awaitable[bool]]) -> bool:
        """Make one conditional change at most once and learn its outcome, whatever becomes of the answers.

        Args:
            apply: tries the change; the same token each time, and the same condition, which must be one that
                never holds again once it has failed (a version, an absence that is for good).
            ours: reads at LOCAL_SERIAL whether the change with our token is there.

        Returns:
            Whether the change was made; if not, its condition does not hold: somebody else was first.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it stayed in doubt for too long.
        """
        try:
            return await apply()
        except DatabaseOutcomeUnknown:
            if self.lacks_majority():
                raise
            patience = self.patience()
        while True:
            # The serial read ends what is half done. A try that is still on its way may be applied later: the
            # next one has the same token and condition, so that only one of the two can win.
            try:
                if await ours():
                    return True
                if await apply():
                    return True
                return await ours()
            except (DatabaseOutcomeUnknown, DatabaseUnavailable) as error:
                if not await patience.pause():
                    raise still_unknown() from error

    def patience(self) -> Patience:
        """Return the pauses for who tries to learn an outcome; without a majority there is no sense in any."""
        return Patience(self.lacks_majority)

    def lacks_majority(self) -> bool:
        """Whether so few of several copies are in sight that nobody can learn an outcome now."""
        return self._link.lacks_majority()

    async def _write_once(self, operation: str, statements: Sequence[Statement]) -> list[Row]:
        prepared = self._link.prepared
        bound = [(await self._prepare(prepared, cql)).bind(params) for cql, params in statements]
        whole = bound[0] if len(bound) == 1 else batch_of(bound)
        rows, _ = await self._execute(prepared.session, operation, whole, WRITE, None)
        return rows

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree on it; `{keyspace}` in it is ours.

        Raises:
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: it may have been changed.
        """
        session, text = self._link.prepared.session, cql.replace("{keyspace}", self.keyspace)
        keyspace = None if "KEYSPACE" in text else self.keyspace
        statement = SimpleStatement(text, keyspace=keyspace)
        with told(problem_of):
            await self._link.in_thread(lambda: session.execute(statement, timeout=_SCHEMA_TIMEOUT_S))

    async def has_table(self, name: str) -> bool:
        """Say whether the keyspace has a table of this name."""
        known = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        return await self.one("tables.get", known, (self.keyspace, name)) is not None

    # ------------------------------------------------------------------------------------------- the driver

    def _time_left(self) -> float:
        """Return how long an answer may take: not longer than who asked us waits."""
        timeout_s = min(self._timeout_s, remaining_s(self._timeout_s))
        if timeout_s <= 0:
            raise DatabaseUnavailable("No time was left to ask the database.")
        return timeout_s

    async def _prepare(self, prepared: Prepared, cql: str) -> PreparedStatement:
        known = prepared.known.get(cql)
        if known is not None:
            return known
        with told(unread):
            return await asyncio.wait_for(asyncio.shield(prepared.asked(cql)), self._time_left())

    async def _execute(
        self,
        session: Session,
        operation: str,
        statement: BoundStatement | BatchStatement,
        profile: object,
        state: bytes | None,
    ) -> tuple[list[Row], bytes | None]:
        timeout_s = self._time_left()
        started, outcome = time.perf_counter(), "cancelled"
        unknown = self._unknown.labels(operation) if profile is WRITE else None
        self._in_flight.inc()
        try:
            with told(problem_of):
                sent = session.execute_async(
                    statement, timeout=timeout_s, execution_profile=profile, paging_state=state
                )
                answer = await self._link.answer(sent)
        except Exception as error:
            outcome = error.slug if isinstance(error, Problem) else type(error).__name__
            if isinstance(error, DatabaseOutcomeUnknown) and unknown is not None:
                unknown.inc()
            raise
        else:
            outcome = "ok"
            return answer
        finally:
            self._in_flight.dec()
            self._metrics.observe_db("cassandra", operation, outcome, time.perf_counter() - started)
