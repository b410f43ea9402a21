"""Stock and reservations in SQLite: what an order does to all of its products is one transaction.

The rules are the domain's (`hold`, `release`, `ship`, `adjust`); here is only how rows are found and written.
One statement reads the rows of all lines, `executemany` writes them: an order has 27 lines on average.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec
from store_kit.clock import Clock
from store_kit.sqlite import Sqlite

from store_catalog.adapters.sqlite_feed import announce
from store_catalog.domain import (
    PASSING,
    ActiveHold,
    Adjustment,
    Claim,
    Line,
    OrderId,
    ProductId,
    Reservation,
    ReservationState,
    ReservedLine,
    Stock,
    StockRow,
    adjust,
    crossed,
    hold,
    refuse_end,
    refuse_hold,
    refuse_late,
    release,
    ship,
    short_of,
)
from store_catalog.ports import Adjusted
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
_PASSING_SQL: Final = ", ".join(f"'{state}'" for state in PASSING)

KeptLine = tuple[int, str, str | None, str, int, int]
"""How a line is kept in its reservation: product ref, id, SKU, name, quantity, unit price."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[KeptLine]).decode
StockChange = tuple[int, Stock, Stock]
"""Product ref, stock before, stock after."""
Rule = Callable[[Stock, Claim | None, int], Stock]


class SqliteStockStore:
    """StockStore on the catalogue's SQLite file.

    Args:
        db: the file.
        clock: decides, inside the transaction, whether a hold comes too late.
    """

    def __init__(self, db: Sqlite, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def reserve(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""

        def work(connection: sqlite3.Connection) -> Reservation:
            known = _reservation(connection, order_id)
            if known is not None:
                return _reserved_before(order_id, *known)
            now_ms = self._clock.now_ms()
            refuse_late(now_ms, not_after_ms)
            return _reserve(connection, order_id, lines, now_ms)

        return await self._db.write("reservations.insert", work)

    async def release(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._finish(order_id, release, ReservationState.RELEASED, "reservations.release")

    async def ship(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._finish(order_id, ship, ReservationState.SHIPPED, "reservations.ship")

    async def _finish(
        self, order_id: OrderId, rule: Rule, state: ReservationState, operation: str
    ) -> Reservation:
        def work(connection: sqlite3.Connection) -> Reservation:
            return _finish(connection, order_id, rule, state, self._clock.now_ms())

        return await self._db.write(operation, work)

    async def adjust(self, adjustment: Adjustment) -> Adjusted:
        """Change what was received, once per operation id."""
        now_ms = self._clock.now_ms()
        return await self._db.write(
            "stock_adjustments.insert", lambda connection: _adjust(connection, adjustment, now_ms)
        )

    async def page(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next products' stock; one statement, so one moment."""
        rows = self._db.all("stock.page", _PAGE, (after, limit))
        return [
            _stock_row(product_id, list(group)) for product_id, group in groupby(rows, lambda row: row[0])
        ]

    async def unfinished(self, older_than_ms: int, limit: int) -> list[Reservation]:
        """Return reservations in a passing state; here none is ever seen in one, unless it was put there."""
        rows = self._db.all(
            "reservations.unfinished",
            f"SELECT order_id, state FROM reservations WHERE state IN ({_PASSING_SQL})"  # noqa: S608 - constants
            " AND updated_at_ms < ? ORDER BY updated_at_ms LIMIT ?",
            (older_than_ms, limit),
        )
        return [Reservation(order_id, ReservationState(state)) for order_id, state in rows]

    async def finish(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """End a reservation that is still in a passing state since before then."""

        def work(connection: sqlite3.Connection) -> Reservation | None:
            row = connection.execute(
                "SELECT state FROM reservations WHERE order_id = ? AND updated_at_ms < ?",
                (order_id, older_than_ms),
            ).fetchone()
            if row is None or row[0] not in PASSING:
                return None
            ships = ReservationState(row[0]) is ReservationState.SHIPPING
            rule, end = (ship, ReservationState.SHIPPED) if ships else (release, ReservationState.RELEASED)
            return _finish(connection, order_id, rule, end, self._clock.now_ms())

        return await self._db.write("reservations.finish", work)

    async def expire(self, older_than_ms: int, limit: int) -> int:
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


def _reservation(
    connection: sqlite3.Connection, order_id: OrderId
) -> tuple[int, ReservationState, list[KeptLine]] | None:
    row = connection.execute(
        "SELECT ref, state, lines FROM reservations WHERE order_id = ?", (order_id,)
    ).fetchone()
    if row is None:
        return None
    return row[0], ReservationState(row[1]), _decode(row[2]) if row[2] else []


def _reserved_before(
    order_id: OrderId, _ref: int, state: ReservationState, kept: list[KeptLine]
) -> Reservation:
    refuse_hold(state.claim)
    return Reservation(order_id, state, tuple([ReservedLine(*line[1:]) for line in kept]))


def _reserve(
    connection: sqlite3.Connection, order_id: OrderId, lines: Sequence[Line], now_ms: int
) -> Reservation:
    ids = _encode([line.product_id for line in lines]).decode()
    found = {row[0]: row for row in connection.execute(_WANTED, (ids,))}
    kept: list[KeptLine] = []
    changes: list[StockChange] = []
    for line in lines:
        row = found.get(line.product_id)
        before = Stock(*row[5:]) if row else None
        after = hold(before, None, line.quantity) if before else None
        if row is None or before is None or after is None:
            raise short_of(lines, {product_id: row[6] for product_id, row in found.items()})
        changes.append((row[1], before, after))
        kept.append((row[1], row[0], row[2], row[3], line.quantity, row[4]))
    went = _write_stock(connection, changes, now_ms)
    cursor = connection.execute(
        "INSERT INTO reservations (order_id, state, updated_at_ms, lines) VALUES (?, ?, ?, ?)",
        (order_id, ReservationState.HELD, now_ms, _encode(kept)),
    )
    ref = cursor.lastrowid
    connection.executemany("INSERT INTO holds VALUES (?, ?, ?)", [(line[0], ref, line[4]) for line in kept])
    return Reservation(
        order_id, ReservationState.HELD, tuple([ReservedLine(*line[1:]) for line in kept]), went
    )


def _finish(
    connection: sqlite3.Connection, order_id: OrderId, rule: Rule, end: ReservationState, now_ms: int
) -> Reservation:
    known = _reservation(connection, order_id)
    refuse_end(known[1] if known else None, end)
    if known is None:
        connection.execute(
            "INSERT INTO reservations (order_id, state, updated_at_ms) VALUES (?, ?, ?)",
            (order_id, end, now_ms),
        )
        return Reservation(order_id, end)
    ref, state, kept = known
    if state is end:
        return Reservation(order_id, end)
    changes = [
        (row[0], before := Stock(*row[2:]), rule(before, Claim.HELD, row[1]))
        for row in connection.execute(_HELD, (_refs(kept), ref)).fetchall()
    ]
    went = _write_stock(connection, changes, now_ms)
    connection.executemany(
        "DELETE FROM holds WHERE product_ref = ? AND reservation_ref = ?", [(c[0], ref) for c in changes]
    )
    connection.execute(
        "UPDATE reservations SET state = ?, updated_at_ms = ?, lines = NULL WHERE ref = ?", (end, now_ms, ref)
    )
    return Reservation(order_id, end, crossed=went)


def _refs(kept: Sequence[KeptLine]) -> str:
    return _encode([line[0] for line in kept]).decode()


def _write_stock(
    connection: sqlite3.Connection, changes: Sequence[StockChange], now_ms: int
) -> tuple[ProductId, ...]:
    """Write new quantities; announce and return the products that went in or out of stock."""
    went = [change for change in changes if crossed(change[1].available, change[2].available)]
    announced = [(_product_id(connection, ref), 0, after.version, now_ms) for ref, _, after in went]
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
