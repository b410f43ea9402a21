"""The way to a keyspace: dialled in the background for as long as that takes, and hung up."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from cassandra.cluster import ResponseFuture, Session

from store_kit.cassandra_driver import Access, Answers, Silent, hang_up, new_session
from store_kit.cassandra_errors import DatabaseUnavailable
from store_kit.database import Cluster as Where
from store_kit.logs import get_logger
from store_kit.migrations import SchemaError

T = TypeVar("T")
_RECONNECT_S: Final = 0.5
_SEVERAL: Final = 3


class Link:
    """One session with a cluster, for one keyspace.

    Args:
        where: the cluster.
        keyspace: whose schema must fit.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer, and for `open`.
        ready: awaited once connected, before anybody else may ask (the schema is looked at there).
    """

    def __init__(
        self,
        where: Where,
        keyspace: str,
        access: Access,
        timeout_s: float,
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._where = where
        self._keyspace = keyspace
        self._access = access
        self._timeout_s = timeout_s
        self._ready = ready
        self._log = get_logger("cassandra")
        self._session: Session | None = None
        self._usable = self._closed = False
        self._connecting: asyncio.Task[None] | None = None
        self._dialled: Future[Session] | None = None
        self._silent = Silent()

    async def open(self) -> None:
        """Begin to connect; returns when usable, or after a moment without: then it goes on by itself.

        Raises:
            SchemaError: the keyspace belongs to newer code.
        """
        self._loop = asyncio.get_running_loop()
        self._answers = Answers(self._loop, self._silent)
        # Threads of its own: a cluster that is away would otherwise hold those that resolve names for others.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"cassandra {self._keyspace}")
        # In a context of its own: it must not end with the time that whoever opens it has left.
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
        self._usable, self._session, self._closed = False, None, True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        dialled, self._dialled = self._dialled, None
        if dialled is None:
            return
        if dialled.done():
            await self.in_thread(lambda: hang_up(dialled))
        else:  # still on the way to the cluster: it hangs up there, and nobody waits for that
            dialled.add_done_callback(hang_up)
        self._threads.shutdown(wait=False)

    @property
    def usable(self) -> bool:
        """Whether it has connected and its schema fits."""
        return self._usable

    @property
    def session(self) -> Session:
        """The driver's session.

        Raises:
            DatabaseUnavailable: there is none yet, or its schema has not been looked at.
        """
        if self._session is None or not (self._usable or asyncio.current_task() is self._connecting):
            raise DatabaseUnavailable("The database is not ready yet; try again shortly.")
        return self._session

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
        """Whether so few of several copies are in sight that nobody can learn an outcome now.

        Of a single copy this says nothing: it is back before long, or all is over anyway.
        """
        copies = self._where.replication
        if copies < _SEVERAL or self._session is None:
            return False
        hosts = self._session.cluster.metadata.all_hosts()
        return sum(host.is_up is not False for host in hosts) < copies // 2 + 1

    def answer(self, sent: ResponseFuture) -> "asyncio.Future[tuple[list[tuple[object, ...]], bytes | None]]":
        """Return the future of a sent statement's rows and paging state."""
        return self._answers.of(sent)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what blocking work gives, done in a thread of this link."""
        return await self._loop.run_in_executor(self._threads, work)

    async def _connect(self) -> None:
        """Connect and look at the schema, however long that takes."""
        said = ""
        # Closed: what is cancelled while it tidies up may raise its own error instead.
        while not self._usable and not self._closed:
            try:
                await self._become_usable()
            except SchemaError as error:
                self._log.error("schema.refused", keyspace=self._keyspace, reason=str(error))
                raise
            except Exception as error:  # noqa: BLE001 - a name that does not resolve yet, a node that just started
                reason = f"{type(error).__name__}: {error}"
                if reason != said:
                    self._log.warning("database.awaited", keyspace=self._keyspace, reason=reason)
                said = reason
                await asyncio.sleep(_RECONNECT_S)

    async def _become_usable(self) -> None:
        if self._session is None:
            self._dialled = self._threads.submit(
                new_session, self._where, self._access, self._timeout_s, self._silent
            )
            self._session = await asyncio.wrap_future(self._dialled)
        await self._ready()
        session = self.session
        await self.in_thread(lambda: _introduce(session, self._keyspace))
        self._usable = True


def _introduce(session: Session, keyspace: str) -> None:
    """Let driver and nodes know which keyspace this is about; blocks."""
    # The driver does not read schemas (each change would be read by everybody), yet needs to know how many
    # replicas there are to send a statement to one of them.
    session.cluster.refresh_keyspace_metadata(keyspace)
    # Statements name their keyspace when they are prepared; a node whose connection has another one, or none, calls
    # each execution an error in its log. (There is none yet where a schema is only looked at.)
    if keyspace in session.cluster.metadata.keyspaces:
        session.set_keyspace(keyspace)
