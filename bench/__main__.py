"""Measure the shop: ratios to the yardstick, flows per second, memory, time to start. Linux with two cores."""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import uvloop
from store_cli.seeding import products
from store_kit.testing import free_port

from bench.load import Connection, Result, connect, hammer, request_bytes, timed
from bench.server import CLIENT_CORE, PinnedServer

PRODUCTS: Final = 20_000
BATCH: Final = 1000
CONNECTIONS: Final = 16
SHOPPERS: Final = 64
CHANCE: Final = random.Random(20_000)  # noqa: S311 - which product is asked for, no secret
UNLIMITED: Final = {
    f"STORE_USER_{name}": "1000000/second"
    for name in ("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "REGISTER_LIMIT_ADDRESS")
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside what is asked of it."""

    name: str
    value: float
    unit: str
    wanted: str
    note: str = ""


class Shop:
    """A shop under measurement and who asks it."""

    def __init__(self, port: int, admin_token: str) -> None:
        self.port = port
        self.admin = admin_token
        self.ids: list[str] = []
        self.items: list[dict[str, Any]] = []


async def ask(port: int, request: bytes) -> Any:
    """Send one request on a fresh connection and return the decoded answer, which must be a success."""
    connection = await connect(port)
    status, body = await connection.ask(request)
    connection.close()
    if status >= 300:  # noqa: PLR2004 - the end of the 2xx
        raise RuntimeError(f"{request[:60]!r} was answered with {status}: {body[:300]!r}")
    return json.loads(body)


async def sign_in(port: int, email: str, password: str) -> str:
    """Return an access token."""
    form = f"username={quote(email)}&password={quote(password)}".encode()
    head = f"POST /api/auth/token HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(form)}\r\n"
    request = f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + form
    return str((await ask(port, request))["access_token"])


async def fill(shop: Shop) -> list[Figure]:
    """Create 20 000 products in batches; time until all are acknowledged and until the last can be found."""
    made = [
        {
            "sku": p.sku,
            "name": p.name,
            "category": p.category,
            "price_minor": p.price_minor,
            "stock": 1_000_000,
        }
        for p in products(PRODUCTS)
    ]
    bodies = [json.dumps({"products": made[at : at + BATCH]}).encode() for at in range(0, PRODUCTS, BATCH)]
    requests = [request_bytes("POST", "/api/products/batch", body=body, token=shop.admin) for body in bodies]
    begun = time.perf_counter()
    answers = await asyncio.gather(*(ask(shop.port, request) for request in requests))
    acknowledged = time.perf_counter() - begun
    shop.ids = [result["id"] for answer in answers for result in answer["items"]]
    count = request_bytes("GET", "/api/products?limit=1&facets=true")
    while await _listed(shop.port, count) < PRODUCTS:
        await asyncio.sleep(0.01)
    searchable = time.perf_counter() - begun
    return [
        Figure("20 000 products acknowledged", acknowledged, "s", "<= 1.5"),
        Figure("20 000 products searchable", searchable, "s", "<= 3"),
    ]


async def _listed(port: int, request: bytes) -> int:
    facets = (await ask(port, request))["facets"]
    return sum(entry["count"] for entry in facets["categories"])


def detail_requests(shop: Shop) -> list[bytes]:
    """Return reads of products drawn uniformly."""
    return [request_bytes("GET", f"/api/products/{id_}") for id_ in CHANCE.choices(shop.ids, k=PRODUCTS)]


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


async def new_shopper(port: int, number: int) -> str:
    """Register somebody and return a token."""
    email, password = f"bench-{number}-{CHANCE.getrandbits(32):x}@example.com", "correct horse"
    body = json.dumps({"email": email, "password": password}).encode()
    await ask(port, request_bytes("POST", "/api/users", body=body))
    return await sign_in(port, email, password)


async def together(
    port: int,
    tokens: Sequence[str],
    script: Callable[[Connection, str, Result], Awaitable[None]],
    seconds: float,
) -> Result:
    """Let every shopper repeat a script for a while."""
    result = Result()
    clients = [await connect(port) for _ in tokens]
    begun = time.perf_counter()

    async def shopper(client: Connection, token: str) -> None:
        while time.perf_counter() < begun + seconds:
            await script(client, token, result)

    await asyncio.gather(*map(shopper, clients, tokens))
    result.seconds = time.perf_counter() - begun
    for client in clients:
        client.close()
    return result


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


async def administrator(port: int, data: Path) -> str:
    """Return a token of the demo's administrator, once there is one."""
    path = data / "secrets" / "demo_admin.json"
    while True:
        try:
            known = json.loads(path.read_text())
            return await sign_in(port, known["email"], known["password"])
        except (FileNotFoundError, RuntimeError):
            await asyncio.sleep(0.05)


def show(figures: Sequence[Figure]) -> None:
    """Print a table of what was measured."""
    for figure in figures:
        print(f"{figure.name:<58} {figure.value:>9.3f} {figure.unit:<3} {figure.wanted}")
        if figure.note:
            print(f"    {figure.note}")


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
