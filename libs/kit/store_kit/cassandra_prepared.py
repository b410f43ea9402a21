"""A session with a cluster and the statements that were prepared in it; a new session knows none of another's."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from cassandra.cluster import Session
from cassandra.query import PreparedStatement


class Prepared:
    """The statements of one session, each prepared once, however many ask for it meanwhile.

    Args:
        session: the driver's session.
        keyspace: whose tables are meant.
        threads: where the driver may block.
    """

    def __init__(self, session: Session, keyspace: str, threads: ThreadPoolExecutor) -> None:
        self.session = session
        self._keyspace = keyspace
        self._threads = threads
        self.known: dict[str, PreparedStatement] = {}
        """CQL -> what the session may execute."""
        self._asked: dict[str, asyncio.Future[PreparedStatement]] = {}

    def asked(self, cql: str) -> "asyncio.Future[PreparedStatement]":
        """Return the future of a statement that is not known yet; shared by all who ask, so shield it."""
        if cql not in self._asked:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, cql)
            self._asked[cql] = asking
            asking.add_done_callback(lambda done: self._keep(cql, done))
        return self._asked[cql]

    def learn(self, statements: Iterable[str]) -> None:
        """Prepare what another session had; blocks.

        The driver prepares for itself what a node has forgotten, in a batch only if this session knows it.
        """
        for cql in statements:
            self.known[cql] = self._ask(cql)

    def _ask(self, cql: str) -> PreparedStatement:
        return self.session.prepare(cql, keyspace=None if " system" in cql else self._keyspace)

    def _keep(self, cql: str, done: "asyncio.Future[PreparedStatement]") -> None:
        del self._asked[cql]
        if not done.cancelled() and done.exception() is None:
            self.known[cql] = done.result()
