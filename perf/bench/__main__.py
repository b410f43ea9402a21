"""Measure the shop, or compare it with another version of it. Needs Linux with two cores.

Without --base: ratios to a bare ASGI app, orders that live their whole lives, memory, time to start.
With --base: this checkout and that version in turn, with a verdict on each metric.
With --url: only the lives, of a shop that runs already.

In one process on SQLite the shop has one core and its clients the other; else everything shares all cores.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import uvloop

from perf.bench.aims import aimed
from perf.bench.compare import compare
from perf.bench.elsewhere import elsewhere
from perf.bench.lives import BUYERS, LINES, SECONDS, WARM_UP_S
from perf.bench.load import connect, request_bytes
from perf.bench.loads import Load, Requests, Stand, WholeLives, all_loads, asked, warm_up
from perf.bench.server import CLIENT_CORE, PinnedServer, memory_mb
from perf.bench.setups import Setup, add_options, setup
from perf.bench.shoppers import CHANCE, Figure, show
from perf.bench.shops import Running
from perf.bench.verdicts import Metric, table
from perf.bench.versions import version
from tests.support.services import free_port

ROUNDS: Final = 5
READ: Final = ("product detail", "list of 20")
"""Loads that are compared with the yardstick."""
_Some = TypeVar("_Some", bound=Load)


async def measure(
    loads: Sequence[Load], on: Setup, folder: Path, *, rounds: int, products: int, jvm_s: float
) -> list[Figure]:
    """Measure this checkout in a folder of its own."""
    figures: list[Figure] = []
    async with on.running(folder) as run:
        figures += memory(run, "at rest")
        stand = await Stand.built(run, products)
        figures += stand.filling
        await warm_up([stand], jvm_s)
        for load in loads:
            if on.alone and isinstance(load, Requests) and load.name in READ:
                figures += await ratio(load, stand, folder, rounds)
            else:
                came = await load.turn(stand, 0)
                figures += [Figure(metric.name, value, "", "") for metric, value in came.items()]
        figures += memory(run, "after the load")
    async with on.running(folder) as again:
        figures.append(Figure("start to ready", again.seconds_to_ready, "s", ""))
    return aimed(figures, on)


def memory(run: Running, when: str) -> list[Figure]:
    """Return the memory of the shop and of its database's server."""
    figures = [Figure(f"memory {when} (PSS)", run.pss_mb(), "MB", "")]
    if run.node:
        resident = memory_mb(run.node.pid, "VmRSS")
        figures.append(Figure(f"memory of the node {when} (resident)", resident, "MB", ""))
    return figures


async def ratio(load: Requests, stand: Stand, folder: Path, rounds: int) -> list[Figure]:
    """Measure shop and yardstick in turn; the ratio is that of the medians."""
    connection = await connect(stand.run.port)
    _, body = await connection.ask(load.drawn(stand, CHANCE)[0])
    connection.close()
    served, port = folder / "bodies", free_port()
    served.mkdir(exist_ok=True)
    (served / "body").write_bytes(body)
    shop: list[Mapping[Metric, float]] = []
    bare: list[Mapping[Metric, float]] = []
    command, url = ("perf.bench.bare", str(port), str(served)), f"http://127.0.0.1:{port}/body"
    with PinnedServer(command, url, folder / "bare.log", {}) as yardstick:
        for number in range(rounds):
            shop.append(await load.turn(stand, number))
            same = [request_bytes("GET", "/body")]
            bare.append(await asked(load.name, yardstick, port, same, load.seconds))
    return [
        _share(metric, [turn[metric] for turn in shop], [turn[metric] for turn in bare]) for metric in shop[0]
    ]


def _share(metric: Metric, shop: Sequence[float], bare: Sequence[float]) -> Figure:
    ours, theirs = statistics.median(shop), statistics.median(bare)
    share = ours / theirs if metric.higher_is_better else theirs / ours
    note = f"{ours:.0f} of {theirs:.0f}"
    return Figure(f"{metric.name}, share of a bare ASGI app", share, "", "", note)


async def judge(
    base: str, loads: Sequence[Load], on: Setup, folder: Path, *, rounds: int, products: int, jvm_s: float
) -> str:
    """Compare with a version; return the table."""
    checkout = version(base)
    begun = time.monotonic()
    measured = await compare(checkout, loads, on, folder, rounds=rounds, products=products, jvm_s=jvm_s)
    minutes = (time.monotonic() - begun) / 60
    return f"{table(measured)}\n\nbase: {checkout.folder}; {rounds} rounds in {minutes:.0f} minutes"


def main() -> None:
    """Measure and print."""
    options = _options()
    loads = all_loads(
        seconds=options.seconds, warm_up_s=options.warm_up, buyers=options.buyers, lines=options.lines
    )
    if options.url:
        lives = [load for load in loads if isinstance(load, WholeLives)]
        show(uvloop.run(elsewhere(options.url, _chosen(lives, options.only))))
        return
    chosen = _chosen(loads, options.only)
    folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
    jvm_s = options.jvm_warm_up if options.database == "cassandra" else 0.0
    how = {"rounds": options.rounds, "products": options.products, "jvm_s": jvm_s}
    try:
        with setup(options.database, options.processes, folder) as on:
            if on.alone:
                os.sched_setaffinity(0, {CLIENT_CORE})
            if options.base:
                print(uvloop.run(judge(options.base, chosen, on, folder, **how)))
            else:
                show(uvloop.run(measure(chosen, on, folder, **how)))
    finally:
        shutil.rmtree(folder)


def _chosen(loads: Sequence[_Some], only: str) -> list[_Some]:
    chosen = [load for load in loads if only.replace("-", " ") in load.name]
    if not chosen:
        raise SystemExit(f"--only {only}: there are {', '.join(load.name for load in loads)}.")
    return chosen


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    shop = parser.add_mutually_exclusive_group()
    shop.add_argument("--base", default="", help="a commit, or the folder of a checkout, to compare with")
    shop.add_argument(
        "--url",
        default="",
        help="a shop that runs already, such as http://localhost; much comes in of its first products",
    )
    add("--only", default="", help="loads whose name contains this, such as lives-of-3 or product-detail")
    add(
        "--buyers", type=int, nargs="+", default=BUYERS, help="how many buy at once: one load for each number"
    )
    add("--lines", type=int, nargs="+", default=LINES, help="how many lines an order has, likewise")
    add("--rounds", type=int, default=ROUNDS, help="how often all take turns")
    add("--seconds", type=float, default=SECONDS, help="of placing orders in a turn; all else takes a tenth")
    add("--warm-up", type=float, default=WARM_UP_S, help="seconds of orders before each turn of them")
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
