"""Measure the gateway: nginx as infra/nginx configures it, one worker on one core, ratios to a static file of 1 KB.

The file is served by the same worker, with the same headers and log, in turn with what is compared. A Python client
cannot saturate nginx, so the ratio that counts is that of processor time per request; requests per second are shown.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import uvloop
from store_cli.up.serving import write_pages

from perf.bench.load import hammer, request_bytes
from perf.bench.server import CLIENT_CORE, SERVER_CORE, PinnedServer, children_of, cpu_seconds_of
from perf.bench.shoppers import (
    Aim,
    Figure,
    Shop,
    administrator,
    ask,
    at_least,
    detail_requests,
    fill,
    show,
)
from perf.bench.shops import running
from tests.gateway.nginx import Gateway

CONNECTIONS: Final = 16
HOT: Final = 10
"""Pages that everybody asks for."""
ONE_KB: Final = "docs/one_kb.bin"


async def cost_us(
    gateway: Gateway, requests: Sequence[bytes], seconds: float, others: Sequence[PinnedServer]
) -> tuple[float, float]:
    """Return the processor time of a request in microseconds, nginx' and of what is behind it, and requests/s."""
    workers = children_of(gateway.pid)

    def used() -> float:
        return sum(map(cpu_seconds_of, workers)) + sum(other.cpu_seconds() for other in others)

    before = used()
    result = await hammer(gateway.port, requests, connections=CONNECTIONS, seconds=seconds)
    if set(result.statuses) != {200}:
        raise RuntimeError(f"{requests[0][:60]!r}: {result.statuses}")
    return (used() - before) / result.count * 1e6, result.per_second


async def compared(
    gateway: Gateway,
    asked: Mapping[str, tuple[Sequence[bytes], Aim | str]],
    server: PinnedServer,
    *,
    rounds: int,
    seconds: float,
) -> list[Figure]:
    """Measure each in turn with the file; the ratio is that of the medians of cost."""
    file = [request_bytes("GET", f"/{ONE_KB}")]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("file", *asked)}
    for _ in range(rounds):
        found["file"].append(await cost_us(gateway, file, seconds, ()))
        for name, (requests, _) in asked.items():
            found[name].append(await cost_us(gateway, requests, seconds, (server,)))
    cost = {name: statistics.median(us for us, _ in runs) for name, runs in found.items()}
    rate = {name: statistics.median(rate for _, rate in runs) for name, runs in found.items()}
    figures = [
        Figure("static file of 1 KB, CPU of a request", cost["file"], "us", "", f"{rate['file']:.0f}/s")
    ]
    for name, (_, wanted) in asked.items():
        note = f"CPU {cost[name]:.1f} us, {rate[name]:.0f}/s of {rate['file']:.0f}/s"
        figures.append(
            Figure(f"{name}: share of the file by CPU", cost["file"] / cost[name], "", wanted, note)
        )
    return figures


async def measure(folder: Path, *, rounds: int, seconds: float) -> list[Figure]:
    """Run everything in a folder of its own."""
    pages = folder / "pages"
    write_pages(pages)
    (pages / ONE_KB).write_bytes(os.urandom(1024))
    with running({}, folder) as run:
        shop = Shop(run.port, await administrator(run.port, run.data))
        await fill(shop)
        customer = f"Bearer {shop.admin}"
        details = detail_requests(shop)
        hot = [request_bytes("GET", f"/api/products?limit=20&sort=price&min_price={n}") for n in range(HOT)]
        for request in (details[0], hot[0]):
            await ask(run.port, request)
        asked: dict[str, tuple[Sequence[bytes], Aim | str]] = {
            "microcached detail": (details[:HOT], at_least(0.55)),
            "microcached list of 20": (hot, at_least(0.45)),
            "detail with a token (not copied), nginx and shop": (
                [
                    request.replace(b"Accept: */*", f"Accept: */*\r\nAuthorization: {customer}".encode())
                    for request in details
                ],
                "reported",
            ),
        }
        async with Gateway(
            folder / "gateway", {name: [port] for name, port in run.services.items()}, pages, workers="1"
        ) as gateway:
            for worker in children_of(gateway.pid):
                os.sched_setaffinity(worker, {SERVER_CORE})
            return await compared(gateway, asked, run.server, rounds=rounds, seconds=seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often all take turns")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one turn")
    options = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
    try:
        show(uvloop.run(measure(folder, rounds=options.rounds, seconds=options.seconds)))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
