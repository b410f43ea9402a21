"""The connection to a keyspace: made in the background for as long as that takes, and again after the cluster moved.

The driver resolves the names of a cluster once and knows its nodes by address from then on. A node that comes back
at another address, as containers do, is found only by a new session (ADR 34).
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from cassandra.cluster import ExecutionProfile, Session
from cassandra.protocol import BatchMessage, ExecuteMessage

from store_kit.cassandra.driver import Access, hang_up, in_sight, new_session
from store_kit.cassandra.hosts import SuspectHosts
from store_kit.cassandra.loop_connection import Loop
from store_kit.cassandra.prepared import Bound, Prepared
from store_kit.cassandra.sent import Answer, Sent
from store_kit.problems import DatabaseUnavailable
from store_kit.stores.database import Cluster as Where
from store_kit.stores.migrations import SchemaError
from store_kit.telemetry.logs import get_logger

T = TypeVar("T")
_RECONNECT_S: Final = 0.5
_LOOK_S: Final = 1.0
"""How often to look whether a node is in sight."""
LOST_AFTER_S: Final = 10.0
"""After so long without any node the names are resolved again: a node that restarts where it was is faster."""
_SEVERAL: Final = 3
_IDENTITY: Final = (
    "SELECT id FROM system_schema.tables WHERE keyspace_name = %s AND table_name = 'schema_migrations'"
)
"""The id that the cluster gave to a table when it was created: no other cluster has it, nor has a later table."""


class Connection:
    """A connection to a cluster, for one keyspace: one session, or a new one once the cluster has moved.

    Args:
        where: the cluster.
        keyspace: the one whose schema must fit.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer, and for `open`.
        on_connected: awaited once connected, before any other statement may be sent (it looks at the schema).
    """

    def __init__(
        self,
        where: Where,
        keyspace: str,
        access: Access,
        timeout_s: float,
        on_connected: Callable[[], Awaitable[None]],
    ) -> None:
        self._where = where
        self._keyspace = keyspace
        self._access = access
        self._timeout_s = timeout_s
        self._on_connected = on_connected
        self._log = get_logger("cassandra")
        self._prepared: Prepared | None = None
        self._usable = self._closed = False
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._dialled: list[Future[Session]] = []
        self._identity: object = None
        self._suspects = SuspectHosts()

    async def open(self) -> None:
        """Begin to connect; returns when usable, or after a moment without: then it goes on by itself.

        Raises:
            SchemaError: the keyspace belongs to newer code.
        """
        self._loop = Loop(asyncio.get_running_loop())
        # Threads of its own: a cluster that is away would otherwise block those that resolve names for others.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"cassandra {self._keyspace}")
        # In a context of its own: it must not end with the time budget of the caller.
        self._connecting = asyncio.create_task(
            self._connect(), name=f"connect {self._keyspace}", context=contextvars.Context()
        )
        await asyncio.wait((self._connecting,), timeout=self._timeout_s)
        if self._closed or not self._connecting.done():
            return
        if self._connecting.exception() is not None:
            await self.close()
            self._connecting.result()

    async def close(self) -> None:
        """Hang up; what is in flight may fail."""
        self._usable, self._prepared, self._closed = False, None, True
        tasks = [task for task in (self._connecting, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hang_up()
        self._threads.shutdown(wait=False)

    async def _hang_up(self, *, but: Session | None = None) -> None:
        """Give back every session but one."""
        for dialled in list(self._dialled):
            if not dialled.done():  # still connecting: it hangs up by itself once it is done
                dialled.add_done_callback(hang_up)
            elif but is None or dialled.result() is not but:
                await self.in_thread(partial(hang_up, dialled))
            else:
                continue
            self._dialled.remove(dialled)

    @property
    def usable(self) -> bool:
        """Whether it has connected and its schema fits."""
        return self._usable

    @property
    def prepared(self) -> Prepared:
        """The driver's session, and what was prepared in it.

        Raises:
            DatabaseUnavailable: there is none yet, or its schema has not been looked at.
        """
        if self._prepared is None or not (self._usable or asyncio.current_task() is self._connecting):
            raise DatabaseUnavailable("The database is not ready yet; try again shortly.")
        return self._prepared

    async def until_usable(self, timeout_s: float) -> None:
        """Return once it has connected and its schema fits.

        Raises:
            SchemaError: the keyspace belongs to newer code.
            DatabaseUnavailable: that took longer than `timeout_s`.
        """
        connecting = self._connecting
        if connecting is None:
            raise RuntimeError(f"{self._keyspace} is not open")
        await asyncio.wait((connecting,), timeout=timeout_s)
        if not connecting.done():
            raise DatabaseUnavailable(f"The database was not ready within {timeout_s:g} s.")
        connecting.result()

    def check_schema(self) -> None:
        """Raise SchemaError if the keyspace turned out to belong to newer code."""
        if self._connecting is not None and self._connecting.done():
            refused = self._connecting.exception()
            if refused is not None:
                raise SchemaError(str(refused))

    def lacks_majority(self) -> bool:
        """Whether so few of several copies are in sight that no outcome can be learnt now.

        Of a single copy this says nothing: either it is back before long, or there is nothing to hope for.
        """
        copies = self._where.replication
        if copies < _SEVERAL or self._prepared is None:
            return False
        hosts = self._prepared.session.cluster.metadata.all_hosts()
        return sum(host.is_up is not False for host in hosts) < copies // 2 + 1

    def send(
        self,
        session: Session,
        message: ExecuteMessage | BatchMessage,
        bound: Bound,
        profile: ExecutionProfile,
        timeout_s: float,
    ) -> "asyncio.Future[Answer]":
        """Return the future of the answer to a statement, or to several of which `bound` is the first."""
        return Sent(session, message, bound, profile, timeout_s, self._loop, self._suspects).answer

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what blocking work returns, done in one of the threads of this connection."""
        return await self._loop.asyncio.run_in_executor(self._threads, work)

    async def _connect(self) -> None:
        """Connect and look at the schema, however long that takes."""
        # Closed: what is cancelled while it tidies up may raise its own error instead.
        await self._keep_trying(
            self._become_usable, lambda: self._usable or self._closed, failing="database.awaited"
        )

    async def _keep_trying(
        self, attempt: Callable[[], Awaitable[None]], done: Callable[[], bool], *, failing: str
    ) -> None:
        """Try until it is done; every new reason for failing is logged once, as an event of the name `failing`."""
        logged = ""
        while not done():
            try:
                await attempt()
            except SchemaError as error:
                self._log.error("schema.refused", keyspace=self._keyspace, reason=str(error))
                raise
            except Exception as error:  # noqa: BLE001 - a name that does not resolve yet, a node that just started
                reason = f"{type(error).__name__}: {error}"
                if reason != logged:
                    self._log.warning(failing, keyspace=self._keyspace, reason=reason)
                logged = reason
                await asyncio.sleep(_RECONNECT_S)

    async def _become_usable(self) -> None:
        if self._prepared is None:
            self._prepared = await self._dial()
        await self._on_connected()
        session = self.prepared.session
        await self.in_thread(lambda: _introduce(session, self._keyspace))
        self._identity = await self.in_thread(lambda: _identity(session, self._keyspace))
        self._usable = True
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self._keyspace}")

    async def _dial(self) -> Prepared:
        """Resolve the names and connect; the session is noted for hanging up, whatever comes of it."""
        dialled = self._threads.submit(
            new_session, self._where, self._access, self._timeout_s, self._suspects, self._loop
        )
        self._dialled.append(dialled)
        try:
            session = await asyncio.wrap_future(dialled)
        except Exception:
            self._dialled.remove(dialled)
            raise
        return Prepared(session, self._keyspace, self._threads)

    # ------------------------------------------------------------------------------------------- a cluster that moves

    async def _watch(self) -> None:
        """Connect again whenever no node has been in sight for a while."""
        while True:
            await self._until_lost()
            await self._keep_trying(
                self._move, lambda: in_sight(self.prepared.session), failing="database.sought"
            )

    async def _until_lost(self) -> None:
        seen = self._loop.asyncio.time()
        while self._loop.asyncio.time() - seen < LOST_AFTER_S:
            await asyncio.sleep(_LOOK_S)
            if in_sight(self.prepared.session):
                seen = self._loop.asyncio.time()

    async def _move(self) -> None:
        """Replace the session by a new one; what was in flight in the old one has an unknown outcome."""
        held, found = self.prepared, await self._dial()
        try:
            await self.in_thread(lambda: self._make_ready(found, tuple(held.known)))
        except Exception:
            await self._hang_up(but=held.session)
            raise
        self._prepared = found
        await self._hang_up(but=found.session)
        hosts = sorted(str(host.address) for host in found.session.cluster.metadata.all_hosts())
        self._log.warning("database.found_again", keyspace=self._keyspace, hosts=hosts)

    def _make_ready(self, found: Prepared, known: tuple[str, ...]) -> None:
        """Make a new session ready for work; blocks."""
        if self._identity not in (None, _identity(found.session, self._keyspace)):
            raise DatabaseUnavailable(
                f"{self._keyspace} there is not the one that this service used; restart the service if it is meant."
            )
        _introduce(found.session, self._keyspace)
        found.learn(known)


def _identity(session: Session, keyspace: str) -> object:
    """Return what tells this keyspace from any other of its name; None where nothing was migrated yet; blocks."""
    row = session.execute(_IDENTITY, (keyspace,)).one()
    return None if row is None else row[0]


def _introduce(session: Session, keyspace: str) -> None:
    """Tell the driver and the nodes which keyspace this session uses; blocks."""
    # The driver does not read schemas (every process would read each change), but it must know how many replicas
    # there are to send a statement to one of them.
    session.cluster.refresh_keyspace_metadata(keyspace)
    # Statements name their keyspace when they are prepared. A node whose connection has another one, or none, logs
    # each execution as an error. (There is no keyspace yet when a new schema is only looked at.)
    if keyspace in session.cluster.metadata.keyspaces:
        session.set_keyspace(keyspace)
