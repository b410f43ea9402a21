"""Which database keeps products, stock and the change feed: a SQLite file or a keyspace in Cassandra."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.clock import Clock
from store_kit.running.service import Check, Resource
from store_kit.secrets import Secrets
from store_kit.sqlite.database import shop_file
from store_kit.sqlite.marks import SqliteMarks
from store_kit.telemetry.metrics import Metrics

from store_catalog.adapters.sqlite.feed import SqliteChangeFeed
from store_catalog.adapters.sqlite.products import SqliteProductStore
from store_catalog.adapters.sqlite.stock import SqliteStockStore
from store_catalog.ports import ChangeFeed, Marks, ProductStore, StockStore
from store_catalog.settings import CatalogSettings

SCHEMA: Final[Traversable] = files("store_catalog") / "schema"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the catalogue, with what must be opened for them and how their health is checked."""

    products: ProductStore
    stock: StockStore
    feed: ChangeFeed
    marks: Marks
    resources: tuple[Resource, ...]
    checks: Mapping[str, Check]


def stores_of(settings: CatalogSettings, secrets: Secrets, metrics: Metrics, clock: Clock) -> Stores:
    """Return the stores that the settings name; nothing is opened yet."""
    if settings.cluster is None:
        return _sqlite(settings, metrics, clock)
    return _cassandra(settings, secrets, metrics, clock)


def _sqlite(settings: CatalogSettings, metrics: Metrics, clock: Clock) -> Stores:
    db = shop_file("catalog", SCHEMA / "sqlite", settings=settings, metrics=metrics)

    products, stock, feed = SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db)
    return Stores(products, stock, feed, SqliteMarks(db), (db,), {"database": db.check})


def _cassandra(settings: CatalogSettings, secrets: Secrets, metrics: Metrics, clock: Clock) -> Stores:
    # The driver costs memory and time to import, which a shop on SQLite need not pay.
    from store_kit.cassandra.marks import CassandraMarks  # noqa: PLC0415
    from store_kit.cassandra.schema import open_keyspace  # noqa: PLC0415

    from store_catalog.adapters.cassandra.shards import Shards  # noqa: PLC0415
    from store_catalog.adapters.cassandra.stores import CassandraStores  # noqa: PLC0415

    shards = Shards(settings.catalog_shards)
    db = open_keyspace(
        "catalog",
        SCHEMA / "cassandra",
        settings=settings,
        secrets=secrets,
        metrics=metrics,
        ready=shards.load,
    )
    stores = CassandraStores.on(db, shards, settings, clock)
    return Stores(
        stores.products, stores.stock, stores.feed, CassandraMarks(db), (db,), {"database": db.check}
    )
