"""The stores of the order service, as the suite that defines them opens each adapter's."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.sqlite.database import Sqlite
from store_order.adapters.cassandra.counts import CassandraCounts
from store_order.adapters.cassandra.order_index import CassandraOrderIndex
from store_order.adapters.cassandra.orders import CassandraOrderStore
from store_order.adapters.cassandra.payments import CassandraPaymentStore
from store_order.adapters.cassandra.work import CassandraWorkQueue
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import SimulatedPayments
from store_order.adapters.sqlite.orders import SqliteOrderStore
from store_order.adapters.sqlite.payments import SqlitePaymentStore
from store_order.adapters.sqlite.work import SqliteWorkQueue
from store_order.adapters.stores import SCHEMA
from store_order.ports import OrderStore, Payments, WorkQueue

from services.order.tests.fakes import Disk, MemoryOrderStore, MemoryPayments, MemoryWorkQueue
from tests.support.clock import ManualClock
from tests.support.services import empty, test_cluster

ADAPTERS = ["memory", "sqlite", *(["cassandra"] if test_cluster() else [])]


@dataclass
class Stores:
    """One adapter's stores, all on the same data."""

    orders: OrderStore
    work: WorkQueue
    payments: Payments
    signals: LocalSignals
    rival: OrderStore
    """The orders as another process sees them."""


def memory_stores() -> Stores:
    """Return the written fakes."""
    disk, signals = Disk(), LocalSignals()
    return Stores(
        MemoryOrderStore(disk, signals),
        MemoryWorkQueue(disk),
        MemoryPayments(),
        signals,
        MemoryOrderStore(disk, LocalSignals()),
    )


async def cassandra_stores(keyspace: Cassandra) -> Stores:
    """Return the stores on a keyspace, which is emptied first."""
    await empty(keyspace)
    signals, writes = LocalSignals(), GatheredWrites(keyspace, "announcements.insert")
    work, index = CassandraWorkQueue(keyspace, ManualClock(), writes), CassandraOrderIndex(keyspace, writes)
    orders, rival = (
        CassandraOrderStore(keyspace, index, work, CassandraCounts(keyspace), told)
        for told in (signals, LocalSignals())
    )
    payments = SimulatedPayments(CassandraPaymentStore(keyspace, ManualClock()))
    return Stores(orders, work, payments, signals, rival)


@contextlib.asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    """Open the stores on files in a folder."""
    async with contextlib.AsyncExitStack() as stack:
        orders = Sqlite(folder / "orders.db", SCHEMA / "sqlite")
        payments = Sqlite(folder / "payments.db", SCHEMA / "payments")
        for database in (orders, payments):
            await database.open()
            stack.push_async_callback(database.close)
        signals = LocalSignals()
        yield Stores(
            SqliteOrderStore(orders, signals),
            SqliteWorkQueue(orders),
            SimulatedPayments(SqlitePaymentStore(payments, ManualClock())),
            signals,
            SqliteOrderStore(orders, LocalSignals()),
        )
