"""Fill a shop on one Cassandra node by `store seed`, then let another catalogue process build its lists from there.

The shop is asked for lists and searches all the while. Everything shares this machine's cores. Needs Java 17 and Maven.
"""

import argparse
import asyncio
import contextlib
import itertools
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import uvloop
from store_cli.seed.products import product

from perf.bench.load import Connection, Result, connect, hammer, request_bytes, timed
from perf.bench.server import PinnedServer, cpu_seconds_of, memory_mb
from perf.bench.setups import Setup, setup
from perf.bench.shoppers import CHANCE, Figure, administrator, ask, show
from perf.bench.shops import Running
from tests.support.services import free_port

PAUSE_S: Final = 0.02
"""Between two looks of a visitor who only watches."""
CONNECTIONS: Final = 4
AGAIN: Final = 50_000
"""Products that are sent a second time."""
LISTED_WITHIN_S: Final = 1800.0
"""How long the lists may lag behind what was acknowledged."""
ALL: Final = request_bytes("GET", "/api/products?limit=1&facets=true")


@dataclass(frozen=True, slots=True)
class Requests:
    """What visitors ask for, drawn from the products that there will be."""

    lists: list[bytes]
    searches: list[bytes]
    facets: list[bytes]

    @classmethod
    def drawn(cls, count: int) -> "Requests":
        """Return the same for the same number of products."""
        lists, searches, facets = [], [], []
        for number in (CHANCE.randint(1, count) for _ in range(300)):
            one = product(number)
            category, words = quote(one.category), one.name.replace(",", "").replace("«", "").split()
            lists += [
                f"sort=price&min_price={one.price_minor}",
                f"sort=-price&max_price={one.price_minor}&in_stock=true",
                f"category={category}&sort=name",
                f"category={category}&sort=newest",
                f"category={category}&sort=name&min_price={one.price_minor}",
            ]
            searches += [
                f"search={quote(one.name)}",
                f"search={quote(' '.join(CHANCE.sample(words, 2)))}",
                f"search={quote(CHANCE.choice(words)[:4])}",
                f"search={quote(words[0])}&category={category}&sort=price",
                f"search={quote(words[1])}&max_price={one.price_minor}&in_stock=true",
            ]
            facets += [f"search={quote(words[0])}&facets=true", f"min_price={one.price_minor}&facets=true"]
        return cls(*(_gets(paths) for paths in (lists, searches, facets)))


def _gets(queries: Sequence[str]) -> list[bytes]:
    return [request_bytes("GET", f"/api/products?limit=20&{query}") for query in queries]


class Visitors:
    """One visitor for each kind of request, who looks every now and then until told to stop."""

    def __init__(self, port: int, kinds: dict[str, list[bytes]]) -> None:
        self._port = port
        self._kinds = kinds
        self._results = {name: Result() for name in kinds}

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Let them look while inside.

        Raises:
            OSError: one was cut off, or not answered.
        """
        tasks = [asyncio.create_task(self._look(name)) for name in self._kinds]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()  # it was cut off, or not answered: what it waited until then is no figure

    def figures(self, when: str) -> list[Figure]:
        """Return what each waited."""
        return [_waits(f"{name} {when}", result) for name, result in self._results.items() if result.count]

    async def _look(self, name: str) -> None:
        requests, result = self._kinds[name], self._results[name]
        connection = await self._connected()
        for request in itertools.cycle(requests):
            await timed(connection, request, result)
            await asyncio.sleep(PAUSE_S)

    async def _connected(self) -> Connection:
        while True:
            try:
                return await connect(self._port)
            except ConnectionRefusedError:  # not listening yet
                await asyncio.sleep(PAUSE_S)


def _waits(name: str, result: Result) -> Figure:
    note = f"p50 {result.percentile_ms(0.5):.1f} ms, longest {result.percentile_ms(1):.0f} ms"
    return Figure(
        f"{name}: p99", result.percentile_ms(0.99), "ms", "", f"{note}, statuses {dict(result.statuses)}"
    )


async def seed(data: Path, count: int) -> float:
    """Run the user's own command; return the seconds it took."""
    begun = time.perf_counter()
    command = ("-m", "store_cli", "seed", "--products", str(count), "--data", str(data))
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    if await process.wait() != 0:
        raise RuntimeError(f"store seed ended with {process.returncode}")
    return time.perf_counter() - begun


async def filled(run: Running, port: int, count: int) -> list[Figure]:
    """Measure the seed, when all of it is listed, and what visitors notice of it."""
    assert run.node is not None  # noqa: S101 - it is on Cassandra
    asked, server, data = Requests.drawn(count), run.server, run.data
    visitors = Visitors(port, {"lists": asked.lists, "searches": asked.searches})
    jvm = run.node.pid
    before, jvm_before = server.cpu_seconds(), cpu_seconds_of(jvm)
    begun = time.perf_counter()
    children_before = _of_children()
    async with visitors.looking():
        seconds = await seed(data, count)
        async with asyncio.timeout(LISTED_WITHIN_S):
            while await _listed(port) < count:
                await asyncio.sleep(0.1)
    listed = time.perf_counter() - begun
    each = [
        (server.cpu_seconds() - before) / count * 1e6,
        (cpu_seconds_of(jvm) - jvm_before) / count * 1e6,
        (_of_children() - children_before) / count * 1e6,
    ]
    note = f"{count / seconds:.0f}/s; CPU each: shop {each[0]:.0f} us, JVM {each[1]:.0f} us, client {each[2]:.0f} us"
    return [
        Figure(f"{count} products acknowledged", seconds, "s", "", note),
        Figure("all of them listed", listed, "s", ""),
        *visitors.figures("while they are loaded"),
        Figure(
            "memory of the shop, at most", server.peak_mb(), "MB", "", f"PSS now {server.pss_mb():.0f} MB"
        ),
        Figure("memory of Cassandra", memory_mb(jvm, "VmHWM"), "MB", ""),
        Figure(f"{min(AGAIN, count)} of them sent again", await seed(data, min(AGAIN, count)), "s", ""),
    ]


def _of_children() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _listed(port: int) -> int:
    facets = (await ask(port, ALL))["facets"]
    return sum(entry["count"] for entry in facets["categories"])


async def rebuilt(folder: Path, shop_port: int, env: dict[str, str], count: int) -> list[Figure]:
    """Measure a catalogue process that begins without a read model, and what visitors of both notice of it."""
    port, data, asked = free_port(), folder / "another", Requests.drawn(count)
    shutil.copytree(folder / "shop" / "secrets", data / "secrets")
    url = f"http://127.0.0.1:{port}"
    command = ("store_cli", "run", "catalog", "--data", str(data))
    own = {**env, "STORE_CATALOG_URL": url}
    server = PinnedServer(command, f"{url}/health/ready", folder / "another.log", own, core=None)
    shop = Visitors(shop_port, {"lists": asked.lists, "searches": asked.searches})
    item = (await ask(shop_port, ALL))["items"][0]["id"]
    inside = Visitors(port, {"product details": [request_bytes("GET", f"/api/products/{item}")]})
    async with shop.looking(), inside.looking():
        await asyncio.to_thread(server.__enter__)
    try:
        if await _listed(port) != count:
            raise RuntimeError(f"{await _listed(port)} of {count} products are listed")
        files = sum(file.stat().st_size for file in data.glob("*index*")) / 1e6
        cpu = f"CPU of the process {server.cpu_seconds():.0f} s"
        return [
            Figure("read model built from the database", server.seconds_to_ready, "s", "", cpu),
            Figure("its file", files, "MB", ""),
            Figure(
                "memory of that process, at most",
                server.peak_mb(),
                "MB",
                "",
                f"PSS now {server.pss_mb():.0f} MB",
            ),
            *shop.figures("of the shop meanwhile"),
            *inside.figures("of that process meanwhile"),
            *await after(port, asked),
        ]
    finally:
        server.__exit__()


async def after(port: int, asked: Requests) -> list[Figure]:
    """Measure lists and searches when nothing else goes on."""
    kinds = {
        "lists": asked.lists,
        "searches": asked.searches,
        "searches and ranges with facets": asked.facets,
    }
    figures = []
    for name, requests in kinds.items():
        result = await hammer(port, requests, connections=CONNECTIONS, seconds=8)
        if set(result.statuses) != {200}:
            raise RuntimeError(f"{name}: answered with {dict(result.statuses)}")
        figure = _waits(f"{name} after", result)
        note = f"{result.per_second:.0f}/s, {CONNECTIONS} at once, {figure.note}"
        figures.append(Figure(figure.name, figure.value, "ms", "", note))
    return figures


async def measure(on: Setup, folder: Path, count: int) -> None:
    """Run everything in a folder of its own."""
    async with on.running(folder) as run:
        assert isinstance(run.port, int)  # noqa: S101 - it is of this machine
        await administrator(run.port, run.data)
        show(await filled(run, run.port, count))
        show(await rebuilt(folder, run.port, run.env, count))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-million", description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000, help="how many products")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
    try:
        with setup("cassandra", 1, folder) as on:
            uvloop.run(measure(on, folder, options.products))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
