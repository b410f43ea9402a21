"""What a group of operations on one shard comes to, decided in memory by the domain's rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from store_catalog.adapters.cassandra.feed import Announcement
from store_catalog.adapters.cassandra.shard_rows import (
    HOLD,
    MARKER,
    OPERATION,
    PRODUCT,
    RESERVATION,
    AdjustmentRow,
    HoldRow,
    Key,
    ProductRow,
    Snapshot,
    VersionedRow,
)
from store_catalog.domain import (
    Adjusted,
    Adjustment,
    HoldState,
    OrderId,
    ProductId,
    ReservationRecord,
    ReservedLine,
    Stock,
    Transition,
    adjust,
    crossed,
    hold,
    refuse_late,
    release,
    ship,
)
from store_catalog.problems import OperationReused, ProductNotFound

_ANY_MEMORY: Final = 2**62
_RULES: Final = {HoldState.RELEASED: release, HoldState.SHIPPED: ship}


class ChangeSet(Snapshot):
    """The rows that a group of operations was given, and makes of them.

    Args:
        found: the rows as they were found.
        now_ms: the time after that.
    """

    def __init__(self, found: Snapshot, now_ms: int) -> None:
        super().__init__(
            dict(found.products), dict(found.reservations), dict(found.holds), dict(found.adjustments)
        )
        self.found = found
        self.now_ms = now_ms
        self.changed: dict[Key, VersionedRow] = {}
        """The versioned rows that will not be as they were found."""
        self.count = 0

    def set_stock(self, product_id: ProductId, stock: Stock) -> bool:
        """Give a product other quantities; say whether it went in or out of stock by that."""
        before = self.products[product_id]
        after = self.products[product_id] = replace(before, stock=stock)
        self.changed[PRODUCT, product_id, ""] = after
        self.count += 1
        return crossed(before.stock.available, after.stock.available)

    def set_reservation(self, record: ReservationRecord) -> None:
        """Keep this for an order."""
        self.reservations[record.order_id] = self.changed[RESERVATION, record.order_id, ""] = record
        self.count += 1

    def announcements(self) -> list[Announcement]:
        """Return what the change feed must say before this is written."""
        before = self.found.products
        return [
            (key[1], 0, row.stock.version)
            for key, row in self.changed.items()
            if isinstance(row, ProductRow) and crossed(before[key[1]].stock.available, row.stock.available)
        ]


class Operation(Protocol):
    """What a caller wants of rows of one shard."""

    subjects: Sequence[Key]
    """The rows whose versions it sets conditions on: of products, or of a reservation."""

    weight: int
    """How many products it changes, or lines it writes."""
    fresh_since: int
    """What was remembered before this moment is good enough to decide by; 0: nothing is."""
    assume_absent: bool
    """Whether what is not remembered may be taken to be absent."""

    def also_read(self, subject: Key) -> Sequence[Key]:
        """Return further rows by which it is decided, each read together with its subject."""

    def decide(self, changes: ChangeSet) -> Any:
        """Add what it changes; return what it comes to."""


@dataclass(slots=True, eq=False)
class Step:
    """Take the reservation of an order a step further.

    `assume_absent`: there is probably none yet. `weight`: how many lines it writes.
    """

    order_id: OrderId
    transition: Transition
    assume_absent: bool = False
    weight: int = 1
    fresh_since: int = _ANY_MEMORY
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = ((RESERVATION, self.order_id, ""),)

    def also_read(self, _subject: Key) -> Sequence[Key]:
        """Return nothing: the reservation's row says all."""
        return ()

    def decide(self, changes: ChangeSet) -> tuple[ReservationRecord | None, bool]:
        """Return the reservation after the step, and whether it was this that changed it.

        Raises:
            Conflict: the transition refuses.
        """
        found = changes.reservations.get(self.order_id)
        after = self.transition(found, changes.now_ms)
        if after is None or after is found:
            return found, False
        changes.set_reservation(after)
        return after, True


@dataclass(slots=True, eq=False)
class _OnHolds:
    """What Hold and End share: they are decided by the holds and markers of an attempt (`ref`)."""

    ref: str
    subjects: Sequence[Key] = field(init=False)
    weight: int = field(init=False)

    def _is_about(self, product_ids: Iterable[ProductId]) -> None:
        self.subjects = _products(product_ids)
        self.weight = len(self.subjects)

    def also_read(self, subject: Key) -> Sequence[Key]:
        """Return where a hold or a marker would be."""
        return (HOLD, subject[1], self.ref), (MARKER, subject[1], self.ref)


@dataclass(frozen=True, slots=True)
class Taken:
    """All lines of a hold are held; `crossed` names the products that it put out of stock."""

    lines: tuple[ReservedLine, ...]
    crossed: tuple[ProductId, ...]


@dataclass(frozen=True, slots=True)
class Short:
    """Nothing is held: so much is available of each product."""

    available: Mapping[ProductId, int]


@dataclass(slots=True, eq=False)
class Hold(_OnHolds):
    """Hold all of these units, or none, until a time.

    `fresh_since`: the moment before which nothing can have been held under this name; 0: unknown.
    """

    lines: Mapping[ProductId, int]
    until_ms: int
    fresh_since: int
    assume_absent: bool = False

    def __post_init__(self) -> None:
        self._is_about(self.lines)

    def decide(self, changes: ChangeSet) -> Taken | Short:
        """Hold everything or nothing.

        Raises:
            ReservationReleased: a marker says that this attempt was given back.
            ReservationShipped: a marker says that it was shipped.
            ReservationExpired: it comes too late.
        """
        after = {product_id: self._after(changes, product_id) for product_id in self.lines}
        if None in after.values():
            return Short({product_id: _available(changes, product_id) for product_id in self.lines})
        crossing = []
        for product_id, stock in after.items():
            if stock is None or stock == changes.products[product_id].stock:
                continue
            refuse_late(changes.now_ms, self.until_ms)
            if changes.set_stock(product_id, stock):
                crossing.append(product_id)
            changes.holds[product_id, self.ref] = HoldRow(HoldState.HELD, self.lines[product_id])
        lines = tuple([_reserved(changes, *line) for line in self.lines.items()])
        return Taken(lines, tuple(crossing))

    def _after(self, changes: ChangeSet, product_id: ProductId) -> Stock | None:
        row, held = changes.products.get(product_id), changes.holds.get((product_id, self.ref))
        if row is None or (row.deleted and held is None):
            return None
        return hold(row.stock, None if held is None else held.state, self.lines[product_id])


def _products(product_ids: Iterable[ProductId]) -> Sequence[Key]:
    return tuple([(PRODUCT, product_id, "") for product_id in product_ids])


def _available(changes: ChangeSet, product_id: ProductId) -> int:
    row = changes.products.get(product_id)
    return 0 if row is None else row.available


def _reserved(changes: ChangeSet, product_id: ProductId, quantity: int) -> ReservedLine:
    row = changes.products[product_id]
    return ReservedLine(product_id, row.sku, row.name, quantity, row.price_minor)


@dataclass(slots=True, eq=False)
class End(_OnHolds):
    """Turn what an order holds of these products into RELEASED or SHIPPED, and leave markers."""

    product_ids: Sequence[ProductId]
    state: HoldState
    fresh_since: int = 0
    assume_absent: bool = False

    def __post_init__(self) -> None:
        self._is_about(self.product_ids)

    def decide(self, changes: ChangeSet) -> tuple[ProductId, ...]:
        """Return the products that went in or out of stock.

        Raises:
            ReservationReleased: something of it was released, and cannot be shipped.
            ReservationShipped: something of it was shipped, and cannot be released.
        """
        after = {product_id: self._after(changes, product_id) for product_id in self.product_ids}
        crossing = []
        for product_id, stock in after.items():
            if stock is not None and stock != changes.products[product_id].stock:
                changes.holds[product_id, self.ref] = HoldRow(self.state)
                if changes.set_stock(product_id, stock):
                    crossing.append(product_id)
        return tuple(crossing)

    def _after(self, changes: ChangeSet, product_id: ProductId) -> Stock | None:
        row, held = changes.products.get(product_id), changes.holds.get((product_id, self.ref))
        if row is None or (held is None and self.state is HoldState.SHIPPED):
            # Nothing was ever held of a product that does not exist. And an order is shipped only after all of it
            # was held: a hold that is no longer there was turned so long ago that its marker is gone.
            return None
        state, quantity = (None, 0) if held is None else (held.state, held.quantity)
        return _RULES[self.state](row.stock, state, quantity)


@dataclass(slots=True, eq=False)
class Adjust:
    """Receive or write off units."""

    adjustment: Adjustment
    fresh_since: int = 0
    assume_absent: bool = False
    weight: int = 1
    subjects: Sequence[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = _products((self.adjustment.product_id,))

    def also_read(self, subject: Key) -> Sequence[Key]:
        """Return where it would be noted."""
        return ((OPERATION, subject[1], self.adjustment.operation_id),)

    def decide(self, changes: ChangeSet) -> Adjusted:
        """Return the stock after it; what was noted already is answered alike.

        Raises:
            ProductNotFound: unknown or deleted.
            OperationReused: the operation id belongs to another adjustment.
            StockBelowZero: more would be taken than is available.
            StockAboveLimit: more would have been received than the shop counts.
        """
        wanted = self.adjustment
        row = changes.products.get(wanted.product_id)
        if row is None or row.deleted:
            raise ProductNotFound.of(wanted.product_id)
        ref = (wanted.product_id, wanted.operation_id)
        known = changes.adjustments.get(ref)
        if known is not None:
            if (known.delta, known.reason) != (wanted.delta, wanted.reason):
                raise OperationReused("Use a new Idempotency-Key for another adjustment.")
            return Adjusted(known.after, crossed=False)
        after = adjust(row.stock, wanted.delta)
        changes.adjustments[ref] = AdjustmentRow(wanted.delta, wanted.reason, after)
        return Adjusted(after, crossed=changes.set_stock(wanted.product_id, after))
