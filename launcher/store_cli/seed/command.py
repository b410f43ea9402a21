"""`store seed`: as many plausible products as wanted, always the same."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, run, say
from store_cli.importing.sending import ImportReport, Listed, import_products
from store_cli.seed.products import DEFAULT_SEED
from store_cli.seed.products import products as seed_products
from store_cli.shop.accounts import find_admin, signed_in


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
    report = run(_seed(products, seed_text, base_url, data))
    values = {"created": report.created, "existing": report.existing}
    say(values, f"{report.created} products created, {report.existing} were there already.", as_json=as_json)


async def _seed(count: int, seed_text: str, base_url: str | None, data: Path) -> ImportReport:
    async with signed_in(find_admin(data), base_url) as admin:
        with meter() as bars:
            rows = (Listed(asdict(product)) for product in seed_products(count, seed=seed_text))
            return await import_products(admin, rows, bars.track("Products", count))
