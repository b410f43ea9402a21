"""The lives of a shop that runs already, such as the one in compose: of its processes nothing is known here."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from perf.bench.load import Address, request_bytes
from perf.bench.loads import CUSTOMERS, Stand, WholeLives, placing
from perf.bench.shoppers import Account, Figure, Shop, ask, register
from perf.bench.shops import Running
from perf.load.credentials import NobodyKnown, find_administrator

LIST: Final = request_bytes("GET", "/api/products?limit=100")
DELIVERY: Final = 1_000_000
"""Units that come in of each product that is bought, so that none sells out."""


async def elsewhere(url: str, loads: Sequence[WholeLives]) -> list[Figure]:
    """Place orders of a hundred products at a URL; its gateway must allow it (infra/docker-compose.load.yml).

    Raises:
        SystemExit: the URL is none, or the shop has no products or an administrator whom nobody knows.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise SystemExit(f"--url {url}: it must be http://HOST or http://HOST:PORT.")
    address = (parts.hostname, parts.port or 80)
    try:
        administrator = Account(*find_administrator(url))
    except NobodyKnown as unknown:
        raise SystemExit(str(unknown)) from None
    shop = Shop(address, await administrator.sign_in(address))
    shop.ids = [item["id"] for item in (await ask(address, LIST))["items"]]
    if not shop.ids:
        raise SystemExit(f"--url {url}: that shop has no products.")
    await _receive(shop, address)
    customers = [await register(address) for _ in range(CUSTOMERS)]
    stand = Stand(Running((), address, {}, {}, Path()), shop, (), customers, ())
    figures = []
    for load in loads:
        values = placing(await load.lived(stand, 0))
        figures += [Figure(f"{load.name}: {what}", value, "", "") for what, value in values.items()]
    return figures


async def _receive(shop: Shop, address: Address) -> None:
    body = json.dumps({"delta": DELIVERY, "reason": "for a bench"}).encode()
    for product in shop.ids:
        path, key = f"/api/products/{product}/stock-adjustments", [f"Idempotency-Key: {uuid.uuid4()}"]
        await ask(address, request_bytes("POST", path, body=body, token=shop.admin, headers=key))
