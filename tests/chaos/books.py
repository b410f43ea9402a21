"""The books of a shop, read in two ways: by `store audit`, and by the tests' own eyes."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.support.insides import Insides
from tests.support.people import Person


@dataclass(frozen=True, slots=True)
class Books:
    """Orders with lines and payment by id, stock by product, and the payment provider's own books by key."""

    orders: Mapping[str, Any]
    stock: Mapping[str, Any]
    payments: Mapping[str, tuple[str, int, int]]


async def read_books(admin: Person, insides: Insides) -> Books:
    """Read everything there is."""
    shown = await shown_books(admin)
    return Books(shown.orders, shown.stock, insides.payments())


async def shown_books(admin: Person) -> Books:
    """Read what an administrator is shown, whatever the database; the payment provider's own books are left out."""
    orders = await everything(admin, "/api/admin/orders?limit=100&expand=lines,payment")
    stock = await everything(admin, "/api/admin/stock?limit=100")
    return Books({order["id"]: order for order in orders}, {row["product_id"]: row for row in stock}, {})


async def everything(admin: Person, path: str) -> list[Any]:
    """Return all items of a list."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = (await admin.ask("GET", path + cursor)).expect(200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


async def audit(base_url: str, data_dir: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Run `store audit --json` as an operator does; return what it printed. `env` may name the administrator."""
    options = ("audit", "--json", "--pause", "0.3", "--base-url", base_url, "--data", str(data_dir))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "store_cli",
        *options,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert printed, complaints.decode()
    report: dict[str, Any] = msgspec.json.decode(printed)
    return report
