"""How the driver is set up: hosts, consistency, and which statements may be sent twice."""

import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import BatchMessage, ExecuteMessage
from cassandra.query import BatchType, tuple_factory

from store_kit.cassandra.hosts import NoRetry, RetryReadsOnNextHost, SuspectHosts, SuspectsLast
from store_kit.cassandra.loop_connection import Loop, LoopConnection
from store_kit.cassandra.prepared import Bound
from store_kit.stores.database import Cluster as Where

READ: Final = "read"
SERIAL: Final = "serial"
WRITE: Final = EXEC_PROFILE_DEFAULT
"""The default: also used for schema statements, which name no profile."""
_RECONNECT_S: Final = 0.5
_HEARTBEAT_S: Final = 2
_HEARTBEAT_TIMEOUT_S: Final = 5
"""A connection that is quiet for two seconds is asked for a sign of life: a host that hangs keeps its connections.

A healthy host that is very busy must have time to answer, or it would lose its connections as well.
"""
_ASK_ANOTHER_S: Final = 1.0
"""A read that waits so long is sent to one more host. A busy but healthy cluster is much faster."""
_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""The driver sends in pieces of 4 kB: without this the second waits 40 ms until the first is acknowledged."""

_NOT_WORTH_LOGGING: Final = {
    # The server warns of it where a connection has a keyspace. Ours does no harm: each statement names its own.
    "cassandra.protocol": ("`USE <keyspace>` with prepared statements",),
    # Twice a second for as long as a host is away. Its going and its coming back are logged anyway.
    "cassandra.pool": ("Error attempting to reconnect to",),
    # Our own events say so: `database.awaited`, `database.sought` and `database.found_again`.
    "cassandra.cluster": ("[control connection] Error connecting to", "Control connection failed to connect"),
}


def _without(phrases: Sequence[str]) -> Callable[[logging.LogRecord], bool]:
    return lambda record: not any(phrase in record.getMessage() for phrase in phrases)


for _logger, _phrases in _NOT_WORTH_LOGGING.items():
    logging.getLogger(_logger).addFilter(_without(_phrases))


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are to the cluster, and how the connections to it are protected."""

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


def new_session(
    where: Where, access: Access, timeout_s: float, suspects: SuspectHosts, loop: Loop | None = None
) -> Session:
    """Connect; blocks until connected or refused. `session.cluster.shutdown()` releases everything.

    Args:
        where: the cluster.
        access: credentials and TLS.
        timeout_s: the longest wait for one answer, and for a connection.
        suspects: hosts that are asked last.
        loop: serves the connections, and must run meanwhile; None: a thread of the driver's does.
    """
    cluster = Cluster(
        where.hosts,
        port=where.port,
        auth_provider=access.credentials(),
        ssl_context=access.tls(),
        execution_profiles=_profiles(where.datacenter, timeout_s, suspects),
        reconnection_policy=ConstantReconnectionPolicy(_RECONNECT_S, None),
        connect_timeout=timeout_s,
        control_connection_timeout=timeout_s,
        idle_heartbeat_interval=_HEARTBEAT_S,
        idle_heartbeat_timeout=_HEARTBEAT_TIMEOUT_S,
        schema_event_refresh_window=-1,
        schema_metadata_enabled=False,
        protocol_version=5,
        compression=False,
        sockopts=_SOCKET_OPTIONS,
        connection_class=None if loop is None else LoopConnection.on(loop),
    )
    try:
        session = cluster.connect()
    except BaseException:
        cluster.shutdown()
        raise
    return session


def in_sight(session: Session) -> bool:
    """Whether a node is connected; one that hangs no longer counts once it has missed a heartbeat."""
    return any(pool["open_count"] for pool in session.get_pool_state().values())


def hang_up(dialled: "Future[Session]") -> None:
    """Close what a thread has opened; not on the event loop, because it waits for the driver's threads."""
    if not dialled.cancelled() and dialled.exception() is None:
        dialled.result().cluster.shutdown()


def message_of(
    session: Session, bound: Bound, profile: ExecutionProfile, size: int | None, state: bytes | None
) -> ExecuteMessage:
    """Return the message that executes a statement; `size` of a page, `state` is where it begins."""
    prepared = bound.prepared
    return ExecuteMessage(
        prepared.query_id,
        bound.values,
        profile.consistency_level,
        profile.serial_consistency_level,
        size or session.default_fetch_size,
        state,
        session.cluster.timestamp_generator(),
        skip_meta=bool(prepared.result_metadata),
        result_metadata_id=prepared.result_metadata_id,
    )


def batch_of(session: Session, bound: Sequence[Bound], profile: ExecutionProfile) -> BatchMessage:
    """Return the message that executes several statements as one unlogged batch."""
    return BatchMessage(
        BatchType.UNLOGGED,
        [(True, statement.prepared.query_id, statement.values) for statement in bound],
        profile.consistency_level,
        profile.serial_consistency_level,
        session.cluster.timestamp_generator(),
    )


def _profiles(datacenter: str, timeout_s: float, suspects: SuspectHosts) -> dict[object, ExecutionProfile]:
    # Always the same replica first: it knows the prepared statements, and coordinating compare-and-set through
    # several replicas makes them contend.
    replicas = TokenAwarePolicy(DCAwareRoundRobinPolicy(datacenter), shuffle_replicas=False)
    hosts = SuspectsLast(replicas, suspects)
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
        READ: profile(ConsistencyLevel.LOCAL_QUORUM, RetryReadsOnNextHost()),
        SERIAL: profile(ConsistencyLevel.LOCAL_SERIAL, RetryReadsOnNextHost()),
        WRITE: profile(ConsistencyLevel.LOCAL_QUORUM, NoRetry()),
    }
