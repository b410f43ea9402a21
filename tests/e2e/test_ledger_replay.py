"""A real shop's ledger, replayed through the public API to the penny."""

import asyncio
import json
import os
import sys

import pytest
from store_cli.importing.ledger import read_ledger, shipped_ledger

from tests.support.audit import audit
from tests.support.services import test_cluster
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FULL = os.environ.get("STORE_TEST") == "full"
WHOLE = {"orders": 3745, "lines": 100_994, "units": 1_030_579, "total_minor": 203_145_916}
PART = 200
# One by one takes a quarter of an hour on Cassandra, and shows no more there.
RUNS = [(32, PART)] if not FULL else [(32, None)] if test_cluster() else [(1, None), (32, None)]


def ledger_totals(limit: int | None) -> dict[str, int]:
    """Return what the first invoices of the ledger sum up to, by the file alone."""
    ledger = read_ledger(shipped_ledger())
    prices = {product.sku: product.price_minor for product in ledger.products}
    lines = [line for invoice in ledger.invoices[:limit] for line in invoice.lines]
    return {
        "orders": len(ledger.invoices[:limit]),
        "lines": len(lines),
        "units": sum(line.quantity for line in lines),
        "total_minor": sum(line.quantity * prices[line.sku] for line in lines),
    }


@pytest.mark.parametrize(("concurrency", "limit"), RUNS)
async def test_the_ledger_is_replayed_to_the_penny(
    tmp_path_factory: pytest.TempPathFactory, concurrency: int, limit: int | None
) -> None:
    """Every invoice becomes an order, the sums are the ledger's, every product ends at zero, the audit is clean."""
    async with EmbeddedShop(tmp_path_factory.mktemp("replay"), catalogue=True) as shop:
        totals = ledger_totals(limit)
        assert limit or totals == WHOLE
        report = await replay(shop, concurrency, limit)
        assert {name: report[name] for name in totals} == totals
        assert (report["refused"], report["products_not_at_zero"]) == (0, 0)
        await audit(shop)


async def replay(shop: EmbeddedShop, concurrency: int, limit: int | None) -> dict[str, int]:
    """Run `store replay` as a person does and return its line of JSON."""
    command = ["-m", "store_cli", "replay", "online-retail", str(shipped_ledger()), "--json"]
    command += ["--base-url", shop.base_url, "--data", str(shop.data_dir), "--concurrency", str(concurrency)]
    command += ["--limit", str(limit)] if limit else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **shop.env}
    )
    output, _ = await process.communicate()
    report: dict[str, int] = json.loads(output)
    return report
