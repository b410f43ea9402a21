"""Measure the shop on SQLite and on one Cassandra node, one after the other; everything shares this machine's cores.

Needs STORE_TEST_DATABASE, which `python -m tests.support.with_cassandra` sets, and Linux.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop
from store_kit.testing import free_port, test_cluster

from bench.load import Connection, Result, hammer, request_bytes, timed
from bench.server import PinnedServer, cpu_seconds_of, memory_mb
from bench.shoppers import (
    CHANCE,
    Figure,
    Shop,
    administrator,
    detail_requests,
    fill,
    new_shopper,
    show,
    together,
)
from bench.shops import Running, running

SHOPPERS: Final = 64
BUYERS: Final = 64
CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Database:
    """One of the two: its name, the settings of a shop on it, and the process id of its server, if it has one."""

    name: str
    env: dict[str, str]
    server_pid: int | None


class Meter:
    """Processor time of the shop and of the database's server since it was made."""

    def __init__(self, server: PinnedServer, database: Database) -> None:
        self._server = server
        self._pid = database.server_pid
        self._began = self._now()

    def per(self, count: int) -> str:
        """Return what each of `count` things cost."""
        python, jvm = (now - then for now, then in zip(self._now(), self._began, strict=True))
        database = f", JVM {jvm / count * 1e3:.2f} ms" if self._pid else ""
        return f"CPU each: Python {python / count * 1e3:.2f} ms{database}"

    def _now(self) -> tuple[float, float]:
        return self._server.cpu_seconds(), cpu_seconds_of(self._pid) if self._pid else 0.0


async def orders(
    shop: Shop, tokens: Sequence[str], meter: Meter, lines: int, seconds: float, wanted: str, name: str
) -> Figure:
    """Measure whole orders: the cart replaced by so many lines, then placed."""

    async def script(connection: Connection, token: str, result: Result) -> None:
        begun = time.perf_counter()
        items = [{"product_id": id_, "quantity": 1} for id_ in CHANCE.sample(shop.ids, lines)]
        body = json.dumps({"items": items}).encode()
        await connection.ask(request_bytes("PUT", "/api/cart/items", body=body, token=token))
        key = f"Idempotency-Key: {CHANCE.getrandbits(64):x}"
        request = request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=[key])
        status, _ = await connection.ask(request)
        result.latencies_s.append(time.perf_counter() - begun)
        result.statuses[status] += 1

    result = await together(shop.port, tokens, script, seconds)
    return _figure(f"{name}: orders of {lines} lines (fill the cart + place)", result, wanted, meter)


async def adds(shop: Shop, tokens: Sequence[str], meter: Meter, seconds: float, name: str) -> Figure:
    """Measure adding to carts."""

    async def script(connection: Connection, token: str, result: Result) -> None:
        body = json.dumps({"product_id": CHANCE.choice(shop.ids), "quantity": 1}).encode()
        await timed(connection, request_bytes("POST", "/api/cart/items", body=body, token=token), result)

    result = await together(shop.port, tokens, script, seconds)
    return _figure(f"{name}: add to cart", result, "aim >= 500", meter)


async def details(shop: Shop, meter: Meter, seconds: float, name: str) -> Figure:
    """Measure reads of products by id, drawn uniformly."""
    result = await hammer(shop.port, detail_requests(shop), connections=CONNECTIONS, seconds=seconds)
    return _figure(f"{name}: detail by id", result, "", meter)


async def holds(
    ports: Sequence[int], token: str, wanted: Callable[[], Sequence[str]], seconds: float
) -> Result:
    """Hold one of each wanted product through the catalogue's internal route, buyers spread over its processes."""
    result = Result()
    begun = time.perf_counter()

    async def script(connection: Connection, _: str, into: Result) -> None:
        lines = [{"product_id": product_id, "quantity": 1} for product_id in wanted()]
        body = json.dumps({"lines": lines, "not_after_ms": int(time.time() * 1000) + 60_000}).encode()
        path = f"/internal/reservations/{uuid.uuid4()}"
        await timed(connection, request_bytes("PUT", path, body=body, token=token), into)

    share = [str(n) for n in range(BUYERS // len(ports))]
    runs = await asyncio.gather(*(together(port, share, script, seconds) for port in ports))
    for run in runs:
        result.latencies_s += run.latencies_s
        result.statuses += run.statuses
    result.seconds = time.perf_counter() - begun
    _refuse_errors(result)
    return result


def _refuse_errors(result: Result) -> None:
    # 503: try again, which several contending processes may say
    if not result.statuses.keys() <= {200, 201, 503}:
        raise RuntimeError(f"answered with {dict(result.statuses)}")


def _figure(name: str, result: Result, wanted: str, meter: Meter | None = None) -> Figure:
    _refuse_errors(result)
    cost = f"; {meter.per(result.count)}" if meter else ""
    spread = f"p50 {result.percentile_ms(0.5):.1f} ms, p99 {result.percentile_ms(0.99):.1f} ms"
    return Figure(name, result.per_second, "/s", wanted, f"{spread}, statuses {dict(result.statuses)}{cost}")


async def _warm_up(
    shop: Shop, tokens: Sequence[str], server: PinnedServer, database: Database, seconds: float
) -> None:
    """Let a JVM compile what is asked of it: for its first minute that takes half of its time."""
    for lines in (3, 27):
        await orders(shop, tokens, Meter(server, database), lines, seconds / 2, "", "")


@contextlib.asynccontextmanager
async def more_catalogues(count: int, run: Running, folder: Path) -> AsyncIterator[list[int]]:
    """Run more catalogue processes on the same database; give their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            data = folder / f"catalogue-{port}"
            shutil.copytree(run.data / "secrets", data / "secrets")
            command = ("store_cli", "run", "catalog", "--data", str(data))
            own = {**run.env, "STORE_CATALOG_URL": url}
            stack.enter_context(
                PinnedServer(command, f"{url}/health/ready", folder / "more.log", own, core=None)
            )
            ports.append(port)
        yield ports


async def measure(database: Database, folder: Path, seconds: float, warm_s: float) -> list[Figure]:
    """Measure one database."""
    name = database.name
    with running(database.env, folder, core=None) as run:
        server, port = run.server, run.port
        shop = Shop(port, await administrator(port, run.data))
        figures = [
            Figure(
                f"{name}: first start to ready, schema and secrets made", server.seconds_to_ready, "s", ""
            ),
            *_memory(server, database, "at rest"),
        ]
        filled = await fill(shop)
        figures += [
            Figure(f"{name}: {filled[0].name}", filled[0].value, "s", "aim <= 20"),
            Figure(f"{name}: {filled[1].name}", filled[1].value, "s", ""),
        ]
        tokens = [await new_shopper(port) for _ in range(SHOPPERS)]
        await _warm_up(shop, tokens, server, database, warm_s)
        figures.append(await orders(shop, tokens, Meter(server, database), 3, seconds, "aim >= 100", name))
        figures.append(await orders(shop, tokens, Meter(server, database), 27, seconds, "aim >= 40", name))
        figures.append(await adds(shop, tokens, Meter(server, database), seconds, name))
        figures.append(await details(shop, Meter(server, database), seconds, name))
        token, hot = await run.hold_token(), shop.ids[:1]
        one = await holds([run.services["catalog"]], token, lambda: hot, seconds)
        figures.append(_figure(f"{name}: holds of one product, 1 catalogue process", one, "aim >= 1000"))
        if database.server_pid:
            async with more_catalogues(3, run, folder) as further:
                four = await holds([run.services["catalog"], *further], token, lambda: hot, seconds)
                figures.append(_figure(f"{name}: holds of one product, 4 catalogue processes", four, ""))
        figures += _memory(server, database, "afterwards")
    with running(database.env, folder, core=None) as again:
        figures.append(Figure(f"{name}: start to ready", again.server.seconds_to_ready, "s", ""))
    return figures


def _memory(server: PinnedServer, database: Database, when: str) -> list[Figure]:
    figures = [Figure(f"{database.name}: memory of the shop {when} (PSS)", server.pss_mb(), "MB", "")]
    if database.server_pid:
        resident = memory_mb(database.server_pid, "VmRSS")
        figures.append(Figure(f"{database.name}: memory of the node {when} (resident)", resident, "MB", ""))
    return figures


def databases() -> list[Database]:
    """Return SQLite and the test cluster."""
    url = test_cluster()
    if url is None:
        raise SystemExit("STORE_TEST_DATABASE names no cluster; run `make bench-db`.")
    pid = os.environ.get("STORE_TEST_DATABASE_PID")
    env = {"STORE_DATABASE": f"{url}&prefix=b{uuid.uuid4().hex[:12]}_"}
    return [Database("SQLite", {}, None), Database("Cassandra", env, int(pid) if pid else None)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-db", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--warm-up", type=float, default=40.0, help="seconds of orders that are not measured")
    parser.add_argument("--only", choices=("SQLite", "Cassandra"), help="one of the two")
    options = parser.parse_args()
    for database in databases():
        if options.only in (None, database.name):
            folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
            try:
                show(uvloop.run(measure(database, folder, options.seconds, options.warm_up)))
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
