"""The catalogue's stores on a keyspace in Cassandra, put together."""

from dataclasses import dataclass
from typing import Self

from store_kit.cassandra import Cassandra
from store_kit.clock import Clock

from store_catalog.adapters.cassandra_attempts import Attempts
from store_catalog.adapters.cassandra_books import CassandraBooks
from store_catalog.adapters.cassandra_ended import EndedOrders
from store_catalog.adapters.cassandra_endings import Endings
from store_catalog.adapters.cassandra_feed import CassandraChangeFeed
from store_catalog.adapters.cassandra_hints import Hints
from store_catalog.adapters.cassandra_products import CassandraProductStore
from store_catalog.adapters.cassandra_shards import Shards
from store_catalog.adapters.cassandra_shelves import Shelves
from store_catalog.adapters.cassandra_stock import CassandraStockStore
from store_catalog.settings import CatalogSettings


@dataclass(frozen=True, slots=True)
class CassandraStores:
    """Products, stock and change feed."""

    products: CassandraProductStore
    stock: CassandraStockStore
    feed: CassandraChangeFeed

    @classmethod
    def on(cls, db: Cassandra, shards: Shards, settings: CatalogSettings, clock: Clock) -> Self:
        """Return the stores on a keyspace, whose shards must be settled before they are used."""
        feed = CassandraChangeFeed(db, clock, settings.catalog_feed_s)
        shelves, hints = Shelves(db, shards, feed, clock), Hints(db, clock)
        ended = EndedOrders(db, settings.catalog_marker_s)
        endings = Endings(shelves, ended, hints)
        attempts = Attempts(shelves, ended, hints, endings, clock)
        stock = CassandraStockStore(shelves, hints, attempts, endings, CassandraBooks(db, shards))
        return cls(CassandraProductStore(db, shards, feed, clock), stock, feed)
