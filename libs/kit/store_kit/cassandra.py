"""Apache Cassandra for a service: the one module that knows the driver.

Every statement is prepared once and read at LOCAL_QUORUM, or at LOCAL_SERIAL where compare-and-set rules. The
driver never repeats a write: whether a conditional write happened is found out by reading (PROTOCOLS 1), here
told apart as `Unavailable` (nothing happened) and `OutcomeUnknown` (read it back). Answers come on the driver's
thread and are handed to the event loop in bunches, one wake-up for all that came while it was busy.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cassandra import (
    ConsistencyLevel,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
    WriteFailure,
    WriteTimeout,
)
from cassandra import Unavailable as TooFewReplicas
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, NoHostAvailable, ResponseFuture, Session
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage, IsBootstrappingErrorMessage, OverloadedErrorMessage
from cassandra.query import (
    BatchStatement,
    BatchType,
    BoundStatement,
    PreparedStatement,
    SimpleStatement,
    tuple_factory,
)

from store_kit.database import Cluster as Where
from store_kit.deadline import remaining_s
from store_kit.logs import get_logger
from store_kit.metrics import Metrics
from store_kit.problems import OutcomeUnknown, Unavailable

Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""CQL with `?` for its parameters, and the parameters."""

NORMAL: Final = "normal"
SERIAL: Final = "serial"
_WRITE: Final = "write"
_RECONNECT_S: Final = 0.5
_ATTEMPTS: Final = 4
_SCHEMA_TIMEOUT_S: Final = 60.0
_NOT_EXECUTED: Final = (NoHostAvailable, TooFewReplicas, OverloadedErrorMessage, IsBootstrappingErrorMessage)
"""No replica was asked: no connection, too few replicas, or a coordinator that takes nothing."""
_MAYBE_EXECUTED: Final = (
    WriteTimeout,
    ReadTimeout,
    WriteFailure,
    ReadFailure,
    OperationTimedOut,
    ConnectionException,
)
_DOUBTFUL_CODES: Final = frozenset({0x0000, 0x1700})
"""SERVER_ERROR and CAS_WRITE_UNKNOWN of the native protocol."""


class DatabaseUnavailable(Unavailable):
    """The database was not reached, or too few of its nodes are up; nothing was changed."""

    slug, title = "database-unavailable", "The database cannot be used right now"


class DatabaseOutcomeUnknown(OutcomeUnknown):
    """The database did not say whether it made a change."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are to the cluster, and how the way to it is protected."""

    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    """Trust only certificates of this authority; None: no TLS."""


class _Never(RetryPolicy):  # type: ignore[misc]  # the driver ships no types
    """Never send a statement a second time: it may have been applied. The default policy does, on the next host."""

    def on_read_timeout(self, *_: Any, **__: Any) -> tuple[int, None]:
        return self.RETHROW, None

    on_write_timeout = on_unavailable = on_request_error = on_read_timeout


class _NextHost(_Never):
    """Send a read to the next host when a connection broke: reading twice harms nobody."""

    def on_request_error(
        self, _query: Any, _consistency: Any, _error: Any, retry_num: int
    ) -> tuple[int, None]:
        return (self.RETRY_NEXT_HOST if retry_num < 2 else self.RETHROW), None  # noqa: PLR2004 - two more hosts


class Cassandra:
    """One keyspace.

    Args:
        where: the cluster.
        service: whose keyspace is meant.
        metrics: where operations are counted.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer; never longer than the request's budget.
        ready: awaited once connected, before anybody else may ask (the schema is looked at there).
    """

    def __init__(
        self,
        where: Where,
        service: str,
        *,
        metrics: Metrics,
        access: Access = Access(),
        timeout_s: float = 2.0,
        ready: Callable[["Cassandra"], Awaitable[None]] | None = None,
    ) -> None:
        self.where = where
        self.keyspace = where.keyspace(service)
        self._access = access
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._ready = ready
        self._log = get_logger("cassandra")
        self._cluster: Cluster | None = None
        self._session: Session | None = None
        self._usable = False
        self._connecting: asyncio.Task[None] | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._answers: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._armed = False
        self._in_flight = metrics.gauge("store_cassandra_in_flight", "Statements that wait for their answer.")
        self._lost = metrics.counter(
            "store_cassandra_cas_lost_total", "Conditional writes that lost.", ("operation",)
        )
        self._unknown = metrics.counter(
            "store_cassandra_unknown_outcomes_total", "Writes whose answer never came.", ("operation",)
        )

    # ------------------------------------------------------------------------------------------- life

    async def open(self) -> None:
        """Begin to connect; returns when connected, or after a moment without: then it goes on by itself.

        Raises:
            SchemaError: the keyspace belongs to newer code.
        """
        self._loop = asyncio.get_running_loop()
        self._connecting = asyncio.create_task(self._connect(), name=f"connect {self.keyspace}")
        await asyncio.wait((self._connecting,), timeout=self._timeout_s)
        if self._connecting.done():
            await self._connecting

    async def close(self) -> None:
        """Hang up; what is in flight may fail."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        cluster, self._cluster, self._session = self._cluster, None, None
        if cluster is not None:
            await self._loop.run_in_executor(None, cluster.shutdown)

    @property
    def usable(self) -> bool:
        """Whether it is connected and its schema fits."""
        return self._usable

    async def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: there is none.
        """
        if self._connecting is not None and self._connecting.done():
            self._connecting.result()
        await self.all("local.check", "SELECT key FROM system.local")

    async def _connect(self) -> None:
        """Connect, however long that takes."""
        while self._session is None:
            try:
                session = await self._loop.run_in_executor(None, self._new_session)
            except (NoHostAvailable, OSError, ErrorMessage) as error:
                self._log.warning("database.unreachable", keyspace=self.keyspace, error=type(error).__name__)
                await asyncio.sleep(_RECONNECT_S)
                continue
            self._session = session
        if self._ready is not None:
            await self._ready(self)
        self._usable = True

    def _new_session(self) -> Session:
        cluster = Cluster(
            self.where.hosts,
            port=self.where.port,
            auth_provider=self._credentials(),
            ssl_context=self._tls(),
            execution_profiles=self._profiles(),
            reconnection_policy=ConstantReconnectionPolicy(_RECONNECT_S, None),
            connect_timeout=self._timeout_s,
            control_connection_timeout=self._timeout_s,
            idle_heartbeat_interval=5,
            idle_heartbeat_timeout=5,
            schema_event_refresh_window=-1,
            schema_metadata_enabled=False,
            protocol_version=5,
        )
        try:
            session = cluster.connect()
        except BaseException:
            cluster.shutdown()
            raise
        self._cluster = cluster
        return session

    def _profiles(self) -> dict[str, ExecutionProfile]:
        def profile(consistency: int, retry: RetryPolicy) -> ExecutionProfile:
            return ExecutionProfile(
                load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(self.where.datacenter)),
                retry_policy=retry,
                consistency_level=consistency,
                serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
                row_factory=tuple_factory,
            )

        return {
            NORMAL: profile(ConsistencyLevel.LOCAL_QUORUM, _NextHost()),
            SERIAL: profile(ConsistencyLevel.LOCAL_SERIAL, _NextHost()),
            _WRITE: profile(ConsistencyLevel.LOCAL_QUORUM, _Never()),
        }

    def _credentials(self) -> PlainTextAuthProvider | None:
        if self._access.username is None:
            return None
        return PlainTextAuthProvider(self._access.username, self._access.password)

    def _tls(self) -> ssl.SSLContext | None:
        return (
            None if self._access.ca_file is None else ssl.create_default_context(cafile=self._access.ca_file)
        )

    # ------------------------------------------------------------------------------------------- reading

    async def all(
        self, operation: str, cql: str, params: Sequence[Any] = (), *, serial: bool = False
    ) -> list[Row]:
        """Return all rows of a bounded query; `serial` sees every conditional write, finished or not.

        Raises:
            DatabaseUnavailable: no answer; asking again is safe.
        """
        try:
            rows, _ = await self._send(operation, cql, params, SERIAL if serial else NORMAL)
        except DatabaseOutcomeUnknown as unknown:
            raise DatabaseUnavailable("The database did not answer a read in time; try again.") from unknown
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
            try:
                rows, state = await self._send(operation, cql, params, NORMAL, size=size, state=state)
            except DatabaseOutcomeUnknown as unknown:
                raise DatabaseUnavailable(
                    "The database did not answer a read in time; try again."
                ) from unknown
            yield rows
            if state is None:
                return

    # ------------------------------------------------------------------------------------------- writing

    async def write(self, operation: str, *statements: Statement) -> None:
        """Write rows of one partition that nobody else writes differently, and repeat it while unanswered.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it was tried several times and may have been written.
        """
        for attempt in range(_ATTEMPTS):
            try:
                await self._write_once(operation, statements)
            except DatabaseOutcomeUnknown:
                if attempt == _ATTEMPTS - 1:
                    raise
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
        rows = await self._write_once(operation, statements)
        applied = bool(rows[0][0])
        if not applied:
            self._lost.labels(operation).inc()
        return applied

    async def settle(self, apply: Callable[[], Awaitable[bool]], ours: Callable[[], Awaitable[bool]]) -> bool:
        """Make one conditional change at most once and learn its outcome, whatever becomes of the answers.

        Args:
            apply: tries the change; the same condition and the same token each time.
            ours: reads at LOCAL_SERIAL whether the change with our token is there.

        Returns:
            Whether the change was made; if not, its condition does not hold: somebody else was first.

        Raises:
            DatabaseUnavailable: nothing was written by the last try, and no earlier one was seen.
            DatabaseOutcomeUnknown: it stayed unanswered for too long.
        """
        doubtful = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await apply() or (doubtful and await ours())
            except DatabaseOutcomeUnknown:
                doubtful = True
                # The serial read ends what is half done. A try that is still on its way may be applied later:
                # the next one has the same token and condition, so that only one of the two can win.
                if await ours():
                    return True
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    async def _write_once(self, operation: str, statements: Sequence[Statement]) -> list[Row]:
        if len(statements) == 1:
            rows, _ = await self._send(operation, *statements[0], _WRITE)
            return rows
        # One partition by contract, so there is nothing for a batch log to bind together.
        batch = BatchStatement(BatchType.UNLOGGED)
        for cql, params in statements:
            batch.add(await self._prepare(cql), params)
        rows, _ = await self._execute(operation, batch, _WRITE, None)
        return rows

    async def run(self, cql: str) -> None:
        """Run a schema statement and wait until all nodes agree on it; `{keyspace}` in it is ours."""
        session, text = self._connected(), cql.replace("{keyspace}", self.keyspace)
        keyspace = None if "KEYSPACE" in text else self.keyspace
        statement = SimpleStatement(text, keyspace=keyspace)
        try:
            await self._loop.run_in_executor(
                None, lambda: session.execute(statement, timeout=_SCHEMA_TIMEOUT_S)
            )
        except Exception as error:
            raise _problem_of(error) or error from error

    async def has_table(self, name: str) -> bool:
        """Say whether the keyspace has a table of this name."""
        known = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        return await self.one("tables.get", known, (self.keyspace, name)) is not None

    # ------------------------------------------------------------------------------------------- the driver

    def _connected(self) -> Session:
        if self._session is None or not (self._usable or asyncio.current_task() is self._connecting):
            raise DatabaseUnavailable("The database is not ready yet; try again shortly.")
        return self._session

    async def _prepare(self, cql: str) -> PreparedStatement:
        known = self._prepared.get(cql)
        if known is not None:
            return known
        session = self._connected()
        try:
            keyspace = None if " system" in cql else self.keyspace
            statement = await self._loop.run_in_executor(
                None, lambda: session.prepare(cql, keyspace=keyspace)
            )
        except (NoHostAvailable, OperationTimedOut, ConnectionException) as error:
            raise DatabaseUnavailable("The database cannot be reached; try again shortly.") from error
        self._prepared[cql] = statement
        return statement

    async def _send(
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
        if size is not None:
            statement.fetch_size = size
        return await self._execute(operation, statement, profile, state)

    async def _execute(
        self, operation: str, statement: BoundStatement | BatchStatement, profile: str, state: bytes | None
    ) -> tuple[list[Row], bytes | None]:
        timeout_s = min(self._timeout_s, remaining_s(self._timeout_s))
        if timeout_s <= 0:
            raise DatabaseUnavailable("No time was left to ask the database.")
        done: asyncio.Future[tuple[list[Row], bytes | None]] = self._loop.create_future()
        started, outcome = time.perf_counter(), "ok"
        self._in_flight.inc()
        try:
            sent = self._connected().execute_async(
                statement, timeout=timeout_s, execution_profile=profile, paging_state=state
            )
            sent.add_callbacks(self._answered, self._failed, (done, sent), None, (done,), None)
            return await done
        except Exception as error:
            mapped = _problem_of(error)
            outcome = mapped.slug if mapped else type(error).__name__
            if isinstance(mapped, DatabaseOutcomeUnknown) and profile == _WRITE:
                self._unknown.labels(operation).inc()
            if mapped is None:
                raise
            raise mapped from error
        finally:
            self._in_flight.dec()
            self._metrics.observe_db("cassandra", operation, outcome, time.perf_counter() - started)

    # The next two run on the driver's thread.

    def _answered(self, rows: list[Row] | None, done: "asyncio.Future[Any]", sent: ResponseFuture) -> None:
        self._hand_over(done, (rows or [], sent._paging_state), None)  # noqa: SLF001 - no public name for it

    def _failed(self, error: BaseException, done: "asyncio.Future[Any]") -> None:
        self._hand_over(done, None, error)

    def _hand_over(self, done: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
        self._answers.append((done, result, error))  # before the test below, or an answer could be left lying
        if not self._armed:
            self._armed = True
            try:
                self._loop.call_soon_threadsafe(self._resolve)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._answers.clear()

    def _resolve(self) -> None:
        self._armed = False  # before the loop below: an answer that comes now wakes us again
        while self._answers:
            done, result, error = self._answers.popleft()
            if done.done():
                continue
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)


def _problem_of(error: BaseException) -> "DatabaseUnavailable | DatabaseOutcomeUnknown | None":
    """Say what an error of the driver means; None for faults of ours (wrong CQL, wrong types)."""
    if isinstance(error, DatabaseUnavailable):
        return error
    if isinstance(error, _NOT_EXECUTED):
        return DatabaseUnavailable("The database cannot do this now; try again shortly.")
    if isinstance(error, _MAYBE_EXECUTED):
        return DatabaseOutcomeUnknown("The database did not confirm in time; repeat with the same key.")
    # The driver has no exception for CAS_WRITE_UNKNOWN and hands out the bare message.
    if isinstance(error, ErrorMessage) and error.code in _DOUBTFUL_CODES:
        return DatabaseOutcomeUnknown(
            "The database does not know whether it wrote; repeat with the same key."
        )
    return None
