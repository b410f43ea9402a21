"""A runner of migrations that dies: `python -m tests.cassandra.dying_migration URL FOLDER NTH LEASE_S`.

It is the real runner on the real database; only the schema statement after which it kills itself is chosen (0: none).
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import Schema, new_keyspace
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

SERVICE = "grown"


class Dying(Cassandra):
    """A keyspace whose process dies after so many schema statements."""

    left = 0

    async def run(self, cql: str) -> None:
        """Run a schema statement, then perhaps die before the caller hears of it."""
        await super().run(cql)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    """Migrate, and say which files were applied."""
    url, folder, nth, lease_s = sys.argv[1:]
    settings = StoreSettings(database=url, database_timeout_s=10.0)
    database = new_keyspace(SERVICE, settings=settings, secrets=Secrets(settings), metrics=Metrics(SERVICE))
    database.__class__ = Dying
    assert isinstance(database, Dying)
    database.left = int(nth)
    await database.open()
    await database.until_usable(60)
    applied = await Schema(SERVICE, Path(folder), lease_s=int(lease_s)).migrate(database)
    await database.close()
    print("applied:", *applied)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main())
