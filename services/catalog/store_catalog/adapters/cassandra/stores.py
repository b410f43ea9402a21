"""The catalogue's stores on a keyspace in Cassandra, put together."""

from dataclasses import dataclass
from typing import Self

from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import Clock

from store_catalog.adapters.cassandra.committer import ShardCommitter
from store_catalog.adapters.cassandra.feed import CassandraChangeFeed
from store_catalog.adapters.cassandra.finishing import EndedOrders
from store_catalog.adapters.cassandra.pending_reservations import PendingReservations
from store_catalog.adapters.cassandra.products import CassandraProductStore
from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.adapters.cassandra.stock import CassandraStockStore
from store_catalog.adapters.cassandra.stock_pages import StockPages
from store_catalog.settings import CatalogSettings


@dataclass(frozen=True, slots=True)
class CassandraStores:
    """Products, stock and change feed."""

    products: CassandraProductStore
    stock: CassandraStockStore
    feed: CassandraChangeFeed

    @classmethod
    def on(cls, db: Cassandra, shards: Shards, settings: CatalogSettings, clock: Clock) -> Self:
        """Return the stores on a keyspace, whose shards must be loaded before they are used."""
        feed = CassandraChangeFeed(db, clock, settings.catalog_feed_s)
        committer, pending = ShardCommitter(db, shards, feed, clock), PendingReservations(db, clock)
        ended = EndedOrders(db, settings.catalog_marker_s)
        stock = CassandraStockStore(committer, ended, pending, StockPages(db, shards), clock)
        return cls(CassandraProductStore(db, shards, feed, clock), stock, feed)
