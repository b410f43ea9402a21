"""The rows of one shard: what is read of them, and the one conditional batch that changes them.

A row is named once in a batch, with what all operations of a group make of it: a delete and an insert of one row would
not come in an order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from store_kit.cassandra.keyspace import Cassandra, Statement

from store_catalog.domain import (
    HoldState,
    OrderId,
    ProductId,
    ReservationRecord,
    ReservationState,
    ReservedLine,
    Stock,
)

PRODUCT, HOLD, MARKER, OPERATION, SKU, RESERVATION = range(6)
"""The kinds of rows."""
Key = tuple[int, str, str]
"""Kind, id, ref."""
Ref = tuple[ProductId, str]
"""A product and which attempt of an order, or which operation."""
_ROWS: Final = (
    "SELECT kind, id, ref, sku, name, price_minor, version, deleted, received, available, sold, stock_version,"
    " quantity, claim, delta, reason, attempt, at_ms, lines FROM shelves WHERE shard = ? AND (kind, id, ref) IN ?"
)
_CHANGE: Final = (
    "UPDATE shelves SET received = ?, available = ?, sold = ?, stock_version = ?"
    " WHERE shard = ? AND kind = 0 AND id = ? AND ref = '' IF stock_version = ? AND version = ?"
)
_HOLD: Final = "INSERT INTO shelves (shard, kind, id, ref, quantity) VALUES (?, 1, ?, ?, ?)"
_UNHOLD: Final = "DELETE FROM shelves WHERE shard = ? AND kind = 1 AND id = ? AND ref = ?"
_MARK: Final = "INSERT INTO shelves (shard, kind, id, ref, claim) VALUES (?, 2, ?, ?, ?) USING TTL ?"
_NOTE: Final = (
    "INSERT INTO shelves (shard, kind, id, ref, delta, reason, received, available, sold, stock_version)"
    " VALUES (?, 3, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
# By UPDATE alone, also the first time, so that all of the row is gone when its cells expire.
_KEEP: Final = (
    "UPDATE shelves USING TTL ? SET claim = ?, attempt = ?, version = ?, at_ms = ?, lines = ?"
    " WHERE shard = ? AND kind = 5 AND id = ? AND ref = '' IF version = ?"
)
_MOVE: Final = (
    "UPDATE shelves SET claim = ?, attempt = ?, version = ?, at_ms = ?"
    " WHERE shard = ? AND kind = 5 AND id = ? AND ref = '' IF version = ?"
)
LONGEST_MS: Final = 3_600_000
"""However late a caller allows a hold to come, an hour after its call it is refused."""
_MARKER_S: Final = 3 * 3600
"""How long a marker is kept: two hours longer than any hold may come after it."""
_ENDED_S: Final = 4 * 3600
"""How long an ended reservation stays in its shard: longer than its markers, so that no attempt is numbered twice."""
_NOTE_S: Final = 24 * 3600
_ROWS_AT_ONCE: Final = 1_000
_LineFields = tuple[str, str | None, str, int, int]
_decode_lines: Final = msgspec.json.Decoder(list[_LineFields]).decode


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product as its row has it, without what only a buyer reads."""

    sku: str | None
    name: str
    price_minor: int
    version: int
    deleted: bool
    stock: Stock

    @property
    def available(self) -> int:
        """How many can be held."""
        return 0 if self.deleted else self.stock.available


@dataclass(frozen=True, slots=True)
class HoldRow:
    """What an order has on a product: a hold of some units, or the marker that is left of one."""

    state: HoldState
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class AdjustmentRow:
    """An adjustment that was made, and the stock after it."""

    delta: int
    reason: str
    after: Stock


VersionedRow = ProductRow | ReservationRecord
"""A row that carries a version, which batches set conditions on."""


@dataclass(slots=True)
class Snapshot:
    """What a group of operations is decided by; `read` are the versioned rows that were read for it just now."""

    products: dict[ProductId, ProductRow] = field(default_factory=dict)
    reservations: dict[OrderId, ReservationRecord] = field(default_factory=dict)
    holds: dict[Ref, HoldRow] = field(default_factory=dict)
    adjustments: dict[Ref, AdjustmentRow] = field(default_factory=dict)
    read: frozenset[Key] = frozenset()


async def read_rows(db: Cassandra, shard: int, keys: Sequence[Key], *, serial: bool = False) -> Snapshot:
    """Return those of some rows of a shard that exist.

    Raises:
        DatabaseUnavailable: they could not be read.
    """
    snapshot = Snapshot()
    for at in range(0, len(keys), _ROWS_AT_ONCE):
        some = keys[at : at + _ROWS_AT_ONCE]
        for row in await db.all("shelves.get", _ROWS, (shard, some), serial=serial):
            _sort_in(snapshot, row)
    return snapshot


def _sort_in(snapshot: Snapshot, row: tuple[Any, ...]) -> None:
    kind, about, ref, sku, name, price_minor, version, deleted, *quantities = row[:12]
    quantity, state, delta, reason, attempt, at_ms, stored = row[12:]
    if kind == PRODUCT:
        stock = Stock(*quantities)
        snapshot.products[about] = ProductRow(sku or None, name, price_minor, version, bool(deleted), stock)
    elif kind == HOLD:
        snapshot.holds[about, ref] = HoldRow(HoldState.HELD, quantity)
    elif kind == MARKER:
        snapshot.holds[about, ref] = HoldRow(HoldState(state))
    elif kind == OPERATION:
        snapshot.adjustments[about, ref] = AdjustmentRow(delta, reason, Stock(*quantities))
    elif kind == RESERVATION and version is not None:
        lines = tuple([ReservedLine(*line) for line in _decode_lines(stored)]) if stored else ()
        state = ReservationState(state)
        snapshot.reservations[about] = ReservationRecord(about, state, attempt, version, at_ms, lines)


def statements_of(shard: int, found: Snapshot, after: Snapshot, changed: Iterable[Key]) -> list[Statement]:
    """Return the batch that makes rows as they shall be, if the versioned ones are as they were found.

    Args:
        shard: whose rows they are.
        found: the rows as they were found.
        after: the rows as they shall be.
        changed: the versioned rows that differ.
    """
    changes = [
        _change(shard, about, found.products[about], after.products[about].stock)
        if kind == PRODUCT
        else _keep(shard, found.reservations.get(about), after.reservations[about])
        for kind, about, _ in changed
    ]
    holds = [
        statement
        for ref, row in after.holds.items()
        if row != found.holds.get(ref)
        for statement in _hold(shard, ref, found.holds.get(ref), row)
    ]
    notes = [_note(shard, ref, row) for ref, row in after.adjustments.items() if ref not in found.adjustments]
    return [*changes, *holds, *notes]


def _change(shard: int, product_id: ProductId, found: ProductRow, stock: Stock) -> Statement:
    to = (stock.received, stock.available, stock.sold, stock.version)
    return _CHANGE, (*to, shard, product_id, found.stock.version, found.version)


def _keep(shard: int, found: ReservationRecord | None, record: ReservationRecord) -> Statement:
    to = (record.state, record.attempt, record.version, record.updated_at_ms)
    where = (shard, record.order_id, found.version if found else None)
    expires = record.state.ended or (found is not None and found.state.ended)
    if found is not None and found.lines == record.lines and not expires:
        return _MOVE, (*to, *where)
    return _KEEP, (_ENDED_S if record.state.ended else 0, *to, _encode_lines(record.lines), *where)


def _encode_lines(lines: Sequence[ReservedLine]) -> bytes | None:
    if not lines:
        return None
    return msgspec.json.encode([(x.product_id, x.sku, x.name, x.quantity, x.unit_price_minor) for x in lines])


def _hold(shard: int, ref: Ref, before: HoldRow | None, after: HoldRow) -> Iterable[Statement]:
    if after.state is HoldState.HELD:
        yield _HOLD, (shard, *ref, after.quantity)
        return
    if before is not None:
        yield _UNHOLD, (shard, *ref)
    yield _MARK, (shard, *ref, after.state, _MARKER_S)


def _note(shard: int, ref: Ref, row: AdjustmentRow) -> Statement:
    after = (row.after.received, row.after.available, row.after.sold, row.after.version)
    return _NOTE, (shard, *ref, row.delta, row.reason, *after, _NOTE_S)
