"""The database of a shop under test: SQLite in its data folder, or keyspaces of its own in the test cluster."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from store_kit.cassandra.schema import new_keyspace
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.services import test_cluster

SERVICES = ("catalog", "cart", "order", "user")


@dataclass(frozen=True, slots=True)
class Keyspaces:
    """Where a shop keeps its truth.

    Args:
        database: what STORE_DATABASE says; None: SQLite.
    """

    database: str | None

    @classmethod
    def fresh(cls) -> Self:
        """Return empty ones of the cluster that STORE_TEST_DATABASE names, SQLite without."""
        cluster = test_cluster()
        return cls(f"{cluster}&prefix=s{uuid.uuid4().hex[:12]}_" if cluster else None)

    @property
    def env(self) -> Mapping[str, str]:
        """The settings of a shop that uses them."""
        return {"STORE_DATABASE": self.database} if self.database else {}

    async def drop(self) -> None:
        """Delete them, so that the next shop's node has room."""
        if self.database is None:
            return
        settings = StoreSettings(database=self.database, database_timeout_s=10.0)
        database = new_keyspace("any", settings=settings, secrets=Secrets(settings), metrics=Metrics("tests"))
        await database.open()
        try:
            await database.until_usable(30.0)
            for service in SERVICES:
                name = database.where.keyspace(service)
                await database.run(f"DROP KEYSPACE IF EXISTS {name}")
        finally:
            await database.close()
