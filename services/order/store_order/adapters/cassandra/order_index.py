"""Which orders there are, by user and by time: hints in buckets, read newest first."""

import asyncio
import heapq
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.write_once_rows import WriteOnceRows

from store_order.domain import Order
from store_order.ports import OrderFilter, Position

_ADD_TO_USER: Final = "INSERT INTO orders_by_user (user_id, month, created_ms, order_id) VALUES (?, ?, ?, ?)"
_ADD_MONTH: Final = "INSERT INTO months_of_user (user_id, month) VALUES (?, ?)"
_ADD_TO_HOUR: Final = "INSERT INTO orders_by_hour (hour, shard, created_ms, order_id) VALUES (?, ?, ?, ?)"
_ADD_HOUR: Final = "INSERT INTO hours_with_orders (year, hour) VALUES (?, ?)"
_ADD_YEAR: Final = "INSERT INTO years_with_orders (all_years, year) VALUES ('all', ?)"
_MONTHS: Final = "SELECT month FROM months_of_user WHERE user_id = ?"
_YEARS: Final = "SELECT year FROM years_with_orders WHERE all_years = 'all'"
_HOURS: Final = "SELECT hour FROM hours_with_orders WHERE year = ? AND hour >= ? AND hour <= ?"
_OF_USER: Final = (
    "SELECT created_ms, order_id FROM orders_by_user WHERE user_id = ? AND month = ?"
    " AND (created_ms, order_id) < (?, ?) LIMIT ?"
)
_OF_HOUR: Final = (
    "SELECT created_ms, order_id FROM orders_by_hour WHERE hour = ? AND shard = ?"
    " AND (created_ms, order_id) < (?, ?) LIMIT ?"
)
_SHARDS: Final = 4
_HOUR_MS: Final = 3_600_000
_PAGE: Final = 100
_END: Final = (2**62, "")
"""Behind every order: lists begin here."""

Entry = tuple[int, str]
"""When an order was announced, and its id."""


class CassandraOrderIndex:
    """Announces orders before they are written, and lists their ids.

    Args:
        db: the keyspace.
        announcements: writes what must be there before a change.
    """

    def __init__(self, db: Cassandra, announcements: GatheredWrites) -> None:
        self._db = db
        self._announcements = announcements
        self._buckets = WriteOnceRows(db)

    async def announce(self, order: Order) -> None:
        """Write the index rows of an order that is about to be inserted; repeating is harmless."""
        month, hour, year = (
            _month(order.created_at_ms),
            order.created_at_ms // _HOUR_MS,
            _year(order.created_at_ms),
        )
        of_user, of_hour = (order.user_id, month), (hour, zlib.crc32(order.id.encode()) % _SHARDS)
        entry: Entry = (order.created_at_ms, order.id)
        await asyncio.gather(
            self._buckets.ensure("months_of_user.insert", (_ADD_MONTH, (order.user_id, month))),
            self._buckets.ensure("hours_with_orders.insert", (_ADD_HOUR, (year, hour))),
            self._buckets.ensure("years_with_orders.insert", (_ADD_YEAR, (year,))),
            self._announcements.write(of_user, (_ADD_TO_USER, (*of_user, *entry))),
            self._announcements.write(of_hour, (_ADD_TO_HOUR, (*of_hour, *entry))),
        )

    async def newest_first(self, wanted: OrderFilter, after: Position | None) -> AsyncIterator[list[Entry]]:
        """Yield entries behind a position, some at a time, of one user or of all.

        An order that was announced more than once (its first insert failed, or a twin came second) has entries at
        several times; the one with the time that the order itself says is true.
        """
        last = after or _END
        if wanted.to_at_ms is not None:
            last = min(last, (wanted.to_at_ms, ""))
        buckets = self._months(wanted.user_id) if wanted.user_id is not None else self._hours(wanted, last)
        async for read in buckets:
            while entries := await read(last):
                last = entries[-1]
                yield [
                    entry for entry in entries if wanted.from_at_ms is None or entry[0] >= wanted.from_at_ms
                ]

    async def _months(self, user_id: str) -> AsyncIterator["_Bucket"]:
        for (month,) in await self._db.all("months_of_user.list", _MONTHS, (user_id,)):
            yield _Bucket(self._db, "orders_by_user.list", _OF_USER, ((user_id, month),))

    async def _hours(self, wanted: OrderFilter, last: Position) -> AsyncIterator["_Bucket"]:
        newest = min(last[0] // _HOUR_MS, 2**40)
        oldest = (wanted.from_at_ms or 0) // _HOUR_MS
        for (year,) in await self._db.all("years_with_orders.list", _YEARS):
            for (hour,) in await self._db.all("hours_with_orders.list", _HOURS, (year, oldest, newest)):
                keys = tuple((hour, shard) for shard in range(_SHARDS))
                yield _Bucket(self._db, "orders_by_hour.list", _OF_HOUR, keys)


class _Bucket:
    """One or more partitions that are read as one list, newest first."""

    def __init__(
        self, db: Cassandra, operation: str, cql: str, partitions: Sequence[tuple[object, ...]]
    ) -> None:
        self._db = db
        self._operation = operation
        self._cql = cql
        self._partitions = partitions

    async def __call__(self, last: Position) -> list[Entry]:
        """Return the next entries behind a position."""
        parts = await asyncio.gather(
            *(self._db.all(self._operation, self._cql, (*key, *last, _PAGE)) for key in self._partitions)
        )
        merged = heapq.merge(*([(int(at), str(id_)) for at, id_ in part] for part in parts), reverse=True)
        # No more than one page: behind it, another partition's rows may be missing still.
        return [entry for entry, _ in zip(merged, range(_PAGE), strict=False)]


def _month(ms: int) -> int:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.year * 100 + at.month


def _year(ms: int) -> int:
    return datetime.fromtimestamp(ms / 1000, UTC).year
