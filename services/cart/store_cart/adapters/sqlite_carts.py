"""Carts in SQLite: every change decides and writes inside one transaction of the single writer."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from store_kit.problems import PreconditionFailed
from store_kit.sqlite import Sqlite

from store_cart.adapters.keys import owner_key, owner_of
from store_cart.domain import (
    Cart,
    CartMerged,
    CartSize,
    CartSummary,
    Limits,
    Line,
    LineChange,
    MergePlan,
    MergeReport,
    Operation,
    Ordered,
    Owner,
    plan_merge,
)

_READ: Final = """
    SELECT c.version, l.product_id, l.quantity, l.sku, l.name, l.price_when_added_minor, l.added_ms, l.since
    FROM carts c LEFT JOIN lines l ON l.owner = c.owner WHERE c.owner = ?"""
# One statement, so that version and lines belong to one moment.

_LINES: Final = (
    "SELECT product_id, quantity, sku, name, price_when_added_minor, added_ms, since"
    " FROM lines WHERE owner = ?"
)
_LINE: Final = _LINES + " AND product_id = ?"

_INSERT: Final = """
    INSERT INTO lines (owner, product_id, quantity, sku, name, price_when_added_minor, added_ms, since)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1 + ifnull((SELECT version FROM carts WHERE owner = ?1), 0))
    ON CONFLICT DO UPDATE SET """
_MERGE: Final = _INSERT + "quantity = excluded.quantity"
_PUT: Final = _INSERT + "quantity = excluded.quantity, since = excluded.since"
_ADD: Final = (
    _INSERT
    + """quantity = quantity + excluded.quantity, sku = excluded.sku, name = excluded.name,
        price_when_added_minor = excluded.price_when_added_minor RETURNING quantity"""
)

_TOUCH: Final = """
    INSERT INTO carts (owner, version, updated_ms) VALUES (?, 1, ?)
    ON CONFLICT DO UPDATE SET version = version + 1, updated_ms = excluded.updated_ms
    RETURNING version, merged"""
_TOUCH_AND_SIZE: Final = """
    INSERT INTO carts (owner, version, updated_ms) VALUES (?, 1, ?)
    ON CONFLICT DO UPDATE SET version = version + 1, updated_ms = excluded.updated_ms
    RETURNING version, merged, (SELECT count(*) FROM lines l WHERE l.owner = carts.owner),
        (SELECT ifnull(sum(quantity), 0) FROM lines l WHERE l.owner = carts.owner)"""

_CLOSE: Final = """
    INSERT INTO carts VALUES (?, 1, ?, 1)
    ON CONFLICT DO UPDATE SET version = version + 1, updated_ms = excluded.updated_ms, merged = 1"""

_SIZE: Final = """
    SELECT ifnull((SELECT version FROM carts WHERE owner = :owner), 0), count(*), ifnull(sum(quantity), 0)
    FROM lines WHERE owner = :owner"""

_PAGE: Final = """
    SELECT owner, updated_ms, version,
        (SELECT count(*) FROM lines l WHERE l.owner = c.owner),
        (SELECT ifnull(sum(quantity), 0) FROM lines l WHERE l.owner = c.owner)
    FROM carts c WHERE owner > ? ORDER BY owner LIMIT ?"""

_IDLE_GUESTS: Final = (
    "SELECT owner FROM carts WHERE owner < 'guest;' AND updated_ms < ? ORDER BY updated_ms LIMIT ?"
)

_DELETE_CART: Final = (
    "DELETE FROM lines WHERE owner = ?",
    "DELETE FROM operations WHERE owner = ?",
    "DELETE FROM carts WHERE owner = ?",
)

_DELETE_ORDERED: Final = """
    DELETE FROM lines WHERE owner = ?1 AND product_id = ?2 AND since = ifnull(?4, since) AND quantity <= ?3"""
_LOWER_ORDERED: Final = """
    UPDATE lines SET quantity = quantity - ?3
    WHERE owner = ?1 AND product_id = ?2 AND since = ifnull(?4, since) AND quantity > ?3"""

_FORGET: Final = """
    DELETE FROM operations WHERE (owner, id) IN
        (SELECT owner, id FROM operations WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?)"""


class SqliteCartStore:
    """The CartStore port on one SQLite file."""

    def __init__(self, database: Sqlite, limits: Limits) -> None:
        self._db = database
        self._limits = limits

    async def read(self, owner: Owner) -> Cart:
        """Return the cart as it is now."""
        rows = self._db.all("carts.get", _READ, (owner_key(owner),))
        if not rows:
            return Cart(0)
        if rows[0][1] is None:
            return Cart(rows[0][0])
        return Cart(rows[0][0], [Line._make(row[1:]) for row in rows])

    async def line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line."""
        row = self._db.one("lines.get", _LINE, (owner_key(owner), product_id))
        return Line._make(row) if row else None

    async def add(self, owner: Owner, line: Line, operation: Operation) -> LineChange:
        """Add to a line's quantity, once for each operation."""
        key, operation_id = owner_key(owner), f"add:{operation.id}"

        def work(db: sqlite3.Connection) -> LineChange:
            if operation.repeatable and not _is_new(
                db, key, operation_id, operation.fingerprint, operation.forget_ms
            ):
                operation.must_repeat(_fingerprint(db, key, operation_id))
                return _line_change(db, key, line.product_id)
            (quantity,) = db.execute(_ADD, _row(key, line)).fetchall()[0]
            return LineChange(
                line.product_id, quantity, self._written(db, key, line.added_ms, line, quantity)
            )

        return await self._db.write("lines.add", work)

    async def put(self, owner: Owner, line: Line) -> LineChange:
        """Set a line's quantity."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> LineChange:
            db.execute(_PUT, _row(key, line))
            return LineChange(
                line.product_id, line.quantity, self._written(db, key, line.added_ms, line, line.quantity)
            )

        return await self._db.write("lines.put", work)

    async def remove(self, owner: Owner, product_id: str, at_ms: int) -> LineChange:
        """Delete a line."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> LineChange:
            gone = db.execute(
                "DELETE FROM lines WHERE owner = ? AND product_id = ?", (key, product_id)
            ).rowcount
            if gone:
                return LineChange(product_id, 0, _touch_and_size(db, key, at_ms))
            return LineChange(product_id, 0, _size(db, key), applied=False)

        return await self._db.write("lines.remove", work)

    async def replace(
        self, owner: Owner, lines: Sequence[Line], at_ms: int, if_version: Collection[int] | None = None
    ) -> CartSize:
        """Make these the only lines."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> CartSize:
            _check_version(db, key, if_version)
            self._check(lines)
            staying = {line.product_id for line in lines}
            present = db.execute("SELECT product_id FROM lines WHERE owner = ?", (key,)).fetchall()
            leaving = [(key, product_id) for (product_id,) in present if product_id not in staying]
            db.executemany("DELETE FROM lines WHERE owner = ? AND product_id = ?", leaving)
            db.executemany(_PUT, [_row(key, line) for line in lines])
            return CartSize(_touch(db, key, at_ms), len(lines), sum(line.quantity for line in lines))

        return await self._db.write("lines.replace", work)

    async def merge(self, guest: Owner, user: Owner, at_ms: int, forget_ms: int) -> MergeReport:
        """Move a guest's lines to a user, remember the guest and close the cart, all in one transaction."""
        mine, theirs, operation_id = owner_key(user), owner_key(guest), f"merge:{guest.id}"

        def work(db: sqlite3.Connection) -> MergeReport:
            if not _is_new(db, mine, operation_id, "", forget_ms):
                return MergeReport(_size(db, mine), merged=False)
            plan = plan_merge(_lines(db, mine), _lines(db, theirs), self._limits)
            _write_merge(db, mine, theirs, plan, at_ms)
            return MergeReport(_size(db, mine), True, plan.capped, plan.left_out)

        return await self._db.write("carts.merge", work)

    async def subtract(
        self, user: Owner, order_id: str, ordered: Sequence[Ordered], at_ms: int, forget_ms: int
    ) -> int:
        """Take ordered quantities away, once for each order."""
        key, operation_id = owner_key(user), f"order:{order_id}"

        def work(db: sqlite3.Connection) -> int:
            if not _is_new(db, key, operation_id, "", forget_ms):
                return _size(db, key).version
            _subtract(db, key, ordered)
            return _touch(db, key, at_ms)

        return await self._db.write("carts.subtract", work)

    async def is_merged(self, guest: Owner) -> bool:
        """Whether the guest's cart is closed."""
        row = self._db.one("carts.merged", "SELECT merged FROM carts WHERE owner = ?", (owner_key(guest),))
        return row is not None and bool(row[0])

    async def page(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts by owner."""
        rows = self._db.all("carts.page", _PAGE, (owner_key(after) if after else "", limit))
        return [
            CartSummary(owner_of(owner), CartSize(*size), updated_ms) for owner, updated_ms, *size in rows
        ]

    async def sweep(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:
        """Delete what nobody needs any more."""

        def work(db: sqlite3.Connection) -> int:
            forgotten = db.execute(_FORGET, (now_ms, limit)).rowcount
            idle = db.execute(_IDLE_GUESTS, (guests_idle_since_ms, limit)).fetchall()
            for statement in _DELETE_CART:
                db.executemany(statement, idle)
            return forgotten + len(idle)

        return await self._db.write("carts.sweep", work)

    def _written(self, db: sqlite3.Connection, key: str, at_ms: int, line: Line, quantity: int) -> CartSize:
        """Check a cart whose line was just written; what raises here takes the write back."""
        self._limits.check_quantity(line.product_id, quantity)
        size = _touch_and_size(db, key, at_ms)
        self._limits.check_lines(size.line_count)
        return size

    def _check(self, lines: Sequence[Line]) -> None:
        self._limits.check_lines(len(lines))
        for line in lines:
            self._limits.check_quantity(line.product_id, line.quantity)


def _row(key: str, line: Line) -> tuple[str | int | None, ...]:
    """Return a line's values for an insert; since when it is there is what the insert finds."""
    return (key, *line[:-1])


def _touch(db: sqlite3.Connection, key: str, at_ms: int) -> int:
    """Count a new version of the cart and return it."""
    version, merged = db.execute(_TOUCH, (key, at_ms)).fetchall()[0]
    _check_open(merged)
    return int(version)


def _touch_and_size(db: sqlite3.Connection, key: str, at_ms: int) -> CartSize:
    """Do the same and return all three numbers; one statement costs less than two."""
    version, merged, lines, items = db.execute(_TOUCH_AND_SIZE, (key, at_ms)).fetchall()[0]
    _check_open(merged)
    return CartSize(version, lines, items)


def _check_open(merged: int) -> None:
    if merged:
        raise CartMerged("This guest's cart was merged into an account; continue without its Cart-Token.")


def _size(db: sqlite3.Connection, key: str) -> CartSize:
    return CartSize(*db.execute(_SIZE, {"owner": key}).fetchall()[0])


def _lines(db: sqlite3.Connection, key: str) -> list[Line]:
    return list(map(Line._make, db.execute(_LINES, (key,))))


def _line_change(db: sqlite3.Connection, key: str, product_id: str) -> LineChange:
    """Return what is there when nothing was done."""
    row = db.execute(
        "SELECT quantity FROM lines WHERE owner = ? AND product_id = ?", (key, product_id)
    ).fetchone()
    return LineChange(product_id, row[0] if row else 0, _size(db, key), applied=False)


def _is_new(db: sqlite3.Connection, key: str, operation_id: str, fingerprint: str, forget_ms: int) -> bool:
    """Remember an operation; whether it had not been counted before."""
    added = db.execute(
        "INSERT INTO operations VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (key, operation_id, fingerprint, forget_ms),
    )
    return added.rowcount == 1


def _fingerprint(db: sqlite3.Connection, key: str, operation_id: str) -> str:
    """Return what the operation asked for when it was counted."""
    row = db.execute("SELECT fingerprint FROM operations WHERE owner = ? AND id = ?", (key, operation_id))
    return str(row.fetchone()[0])


def _check_version(db: sqlite3.Connection, key: str, if_version: Collection[int] | None) -> None:
    if if_version is None:
        return
    version = _size(db, key).version
    if version not in if_version:
        raise PreconditionFailed(
            f"The cart is at version {version} now; read it again and repeat the change."
        )


def _write_merge(db: sqlite3.Connection, mine: str, theirs: str, plan: MergePlan, at_ms: int) -> None:
    db.executemany(_MERGE, [_row(mine, line) for line in plan.changed])
    if plan.changed:
        _touch(db, mine, at_ms)
    db.execute("DELETE FROM lines WHERE owner = ?", (theirs,))
    db.execute(_CLOSE, (theirs, at_ms))


def _subtract(db: sqlite3.Connection, key: str, ordered: Sequence[Ordered]) -> None:
    """Delete the lines that were ordered whole, lower the others; lines that were set anew stay."""
    values = [(key, *line) for line in ordered]
    gone = db.executemany(_DELETE_ORDERED, values)
    if gone.rowcount < len(values):
        db.executemany(_LOWER_ORDERED, values)
