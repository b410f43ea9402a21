"""What the tests of the commands share."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from launcher.tests.fake_shop import ADMIN, FakeShop


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    """Serve a fake shop from a thread of its own."""
    fake, loop = FakeShop(), asyncio.new_event_loop()
    app = web.Application(middlewares=[fake.fail_first])
    app.add_routes(fake.routes())
    runner = web.AppRunner(app)

    async def begin() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server: Any = site._server
        fake.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    loop.run_until_complete(begin())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield fake
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10)
    loop.close()


@pytest.fixture
def data(tmp_path: Path, shop: FakeShop) -> Path:
    """Return a data folder with the fake shop's credentials."""
    secrets = tmp_path / "store" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "demo_admin.json").write_text(json.dumps({**ADMIN, "base_url": shop.base_url}))
    return tmp_path / "store"


@pytest.fixture
def small_ledger(tmp_path: Path) -> Path:
    """Return a ledger of three invoices: 4 lines, 11 units, 2 052 pence."""
    rows = [
        "1,A,MUG,2,2010-12-01 08:26:00,1.50,7.0,France",
        "1,A,MUG,3,2010-12-01 08:26:00,1.50,7.0,France",
        "1,B,BAG,1,2010-12-01 08:26:00,4.00,7.0,France",
        "2,A,MUG,1,2010-12-01 08:26:00,1.50,,France",
        "C3,A,MUG,-5,2010-12-01 08:26:00,1.50,7.0,France",
        "4,C,CARD,4,2010-12-01 08:26:00,1.88,8.0,France",
    ]
    path = tmp_path / "ledger.csv"
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def unused_tcp_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
