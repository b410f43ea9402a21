"""Which product has a SKU: a row for each, in the shard of the SKU.

A new product and its SKU are written by one compare-and-set, so a claim that stands there from the beginning is true.
An edit claims the new SKU before the product gets it, naming the version that the product will then have: from the two
any process can tell whether the edit went through, never will, or may still be on its way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable, Statement
from store_kit.clock import Clock
from store_kit.problems import in_doubt
from store_kit.telemetry.logs import get_logger

from store_catalog.adapters.cassandra.feed import CassandraChangeFeed
from store_catalog.adapters.cassandra.product_rows import ProductRows
from store_catalog.adapters.cassandra.shards import Shards, each
from store_catalog.domain import Product, ProductId

_INSERT: Final = (
    "INSERT INTO shelves (shard, kind, id, ref, owner, version, at_ms)"
    " VALUES (?, 4, ?, '', ?, ?, ?) IF NOT EXISTS"
)
_TAKE_OVER: Final = (
    "UPDATE shelves SET owner = ?, version = ?, at_ms = ? WHERE shard = ? AND kind = 4 AND id = ? AND ref = ''"
    " IF owner = ? AND version = ?"
)
_DELETE: Final = (
    "DELETE FROM shelves WHERE shard = ? AND kind = 4 AND id = ? AND ref = '' IF owner = ? AND version = ?"
)
_FIND: Final = (
    "SELECT id, owner, version, at_ms FROM shelves WHERE shard = ? AND kind = 4 AND id IN ? AND ref = ''"
)
_SKIP: Final = (
    "UPDATE shelves SET version = ? WHERE shard = ? AND kind = 0 AND id = ? AND ref = '' IF version = ?"
)
_ABANDONED_MS: Final = 60_000
"""An edit that has not come back after this never will."""
_TRIES: Final = 10
_log = get_logger("catalog")


class Standing(Enum):
    """What is behind a claim."""

    TRUE = auto()
    BEING_MADE = auto()
    ABANDONED = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class SkuClaim:
    """A SKU is a product's from a version of it on."""

    sku: str
    owner: ProductId
    version: int
    at_ms: int

    def standing(self, product: Product | None, now_ms: int) -> Standing:
        """Return what is behind it, by what its product is now."""
        if product is None or product.deleted:
            return Standing.NOTHING
        if product.sku == self.sku:
            return Standing.TRUE
        if product.version >= self.version:
            return Standing.NOTHING
        return Standing.BEING_MADE if now_ms - self.at_ms < _ABANDONED_MS else Standing.ABANDONED


def claim_of(product: Product, shard: int) -> Statement:
    """Return the statement that claims a new product's SKU in the batch that makes it."""
    return _INSERT, (shard, product.sku, product.id, product.version, product.created_at_ms)


class Skus:
    """The claims on the catalogue's keyspace.

    Args:
        db: the keyspace.
        shards: where a SKU is.
        rows: where products are read.
        feed: told before a product gets another version.
        clock: tells how old a claim is.
    """

    def __init__(
        self, db: Cassandra, shards: Shards, rows: ProductRows, feed: CassandraChangeFeed, clock: Clock
    ) -> None:
        self._db = db
        self._shards = shards
        self._rows = rows
        self._feed = feed
        self._clock = clock

    async def owners(self, skus: Iterable[str], *, serial: bool = False) -> dict[str, Product]:
        """Return the products that have these SKUs; claims with nothing behind them are deleted."""
        claims = await self._find(skus, serial=serial)
        products = {p.id: p for p in await self._rows.find([c.owner for c in claims], serial=serial)}
        owners: dict[str, Product] = {}
        for claim in claims:
            product = products.get(claim.owner)
            if not await self._stands(claim, product):
                # A claim and its product are made together, but a read of some copies may see the one before the other.
                product = await self._owner(claim)
                if not await self._stands(claim, product):
                    await self._delete(claim)
                    continue
            if product is not None:
                owners[claim.sku] = product
        return owners

    async def take(self, sku: str, product_id: ProductId, version: int) -> ProductId | None:
        """Claim a SKU for a product that gets it with `version`; return its owner if it has one, None: it is claimed.

        Raises:
            DatabaseOutcomeUnknown: that could not be learnt.
        """
        shard = self._shards.of(sku)
        ours = (product_id, version, self._clock.now_ms())
        insert = (_INSERT, (shard, sku, *ours))
        if await self._applied("skus.insert", insert):
            return None
        # Not applied, or not answered.
        with in_doubt():
            for _ in range(_TRIES):
                for found in await self._find([sku], serial=True):
                    if (found.owner, found.version) == (product_id, version):
                        return None
                    if await self._stands(found, await self._owner(found)):
                        return found.owner
                    over = (*ours, shard, sku, found.owner, found.version)
                    await self._applied("skus.update", (_TAKE_OVER, over))
                if await self._applied("skus.insert", insert):
                    return None
        raise DatabaseOutcomeUnknown("Too many claim this SKU at once; repeat the request.")

    async def let_go(self, sku: str, product_id: ProductId) -> None:
        """Delete a product's claim if nothing is behind it any more; if that fails, a later call does it."""
        try:
            for claim in await self._find([sku], serial=True):
                now_ms = self._clock.now_ms()
                if (
                    claim.owner == product_id
                    and claim.standing(await self._owner(claim), now_ms) is Standing.NOTHING
                ):
                    await self._delete(claim)
        except (DatabaseUnavailable, DatabaseOutcomeUnknown) as error:
            _log.info("sku.left", error=type(error).__name__)

    async def _owner(self, claim: SkuClaim) -> Product | None:
        found = await self._rows.find([claim.owner], serial=True)
        return found[0] if found else None

    async def _stands(self, claim: SkuClaim, product: Product | None) -> bool:
        """Say whether a claim is to be respected; one that was abandoned is made void by that."""
        standing = claim.standing(product, self._clock.now_ms())
        if product is None or standing is not Standing.ABANDONED:
            return standing is not Standing.NOTHING
        # The product passes the version with which it would have got the SKU. Nothing else of it changes.
        await self._feed.announce([(product.id, claim.version, 0)])
        skipped = (claim.version, self._shards.of(product.id), product.id, product.version)

        async def passed() -> bool:
            present = await self._owner(claim)
            return present is None or present.version >= claim.version

        await self._db.apply_and_resolve("products.skip", (_SKIP, skipped), proof=passed)
        return claim.standing(await self._owner(claim), claim.at_ms) is not Standing.NOTHING

    async def _find(self, skus: Iterable[str], *, serial: bool) -> list[SkuClaim]:
        divided = self._shards.divide(skus)

        async def read(shard: int) -> list[SkuClaim]:
            rows = await self._db.all("skus.get", _FIND, (shard, divided[shard]), serial=serial)
            return [SkuClaim(*row) for row in rows]

        return [claim for part in await each(read, list(divided)) for claim in part]

    async def _delete(self, claim: SkuClaim) -> None:
        row = (self._shards.of(claim.sku), claim.sku, claim.owner, claim.version)
        await self._applied("skus.delete", (_DELETE, row))

    async def _applied(self, operation: str, statement: Statement) -> bool:
        """Write conditionally; False may also mean that the outcome is not known; the rows tell."""
        try:
            return await self._db.apply(operation, statement)
        except DatabaseOutcomeUnknown:
            return False
