"""On what a shop is measured: in one process or in four, on SQLite or on a node of Cassandra."""

import argparse
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perf.bench.lives import DELIVERY
from perf.bench.nodes import WatchedNode
from perf.bench.server import HERE, SERVER_CORE, Checkout
from perf.bench.shoppers import PRODUCTS
from perf.bench.shops import Running, running, running_four
from tests.support.cassandra import Node

DATABASES: Final = ("sqlite", "cassandra")
PROCESSES: Final = (1, 4)
JVM_WARM_UP_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What all shops of a run have in common.

    Args:
        processes: one of PROCESSES.
        node: the Cassandra node that they are on; None: SQLite.
    """

    processes: int = 1
    node: Node | None = None

    @property
    def alone(self) -> bool:
        """Whether the shop has one core and its clients the other; else everything shares all cores."""
        return self.processes == 1 and self.node is None

    @contextlib.asynccontextmanager
    async def running(self, folder: Path, *, checkout: Checkout = HERE) -> AsyncIterator[Running]:
        """Run a shop; a second start in the same folder goes on from there."""
        node = WatchedNode(self.node, zlib.crc32(bytes(folder))) if self.node else None
        env = DELIVERY | ({"STORE_DATABASE": node.url} if node else {})
        if self.processes > 1:
            async with running_four(env, folder, checkout=checkout, node=node) as run:
                yield run
        else:
            core = SERVER_CORE if self.alone else None
            with running(env, folder, checkout=checkout, core=core, node=node) as run:
                yield run


@contextlib.contextmanager
def setup(database: str, processes: int, folder: Path) -> Iterator[Setup]:
    """Give what shops are run on; a Cassandra node is started, and ended afterwards."""
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(Node.alone(folder / "node")) if database == "cassandra" else None
        yield Setup(processes, node)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command be told on what it measures."""
    add = parser.add_argument
    add(
        "--database",
        choices=DATABASES,
        default="sqlite",
        help="cassandra: one node is started (needs Java 17)",
    )
    add("--processes", type=int, choices=PROCESSES, default=1, help="4: one for each service, behind nginx")
    add("--products", type=int, default=PRODUCTS, help="how many the shop has")
    add(
        "--jvm-warm-up",
        type=float,
        default=JVM_WARM_UP_S,
        help="seconds of orders before all else on Cassandra",
    )
