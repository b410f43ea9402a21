"""Plain rows of several partitions that are written at the same time go out as one statement.

A statement costs a process and a node about as much as the few rows in it (docs/adr/0045). Rows that must be there
together, or not at all, must not be written this way: some of a batch may be written while others are not.
"""

import asyncio
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.group_commit import GroupCommit

_PARTITIONS: Final = 10
"""At most in one batch: above that a node warns in its log."""
_ROWS: Final = 24
"""In a batch of several partitions: a node complains of more than 5 KiB there, and refuses 50 KiB."""


class GatheredWrites:
    """Writes of rows that all writers write alike, so that repeating them is harmless.

    What comes while a group is on its way waits for it and is the next group.

    Args:
        db: the keyspace.
        operation: what a batch is counted as.
    """

    def __init__(self, db: Cassandra, operation: str) -> None:
        self._db = db
        self._operation = operation
        self._groups: GroupCommit[None, tuple[Hashable, Statement]] = GroupCommit(self._write)

    async def write(self, partition: Hashable, statement: Statement) -> None:
        """Write a row; durable when this returns.

        Args:
            partition: what makes two rows lie in one partition.
            statement: writes the row.

        Raises:
            DatabaseUnavailable: it was not written.
            DatabaseOutcomeUnknown: it may have been written.
        """
        await self._groups.submit(None, (partition, statement))

    async def _write(self, _: None, rows: Sequence[tuple[Hashable, Statement]]) -> list[BaseException | None]:
        by_partition: dict[Hashable, list[Statement]] = {}
        for partition, statement in rows:
            by_partition.setdefault(partition, []).append(statement)
        parts = list(_parts(by_partition))
        batches = ([row for partition in part for row in by_partition[partition]] for part in parts)
        outcomes = await asyncio.gather(
            *(self._db.write(self._operation, *batch) for batch in batches), return_exceptions=True
        )
        became = {
            partition: outcome for part, outcome in zip(parts, outcomes, strict=True) for partition in part
        }
        return [became[partition] for partition, _ in rows]


def _parts(rows: Mapping[Hashable, Sequence[Statement]]) -> Iterator[list[Hashable]]:
    """Divide partitions so that no batch of several becomes too large; a larger partition gets its own batch."""
    part: list[Hashable] = []
    size = 0
    for partition, statements in rows.items():
        if part and (len(part) == _PARTITIONS or size + len(statements) > _ROWS):
            yield part
            part, size = [], 0
        part.append(partition)
        size += len(statements)
    yield part
