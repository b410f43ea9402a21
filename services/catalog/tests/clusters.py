"""A keyspace with several processes on it, some of whose databases fail."""

from dataclasses import dataclass
from typing import Any

from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.adapters.cassandra.stores import CassandraStores
from store_catalog.domain.reservations import ReservationState
from store_kit.cassandra.keyspace import Cassandra

from services.catalog.tests.cassandra_faults import Watched
from services.catalog.tests.fakes import FakeIndex, FakeTelemetry, sweep_of
from services.catalog.tests.stores import SETTINGS, Stores
from tests.support.clock import ManualClock


@dataclass
class Cluster:
    """A keyspace, and processes that work on it."""

    keyspace: Cassandra
    shards: Shards
    first: Stores

    def process(self, db: Cassandra | Watched | None = None, clock: ManualClock | None = None) -> Stores:
        """Return the stores of another process."""
        kept = CassandraStores.on(db or self.keyspace, self.shards, SETTINGS, clock or self.first.clock)  # type: ignore[arg-type]  # a stand-in
        return Stores(kept.products, kept.stock, kept.feed, clock or self.first.clock, self.first.begin, True)

    async def rows(self, kind: int, columns: str) -> list[tuple[Any, ...]]:
        """Return what all shelves have of a kind."""
        found: list[tuple[Any, ...]] = []
        for shard in range(self.shards.count):
            cql = f"SELECT {columns} FROM shelves WHERE shard = ? AND kind = ?"  # noqa: S608 - a test's own
            found += await self.keyspace.all("test", cql, (shard, kind))
        return found

    async def left_over(self) -> set[str]:
        """Return the orders that stopped half way, but for those for which nothing was ever done."""
        kept = await self.rows(5, "id, claim")
        touched = {ref.rpartition("/")[0] for (ref,) in await self.rows(1, "ref") + await self.rows(2, "ref")}
        return touched & {order_id for order_id, state in kept if ReservationState(state).passing}

    async def forget(self, kind: int, about: str, ref: str) -> None:
        """Take a row away, as its TTL would."""
        shard = self.shards.of(about)
        cql = "DELETE FROM shelves WHERE shard = ? AND kind = ? AND id = ? AND ref = ? IF EXISTS"
        assert await self.keyspace.apply("test", (cql, (shard, kind, about, ref)))

    async def sweep(self) -> int:
        """Let a process that has just started finish what others left, as long as there is something."""
        self.first.clock.advance(11)
        return await sweep_of(self.process(), FakeIndex(), FakeTelemetry())()
