"""What a group of operations on one shard comes to: decided in memory, written as one conditional batch.

The rules are the domain's (`hold`, `release`, `ship`, `adjust`). A row is named once in a batch, with what all
operations of the group make of it: a delete and an insert of one row would not come in an order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from store_kit.cassandra import Statement

from store_catalog.adapters.cassandra_feed import Announcement
from store_catalog.adapters.cassandra_kept import Kept, Turn
from store_catalog.adapters.cassandra_shelf import (
    HOLD,
    MARKER,
    OPERATION,
    PRODUCT,
    RESERVATION,
    Facts,
    Goods,
    Held,
    Key,
    Note,
    Ref,
    encode_lines,
)
from store_catalog.domain import (
    Adjustment,
    Claim,
    OrderId,
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

LONGEST_MS: Final = 3_600_000
"""However late a caller allows a hold to come, an hour after its call it is refused."""
_MARKER_S: Final = 3 * 3600
"""How long a marker is kept: two hours longer than any hold may come after it."""
_ENDED_S: Final = 4 * 3600
"""How long an ended reservation stays on its shelf: longer than its markers, so that no attempt is numbered twice."""
_NOTE_S: Final = 24 * 3600
_ALWAYS: Final = 2**62
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
        self.kept = dict(facts.kept)
        self.held = dict(facts.held)
        self.notes = dict(facts.notes)
        self.changed: dict[Key, Goods | Kept] = {}
        """The rows that will not be as they were found."""
        self.changes = 0

    def put(self, product_id: ProductId, stock: Stock) -> bool:
        """Give a product other quantities; say whether it went in or out of stock by that."""
        before = self.goods[product_id]
        after = self.goods[product_id] = self.changed[PRODUCT, product_id, ""] = replace(before, stock=stock)
        self.changes += 1
        return crossed(before.stock.available, after.stock.available)

    def keep(self, kept: Kept) -> None:
        """Keep this for an order."""
        self.kept[kept.order_id] = self.changed[RESERVATION, kept.order_id, ""] = kept
        self.changes += 1

    def announcements(self) -> list[Announcement]:
        """Return what the change feed must say before this is written."""
        before = self.facts.goods
        return [
            (key[1], 0, row.stock.version)
            for key, row in self.changed.items()
            if isinstance(row, Goods) and crossed(before[key[1]].stock.available, row.stock.available)
        ]

    def statements(self, shard: int) -> list[Statement]:
        """Return the batch that makes it so, if all of these rows are as they were found."""
        changes = [
            _change(shard, key[1], self.facts.goods[key[1]], row.stock)
            if isinstance(row, Goods)
            else _keep(shard, self.facts.kept.get(key[1]), row)
            for key, row in self.changed.items()
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


def _keep(shard: int, found: Kept | None, kept: Kept) -> Statement:
    to = (kept.state, kept.attempt, kept.version, kept.updated_ms)
    where = (shard, kept.order_id, found.version if found else None)
    expires = kept.state.ended or (found is not None and found.state.ended)
    if found is not None and found.lines == kept.lines and not expires:
        return _MOVE, (*to, *where)
    return _KEEP, (_ENDED_S if kept.state.ended else 0, *to, encode_lines(kept.lines), *where)


def _claim(shard: int, ref: Ref, before: Held | None, after: Held) -> Iterable[Statement]:
    if after.claim is Claim.HELD:
        yield _HOLD, (shard, *ref, after.quantity)
        return
    if before is not None:
        yield _UNHOLD, (shard, *ref)
    yield _MARK, (shard, *ref, after.claim, _MARKER_S)


def _note(shard: int, ref: Ref, note: Note) -> Statement:
    after = (note.after.received, note.after.available, note.after.sold, note.after.version)
    return _NOTE, (shard, *ref, note.delta, note.reason, *after, _NOTE_S)


# ------------------------------------------------------------------------------------------------ reservations


@dataclass(slots=True, eq=False)
class Step:
    """Take the reservation of an order a step further.

    `blind`: there is probably none yet. `weight`: how many lines it writes.
    """

    order_id: OrderId
    turn: Turn
    blind: bool = False
    weight: int = 1
    trusts: int = _ALWAYS
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = ((RESERVATION, self.order_id, ""),)

    def beside(self, _subject: Key) -> Sequence[Key]:
        """Return nothing: the reservation's row says all."""
        return ()

    def decide(self, draft: Draft) -> tuple[Kept | None, bool]:
        """Turn in a draft; return what is kept then, and whether it was this that changed it.

        Raises:
            Conflict: the turn refuses.
        """
        found = draft.kept.get(self.order_id)
        after = self.turn(found, draft.now_ms)
        if after is None or after is found:
            return found, False
        draft.keep(after)
        return after, True


# ------------------------------------------------------------------------------------------------------- stock


@dataclass(frozen=True, slots=True)
class Taken:
    """All lines of a hold are held; `went` names the products that it put out of stock."""

    lines: tuple[ReservedLine, ...]
    went: tuple[ProductId, ...]


@dataclass(frozen=True, slots=True)
class Short:
    """Nothing is held: so much is available of each product."""

    available: Mapping[ProductId, int]


@dataclass(slots=True, eq=False)
class Hold:
    """Hold all of these units, or none, until a time.

    `trusts`: the moment before which nothing can have been held under this name; 0: who knows.
    """

    ref: str
    lines: Mapping[ProductId, int]
    until_ms: int
    trusts: int
    blind: bool = False
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = _products(self.lines)

    @property
    def weight(self) -> int:
        """How many products it changes."""
        return len(self.subjects)

    def beside(self, subject: Key) -> Sequence[Key]:
        """Return where a hold or a marker would be."""
        return (HOLD, subject[1], self.ref), (MARKER, subject[1], self.ref)

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


def _products(product_ids: Iterable[ProductId]) -> Sequence[Key]:
    return tuple([(PRODUCT, product_id, "") for product_id in product_ids])


def _available(draft: Draft, product_id: ProductId) -> int:
    goods = draft.goods.get(product_id)
    return 0 if goods is None else goods.available


def _reserved(draft: Draft, product_id: ProductId, quantity: int) -> ReservedLine:
    goods = draft.goods[product_id]
    return ReservedLine(product_id, goods.sku, goods.name, quantity, goods.price_minor)


@dataclass(slots=True, eq=False)
class End:
    """Turn what an order holds of these products into RELEASED or SHIPPED, and leave markers."""

    ref: str
    product_ids: Sequence[ProductId]
    claim: Claim
    trusts: int = 0
    blind: bool = False
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = _products(self.product_ids)

    @property
    def weight(self) -> int:
        """How many products it changes."""
        return len(self.subjects)

    def beside(self, subject: Key) -> Sequence[Key]:
        """Return where a hold or a marker would be."""
        return (HOLD, subject[1], self.ref), (MARKER, subject[1], self.ref)

    def decide(self, draft: Draft) -> tuple[ProductId, ...]:
        """End in a draft; return the products that went in or out of stock.

        Raises:
            ReservationReleased: something of it was released, and cannot be shipped.
            ReservationShipped: something of it was shipped, and cannot be released.
        """
        after = {product_id: self._after(draft, product_id) for product_id in self.product_ids}
        went = []
        for product_id, stock in after.items():
            if stock is not None and stock != draft.goods[product_id].stock:
                draft.held[product_id, self.ref] = Held(self.claim)
                if draft.put(product_id, stock):
                    went.append(product_id)
        return tuple(went)

    def _after(self, draft: Draft, product_id: ProductId) -> Stock | None:
        goods, held = draft.goods.get(product_id), draft.held.get((product_id, self.ref))
        if goods is None or (held is None and self.claim is Claim.SHIPPED):
            # Nothing was ever held of a product that is not there. And an order is shipped only after all of it
            # was held: a hold that is no longer there was turned so long ago that its marker is gone.
            return None
        claim, quantity = (None, 0) if held is None else (held.claim, held.quantity)
        return _RULES[self.claim](goods.stock, claim, quantity)


@dataclass(slots=True, eq=False)
class Adjust:
    """Receive or write off units."""

    adjustment: Adjustment
    trusts: int = 0
    blind: bool = False
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = _products((self.adjustment.product_id,))

    @property
    def weight(self) -> int:
        """How many products it changes."""
        return len(self.subjects)

    def beside(self, subject: Key) -> Sequence[Key]:
        """Return where it would be noted."""
        return ((OPERATION, subject[1], self.adjustment.operation_id),)

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
