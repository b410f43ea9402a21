"""How the driver is set up: hosts, consistency, who may repeat what; and its answers, brought to the event loop."""

import asyncio
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from cassandra import ConsistencyLevel, OperationTimedOut
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    RetryPolicy,
    TokenAwarePolicy,
    WrapperPolicy,
)
from cassandra.pool import Host
from cassandra.query import BatchStatement, BatchType, BoundStatement, tuple_factory

from store_kit.database import Cluster as Where

READ: Final = "read"
SERIAL: Final = "serial"
WRITE: Final = EXEC_PROFILE_DEFAULT
"""Also what schema statements and everything else that names no profile gets."""
_RECONNECT_S: Final = 0.5
_HEARTBEAT_S: Final = 2
_HEARTBEAT_TIMEOUT_S: Final = 5
"""A connection quiet for two seconds is asked for a sign of life: a host that hangs keeps its connections.

A sound host that is very busy must have time to give it, or it would lose its connections on top of it.
"""
SHUNNED_S: Final = 8.0
"""Longer than the heartbeat takes to find out."""
_ASK_ANOTHER_S: Final = 1.0
"""A read that waits so long is sent to one more host. Far beyond what a busy but sound cluster takes."""
_MORE_HOSTS: Final = 2
_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""The driver sends in pieces of 4 kB: without this the second piece waits 40 ms for the first one's receipt."""

_NO_NEWS: Final = {
    # The server says so where a connection was told its keyspace. Each statement that is prepared names it, too.
    "cassandra.protocol": ("`USE <keyspace>` with prepared statements",),
    # Twice a second for as long as a host is away. That it is, and that it is back, has a line of its own.
    "cassandra.pool": ("Error attempting to reconnect to",),
    # So does a cluster that is dialled: `database.awaited`, `database.sought` and `database.found_again` say why.
    "cassandra.cluster": ("[control connection] Error connecting to", "Control connection failed to connect"),
}


def _without(phrases: Sequence[str]) -> Callable[[logging.LogRecord], bool]:
    return lambda record: not any(phrase in record.getMessage() for phrase in phrases)


for _logger, _phrases in _NO_NEWS.items():
    logging.getLogger(_logger).addFilter(_without(_phrases))


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are to the cluster, and how the way to it is protected."""

    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    """Trust only certificates of this authority; None: no TLS."""

    def credentials(self) -> PlainTextAuthProvider | None:
        """Return what the driver logs in with."""
        return None if self.username is None else PlainTextAuthProvider(self.username, self.password)

    def tls(self) -> ssl.SSLContext | None:
        """Return what the driver encrypts with."""
        return None if self.ca_file is None else ssl.create_default_context(cafile=self.ca_file)


class Never(RetryPolicy):  # type: ignore[misc]  # the driver ships no types
    """Never send a statement a second time: it may have been applied. The default policy does, on the next host."""

    def on_read_timeout(self, *_: Any, **__: Any) -> tuple[int, None]:
        """Give the error to the caller."""
        return self.RETHROW, None

    on_write_timeout = on_unavailable = on_request_error = on_read_timeout


class NextHost(Never):
    """Send a read to the next host when a connection broke: reading twice harms nobody."""

    def on_request_error(
        self, _query: Any, _consistency: Any, error: Any, retry_num: int
    ) -> tuple[int, None]:
        """Try two more hosts."""
        del error
        return (self.RETRY_NEXT_HOST if retry_num < _MORE_HOSTS else self.RETHROW), None


class Silent:
    """Hosts that have just left somebody without an answer: they may hang with their connections open.

    Args:
        now: seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[Host, float] = {}

    def __contains__(self, host: Host) -> bool:
        return self._until.get(host, 0.0) > self._now()

    def add(self, host: Host) -> None:
        """Remember that a host did not answer; it is forgiven after a while."""
        self._until[host] = self._now() + SHUNNED_S


class SilentLast(WrapperPolicy):  # type: ignore[misc]  # the driver ships no types
    """Ask silent hosts only when there are no others.

    Without it everybody whose first replica hangs would wait in vain until the heartbeat has found that out, and so
    would everybody who tries again to learn what became of a write.
    """

    def __init__(self, child: TokenAwarePolicy, silent: Silent) -> None:
        super().__init__(child)
        self._silent = silent

    def make_query_plan(self, working_keyspace: str | None = None, query: Any = None) -> Iterator[Host]:
        """Yield the hosts to ask, one after the other."""
        last = []
        for host in self._child_policy.make_query_plan(working_keyspace, query):
            if host in self._silent:
                last.append(host)
            else:
                yield host
        yield from last


def new_session(where: Where, access: Access, timeout_s: float, silent: Silent) -> Session:
    """Connect; blocks until connected or refused. `session.cluster.shutdown()` gives everything back."""
    cluster = Cluster(
        where.hosts,
        port=where.port,
        auth_provider=access.credentials(),
        ssl_context=access.tls(),
        execution_profiles=_profiles(where.datacenter, timeout_s, silent),
        reconnection_policy=ConstantReconnectionPolicy(_RECONNECT_S, None),
        connect_timeout=timeout_s,
        control_connection_timeout=timeout_s,
        idle_heartbeat_interval=_HEARTBEAT_S,
        idle_heartbeat_timeout=_HEARTBEAT_TIMEOUT_S,
        schema_event_refresh_window=-1,
        schema_metadata_enabled=False,
        protocol_version=5,
        sockopts=_SOCKET_OPTIONS,
    )
    try:
        session = cluster.connect()
    except BaseException:
        cluster.shutdown()
        raise
    return session


def in_sight(session: Session) -> bool:
    """Whether a node is connected; one that hangs is no more once it has missed a heartbeat."""
    return any(pool["open_count"] for pool in session.get_pool_state().values())


def hang_up(dialled: "Future[Session]") -> None:
    """Close what a thread has opened; not on the event loop, for the driver's threads are waited for."""
    if not dialled.cancelled() and dialled.exception() is None:
        dialled.result().cluster.shutdown()


def batch_of(bound: Sequence[BoundStatement]) -> BatchStatement:
    """Return statements of one partition as one: there is nothing for a batch log to bind together."""
    batch = BatchStatement(BatchType.UNLOGGED)
    for statement in bound:
        batch.add(statement)
    return batch


def _profiles(datacenter: str, timeout_s: float, silent: Silent) -> dict[object, ExecutionProfile]:
    # Always the same replica first: it has prepared, and compare-and-set through several contends.
    replicas = TokenAwarePolicy(DCAwareRoundRobinPolicy(datacenter), shuffle_replicas=False)
    hosts = SilentLast(replicas, silent)
    # Only statements that say they are idempotent are sent to another host: reads.
    another = ConstantSpeculativeExecutionPolicy(delay=_ASK_ANOTHER_S, max_attempts=1)

    def profile(consistency: int, retry: RetryPolicy) -> ExecutionProfile:
        return ExecutionProfile(
            load_balancing_policy=hosts,
            retry_policy=retry,
            consistency_level=consistency,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
            row_factory=tuple_factory,
            request_timeout=timeout_s,
            speculative_execution_policy=another,
        )

    return {
        READ: profile(ConsistencyLevel.LOCAL_QUORUM, NextHost()),
        SERIAL: profile(ConsistencyLevel.LOCAL_SERIAL, NextHost()),
        WRITE: profile(ConsistencyLevel.LOCAL_QUORUM, Never()),
    }


class Answers:
    """Brings answers from the driver's thread to the event loop, one wake-up for all that came meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, silent: Silent) -> None:
        self._loop = loop
        self._silent = silent
        self._waiting: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._armed = False

    def of(self, sent: ResponseFuture) -> "asyncio.Future[tuple[list[Any], bytes | None]]":
        """Return the future of a statement's rows and paging state."""
        done = self._loop.create_future()
        sent.add_callbacks(self._answered, self._failed, (done, sent), None, (done,), None)
        return done

    # The next three run on the driver's thread.

    def _answered(self, rows: list[Any] | None, done: "asyncio.Future[Any]", sent: ResponseFuture) -> None:
        self._hand_over(done, (rows or [], sent._paging_state), None)  # noqa: SLF001 - no public name for it

    def _failed(self, error: BaseException, done: "asyncio.Future[Any]") -> None:
        if isinstance(error, OperationTimedOut) and error.last_host is not None:
            self._silent.add(error.last_host)
        self._hand_over(done, None, error)

    def _hand_over(self, done: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
        self._waiting.append((done, result, error))  # before the test below, or an answer could be left lying
        if not self._armed:
            self._armed = True
            try:
                self._loop.call_soon_threadsafe(self._resolve)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._waiting.clear()

    def _resolve(self) -> None:
        self._armed = False  # before the loop below: an answer that comes now wakes us again
        while self._waiting:
            done, result, error = self._waiting.popleft()
            if done.done():
                continue
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)
