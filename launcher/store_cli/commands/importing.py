"""`store import online-retail`: a real shop's ledger becomes the catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from store_cli.accounts import admin_of, find_admin
from store_cli.console import DEFAULT_DATA, AsJson, BaseUrl, DataFolder, meter, run, say
from store_cli.importing import ImportReport, import_products, ledger_product, shipped_ledger
from store_cli.ledger import read_ledger
from store_cli.shop_client import Shop

LedgerFile = Annotated[
    Path | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        metavar="FILE",
        help="Online Retail ledger as CSV or CSV.gz.",
        show_default="the ledger that comes with the shop",
    ),
]


def register(app: typer.Typer) -> None:
    """Add `import online-retail`."""
    group = typer.Typer(no_args_is_help=True)
    group.command("online-retail")(online_retail)
    app.add_typer(group, name="import", help="Import a catalogue from a file.")


def online_retail(
    *,
    file: LedgerFile = None,
    stock: Annotated[
        int | None,
        typer.Option(
            min=0, help="Units of every product.", show_default="what the ledger's invoices sold of it"
        ),
    ] = None,
    once: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="MARK",
            help="Import only if this file is not there, and make it afterwards: what was deleted stays deleted.",
        ),
    ] = None,
    base_url: BaseUrl = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Import the products of an Online Retail ledger.

    A product per StockCode with its most frequent price and description, a category guessed from the
    description, and stock. Safe to repeat: a product that the shop has already is left as it is.
    """
    if once is not None and once.exists():
        say({"created": 0, "existing": 0}, f"Imported before: {once} is there.", as_json=as_json)
        return
    report = run(_import(file, stock, base_url, data), as_json=as_json)
    if once is not None:
        once.touch()
    values = {"created": report.created, "existing": report.existing}
    say(values, f"{report.created} products created, {report.existing} were there already.", as_json=as_json)


async def _import(file: Path | None, stock: int | None, base_url: str | None, data: Path) -> ImportReport:
    credentials = find_admin(data)
    products = read_ledger(file or shipped_ledger()).products
    rows = [ledger_product(product, product.units_sold if stock is None else stock) for product in products]
    async with Shop(base_url or credentials.base_url) as shop:
        admin = await admin_of(shop, credentials)
        with meter() as bars:
            return await import_products(admin, rows, bars.track("Products", len(rows)))
