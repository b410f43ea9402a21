"""Compare two variants of Cassandra's compare-and-set on three nodes: `python -m perf.bench.paxos`, in five minutes.

Writers of partitions of their own, and writers that contend for one: successful changes per second, and how many
tries each took. Everything shares this machine's cores, so only the ratio of the two means anything.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import new_keyspace
from store_kit.problems import Problem
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.cassandra import Node

VARIANTS: Final = ("v1", "v2")
WRITERS: Final = (1, 4, 16)
_KEYSPACE: Final = (
    "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', "
    "'datacenter1': 3}"
)
_TABLE: Final = "CREATE TABLE IF NOT EXISTS cells (id int PRIMARY KEY, version int)"
_SET: Final = "UPDATE cells SET version = ? WHERE id = ? IF version = ?"
_GET: Final = "SELECT version FROM cells WHERE id = ?"


async def change(database: Cassandra, cell: int, until: float) -> tuple[int, int]:
    """Raise a cell's version over and over; return how often that succeeded and how often it was tried."""
    done = tried = 0
    while time.monotonic() < until:
        try:
            row = await database.one("cells.get", _GET, (cell,), serial=True)
            version = row[0] if row else None
            tried += 1
            done += await database.apply("cells.set", (_SET, ((version or 0) + 1, cell, version)))
        except Problem:
            continue  # a try whose outcome is not known counts as a try
    return done, tried


async def rate(database: Cassandra, cells: Sequence[int], seconds: float) -> str:
    """Return successes per second and tries per success, of one writer per entry of `cells`."""
    until = time.monotonic() + seconds
    results = await asyncio.gather(*(change(database, cell, until) for cell in cells))
    done, tried = (sum(column) for column in zip(*results, strict=True))
    return f"{done / seconds:7.1f}/s, {tried / max(done, 1):5.2f} tries each"


async def measure(url: str, seconds: float) -> None:
    """Print what one cluster does."""
    settings = StoreSettings(database=f"{url}&rf=3&prefix=paxos_", database_timeout_s=5.0)
    database = new_keyspace("bench", settings=settings, secrets=Secrets(settings), metrics=Metrics("bench"))
    await database.open()
    await database.until_usable(60)
    await database.run(_KEYSPACE)
    await database.run(_TABLE)
    try:
        for writers in WRITERS:
            apart = await rate(database, range(1_000, 1_000 + writers), seconds)
            together = await rate(database, [writers] * writers, seconds)
            print(f"  {writers:>2} writers: partitions of their own {apart}   one partition {together}")
    finally:
        await database.close()


def main() -> None:
    """Start three nodes with each variant in turn and measure."""
    parser = argparse.ArgumentParser(prog="python -m perf.bench.paxos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two take turns")
    options = parser.parse_args()
    for variant in VARIANTS * options.rounds:
        with tempfile.TemporaryDirectory(prefix="store-paxos-") as folder, ExitStack() as stack:
            nodes = Node.three(Path(folder))
            for node in nodes:
                node.more["CASS_PAXOS"] = variant
                stack.callback(node.kill)
            nodes[0].start()
            for node in nodes[1:]:
                node.run("up")
            print(f"paxos_variant {variant}", flush=True)
            asyncio.run(measure(nodes[0].url, options.seconds))


if __name__ == "__main__":
    main()
