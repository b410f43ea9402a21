"""Which database keeps the orders, their work and the provider's books: SQLite files or a keyspace in Cassandra."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.clock import Clock
from store_kit.running.service import Check, Resource
from store_kit.secrets import Secrets
from store_kit.sqlite.database import shop_file
from store_kit.telemetry.metrics import Metrics

from store_order.adapters.simulated_payments import PaymentStore
from store_order.adapters.sqlite.orders import SqliteOrderStore
from store_order.adapters.sqlite.payments import SqlitePaymentStore
from store_order.adapters.sqlite.work import SqliteWorkQueue
from store_order.ports import OrderStore, Signals, WorkQueue
from store_order.settings import OrderSettings

SCHEMA: Final[Traversable] = files("store_order") / "schema"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the order service, with what must be opened for them and how their health is checked."""

    orders: OrderStore
    work: WorkQueue
    payments: PaymentStore
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
    order_file = shop_file("orders", SCHEMA / "sqlite", settings=settings, metrics=metrics)
    payment_file = shop_file("payments", SCHEMA / "payments", settings=settings, metrics=metrics)
    return Stores(
        orders=SqliteOrderStore(order_file, signals),
        work=SqliteWorkQueue(order_file),
        payments=SqlitePaymentStore(payment_file, clock),
        resources=(order_file, payment_file),
        checks={"orders": order_file.check, "payments": payment_file.check},
    )


def _cassandra(
    settings: OrderSettings, secrets: Secrets, metrics: Metrics, clock: Clock, signals: Signals
) -> Stores:
    # The driver costs memory and time to import, which a shop on SQLite need not pay.
    from store_kit.cassandra.gathered_writes import GatheredWrites  # noqa: PLC0415
    from store_kit.cassandra.schema import open_keyspace  # noqa: PLC0415

    from store_order.adapters.cassandra.counts import CassandraCounts  # noqa: PLC0415
    from store_order.adapters.cassandra.order_index import CassandraOrderIndex  # noqa: PLC0415
    from store_order.adapters.cassandra.orders import CassandraOrderStore  # noqa: PLC0415
    from store_order.adapters.cassandra.payments import CassandraPaymentStore  # noqa: PLC0415
    from store_order.adapters.cassandra.work import CassandraWorkQueue  # noqa: PLC0415

    db = open_keyspace("order", SCHEMA / "cassandra", settings=settings, secrets=secrets, metrics=metrics)
    announcements = GatheredWrites(db, "announcements.insert")
    work, tally = CassandraWorkQueue(db, clock, announcements), CassandraCounts(db)
    return Stores(
        orders=CassandraOrderStore(db, CassandraOrderIndex(db, announcements), work, tally, signals),
        work=work,
        payments=CassandraPaymentStore(db, clock),
        resources=(db, tally),
        checks={"database": db.check},
    )
