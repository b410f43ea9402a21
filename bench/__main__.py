"""Measure the shop, or compare it with another version of it. Linux with two cores: the shop has one, its clients one.

Without --base: ratios to a bare ASGI app, orders that live their whole lives, memory, time to start.
With --base: this checkout and that version in turn, with a verdict on each metric.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import uvloop
from store_kit.testing import free_port

from bench.compare import compare
from bench.lives import BUYERS, DELIVERY, SECONDS, WARM_UP_S
from bench.load import connect, request_bytes
from bench.loads import Load, Requests, Stand, all_loads, asked
from bench.server import CLIENT_CORE, PinnedServer
from bench.shoppers import CHANCE, PRODUCTS, Figure, show
from bench.shops import running
from bench.verdicts import Metric, table
from bench.versions import version

ROUNDS: Final = 7
READ: Final = {"product detail": ">= .15, aim .25", "list of 20": ">= .12, aim .20"}
"""Loads that are compared with the yardstick, and what share is wanted."""


async def measure(loads: Sequence[Load], folder: Path, *, rounds: int, products: int) -> list[Figure]:
    """Measure this checkout in a folder of its own."""
    figures: list[Figure] = []
    with running(DELIVERY, folder) as run:
        at_rest = run.server.pss_mb()
        stand = await Stand.built(run, products)
        figures += [Figure("memory at rest (PSS)", at_rest, "MB", "aim <= 150"), *stand.filling]
        for load in loads:
            if isinstance(load, Requests) and load.name in READ:
                figures += await ratio(load, stand, folder, rounds)
            else:
                came = await load.turn(stand, 0)
                figures += [Figure(metric.name, value, "", "") for metric, value in came.items()]
        figures.append(Figure("memory after the load (PSS)", run.server.pss_mb(), "MB", "aim <= 150"))
    with running(DELIVERY, folder) as again:
        figures.append(Figure("start to ready", again.server.seconds_to_ready, "s", "aim <= 2"))
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
    command, url = ("bench.bare", str(port), str(served)), f"http://127.0.0.1:{port}/body"
    with PinnedServer(command, url, folder / "bare.log", {}) as yardstick:
        for number in range(rounds):
            shop.append(await load.turn(stand, number))
            same = [request_bytes("GET", "/body")]
            bare.append(await asked(load.name, yardstick, port, same, load.seconds))
    return [
        _share(metric, [turn[metric] for turn in shop], [turn[metric] for turn in bare], READ[load.name])
        for metric in shop[0]
    ]


def _share(metric: Metric, shop: Sequence[float], bare: Sequence[float], wanted: str) -> Figure:
    ours, theirs = statistics.median(shop), statistics.median(bare)
    share = ours / theirs if metric.higher_is_better else theirs / ours
    note = f"{ours:.0f} of {theirs:.0f}"
    return Figure(f"{metric.name}, share of a bare ASGI app", share, "", wanted, note)


async def judge(base: str, loads: Sequence[Load], folder: Path, *, rounds: int, products: int) -> str:
    """Compare with a version; return the table."""
    checkout = version(base)
    begun = time.monotonic()
    measured = await compare(checkout, loads, folder, rounds=rounds, products=products)
    minutes = (time.monotonic() - begun) / 60
    return f"{table(measured)}\n\nbase: {checkout.folder}; {rounds} rounds in {minutes:.0f} minutes"


def main() -> None:
    """Measure and print."""
    options = _options()
    loads = all_loads(seconds=options.seconds, warm_up_s=options.warm_up, buyers=options.buyers)
    chosen = [load for load in loads if options.only in load.name]
    os.sched_setaffinity(0, {CLIENT_CORE})
    folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
    how = {"rounds": options.rounds, "products": options.products}
    try:
        if options.base:
            print(uvloop.run(judge(options.base, chosen, folder, **how)))
        else:
            show(uvloop.run(measure(chosen, folder, **how)))
    finally:
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--base", default="", help="a commit, or the folder of a checkout, to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often all take turns")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help="of placing orders in a turn; reads and adds take a tenth",
    )
    parser.add_argument(
        "--warm-up", type=float, default=WARM_UP_S, help="seconds of orders before each turn of them"
    )
    parser.add_argument("--buyers", type=int, nargs="+", default=BUYERS, help="how many buy at once")
    parser.add_argument("--products", type=int, default=PRODUCTS, help="how many the shop has")
    parser.add_argument("--only", default="", help="loads whose name contains this")
    return parser.parse_args()


if __name__ == "__main__":
    main()
