"""A session with a cluster and the statements prepared in it; a new session knows none of the old ones."""

import asyncio
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from cassandra.cluster import Session
from cassandra.query import PreparedStatement

_VERSION: Final = 5
"""Of the protocol."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement with its values, as the driver's policies see it."""

    prepared: PreparedStatement
    values: list[bytes | None]
    keyspace: str | None
    routing_key: bytes | None
    is_idempotent: bool


class Known:
    """A prepared statement, and how its values are written.

    Args:
        prepared: the driver's.
    """

    def __init__(self, prepared: PreparedStatement) -> None:
        columns = prepared.column_metadata or ()
        self._prepared = prepared
        self._names = [column.name for column in columns]
        self._write = [column.type.serialize for column in columns]
        self._keyspace = columns[0].keyspace_name if columns else None
        self._key = prepared.routing_key_indexes or ()

    def bind(self, values: Sequence[Any], *, is_idempotent: bool = False) -> Bound:
        """Return the statement bound to values.

        Raises:
            ValueError: too many or too few.
            TypeError: one is of a wrong type.
        """
        written: list[bytes | None] = []
        try:
            for value, write in zip(values, self._write, strict=True):
                written.append(None if value is None else write(value, _VERSION))
        except (TypeError, AttributeError, struct.error) as error:
            at = len(written)
            raise TypeError(f"{self._names[at]} cannot be a {type(values[at]).__name__}") from error
        key = [written[at] or b"" for at in self._key]
        return Bound(self._prepared, written, self._keyspace, _routing_key(key), is_idempotent)


def _routing_key(parts: Sequence[bytes]) -> bytes | None:
    """Return the bytes from which the driver learns the replicas of a partition, given the values of its key."""
    if len(parts) > 1:
        return b"".join(b"%b%b\0" % (len(part).to_bytes(2), part) for part in parts)
    return parts[0] if parts else None


class Prepared:
    """The statements of one session, each prepared once, however many callers ask for it meanwhile.

    Args:
        session: the driver's session.
        keyspace: whose tables are meant.
        threads: where the driver may block.
    """

    def __init__(self, session: Session, keyspace: str, threads: ThreadPoolExecutor) -> None:
        self.session = session
        self._keyspace = keyspace
        self._threads = threads
        self.known: dict[str, Known] = {}
        """CQL -> what the session may execute."""
        self._asked: dict[str, asyncio.Future[Known]] = {}

    def asked(self, cql: str) -> "asyncio.Future[Known]":
        """Return the future of a statement that is not known yet; all callers share it, so shield it."""
        if cql not in self._asked:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, cql)
            self._asked[cql] = asking
            asking.add_done_callback(lambda done: self._store(cql, done))
        return self._asked[cql]

    def learn(self, statements: Iterable[str]) -> None:
        """Prepare what another session had; blocks.

        The driver re-prepares what a node has forgotten; within a batch only what this session has prepared.
        """
        for cql in statements:
            self.known[cql] = self._ask(cql)

    def _ask(self, cql: str) -> Known:
        return Known(self.session.prepare(cql, keyspace=None if " system" in cql else self._keyspace))

    def _store(self, cql: str, done: "asyncio.Future[Known]") -> None:
        del self._asked[cql]
        if not done.cancelled() and done.exception() is None:
            self.known[cql] = done.result()
