"""What each node of a cluster holds by itself, so that the copies can be compared row by row."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement, tuple_factory

from tests.support.cassandra import Node
from tests.support.wait import until

_TIMEOUT_S: Final = 30.0
_PAGE: Final = 500
_NOTICED_WITHIN_S: Final = 60.0

Copies = Mapping[str, tuple[int, str]]
"""Table -> its number of rows and a digest of all that is in them."""


async def copies(nodes: Sequence[Node], keyspaces: Sequence[str]) -> Mapping[str, Copies]:
    """Return what every node holds (by its address), read from it alone: nobody must write meanwhile.

    While a node is read the others have told it that they are leaving, and it is asked at consistency ONE: what it
    answers cannot come from another.
    """
    held = {}
    for node in nodes:
        with _alone(node, nodes):
            await _sees(node, 1)
            held[node.address] = _held_by(node, keyspaces)
        await all_see_all(nodes)
    return held


async def all_see_all(nodes: Sequence[Node]) -> None:
    """Return once the nodes are one cluster: clients may connect before the first of them knows the others."""
    for node in nodes:
        await _sees(node, len(nodes))


async def _sees(node: Node, number: int) -> None:
    await until(lambda: _up(node) == number, f"{node.address} sees {number} nodes", _NOTICED_WITHIN_S)


@contextlib.contextmanager
def _alone(node: Node, nodes: Sequence[Node]) -> Iterator[None]:
    others = [other for other in nodes if other is not node]
    with ThreadPoolExecutor(len(others)) as threads:
        list(threads.map(lambda other: other.nodetool("disablegossip"), others))
        try:
            yield
        finally:
            list(threads.map(lambda other: other.nodetool("enablegossip"), others))


def _up(node: Node) -> int:
    """Return how many nodes this one thinks to be up."""
    return sum(line.startswith("UN ") for line in node.nodetool("status").splitlines())


def _held_by(node: Node, keyspaces: Sequence[str]) -> Copies:
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy([node.address]),
        consistency_level=ConsistencyLevel.ONE,
        row_factory=tuple_factory,
        request_timeout=_TIMEOUT_S,
    )
    cluster = Cluster(
        [node.address],
        port=node.cql_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        connect_timeout=_TIMEOUT_S,
    )
    try:
        session = cluster.connect()
        return {
            f"{keyspace}.{table}": _digest(session, f"{keyspace}.{table}")
            for keyspace in keyspaces
            for table in sorted(cluster.metadata.keyspaces[keyspace].tables)
        }
    finally:
        cluster.shutdown()


def _digest(session: Session, table: str) -> tuple[int, str]:
    everything = SimpleStatement(f"SELECT * FROM {table}", fetch_size=_PAGE)  # noqa: S608 - a name of ours
    digest, rows = hashlib.sha256(), 0
    for row in session.execute(
        everything
    ):  # in the order of the ring, then of the key: the same on every node
        digest.update(repr(row).encode())
        rows += 1
    return rows, digest.hexdigest()
