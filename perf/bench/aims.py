"""What is wanted of this checkout on the machine of docs/performance.md: two cores that do nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from perf.bench.setups import Setup
from perf.bench.shoppers import Aim, Figure, at_least, at_most

_RUSH: Final = "lives of 1 line, 64 buyers"
SQLITE: Final[Mapping[str, Aim]] = {
    "product detail: requests/s, share of a bare ASGI app": at_least(0.15, 0.25),
    "list of 20: requests/s, share of a bare ASGI app": at_least(0.12, 0.20),
    "add to cart: requests/s": at_least(1700),
    f"{_RUSH}: placed/s": at_least(450),
    f"{_RUSH}: delivered/s": at_least(450),
    "20 000 products acknowledged": at_most(1.5),
    "20 000 products searchable": at_most(3),
    "memory at rest (PSS)": at_most(150),
    "memory after the load (PSS)": at_most(150),
    "start to ready": at_most(2),
}
"""Of one process."""
CASSANDRA: Final[Mapping[str, Aim]] = {
    "add to cart: requests/s": at_least(500),
    f"{_RUSH}: placed/s": at_least(150),
    f"{_RUSH}: delivered/s": at_least(150),
    "lives of 1 line, 16 buyers: p50 ms": at_most(120),
    "lives of 3 lines, 64 buyers: placed/s": at_least(100),
    "lives of 27 lines, 64 buyers: placed/s": at_least(40),
    "holds of one product: held/s": at_least(1000),
    "20 000 products searchable": at_most(20),
}
"""Of one process on one node."""


def aimed(figures: Sequence[Figure], on: Setup) -> list[Figure]:
    """Return the figures next to their aims; four processes on two cores have none."""
    aims = {} if on.processes > 1 else CASSANDRA if on.node else SQLITE
    return [replace(figure, wanted=aims.get(figure.name, figure.wanted)) for figure in figures]
