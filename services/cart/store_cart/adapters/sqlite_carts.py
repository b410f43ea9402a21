"""Carts in SQLite: every change decides and writes inside one transaction of the single writer."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from store_kit.sqlite import Sqlite

from store_cart.adapters.cart_steps import Claim, check_taken_at, check_takes, check_version, joined
from store_cart.adapters.keys import owner_key, owner_of
from store_cart.adapters.line_codec import decode_lines, encode_lines
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
    Shown,
    plan_merge,
)

_READ: Final = """
    SELECT c.version, l.product_id, l.quantity, l.sku, l.name, l.price_when_added_minor, l.added_ms, l.since,
        l.shown_minor
    FROM carts c LEFT JOIN lines l ON l.owner = c.owner WHERE c.owner = ?"""
# One statement, so that version and lines belong to one moment.

_LINES: Final = (
    "SELECT product_id, quantity, sku, name, price_when_added_minor, added_ms, since, shown_minor"
    " FROM lines WHERE owner = ?"
)
_LINE: Final = _LINES + " AND product_id = ?"

_INSERT: Final = """
    INSERT INTO lines
        (owner, product_id, quantity, sku, name, price_when_added_minor, added_ms, shown_minor, since)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1 + ifnull((SELECT version FROM carts WHERE owner = ?1), 0))
    ON CONFLICT DO UPDATE SET shown_minor = excluded.shown_minor, """
_MERGE: Final = _INSERT + "quantity = excluded.quantity"
_PUT: Final = _INSERT + "quantity = excluded.quantity, since = excluded.since"
_ADD: Final = (
    _INSERT
    + """quantity = quantity + excluded.quantity, sku = excluded.sku, name = excluded.name,
        price_when_added_minor = excluded.price_when_added_minor RETURNING quantity"""
)

_SHOW: Final = """
    UPDATE lines SET shown_minor = CASE WHEN ifnull(shown_minor, price_when_added_minor) = ?3 THEN ?4
        ELSE min(ifnull(shown_minor, price_when_added_minor), ?4) END
    WHERE owner = ?1 AND product_id = ?2"""
_RETURN: Final = "INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

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

_FORGET_TAKEN: Final = """
    DELETE FROM taken WHERE rowid IN
        (SELECT rowid FROM taken WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?)"""
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

    async def add(
        self, owner: Owner, line: Line, operation: Operation, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Add to a line's quantity, once for each operation."""
        key, operation_id = owner_key(owner), f"add:{operation.id}"

        def work(db: sqlite3.Connection) -> LineChange:
            if operation.repeatable and not _is_new(
                db, key, operation_id, operation.fingerprint, operation.forget_ms
            ):
                operation.must_repeat(_fingerprint(db, key, operation_id))
                return _line_change(db, key, line.product_id)
            _check_version(db, key, if_version)
            (quantity,) = db.execute(_ADD, _row(key, line)).fetchall()[0]
            return self._written(db, key, line.added_ms, line, quantity)

        return await self._db.write("lines.add", work)

    async def put(self, owner: Owner, line: Line, if_version: Collection[int] | None = None) -> LineChange:
        """Set a line's quantity."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> LineChange:
            _check_version(db, key, if_version)
            db.execute(_PUT, _row(key, line))
            return self._written(db, key, line.added_ms, line, line.quantity)

        return await self._db.write("lines.put", work)

    async def remove(
        self, owner: Owner, product_id: str, at_ms: int, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Delete a line."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> LineChange:
            _check_version(db, key, if_version)
            gone = db.execute(
                "DELETE FROM lines WHERE owner = ? AND product_id = ?", (key, product_id)
            ).rowcount
            if gone:
                return LineChange(product_id, 0, _touch_and_size(db, key, at_ms))
            return LineChange(product_id, 0, _size(db, key), applied=False)

        return await self._db.write("lines.remove", work)

    async def show(self, owner: Owner, shown: Sequence[Shown]) -> None:
        """Keep which prices the shopper is shown."""
        values = [(owner_key(owner), *one) for one in shown]
        await self._db.write("lines.show", lambda db: db.executemany(_SHOW, values).rowcount)

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

    async def take(self, user: Owner, order_id: str, version: int, at_ms: int, forget_ms: int) -> int:
        """Take all lines out for an order, if the cart is at this version."""
        key = owner_key(user)

        def work(db: sqlite3.Connection) -> int:
            claim, now = _claim(db, key, order_id), _size(db, key).version
            check_takes(claim)
            if claim is not None:
                return now
            check_taken_at(now, version)
            row = (key, order_id, encode_lines(_lines(db, key)), forget_ms)
            db.execute("INSERT INTO taken VALUES (?, ?, ?, ?)", row)
            db.execute("DELETE FROM lines WHERE owner = ?", (key,))
            return _touch(db, key, at_ms)

        return await self._db.write("carts.take", work)

    async def give_back(self, user: Owner, order_id: str, at_ms: int, forget_ms: int) -> int:
        """Put the lines that an order took back, once."""
        key = owner_key(user)

        def work(db: sqlite3.Connection) -> int:
            claim = _claim(db, key, order_id)
            if claim is not None and claim.returned:
                return _size(db, key).version
            db.execute("INSERT OR REPLACE INTO taken VALUES (?, ?, NULL, ?)", (key, order_id, forget_ms))
            if claim is None:
                return _size(db, key).version
            there = {line.product_id: line for line in _lines(db, key)}
            back = [joined(line, there.get(line.product_id)) for line in claim.lines]
            db.executemany(_RETURN, [(*_row(key, line)[:-1], line.since, line.shown_minor) for line in back])
            return _touch(db, key, at_ms)

        return await self._db.write("carts.give_back", work)

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
            forgotten += db.execute(_FORGET_TAKEN, (now_ms, limit)).rowcount
            idle = db.execute(_IDLE_GUESTS, (guests_idle_since_ms, limit)).fetchall()
            for statement in _DELETE_CART:
                db.executemany(statement, idle)
            return forgotten + len(idle)

        return await self._db.write("carts.sweep", work)

    def _written(self, db: sqlite3.Connection, key: str, at_ms: int, line: Line, quantity: int) -> LineChange:
        """Answer a line that was just written, checking its cart; what raises here takes the write back."""
        self._limits.check_quantity(line.product_id, quantity)
        size = _touch_and_size(db, key, at_ms)
        self._limits.check_lines(size.line_count)
        return LineChange(line.product_id, quantity, size, unit_price_minor=line.last_shown_minor)

    def _check(self, lines: Sequence[Line]) -> None:
        self._limits.check_lines(len(lines))
        for line in lines:
            self._limits.check_quantity(line.product_id, line.quantity)


def _row(key: str, line: Line) -> tuple[str | int | None, ...]:
    """Return a line's values for an insert; since when it is there is what the insert finds."""
    return (key, *line[:-2], line.shown_minor)


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
    row = db.execute(_LINE, (key, product_id)).fetchone()
    if row is None:
        return LineChange(product_id, 0, _size(db, key), applied=False)
    line, size = Line._make(row), _size(db, key)
    return LineChange(product_id, line.quantity, size, applied=False, unit_price_minor=line.last_shown_minor)


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
    if if_version is not None:
        check_version(_size(db, key).version, if_version)


def _claim(db: sqlite3.Connection, key: str, order_id: str) -> Claim | None:
    """Return what an order has of a cart."""
    row = db.execute("SELECT lines FROM taken WHERE owner = ? AND order_id = ?", (key, order_id)).fetchone()
    if row is None:
        return None
    return Claim(returned=True) if row[0] is None else Claim(decode_lines(row[0]))


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
