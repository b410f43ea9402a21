"""Which database keeps the orders, their work and the provider's books: SQLite files or a keyspace in Cassandra."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.clock import Clock
from store_kit.metrics import Metrics
from store_kit.secrets import Secrets
from store_kit.service import Check, Resource
from store_kit.sqlite import shop_file

from store_order.adapters.payment_books import PaymentBooks
from store_order.adapters.sqlite_books import SqliteBooks
from store_order.adapters.sqlite_orders import SqliteOrderStore
from store_order.adapters.sqlite_work import SqliteWorkQueue
from store_order.ports import OrderStore, Signals, WorkQueue
from store_order.settings import OrderSettings

SCHEMA: Final[Traversable] = files("store_order") / "schema"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the order service, with what must be opened for them and how their health is checked."""

    orders: OrderStore
    work: WorkQueue
    books: PaymentBooks
    resources: tuple[Resource, ...]
    checks: Mapping[str, Check]


def stores_of(
    settings: OrderSettings, secrets: Secrets, metrics: Metrics, clock: Clock, signals: Signals
) -> Stores:
    """Return the stores that the settings name; nothing is opened yet."""
    if settings.cluster is None:
        return _sqlite(settings, metrics, clock, signals)
    return _cassandra(settings, secrets, metrics, clock, signals)


def _sqlite(settings: OrderSettings, metrics: Metrics, clock: Clock, signals: Signals) -> Stores:
    orders = shop_file("orders", SCHEMA / "sqlite", settings=settings, metrics=metrics)
    payments = shop_file("payments", SCHEMA / "payments", settings=settings, metrics=metrics)
    return Stores(
        SqliteOrderStore(orders, signals),
        SqliteWorkQueue(orders),
        SqliteBooks(payments, clock),
        (orders, payments),
        {"orders": orders.check, "payments": payments.check},
    )


def _cassandra(
    settings: OrderSettings, secrets: Secrets, metrics: Metrics, clock: Clock, signals: Signals
) -> Stores:
    # The driver costs memory and time to import, which a shop on SQLite need not pay.
    from store_kit.cassandra_schema import open_keyspace  # noqa: PLC0415

    from store_order.adapters.cassandra_counts import CassandraCounts  # noqa: PLC0415
    from store_order.adapters.cassandra_order_index import CassandraOrderIndex  # noqa: PLC0415
    from store_order.adapters.cassandra_orders import CassandraOrderStore  # noqa: PLC0415
    from store_order.adapters.cassandra_payments import CassandraBooks  # noqa: PLC0415
    from store_order.adapters.cassandra_work import CassandraWorkQueue  # noqa: PLC0415

    db = open_keyspace("order", SCHEMA / "cassandra", settings=settings, secrets=secrets, metrics=metrics)
    work, tally = CassandraWorkQueue(db, clock), CassandraCounts(db)
    return Stores(
        CassandraOrderStore(db, CassandraOrderIndex(db), work, tally, signals),
        work,
        CassandraBooks(db, clock),
        (db, tally),
        {"database": db.check},
    )
