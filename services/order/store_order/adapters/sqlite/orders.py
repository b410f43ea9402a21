"""Orders in SQLite: each change is one transaction with its hints, its timeline row and the kept counts."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from store_kit.sqlite.database import Sqlite

from store_order.adapters.rows import (
    CHANGING_COLUMNS,
    ORDER_COLUMNS,
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

_COLUMNS: Final = ", ".join(ORDER_COLUMNS)
_PLACES: Final = ", ".join("?" * len(ORDER_COLUMNS))
_INSERT: Final = f"INSERT INTO orders ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (order_id) DO NOTHING"  # noqa: S608 - constants
_ADVANCE: Final = (
    f"UPDATE orders SET {', '.join(f'{column} = ?' for column in CHANGING_COLUMNS)}"  # noqa: S608 - constants
    " WHERE order_id = ? AND version = ?"
)
_ADD_EVENT: Final = "INSERT INTO order_events VALUES (?, ?, ?, ?, ?, ?)"
_ADD_HINT: Final = "INSERT OR IGNORE INTO order_work VALUES (?, ?, ?, ?, ?)"
_ADD_LINES: Final = (
    "INSERT INTO order_lines VALUES (?, ?) ON CONFLICT (order_id) DO UPDATE SET lines = excluded.lines"
)
_COUNT: Final = (
    "INSERT INTO order_counts VALUES (?, ?)"
    " ON CONFLICT (status) DO UPDATE SET orders = orders + excluded.orders"
)
_TOTAL: Final = (
    "INSERT INTO order_totals VALUES (?, ?, ?) ON CONFLICT (user_id) DO UPDATE"
    " SET orders = orders + excluded.orders, spent_minor = spent_minor + excluded.spent_minor"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM orders"  # noqa: S608 - constants only
# CROSS JOIN keeps the order of the tables: each wanted id is looked up by the key.
_MANY: Final = f"SELECT {_COLUMNS} FROM json_each(?) wanted CROSS JOIN orders ON order_id = wanted.value"  # noqa: S608 - constants
_EVENT: Final = "SELECT version, status, mark, at_ms, token FROM order_events WHERE order_id = ?"

_encode: Final = msgspec.json.Encoder().encode


class SqliteOrderStore:
    """The order store in one SQLite file.

    Args:
        db: the file.
        signals: told of every change once it is durable.
    """

    def __init__(self, db: Sqlite, signals: Signals) -> None:
        self._db = db
        self._signals = signals

    async def insert_order(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""
        values, lines = order_values(change.after), encode_lines(change.lines or ())
        inserted = await self._db.write_together("orders.insert", _insert, (change, values, lines))
        if inserted:
            self._signals.announce_change(change.after.id)
        return inserted

    async def advance_order(self, change: Change) -> Order:
        """Replace the order when its version is still the one that was read.

        Raises:
            StaleOrder: it was changed since it was read.
        """
        after, lines = change.after, None if change.lines is None else encode_lines(change.lines)
        values = (*changed_values(after), after.id, after.version - 1)
        await self._db.write_together("orders.advance", _advance, (change, values, lines))
        self._signals.announce_change(after.id)
        return after

    async def find_order(self, order_id: str) -> Order | None:
        """Return an order, or None."""
        row = self._db.one("orders.get", f"{_SELECT} WHERE order_id = ?", (order_id,))
        return order_of(row) if row else None

    async def find_orders(self, order_ids: Collection[str]) -> Mapping[str, Order]:
        """Return those of some hundred orders that exist, by one statement."""
        rows = self._db.all("orders.many", _MANY, (_encode(list(order_ids)),))
        return {row[0]: order_of(row) for row in rows}

    async def recall_orders(self, versions: Mapping[str, int]) -> Mapping[str, Order]:
        """Return those of some hundred orders that exist, as they are now: reading costs little."""
        return await self.find_orders(versions)

    async def list_lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""
        row = self._db.one("order_lines.get", "SELECT lines FROM order_lines WHERE order_id = ?", (order_id,))
        return decode_lines(row[0]) if row else ()

    async def list_events(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""
        rows = self._db.all(
            "order_events.list", f"{_EVENT} AND version > ? ORDER BY version", (order_id, after_version)
        )
        return [event_of(row) for row in rows]

    async def find_event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version."""
        row = self._db.one("order_events.get", f"{_EVENT} AND version = ?", (order_id, version))
        return event_of(row) if row else None

    async def list_orders(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first; every filter has its index."""
        where, params = _conditions(wanted, after)
        sql = f"{_SELECT}{where} ORDER BY created_ms DESC, order_id DESC LIMIT ?"
        return [order_of(row) for row in self._db.all("orders.list", sql, (*params, limit))]

    async def summarise_orders(self, user_id: str) -> Summary:
        """Return what a user has ordered."""
        row = self._db.one(
            "order_totals.get", "SELECT orders, spent_minor FROM order_totals WHERE user_id = ?", (user_id,)
        )
        return Summary(*row) if row else Summary(0, 0)

    async def count_orders(self) -> Mapping[Status, int]:
        """Return how many orders are in each status."""
        rows = self._db.all("order_counts.list", "SELECT status, orders FROM order_counts")
        kept: dict[str, int] = {row[0]: row[1] for row in rows}
        return {status: kept.get(status.value, 0) for status in Status}


_Write = tuple[Change, tuple[Any, ...], bytes | None]
"""A change, its values of the order's row, its lines if it has new ones."""


def _insert(connection: sqlite3.Connection, writes: Sequence[_Write]) -> Sequence[bool]:
    inserted = [bool(connection.execute(_INSERT, values).rowcount) for _, values, _ in writes]
    _record(connection, [write for write, is_new in zip(writes, inserted, strict=True) if is_new])
    return inserted


def _advance(connection: sqlite3.Connection, writes: Sequence[_Write]) -> Sequence[None]:
    for change, values, _ in writes:
        if not connection.execute(_ADVANCE, values).rowcount:
            raise StaleOrder.of(change.after.id)
    _record(connection, writes)
    return [None] * len(writes)


def _record(connection: sqlite3.Connection, writes: Sequence[_Write]) -> None:
    """Write what goes with every change: timeline row, hints, lines, counts."""
    changes = [change for change, _, _ in writes]
    connection.executemany(_ADD_EVENT, [_event_row(change) for change in changes])
    hints = [hint for change in changes for hint in change.hints]
    connection.executemany(
        _ADD_HINT,
        [(hint.queue.value, hint.due_at_ms, hint.order_id, hint.version, hint.looks) for hint in hints],
    )
    lines = [(change.after.id, lines) for change, _, lines in writes if lines is not None]
    connection.executemany(_ADD_LINES, lines)
    _count(connection, changes)


def _event_row(change: Change) -> tuple[Any, ...]:
    event = change.event
    return (change.after.id, event.version, event.status.value, event.mark.value, event.at_ms, event.token)


def _count(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    counts: Counter[str] = Counter()
    totals: list[tuple[str, int, int]] = []
    for change in changes:
        was, after = change.before.status if change.before else None, change.after
        if was is after.status:
            continue
        counts[after.status.value] += 1
        if was is not None:
            counts[was.value] -= 1
        if after.status is Status.CREATED:
            totals.append((after.user_id, 1, after.total_minor or 0))
        elif after.status is Status.CANCELLED:
            totals.append((after.user_id, 0, -(after.total_minor or 0)))
    connection.executemany(_COUNT, [(status, moved) for status, moved in counts.items() if moved])
    connection.executemany(_TOTAL, totals)


def _conditions(wanted: OrderFilter, after: Position | None) -> tuple[str, list[Any]]:
    clauses: list[str] = []
    params: list[Any] = []
    for clause, value in (
        ("user_id = ?", wanted.user_id),
        ("status = ?", wanted.status),
        ("created_ms >= ?", wanted.from_at_ms),
        ("created_ms < ?", wanted.to_at_ms),
    ):
        if value is not None:
            clauses.append(clause)
            params.append(value)
    if after is not None:
        clauses.append("(created_ms, order_id) < (?, ?)")
        params.extend(after)
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), params
