"""Writing to a keyspace, and finding out what became of a write whose answer was lost (docs/protocols.md).

The driver never repeats a write. A write that fails raises `DatabaseUnavailable` (nothing happened) or
`DatabaseOutcomeUnknown` (it may have happened: read it back).
"""

import contextlib
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from store_kit.backoff import Backoff
from store_kit.cassandra.connection import Connection
from store_kit.cassandra.driver import WRITE
from store_kit.cassandra.errors import still_unknown
from store_kit.cassandra.reads import Reads
from store_kit.cassandra.statements import Row, Statement
from store_kit.deadline import remaining_s
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.telemetry.metrics import Metrics

_RESOLVE_WITHIN_S: Final = 2.0
"""How long an outcome in doubt is looked for: a lost connection is back within a second."""
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RowProof:
    """A row that shows whether a change was made.

    Args:
        operation: what reading it is counted as.
        cql: reads it.
        params: its parameters.
        shows: whether the change is there, given the row; None stands for no row.
    """

    operation: str
    cql: str
    params: Sequence[Any]
    shows: Callable[[Row | None], bool]


Proof = RowProof | Callable[[], Awaitable[bool]]
"""Shows whether a change was made: by one row, or by a function that reads at LOCAL_SERIAL."""


class Writes(Reads):
    """The changes of a keyspace."""

    def __init__(self, connection: Connection, metrics: Metrics, timeout_s: float) -> None:
        super().__init__(connection, metrics, timeout_s)
        lost = metrics.counter(
            "store_cassandra_cas_lost_total", "Conditional writes that lost.", ("operation",)
        )
        self._lost = functools.cache(lost.labels)

    async def write(self, operation: str, *statements: Statement) -> None:
        """Write rows that every writer would write identically; repeat the write while it is unanswered.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it was tried several times and may have been written.
        """
        try:
            return await self.write_once(operation, *statements)
        except DatabaseOutcomeUnknown:
            backoff = self.backoff()
        while await backoff.pause():
            with contextlib.suppress(DatabaseOutcomeUnknown, DatabaseUnavailable):
                return await self.write_once(operation, *statements)
        raise still_unknown()

    async def write_once(self, operation: str, *statements: Statement) -> None:
        """Write what must not be repeated (a counter): an answer that is lost stays lost.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it may have been written.
        """
        await self._send(operation, statements)

    async def apply(self, operation: str, *statements: Statement) -> bool:
        """Write conditionally (IF ...), all statements (of one partition) or none; say whether it was applied.

        False may mean that an earlier try of ours was applied: read the token back before believing it.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it may or may not have been applied, or may be later.
        """
        # There before the first loss: a rate over a series that just appeared would miss its first step.
        lost = self._lost(operation)
        rows = await self._send(operation, statements)
        applied = bool(rows[0][0])
        if not applied:
            lost.inc()
        return applied

    async def apply_and_resolve(self, operation: str, *statements: Statement, proof: Proof) -> bool:
        """Make one conditional change at most once and learn its outcome, whatever becomes of the answers.

        Args:
            operation: what it is counted as.
            statements: as for `apply`. Their condition must never hold again once it has failed (a version, an
                absence that is for good).
            proof: shows whether the change is there.

        Returns:
            Whether the change was made; if not, its condition does not hold: another writer was first.

        Raises:
            DatabaseUnavailable: nothing was written.
            DatabaseOutcomeUnknown: it stayed in doubt for too long.
        """
        try:
            return await self.apply(operation, *statements)
        except DatabaseOutcomeUnknown:
            if self.lacks_majority():
                raise
            backoff = self.backoff()
        while True:
            # The serial read ends what is half done. A try that is still on its way may be applied later: the
            # next one has the same token and condition, so only one of the two can win.
            try:
                if await self.shows(proof) or await self.apply(operation, *statements):
                    return True
                return await self.shows(proof)
            except (DatabaseOutcomeUnknown, DatabaseUnavailable) as error:
                if not await backoff.pause():
                    raise still_unknown() from error

    async def shows(self, proof: Proof) -> bool:
        """Read a proof and say whether the change is there.

        Raises:
            DatabaseUnavailable: no answer; asking again is safe.
        """
        if isinstance(proof, RowProof):
            return proof.shows(await self.one(proof.operation, proof.cql, proof.params, serial=True))
        return await proof()

    def backoff(self) -> Backoff:
        """Return the pauses between tries to learn an outcome; without a majority no try makes sense."""
        within_s = min(_RESOLVE_WITHIN_S, remaining_s(_RESOLVE_WITHIN_S))
        return Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, within_s=within_s, hopeless=self.lacks_majority)

    def lacks_majority(self) -> bool:
        """Whether so few of several copies are in sight that no outcome can be learnt now."""
        return self._connection.lacks_majority()

    async def _send(self, operation: str, statements: Sequence[Statement]) -> list[Row]:
        prepared = self._connection.prepared
        bound = [
            (prepared.known.get(cql) or await self._prepare(prepared, cql)).bind(params)
            for cql, params in statements
        ]
        rows, _ = await self._execute(prepared.session, operation, bound, WRITE)
        return rows
