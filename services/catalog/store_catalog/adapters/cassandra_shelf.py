"""The rows of one shard that operations are decided by, and what this process remembers of them.

Remembered are the row of a product and that of a reservation on its way, each at a version. They may be out of date:
the conditions on the versions in the batch find that out. Not remembered is what orders hold. Who wants to know reads
it, but for an order whose reservation was opened by this very process after the product was read: whatever has been
held for it since has changed the product's version.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec
from store_kit.cassandra import Cassandra

from store_catalog.adapters.cassandra_kept import Kept, State
from store_catalog.domain import Claim, OrderId, ProductId, ReservedLine, Stock

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
_ROWS_AT_ONCE: Final = 1_000
_KeptLine = tuple[str, str | None, str, int, int]
_decode_lines: Final = msgspec.json.Decoder(list[_KeptLine]).decode


@dataclass(frozen=True, slots=True)
class Goods:
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
    """What a group of operations is decided by; `read` are the subjects that were read for it just now."""

    goods: dict[ProductId, Goods] = field(default_factory=dict)
    kept: dict[OrderId, Kept] = field(default_factory=dict)
    held: dict[Ref, Held] = field(default_factory=dict)
    notes: dict[Ref, Note] = field(default_factory=dict)
    read: frozenset[Key] = frozenset()


class Operation(Protocol):
    """What somebody wants of rows of one shard."""

    @property
    def subjects(self) -> Sequence[Key]:
        """The rows whose versions it sets conditions on: of products, or of a reservation."""
        ...

    @property
    def trusts(self) -> int:
        """What was remembered before this moment is good enough to decide by; 0: nothing is."""
        ...

    @property
    def blind(self) -> bool:
        """Whether what is not remembered may be taken to be absent."""
        ...

    def beside(self, subject: Key) -> Sequence[Key]:
        """Return further rows by which it is decided, each read together with its subject."""
        ...


class Shelf:
    """The rows of one shard.

    Args:
        db: the keyspace.
        shard: its number.
        moments: numbers that only grow, shared by all shelves.
        most: the most rows that are remembered.
    """

    def __init__(self, db: Cassandra, shard: int, moments: Iterator[int], most: int) -> None:
        self._db = db
        self.shard = shard
        self._moments = moments
        self._most = most
        self._known: OrderedDict[Key, tuple[Goods | Kept, int]] = OrderedDict()

    async def facts(
        self, operations: Sequence[Operation], *, careful: bool = False, serial: bool = False
    ) -> Facts:
        """Return what operations are decided by; what is not remembered is read now, if `careful` everything.

        Raises:
            DatabaseUnavailable: it could not be read.
        """
        subjects = [(subject, operation) for operation in operations for subject in operation.subjects]
        unknown = {
            subject for subject, operation in subjects if careful or not self._knows(subject, operation)
        }
        remembered = self._remembered({subject for subject, _ in subjects} - unknown)
        facts = await self._read(list(_keys(operations, unknown)), serial=serial) if unknown else Facts()
        facts.read = frozenset(unknown)
        for subject, row in remembered.items():
            _put(facts, subject, row)
        return facts

    async def look(self, product_ids: Iterable[ProductId]) -> Mapping[ProductId, Goods]:
        """Return those of the products that exist, as they are now."""
        return (await self._read([(PRODUCT, product_id, "") for product_id in product_ids])).goods

    async def find(self, order_ids: Iterable[OrderId]) -> Mapping[OrderId, Kept]:
        """Return what is kept for orders now, half-done changes ended first."""
        return (await self._read([(RESERVATION, order_id, "") for order_id in order_ids], serial=True)).kept

    def available(self, product_id: ProductId) -> int | None:
        """Return how many could be held when last heard of; None when nothing is known."""
        known = self._known.get((PRODUCT, product_id, ""))
        return known[0].available if known and isinstance(known[0], Goods) else None

    def remember(self, rows: Mapping[Key, Goods | Kept]) -> None:
        """Take over rows as they were just written by us."""
        for key, row in rows.items():
            if isinstance(row, Kept) and not row.state.passing:
                self._known.pop(key, None)
            elif isinstance(row, Kept):
                self._known[key] = (row, 0)
            elif key in self._known:
                # As of when it was read, not of now: what others hold was not looked at since.
                self._known[key] = (row, self._known[key][1])

    def forget(self, subjects: Iterable[Key]) -> None:
        """Believe nothing about these rows any more."""
        for subject in subjects:
            self._known.pop(subject, None)

    def _remembered(self, subjects: Iterable[Key]) -> dict[Key, Goods | Kept]:
        known = [subject for subject in subjects if subject in self._known]
        for subject in known:
            self._known.move_to_end(subject)
        return {subject: self._known[subject][0] for subject in known}

    def _knows(self, subject: Key, operation: Operation) -> bool:
        known = self._known.get(subject)
        return operation.blind if known is None else known[1] < operation.trusts

    async def _read(self, keys: Sequence[Key], *, serial: bool = False) -> Facts:
        facts = Facts()
        for at in range(0, len(keys), _ROWS_AT_ONCE):
            some = keys[at : at + _ROWS_AT_ONCE]
            for row in await self._db.all("shelves.get", _ROWS, (self.shard, some), serial=serial):
                _sort_in(facts, row)
        moment = next(self._moments)
        for product_id, goods in facts.goods.items():
            self._known[PRODUCT, product_id, ""] = (goods, moment)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return facts


def encode_lines(lines: Sequence[ReservedLine]) -> bytes | None:
    """Return a reservation's lines as they are kept."""
    if not lines:
        return None
    return msgspec.json.encode([(x.product_id, x.sku, x.name, x.quantity, x.unit_price_minor) for x in lines])


def _keys(operations: Sequence[Operation], subjects: set[Key]) -> dict[Key, None]:
    """Return some subjects and the rows that operations need beside them, each once."""
    keys = dict.fromkeys(subjects)
    for operation in operations:
        for subject in operation.subjects:
            if subject in subjects:
                keys |= dict.fromkeys(operation.beside(subject))
    return keys


def _put(facts: Facts, subject: Key, row: Goods | Kept) -> None:
    if isinstance(row, Goods):
        facts.goods[subject[1]] = row
    else:
        facts.kept[subject[1]] = row


def _sort_in(facts: Facts, row: tuple[Any, ...]) -> None:
    kind, about, ref, sku, name, price_minor, version, deleted, *quantities = row[:12]
    quantity, claim, delta, reason, attempt, at_ms, lines = row[12:]
    if kind == PRODUCT:
        facts.goods[about] = Goods(sku or None, name, price_minor, version, bool(deleted), Stock(*quantities))
    elif kind == HOLD:
        facts.held[about, ref] = Held(Claim.HELD, quantity)
    elif kind == MARKER:
        facts.held[about, ref] = Held(Claim(claim))
    elif kind == OPERATION:
        facts.notes[about, ref] = Note(delta, reason, Stock(*quantities))
    elif kind == RESERVATION and version is not None:
        kept = tuple([ReservedLine(*line) for line in _decode_lines(lines)]) if lines else ()
        facts.kept[about] = Kept(about, State(claim), attempt, version, at_ms, kept)
