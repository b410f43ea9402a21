"""Measure the shop: ratios to the yardstick, flows per second, memory, time to start. Linux with two cores."""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import uvloop
from store_kit.testing import free_port

from bench.load import Connection, Result, connect, hammer, request_bytes, timed
from bench.server import CLIENT_CORE, PinnedServer
from bench.shoppers import (
    CHANCE,
    UNLIMITED,
    Figure,
    Shop,
    administrator,
    ask,
    detail_requests,
    fill,
    new_shopper,
    show,
    together,
)

CONNECTIONS: Final = 16
SHOPPERS: Final = 64


async def list_requests(shop: Shop) -> list[bytes]:
    """Return lists of 20 that begin at products drawn uniformly, in every order that has a cursor-free start."""
    drawn = [
        await ask(shop.port, request_bytes("GET", f"/api/products/{id_}"))
        for id_ in CHANCE.choices(shop.ids, k=500)
    ]
    paths = []
    for product in drawn:
        category, price = quote(product["category"]), product["price_minor"]
        paths += [
            f"/api/products?limit=20&sort=price&min_price={price}",
            f"/api/products?limit=20&sort=-price&max_price={price}",
            f"/api/products?limit=20&category={category}&sort=price&min_price={price}",
            f"/api/products?limit=20&category={category}&sort=newest",
            f"/api/products?limit=20&category={category}&sort=name",
        ]
    CHANCE.shuffle(paths)
    return [request_bytes("GET", path) for path in paths]


async def ratio(
    name: str,
    shop: tuple[PinnedServer, int, list[bytes]],
    bare: tuple[PinnedServer, int, list[bytes]],
    *,
    rounds: int,
    seconds: float,
    wanted: str,
) -> list[Figure]:
    """Measure shop and yardstick in turn; the ratio is that of the medians of requests per second."""
    rates: dict[str, list[float]] = {"shop": [], "bare": []}
    costs: dict[str, list[float]] = {"shop": [], "bare": []}
    busy: dict[str, list[float]] = {"shop": [], "bare": []}
    p99: list[float] = []
    for _ in range(rounds):
        for who, (server, port, requests) in (("shop", shop), ("bare", bare)):
            before = server.cpu_seconds()
            result = await hammer(port, requests, connections=CONNECTIONS, seconds=seconds)
            used = server.cpu_seconds() - before
            if set(result.statuses) != {200}:
                raise RuntimeError(f"{name}: {result.statuses}")
            rates[who].append(result.per_second)
            costs[who].append(used / result.count * 1e6)
            busy[who].append(used / result.seconds)
            if who == "shop":
                p99.append(result.percentile_ms(0.99))
    median = {who: statistics.median(values) for who, values in rates.items()}
    cost = {who: statistics.median(values) for who, values in costs.items()}
    load = {who: statistics.median(values) for who, values in busy.items()}
    note = (
        f"{median['shop']:.0f}/s of {median['bare']:.0f}/s; CPU {cost['shop']:.0f} us of {cost['bare']:.0f} us; "
        f"server core busy {load['shop']:.0%} and {load['bare']:.0%}; p99 {statistics.median(p99):.1f} ms"
    )
    return [
        Figure(
            f"{name}: share of a bare ASGI app's requests/s",
            median["shop"] / median["bare"],
            "",
            wanted,
            note,
        ),
        Figure(f"{name}: the same by CPU per request", cost["bare"] / cost["shop"], "", wanted),
    ]


async def flows(shop: Shop, server: PinnedServer, seconds: float) -> list[Figure]:
    """Measure adding to carts, then whole orders, with 64 shoppers at once."""
    tokens = [await new_shopper(shop.port, n) for n in range(SHOPPERS)]

    def add(token: str) -> bytes:
        body = json.dumps({"product_id": CHANCE.choice(shop.ids), "quantity": 1}).encode()
        return request_bytes("POST", "/api/cart/items", body=body, token=token)

    async def only_add(connection: Connection, token: str, result: Result) -> None:
        await timed(connection, add(token), result)

    async def add_and_order(connection: Connection, token: str, result: Result) -> None:
        begun = time.perf_counter()
        await connection.ask(add(token))
        key = f"Idempotency-Key: {CHANCE.getrandbits(64):x}"
        status, _ = await connection.ask(
            request_bytes("POST", "/api/orders", body=b"{}", token=token, headers=[key])
        )
        result.latencies_s.append(time.perf_counter() - begun)
        result.statuses[status] += 1

    for token in tokens:  # what adding alone leaves behind would make the first orders large
        await ask(shop.port, request_bytes("PUT", "/api/cart/items", body=b'{"items":[]}', token=token))
    orders = await together(shop.port, tokens, add_and_order, seconds)
    adds = await together(shop.port, tokens, only_add, seconds)
    figures = []
    for name, result, wanted in (("order flow", orders, "aim 450"), ("add to cart", adds, "aim 1700")):
        figures.append(
            Figure(
                f"{name} (add to cart + place)" if name == "order flow" else name,
                result.per_second,
                "/s",
                wanted,
                f"p50 {result.percentile_ms(0.5):.1f} ms, p99 {result.percentile_ms(0.99):.1f} ms, "
                f"statuses {dict(result.statuses)}",
            )
        )
    figures.append(Figure("memory after the load (PSS)", server.pss_mb(), "MB", "aim <= 150"))
    return figures


async def measure(folder: Path, *, rounds: int, seconds: float) -> list[Figure]:
    """Run everything in a folder of its own."""
    ports = [free_port() for _ in range(6)]
    names = ("CATALOG", "CART", "ORDER", "USER")
    env = UNLIMITED | {f"STORE_{name}_URL": f"http://127.0.0.1:{ports[n]}" for n, name in enumerate(names)}
    port, bare_port = ports[4], ports[5]
    up = ("store_cli", "up", "--no-catalogue", "--port", str(port), "--data", str(folder / "shop"))
    health = f"http://127.0.0.1:{port}/api/system/health"
    figures: list[Figure] = []
    with PinnedServer(up, health, folder / "shop.log", env) as server:
        shop = Shop(port, await administrator(port, folder / "shop"))
        figures.append(Figure("memory at rest (PSS)", server.pss_mb(), "MB", "aim <= 150"))
        figures += await fill(shop)
        details, lists = detail_requests(shop), await list_requests(shop)
        served = folder / "bodies"
        served.mkdir()
        for name, request in (("detail", details[0]), ("list", lists[0])):
            connection = await connect(port)
            (served / name).write_bytes((await connection.ask(request))[1])
            connection.close()
        bare_command = ("bench.bare", str(bare_port), str(served))
        with PinnedServer(
            bare_command, f"http://127.0.0.1:{bare_port}/list", folder / "bare.log", {}
        ) as bare:
            for name, requests, wanted in (
                ("detail", details, ">= .15, aim .25"),
                ("list", lists, ">= .12, aim .20"),
            ):
                figures += await ratio(
                    {"detail": "product detail", "list": "list of 20 of 20 000"}[name],
                    (server, port, requests),
                    (bare, bare_port, [request_bytes("GET", f"/{name}")]),
                    rounds=rounds,
                    seconds=seconds,
                    wanted=wanted,
                )
        figures += await flows(shop, server, seconds * 3)
    with PinnedServer(up, health, folder / "shop.log", env) as again:
        figures.append(Figure("start to ready", again.seconds_to_ready, "s", "aim <= 2"))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often shop and yardstick take turns")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one turn")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    folder = Path(tempfile.mkdtemp(prefix="store-bench-"))
    try:
        figures = uvloop.run(measure(folder, rounds=options.rounds, seconds=options.seconds))
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps({figure.name: figure.value for figure in figures}))
    else:
        show(figures)


if __name__ == "__main__":
    main()
