"""`store seed`: as many plausible products as wanted, always the same."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.accounts import admin_of, find_admin
from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, run, say
from store_cli.importing import ImportReport, import_products, seed_catalogue
from store_cli.seeding import DEFAULT_SEED
from store_cli.seeding import products as seed_products
from store_cli.shop_client import Shop


def register(app: typer.Typer) -> None:
    """Add `seed`."""
    app.command("seed")(seed)


def seed(
    *,
    products: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many products.")] = 1000,
    seed_text: Annotated[
        str, typer.Option("--seed", help="Another text gives other products under the same SKUs.")
    ] = DEFAULT_SEED,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Fill the shop with made-up products, Russian and English.

    The same number and seed give the same products. Safe to repeat: a product that is there is left alone.
    """
    report = run(_seed(products, seed_text, base_url, data), as_json=as_json)
    values = {"created": report.created, "existing": report.existing}
    say(values, f"{report.created} products created, {report.existing} were there already.", as_json=as_json)


async def _seed(count: int, seed_text: str, base_url: str | None, data: Path) -> ImportReport:
    credentials = find_admin(data)
    async with Shop(base_url or credentials.base_url) as shop:
        admin = await admin_of(shop, credentials)
        with meter() as bars:
            rows = seed_catalogue(seed_products(count, seed=seed_text))
            return await import_products(admin, rows, bars.track("Products", count))
