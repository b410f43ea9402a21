"""Products in SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.sqlite.database import Sqlite

from store_catalog.adapters.sqlite.feed import announce
from store_catalog.domain import Added, NewProduct, Product, ProductId
from store_catalog.problems import ProductChanged, ProductNotFound, SkuTaken

_FIELDS: Final = (
    "p.id, p.sku, p.name, p.description, p.category, p.price_minor, p.version, p.created_at_ms,"
    " p.updated_at_ms, s.available, s.version, p.deleted"
)
_JOINED: Final = f"SELECT {_FIELDS} FROM products p JOIN stock s ON s.ref = p.ref"  # noqa: S608 - constants only
_GET: Final = f"{_JOINED} WHERE p.id = ? AND p.deleted = 0"
_SCAN: Final = f"{_JOINED} WHERE p.id > ? AND p.deleted = 0 ORDER BY p.id LIMIT ?"
# CROSS JOIN keeps the order of the tables: the wanted ids drive, each is looked up by its index.
_BY_IDS: Final = (
    f"SELECT {_FIELDS} FROM json_each(?) wanted CROSS JOIN products p ON p.id = wanted.value"  # noqa: S608 - same
    " JOIN stock s ON s.ref = p.ref"
)
_BY_SKUS: Final = (
    f"SELECT {_FIELDS} FROM json_each(?) wanted CROSS JOIN products p"  # noqa: S608 - same
    " ON p.sku = wanted.value AND p.deleted = 0 JOIN stock s ON s.ref = p.ref"
)
_INSERT: Final = (
    "INSERT INTO products (ref, id, sku, name, category, price_minor, version, created_at_ms, updated_at_ms,"
    " description) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE: Final = (
    "UPDATE products SET sku = ?, name = ?, category = ?, price_minor = ?, version = ?, updated_at_ms = ?,"
    " deleted = ?, description = ? WHERE id = ? AND version = ? AND deleted = 0"
)


def _product(row: tuple[Any, ...]) -> Product:
    return Product(*row[:-1], bool(row[-1]))  # type: ignore[call-arg]  # mypy cannot count a slice


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


class SqliteProductStore:
    """ProductStore on the catalogue's SQLite file.

    Args:
        db: the file.
        clock: what time it is.
    """

    def __init__(self, db: Sqlite, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get_product(self, product_id: ProductId) -> Product:
        """Return a product.

        Raises:
            ProductNotFound: unknown or deleted.
        """
        row = self._db.one("products.get", _GET, (product_id,))
        if row is None:
            raise ProductNotFound.of(product_id)
        return _product(row)

    async def find_products(self, product_ids: Sequence[ProductId]) -> list[Product]:
        """Return those that exist, tombstones too."""
        return [
            _product(row)
            for row in self._db.all("products.many", _BY_IDS, (_json(list(dict.fromkeys(product_ids))),))
        ]

    async def scan_products(self, after: ProductId, limit: int) -> list[Product]:
        """Return the next live products by id."""
        return [_product(row) for row in self._db.all("products.scan", _SCAN, (after, limit))]

    async def insert_products(self, products: Sequence[NewProduct]) -> list[Added]:
        """Add products in one transaction; one whose SKU is there already stays as it is."""
        now_ms = self._clock.now_ms()
        return await self._db.write("products.insert", lambda connection: _add(connection, products, now_ms))

    async def update_product(self, product: Product, expected_version: int) -> Product:
        """Replace a version.

        Raises:
            ProductChanged: it is at another version.
            ProductNotFound: unknown or deleted.
            SkuTaken: another product has its SKU.
        """
        return await self._db.write(
            "products.update", lambda connection: _save(connection, product, expected_version)
        )


def _add(connection: sqlite3.Connection, products: Sequence[NewProduct], now_ms: int) -> list[Added]:
    by_sku = _by_sku(connection, [p.details.sku for p in products if p.details.sku is not None])
    added: list[Added] = []
    for new in products:
        known = by_sku.get(new.details.sku) if new.details.sku is not None else None
        product = known or new.first_version(new_id(), now_ms)
        if known is None and product.sku is not None:
            by_sku[product.sku] = product
        added.append(Added(product, created=known is None))
    _insert(connection, [(a.product, new.stock) for a, new in zip(added, products, strict=True) if a.created])
    return added


def _by_sku(connection: sqlite3.Connection, skus: Sequence[str]) -> dict[str, Product]:
    rows = connection.execute(_BY_SKUS, (_json(skus),)).fetchall() if skus else []
    return {row[1]: _product(row) for row in rows}


def _insert(connection: sqlite3.Connection, products: Sequence[tuple[Product, int]]) -> None:
    (last,) = connection.execute("SELECT coalesce(max(ref), 0) FROM products").fetchone()
    announce(connection, [(p.id, p.version, 0, p.created_at_ms) for p, _ in products])
    connection.executemany(
        _INSERT,
        [
            (
                ref,
                p.id,
                p.sku,
                p.name,
                p.category,
                p.price_minor,
                1,
                p.created_at_ms,
                p.created_at_ms,
                p.description,
            )
            for ref, (p, _) in enumerate(products, last + 1)
        ],
    )
    connection.executemany(
        "INSERT INTO stock VALUES (?, ?, ?, 0, 1)",
        [(ref, stock, stock) for ref, (_, stock) in enumerate(products, last + 1)],
    )


def _save(connection: sqlite3.Connection, product: Product, expected_version: int) -> Product:
    if product.sku is not None and not product.deleted:
        _refuse_taken_sku(connection, product.sku, product.id)
    announce(connection, [(product.id, product.version, 0, product.updated_at_ms)])
    cursor = connection.execute(
        _UPDATE,
        (
            product.sku,
            product.name,
            product.category,
            product.price_minor,
            product.version,
            product.updated_at_ms,
            product.deleted,
            product.description,
            product.id,
            expected_version,
        ),
    )
    if cursor.rowcount == 0:
        raise _refusal(connection, product.id, expected_version)
    return _product(connection.execute(_BY_IDS, (_json([product.id]),)).fetchone())


def _refuse_taken_sku(connection: sqlite3.Connection, sku: str, product_id: ProductId) -> None:
    row = connection.execute(
        "SELECT id FROM products WHERE sku = ? AND deleted = 0 AND id <> ?", (sku, product_id)
    ).fetchone()
    if row:
        raise SkuTaken.by(sku, row[0])


def _refusal(connection: sqlite3.Connection, product_id: ProductId, expected_version: int) -> Exception:
    row = connection.execute(
        "SELECT version FROM products WHERE id = ? AND deleted = 0", (product_id,)
    ).fetchone()
    if row is None:
        return ProductNotFound.of(product_id)
    return ProductChanged.since(expected_version, row[0])
