"""What a group of operations on one shard comes to: decided in memory, written as one conditional batch.

The rules are the domain's (`hold`, `release`, `ship`, `adjust`). A row is named once in a batch, with what all
operations of the group make of it: a delete and an insert of one row would not come in an order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from store_kit.cassandra import Statement

from store_catalog.adapters.cassandra_feed import Announcement
from store_catalog.adapters.cassandra_shelf import HOLD, MARKER, OPERATION, Facts, Goods, Held, Key, Note, Ref
from store_catalog.domain import (
    Adjustment,
    Claim,
    ProductId,
    ReservedLine,
    Stock,
    adjust,
    crossed,
    hold,
    refuse_late,
    release,
    ship,
)
from store_catalog.ports import Adjusted
from store_catalog.problems import OperationReused, ProductNotFound

MARKER_S: Final = 3 * 3600
"""How long a marker is kept: no call that was made before it may still hold after `LONGEST_MS`, plus two hours."""
LONGEST_MS: Final = 3_600_000
"""However late a caller allows a hold to come, an hour after its call it is refused."""
_NOTE_S: Final = 24 * 3600
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
_RULES: Final = {Claim.RELEASED: release, Claim.SHIPPED: ship}


class Draft:
    """Rows as they were found, and as they will be.

    Args:
        facts: what was found.
        now_ms: the time after it was.
    """

    def __init__(self, facts: Facts, now_ms: int) -> None:
        self.facts = facts
        self.now_ms = now_ms
        self.goods = dict(facts.goods)
        self.held = dict(facts.held)
        self.notes = dict(facts.notes)

    def put(self, product_id: ProductId, stock: Stock) -> bool:
        """Give a product other quantities; say whether it went in or out of stock by that."""
        before = self.goods[product_id]
        self.goods[product_id] = replace(before, stock=stock)
        return crossed(before.stock.available, stock.available)

    @property
    def changed(self) -> dict[ProductId, Goods]:
        """The products that will not be as they were."""
        return {
            product_id: goods
            for product_id, goods in self.goods.items()
            if goods.stock.version != self.facts.goods[product_id].stock.version
        }

    def announcements(self) -> list[Announcement]:
        """Return what the change feed must say before this is written."""
        before = self.facts.goods
        return [
            (product_id, 0, goods.stock.version)
            for product_id, goods in self.changed.items()
            if crossed(before[product_id].stock.available, goods.stock.available)
        ]

    def statements(self, shard: int) -> list[Statement]:
        """Return the batch that makes it so, if all of these products are as they were found."""
        changes = [
            _change(shard, product_id, self.facts.goods[product_id], goods.stock)
            for product_id, goods in self.changed.items()
        ]
        held = [
            statement
            for ref, held in self.held.items()
            if held != self.facts.held.get(ref)
            for statement in _claim(shard, ref, self.facts.held.get(ref), held)
        ]
        notes = [_note(shard, ref, note) for ref, note in self.notes.items() if ref not in self.facts.notes]
        return [*changes, *held, *notes]


def _change(shard: int, product_id: ProductId, found: Goods, stock: Stock) -> Statement:
    to = (stock.received, stock.available, stock.sold, stock.version)
    return _CHANGE, (*to, shard, product_id, found.stock.version, found.version)


def _claim(shard: int, ref: Ref, before: Held | None, after: Held) -> Iterable[Statement]:
    if after.claim is Claim.HELD:
        yield _HOLD, (shard, *ref, after.quantity)
        return
    if before is not None:
        yield _UNHOLD, (shard, *ref)
    yield _MARK, (shard, *ref, after.claim, MARKER_S)


def _note(shard: int, ref: Ref, note: Note) -> Statement:
    after = (note.after.received, note.after.available, note.after.sold, note.after.version)
    return _NOTE, (shard, *ref, note.delta, note.reason, *after, _NOTE_S)


@dataclass(frozen=True, slots=True)
class Taken:
    """All lines of a hold are held; `went` names the products that it put out of stock."""

    lines: tuple[ReservedLine, ...]
    went: tuple[ProductId, ...]


@dataclass(frozen=True, slots=True)
class Short:
    """Nothing is held: so much is available of each product."""

    available: Mapping[ProductId, int]


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """Hold all of these units, or none, until a time; `born` as the shelf's operations have it."""

    ref: str
    lines: Mapping[ProductId, int]
    until_ms: int
    born: int | None

    @property
    def products(self) -> Iterable[ProductId]:
        """Which products."""
        return self.lines

    def keys(self, product_id: ProductId) -> Sequence[Key]:
        """Return where a hold or a marker would be."""
        return (HOLD, product_id, self.ref), (MARKER, product_id, self.ref)

    def decide(self, draft: Draft) -> Taken | Short:
        """Hold in a draft.

        Raises:
            ReservationReleased: a marker says that this attempt was given back.
            ReservationShipped: a marker says that it was shipped.
            ReservationExpired: it comes too late.
        """
        after = {product_id: self._after(draft, product_id) for product_id in self.lines}
        if None in after.values():
            return Short({product_id: _available(draft, product_id) for product_id in self.lines})
        went = []
        for product_id, stock in after.items():
            if stock is None or stock == draft.goods[product_id].stock:
                continue
            refuse_late(draft.now_ms, self.until_ms)
            if draft.put(product_id, stock):
                went.append(product_id)
            draft.held[product_id, self.ref] = Held(Claim.HELD, self.lines[product_id])
        return Taken(tuple([_reserved(draft, *line) for line in self.lines.items()]), tuple(went))

    def _after(self, draft: Draft, product_id: ProductId) -> Stock | None:
        goods, held = draft.goods.get(product_id), draft.held.get((product_id, self.ref))
        if goods is None or (goods.deleted and held is None):
            return None
        return hold(goods.stock, None if held is None else held.claim, self.lines[product_id])


def _available(draft: Draft, product_id: ProductId) -> int:
    goods = draft.goods.get(product_id)
    return 0 if goods is None or goods.deleted else goods.stock.available


def _reserved(draft: Draft, product_id: ProductId, quantity: int) -> ReservedLine:
    goods = draft.goods[product_id]
    return ReservedLine(product_id, goods.sku, goods.name, quantity, goods.price_minor)


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """Turn what an order holds of these products into RELEASED or SHIPPED, and leave markers."""

    ref: str
    products: Sequence[ProductId]
    claim: Claim
    born: None = None

    def keys(self, product_id: ProductId) -> Sequence[Key]:
        """Return where a hold or a marker would be."""
        return (HOLD, product_id, self.ref), (MARKER, product_id, self.ref)

    def decide(self, draft: Draft) -> tuple[ProductId, ...]:
        """End in a draft; return the products that went in or out of stock."""
        return tuple([product_id for product_id in self.products if self._end(draft, product_id)])

    def _end(self, draft: Draft, product_id: ProductId) -> bool:
        goods, held = draft.goods.get(product_id), draft.held.get((product_id, self.ref))
        if goods is None or (held is None and self.claim is Claim.SHIPPED):
            # Nothing was ever held of a product that is not there. And an order is shipped only after all of it
            # was held: a hold that is no longer there was turned so long ago that its marker is gone.
            return False
        claim, quantity = (None, 0) if held is None else (held.claim, held.quantity)
        stock = _RULES[self.claim](goods.stock, claim, quantity)
        if stock == goods.stock:
            return False
        draft.held[product_id, self.ref] = Held(self.claim)
        return draft.put(product_id, stock)


@dataclass(frozen=True, slots=True, eq=False)
class Adjust:
    """Receive or write off units."""

    adjustment: Adjustment
    born: None = None

    @property
    def products(self) -> Iterable[ProductId]:
        """Which product."""
        return (self.adjustment.product_id,)

    def keys(self, product_id: ProductId) -> Sequence[Key]:
        """Return where it would be noted."""
        return ((OPERATION, product_id, self.adjustment.operation_id),)

    def decide(self, draft: Draft) -> Adjusted:
        """Adjust in a draft; what was noted already is answered alike.

        Raises:
            ProductNotFound: unknown or deleted.
            OperationReused: the operation id belongs to another adjustment.
            StockBelowZero: more would be taken than is available.
            StockAboveLimit: more would have been received than the shop counts.
        """
        wanted = self.adjustment
        goods = draft.goods.get(wanted.product_id)
        if goods is None or goods.deleted:
            raise ProductNotFound.of(wanted.product_id)
        ref = (wanted.product_id, wanted.operation_id)
        known = draft.notes.get(ref)
        if known is not None:
            if (known.delta, known.reason) != (wanted.delta, wanted.reason):
                raise OperationReused("Use a new Idempotency-Key for another adjustment.")
            return Adjusted(known.after, crossed=False)
        after = adjust(goods.stock, wanted.delta)
        draft.notes[ref] = Note(wanted.delta, wanted.reason, after)
        return Adjusted(after, crossed=draft.put(wanted.product_id, after))
