"""Orders in Cassandra: an order with its timeline is one partition, a change is one conditional batch on it.

Index rows and hints of work are written before the change they announce (docs/protocols.md, Clocks and hints): a crash
in between leaves a row that points at nothing, which every reader passes over. What a process remembers of orders
saves workers a read: the condition of the change that they make finds out when it is out of date.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from store_kit.cassandra.keyed_lock import KeyedLock
from store_kit.cassandra.keyspace import Cassandra, RowProof, Statement

from store_order.adapters.cassandra.counts import CassandraCounts
from store_order.adapters.cassandra.known_orders import KnownOrders
from store_order.adapters.cassandra.order_index import CassandraOrderIndex, Entry
from store_order.adapters.cassandra.work import CassandraWorkQueue
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
        self._turns = KeyedLock()
        self._known = KnownOrders()

    async def insert_order(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""
        turn = self._turns.of(change.after.id)
        after_a_twin = turn.locked()
        async with turn:
            if after_a_twin and await self.find_order(change.after.id) is not None:
                return False
            await asyncio.gather(self._index.announce(change.after), self._work.schedule_hints(change.hints))
            values = (*order_values(change.after), encode_lines(change.lines or ()))
            inserted = await self._compare_and_set("orders.insert", change, (_INSERT, values))
        if inserted:
            self._announce(change)
        return inserted

    async def advance_order(self, change: Change) -> Order:
        """Replace the order when its version is still the one that was read.

        Raises:
            StaleOrder: it was changed since it was read.
        """
        await self._work.schedule_hints(change.hints)
        after = change.after
        expected = (*changed_values(after), after.id, after.version - 1)
        statements: list[Statement] = [(_ADVANCE, expected)]
        if change.lines is not None:
            statements.append((_SET_LINES, (encode_lines(change.lines), after.id)))
        if not await self._compare_and_set("orders.advance", change, *statements):
            raise StaleOrder.of(after.id)
        self._announce(change)
        return after

    async def find_order(self, order_id: str) -> Order | None:
        """Return an order, or None."""
        row = await self._db.one("orders.get", _GET, (order_id,))
        if row is None or row[1] is None:
            return None
        order = order_of(row)
        self._known.remember(order)
        return order

    async def find_orders(self, order_ids: Collection[str]) -> Mapping[str, Order]:
        """Return those of some hundred orders that exist."""
        ids, found = list(order_ids), {}
        for at in range(0, len(ids), _AT_ONCE):
            orders = await asyncio.gather(*map(self.find_order, ids[at : at + _AT_ONCE]))
            found.update({order.id: order for order in orders if order is not None})
        return found

    async def recall_orders(self, versions: Mapping[str, int]) -> Mapping[str, Order]:
        """Return orders as this process remembers them; those that it does not, or at an earlier version, are read."""
        recalled = {id_: self._known.recall(id_, version) for id_, version in versions.items()}
        known = {id_: order for id_, order in recalled.items() if order is not None}
        return {**known, **await self.find_orders(versions.keys() - known.keys())}

    async def list_lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""
        row = await self._db.one("orders.lines", _LINES, (order_id,))
        return decode_lines(row[0]) if row and row[0] is not None else ()

    async def list_events(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""
        rows = await self._db.all("orders.timeline", _EVENTS, (order_id, after_version))
        return [event_of(row) for row in rows]

    async def find_event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version; sees what is half done, too, and ends it."""
        known = self._known.recall_event(order_id, version)
        if known is not None:
            return known
        row = await self._db.one("orders.event", _EVENT, (order_id, version), serial=True)
        return event_of(row) if row else None

    async def list_orders(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first."""
        found: list[Order] = []
        async for entries in self._index.newest_first(wanted, after):
            found += [order for order in await self._read(entries) if _is_wanted(order, wanted)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def summarise_orders(self, user_id: str) -> Summary:
        """Return what a user has ordered, by looking at the orders themselves: sums kept aside would drift."""
        orders, spent = 0, 0
        async for entries in self._index.newest_first(OrderFilter(user_id=user_id), None):
            for order in await self._read(entries):
                events = _WAS_CREATED.get(order.status)
                orders += events is not None
                spent += (order.total_minor or 0) if events else 0
        return Summary(orders, spent)

    async def count_orders(self) -> Mapping[Status, int]:
        """Return how many orders are in each status, as far as the counters know."""
        return await self._tally.read()

    async def _read(self, entries: Sequence[Entry]) -> list[Order]:
        """Return the orders of entries that are true; the others are left over from inserts that failed."""
        found: list[Order] = []
        for at in range(0, len(entries), _AT_ONCE):
            some = entries[at : at + _AT_ONCE]
            orders = await asyncio.gather(*(self.find_order(id_) for _, id_ in some))
            found += [
                order
                for order, (at_ms, _) in zip(orders, some, strict=True)
                if order is not None and order.created_at_ms == at_ms
            ]
        return found

    async def _compare_and_set(self, operation: str, change: Change, *statements: Statement) -> bool:
        event = change.event
        row = (change.after.id, event.version, event.status.value, event.mark.value, event.at_ms, event.token)
        proof = RowProof(
            "orders.event",
            _EVENT,
            (change.after.id, event.version),
            lambda row: row is not None and row[4] == event.token,
        )
        self._known.forget(change.after.id)
        applied = await self._db.apply_and_resolve(operation, *statements, (_ADD_EVENT, row), proof=proof)
        if applied:
            self._known.remember(change.after, event)
        return applied

    def _announce(self, change: Change) -> None:
        """Tell those who watch, and those who count."""
        self._signals.announce_change(change.after.id)
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
