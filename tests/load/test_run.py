"""Locust as `make load` starts it, against a real shop in one process."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.architecture.tree import ROOT
from tests.support.people import administrator
from tests.support.ports import lasting_port
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
PRODUCTS = 40


@dataclass
class Run:
    """How a run of Locust ended."""

    exit_code: int
    output: str

    def line(self, threshold: str) -> str:
        """Return the verdict on one threshold."""
        return next(line for line in self.output.splitlines() if line.strip().startswith(threshold))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for this module, so that its shop can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run a shop with some products, fewer units of each than the load will ask for."""
    async with EmbeddedShop(tmp_path_factory.mktemp("shop")) as running:
        async with aiohttp.ClientSession() as session:
            admin = await administrator(session, running.url, running.data_dir)
            for _ in range(PRODUCTS):
                await admin.create_product(stock=250)
        yield running


async def locust(host: str, data_dir: Path, *options: str) -> Run:
    """Load a shop with ten users who hardly think, and wait for the verdict.

    In a few seconds they visit it often enough that it is not left to chance whether one of them searches and another
    gets what was ordered: five who thought longer placed one order to four.
    """
    line = ["-m", "locust", "-f", "perf/load/locustfile.py", "--headless", "--only-summary", "--host", host]
    line += ["--users", "10", "--spawn-rate", "10", "--pace", "0.01", *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *line,
        cwd=ROOT,
        env={**os.environ, "STORE_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return Run(process.returncode or 0, output.decode())


async def test_a_shop_that_works_passes(shop: EmbeddedShop, tmp_path: Path) -> None:
    """Shoppers, herd and administrator all get what they came for; no wrong answer, exit code 0."""
    report = tmp_path / "report"
    run = await locust(
        shop.base_url, shop.data_dir, "--run-time", "8s", "--p99-ms", "10000", "--json-file", str(report)
    )
    assert run.exit_code == 0, run.output
    assert "\nPASS\n" in run.output
    asked = {(row["method"], row["name"]) for row in json.loads(report.with_suffix(".json").read_text())}
    assert asked >= {
        ("GET", "/api/products?search"),
        ("GET", "/api/products/{id}"),
        ("POST", "/api/cart/items"),
        ("POST", "/api/users"),
        ("POST", "/api/orders"),
        ("GET", "/api/orders/{id}"),
        ("GET", "/api/admin/stock"),
        ("POST", "/api/products/batch"),
    }
    password = json.loads((shop.data_dir / "secrets" / "demo_admin.json").read_text())["password"]
    assert password not in run.output


async def test_a_threshold_that_cannot_be_held_fails(shop: EmbeddedShop) -> None:
    """A P99 of a hundredth of a millisecond is beyond any shop: the run says so and ends with 1."""
    run = await locust(shop.base_url, shop.data_dir, "--run-time", "4s", "--p99-ms", "0.01")
    assert run.exit_code == 1, run.output
    assert run.line("P99").endswith("BROKEN")
    assert run.line("errors").endswith("held")


async def test_a_shop_that_is_not_there_fails(tmp_path: Path) -> None:
    """Requests without an answer are errors, and no order is none placed."""
    run = await locust(f"http://127.0.0.1:{lasting_port()}", tmp_path, "--run-time", "2s")
    assert run.exit_code == 1, run.output
    assert run.line("errors").endswith("BROKEN")
    assert run.line("orders").endswith("BROKEN")
