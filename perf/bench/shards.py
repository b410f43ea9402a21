"""Compare numbers of shards on one Cassandra node: orders held per second, of 1, 3 and 27 lines and of one product.

With one catalogue process, where few shards make large groups, and with four, which get in each other's way. Needs
STORE_TEST_DATABASE, which `python -m tests.support.with_cassandra` sets. Everything shares this machine's cores.
"""

import argparse
import asyncio
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop

from perf.bench.holds import BUYERS, holds, more_catalogues
from perf.bench.load import Result
from perf.bench.shoppers import CHANCE, Shop, administrator, fill
from perf.bench.shops import running
from tests.support.services import test_cluster

SHARDS: Final = (4, 8, 16, 32, 64)
LINES: Final = (1, 3, 27)
PROCESSES: Final = (1, 4)
Cell = tuple[int, int, str]
"""Shards, processes, what is held."""


async def measure(shards: int, url: str, folder: Path, seconds: float, warm_s: float) -> dict[Cell, Result]:
    """Measure one number of shards on a keyspace of its own."""
    database = f"{url}&prefix=s{uuid.uuid4().hex[:12]}_"
    results: dict[Cell, Result] = {}
    with running({"STORE_DATABASE": database, "STORE_CATALOG_SHARDS": str(shards)}, folder, core=None) as run:
        shop = Shop(run.port, await administrator(run.port, run.data))
        await fill(shop)
        token = await run.hold_token()
        async with more_catalogues(max(PROCESSES) - 1, run, folder) as further:
            await holds([run.services["catalog"], *further], token, _of(shop, 3), warm_s)
            for count in PROCESSES:
                ports = [run.services["catalog"], *further][:count]
                for name, wanted in _kinds(shop):
                    results[shards, count, name] = await holds(ports, token, wanted, seconds)
    return results


def _kinds(shop: Shop) -> Sequence[tuple[str, Callable[[], Sequence[str]]]]:
    hot = shop.ids[:1]
    spread = [(f"{lines} line{'s' * (lines > 1)}", _of(shop, lines)) for lines in LINES]
    return [*spread, ("one product", lambda: hot)]


def _of(shop: Shop, lines: int) -> Callable[[], Sequence[str]]:
    return lambda: CHANCE.sample(shop.ids, lines)


def show(results: dict[Cell, list[Result]], seconds: float) -> None:
    """Print a row for each number of shards and of processes: orders held per second, p99, and the share of 503."""
    names = list(dict.fromkeys(name for _, _, name in results))
    print(f"{BUYERS} buyers, {seconds:g} s a cell: orders held/s, p99 in ms, answers 503 in percent")
    print(f"{'shards':>6} {'processes':>9}  " + "  ".join(f"{name:>22}" for name in names))
    for shards, count in dict.fromkeys((shards, count) for shards, count, _ in results):
        cells = [_cell(results[shards, count, name]) for name in names]
        print(f"{shards:>6} {count:>9}  " + "  ".join(f"{cell:>22}" for cell in cells))


def _cell(rounds: Sequence[Result]) -> str:
    asked, refused = sum(one.count for one in rounds), sum(one.statuses[503] for one in rounds)
    held, busy = (asked - refused) / sum(one.seconds for one in rounds), refused / asked
    p99 = max(one.percentile_ms(0.99) for one in rounds)
    return f"{held:.0f}/s {p99:.0f} ms {busy:.1%}"


async def compare(url: str, numbers: Sequence[int], rounds: int, seconds: float, warm_s: float) -> None:
    """Measure every number of shards, all of them once a round: a database gets faster or slower as it goes."""
    results: dict[Cell, list[Result]] = defaultdict(list)
    for turn in range(rounds):
        for number, shards in enumerate(numbers):
            folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
            first = turn == number == 0
            try:
                found = await measure(shards, url, folder, seconds, warm_s if first else warm_s / 10)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder)
            for cell, result in found.items():
                results[cell].append(result)
    show(results, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-shards", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--shards", type=int, nargs="+", default=SHARDS, help="the numbers to compare")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured")
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds of holds that are not measured")
    options = parser.parse_args()
    url = test_cluster()
    if url is None:
        raise SystemExit("STORE_TEST_DATABASE names no cluster; run `make bench-shards`.")
    uvloop.run(compare(url, options.shards, options.rounds, options.seconds, options.warm_up))


if __name__ == "__main__":
    main()
