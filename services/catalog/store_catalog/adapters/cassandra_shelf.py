"""The rows of one shard that operations on stock are decided by, and what this process remembers of them.

Remembered is a product's row at a version. It may be out of date: the condition on the version in the batch finds that
out. Not remembered is what orders hold. Who wants to know reads it, but for an order whose reservation was opened by
this very process after the product was read: whatever has been held for it since has changed the product's version.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from store_kit.cassandra import Cassandra

from store_catalog.domain import Claim, ProductId, Stock

PRODUCT, HOLD, MARKER, OPERATION, SKU = range(5)
"""The kinds of rows."""
Key = tuple[int, str, str]
"""Kind, id, ref."""
Ref = tuple[ProductId, str]
"""A product and which attempt of an order, or which operation."""
_ROWS: Final = (
    "SELECT kind, id, ref, sku, name, price_minor, version, deleted, received, available, sold, stock_version,"
    " quantity, claim, delta, reason FROM shelves WHERE shard = ? AND (kind, id, ref) IN ?"
)
_ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Goods:
    """A product as its row has it, without what only a buyer reads."""

    sku: str | None
    name: str
    price_minor: int
    version: int
    deleted: bool
    stock: Stock


@dataclass(frozen=True, slots=True)
class Held:
    """What an order has on a product: a hold of some units, or the marker that is left of one."""

    claim: Claim
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """An adjustment that was made, and the stock after it."""

    delta: int
    reason: str
    after: Stock


@dataclass(slots=True)
class Facts:
    """What a group of operations is decided by; `read` names the products that were read for it just now."""

    goods: dict[ProductId, Goods] = field(default_factory=dict)
    held: dict[Ref, Held] = field(default_factory=dict)
    notes: dict[Ref, Note] = field(default_factory=dict)
    read: frozenset[ProductId] = frozenset()


class Operation(Protocol):
    """What somebody wants of products of one shard."""

    @property
    def products(self) -> Iterable[ProductId]:
        """Which products."""
        ...

    @property
    def born(self) -> int | None:
        """The moment before which nothing can have been held or noted for it; None: who knows."""
        ...

    def keys(self, product_id: ProductId) -> Sequence[Key]:
        """Return the rows beside the product's own by which it is decided."""
        ...


class Shelf:
    """The rows of one shard.

    Args:
        db: the keyspace.
        shard: its number.
        moments: numbers that only grow, shared by all shelves.
        most: the most products that are remembered.
    """

    def __init__(self, db: Cassandra, shard: int, moments: Iterator[int], most: int) -> None:
        self._db = db
        self.shard = shard
        self._moments = moments
        self._most = most
        self._known: OrderedDict[ProductId, tuple[Goods, int]] = OrderedDict()

    async def facts(self, operations: Sequence[Operation], *, serial: bool = False) -> Facts:
        """Return what operations are decided by, as far as it is not known read now.

        Raises:
            DatabaseUnavailable: it could not be read.
        """
        unknown = {
            product_id
            for operation in operations
            for product_id in operation.products
            if serial or not self._knows(product_id, operation.born)
        }
        facts = await self._read(list(_keys(operations, unknown)), serial=serial) if unknown else Facts()
        for product_id in {
            product_id for operation in operations for product_id in operation.products
        } - unknown:
            self._known.move_to_end(product_id)
            facts.goods[product_id] = self._known[product_id][0]
        facts.read = frozenset(unknown)
        return facts

    async def look(self, product_ids: Iterable[ProductId]) -> Mapping[ProductId, Goods]:
        """Return those of the products that exist, as they are now."""
        return (await self._read([(PRODUCT, product_id, "") for product_id in product_ids])).goods

    def available(self, product_id: ProductId) -> int | None:
        """Return how much there was when last heard of; None when nothing is known."""
        known = self._known.get(product_id)
        if known is None:
            return None
        return 0 if known[0].deleted else known[0].stock.available

    def remember(self, goods: Mapping[ProductId, Goods]) -> None:
        """Take over products as they were written by us, on what was known of them."""
        for product_id, present in goods.items():
            if product_id in self._known:
                self._known[product_id] = (present, self._known[product_id][1])

    def forget(self, product_ids: Iterable[ProductId]) -> None:
        """Believe nothing about products any more."""
        for product_id in product_ids:
            self._known.pop(product_id, None)

    def _knows(self, product_id: ProductId, born: int | None) -> bool:
        known = self._known.get(product_id)
        return known is not None and born is not None and known[1] < born

    async def _read(self, keys: Sequence[Key], *, serial: bool = False) -> Facts:
        facts = Facts()
        for at in range(0, len(keys), _ROWS_AT_ONCE):
            some = keys[at : at + _ROWS_AT_ONCE]
            for row in await self._db.all("shelves.get", _ROWS, (self.shard, some), serial=serial):
                _sort_in(facts, row)
        moment = next(self._moments)
        self._known |= {product_id: (goods, moment) for product_id, goods in facts.goods.items()}
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return facts


def _keys(operations: Sequence[Operation], product_ids: set[ProductId]) -> dict[Key, None]:
    """Return the rows of some products that operations need, each once."""
    keys: dict[Key, None] = {(PRODUCT, product_id, ""): None for product_id in product_ids}
    for operation in operations:
        for product_id in operation.products:
            if product_id in product_ids:
                keys |= dict.fromkeys(operation.keys(product_id))
    return keys


def _sort_in(facts: Facts, row: tuple[Any, ...]) -> None:
    (
        kind,
        product_id,
        ref,
        *details,
        received,
        available,
        sold,
        stock_version,
        quantity,
        claim,
        delta,
        reason,
    ) = row
    if kind == PRODUCT:
        sku, name, price_minor, version, deleted = details
        stock = Stock(received, available, sold, stock_version)
        facts.goods[product_id] = Goods(sku or None, name, price_minor, version, bool(deleted), stock)
    elif kind == HOLD:
        facts.held[product_id, ref] = Held(Claim.HELD, quantity)
    elif kind == MARKER:
        facts.held[product_id, ref] = Held(Claim(claim))
    elif kind == OPERATION:
        facts.notes[product_id, ref] = Note(delta, reason, Stock(received, available, sold, stock_version))
