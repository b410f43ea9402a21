"""Stock and reservations in SQLite: what an order does to all of its products is one transaction.

The rules and the states of a reservation are the domain's; here is only how rows are found and written. A reservation
passes through a state and leaves it in one transaction, so no passing state is ever seen here.
One statement reads the rows of all lines, `executemany` writes them: an order has 27 lines on average.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import msgspec
from store_kit.clock import Clock
from store_kit.sqlite.database import Sqlite

from store_catalog.adapters.sqlite.feed import announce
from store_catalog.domain import (
    ActiveHold,
    Adjusted,
    Adjustment,
    HoldState,
    Line,
    OrderId,
    ProductId,
    Reservation,
    ReservationRecord,
    ReservationState,
    ReservedLine,
    Stock,
    StockRow,
    abandon,
    adjust,
    begin,
    begin_end,
    begin_refusal,
    crossed,
    hold,
    refuse_end,
    refuse_hold,
    release,
    ship,
    short_of,
)
from store_catalog.problems import OperationReused, ProductNotFound

# CROSS JOIN keeps the order of the tables: the wanted ids drive, each is looked up by its index.
_WANTED: Final = (
    "SELECT p.id, p.ref, p.sku, p.name, p.price_minor, s.received, s.available, s.sold, s.version"
    " FROM json_each(?) wanted CROSS JOIN products p ON p.id = wanted.value AND p.deleted = 0"
    " JOIN stock s ON s.ref = p.ref"
)
_HELD: Final = (
    "SELECT s.ref, h.quantity, s.received, s.available, s.sold, s.version FROM json_each(?) wanted"
    " CROSS JOIN holds h ON h.product_ref = wanted.value AND h.reservation_ref = ?"
    " JOIN stock s ON s.ref = h.product_ref"
)
_WRITE_STOCK: Final = "UPDATE stock SET received = ?, available = ?, sold = ?, version = ? WHERE ref = ?"
_PAGE: Final = (
    "SELECT p.id, p.sku, s.received, s.available, s.sold, s.version, r.order_id, h.quantity FROM"
    " (SELECT ref, id, sku FROM products WHERE id > ? ORDER BY id LIMIT ?) p JOIN stock s ON s.ref = p.ref"
    " LEFT JOIN holds h ON h.product_ref = p.ref LEFT JOIN reservations r ON r.ref = h.reservation_ref"
    " ORDER BY p.id"
)

StoredLine = tuple[int, str, str | None, str, int, int]
"""How a line is stored in its reservation: product ref, id, SKU, name, quantity, unit price."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[StoredLine]).decode
StockChange = tuple[int, Stock, Stock]
"""Product ref, stock before, stock after."""
_RULES: Final = {HoldState.RELEASED: release, HoldState.SHIPPED: ship}


@dataclass(frozen=True, slots=True)
class _Found:
    """A reservation in its row; its lines are taken apart only when they are shown."""

    ref: int
    record: ReservationRecord
    stored: list[StoredLine]


class SqliteStockStore:
    """StockStore on the catalogue's SQLite file.

    Args:
        db: the file.
        clock: decides, inside the transaction, whether a hold comes too late.
    """

    def __init__(self, db: Sqlite, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def reserve_stock(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""

        def work(connection: sqlite3.Connection) -> Reservation:
            return _reserve(connection, order_id, lines, not_after_ms, self._clock.now_ms())

        return await self._db.write("reservations.insert", work)

    async def release_stock(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._end(order_id, ReservationState.RELEASED, "reservations.release")

    async def ship_stock(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._end(order_id, ReservationState.SHIPPED, "reservations.ship")

    async def _end(self, order_id: OrderId, end: ReservationState, operation: str) -> Reservation:
        def work(connection: sqlite3.Connection) -> Reservation:
            return _end(connection, order_id, end, self._clock.now_ms())

        return await self._db.write(operation, work)

    async def adjust_stock(self, adjustment: Adjustment) -> Adjusted:
        """Change what was received, once per operation id."""
        now_ms = self._clock.now_ms()
        return await self._db.write(
            "stock_adjustments.insert", lambda connection: _adjust(connection, adjustment, now_ms)
        )

    async def list_stock(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next products' stock; one statement, so one moment."""
        rows = self._db.all("stock.page", _PAGE, (after, limit))
        return [
            _stock_row(product_id, list(group)) for product_id, group in groupby(rows, lambda row: row[0])
        ]

    async def list_unfinished(self, older_than_ms: int, limit: int) -> list[Reservation]:
        """Return reservations in a passing state; here none is ever seen in one, unless it was put there."""
        rows = self._db.all(
            "reservations.unfinished",
            "SELECT order_id, state FROM reservations WHERE state IN ('HOLDING', 'RELEASING', 'SHIPPING')"
            " AND updated_at_ms < ? ORDER BY updated_at_ms LIMIT ?",
            (older_than_ms, limit),
        )
        return [Reservation(order_id, ReservationState(state)) for order_id, state in rows]

    async def finish_reservation(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """End a reservation that is still in a passing state since before then."""

        def work(connection: sqlite3.Connection) -> Reservation | None:
            found, now_ms = _find(connection, order_id), self._clock.now_ms()
            before = found.record if found else None
            record = abandon(older_than_ms)(before, now_ms)
            if record is None or (record is before and not record.stopped_before(older_than_ms)):
                return None
            return _conclude(connection, found, record, now_ms)

        return await self._db.write("reservations.finish", work)

    async def delete_markers(self, older_than_ms: int, limit: int) -> int:
        """Forget markers of reservations that ended long ago."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM reservations WHERE ref IN (SELECT ref FROM reservations"
                " WHERE state IN ('RELEASED', 'SHIPPED') AND updated_at_ms < ? LIMIT ?)",
                (older_than_ms, limit),
            ).rowcount

        return await self._db.write("reservations.expire", work)


def _stock_row(product_id: ProductId, rows: list[tuple[Any, ...]]) -> StockRow:
    _, sku, received, available, sold, version = rows[0][:6]
    holds = tuple(ActiveHold(row[6], row[7]) for row in rows if row[6] is not None)
    return StockRow(product_id, sku, Stock(received, available, sold, version), holds)


def _find(connection: sqlite3.Connection, order_id: OrderId) -> _Found | None:
    row = connection.execute(
        "SELECT ref, state, updated_at_ms, lines FROM reservations WHERE order_id = ?", (order_id,)
    ).fetchone()
    if row is None:
        return None
    ref, state, updated_at_ms, lines = row
    # One transaction takes an order through all of its states, so attempts and versions need not be told apart.
    record = ReservationRecord(order_id, ReservationState(state), 1, 0, updated_at_ms)
    return _Found(ref, record, _decode(lines) if lines else [])


def _reserved_lines(stored: Sequence[StoredLine]) -> tuple[ReservedLine, ...]:
    return tuple([ReservedLine(*line[1:]) for line in stored])


def _reserve(
    connection: sqlite3.Connection, order_id: OrderId, lines: Sequence[Line], not_after_ms: int, now_ms: int
) -> Reservation:
    found = _find(connection, order_id)
    record = begin(order_id, (), not_after_ms)(found.record if found else None, now_ms)
    if found is not None and record is found.record:
        refuse_hold(record.state.hold_state)
        return Reservation(order_id, record.state, _reserved_lines(found.stored))
    stored, changes = _hold_lines(connection, lines)
    crossing = _write_stock(connection, changes, now_ms)
    cursor = connection.execute(
        "INSERT INTO reservations (order_id, state, updated_at_ms, lines) VALUES (?, ?, ?, ?)",
        (order_id, record.state.next, now_ms, _encode(stored)),
    )
    ref = cursor.lastrowid
    connection.executemany("INSERT INTO holds VALUES (?, ?, ?)", [(line[0], ref, line[4]) for line in stored])
    return Reservation(order_id, record.state.next, _reserved_lines(stored), crossing)


def _hold_lines(
    connection: sqlite3.Connection, lines: Sequence[Line]
) -> tuple[list[StoredLine], list[StockChange]]:
    """Decide the hold of every line.

    Raises:
        InsufficientStock: some are short.
    """
    ids = _encode([line.product_id for line in lines]).decode()
    found = {row[0]: row for row in connection.execute(_WANTED, (ids,))}
    stored: list[StoredLine] = []
    changes: list[StockChange] = []
    for line in lines:
        row = found.get(line.product_id)
        before = Stock(*row[5:]) if row else None
        after = hold(before, None, line.quantity) if before else None
        if row is None or before is None or after is None:
            raise short_of(lines, {product_id: row[6] for product_id, row in found.items()})
        changes.append((row[1], before, after))
        stored.append((row[1], row[0], row[2], row[3], line.quantity, row[4]))
    return stored, changes


def _end(
    connection: sqlite3.Connection, order_id: OrderId, end: ReservationState, now_ms: int
) -> Reservation:
    found = _find(connection, order_id)
    record = begin_end(end)(found.record if found else None, now_ms)
    if record is None:
        refuse_end(None, end)
        record = begin_refusal(order_id)(None, now_ms)
    if record.state is end:
        return Reservation(order_id, end)
    return _conclude(connection, found, record, now_ms)


def _conclude(
    connection: sqlite3.Connection, found: _Found | None, record: ReservationRecord, now_ms: int
) -> Reservation:
    """Take what is on its way to an end there."""
    end = record.state.next
    crossing: tuple[ProductId, ...] = ()
    if found is None:
        connection.execute(
            "INSERT INTO reservations (order_id, state, updated_at_ms) VALUES (?, ?, ?)",
            (record.order_id, end, now_ms),
        )
    else:
        crossing = _end_holds(connection, found, _RULES[record.state.hold_state], now_ms)
        connection.execute(
            "UPDATE reservations SET state = ?, updated_at_ms = ?, lines = NULL WHERE ref = ?",
            (end, now_ms, found.ref),
        )
    return Reservation(record.order_id, end, crossed=crossing)


def _end_holds(
    connection: sqlite3.Connection,
    found: _Found,
    rule: Callable[[Stock, HoldState | None, int], Stock],
    now_ms: int,
) -> tuple[ProductId, ...]:
    """Give back or sell what is held; return the products that went in or out of stock."""
    refs = _encode([line[0] for line in found.stored]).decode()
    changes = [
        (row[0], before := Stock(*row[2:]), rule(before, HoldState.HELD, row[1]))
        for row in connection.execute(_HELD, (refs, found.ref)).fetchall()
    ]
    connection.executemany(
        "DELETE FROM holds WHERE product_ref = ? AND reservation_ref = ?",
        [(change[0], found.ref) for change in changes],
    )
    return _write_stock(connection, changes, now_ms)


def _write_stock(
    connection: sqlite3.Connection, changes: Sequence[StockChange], now_ms: int
) -> tuple[ProductId, ...]:
    """Write new quantities; announce and return the products that went in or out of stock."""
    crossing = [change for change in changes if crossed(change[1].available, change[2].available)]
    announced = [(_product_id(connection, ref), 0, after.version, now_ms) for ref, _, after in crossing]
    if announced:
        announce(connection, announced)
    connection.executemany(
        _WRITE_STOCK,
        [(after.received, after.available, after.sold, after.version, ref) for ref, _, after in changes],
    )
    return tuple([entry[0] for entry in announced])


def _product_id(connection: sqlite3.Connection, ref: int) -> ProductId:
    product_id: ProductId = connection.execute("SELECT id FROM products WHERE ref = ?", (ref,)).fetchone()[0]
    return product_id


def _adjust(connection: sqlite3.Connection, adjustment: Adjustment, now_ms: int) -> Adjusted:
    row = connection.execute(
        "SELECT p.ref, s.received, s.available, s.sold, s.version FROM products p"
        " JOIN stock s ON s.ref = p.ref WHERE p.id = ? AND p.deleted = 0",
        (adjustment.product_id,),
    ).fetchone()
    if row is None:
        raise ProductNotFound.of(adjustment.product_id)
    ref, before = row[0], Stock(*row[1:])
    repeated = _adjusted_before(connection, ref, adjustment)
    if repeated is not None:
        return repeated
    after = adjust(before, adjustment.delta)
    connection.execute(
        "INSERT INTO stock_adjustments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ref,
            adjustment.operation_id,
            adjustment.delta,
            adjustment.reason,
            now_ms,
            after.received,
            after.available,
            after.sold,
            after.version,
        ),
    )
    return Adjusted(after, crossed=bool(_write_stock(connection, [(ref, before, after)], now_ms)))


def _adjusted_before(connection: sqlite3.Connection, ref: int, adjustment: Adjustment) -> Adjusted | None:
    row = connection.execute(
        "SELECT delta, reason, received, available, sold, version FROM stock_adjustments"
        " WHERE product_ref = ? AND operation_id = ?",
        (ref, adjustment.operation_id),
    ).fetchone()
    if row is None:
        return None
    if row[:2] != (adjustment.delta, adjustment.reason):
        raise OperationReused("Use a new Idempotency-Key for another adjustment.")
    return Adjusted(Stock(*row[2:]), crossed=False)
