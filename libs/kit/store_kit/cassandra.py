"""Apache Cassandra for a service; only the kit's `cassandra*.py` know the driver.

Every statement is prepared once and read at LOCAL_QUORUM, or at LOCAL_SERIAL where compare-and-set rules. The
driver never repeats a write: whether a conditional write happened is found out by reading (PROTOCOLS 1), here
told apart as `DatabaseUnavailable` (nothing happened) and `DatabaseOutcomeUnknown` (read it back).
"""

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    Answers,
    Silent,
    batch_of,
    hang_up,
    new_session,
)
from store_kit.cassandra_errors import (
    DatabaseOutcomeUnknown,
    DatabaseUnavailable,
    Patience,
    problem_of,
    still_unknown,
    told,
    unread,
)
from store_kit.database import Cluster as Where
from store_kit.deadline import remaining_s
from store_kit.logs import get_logger
from store_kit.metrics import Metrics
from store_kit.migrations import SchemaError
from store_kit.problems import Problem

__all__ = ["Access", "Cassandra", "DatabaseOutcomeUnknown", "DatabaseUnavailable", "Row", "Statement"]

T = TypeVar("T")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""CQL with `?` for its parameters, and the parameters."""

_SIGN_OF_LIFE: Final[Statement] = ("SELECT key FROM system.local", ())
_RECONNECT_S: Final = 0.5
_SCHEMA_TIMEOUT_S: Final = 60.0
_SEVERAL: Final = 3


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
        self._access = access or Access()
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._ready = ready
        self._sign_of_life = sign_of_life
        self._log = get_logger("cassandra")
        self._session: Session | None = None
        self._usable = self._closed = False
        self._connecting: asyncio.Task[None] | None = None
        self._dialled: Future[Session] | None = None
        self._silent = Silent()
        self._prepared: dict[str, PreparedStatement] = {}
        self._preparing: dict[str, asyncio.Future[PreparedStatement]] = {}
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
        self._loop = asyncio.get_running_loop()
        self._answers = Answers(self._loop, self._silent)
        # Threads of its own: a cluster that is away would otherwise hold those that resolve names for others.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"cassandra {self.keyspace}")
        # In a context of its own: it must not end with the time that whoever opens it has left.
        self._connecting = asyncio.create_task(
            self._connect(), name=f"connect {self.keyspace}", context=contextvars.Context()
        )
        await asyncio.wait((self._connecting,), timeout=self._timeout_s)
        if self._closed or not self._connecting.done():
            return
        if self._connecting.exception() is not None:
            await self.close()
            self._connecting.result()

    async def close(self) -> None:
        """Hang up; what is in flight may fail."""
        self._usable, self._session, self._closed = False, None, True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        dialled, self._dialled = self._dialled, None
        if dialled is None:
            return
        if dialled.done():
            await self._in_thread(lambda: hang_up(dialled))
        else:  # still on the way to the cluster: it hangs up there, and nobody waits for that
            dialled.add_done_callback(hang_up)
        self._threads.shutdown(wait=False)

    @property
    def usable(self) -> bool:
        """Whether it has connected and its schema fits."""
        return self._usable

    async def until_usable(self, timeout_s: float) -> Self:
        """Return itself once it has connected and its schema fits.

        Raises:
            SchemaError: the keyspace belongs to newer code.
            DatabaseUnavailable: that took longer than `timeout_s`.
        """
        connecting = self._connecting
        if connecting is None:
            raise RuntimeError(f"{self.keyspace} is not open")
        await asyncio.wait((connecting,), timeout=timeout_s)
        if not connecting.done():
            raise DatabaseUnavailable(f"The database was not ready within {timeout_s:g} s.")
        connecting.result()
        return self

    async def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: there is none.
            SchemaError: the keyspace belongs to newer code.
        """
        if self._connecting is not None and self._connecting.done():
            refused = self._connecting.exception()
            if refused is not None:
                raise SchemaError(str(refused))
        await self.all("database.check", *self._sign_of_life)

    async def _connect(self) -> None:
        """Connect and look at the schema, however long that takes."""
        said = ""
        # Closed: what is cancelled while it tidies up may raise its own error instead.
        while not self._usable and not self._closed:
            try:
                await self._become_usable()
            except SchemaError as error:
                self._log.error("schema.refused", keyspace=self.keyspace, reason=str(error))
                raise
            except Exception as error:  # noqa: BLE001 - a name that does not resolve yet, a node that just started
                reason = f"{type(error).__name__}: {error}"
                if reason != said:
                    self._log.warning("database.awaited", keyspace=self.keyspace, reason=reason)
                said = reason
                await asyncio.sleep(_RECONNECT_S)

    async def _become_usable(self) -> None:
        if self._session is None:
            self._dialled = self._threads.submit(
                new_session, self.where, self._access, self._timeout_s, self._silent
            )
            self._session = await asyncio.wrap_future(self._dialled)
        if self._ready is not None:
            await self._ready(self)
        # The driver does not read schemas (each change would be read by everybody), yet needs to know how many
        # replicas there are to send a statement to one of them.
        cluster = self._connected().cluster
        await self._in_thread(lambda: cluster.refresh_keyspace_metadata(self.keyspace))
        self._usable = True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._threads, work)

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
        statement = (await self._prepare(cql)).bind(params)
        statement.is_idempotent = True
        if size is not None:
            statement.fetch_size = size
        with told(unread):
            return await self._execute(operation, statement, profile, state)

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
        """Whether so few of several copies are in sight that nobody can learn an outcome now.

        Of a single copy this says nothing: it is back before long, or all is over anyway.
        """
        copies = self.where.replication
        if copies < _SEVERAL or self._session is None:
            return False
        hosts = self._session.cluster.metadata.all_hosts()
        return sum(host.is_up is not False for host in hosts) < copies // 2 + 1

    async def _write_once(self, operation: str, statements: Sequence[Statement]) -> list[Row]:
        bound = [(await self._prepare(cql)).bind(params) for cql, params in statements]
        rows, _ = await self._execute(
            operation, bound[0] if len(bound) == 1 else batch_of(bound), WRITE, None
        )
        return rows

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree on it; `{keyspace}` in it is ours.

        Raises:
            DatabaseUnavailable: nothing was changed.
            DatabaseOutcomeUnknown: it may have been changed.
        """
        session, text = self._connected(), cql.replace("{keyspace}", self.keyspace)
        keyspace = None if "KEYSPACE" in text else self.keyspace
        statement = SimpleStatement(text, keyspace=keyspace)
        with told(problem_of):
            await self._in_thread(lambda: session.execute(statement, timeout=_SCHEMA_TIMEOUT_S))

    async def has_table(self, name: str) -> bool:
        """Say whether the keyspace has a table of this name."""
        known = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        return await self.one("tables.get", known, (self.keyspace, name)) is not None

    # ------------------------------------------------------------------------------------------- the driver

    def _connected(self) -> Session:
        if self._session is None or not (self._usable or asyncio.current_task() is self._connecting):
            raise DatabaseUnavailable("The database is not ready yet; try again shortly.")
        return self._session

    def _time_left(self) -> float:
        """Return how long an answer may take: not longer than who asked us waits."""
        timeout_s = min(self._timeout_s, remaining_s(self._timeout_s))
        if timeout_s <= 0:
            raise DatabaseUnavailable("No time was left to ask the database.")
        return timeout_s

    async def _prepare(self, cql: str) -> PreparedStatement:
        known = self._prepared.get(cql)
        if known is not None:
            return known
        session = self._connected()
        if cql not in self._preparing:
            keyspace = None if " system" in cql else self.keyspace
            preparing = asyncio.ensure_future(
                self._in_thread(lambda: session.prepare(cql, keyspace=keyspace))
            )
            self._preparing[cql] = preparing
            preparing.add_done_callback(lambda done: self._keep(cql, done))
        with told(unread):
            return await asyncio.wait_for(asyncio.shield(self._preparing[cql]), self._time_left())

    def _keep(self, cql: str, done: "asyncio.Future[PreparedStatement]") -> None:
        del self._preparing[cql]
        if not done.cancelled() and done.exception() is None:
            self._prepared[cql] = done.result()

    async def _execute(
        self, operation: str, statement: BoundStatement | BatchStatement, profile: object, state: bytes | None
    ) -> tuple[list[Row], bytes | None]:
        timeout_s = self._time_left()
        started, outcome = time.perf_counter(), "cancelled"
        unknown = self._unknown.labels(operation) if profile is WRITE else None
        self._in_flight.inc()
        try:
            with told(problem_of):
                sent = self._connected().execute_async(
                    statement, timeout=timeout_s, execution_profile=profile, paging_state=state
                )
                answer = await self._answers.of(sent)
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
