"""Orders in Cassandra: an order with its timeline is one partition, a change is one conditional batch on it.

Index rows and hints of work are written before the change they announce (PROTOCOLS 4): a crash in between leaves
a row that points at nothing, which every reader passes over.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from store_kit.cassandra import Cassandra, Statement
from store_kit.turns import Turns

from store_order.adapters.cassandra_counts import CassandraCounts
from store_order.adapters.cassandra_order_index import CassandraOrderIndex, Entry
from store_order.adapters.cassandra_work import CassandraWorkQueue
from store_order.adapters.rows import (
    changed_values,
    decode_lines,
    encode_lines,
    event_of,
    order_of,
    order_values,
)
from store_order.domain import Change, Event, Line, Order, Status
from store_order.ports import OrderFilter, Position, Signals, Summary
from store_order.problems import StaleOrder

_INSERT: Final = (
    "INSERT INTO orders (order_id, user_id, status, version, fingerprint, payment_token, line_count, created_ms,"
    " agreement, updated_ms, total_minor, currency, next_due_ms, shipped_ms, driver, lease_until_ms, reason, lines)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
)
_ADVANCE: Final = (
    "UPDATE orders SET status = ?, version = ?, updated_ms = ?, total_minor = ?, currency = ?, next_due_ms = ?,"
    " shipped_ms = ?, driver = ?, lease_until_ms = ?, reason = ? WHERE order_id = ? IF version = ?"
)
_SET_LINES: Final = "UPDATE orders SET lines = ? WHERE order_id = ?"
_ADD_EVENT: Final = (
    "INSERT INTO orders (order_id, event_version, event_status, mark, at_ms, event_token)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_GET: Final = (
    "SELECT order_id, user_id, status, version, fingerprint, payment_token, line_count, created_ms, agreement,"
    " updated_ms, total_minor, currency, next_due_ms, shipped_ms, driver, lease_until_ms, reason"
    " FROM orders WHERE order_id = ? LIMIT 1"
)
_LINES: Final = "SELECT lines FROM orders WHERE order_id = ? LIMIT 1"
_EVENTS: Final = (
    "SELECT event_version, event_status, mark, at_ms, event_token FROM orders"
    " WHERE order_id = ? AND event_version > ?"
)
_EVENT: Final = (
    "SELECT event_version, event_status, mark, at_ms, event_token FROM orders"
    " WHERE order_id = ? AND event_version = ?"
)
_AT_ONCE: Final = 32


class CassandraOrderStore:
    """The order store on the order service's keyspace.

    Args:
        db: the keyspace.
        index: which orders there are, by user and by time.
        work: where hints go.
        tally: how many orders are in each status.
        signals: told of every change once it is durable.
    """

    def __init__(
        self,
        db: Cassandra,
        index: CassandraOrderIndex,
        work: CassandraWorkQueue,
        tally: CassandraCounts,
        signals: Signals,
    ) -> None:
        self._db = db
        self._index = index
        self._work = work
        self._tally = tally
        self._signals = signals
        self._turns = Turns()

    async def insert(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""
        turn = self._turns.of(change.after.id)
        after_a_twin = turn.locked()
        async with turn:
            if after_a_twin and await self.find(change.after.id) is not None:
                return False
            return await self._insert(change)

    async def _insert(self, change: Change) -> bool:
        await asyncio.gather(self._index.announce(change.after), self._work.schedule(change.hints))
        values = (*order_values(change.after), encode_lines(change.lines or ()))
        inserted = await self._compare_and_set("orders.insert", change, (_INSERT, values))
        if inserted:
            self._settled(change)
        return inserted

    async def advance(self, change: Change) -> Order:
        """Replace the order when its version is still the one that was read.

        Raises:
            StaleOrder: somebody else changed it first.
        """
        await self._work.schedule(change.hints)
        after = change.after
        expected = (*changed_values(after), after.id, after.version - 1)
        statements: list[Statement] = [(_ADVANCE, expected)]
        if change.lines is not None:
            statements.append((_SET_LINES, (encode_lines(change.lines), after.id)))
        if not await self._compare_and_set("orders.advance", change, *statements):
            raise StaleOrder(f"The order {after.id} was changed by somebody else; read it again.")
        self._settled(change)
        return after

    async def find(self, order_id: str) -> Order | None:
        """Return an order, or None."""
        row = await self._db.one("orders.get", _GET, (order_id,))
        return order_of(row) if row and row[1] is not None else None

    async def lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""
        row = await self._db.one("orders.lines", _LINES, (order_id,))
        return decode_lines(row[0]) if row and row[0] is not None else ()

    async def timeline(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""
        rows = await self._db.all("orders.timeline", _EVENTS, (order_id, after_version))
        return [event_of(row) for row in rows]

    async def event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version; sees what is half done, too, and ends it."""
        row = await self._db.one("orders.event", _EVENT, (order_id, version), serial=True)
        return event_of(row) if row else None

    async def page(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first."""
        found: list[Order] = []
        async for entries in self._index.newest_first(wanted, after):
            found += [order for order in await self._read(entries) if _is_wanted(order, wanted)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def summary(self, user_id: str) -> Summary:
        """Return what a user has ordered, by looking at the orders themselves: sums kept aside would drift."""
        orders, spent = 0, 0
        async for entries in self._index.newest_first(OrderFilter(user_id=user_id), None):
            for order in await self._read(entries):
                events = _WAS_CREATED.get(order.status)
                orders += events is not None
                spent += (order.total_minor or 0) if events else 0
        return Summary(orders, spent)

    async def counts(self) -> Mapping[Status, int]:
        """Return how many orders are in each status, as far as the counters know."""
        return await self._tally.read()

    async def _read(self, entries: Sequence[Entry]) -> list[Order]:
        """Return the orders of entries that are true; the others are left over from inserts that failed."""
        found: list[Order] = []
        for at in range(0, len(entries), _AT_ONCE):
            some = entries[at : at + _AT_ONCE]
            orders = await asyncio.gather(*(self.find(id_) for _, id_ in some))
            found += [
                order
                for order, (at_ms, _) in zip(orders, some, strict=True)
                if order is not None and order.created_ms == at_ms
            ]
        return found

    async def _compare_and_set(self, operation: str, change: Change, *statements: Statement) -> bool:
        event = change.event
        row = (change.after.id, event.version, event.status.value, event.mark.value, event.at_ms, event.token)

        async def apply() -> bool:
            return await self._db.apply(operation, *statements, (_ADD_EVENT, row))

        async def ours() -> bool:
            found = await self.event(change.after.id, event.version)
            return found is not None and found.token == event.token

        return await self._db.settle(apply, ours)

    def _settled(self, change: Change) -> None:
        """Tell those who watch, and those who count."""
        self._signals.announce(change.after.id)
        self._tally.moved(change.before, change.after)


_WAS_CREATED: Final = {
    Status.CREATED: True,
    Status.PROCESSING: True,
    Status.SHIPPING: True,
    Status.DELIVERED: True,
    Status.CANCELLING: True,
    Status.CANCELLED: False,
}
"""The states that an order can only be in after it was CREATED -> whether its money counts as spent."""


def _is_wanted(order: Order, wanted: OrderFilter) -> bool:
    return wanted.status is None or order.status is wanted.status
