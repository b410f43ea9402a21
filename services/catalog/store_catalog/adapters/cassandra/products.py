"""Products in Cassandra: a row in the partition of their shard, changed by compare-and-set on its version.

A new product gets an id that falls into the shard of its SKU, so that one conditional batch writes both, or neither.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, Statement
from store_kit.cassandra.writes import RowProof
from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.problems import in_doubt

from store_catalog.adapters.cassandra.feed import CassandraChangeFeed
from store_catalog.adapters.cassandra.product_rows import ProductRows
from store_catalog.adapters.cassandra.shards import Shards, each
from store_catalog.adapters.cassandra.skus import Skus, claim_of
from store_catalog.domain import Added, NewProduct, Product, ProductId
from store_catalog.problems import ProductChanged, ProductNotFound, SkuTaken

_INSERT: Final = (
    "INSERT INTO shelves (shard, kind, id, ref, sku, name, description, category, price_minor, version, created_ms,"
    " updated_ms, deleted, received, available, sold, stock_version)"
    " VALUES (?, 0, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, false, ?, ?, 0, ?) IF NOT EXISTS"
)
_UPDATE: Final = (
    "UPDATE shelves SET sku = ?, name = ?, description = ?, category = ?, price_minor = ?, version = ?,"
    " updated_ms = ?, deleted = ? WHERE shard = ? AND kind = 0 AND id = ? AND ref = '' IF version = ?"
)
_NOTE: Final = "INSERT INTO shelves (shard, kind, id, ref, mark) VALUES (?, 3, ?, ?, ?) USING TTL 86400"
_NOTED: Final = "SELECT mark FROM shelves WHERE shard = ? AND kind = 3 AND id = ? AND ref = ?"
_TRIES: Final = 10
_ROWS_AT_ONCE: Final = 250


class CassandraProductStore:
    """ProductStore on the catalogue's keyspace.

    Args:
        db: the keyspace.
        shards: where products are.
        feed: told of every change before it is made.
        clock: what time it is.
    """

    def __init__(self, db: Cassandra, shards: Shards, feed: CassandraChangeFeed, clock: Clock) -> None:
        self._db = db
        self._shards = shards
        self._feed = feed
        self._clock = clock
        self._rows = ProductRows(db, shards)
        self._skus = Skus(db, shards, self._rows, feed, clock)

    async def get_product(self, product_id: ProductId) -> Product:
        """Return a product.

        Raises:
            ProductNotFound: unknown or deleted.
        """
        return await self._present(product_id)

    async def find_products(self, product_ids: Sequence[ProductId]) -> list[Product]:
        """Return those that exist, tombstones too."""
        return await self._rows.find(product_ids)

    async def scan_products(self, after: ProductId, limit: int) -> list[Product]:
        """Return the next live products."""
        return await self._rows.scan(after, limit)

    async def insert_products(self, products: Sequence[NewProduct]) -> list[Added]:
        """Add products; one whose SKU is there already stays as it is.

        A call that fails may have added some of them: repeated, it adds the rest of those that have a SKU.
        """
        known = await self._skus.owners({p.details.sku for p in products if p.details.sku is not None})
        made = self._first_versions(products, known)
        known |= await self._make(list(made.values()))
        created = {at: product for at, product in made.items() if product.sku not in known}
        known |= {product.sku: product for product in created.values() if product.sku is not None}
        return [
            Added(created[at] if at in created else known[str(new.details.sku)], created=at in created)
            for at, new in enumerate(products)
        ]

    async def update_product(self, product: Product, expected_version: int) -> Product:
        """Replace a version.

        Raises:
            ProductChanged: it is at another version.
            ProductNotFound: unknown or deleted.
            SkuTaken: another product has its SKU.
        """
        before = await self._present(product.id, expected_version)
        gets = product.sku if product.sku != before.sku and not product.deleted else None
        if gets is not None:
            owner = await self._skus.take(gets, product.id, product.version)
            if owner is not None:
                raise SkuTaken.by(gets, owner)
        # The SKU is claimed by now: for a while nobody else gets it.
        with contextlib.nullcontext() if gets is None else in_doubt():
            await self._feed.announce([(product.id, product.version, 0)])
            saved = await self._replace(product, expected_version)
            loses = before.sku if product.deleted or product.sku != before.sku else None
            left = loses if saved else gets
            if left is not None:
                await self._skus.let_go(left, product.id)
            if not saved:
                await self._present(product.id, expected_version, serial=True)
                raise ProductChanged(
                    f"Version {expected_version} was edited meanwhile; read it and edit again."
                )
        with in_doubt():
            (now,) = await self._rows.find([product.id])
        return replace(product, available=now.available, stock_version=now.stock_version)

    async def _present(
        self, product_id: ProductId, expected_version: int | None = None, *, serial: bool = False
    ) -> Product:
        """Return a product, if it is at the version that is expected."""
        for product in await self._rows.find([product_id], serial=serial):
            if product.deleted:
                break
            if expected_version not in (None, product.version):
                raise ProductChanged.since(expected_version, product.version)
            return product
        raise ProductNotFound.of(product_id)

    async def _replace(self, product: Product, expected_version: int) -> bool:
        p, token, shard = product, new_id(), self._shards.of(product.id)
        to = (
            p.sku or "",
            p.name,
            p.description,
            p.category,
            p.price_minor,
            p.version,
            p.updated_at_ms,
            p.deleted,
        )
        # A blank: no operation id of an adjustment has one.
        note = (shard, p.id, f"edit {p.version}")

        update = (_UPDATE, (*to, shard, p.id, expected_version))
        ours = RowProof("products.edit", _NOTED, note, lambda row: row == (token,))
        return await self._db.apply_and_resolve(
            "products.update", update, (_NOTE, (*note, token)), proof=ours
        )

    # ------------------------------------------------------------------------------------------ new products

    def _first_versions(
        self, products: Sequence[NewProduct], known: Mapping[str, Product]
    ) -> dict[int, Product]:
        """Return the products to make, by their places: none for a SKU that is known or came before in the batch."""
        now_ms = self._clock.now_ms()
        made: dict[int, Product] = {}
        met = set(known)
        for at, new in enumerate(products):
            sku = new.details.sku
            if sku is None or sku not in met:
                product_id = new_id() if sku is None else self._shards.id_in(self._shards.of(sku))
                made[at] = new.first_version(product_id, now_ms)
            if sku is not None:
                met.add(sku)
        return made

    async def _make(self, products: Sequence[Product]) -> dict[str, Product]:
        """Write new products, except those whose SKU was claimed meanwhile; return the owners of these SKUs."""
        await self._feed.announce([(product.id, product.version, 0) for product in products])
        by_id = {product.id: product for product in products}
        parts = [
            [by_id[product_id] for product_id in ids[at : at + _ROWS_AT_ONCE]]
            for ids in self._shards.divide(by_id).values()
            for at in range(0, len(ids), _ROWS_AT_ONCE)
        ]
        with in_doubt():
            lost = await each(self._make_part, parts)
        return {sku: product for part in lost for sku, product in part.items()}

    async def _make_part(self, products: Sequence[Product]) -> dict[str, Product]:
        lost: dict[str, Product] = {}
        for _ in range(_TRIES):
            rest = [product for product in products if product.sku not in lost]
            if not rest or await self._insert(rest):
                return lost
            lost |= await self._skus.owners([p.sku for p in rest if p.sku is not None], serial=True)
        raise DatabaseOutcomeUnknown("Too many claim these SKUs at once; repeat the request.")

    async def _insert(self, products: Sequence[Product]) -> bool:
        """Write new products of one shard with their SKUs, or none; False: some SKU is another's already."""
        shard = self._shards.of(products[0].id)
        statements = [_first_row(product, shard) for product in products]
        statements += [claim_of(product, shard) for product in products if product.sku is not None]

        async def ours() -> bool:
            return bool(await self._rows.find([products[0].id], serial=True))

        return await self._db.apply_and_resolve("products.insert", *statements, proof=ours)


def _first_row(product: Product, shard: int) -> Statement:
    p = product
    about = (p.sku or "", p.name, p.description, p.category, p.price_minor, p.version)
    stock = (p.available, p.available, p.stock_version)
    return _INSERT, (shard, p.id, *about, p.created_at_ms, p.updated_at_ms, *stock)
