"""The books of a shop, read in two ways: by `store audit`, and by the tests' own eyes."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.support.people import Person

_PASSING = ("PENDING", "REJECTING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class Books:
    """Orders with lines and payment by id, stock by product, and the payment provider's own books by key."""

    orders: Mapping[str, Any]
    stock: Mapping[str, Any]
    payments: Mapping[str, tuple[str, int, int]]


async def read_books(admin: Person, data_dir: Path) -> Books:
    """Read everything there is."""
    shown = await shown_books(admin)
    return Books(shown.orders, shown.stock, _payments(data_dir))


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


def waiting_hints(data_dir: Path, *queues: str) -> int:
    """Return how much work waits in the order service's queues; straight from its file."""
    places = ", ".join("?" * len(queues))
    sql = f"SELECT count(*) FROM order_work WHERE queue IN ({places})"  # noqa: S608 - placeholders only
    with closing(_open(data_dir / "orders.db")) as orders:
        return int(orders.execute(sql, queues).fetchone()[0])


def has_hints(data_dir: Path, order_id: str, *queues: str) -> bool:
    """Whether an order has work waiting in some of the order service's queues; straight from its file."""
    places = ", ".join("?" * len(queues))
    sql = f"SELECT 1 FROM order_work WHERE order_id = ? AND queue IN ({places})"  # noqa: S608 - placeholders only
    with closing(_open(data_dir / "orders.db")) as orders:
        return orders.execute(sql, (order_id, *queues)).fetchone() is not None


def status_of(data_dir: Path, order_id: str) -> str | None:
    """Return an order's status, straight from the file."""
    with closing(_open(data_dir / "orders.db")) as orders:
        row = orders.execute("SELECT status FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        return row[0] if row else None


def steps_of(data_dir: Path, order_id: str) -> list[str]:
    """Return every step of an order's timeline as `status.mark`, straight from the file."""
    with closing(_open(data_dir / "orders.db")) as orders:
        rows = orders.execute("SELECT status, mark FROM order_events WHERE order_id = ?", (order_id,))
        return [f"{status}.{mark}" for status, mark in rows]


def is_held(data_dir: Path, order_id: str) -> bool:
    """Whether the catalogue holds goods for an order at this moment, straight from its file."""
    sql = "SELECT count(*) FROM reservations WHERE order_id = ? AND state = 'HELD'"
    with closing(_open(data_dir / "catalog.db")) as catalog:
        return bool(catalog.execute(sql, (order_id,)).fetchone()[0])


def passing_orders(data_dir: Path) -> list[tuple[str, str]]:
    """Return id and status of every order that may not stay as it is; straight from the file."""
    places = ", ".join("?" * len(_PASSING))
    sql = f"SELECT order_id, status FROM orders WHERE status IN ({places})"  # noqa: S608 - placeholders only
    with closing(_open(data_dir / "orders.db")) as orders:
        return orders.execute(sql, _PASSING).fetchall()


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


def _payments(data_dir: Path) -> dict[str, tuple[str, int, int]]:
    with closing(_open(data_dir / "payments.db")) as payments:
        rows = payments.execute("SELECT payment_key, state, charges, refunds FROM payments")
        return {row[0]: row[1:] for row in rows}


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
