"""Carts in SQLite: a change is decided by the domain and written inside one transaction of the single writer."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from store_kit.sqlite.database import Sqlite

from store_cart.adapters.row_values import decode_lines, encode_lines, owner_key, owner_of
from store_cart.domain import (
    Cart,
    CartSize,
    CartState,
    CartSummary,
    Change,
    Claim,
    Limits,
    Line,
    MergeReport,
    Owner,
    begin_merge,
    bring_lines,
    close_cart,
)

T = TypeVar("T")

_CART: Final = """
    SELECT c.version, c.updated_ms, c.merged,
        l.product_id, l.quantity, l.sku, l.name, l.price_when_added_minor, l.added_ms, l.since, l.shown_minor
    FROM carts c LEFT JOIN lines l ON l.owner = c.owner WHERE c.owner = ?"""
# One statement, so that lines and version are consistent.
_CART_AND_LINE: Final = """
    SELECT c.version, c.updated_ms, c.merged,
        (SELECT count(*) FROM lines WHERE owner = ?1), (SELECT ifnull(sum(quantity), 0) FROM lines WHERE owner = ?1),
        l.product_id, l.quantity, l.sku, l.name, l.price_when_added_minor, l.added_ms, l.since, l.shown_minor
    FROM carts c LEFT JOIN lines l ON l.owner = c.owner AND l.product_id = ?2 WHERE c.owner = ?1"""
_LINE: Final = """
    SELECT product_id, quantity, sku, name, price_when_added_minor, added_ms, since, shown_minor
    FROM lines WHERE owner = ? AND product_id = ?"""

_SET_CART: Final = "INSERT OR REPLACE INTO carts (owner, version, updated_ms, merged) VALUES (?, ?, ?, ?)"
_SET_LINE: Final = """
    INSERT OR REPLACE INTO lines
        (owner, product_id, quantity, sku, name, price_when_added_minor, added_ms, since, shown_minor)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_DELETE_LINE: Final = "DELETE FROM lines WHERE owner = ? AND product_id = ?"

_REMEMBER: Final = "INSERT INTO operations VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_FINGERPRINT: Final = "SELECT fingerprint FROM operations WHERE owner = ? AND id = ?"
_CLAIM: Final = "SELECT lines FROM taken WHERE owner = ? AND order_id = ?"
_SET_CLAIM: Final = "INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?)"

_LIST: Final = """
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
_FORGET_TAKEN: Final = """
    DELETE FROM taken WHERE rowid IN
        (SELECT rowid FROM taken WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?)"""
_FORGET: Final = """
    DELETE FROM operations WHERE (owner, id) IN
        (SELECT owner, id FROM operations WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?)"""

_AN_ACCOUNT: Final = "user:?"
"""The account of a closed cart is not stored: the lines went there in the same transaction."""


class SqliteCartStore:
    """The CartStore port on one SQLite file."""

    def __init__(self, database: Sqlite, limits: Limits) -> None:
        self._db = database
        self._limits = limits

    async def read_cart(self, owner: Owner) -> Cart:
        """Return the cart as it is now."""
        return self._state(self._db.all("carts.get", _CART, (owner_key(owner),))).cart

    async def find_line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line."""
        row = self._db.one("lines.get", _LINE, (owner_key(owner), product_id))
        return Line._make(row) if row else None

    async def change_cart(self, owner: Owner, change: Change[T]) -> T:
        """Read, decide and write in the writer's turn."""
        key = owner_key(owner)
        return await self._db.write(change.name, lambda db: self._make(db, key, change))

    async def merge_carts(self, guest: Owner, user: Owner, at_ms: int, remember_ms: int) -> MergeReport:
        """Note the guest in the user's cart, close the guest's cart, bring its lines: all in one transaction."""
        mine, theirs = owner_key(user), owner_key(guest)

        def work(db: sqlite3.Connection) -> MergeReport:
            if not self._make(db, mine, begin_merge(guest.id, at_ms, remember_ms)):
                return MergeReport(self._state(db.execute(_CART, (mine,)).fetchall()).size, merged=False)
            lines = self._make(db, theirs, close_cart(_AN_ACCOUNT, at_ms))
            return self._make(db, mine, bring_lines(guest.id, lines, at_ms), {guest.id: at_ms})

        return await self._db.write("carts.merge", work)

    async def is_cart_merged(self, guest: Owner) -> bool:
        """Whether the guest's cart is closed."""
        row = self._db.one("carts.merged", "SELECT merged FROM carts WHERE owner = ?", (owner_key(guest),))
        return row is not None and bool(row[0])

    async def list_carts(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts by owner."""
        rows = self._db.all("carts.page", _LIST, (owner_key(after) if after else "", limit))
        return [
            CartSummary(owner_of(owner), CartSize(*size), updated_at_ms)
            for owner, updated_at_ms, *size in rows
        ]

    async def sweep_carts(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:
        """Delete what is no longer needed."""

        def work(db: sqlite3.Connection) -> int:
            forgotten = db.execute(_FORGET, (now_ms, limit)).rowcount
            forgotten += db.execute(_FORGET_TAKEN, (now_ms, limit)).rowcount
            idle = db.execute(_IDLE_GUESTS, (guests_idle_since_ms, limit)).fetchall()
            for statement in _DELETE_CART:
                db.executemany(statement, idle)
            return forgotten + len(idle)

        return await self._db.write("carts.sweep", work)

    def _make(
        self, db: sqlite3.Connection, key: str, change: Change[T], merging: Mapping[str, int] | None = None
    ) -> T:
        """Make a change; `merging` names a guest whose lines come in this transaction."""
        once, is_known = change.once, False
        if once is not None:
            row = (key, once.id, once.fingerprint, once.at_ms + once.remember_ms)
            is_known = db.execute(_REMEMBER, row).rowcount == 0
        before = self._look(db, key, change)
        if merging:
            before = before._replace(merging=merging)
        if once is not None and is_known:
            return once.repeated(before, db.execute(_FINGERPRINT, (key, once.id)).fetchone()[0])
        after, answer = change.on(before)
        if after is not before:
            _write(db, key, change, before, after)
        return answer

    def _look(self, db: sqlite3.Connection, key: str, change: Change[Any]) -> CartState:
        """Return as much of a cart as a change touches."""
        if change.product_id is not None:
            return self._state_around(db, key, change.product_id)
        state = self._state(db.execute(_CART, (key,)).fetchall())
        if change.claim_of is not None:
            state = state._replace(claim=_claim(db, key, change.claim_of.order_id))
        return state

    def _state_around(self, db: sqlite3.Connection, key: str, product_id: str) -> CartState:
        """Return a cart of which one line is read and the others are only counted, which is cheaper."""
        row = db.execute(_CART_AND_LINE, (key, product_id)).fetchone()
        if row is None:
            return CartState(self._limits)
        version, updated_at_ms, merged, others, units, *values = row
        lines: dict[str, Line] = {}
        if values[0] is not None:
            lines[product_id] = line = Line._make(values)
            others, units = others - 1, units - line.quantity
        closed_for = _AN_ACCOUNT if merged else ""
        return CartState(self._limits, version, updated_at_ms, lines, others, units, closed_for)

    def _state(self, rows: list[tuple[Any, ...]]) -> CartState:
        """Return the cart in rows of lines; each row begins with the numbers of the cart."""
        if not rows:
            return CartState(self._limits)
        version, updated_at_ms, merged = rows[0][:3]
        lines = {row[3]: Line._make(row[3:]) for row in rows if row[3] is not None}
        closed_for = _AN_ACCOUNT if merged else ""
        return CartState(self._limits, version, updated_at_ms, lines, closed_for=closed_for)


def _write(
    db: sqlite3.Connection, key: str, change: Change[Any], before: CartState, after: CartState
) -> None:
    """Write what is different."""
    closed = 1 if after.closed_for else 0
    old, new = before.lines, {} if closed else after.lines
    for product_id in old:
        if product_id not in new:
            db.execute(_DELETE_LINE, (key, product_id))
    for product_id, line in new.items():
        if old.get(product_id) is not line:
            db.execute(_SET_LINE, (key, *line))
    if after.version != before.version:
        db.execute(_SET_CART, (key, after.version, after.updated_at_ms, closed))
    if change.claim_of is not None and after.claim is not None:
        taken = None if after.claim.returned else encode_lines(after.claim.lines)
        forget_at_ms = change.claim_of.at_ms + change.claim_of.remember_ms
        db.execute(_SET_CLAIM, (key, change.claim_of.order_id, taken, forget_at_ms))


def _claim(db: sqlite3.Connection, key: str, order_id: str) -> Claim | None:
    """Return what an order has of a cart."""
    row = db.execute(_CLAIM, (key, order_id)).fetchone()
    if row is None:
        return None
    return Claim(returned=True) if row[0] is None else Claim(decode_lines(row[0]))
