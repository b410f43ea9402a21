"""Orders in SQLite: each change is one transaction with its hints, its timeline row and the kept counts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from store_kit.sqlite import Sqlite

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
_EVENT: Final = "SELECT version, status, mark, at_ms, token FROM order_events WHERE order_id = ?"


class SqliteOrderStore:
    """The order store in one SQLite file.

    Args:
        db: the file.
        signals: told of every change once it is durable.
    """

    def __init__(self, db: Sqlite, signals: Signals) -> None:
        self._db = db
        self._signals = signals

    async def insert(self, change: Change) -> bool:
        """Write a new order unless one with its id exists; return whether it was written."""
        inserted = await self._db.write("orders.insert", _Insert(change))
        if inserted:
            self._signals.announce(change.after.id)
        return inserted

    async def advance(self, change: Change) -> Order:
        """Replace the order when its version is still the one that was read.

        Raises:
            StaleOrder: somebody else changed it first.
        """
        await self._db.write("orders.advance", _Advance(change))
        self._signals.announce(change.after.id)
        return change.after

    async def find(self, order_id: str) -> Order | None:
        """Return an order, or None."""
        row = self._db.one("orders.get", f"{_SELECT} WHERE order_id = ?", (order_id,))
        return order_of(row) if row else None

    async def lines(self, order_id: str) -> tuple[Line, ...]:
        """Return an order's lines, in the order of the cart; none for an unknown one."""
        row = self._db.one("order_lines.get", "SELECT lines FROM order_lines WHERE order_id = ?", (order_id,))
        return decode_lines(row[0]) if row else ()

    async def timeline(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return what happened to an order after a version, oldest first."""
        rows = self._db.all(
            "order_events.list", f"{_EVENT} AND version > ? ORDER BY version", (order_id, after_version)
        )
        return [event_of(row) for row in rows]

    async def event(self, order_id: str, version: int) -> Event | None:
        """Return the timeline row of one version."""
        row = self._db.one("order_events.get", f"{_EVENT} AND version = ?", (order_id, version))
        return event_of(row) if row else None

    async def page(self, wanted: OrderFilter, after: Position | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind a position, newest first; every filter has its index."""
        where, params = _conditions(wanted, after)
        sql = f"{_SELECT}{where} ORDER BY created_ms DESC, order_id DESC LIMIT ?"
        return [order_of(row) for row in self._db.all("orders.list", sql, (*params, limit))]

    async def summary(self, user_id: str) -> Summary:
        """Return what a user has ordered."""
        row = self._db.one(
            "order_totals.get", "SELECT orders, spent_minor FROM order_totals WHERE user_id = ?", (user_id,)
        )
        return Summary(*row) if row else Summary(0, 0)

    async def counts(self) -> Mapping[Status, int]:
        """Return how many orders are in each status."""
        rows = self._db.all("order_counts.list", "SELECT status, orders FROM order_counts")
        kept: dict[str, int] = {row[0]: row[1] for row in rows}
        return {status: kept.get(status.value, 0) for status in Status}


class _Insert:
    """The first step of an order, as the writer runs it."""

    __slots__ = ("_change", "_lines")

    def __init__(self, change: Change) -> None:
        self._change = change
        self._lines = encode_lines(change.lines or ())

    def __call__(self, connection: sqlite3.Connection) -> bool:
        change = self._change
        if not connection.execute(_INSERT, order_values(change.after)).rowcount:
            return False
        connection.execute(_ADD_LINES, (change.after.id, self._lines))
        _record(connection, change)
        return True


class _Advance:
    """A later step of an order, as the writer runs it."""

    __slots__ = ("_change", "_lines", "_values")

    def __init__(self, change: Change) -> None:
        self._values = (*changed_values(change.after), change.after.id, change.after.version - 1)
        self._change = change
        self._lines = None if change.lines is None else encode_lines(change.lines)

    def __call__(self, connection: sqlite3.Connection) -> None:
        change = self._change
        if not connection.execute(_ADVANCE, self._values).rowcount:
            raise StaleOrder(f"The order {change.after.id} was changed by somebody else; read it again.")
        if self._lines is not None:
            connection.execute(_ADD_LINES, (change.after.id, self._lines))
        _record(connection, change)


def _record(connection: sqlite3.Connection, change: Change) -> None:
    """Write what goes with every change: timeline row, hints, counts."""
    after, event = change.after, change.event
    row = (after.id, event.version, event.status.value, event.mark.value, event.at_ms, event.token)
    connection.execute(_ADD_EVENT, row)
    for hint in change.hints:
        connection.execute(
            _ADD_HINT, (hint.queue.value, hint.due_ms, hint.order_id, hint.version, hint.looks)
        )
    was = change.before.status if change.before else None
    if was is not after.status:
        _count(connection, was, after)


def _count(connection: sqlite3.Connection, was: Status | None, after: Order) -> None:
    connection.execute(_COUNT, (after.status.value, 1))
    if was is not None:
        connection.execute(_COUNT, (was.value, -1))
    if after.status is Status.CREATED:
        connection.execute(_TOTAL, (after.user_id, 1, after.total_minor))
    elif after.status is Status.CANCELLED:
        connection.execute(_TOTAL, (after.user_id, 0, -(after.total_minor or 0)))


def _conditions(wanted: OrderFilter, after: Position | None) -> tuple[str, list[Any]]:
    clauses: list[str] = []
    params: list[Any] = []
    for clause, value in (
        ("user_id = ?", wanted.user_id),
        ("status = ?", wanted.status),
        ("created_ms >= ?", wanted.from_ms),
        ("created_ms < ?", wanted.to_ms),
    ):
        if value is not None:
            clauses.append(clause)
            params.append(value)
    if after is not None:
        clauses.append("(created_ms, order_id) < (?, ?)")
        params.extend(after)
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), params
